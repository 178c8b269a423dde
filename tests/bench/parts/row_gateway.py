"""The gateway: WeChat pushes in safe mode (encrypted and signed), each in Kafka before it is answered; an empty POST on
libmicrohttpd beside it."""
import json
import socket
import struct
import subprocess
import sys
import time

from harness import paths, topics

import proc
import row_router
from session import BenchError

sys.path.append(str(paths.ROOT / "tests/e2e/gateway"))
import weixin  # noqa: E402  the platform's side, by npm's wechat-crypto

ACCOUNT = weixin.Account("main", "gh_0123456789ab", "wx0123456789abcdef", "huiyingtoken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
CONNECTIONS = 128
TEXTS = ["小区{}栋停水三天了，没人管", "{}路的路灯一直不亮，晚上很危险", "请问{}号窗口几点上班", "{}号楼下垃圾堆放没有清运，臭味很大", "工地半夜施工，{}单元的老人没法休息"]


def requests_file(folder, n, port, first):
    """n pushes as they go over the wire, made now: the gateway takes none that is old."""
    now = int(time.time())
    xmls = [ACCOUNT.text(f"o{(first + i) % 5000:08}", 10_000_000 + first + i, now, TEXTS[i % len(TEXTS)].format(i)) for i in range(n)]
    path = folder / "pushes"
    with path.open("wb") as out:
        for url, body in ACCOUNT.pushes(xmls, now):
            wire = (f"POST {url} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/xml\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode() + body
            out.write(struct.pack("<I", len(wire)) + wire)
    return path


def shoot(port, path, first, n, rate=0):
    done = subprocess.run([paths.program("bench_http"), str(port), str(path), str(first), str(n), str(CONNECTIONS), str(rate)],
                          capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"bench_http: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    if found["refused"]:
        raise BenchError(f"{found['refused']} of {n} pushes were refused: {done.stderr.strip()}")
    return found


def start_gateway(session, city):
    accounts = city.folder.path / "accounts"
    accounts.mkdir(exist_ok=True)
    (accounts / "weixin-main.yaml").write_text(ACCOUNT.yaml())
    with city.config.open("a") as out:
        out.write(f"gateway:\n  accounts.dir: {json.dumps(str(accounts))}\n")
    return session.start(city, "gateway")


def mhd(port):
    """The empty server, built here; None where libmicrohttpd is missing."""
    made = paths.BUILD / "bench/mhd_empty"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        source = paths.ROOT / "tests/bench/http/mhd_empty.c"
        if subprocess.run(["cc", "-O2", "-o", str(made), str(source), "-lmicrohttpd"], capture_output=True).returncode:
            print("NO CANARY: libmicrohttpd is not installed; the gateway is measured alone", file=sys.stderr)
            return None
    server = row_router.Popen([made, port])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server
        except OSError:
            time.sleep(0.05)
    raise BenchError("the empty server did not start")


def gateway(session, peers, rounds):
    """As fast as it goes, then at half of that, open loop."""
    n = session.options.records or 20_000
    city = session.city(("gateway",))
    program = start_gateway(session, city)
    pid, port, empty_port = program.process.pid, city.ports["gateway"], paths.free_port()
    empty = mhd(empty_port)
    session.pin(pid, 1)
    for number in session.rounds(rounds):
        path = requests_file(city.folder.path, 2 * n, port, 2 * n * number)
        before = proc.cpu(pid)
        fast = shoot(port, path, 0, n)
        spent = (proc.cpu(pid) - before) / n * 1e6
        half = shoot(port, path, n, n, max(1, round(fast["rate"] / 2)))
        session.record("gateway", {"rate": fast["rate"], "cpu_us": spent, "p99": fast["p99"], "half_rate": half["rate"],
                                   "half_p50": half["p50"], "half_p99": half["p99"]})
        if empty:
            before = proc.cpu(empty.process.pid)
            found = shoot(empty_port, path, 0, n)
            session.record("mhd", {"rate": found["rate"], "cpu_us": (proc.cpu(empty.process.pid) - before) / n * 1e6, "p99": found["p99"]})
    kept = sum(high - low for low, high in topics.ends(session.kafka.bootstrap, city.topic("hy.comments")).values())
    if kept < 2 * n * (rounds + 1):
        raise BenchError(f"{2 * n * (rounds + 1)} pushes were answered, hy.comments holds {kept}")
    if empty:
        empty.end()
    session.stop(city, "gateway")
    session.drop(city)
    session.drop(city.redis)
    session.delete_topics(city.prefix)
