"""hyctl case and work through the real dashboard, on the world that the dashboard's own tests stand on."""
import itertools
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from harness import paths

sys.path.insert(0, str(paths.ROOT / "tests/e2e/dashboard"))
from world import Casework, World  # noqa: E402

TEXT = "映月小区三栋停水两天了😡\n请尽快处理"


@pytest.fixture(scope="module")
def world(kafka, tmp_path_factory):
    """One dashboard for all tests; each has cases of its own."""
    with World(kafka, "packs.", tmp_path_factory.mktemp("packs"), start=False, make=False) as packs:
        kafka.published = packs.publish()
    folder = tmp_path_factory.mktemp("rest")
    with World(kafka, "rest.", folder) as one:
        for name, token in one.tokens.items():
            (folder / f"{name}.token").write_text(token + "\n")
        yield one


@pytest.fixture
def run(world):
    """hyctl with the token of one name; (exit code, what --json wrote or None, stdout, stderr)."""
    def call(name, *words, text=None, url=True, env=None):
        words = [*words] + (["--url", f"http://{world.http}"] if url else [])
        words += ["--token-file", str(world.folder / f"{name}.token")] if name else []
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HY_")} | (env or {})
        done = subprocess.run([paths.program("hyctl"), *map(str, words)], input=text, capture_output=True, text=True, env=kept,
                              timeout=60, cwd=world.folder)
        answer = json.loads(done.stdout) if "--json" in words and done.stdout else None
        return done.returncode, answer, done.stdout, done.stderr
    return call


_numbers = itertools.count(1)


def opened(world, **more):
    one = world.open(f"n{next(_numbers)}", "停水了", TEXT, **more)
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{one.id}").status_code == 200)
    return one


def test_list_shows_what_the_token_may_see(world, run):
    mine, other = opened(world, account="a1"), opened(world, department="jiaotong", account="a1")
    ids = lambda name, *words: {row["id"] for row in run(name, "case", "list", "--account", "a1", "--json", *words)[1]["cases"]}  # noqa: E731
    assert ids("operator") == {mine.id, other.id}
    assert ids("shuiwu") == {mine.id} and ids("jiaotong") == {other.id}
    assert ids("operator", "--department", "jiaotong") == {other.id}
    assert ids("operator", "--query", "停水", "--platform", "web", "--kind", "letter", "--filter", "open") == {mine.id, other.id}
    assert ids("operator", "--filter", "late") == set()
    code, _, out, err = run("operator", "case", "list", "--account", "a1")
    assert code == 0 and mine.id in out and "停水了" in out and "2 cases of 2" in out and not err


def test_a_list_goes_on_where_it_ended(world, run):
    ids = {opened(world, account="a2").id for _ in range(3)}
    words = ["case", "list", "--account", "a2", "--limit", "2"]
    first = run("operator", *words, "--json")[1]
    rest = run("operator", *words, "--after", first["next"], "--json")[1]
    assert len(first["cases"]) == 2 and {row["id"] for row in first["cases"] + rest["cases"]} == ids
    assert f"--after {first['next']}" in run("operator", *words)[2]


def test_show_tells_the_whole_case_and_no_terminal_obeys_its_text(world, run):
    one = opened(world)
    code, answer, _, _ = run("shuiwu", "case", "show", one.id, "--json")
    assert code == 0 and answer["id"] == one.id and answer["texts"][0]["text"] == TEXT
    out = run("shuiwu", "case", "show", one.id)[2]
    assert TEXT in out and "reply" in out and "moves:" in out and "sign" in out and "opened for shuiwu" in out
    nasty = world.open("nasty", "title\x1b[2J", "\x1b]0;owned\x07\u009b31m text")
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{nasty.id}").status_code == 200)
    out = run("operator", "case", "show", nasty.id)[2] + run("operator", "case", "list")[2]
    assert "\x1b" not in out and "\x07" not in out and "\u009b" not in out and "owned" in out


def test_the_queue_of_a_department(world, run):
    one = opened(world)
    code, answer, _, _ = run("shuiwu", "work", "list", "--limit", "200", "--json")
    assert code == 0 and one.id in [row["case_id"] for row in answer["items"]] and "feed_offset" in answer
    assert one.id in run("operator", "work", "list", "--limit", "200", "--department", "shuiwu")[2]
    assert one.id not in run("jiaotong", "work", "list")[2]
    code, _, _, err = run("jiaotong", "work", "list", "--department", "shuiwu")
    assert code == 1 and "403" in err


def test_an_act_waits_for_its_verdict(world, run):
    one = opened(world)
    with Casework(world, one) as casework:
        code, answer, _, _ = run("shuiwu", "work", "sign", one.id, "--expects", "1", "--key", "k1", "--json")
        assert code == 0 and (answer["verdict"], answer["step"]) == ("applied", 2)
        code, again, _, _ = run("shuiwu", "work", "sign", one.id, "--expects", "1", "--key", "k1", "--json")
        assert code == 0 and again["command_id"] == answer["command_id"]
        code, _, out, err = run("shuiwu", "work", "sign", one.id, "--expects", "1")
        assert code == 1 and not out and "act.expects" in err and "step 2" in err
        command, *_ = [c for _, c in casework.commands if c.case_id == one.id]
        assert (command.actor.id, command.expects) == ("shuiwu", 1)
        assert run("shuiwu", "case", "verdict", command.id, "--json")[1]["verdict"] == "applied"


def test_each_verb_of_work_is_that_verb_with_its_fields(world, run):
    one = opened(world)
    answer = world.folder / "answer.txt"
    answer.write_text("水管已修好。\n")
    acts = {"claim": [], "reply": ["--text-file", answer], "return": ["--reason", "not_ours"],
            "transfer": ["--department", "jiaotong", "--reason", "duty"],
            "close": ["--reason", "solved", "--proof-kind", "link", "--proof", "https://example.cn/a"]}
    with Casework(world, one) as casework:
        for verb, words in acts.items():
            assert run("shuiwu", "work", verb, one.id, *words)[0] == 0, verb
        assert run("shuiwu", "work", "reply", one.id, "--text-file", "-", text="从标准输入来的答复")[0] == 0
        assert run("operator", "case", "act", one.id, "approve", "--text-hash", "ab" * 32)[0] == 0
    told = [(type(c.act).DESCRIPTOR.file.enum_types_by_name["Verb"].values_by_number[c.act.verb].name, c.act)
            for _, c in casework.commands if c.case_id == one.id]
    assert [name for name, _ in told] == [f"VERB_{v}" for v in ("CLAIM", "REPLY", "RETURN", "TRANSFER", "CLOSE", "REPLY", "APPROVE")]
    assert told[1][1].text == "水管已修好。\n" and told[5][1].text == "从标准输入来的答复"
    assert told[2][1].reason_code == "not_ours" and told[3][1].department == "jiaotong"
    assert (told[4][1].proof_kind, told[4][1].proof) == ("link", "https://example.cn/a")
    assert told[6][1].text_hash == bytes.fromhex("ab" * 32)


def test_a_verdict_that_is_late_is_not_called_done(world, run):
    one = opened(world)
    with Casework(world, one, silent=True):
        code, _, _, err = run("shuiwu", "work", "sign", one.id)
        assert code == 1 and "not yet applied" in err and "hyctl case verdict" in err
        command = err.split("hyctl case verdict ")[1].strip()
        code, _, _, err = run("shuiwu", "case", "verdict", command)
        assert code == 1 and "404" in err


def test_a_noted_message_has_a_fate_and_can_be_opened(world, run):
    event = world.note("hello", "你好")
    world.wait(lambda: world.client("operator").get(f"/v1/events/{event}").status_code == 200)
    assert run("operator", "case", "fate", event, "--json")[1]["fate"] == "noted"
    assert "noted" in run("operator", "case", "fate", event)[2]
    with Casework(world) as casework:
        assert run("operator", "case", "open", event, "--department", "shuiwu")[0] == 0
        assert event in [command.act.event_id for _, command in casework.commands]


def test_refusals_say_what_to_do(world, run):
    one = opened(world)
    (world.folder / "wrong.token").write_text("nobody\n")
    assert "401" in (bad := run("wrong", "case", "list"))[3] and "--token-file" in bad[3] and bad[0] == 1
    assert "403" in run("jiaotong", "case", "show", one.id)[3]
    assert "404" in run("operator", "case", "show", "0" * 26)[3]
    assert "404" in run("operator", "case", "show", "../../healthz")[3], "an id cannot leave its place in the path"
    assert run("shuiwu", "case", "act", one.id, "dance")[0] == 1


def test_the_token_comes_from_a_file_or_the_environment_never_the_command_line(world, run):
    opened(world)
    for words in (["case", "list", "--token", "x"], ["case", "list", "--help"]):
        code, _, out, err = run(None, *words)
        assert (code == 2 and "--token" in err) or "--token-file" in out
    assert run(None, "case", "list", env={"HY_TOKEN": world.tokens["shuiwu"]})[0] == 0
    code, _, _, err = run(None, "case", "list")
    assert code == 2 and "--token-file" in err and "HY_TOKEN" in err
    for content in ("", "\n", "two words\n", "a\nb\n", "x\x01"):
        (world.folder / "odd.token").write_text(content)
        code, _, _, err = run("odd", "case", "list")
        assert code == 1 and "odd.token" in err


def test_the_data_folder_names_address_and_tokens(world, run):
    one = opened(world)
    (world.folder / "run").mkdir()
    (world.folder / "run/where.json").write_text(json.dumps({
        "http": {"dashboard": world.http}, "config": str(world.config),
        "tokens": {name: str(world.folder / f"{name}.token") for name in ("operator", "wangxinban")}}))
    (world.folder / "run/supervisor.json").write_text('{"programs": []}')
    assert run(None, "case", "show", one.id, "--data", world.folder, "--json", url=False)[1]["id"] == one.id
    assert run(None, "case", "list", "--as", "wangxinban", "--config", world.config, "--json", url=False)[1]["cases"] == []
    code, _, _, err = run(None, "case", "list", "--as", "mayor", "--data", world.folder, url=False)
    assert code == 2 and "mayor" in err
    assert run(None, "case", "list", "--data", world.folder / "nothing", url=False)[0] == 2


@pytest.mark.parametrize("words", [["act", "X"], ["act"], ["list", "--limit", "0"], ["list", "--limit", "201"], ["show"],
                                   ["act", "X", "reply", "--text", "a", "--text-file", "b"], ["act", "X", "sign", "--expects", "-1"],
                                   ["act", "X", "sign", "--expects", "soon"]])
def test_wrong_use_is_exit_code_2(hyctl, words):
    assert hyctl("case", *words, env={"HY_TOKEN": "t"}).code == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * (1 << 20) + b"y"])
def test_texts_that_are_none_are_refused(hyctl, content):
    path = hyctl.folder / "text"
    path.write_bytes(content)
    answer = hyctl("work", "reply", "X", "--text-file", path, env={"HY_TOKEN": "t"})
    assert answer.code == 1 and "text" in answer.err


def test_an_absent_dashboard_is_said(hyctl):
    answer = hyctl("work", "sign", "X", "--url", "http://127.0.0.1:1", env={"HY_TOKEN": "t"})
    assert answer.code == 1 and "http://127.0.0.1:1 does not answer" in answer.err and "--key" in answer.err


class Odd(BaseHTTPRequestHandler):
    """Something else that listens where the dashboard should."""
    body, status = b"", 200

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status, body, word", [(200, b"<html>", "is that the dashboard"), (200, b"[1]", "is that the dashboard"),
                                                (200, b"", "is that the dashboard"), (503, b'{"message":"not yet"}', "not yet"),
                                                (503, b"\xff", "wait 7 s"), (500, b"", "see its log"), (302, b"", "302")])
def test_what_is_no_dashboard_is_not_believed(hyctl, status, body, word):
    Odd.status, Odd.body = status, body
    server = HTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer = hyctl("case", "list", "--url", f"http://127.0.0.1:{server.server_port}/", env={"HY_TOKEN": "t"})
    server.shutdown()
    server.server_close()
    assert answer.code == 1 and word in answer.err and not answer.out
