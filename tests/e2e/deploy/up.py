"""deploy/up as a process under test: its own data folder, its lines as they come, and where everything listens."""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Up:
    """Starts deploy/up; use wait_ready(), then where() and programs(); stop() or close(). env adds to the environment."""

    def __init__(self, data, *options, env=None):
        self.data, self.lines = pathlib.Path(data), []
        self.began = time.monotonic()
        self.process = subprocess.Popen([ROOT / "deploy/up", "--data", data, *options], stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def text(self):
        return "\n".join(self.lines)

    def wait_ready(self, seconds=280):
        """Seconds from the start until "ready"."""
        while not any(line.startswith("ready after") for line in self.lines):
            assert self.process.poll() is None, f"deploy/up ended with {self.process.returncode}:\n{self.text()}"
            assert time.monotonic() - self.began < seconds, f"not ready within {seconds} s:\n{self.text()}"
            time.sleep(0.05)
        return time.monotonic() - self.began

    def where(self):
        return json.loads((self.data / "run/where.json").read_text())

    def programs(self):
        """{name: row of supervisor.json}"""
        return {p["name"]: p for p in json.loads((self.data / "run/supervisor.json").read_text())["programs"]}

    def token(self, role):
        return pathlib.Path(self.where()["tokens"][role]).read_text().strip()

    def end(self, seconds=60):
        """The exit code, once it has ended by itself or was asked to."""
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()

    def close(self):
        """Whatever the test did, nothing of it stays."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run([ROOT / "deploy/down", "--data", self.data], capture_output=True, timeout=90, check=False)


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def until(condition, seconds=15, what="it did not come to that in time"):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
