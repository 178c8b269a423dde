"""hyctl policy check (no Kafka at all), list and show (what stands in hy.registry)."""
import shutil

import pytest
from harness import topics

import catalog


@pytest.fixture
def policies(hyctl, repo):
    for name in ("policies", "gazetteer", "calendars"):
        shutil.copytree(repo / "deploy" / name, hyctl.folder / name)
    return hyctl.folder / "policies"


def check(hyctl, *words):
    return hyctl("policy", "check", "--policies", hyctl.folder / "policies", "--calendars", hyctl.folder / "calendars", *words,
                 config=False)


def test_what_ships_is_good(hyctl, policies):
    answer = check(hyctl, "--json")
    assert answer.code == 0 and answer.json["problems"] == []
    assert {p["id"] for p in answer.json["packs"]} == {"national", "sample", "yuancheng"}


def test_all_mistakes_are_told_at_once_with_their_places(hyctl, policies):
    path = policies / "sample.yaml"
    path.write_text(path.read_text().replace("supervisor: bangongshi}", "supervisor: nobody}", 2) + "colour: red\n")
    answer = check(hyctl, "sample")
    lines = answer.err.splitlines()
    assert answer.code == 1 and len([line for line in lines if line.startswith("sample.yaml:")]) >= 3, answer.err
    assert "colour" in answer.err and "nobody" in answer.err and "sample is refused" in answer.err
    assert check(hyctl, "yuancheng").code == 0, "another pack is not concerned"


def test_a_mistake_that_two_packs_inherit_is_told_once(hyctl, policies):
    path = policies / "national.yaml"
    path.write_text(path.read_text() + "colour: red\n")
    answer = check(hyctl, "--json")
    assert answer.code == 1 and [p["ok"] for p in answer.json["packs"]] == [False] * 3
    assert len(answer.json["problems"]) == 1 and "colour" in answer.json["problems"][0]


def test_a_draft_is_judged_as_if_it_lay_among_the_packs(hyctl, policies, tmp_path):
    draft = tmp_path / "draft.yaml"
    draft.write_text((policies / "sample.yaml").read_text().replace("jiaotong: {name", "jiaotong: {nam"))
    answer = check(hyctl, draft)
    assert answer.code == 1 and "draft.yaml:" in answer.err and "nam" in answer.err
    draft.write_text((policies / "sample.yaml").read_text())
    assert check(hyctl, draft).code == 0


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff\xfe", b"- a\n", b"pack: [", b"pack: sample\n" * 2, b"x" * 100000])
def test_files_that_are_no_packs_are_refused(hyctl, policies, tmp_path, content):
    draft = tmp_path / "draft.yaml"
    draft.write_bytes(content)
    answer = check(hyctl, draft)
    assert answer.code == 1 and "draft.yaml" in answer.err


def test_files_that_are_not_there_are_named(hyctl, policies, tmp_path):
    assert "none.yaml" in check(hyctl, tmp_path / "none.yaml").err
    answer = hyctl("policy", "check", "--policies", tmp_path / "nowhere", config=False)
    assert answer.code == 1 and "nowhere" in answer.err


def test_calendars_and_lists_are_checked_too(hyctl, policies):
    (policies.parent / "calendars/2026.json").write_text("{")
    assert "2026.json" in check(hyctl).err and check(hyctl).code == 1


def test_list_and_show_say_what_is_in_force(hyctl, repo):
    hyctl.good("topics", "create", "--partitions", "2")
    assert "no pack is published" in hyctl.good("policy", "list").out
    refused = hyctl("policy", "show", "sample")
    assert refused.code == 1 and "hyctl policy publish sample" in refused.err
    published = hyctl.good("policy", "publish", "sample", "national", "--json").json["packs"]
    listed = hyctl.good("policy", "list", "--json").json
    assert [row["id"] for row in listed["packs"]] == ["national", "sample"] and len(listed["versions"]) == 2
    assert len(listed["calendars"]) == len(list((repo / "deploy/calendars").glob("*.json")))
    record = catalog.read(hyctl)["pack", "sample"]
    assert listed["packs"][1]["content_sha256"] == record.hash.hex() and listed["packs"][1]["by"] == record.published_by
    shown = hyctl.good("policy", "show", "--json").json
    assert shown["hash"] == published[0]["hash"] and "sources" not in shown
    assert {d["code"] for d in shown["departments"]} >= {"bangongshi", "shuiwu"}
    letter = next(kind for kind in shown["kinds"] if kind["name"] == "letter")
    assert [c for c in letter["clocks"] if c["main"]][0]["name"] == "reply"
    texts = hyctl.good("policy", "show", "sample", "--texts").out
    assert (repo / "deploy/policies/sample.yaml").read_text() in texts
    people = hyctl.good("policy", "list").out, hyctl.good("policy", "show").out
    assert "2 versions" in people[0] and "澄塘区演示规则" in people[1] and "letter.reply" in people[1]


def test_a_damaged_registry_record_leaves_the_one_before_in_force(hyctl):
    hyctl.good("topics", "create", "--partitions", "2")
    (published,) = hyctl.good("policy", "publish", "sample", "--json").json["packs"]
    topics.send(hyctl.bootstrap, hyctl.topic("hy.registry"), [(b"pack/sample", b"\xff\xff\xff")])
    answer = hyctl.good("policy", "show", "sample", "--json")
    assert answer.json["hash"] == published["hash"] and "registry" in answer.err
