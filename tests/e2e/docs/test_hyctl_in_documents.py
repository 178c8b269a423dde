"""Each hyctl command that a document names is one that hyctl has."""
import subprocess
import sys

import pytest

from harness import paths

sys.path.insert(0, str(paths.ROOT / "tests/docs"))
import documents  # noqa: E402

NAMED = documents.hyctl_commands(paths.ROOT)


def has(words):
    """hyctl's own help of that command, not its general one."""
    told = subprocess.run([paths.program("hyctl"), *words, "--help"], capture_output=True, text=True, check=False)
    return told.returncode == 0 and told.stdout.startswith(f"usage: hyctl {' '.join(words)}")


@pytest.mark.parametrize("words", sorted(NAMED), ids=" ".join)
def test_hyctl_has_the_command(words):
    assert has(words), f"{NAMED[words]} names hyctl {' '.join(words)}, which it does not have"


def test_a_command_that_hyctl_lacks_is_found(tmp_path):
    (tmp_path / "a.md").write_text("Run `hyctl nothing here`.\n```sh\nbuild/release/bin/hyctl calendar due <in\n```\n")
    assert list(documents.hyctl_commands(tmp_path)) == [("nothing", "here"), ("calendar", "due")]
    assert not has(("nothing", "here")) and has(("calendar", "due"))
