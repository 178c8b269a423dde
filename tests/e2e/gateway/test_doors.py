"""What comes in at the doors, right and wrong; after every refusal the next request works."""
import contextlib
import hashlib
import json
import socket
import subprocess
import time

import pytest
from conftest import MAIN, SECOND, Gateway, read_all
from harness import contract, paths, topics

NOW = int(time.time())
GOOD = {"account": "区长信箱", "title": "停水", "text": "东方明珠小区停水三天了😀", "author": {"name": "王五", "contact": "w@example.com"},
        "place": "东方明珠", "links": ["https://example.com/a"], "department": "water"}


def works(gateway):
    status, answer = gateway.message({"account": "a", "text": "still here"})
    assert status == 202, answer


def find(gateway, event_id, topic="hy.comments"):
    found = [(r, e) for r, e in gateway.events(topic) if e.id == event_id]
    assert found, f"{event_id} is not in {topic}"
    return found[0]


def test_a_form_message_is_in_kafka_when_it_is_answered(gateway):
    status, answer = gateway.message(GOOD, "form-key-0001")
    assert status == 202
    record, event = find(gateway, answer["event_id"])
    assert record.key.decode() == event.dossier == answer["dossier"]
    assert event.text == GOOD["text"] and event.title == "停水" and event.platform == "web"
    assert event.native_id == "form-key-0001" and event.author.display_name == "王五"
    assert event.comment.department == "water" and list(event.links) == GOOD["links"]
    assert len(answer["receipt_number"]) == 19
    assert abs(event.received.unix_ms / 1000 - time.time()) < 60 and event.received.offset_minutes == 480


def test_the_same_key_gives_the_same_ids_and_says_so(gateway):
    first = gateway.message(GOOD, "form-key-0002")
    again = gateway.message(GOOD, "form-key-0002")
    assert (first[0], again[0]) == (202, 200)
    assert first[1]["event_id"] == again[1]["event_id"] and first[1]["receipt_number"] == again[1]["receipt_number"]


def test_another_message_under_the_same_key_is_refused(gateway):
    gateway.message(GOOD, "form-key-0003")
    status, answer = gateway.message({**GOOD, "text": "something else"}, "form-key-0003")
    assert (status, answer["error"]) == (422, "key_reused")
    works(gateway)


def test_without_a_key_every_message_is_a_new_one(gateway):
    ids = {gateway.message({"account": "a", "text": "x"})[1]["event_id"] for _ in range(3)}
    assert len(ids) == 3


def test_a_push_in_safe_mode_is_answered_with_success(gateway):
    text = "停水了 🚰 <b>&amp;</b> 𠀀"
    push, = MAIN.pushes([MAIN.text("oCitizen1", 9007199254740993, NOW, text)], NOW)
    assert gateway.push(push) == (200, b"success")
    assert gateway.push(push) == (200, b"success")  # sent again, as the platform does
    found = [e for _, e in gateway.events() if e.native_id == f"{MAIN.gh}|oCitizen1|9007199254740993"]
    assert len({e.id for e in found}) == 1 and found[0].text == text
    assert found[0].account == MAIN.gh and found[0].occurred.unix_ms == NOW * 1000


def test_both_keys_and_both_accounts_are_served(gateway):
    old, = MAIN.pushes([MAIN.text("oCitizen2", 1, NOW, "old key")], NOW, key=MAIN.previous)
    other, = SECOND.pushes([SECOND.text("oCitizen2", 1, NOW, "other account")], NOW)
    assert gateway.push(old) == (200, b"success")
    assert gateway.push(other) == (200, b"success")
    texts = {e.text for _, e in gateway.events() if e.author.handle == "oCitizen2"}
    assert texts == {"old key", "other account"}
    # One account's push at the other's address is refused.
    assert gateway.push((other[0].replace("second", "main"), other[1]))[0] == 401


def test_the_url_check_echoes(gateway):
    import hashlib
    signature = hashlib.sha1("".join(sorted([MAIN.token, str(NOW), "77"])).encode()).hexdigest()
    path = f"/weixin/main?signature={signature}&timestamp={NOW}&nonce=77&echostr=5837397520665436492"
    status, headers, body = gateway.get(path)
    assert (status, body) == (200, b"5837397520665436492")
    assert "chunked" not in headers.get("Transfer-Encoding", "")
    assert gateway.get(path.replace("nonce=77", "nonce=78"))[0] == 401


def refused(gateway, reason):
    return gateway.metric("huiying_web_refused_total", reason=reason)


def raw_post(body, more=b"", path=b"/v1/messages", kind=b"application/json"):
    return (b"POST " + path + b" HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Type: " + kind + b"\r\n" + more +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


OK_BODY = b'{"account":"a","text":"x"}'
BAD = {
    "two_content_length": raw_post(OK_BODY, b"Content-Length: 5\r\n"),
    "both_framings": raw_post(OK_BODY, b"Transfer-Encoding: chunked\r\n"),
    "host": raw_post(OK_BODY, b"Host: other\r\n"),
    "utf8": raw_post(b'{"account":"a","text":"\xc3\x28"}'),
    "nul": raw_post(b'{"account":"a","text":"\\u0000"}'),
    "missing_field": raw_post(b'{"account":"a"}'),
    "depth": raw_post(b'{"account":"a","text":' + b"[" * 100000 + b"]" * 100000 + b"}"),
    "duplicate_key": raw_post(b'{"account":"a","text":"x","text":"y"}'),
    "json": raw_post(b'{"account":"a","text":"x"'),
    "content_type": raw_post(OK_BODY, kind=b"text/plain"),
    "unknown_field": raw_post(b'{"account":"a","text":"x","to":"y"}'),
    "occurred": raw_post(b'{"account":"a","text":"x","occurred":"2999-01-01T00:00:00+08:00"}'),
    "idempotency_key": raw_post(OK_BODY, b"Idempotency-Key: x\r\n"),
    "not_found": raw_post(OK_BODY, path=b"/v2/messages"),
    "target": raw_post(OK_BODY, path=b"/v1/messages?a=%zz"),
    "account": raw_post(b"<xml/>", path=b"/weixin/nobody", kind=b"text/xml"),
    "empty": raw_post(b"", path=b"/weixin/main?timestamp=%d&nonce=1&encrypt_type=aes&msg_signature=0" % NOW),
    "downgrade": raw_post(b"<xml/>", path=b"/weixin/main?timestamp=%d&nonce=1&signature=0" % NOW),
    "query": raw_post(b"<xml/>", path=b"/weixin/main?timestamp=%d" % NOW),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_request_is_a_clear_4xx_counted_by_reason(gateway, reason):
    before = refused(gateway, reason)
    answer = gateway.raw(BAD[reason])
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"] == reason
    assert answer.count(b"HTTP/1.1 ") == 1
    assert refused(gateway, reason) == before + 1
    works(gateway)


def test_ten_megabytes_are_413_with_a_length_or_chunked(gateway):
    body = b'{"account":"a","text":"' + b"x" * (10 << 20) + b'"}'
    before = refused(gateway, "too_large")
    assert gateway.raw(raw_post(body)).startswith(b"HTTP/1.1 413")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 65536]), body[i:i + 65536]) for i in range(0, len(body), 65536))
    head = b"POST /v1/messages HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert gateway.raw(head + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert refused(gateway, "too_large") == before + 2
    works(gateway)


def test_a_slow_body_is_408_and_holds_nobody_up(gateway):
    before = refused(gateway, "slow")
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as s:
        s.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(24):
            try:
                s.sendall(b"x")
            except OSError:
                break
            works(gateway)
            time.sleep(0.5)
        assert read_all(s).startswith(b"HTTP/1.1 408")
    assert refused(gateway, "slow") == before + 1


def test_a_signed_push_that_nobody_can_read_becomes_a_dead_letter(gateway):
    push, = MAIN.pushes(["<xml><ToUserName>not closed"], NOW)
    assert gateway.push(push) == (200, b"success")
    wrong, = MAIN.pushes([MAIN.text("oCitizen9", 5, NOW, "x")], NOW, appid="wx_somebody_else")
    assert gateway.push(wrong) == (200, b"success")
    letters = [contract.decode("DeadLetter", r.value) for r in topics.read(gateway.kafka.bootstrap, "hy.dead")]
    by_body = {bytes(letter.original): letter for letter in letters}
    assert by_body[push[1]].reason == "xml" and by_body[wrong[1]].reason == "appid"
    assert by_body[wrong[1]].program == "gateway" and "oCitizen9" not in by_body[wrong[1]].detail


def test_the_operators_tool_lists_what_nobody_could_read_and_refuses_to_send_it_again(gateway, tmp_path):
    push, = MAIN.pushes(["<xml><ToUserName>listed, not closed"], NOW)
    assert gateway.push(push) == (200, b"success")
    (tmp_path / "config.yaml").write_text(f"kafka: {{brokers: '{gateway.kafka.bootstrap}'}}\n")

    def hyctl(*words):
        return subprocess.run([paths.program("hyctl"), "dead", *words, "--config", str(tmp_path / "config.yaml")],
                              capture_output=True, text=True, timeout=60)
    name = f"gateway/weixin/main/{hashlib.sha256(push[1]).hexdigest()[:32]}"
    rows = {row["id"]: row for row in json.loads(hyctl("list", "--json").stdout)["letters"]}
    assert rows[name]["reason"] == "xml" and rows[name]["program"] == "gateway", rows
    assert name in hyctl("show", name).stdout
    refused_again = hyctl("replay", name)
    assert refused_again.returncode == 1 and "no record of a topic" in refused_again.stderr, refused_again


def test_a_wrong_signature_is_401_and_leaves_nothing(gateway):
    path, body = MAIN.pushes([MAIN.text("oForged", 6, NOW, "x")], NOW)[0]
    assert gateway.push((path[:-1] + ("0" if path[-1] != "0" else "1"), body))[0] == 401
    assert gateway.push((path.replace(f"timestamp={NOW}", f"timestamp={NOW + 1}"), body))[0] == 401
    assert not [e for _, e in gateway.events() if e.author.handle == "oForged"]
    works(gateway)


def test_other_methods_are_405(gateway):
    for method in ("PUT", "DELETE", "PATCH"):
        assert gateway.ask(method, "/v1/messages", b"{}")[0] == 405
    assert gateway.get("/v1/messages")[0] == 405
    works(gateway)


def test_a_client_that_asks_too_often_is_told_when_to_come_back(kafka):
    with Gateway(kafka, limit__rate=1, limit__burst=3, limit__loopback="yes") as gateway:
        body, kind, statuses = b'{"account":"a","text":"x"}', {"Content-Type": "application/json"}, []
        while statuses[-2:] != [429, 429] and len(statuses) < 100:  # each second gives one more
            status, headers, _ = gateway.ask("POST", "/v1/messages", body, kind)
            statuses.append(status)
        assert statuses[:3] == [202] * 3 and statuses[-2:] == [429, 429] and int(headers["Retry-After"]) >= 1, statuses
        time.sleep(1.2)
        works(gateway)


def raw(gateway, *lines):
    """The status of a form message with these header lines, as they are."""
    body = b'{"account":"a","text":"x"}'
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as s:
        s.sendall("\r\n".join(["POST /v1/messages HTTP/1.1", "Host: a", "Connection: close", "Content-Type: application/json",
                               f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body)
        return int(read_all(s).split()[1])


@pytest.mark.parametrize("lines", [("X-Forwarded-For: 203.0.113.{n}, 198.51.100.7",), ("x-forwarded-for: 203.0.113.{n}", "X-Forwarded-For: 198.51.100.7"),
                                   ("X-Forwarded-For: 127.0.0.1",), ("X-Forwarded-For: 203.0.113.{n}", "X-Forwarded-For: ::1")])
def test_behind_a_proxy_the_address_that_the_proxy_added_last_is_the_client(kafka, lines):
    with Gateway(kafka, limit__rate=1, limit__burst=3, limit__forwarded="yes") as gateway:
        statuses = []
        while statuses[-2:] != [429, 429] and len(statuses) < 60:
            statuses.append(raw(gateway, *(line.format(n=len(statuses)) for line in lines)))
        assert statuses[:3] == [202] * 3 and statuses[-2:] == [429, 429], statuses
        assert raw(gateway, "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 198.51.100.8") == 202, "another client is not held up"


def test_without_a_proxy_the_header_is_nothing(kafka):
    with Gateway(kafka, limit__rate=1, limit__burst=3, limit__loopback="yes") as gateway:
        assert 429 in [raw(gateway, f"X-Forwarded-For: 203.0.113.{n}") for n in range(30)]


def answered(gateway, n):
    """How many of n connections that stay open are answered; the others are closed by the gateway."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=15)) for _ in range(n)]
        return sum(is_answered(s) for s in held)


def is_answered(s):
    try:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        return s.recv(65536).startswith(b"HTTP/1.1")
    except (ConnectionResetError, BrokenPipeError):
        return False


def test_one_address_cannot_hold_all_connections(kafka):
    with Gateway(kafka, limit__connections=20) as gateway:
        assert 15 <= answered(gateway, 60) <= 20
        gateway.ready()  # what was held is given back
    with Gateway(kafka, limit__connections=20, limit__forwarded="yes") as gateway:
        assert answered(gateway, 60) == 60, "behind a proxy all connections are the proxy's"


def test_no_personal_data_is_logged(gateway):
    log = gateway.program.text()
    for secret in ("王五", "w@example.com", "东方明珠", "oCitizen", MAIN.token, MAIN.key):
        assert secret not in log


def test_a_refused_configuration_says_what_to_do(gateway):
    done = subprocess.run([*gateway.argv, "--set", "answer.kafka=4s", "--set", "answer.limit=1s"], capture_output=True, text=True)
    assert done.returncode == 2 and "answer.kafka" in done.stderr
    argv = ["accounts.dir=/nowhere" if a.startswith("accounts.dir=") else a for a in gateway.argv]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 2 and "/nowhere" in done.stderr
    done = subprocess.run([*argv, "--check-config"], capture_output=True, text=True)
    assert done.returncode == 2 and "/nowhere" in done.stderr
    assert subprocess.run([*gateway.argv, "--check-config"], capture_output=True).returncode == 0
    taken = subprocess.run(gateway.argv, capture_output=True, text=True, timeout=30)
    assert taken.returncode == 1 and "in use" in taken.stderr


def test_it_stops_cleanly_on_sigterm(kafka):
    with Gateway(kafka) as gateway:
        works(gateway)
        assert gateway.program.terminate() == 0
