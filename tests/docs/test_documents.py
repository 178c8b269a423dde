"""Documents name only what exists, and each check is shown to fail."""
import pathlib

import documents
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKS = [documents.missing_paths, documents.broken_links, documents.unknown_options, documents.different_readmes]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_documents_keep(check):
    found = check(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_the_documents_tell_commands():
    told = documents.commands((ROOT / "README.md").read_text())
    assert ["deploy/up"] in told and ["tests/run"] in told


UP = "#!/bin/sh\necho 'Use: deploy/up [--data DIR]'\n"
README = "# A\n```sh\ndeploy/up\n```\n"
BROKEN = [
    (documents.missing_paths, {"README.md": "see `lib/nowhere/x.h`\n"}, "lib/nowhere/x.h"),
    (documents.missing_paths, {"docs/a.md": "```sh\ntests/gone --only x\n```\n"}, "tests/gone"),
    (documents.broken_links, {"docs/a.md": "[b](b.md)\n"}, "links b.md"),
    (documents.unknown_options, {"deploy/up": UP, "docs/a.md": "run `deploy/up --dat /x`\n"}, "--dat"),
    (documents.unknown_options, {"deploy/up": UP, "docs/a.md": "```sh\ndeploy/up --data /x --more\n```\n"}, "--more"),
    (documents.different_readmes, {"README.md": README, "README.zh-CN.md": "# B\n```sh\ntests/run\n```\n"}, "different"),
]


@pytest.mark.parametrize("check, tree, words", BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_the_check_can_fail(tmp_path, check, tree, words):
    for path, text in tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    found = check(tmp_path)
    assert len(found) == 1 and words in found[0], found
