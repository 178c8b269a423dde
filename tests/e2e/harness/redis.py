"""A real redis-server on a free port and a Unix socket, with its own data folder and AOF."""
import signal
import socket
import subprocess
import threading
import time

from . import paths


class Redis:
    """port, socket_path and url name it; kill/stop_for/restart/flush hurt it, data stays until close."""

    def __init__(self, *extra):
        self.folder = paths.Folder("redis")
        self.port = paths.free_port()
        self.socket_path = str(self.folder.path / "redis.sock")
        self.url = f"redis://127.0.0.1:{self.port}"
        self.extra = extra
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, timeout=20):
        out = open(self.folder.path / "redis.log", "ab")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket_path, "--dir",
             str(self.folder.path), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", *self.extra],
            stdout=out, stderr=out, preexec_fn=paths.die_with_parent, start_new_session=True)
        out.close()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"redis-server ended with {self.process.returncode}: {self.tail()}")
            try:
                if self.command("PING") == "PONG":
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"redis-server did not answer within {timeout} s: {self.tail()}")

    def tail(self):
        return (self.folder.path / "redis.log").read_text(errors="replace")[-2000:]

    def command(self, *args):
        """One command over RESP: str, int, None, list (nested); raises RuntimeError on an error reply."""
        packed = [str(a).encode() if not isinstance(a, bytes) else a for a in args]
        wire = b"*%d\r\n" % len(packed) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in packed)
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(wire)
            with s.makefile("rb") as stream:
                return self._reply(stream)

    def _reply(self, stream):
        line = stream.readline()
        if not line:
            raise OSError("connection closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            if rest.startswith("LOADING"):
                raise OSError(rest)
            raise RuntimeError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
        return None if rest == "-1" else [self._reply(stream) for _ in range(int(rest))]

    def flush(self):
        self.command("FLUSHALL")

    def stop(self, timeout=20):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self, clean=True):
        self.stop() if clean else self.kill()
        return self.start()

    def stop_for(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, lambda: self.process.poll() is None and self.process.send_signal(signal.SIGCONT))
        timer.daemon = True
        timer.start()
        return timer

    def close(self):
        self.kill()
        self.folder.remove()
