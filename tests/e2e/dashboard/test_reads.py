"""What REST says of cases, queues and messages, and to whom."""
import pytest
from world import DAY, receipt_number


@pytest.fixture
def town(world):
    """Two departments' letters, an incident, a noted message, a closed case."""
    one = {"leak": world.open("leak", "水管漏水", "映月小区3栋水管破了💧", due_in=DAY),
           "bus": world.open("bus", "公交改线", "24路不停了", department="jiaotong", due_in=2 * DAY),
           "road": world.open("road", "", "路灯不亮，晚上很黑", department="jiaotong", due_in=3 * DAY)}
    one["incident"] = world.open("澄塘区||映月小区", department="wangxinban", kind="incident", due_in=600_000)
    late = world.case("late", due_in=-1000)
    late.clocks[0].state = 3
    world.write(late)
    one["late"] = late
    closed = world.case("closed", department="jiaotong")
    closed.state = 9
    closed.closed.unix_ms = closed.opened.unix_ms + 59_000
    world.write(closed)
    one["closed"] = closed
    one["noted"] = world.note("hello", "你好！祝工作顺利")
    wanted = {"open": 5, "late": 1, "closed_today": 1, "noted": 1}
    world.wait(lambda: wanted.items() <= world.get("operator", "/v1/overview")["totals"].items(), what="all is folded")
    world.wait(lambda: world.get("operator", "/v1/cases?filter=closed")["cases"], what="the closed case is there")
    return one


def ids(answer):
    return [row["id"] for row in answer["cases"]]


def test_the_figures_are_the_cases_behind_them(world, town):
    overview = world.get("operator", "/v1/overview")
    assert overview["totals"] == {"open": 5, "soon": 0, "late": 1, "closed_today": 1, "incident": 1, "noted": 1}
    rows = {row["code"]: row for row in overview["departments"]}
    assert (rows["shuiwu"]["open"], rows["shuiwu"]["late"], rows["jiaotong"]["open"], rows["jiaotong"]["closed_today"]) == (2, 1, 2, 1)
    assert rows["shuiwu"]["name"] == "水务局"
    for row in overview["departments"]:
        for figure in ("open", "soon", "late", "closed_today"):
            listed = world.get("operator", f"/v1/cases?filter={figure}&department={row['code']}")
            assert listed["total"] == row[figure] == len(listed["cases"]), (row, figure)
    for figure in ("open", "soon", "late", "closed_today", "incident"):
        assert world.get("operator", f"/v1/cases?filter={figure}")["total"] == overview["totals"][figure]
    assert [row["id"] for row in overview["incidents"]] == [town["incident"].id]
    assert overview["incidents"][0]["acknowledged"] is None and overview["incidents"][0]["title"] == "澄塘区 · 映月小区"
    assert len(world.get("operator", "/v1/noted")["noted"]) == overview["totals"]["noted"]


def test_evidence_opens_the_case_of_its_message_for_whoever_may_see_it(world, town):
    for event_id, url in ((town["leak"].opening_event, ""), (town["road"].opening_event, ""), ("0" * 26, "https://example.test/1")):
        town["incident"].incident.evidence.add(event_id=event_id, url=url)
    world.write(town["incident"])
    path = f"/v1/cases/{town['incident'].id}"

    def shown(name):
        return [(post["title"], post["case_id"]) for post in world.get(name, path)["incident"]["evidence"]]

    world.wait(lambda: len(shown("operator")) == 3, what="the evidence is there")
    assert shown("operator") == [("水管漏水", town["leak"].id), ("路灯不亮，晚上很黑", town["road"].id), ("", "")]
    assert shown("wangxinban") == [("", "")] * 3, "a letter is its department's and the operator's"


def test_a_list_goes_by_due_time_and_pages_without_gap_or_double(world, town):
    expected = [town[name].id for name in ("late", "incident", "leak", "bus", "road")]
    seen, after = [], ""
    for _ in range(10):
        page = world.get("operator", f"/v1/cases?filter=open&limit=2&after={after}")
        seen += ids(page)
        after = page["next"]
        if not after:
            break
    assert seen == expected


def test_each_role_sees_its_own_cases_only(world, town):
    assert set(ids(world.get("shuiwu", "/v1/cases?filter=all"))) == {town["leak"].id, town["late"].id}
    assert ids(world.get("wangxinban", "/v1/cases?filter=all")) == [town["incident"].id]
    assert world.get("shuiwu", "/v1/overview")["totals"] == {"open": 2, "soon": 0, "late": 1, "closed_today": 0, "incident": 0}
    assert world.get("wangxinban", "/v1/overview")["totals"]["incident"] == 1
    assert world.get("shuiwu", "/v1/overview")["sources"] == []
    refused = {("shuiwu", f"/v1/cases/{town['bus'].id}"): 403, ("wangxinban", f"/v1/cases/{town['bus'].id}"): 403,
               ("shuiwu", "/v1/cases?department=jiaotong"): 403, ("shuiwu", "/v1/work?department=jiaotong"): 403,
               ("shuiwu", "/v1/noted"): 403, ("shuiwu", f"/v1/events/{town['noted']}"): 403,
               ("shuiwu", f"/v1/events/{town['bus'].opening_event}"): 403, ("stranger", "/v1/me"): 403,
               ("operator", "/v1/cases/NONE"): 404, ("operator", "/v1/cases/" + "0" * 26): 404,
               ("operator", "/v1/cases?filter=wrong"): 400, ("operator", "/v1/cases?limit=0"): 400,
               ("operator", "/v1/cases?limit=9x"): 400, ("operator", "/v1/cases?after=x"): 400,
               ("operator", "/v1/noted?after=1.x"): 400, ("operator", "/v1/work?department=a/b"): 400,
               ("operator", "/v1/work"): 400, ("operator", "/v1/none"): 404, ("operator", "/v1/commands/x"): 404}
    for (name, path), status in refused.items():
        answer = world.client(name).get(path)
        assert answer.status_code == status, (name, path, answer.text)
        assert answer.json()["message"]
    assert world.anonymous().get("/v1/overview").status_code == 401
    assert world.anonymous().get("/v1/overview", headers={"Authorization": "Bearer " + "x" * 40}).status_code == 401


def test_a_case_is_told_whole(world, town):
    one = world.get("shuiwu", f"/v1/cases/{town['leak'].id}")
    assert (one["title"], one["state"], one["owner_name"], one["step"]) == ("水管漏水", "assigned", "水务局", 1)
    assert one["texts"][0]["text"].endswith("💧")
    assert one["clocks"][0]["label"] == "答复时限" and one["clocks"][0]["state"] == "running" and one["clocks"][0]["main"]
    assert one["reasons"] == [{"step": "list", "what": "水管", "label": "水管", "weight": 2.5}]
    assert [j["command"] for j in one["journal"]] == ["message"]
    assert one["work"][0]["standing"] and one["work"][0]["department"] == "shuiwu"


def test_moves_are_what_the_pack_gives_this_role(world):
    one = world.case("pinned")
    one.pack_hash = ""
    world.write(one)
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{one.id}").status_code == 200)
    mine = {m["verb"]: m for m in world.get("shuiwu", f"/v1/cases/{one.id}")["moves"]}
    assert "sign" in mine and "return" in mine and mine["return"]["needs"] == ["reason_code"] and "supervise" not in mine
    theirs = {m["verb"] for m in world.get("operator", f"/v1/cases/{one.id}")["moves"]}
    assert "supervise" in theirs and "sign" not in theirs


def test_words_find_cases(world, town):
    assert ids(world.get("operator", "/v1/cases?q=漏水")) == [town["leak"].id]
    assert ids(world.get("operator", "/v1/cases?q=晚上很黑")) == [town["road"].id]
    assert ids(world.get("operator", f"/v1/cases?q={town['bus'].receipt_number.lower()}")) == [town["bus"].id]
    assert ids(world.get("operator", "/v1/cases?q=%25")) == []


def test_a_queue_says_where_its_feed_goes_on(world, town):
    queue = world.get("jiaotong", "/v1/work")
    assert [item["case_id"] for item in queue["items"]] == [town["bus"].id, town["road"].id]
    assert queue["items"][0]["title"] == "公交改线" and queue["items"][1]["text"] == "路灯不亮，晚上很黑"
    assert (queue["feed_topic"], queue["feed_offset"]) == ("hy.work.jiaotong", 2) and queue["feed_log_id"]
    moved = town["bus"]
    moved.work_seq, moved.step = 2, 2
    world.work(moved, "RECALLED", why="transferred")
    moved.owner, moved.work_seq = "shuiwu", 3
    world.work(moved, "ASSIGNED")
    moved.work_item = f"{moved.id}-3"
    world.write(moved)
    world.wait(lambda: [i["case_id"] for i in world.get("jiaotong", "/v1/work")["items"]] == [town["road"].id])
    assert world.get("jiaotong", "/v1/work")["feed_offset"] == 3
    world.wait(lambda: moved.id in [i["case_id"] for i in world.get("operator", "/v1/work?department=shuiwu")["items"]])


def test_a_reminder_to_a_supervisor_is_no_item_of_its_queue(world, town):
    leak = town["leak"]
    leak.work_seq = 2
    world.work(leak, "REMINDED", department="bangongshi", why="reply 100 %")
    leak.work_seq = 3
    world.work(leak, "REMINDED", why="reply 80 %")
    world.write(leak)
    item = world.wait(lambda: [i for i in world.get("shuiwu", "/v1/work")["items"] if i["seq"] == 3])[0]
    assert (item["id"], item["kind"], item["why"]) == (f"{leak.id}-1", "reminded", "reply 80 %")
    assert world.get("operator", "/v1/work?department=bangongshi")["items"] == []


def test_a_message_has_one_fate_and_repetitions_are_counted(world, town):
    leak = town["leak"]
    world.journal(leak, "message", verdict="VERDICT_REPEATED", fate="FATE_REPEATED", event_id=leak.opening_event)
    fate = world.wait(lambda: (f := world.get("operator", f"/v1/events/{leak.opening_event}"))["repeated"] == 1 and f)
    assert (fate["fate"], fate["case_id"], fate["receipt_number"]) == ("opened", leak.id, leak.receipt_number)
    noted = world.get("operator", f"/v1/events/{town['noted']}")
    assert (noted["fate"], noted["case_id"]) == ("noted", "")
    assert world.get("operator", "/v1/noted")["noted"][0]["text"] == "你好！祝工作顺利"


def test_sources_show_who_speaks_and_count_a_repeated_message_once(world):
    from world import contract, enum, now_ms, set_time

    def speak(account, n, age_ms):
        event = contract.cls("Event")(schema_version=1, id=contract.identity("e", account, str(n)), platform="weixin", account=account,
                                      native_id=str(n), kind=enum("EventKind", "EVENT_KIND_PRIVATE_MESSAGE"), dossier="D")
        set_time(event.ingested, now_ms() - age_ms)
        world.put("hy.comments", "D", event)
        world.put("hy.comments", "D", event)  # as a gateway that starts again repeats what it sent last

    for n in range(3):
        speak("gh_1", n, n * 3 * 3_600_000)
    speak("gh_2", 0, 60_000)  # behind all others in its partition
    sources = world.wait(lambda: (s := world.get("operator", "/v1/overview")["sources"]) and len(s) == 2 and s)
    source = next(s for s in sources if s["account"] == "gh_1")
    assert (source["platform"], source["hour"], source["open"]) == ("weixin", 1, 0) and source["last"]


def test_what_cannot_be_read_is_left_out_and_counted(world):
    world.producer.produce(world.prefix + "hy.cases", b"\xff\xff\xff", b"D.C")
    world.producer.flush(10)
    one = world.open("after", "之后", "还能看到")
    world.wait(lambda: one.id in ids(world.get("operator", "/v1/cases")))
    world.wait(lambda: "huiying_dashboard_unreadable_total 1" in world.anonymous().get("/metrics").text)


def test_deleted_views_come_back(world, town):
    before = world.get("operator", "/v1/cases?filter=all")
    world.dashboard.terminate()
    for file in world.folder.glob("view.*"):
        file.unlink()
    world.programs.append(world.start_dashboard())
    after = world.wait(lambda: (a := world.get("operator", "/v1/cases?filter=all")) and a["total"] == before["total"] and a)
    assert ids(after) == ids(before)


def test_a_receipt_number_finds_the_case_that_holds_the_message(world, town):
    leak = town["leak"]
    second = "0123456789ABCDEFGHJKMNPQRS"
    world.journal(leak, "message", fate="FATE_APPENDED", event_id=second)
    door = world.anonymous(public=True)
    answer = world.wait(lambda: (a := door.get(f"/v1/receipts/{receipt_number(second)}")).status_code == 200 and a).json()
    assert answer["state"] == "in_progress" and answer["answers"] == []


def test_stages_say_who_is_up_how_far_behind_and_how_often_started_again(kafka, tmp_path):
    import json

    from harness import paths
    from world import World
    state = tmp_path / "supervisor.json"
    state.write_text(json.dumps({"version": 1, "programs": [{"name": "self", "restarts": 3, "state": "running"},
                                                            {"name": "kafka", "restarts": 0, "state": "running"},
                                                            {"name": "redis", "restarts": 1, "state": "waiting"}]}))
    dead = paths.free_port()
    with World(kafka, "stages.", tmp_path, {"dashboard.supervisor": str(state)}, start=False) as world:
        world.more["dashboard.programs"] = f"self=http://{world.http},gone=http://127.0.0.1:{dead}"
        world.write_files()
        world.dashboard = world.start_dashboard()
        world.wait(lambda: (s := world.get("operator", "/v1/overview")["stages"]) and s[0]["up"] and s[0]["lag"] == 0)
        rows = {row["name"]: row for row in world.get("operator", "/v1/overview")["stages"]}
        assert rows["self"] == {"name": "self", "up": True, "lag": 0, "oldest_ms": 0, "restarts": 3}
        assert rows["gone"] == {"name": "gone", "up": False, "lag": None, "oldest_ms": None, "restarts": None}
        assert rows["kafka"]["up"] and not rows["redis"]["up"] and rows["redis"]["restarts"] == 1


@pytest.mark.parametrize("programs", ["x", "=http://a", "a=ftp://b", "a=http://b,a=http://c", "a=http://" + "b" * 300])
def test_a_list_of_programs_that_cannot_be_read_is_refused_at_start(kafka, tmp_path, programs):
    import subprocess

    from harness import paths
    from world import World
    with World(kafka, "refused.", tmp_path, {"dashboard.programs": programs}, start=False, make=False) as world:
        done = subprocess.run([paths.program("dashboard"), "--config", str(world.config)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "dashboard.programs" in done.stderr, done.stderr
