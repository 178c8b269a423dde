"""Our programs under test: started, started again when they die, killed, stopped, and armed with crash points."""
import os
import pathlib
import signal
import subprocess
import threading
import time

from . import paths


class Program:
    """One process under supervision. Counters: starts, kills (by us or at a crash point), stops, exits (by code).

    The program gets HY_FAULT_FILE, so arm() reaches it while it runs (builds with HY_FAULT_POINTS). Its stderr goes to
    self.log. restart_after is the pause of the supervisor before it starts a dead program again.
    """

    def __init__(self, name, argv, env=None, restart_after=0.2, folder=None, start=True):
        self.name, self.argv = name, list(argv)
        self.own_folder = paths.Folder(name) if folder is None else None
        self.folder = pathlib.Path(folder) if folder else self.own_folder.path
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{name}.log"
        self.fault_file = self.folder / f"{name}.fault"
        self.fault_file.write_text("")
        self.env = {**os.environ, "HY_FAULT_FILE": str(self.fault_file), **(env or {})}
        self.restart_after = restart_after
        self.starts = self.kills = self.stops = 0
        self.exits = []
        self.wanted = False
        self.process = None
        self._lock = threading.RLock()
        self._watch = None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        with self._lock:
            self.wanted = True
            self._spawn()
            if self._watch is None:
                self._watch = threading.Thread(target=self._supervise, daemon=True)
                self._watch.start()
        return self

    def _spawn(self):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(self.argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.env,
                                        start_new_session=True)
        out.close()
        self.starts += 1

    def _supervise(self):
        while True:
            process = self.process
            code = process.wait()
            with self._lock:
                self.exits.append(code)
                if code == -signal.SIGKILL:
                    self.kills += 1
                if self.wanted:
                    self.arm("")  # what was armed has been hit; the next process starts whole
            time.sleep(self.restart_after)
            with self._lock:
                if not self.wanted:
                    self._watch = None
                    return
                self._spawn()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL now; the supervisor starts it again."""
        self.signal(signal.SIGKILL)

    def stop_for(self, seconds):
        """SIGSTOP now, SIGCONT after so many seconds, in the background; returns the timer (join() it)."""
        self.signal(signal.SIGSTOP)
        self.stops += 1
        return self.continue_after(seconds)

    def continue_after(self, seconds):
        process = self.process
        timer = threading.Timer(seconds, lambda: process.poll() is None and process.send_signal(signal.SIGCONT))
        timer.daemon = True
        timer.start()
        return timer

    def arm(self, text):
        """Arms crash points (lib/base/fault.h): "lane.before_flush:1:kill". "" disarms. Written atomically."""
        beside = self.fault_file.with_suffix(".new")
        with self._lock:  # the supervisor disarms, too
            beside.write_text(text)
            os.replace(beside, self.fault_file)

    def state(self):
        """The kernel's state letter of the process ("T" = stopped), or "" when it is gone."""
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
            return stat.rsplit(") ", 1)[1][0]
        except (OSError, IndexError):
            return ""

    def terminate(self, timeout=30):
        """Clean end (SIGTERM), no restart; returns the exit code. Kills after the timeout. start() may follow at once."""
        with self._lock:
            self.wanted = False
            watch = self._watch
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if watch:
            watch.join()  # else it would take a start() that comes now for its own affair, and there were two processes
        return self.process.wait()

    def text(self):
        return self.log.read_text(errors="replace")

    def close(self):
        with self._lock:
            self.wanted = False
        if self.alive():
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if self.own_folder:
            self.own_folder.remove()
