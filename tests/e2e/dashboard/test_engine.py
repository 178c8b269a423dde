"""Acts through the door to the real engine, and answers to citizens by the real courier: a letter from its command to its closing."""
import hashlib
import pathlib

import pytest
from harness import paths
from harness.supervisor import Program
from world import World, contract, enum, now_ms, receipt_number, set_time

if not (pathlib.Path(paths.preset_dir()) / "bin/casework").exists():
    pytest.skip("casework is not built: the engine's own verdicts are not tried here", allow_module_level=True)


@pytest.fixture
def town(kafka, tmp_path, request):
    """All topics as hyctl makes them, with casework and courier at work."""
    with World(kafka, f"e{len(request.node.name)}.", tmp_path, start=False, make=False) as world:
        world.publish()
        world.dashboard = world.start_dashboard()
        common = ["--config", str(world.config)]
        for name, more in (("casework", ["policy.pack=sample"]), ("courier", [f"courier.status_url=http://{world.public}"])):
            listen = f"127.0.0.1:{paths.free_port()}"
            folder = tmp_path / name
            folder.mkdir()
            settings = [f"http.listen={listen}", f"data.dir={folder}", *more]
            argv = [paths.program(name), *common, *(word for s in settings for word in ("--set", s))]
            world.programs.append(Program(name, argv, folder=folder))
        yield world


def send(world, native, text, department="shuiwu"):
    """A citizen's message as the router sends it on; the event's id."""
    event_id = contract.identity("event", "web", "default", native, "FORM")
    dossier = contract.identity("dossier", "web", "default", native)
    command = contract.cls("Command")(schema_version=1, id=contract.identity("message", event_id), dossier=dossier)
    set_time(command.issued, now_ms())
    command.actor.kind, command.actor.id, command.actor.role = enum("ActorKind", "ACTOR_KIND_PROGRAM"), "router", "system"
    event, route = command.message.event, command.message.route
    event.schema_version, event.id, event.platform, event.account, event.native_id, event.dossier = 1, event_id, "web", "default", native, dossier
    event.kind, event.title, event.text = enum("EventKind", "EVENT_KIND_FORM"), text[:8], text
    for field in (event.occurred, event.received, event.ingested):
        set_time(field, now_ms())
    route.department, route.request, route.category, route.urgency = department, True, "供水", "normal"
    world.put("hy.commands", dossier, command)
    return event_id


def case_of(world, event_id):
    def found():
        answer = world.client("operator").get(f"/v1/events/{event_id}")
        return answer.status_code == 200 and world.client("operator").get(f"/v1/cases/{answer.json()['case_id']}").status_code == 200 and answer.json()
    return world.wait(found, 90, "the message has its fate and its case")["case_id"]


def act(world, name, case_id, **body):
    answer = world.client(name).post(f"/v1/cases/{case_id}/acts", json={"expects": step(world, case_id), **body})
    if answer.status_code != 202:
        return answer.status_code, answer.json()
    # The door waits three seconds; a busy engine may take longer.
    command = f"/v1/commands/{answer.json()['command_id']}"
    verdict = world.wait(lambda: (a := world.client(name).get(command)).status_code == 200 and a.json(), what="the verdict")
    world.wait(lambda: step(world, case_id) >= verdict["step"], what="the case shows it")
    return 409 if verdict["verdict"] == "refused" else 200, verdict


def step(world, case_id):
    return world.get("operator", f"/v1/cases/{case_id}")["step"]


def done(world, name, case_id, **body):
    status, verdict = act(world, name, case_id, **body)
    assert (status, verdict["verdict"]) == (200, "applied"), verdict
    one = world.get("operator", f"/v1/cases/{case_id}")
    assert one["step"] >= verdict["step"]  # what was done is seen at once, and the courier may have gone on since
    if one["step"] == verdict["step"]:
        assert one["state"] == verdict["state"]
    return one


def test_a_letter_goes_from_its_message_to_its_closing(town):
    event_id = send(town, "leak", "水管漏水三天没人修，请尽快派人来💧")
    case_id = case_of(town, event_id)
    one = town.wait(lambda: (a := town.get("shuiwu", f"/v1/cases/{case_id}"))["texts"] and a)
    assert {"sign", "claim", "return"} <= {m["verb"] for m in one["moves"]} and one["texts"][0]["text"].endswith("💧")
    town.wait(lambda: [i["case_id"] for i in town.get("shuiwu", "/v1/work")["items"]] == [case_id], what="its feed")
    door = town.anonymous(public=True)
    page = f"/v1/receipts/{receipt_number(event_id)}"
    town.wait(lambda: "已受理" in door.get(page).text, 90, "the citizen is told that it was accepted")

    assert done(town, "shuiwu", case_id, verb="sign")["state"] == "signed"
    assert done(town, "shuiwu", case_id, verb="handle")["state"] == "handled"
    answer = "您好！\n今天18时前修好。"
    drafted = done(town, "shuiwu", case_id, verb="reply", text=answer)
    assert drafted["draft"]["text_hash"] == hashlib.sha256(answer.encode()).hexdigest() and answer not in door.get(page).text
    status, verdict = act(town, "shuiwu", case_id, verb="close", reason_code="solved")
    assert status == 409 and verdict["rule"].startswith("proof"), verdict
    status, verdict = act(town, "shuiwu", case_id, verb="approve", text_hash=drafted["draft"]["text_hash"])
    assert status == 409 and verdict["rule"] == "review.author"
    status, verdict = act(town, "operator", case_id, verb="approve", text_hash="00" * 32)
    assert status == 409 and verdict["rule"] == "review.hash"
    done(town, "operator", case_id, verb="approve", text_hash=drafted["draft"]["text_hash"])
    town.wait(lambda: town.get("operator", f"/v1/cases/{case_id}")["state"] == "delivered", 90, "the answer was read back")
    told = door.get(page).json()
    assert told["state"] == "answered" and answer in [a["text"] for a in told["answers"]]
    closed = done(town, "shuiwu", case_id, verb="close", reason_code="solved")
    assert closed["state"] == "closed" and door.get(page).json()["state"] == "closed"
    assert town.get("shuiwu", "/v1/overview")["totals"]["closed_today"] == 1
    town.wait(lambda: town.get("shuiwu", "/v1/work")["items"] == [], what="its feed is empty")


def test_a_department_that_acts_too_late_is_told_who_has_it(town):
    case_id = case_of(town, send(town, "bus", "24路公交改线不停学校站"))
    seen = step(town, case_id)
    done(town, "shuiwu", case_id, verb="transfer", department="jiaotong", reason_code="not_ours")
    status, verdict = act(town, "shuiwu", case_id, verb="sign", expects=seen)
    assert status == 409 and "jiaotong" in verdict["explanation"], verdict
    town.wait(lambda: [i["case_id"] for i in town.get("jiaotong", "/v1/work")["items"]] == [case_id], what="the other's feed")
    town.wait(lambda: town.get("shuiwu", "/v1/work")["items"] == [], what="its feed is empty")
    done(town, "jiaotong", case_id, verb="sign")
