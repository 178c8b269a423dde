"""The citizens' door: answers by receipt number, and the page that shows them."""
import hashlib

import httpx
from world import World


def test_an_answer_is_public_from_its_claim_on_and_hashes_as_approved(world):
    one = world.open("leak", "水管漏水", "映月小区3栋，我叫某某，电话一二三")
    door = world.anonymous(public=True)
    path = f"/v1/receipts/{one.receipt_number}"
    world.wait(lambda: door.get(path).status_code == 200)
    world.deliver(one, "receipt", "您的来信已受理。", state="PENDING")
    text = "您好！\n已修好💧 <b>&\"谢谢\"</b>"
    row = world.deliver(one, "reply", text, state="SENDING")
    world.deliver(one, "notice", "内部通报", target="cac_webhook")
    answer = world.wait(lambda: (a := door.get(path).json())["answers"] and a)
    assert set(answer) == {"number", "state", "received", "answers"}
    assert [(a["purpose"], a["text"]) for a in answer["answers"]] == [("reply", text)]
    assert hashlib.sha256(answer["answers"][0]["text"].encode()).digest() == row.content_hash
    assert "某某" not in door.get(path).text and answer["state"] == "in_progress"
    one.deliveries[0].state = 3
    world.write(one)
    world.wait(lambda: len(door.get(path).json()["answers"]) == 2)


def test_people_type_numbers_in_many_ways(world):
    one = world.open("leak", "水管漏水", "映月小区")
    door = world.anonymous(public=True)
    world.wait(lambda: door.get(f"/v1/receipts/{one.receipt_number}").status_code == 200)
    plain = one.receipt_number.replace("-", "")
    for typed in (plain, plain.lower(), " " + plain + " ", " ".join(one.receipt_number.split("-")), plain.replace("0", "o").replace("1", "l")):
        assert door.get("/v1/receipts/" + typed).status_code == 200, typed
    for typed in ("", plain[:-1], plain + "0", "UUUU-UUUU-UUUU-UUUU", "%00", "%ff", "../x", "💧" * 16):
        assert door.get("/v1/receipts/" + typed).status_code in (400, 404), typed
    unknown = door.get("/v1/receipts/0000-0000-0000-0000")
    assert unknown.status_code == 404 and unknown.json()["message"]


def test_the_page_speaks_both_languages_and_escapes_what_it_shows(world):
    one = world.open("leak", "水管漏水", "映月小区")
    door = world.anonymous(public=True)
    world.deliver(one, "reply", "<script>alert(1)</script>已修好")
    page = world.wait(lambda: "已修好" in (p := door.get("/status", params={"number": one.receipt_number}).text) and p)
    assert "&lt;script&gt;" in page and "<script" not in page and 'lang="zh-CN"' in page and "承办单位正在办理" in page
    english = door.get("/status", params={"number": one.receipt_number}, headers={"Accept-Language": "en-GB,zh;q=0.5"})
    assert '<html lang="en">' in english.text and "is working on it" in english.text
    assert "请核对编号" in door.get("/status", params={"number": '"><b>x'}).text
    bad = door.get("/status", params={"number": '"><b>x', "lang": "en"})
    assert bad.status_code == 404 and "not known" in bad.text and "<b>" not in bad.text
    assert "default-src 'none'; script-src 'self'" in bad.headers["Content-Security-Policy"]
    assert door.get("/status").status_code == 200 and door.get("/").status_code == 200
    assert door.get("/assets/status.css").headers["ETag"]
    assert door.get("/v1/overview").status_code == 404 and door.get("/page/app.js").status_code == 404
    assert door.get("/metrics").status_code == 404


def test_an_address_that_asks_too_often_is_told_to_wait(kafka, tmp_path):
    with World(kafka, "rate.", tmp_path, {"public.rate": 1, "public.burst": 5}) as world:
        door = world.anonymous(public=True)
        answers = []
        while len(answers) < 6 or (answers[-1].status_code != 429 and len(answers) < 100):  # each second gives one more
            answers.append(door.get("/v1/receipts/0000-0000-0000-0000"))
        assert [a.status_code for a in answers[:5]] == [404] * 5 and answers[-1].status_code == 429
        assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_noted_message_has_a_public_state_too(world):
    from world import receipt_number
    event_id = world.note("hello", "你好")
    door = world.anonymous(public=True)
    answer = world.wait(lambda: (a := door.get(f"/v1/receipts/{receipt_number(event_id)}")).status_code == 200 and a)
    assert answer.json()["state"] == "noted"


def test_both_doors_refuse_smuggled_requests(world):
    for address in (world.http, world.public):
        host, port = address.split(":")
        import socket
        with socket.create_connection((host, int(port)), 5) as line:
            line.sendall(b"GET /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx")
            assert b" 400 " in line.recv(4096)
        assert httpx.get(f"http://{address}/status").status_code in (200, 404)
