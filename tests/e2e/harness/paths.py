"""Where things are, free ports, and processes that never outlive the test."""
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build"


def preset_dir():
    """The preset folder whose programs are tested."""
    if os.environ.get("HY_BUILD"):
        return pathlib.Path(os.environ["HY_BUILD"]).resolve()
    for name in ("asan", "debug", "release"):
        if (BUILD / name / "bin").is_dir():
            return BUILD / name
    raise RuntimeError("no build found: run `cmake --preset debug && cmake --build build/debug` first")


def program(name):
    """Full path of one of our programs."""
    path = preset_dir() / "bin" / name
    if not path.exists():
        raise RuntimeError(f"{path} is not built")
    return str(path)


_given = set()


def free_port():
    """A TCP port on loopback that nobody listens on; never given twice in one process. Below those that the kernel gives to
    outgoing connections: one of them may take a port between here and the server's start."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def die_with_parent():
    """For preexec_fn: the child gets SIGKILL when this process ends, however it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Folder:
    """A data folder of its own under the system's temporary folder; removed unless HY_E2E_KEEP is set."""

    def __init__(self, name):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"hy-{name}-"))

    def remove(self):
        if os.environ.get("HY_E2E_KEEP"):
            print(f"kept {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)
