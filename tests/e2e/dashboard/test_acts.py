"""Acts of people: who acts is the token, the answer is the verdict of the journal."""
import secrets
import threading
import time

from world import Casework, contract


def act(world, name, case_id, key=None, **body):
    headers = {"Idempotency-Key": key} if key else {}
    return world.client(name).post(f"/v1/cases/{case_id}/acts", json=body, headers=headers)


def opened(world, native="leak", **more):
    one = world.open(native, "水管漏水", "映月小区", **more)
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{one.id}").status_code == 200)
    return one


def test_an_applied_act_is_answered_when_the_view_shows_it(world):
    one = opened(world)
    with Casework(world, one) as casework:
        answer = act(world, "shuiwu", one.id, verb="sign", expects=1)
        assert answer.status_code == 200, answer.text
        verdict = answer.json()
        assert (verdict["verdict"], verdict["rule"], verdict["case_id"], verdict["step"]) == ("applied", "letter.sign", one.id, 2)
        assert world.get("shuiwu", f"/v1/cases/{one.id}")["state"] == "signed"  # at once, without waiting
        key, command = casework.commands[0]
        assert key == f"{one.dossier}.{one.id}"
        assert (command.actor.id, command.actor.role, command.actor.department) == ("shuiwu", "department", "shuiwu")
        assert command.actor.kind == contract.cls("Actor").DESCRIPTOR.file.enum_types_by_name["ActorKind"].values_by_name["ACTOR_KIND_PERSON"].number
        assert (command.id, command.expects) == (verdict["command_id"], 1) and command.HasField("expects")
        assert world.get("operator", f"/v1/commands/{command.id}")["verdict"] == "applied"


def test_the_actor_comes_from_the_token_never_from_the_body(world):
    one = opened(world)
    answer = world.client("shuiwu").post(f"/v1/cases/{one.id}/acts", json={"verb": "sign", "actor": {"id": "mayor"}})
    assert answer.status_code == 400 and "act has" in answer.json()["message"]


def test_wangxinban_acts_for_its_own_department_code(world):
    one = opened(world, "停水", department="wangxinban", kind="incident")
    with Casework(world, one) as casework:
        assert act(world, "wangxinban", one.id, verb="acknowledge").status_code == 200
        assert (casework.commands[0][1].actor.role, casework.commands[0][1].actor.department) == ("wangxinban", "wangxinban")
        assert not casework.commands[0][1].HasField("expects")


def test_a_refusal_names_the_rule_with_409(world):
    one = opened(world)
    with Casework(world, one):
        answer = act(world, "shuiwu", one.id, verb="sign", expects=7)
        assert answer.status_code == 409
        assert answer.json()["rule"] == "act.expects" and "step 1" in answer.json()["explanation"]


def test_equal_key_equal_verdict(world):
    one = opened(world)
    with Casework(world, one) as casework:
        key = secrets.token_hex(8)
        first = act(world, "shuiwu", one.id, key, verb="sign", expects=1)
        again = act(world, "shuiwu", one.id, key, verb="sign", expects=1)
        assert first.status_code == again.status_code == 200 and first.json() == again.json()
        assert first.headers["Idempotency-Key"] == key
        assert act(world, "shuiwu", one.id, "another", verb="sign", expects=1).status_code == 409
        assert len({command.id for _, command in casework.commands}) == 2
        other = opened(world, "other")
        casework.cases[other.id] = other
        assert act(world, "shuiwu", other.id, key, verb="sign", expects=1).json()["command_id"] != first.json()["command_id"]


def test_two_at_once_under_one_key_have_one_effect(world):
    one = opened(world)
    with Casework(world, one, delay=0.3):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(act(world, "shuiwu", one.id, "k", verb="sign", expects=1)))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} == {200} and len({a.json()["command_id"] for a in answers}) == 1
        assert one.step == 2


def test_a_verdict_that_takes_long_is_pending_and_can_be_asked_for(world):
    one = opened(world)
    judge = threading.Event()
    with Casework(world, one, until=judge):
        began = time.monotonic()
        answer = act(world, "shuiwu", one.id, verb="sign", expects=1)
        assert answer.status_code == 202 and 2.9 < time.monotonic() - began < 9
        command = answer.json()
        assert command["verdict"] == "pending"
        assert world.client("shuiwu").get(f"/v1/commands/{command['command_id']}").status_code == 404
        judge.set()
        verdict = world.wait(lambda: (a := world.client("shuiwu").get(f"/v1/commands/{command['command_id']}")).status_code == 200 and a)
        assert verdict.json()["verdict"] == "applied"


def test_a_department_that_lost_the_case_is_told_by_the_engine_and_a_stranger_by_the_door(world):
    one = opened(world)
    one.work_seq = 2
    world.work(one, "RECALLED", why="transferred")
    one.owner, one.step, one.work_seq = "bangongshi", 2, 3
    world.work(one, "ASSIGNED")
    world.write(one)
    world.wait(lambda: world.client("shuiwu").get(f"/v1/cases/{one.id}").status_code == 403)
    with Casework(world, one):
        late = act(world, "shuiwu", one.id, verb="sign", expects=1)
        assert late.status_code == 409 and "bangongshi" in late.json()["explanation"]
    assert act(world, "jiaotong", one.id, verb="sign", expects=2).status_code == 403
    assert act(world, "wangxinban", one.id, verb="sign", expects=2).status_code == 403


def test_an_act_that_is_ahead_of_the_view_waits_for_its_case(world):
    for n in range(5):  # the door waits one second; on a busy machine the case may come too late for it
        one = world.case(f"early{n}")
        with Casework(world, one):
            threading.Timer(0.3, world.write, [one]).start()
            answer = act(world, "shuiwu", one.id, verb="sign", expects=1)
        if answer.status_code != 404:
            break
    assert answer.status_code == 200


def test_bad_acts_are_refused_with_what_to_do(world):
    one = opened(world)
    door = world.client("shuiwu")
    path = f"/v1/cases/{one.id}/acts"
    long = "字" * 30_000
    for body, part in [({}, "verb"), ({"verb": "fly"}, "verb"), ({"verb": 7}, "verb"), ({"verb": "sign", "expects": "1"}, "expects"),
                       ({"verb": "sign", "expects": -1}, "expects"), ({"verb": "sign", "expects": 1.5}, "expects"),
                       ({"verb": "reply", "text": 5}, "text"), ({"verb": "reply", "text": long}, "text"),
                       ({"verb": "approve", "text_hash": "xyz"}, "text_hash"), ({"verb": "approve", "text_hash": "g" * 64}, "text_hash"),
                       ({"verb": "sign", "reasoncode": "x"}, "reason_code"), ({"verb": "open"}, "/v1/events/")]:
        answer = door.post(path, json=body)
        assert answer.status_code == 400 and part in answer.json()["message"], (body if body.get("text") != long else "long", answer.text)
    for content, status in [(b"", 400), (b"[]", 400), (b"{", 400), (b'{"verb":"sign","verb":"sign"}', 400), (b'"\xff"', 400),
                            (b'{"verb":"' + b"x" * 300_000 + b'"}', 413)]:
        assert door.post(path, content=content, headers={"Content-Type": "application/json"}).status_code == status, content[:40]
    assert door.post(path, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    for key in ("", "schlüssel".encode(), "x" * 129):
        assert door.post(path, json={"verb": "sign"}, headers={"Idempotency-Key": key}).status_code == 400, key
    assert door.post("/v1/cases/none/acts", json={"verb": "sign"}).status_code == 404
    assert door.post(f"/v1/cases/{'0' * 26}/acts", json={"verb": "sign"}).status_code == 404
    assert world.anonymous().post(path, json={"verb": "sign"}).status_code == 401
    assert door.get("/v1/me").json()["id"] == "shuiwu"


def test_the_hash_of_the_draft_that_was_read_goes_along(world):
    one = opened(world)
    with Casework(world, one) as casework:
        assert act(world, "operator", one.id, verb="approve", expects=1, text_hash="AB" * 32).status_code == 200
        assert casework.commands[0][1].act.text_hash == b"\xab" * 32


def test_a_noted_message_is_opened_by_its_event(world):
    event_id = world.note("hello", "你好")
    world.wait(lambda: world.client("operator").get(f"/v1/events/{event_id}").status_code == 200)
    with Casework(world) as casework:
        answer = world.client("operator").post(f"/v1/events/{event_id}/acts", json={"verb": "open", "department": "shuiwu"})
        assert answer.status_code == 200, answer.text
        key, command = casework.commands[0]
        assert "." not in key and command.case_id == "" and command.dossier == key
        assert (command.act.event_id, command.act.department) == (event_id, "shuiwu")
    assert world.client("operator").post(f"/v1/events/{event_id}/acts", json={"verb": "sign"}).status_code == 400
    assert world.client("operator").post(f"/v1/events/{'0' * 26}/acts", json={"verb": "open"}).status_code == 404


def test_what_waits_at_the_end_is_told_and_the_program_ends_well(world):
    one = opened(world)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(act(world, "shuiwu", one.id, verb="sign", expects=1)))
    with Casework(world, one, silent=True) as casework:
        thread.start()
        world.wait(lambda: casework.commands, what="the command is written")
        assert world.dashboard.terminate() == 0
        thread.join()
    assert answers[0].status_code == 202 and answers[0].json()["verdict"] == "pending"
