"""A short fault storm (tests/faults): the books balance after everything went wrong at once; and the storm's own doors hurt."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT / "tests/faults"))

from breakages import defects  # noqa: E402
from servers import Clocked  # noqa: E402
from toxi import Toxi  # noqa: E402


def storm(*words):
    return subprocess.run([sys.executable, ROOT / "tests/faults/storm.py", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500)


def test_the_books_balance_after_everything_went_wrong(capsys):
    seed = os.environ.get("HY_SEED", str(int(time.time())))
    done = storm("--seed", seed, "--messages", "2000", "--seconds", "15", "--faults", "0.8", "--late", "20")
    with capsys.disabled():
        print("\n" + "\n".join("storm: " + line for line in done.stdout.splitlines() if line.startswith("seed")), flush=True)
    assert done.returncode == 0, done.stdout[-6000:]


def test_each_listed_defect_is_planted_and_no_ordinary_build_has_one():
    listed = set(defects())
    sources = [*(ROOT / "lib").rglob("*.c"), *(ROOT / "consumers").rglob("*.c")]
    planted = {name for path in sources for name in re.findall(r"HY_BROKEN\((\w+)\)", path.read_text())}
    assert planted == listed and len(listed) >= 10
    for preset in ("debug", "release"):
        now = ROOT / f"build/{preset}/breakage/breakage_now.h"
        assert not now.exists() or now.read_text() == "#define HY_BREAK_NOW HY_BREAK_none\n"
    refused = subprocess.run(["cmake", "--preset", "release", "-B", ROOT / "build/refused", "-DHY_BREAK=overlay_kept"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode and "never into a release" in refused.stderr
    shutil.rmtree(ROOT / "build/refused")


def echo(port, data, wait):
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(wait)
        s.sendall(data)
        try:
            return s.recv(64)
        except TimeoutError:
            return None


def test_a_door_cuts_silences_slows_and_leads_elsewhere():
    with Toxi() as toxi, Clocked() as one, Clocked() as other:
        door = toxi.door("redis", f"127.0.0.1:{one.port}")
        port = int(door.address.rsplit(":", 1)[1])
        ping = b"*1\r\n$4\r\nPING\r\n"
        assert echo(port, ping, 10) == b"+PONG\r\n"
        door.silence()
        assert echo(port, ping, 0.5) is None
        door.heal()
        door.slow(300)
        began = time.monotonic()
        assert echo(port, ping, 5) == b"+PONG\r\n" and time.monotonic() - began > 0.3
        door.heal()
        door.cut()
        try:
            echo(port, ping, 0.5)
            raise AssertionError("a door that is cut lets nobody in")
        except ConnectionError:
            pass
        door.heal()
        one.command("SET", "who", "one")
        other.command("SET", "who", "other")
        door.lead_to(f"127.0.0.1:{other.port}")
        assert b"other" in echo(port, b"*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n", 10)


def test_a_clock_that_is_set_is_what_redis_tells_and_times_as_before():
    with Clocked() as redis:
        redis.clock.set(-3600)
        told = int(redis.command("TIME")[0])
        assert abs(time.time() - 3600 - told) < 5
        redis.command("SET", "key", "value", "PX", "60000")
        redis.clock.set(0)
        assert abs(time.time() - int(redis.command("TIME")[0])) < 5
