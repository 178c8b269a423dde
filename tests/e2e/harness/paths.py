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


_given = {}  # port: a name in the kernel that says that it is ours until this process ends


def free_port():
    """A TCP port on loopback that nobody listens on; never given twice while this process lives, here or in another one's
    tests. Below those that the kernel gives to outgoing connections: one of them may take a port between here and the
    server's start."""
    while True:
        port = random.randrange(12000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0huiying-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _given[port] = claim
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
