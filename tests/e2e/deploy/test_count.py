"""The last line of tests/run counts what ran, and a death is never a pass."""
import pathlib
import subprocess
import sys

COUNT = pathlib.Path(__file__).resolve().parents[2] / "count.py"
CMOCKA = "[==========] Running 3 test(s).\n[  PASSED  ] 2 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n"


def count(tmp_path, *cases, options=()):
    path = tmp_path / "results.xml"
    path.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    told = subprocess.run([sys.executable, COUNT, *options, path], capture_output=True, text=True, check=False)
    return told.returncode, told.stdout.strip().splitlines()


def test_the_tests_inside_a_cmocka_program_are_counted(tmp_path):
    status, lines = count(tmp_path, f'<testcase name="a" status="run"><system-out>{CMOCKA}</system-out></testcase>',
                          '<testcase name="b"/>')
    assert (status, lines[-1]) == (0, "3 passed, 0 failed, 1 skipped")


def test_a_program_that_dies_after_its_tests_passed_is_a_failure(tmp_path):
    status, lines = count(tmp_path, f'<testcase name="a" status="fail"><failure/><system-out>{CMOCKA}</system-out></testcase>')
    assert (status, lines[-1]) == (1, "2 passed, 1 failed, 1 skipped")


def test_a_program_that_dies_at_once_is_one_failure(tmp_path):
    status, lines = count(tmp_path, '<testcase name="a" status="fail"><failure/></testcase>')
    assert (status, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")


def test_skips_are_named_with_their_reason(tmp_path):
    status, lines = count(tmp_path, '<testcase name="a"/>', '<testcase name="b"><skipped message="no data"/></testcase>')
    assert status == 0 and lines == ["skipped: None::b: no data", "1 passed, 0 failed, 1 skipped"]


def test_nothing_that_ran_is_a_failure(tmp_path):
    assert count(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])


def test_a_failed_step_is_a_failure_though_all_tests_passed(tmp_path):
    status, lines = count(tmp_path, '<testcase name="a"/>', options=["--step-failed"])
    assert (status, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")


def test_results_that_cannot_be_read_are_a_failure(tmp_path):
    (tmp_path / "broken.xml").write_text("<testsuite>")
    told = subprocess.run([sys.executable, COUNT, tmp_path / "broken.xml"], capture_output=True, text=True, check=False)
    assert told.returncode == 1 and told.stdout.endswith("0 passed, 1 failed, 0 skipped\n")
