"""A real redis-server with the settings of deploy/redis, on a free port and a Unix socket, with its own data folder."""
import socket
import subprocess
import time

from . import paths
from .server import Server


class Redis(Server):
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
            ["redis-server", str(paths.ROOT / "deploy/redis/redis.conf"), "--port", str(self.port), "--unixsocket",
             self.socket_path, "--dir", str(self.folder.path), *self.extra],
            stdout=out, stderr=out, preexec_fn=paths.die_with_parent, start_new_session=True, env=self.environment())
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

    def environment(self):
        """Of the server's process; None = this one's."""

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
