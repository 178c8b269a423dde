"""The bench measures real work and says the truth about it: a row runs from end to end, and a must that does not hold fails."""
import csv
import os
import re
import subprocess
import sys

import pytest
import report
import rows
import stats
from harness import paths

RUN = paths.ROOT / "tests/bench/run"



@pytest.fixture(scope="module")
def run():
    """One short run of the first row: (exit code, screen, folder of its results)."""
    preset = paths.preset_dir()
    if preset.parent != paths.BUILD:
        pytest.skip(f"the bench measures builds of {paths.BUILD}, not {preset}")
    done = subprocess.run([sys.executable, str(RUN), "--only", "router_cpu", "--rounds", "1", "--records", "20000", "--warm", "0",
                           "--no-peers", "--no-build", "--preset", preset.name], capture_output=True, text=True, timeout=300,
                          env={**os.environ})
    folder = re.search(r"raw rows, table and plots: (\S+)", done.stdout)
    assert folder, done.stdout + done.stderr
    return done.returncode, done.stdout, paths.ROOT / folder.group(1)


def test_a_row_is_measured_from_end_to_end(run):
    _, screen, folder = run
    with open(folder / "rows.csv", newline="") as text:
        found = stats.Samples(csv.DictReader(text))
    for subject in ("router", "raw"):
        assert found.series("router", subject, "cpu_us")[1] > 0.1, screen
        assert found.series("router", subject, "rate")[1] > 100, screen
    assert {r["round"] for r in found.rows} == {"0", "1"} and all(len(r["config"]) == 12 for r in found.rows)
    assert "<svg" in (folder / "performance/router_cpu.svg").read_text()
    assert "router, full routing: CPU a record" in (folder / "table.md").read_text()


def test_the_exit_code_is_that_of_the_musts(run):
    code, screen, _ = run
    assert code == (1 if "must FAILED" in screen or "could not be measured" in screen else 0), screen
    assert "could not be measured" not in screen


# ---- judging, without a machine ----

def samples(values, row="router", subject="router", metric="cpu_us"):
    return stats.Samples([{"row": row, "round": n, "subject": subject, "metric": metric, "value": v} for n, v in enumerate(values)])


def line(found, key="router_cpu"):
    return next(one for one in report.lines(found) if one.target.key == key)


def test_the_first_round_counts_nowhere():
    assert line(samples([999, 4, 6])).values == [4, 6]


@pytest.mark.parametrize("values, must, goal, failed", [
    ([0, 4, 4, 4], "met", "met", False),
    ([0, 6, 6, 6], "met", "missed", False),
    ([0, 9, 9, 9], "FAILED", "missed", True),
    ([0, 8.1, 8.1, 8.1], "FAILED", "missed", True),  # nothing is rounded in our favour
    ([0, 7, 9, 9], "FAILED (interval crosses)", "missed", True),
    ([], "not measured", "not measured", True),
])
def test_a_must_that_does_not_hold_fails(values, must, goal, failed):
    judged = line(samples(values))
    assert (judged.verdict(8), judged.verdict(5), judged.failed) == (must, goal, failed)


def test_a_smaller_scale_is_not_judged():
    small = samples([0, 1, 1], "restore", "casework", "restore_s")
    small.rows += samples([0, 20000, 20000], "restore", "casework", "cases").rows
    judged = line(small, "restore")
    assert judged.verdict(20) == "not judged: smaller scale" and not judged.failed


def test_ratios_are_taken_round_by_round():
    both = samples([0, 50, 20], metric="rate")
    both.rows += samples([0, 100, 80], subject="raw", metric="rate").rows
    assert line(both, "router_rate").values == [0.5, 0.25]


def test_every_row_can_be_asked_for_alone():
    for row in rows.ROWS:
        assert rows.named([row.key]) == [row]
        for target in row.targets:
            assert rows.named([target.key]) == [row]
    shown = subprocess.run([sys.executable, str(RUN), "--help"], capture_output=True, text=True, check=True).stdout
    assert all(target.key in shown for row in rows.ROWS for target in row.targets)


def test_a_document_without_marks_is_not_written(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("nothing")
    with pytest.raises(SystemExit):
        report.publish(page, "text")
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.publish(page, "new")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
