"""hyctl policy publish: what programs will find in hy.registry, read with the published .proto alone."""
import hashlib
import json
import re
import shutil

import pytest
from harness import topics

import catalog


@pytest.fixture
def policies(hyctl, repo):
    """A copy of the shipped packs, lists, gazetteers and calendars that a test may spoil."""
    for name in ("policies", "gazetteer", "calendars"):
        shutil.copytree(repo / "deploy" / name, hyctl.folder / name)
    return hyctl.folder / "policies"


def publish(hyctl, *words):
    """Publishes from the test's copies; the topics are made with 2 partitions, which publish must take as they are."""
    return hyctl("policy", "publish", "--policies", hyctl.folder / "policies", "--calendars", hyctl.folder / "calendars",
                 "--json", *words)


def test_a_published_pack_can_be_read_by_whoever_has_the_contract(hyctl, policies):
    hyctl.good("topics", "create", "--partitions", "2")
    answer = publish(hyctl)
    assert answer.code == 0, answer
    (pack,) = answer.json["packs"]
    assert pack["id"] == "sample" and pack["state"] == "published" and pack["dispatch_rows"] > 40
    registry = catalog.read(hyctl)
    bundle = json.loads(registry["pack", "sample"].content)
    assert registry["pack_version", pack["hash"]].content == registry["pack", "sample"].content
    assert {s["name"] for s in bundle["sources"] if s["role"] == "pack"} == {"national.yaml", "sample.yaml"}
    assert {s["name"] for s in bundle["sources"] if s["role"] == "list"} == {"district.yaml", "sample.yaml"}
    assert {s["name"] for s in bundle["sources"] if s["role"] == "places"} == {"sample.yaml"}
    for source in bundle["sources"]:
        folder = {"pack": policies, "list": policies / "dispatch", "places": policies.parent / "gazetteer"}[source["role"]]
        assert source["yaml"] == (folder / source["name"]).read_text()


def test_every_department_of_the_pack_gets_its_feed_and_every_year_its_calendar(hyctl, policies):
    hyctl.good("topics", "create", "--partitions", "2")
    answer = publish(hyctl)
    own = set(re.findall(r"^  (\w+): \{name:", (policies / "sample.yaml").read_text(), re.M))
    assert own and {f"hy.work.{code}" for code in own} <= set(hyctl.topics())
    made = {t["topic"] for t in answer.json["topics"] if t["state"] == "made"}
    assert made == {hyctl.topic(name) for name in hyctl.topics() if name.startswith("hy.work.")}
    years = {path.stem: path.read_bytes() for path in (policies.parent / "calendars").glob("*.json")}
    assert {i: r.content for (kind, i), r in catalog.read(hyctl).items() if kind == "calendar"} == years


def test_publishing_again_writes_nothing(hyctl, policies):
    assert publish(hyctl).code == 0
    before = topics.read_all(hyctl.bootstrap, hyctl.topic("hy.registry"))
    answer = publish(hyctl)
    assert answer.code == 0 and answer.json["packs"][0]["state"] == "unchanged"
    assert {c["state"] for c in answer.json["calendars"]} == {"unchanged"}
    assert topics.read_all(hyctl.bootstrap, hyctl.topic("hy.registry")) == before


def test_an_old_version_stays_when_a_new_one_comes_into_force(hyctl, policies):
    old = publish(hyctl).json["packs"][0]["hash"]
    path = policies / "national.yaml"
    path.write_text(path.read_text().replace("name: 全国通用规则", "name: 全国通用规则（修订）"))
    new = publish(hyctl).json["packs"][0]["hash"]
    registry = catalog.read(hyctl)
    assert old != new
    assert registry["pack_version", old].content != registry["pack", "sample"].content
    assert registry["pack_version", new].content == registry["pack", "sample"].content


def test_a_change_elsewhere_makes_no_new_version(hyctl, policies):
    assert publish(hyctl).code == 0
    for path in (policies / "yuancheng.yaml", policies / "dispatch/yuancheng.yaml", policies.parent / "gazetteer/yuancheng.yaml"):
        path.write_text(path.read_text() + "# another word\n")
    assert publish(hyctl).json["packs"][0]["state"] == "unchanged"


def test_a_changed_year_is_published_alone(hyctl, policies):
    assert publish(hyctl).code == 0
    path = policies.parent / "calendars/2026.json"
    path.write_text(path.read_text() + "\n")
    answer = publish(hyctl).json
    assert [c["year"] for c in answer["calendars"] if c["state"] == "published"] == ["2026"]
    assert answer["packs"][0]["state"] == "unchanged"


def test_two_packs_stand_beside_each_other(hyctl, policies):
    answer = publish(hyctl, "yuancheng", "sample")
    assert [p["id"] for p in answer.json["packs"]] == ["yuancheng", "sample"]
    assert {"hy.work.xinxi", "hy.work.shuiwu"} <= set(hyctl.topics())


def test_the_pack_without_a_dispatch_list_says_so(hyctl, policies):
    assert publish(hyctl, "national").json["packs"][0]["dispatch_rows"] is None


def spoil_pack(folder):
    path = folder / "sample.yaml"
    path.write_text(path.read_text().replace("inherits: national", "inherits: nationale"))
    return "nationale"


def spoil_list(folder):
    path = folder / "dispatch/sample.yaml"
    path.write_text(path.read_text().replace("yingji: bangongshi", "yingji: nobody_knows"))
    return "nobody_knows"


def spoil_places(folder):
    (folder.parent / "gazetteer/sample.yaml").write_text("version: 1\nid: sample\nplaces: 7\n")
    return "gazetteer|sample.yaml"


def spoil_calendar(folder):
    (folder.parent / "calendars/2026.json").write_text('{"year": 2026, "days": [{"date": "2026-13-01"}]}')
    return "2026.json"


def spoil_year(folder):
    shutil.copy(folder.parent / "calendars/2025.json", folder.parent / "calendars/2026.json")
    return "2026.json"


def spoil_bytes(folder):
    (folder / "sample.yaml").write_bytes(b"pack: sample\nname: \xff\xfe\n")
    return "sample"


@pytest.mark.parametrize("spoil", [spoil_pack, spoil_list, spoil_places, spoil_calendar, spoil_year, spoil_bytes])
def test_what_is_wrong_is_refused_before_anything_is_sent(hyctl, policies, spoil):
    word = spoil(policies)
    answer = publish(hyctl)
    assert answer.code == 1 and re.search(word, answer.err) and not answer.out, answer
    assert hyctl.topics() == {}


def test_an_unknown_pack_is_refused_with_those_there_are(hyctl, policies):
    answer = publish(hyctl, "sampel")
    assert answer.code == 1 and "sampel" in answer.err and "national, sample, yuancheng" in answer.err


def test_the_hash_is_that_of_the_content(hyctl, policies):
    assert publish(hyctl).code == 0
    for record in catalog.read(hyctl).values():
        if record.kind in ("pack", "pack_version", "calendar"):
            assert record.hash == hashlib.sha256(record.content).digest()
            assert record.published_by and record.published.unix_ms > 0
