"""deploy/packages and the shell functions over it: what is missing is found by what it brings, and an ordinary user is told
the one line that installs it."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def shell(root, logs, script, user=None, path=None):
    """Runs a script that has sourced deploy/lib.sh with the project's folder at root."""
    begin = f'set -euo pipefail; HY_ROOT={root} HY_LOGS={logs} HY_SELF=deploy/up; . {ROOT}/deploy/lib.sh; '
    env = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(["bash", "-c", begin + script], capture_output=True, text=True, check=False, user=user, env=env,
                          stdin=subprocess.DEVNULL)


@pytest.fixture
def project(tmp_path):
    """A folder with a list of packages; anybody may read it."""
    def write(text):
        (tmp_path / "deploy").mkdir()
        (tmp_path / "deploy/packages").write_text(text)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == pathlib.Path(tmp_path).owner() and folder != pathlib.Path("/"):
                try:
                    folder.chmod(folder.stat().st_mode | 0o055)
                except PermissionError:
                    pass
        return tmp_path
    return write


LIST = """# a comment
[build]
command:sh                 dash
command:hy-no-such-cc      hy-cc
pkg-config:hy-no-such-lib  libhy-dev

[run]
file:/hy/no/such*          hy-files
python:hy_no_such_module   hy-python
[test]
command:hy-no-such-test    hy-test
"""


def test_only_what_is_missing_in_the_wanted_groups_is_named(project):
    told = shell(project(LIST), "/tmp", "hy_missing build run")
    assert told.stdout.splitlines() == ["command:hy-no-such-cc hy-cc", "pkg-config:hy-no-such-lib libhy-dev",
                                        "file:/hy/no/such* hy-files", "python:hy_no_such_module hy-python"]


def test_nothing_missing_installs_nothing(project, tmp_path):
    told = shell(project("[run]\ncommand:sh dash\nfile:/etc/pass* base-passwd\n"), tmp_path, "hy_install run && echo on")
    assert (told.returncode, told.stdout) == (0, "on\n")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become an ordinary user")
def test_an_ordinary_user_is_told_the_one_line(project, tmp_path):
    told = shell(project(LIST), tmp_path, "hy_install build run && echo on", user=65534)
    assert told.returncode == 2 and told.stdout == ""
    assert "    sudo apt-get install -y --no-install-recommends hy-cc hy-files hy-python libhy-dev\n" in told.stderr
    assert "pkg-config:hy-no-such-lib" in told.stderr


@pytest.mark.parametrize("text, words", [("[run]\nmagic:x  y\n", "unknown kind of check"), ("[run]\ncommand:x\n", "no package")])
def test_a_mistake_in_the_list_is_named(project, tmp_path, text, words):
    told = shell(project(text), tmp_path, "hy_install run && echo on")
    assert told.returncode != 0 and words in told.stderr and "on" not in told.stdout


def test_a_failed_step_says_which_why_and_where(project, tmp_path):
    told = shell(project(LIST), tmp_path / "log", 'hy_step first "the first" true; hy_step bad "the bad one" '
                 'sh -c "echo the reason; exit 7"; echo never')
    assert told.returncode == 7 and "never" not in told.stdout
    assert told.stdout.startswith("the first ") and "FAILED after" in told.stdout
    for words in ("step failed: the bad one", "exit 7", "    the reason", f"log: {tmp_path}/log/bad.log"):
        assert words in told.stderr


def test_every_line_of_our_own_list_is_sound():
    told = shell(ROOT, "/tmp", "hy_missing build run test")
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("script", ["deploy/up", "tests/run", "deploy/down", "deploy/kafka/run"])
def test_wrong_use_is_refused_and_help_is_given(script):
    wrong = subprocess.run([ROOT / script, "--hy-no-such"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and wrong.stderr
    told = subprocess.run([ROOT / script, "--help"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("Use:")


@pytest.mark.parametrize("words, why", [(["--seeds", "3"], "belong to --faults"), (["--faults", "--seeds", "many"], "needs a number")])
def test_a_fault_run_that_makes_no_sense_is_refused(words, why):
    told = subprocess.run([ROOT / "tests/run", *words], capture_output=True, text=True, check=False)
    assert told.returncode == 2 and why in told.stderr
