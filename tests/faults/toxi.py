"""toxiproxy between a client and its server: the network cut, silent, or slow, as somebody's cable would have it.

    with Toxi() as toxi:
        door = toxi.door("kafka", "127.0.0.1:9092")    # clients connect to door.address
        door.cut(); door.silence(); door.slow(200); door.heal()

The server is built by Go from its published module when it is not there yet (build/toxiproxy/server).
"""
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from harness import paths  # noqa: E402

MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.7.0"  # the newest that Debian 12's Go builds


def program():
    """Path of the server; built once."""
    folder = paths.BUILD / "toxiproxy"
    made = folder / MODULE.rsplit("@", 1)[1] / "server"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "install", MODULE], check=True, env={**os.environ, "GOBIN": str(made.parent), "GOFLAGS": "-mod=mod"})
    return str(made)


class Door:
    """One way through the proxy. Both directions are hurt alike."""

    def __init__(self, toxi, name, upstream, port=None):
        self.toxi, self.name = toxi, name
        self.address = f"127.0.0.1:{port or paths.free_port()}"
        toxi.ask("POST", "/proxies", {"name": name, "listen": self.address, "upstream": upstream, "enabled": True})

    def _toxic(self, kind, toxicity=1.0, ways=("upstream", "downstream"), **attributes):
        for stream in ways:
            self.toxi.ask("POST", f"/proxies/{self.name}/toxics", {"name": f"{kind}-{stream}", "type": kind, "stream": stream,
                                                                   "toxicity": toxicity, "attributes": attributes})

    def cut(self):
        """Connections that stand are broken, new ones refused."""
        self.toxi.ask("POST", f"/proxies/{self.name}", {"enabled": False})

    def silence(self, ways=("upstream", "downstream")):
        """Nothing gets through any more and nobody is told: a black hole, in both directions or in one."""
        self._toxic("timeout", timeout=0, ways=ways)

    def slow(self, milliseconds):
        self._toxic("latency", latency=milliseconds, jitter=milliseconds // 4)

    def delay(self, milliseconds):
        """A line so long: each answer comes that much later."""
        self._toxic("latency", ways=("downstream",), latency=milliseconds)

    def lead_to(self, upstream):
        """From now on to another server; connections that stand are broken."""
        self.toxi.ask("POST", f"/proxies/{self.name}", {"upstream": upstream})

    def lose(self, percent):
        """Some connections hang from the start, as on a bad line."""
        self._toxic("timeout", timeout=0, toxicity=percent / 100)

    def heal(self):
        for toxic in self.toxi.ask("GET", f"/proxies/{self.name}/toxics"):
            self.toxi.ask("DELETE", f"/proxies/{self.name}/toxics/{toxic['name']}")
        self.toxi.ask("POST", f"/proxies/{self.name}", {"enabled": True})


class Toxi:
    def __init__(self):
        self.port = paths.free_port()
        self.process = subprocess.Popen([program(), "-host", "127.0.0.1", "-port", str(self.port)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=paths.die_with_parent, start_new_session=True)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.ask("GET", "/version")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("toxiproxy did not start") from None
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body is not None and json.dumps(body).encode() or None,
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text.strip().startswith((b"{", b"[")) else text

    def door(self, name, upstream, port=None):
        return Door(self, name, upstream, port)

    def close(self):
        self.process.kill()
        self.process.wait()
