"""The storm in its short form (storm.py has the long one): 2 kills and 1 stop at each named crash point."""
import storm


def test_sums_and_journal_equal_the_ledger_through_kills_and_stops_at_every_crash_point(stormed, capsys):
    problems, figures = stormed
    with capsys.disabled():
        print(flush=True)
        storm.report(problems, figures)
    assert not problems
    assert figures["kills"] == 8 and figures["stops"] == 4
    # Faults that tore no transaction would prove nothing.
    assert figures["aborted_records"] > 0
    assert figures["takeovers"] > 0
