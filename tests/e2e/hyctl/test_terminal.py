"""What a terminal shows while a command takes longer than a second, and that nothing of it gets into answers."""
import os
import pty
import select
import subprocess
import time

from harness import paths


def on_terminal(words, stdin=subprocess.DEVNULL, seconds=20, env=None):
    """(exit code, stdout, what the terminal got on stderr)."""
    master, slave = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HY_")} | (env or {})
    process = subprocess.Popen([paths.program("hyctl"), *words], stdin=stdin, stdout=subprocess.PIPE, stderr=slave, env=kept)
    os.close(slave)
    seen, out, until = b"", b"", time.monotonic() + seconds
    while time.monotonic() < until:
        ready = select.select([master, process.stdout], [], [], 0.2)[0]
        try:
            if master in ready:
                seen += os.read(master, 65536)
            if process.stdout in ready:
                out += os.read(process.stdout.fileno(), 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not ready and process.poll() is not None:
            break
    out += process.stdout.read()
    code = process.wait(20)
    os.close(master)
    return code, out.decode(), seen.decode()


def test_waiting_is_shown_from_the_first_second_on_and_wiped():
    code, out, seen = on_terminal(["topics", "check"], env={"HY_KAFKA_BROKERS": "127.0.0.1:1"})
    assert code == 1 and out == ""
    assert "asking Kafka … 1 s" in seen and "asking Kafka … 4 s" in seen
    assert seen.rindex("\x1b[K") < seen.rindex("does not answer"), "the bar is gone before the message"


def test_a_long_batch_shows_how_far_it_is(tmp_path):
    rows = tmp_path / "rows"
    line = '{"id":"%d","start":"2026-02-13","workdays":5000}\n'
    with open(rows, "w") as out:
        out.writelines(line % n for n in range(60000))
    with open(rows) as rows_in:
        code, out, seen = on_terminal(["calendar", "due"], stdin=rows_in, seconds=60)
    assert code == 0 and len(out.splitlines()) == 60000
    assert "answering [" in seen and " %" in seen and f"/{rows.stat().st_size}" in seen


def test_what_is_quick_shows_nothing(tmp_path):
    rows = tmp_path / "rows"
    rows.write_text('{"id":"1","start":"2026-02-13","workdays":5}\n')
    with open(rows) as rows_in:
        code, out, seen = on_terminal(["calendar", "due"], stdin=rows_in)
    assert code == 0 and "2026-02-" in out and seen == ""
