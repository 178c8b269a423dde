"""Starts programs, keeps them running, and stops them in order: the part of deploy/up that stays while all is well.

A program that dies is started again after a pause that doubles from 0.1 s to 10 s and falls back once it has lived for
30 s. How often that happened stands in DATA/run/supervisor.json, which `hyctl status` reads. Each program has a pid file
DATA/run/NAME.pid, by which deploy/down finds what a crash of this process left behind.

One thread; signals only set a flag and wake the loop. Standard library only, so that a bare Debian 12 can run it.
To add a program: a line in deploy/programs (deploy/stack.py reads it); nothing here knows a program's name.
"""
import dataclasses
import datetime
import json
import os
import pathlib
import select
import signal
import subprocess
import time
import typing

FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 0.1, 10.0, 30.0  # seconds
DEATHS_WHILE_STARTING = 5  # so often may a program die before it was ready once
REFUSED = 2  # the exit code of wrong use or refused configuration: starting again cannot help
STOP_SECONDS = 20  # a drain has this long until SIGKILL


class StartFailed(Exception):
    """A program or command did not come up; the text says why, log names the file to look into."""

    def __init__(self, text, log):
        super().__init__(text)
        self.log = pathlib.Path(log)


class Stopped(Exception):
    """Somebody asked to stop while the start was still going on."""


@dataclasses.dataclass
class Service:
    """One program. stage: those of a higher stage start later and stop earlier. ready() is asked until it says True."""

    name: str
    argv: list
    stage: int
    ready: typing.Callable[[], bool]
    listen: str = ""
    env: dict = dataclasses.field(default_factory=dict)
    # kept by the supervisor
    process: subprocess.Popen = None
    state: str = "stopped"  # stopped, starting, running, waiting (for its next start)
    restarts: int = 0
    last_exit: str = ""
    since: str = ""
    pause: float = FIRST_PAUSE
    started_at: float = 0.0
    next_start: float = 0.0


def now_text():
    return datetime.datetime.now(datetime.timezone.utc).astimezone().isoformat(timespec="seconds")


def exit_text(code):
    return f"exit {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"


def write_whole(path, text, mode=0o644):
    """Replaces a file in one move, so that no reader ever sees half of it."""
    beside = f"{path}.{os.getpid()}.new"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)
    os.replace(beside, path)


class Supervisor:
    """Owns the services given to start(). Call from the main thread only; say() gets lines for people."""

    def __init__(self, data, say):
        self.data, self.say = pathlib.Path(data), say
        self.run, self.log = self.data / "run", self.data / "log"
        self.run.mkdir(parents=True, exist_ok=True)
        self.log.mkdir(parents=True, exist_ok=True)
        self.services, self.signals, self.ready, self.began = [], 0, False, now_text()
        self._wake, wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, *_):
        self.signals += 1

    # ---- starting

    def start(self, services, seconds=60):
        """Starts these together; returns when all are ready. StartFailed, Stopped."""
        self.services.extend(services)
        for service in services:
            self._spawn(service)
        self._write_state()
        deadline = time.monotonic() + seconds
        while waiting := [s for s in services if s.state != "running"]:
            for service in waiting:
                if service.process and service.process.poll() is None and service.ready():
                    self._change(service, "running")
            self._check_start(waiting, time.monotonic() > deadline, seconds)
            self.tick(0.05)
            if self.signals:
                raise Stopped()

    def _check_start(self, waiting, late, seconds):
        for service in waiting:
            log = self.log / f"{service.name}.log"
            if service.last_exit == f"exit {REFUSED}":
                raise StartFailed(f"{service.name} refused its configuration", log)
            if service.restarts >= DEATHS_WHILE_STARTING:
                raise StartFailed(f"{service.name} died {service.restarts} times, last with {service.last_exit}", log)
            if late and service.state != "running":
                raise StartFailed(f"{service.name} was not ready within {seconds} s", log)

    def command(self, name, argv, env=None, seconds=120):
        """Runs a command to its end with its output in log/NAME.log. StartFailed when it fails, Stopped."""
        log = self.log / f"{name}.log"
        process = self._popen(argv, env or {}, log, "wb")
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            self.tick(0.05)
            if self.signals or time.monotonic() > deadline:
                process.terminate()
                process.wait()
                if self.signals:
                    raise Stopped()
                raise StartFailed(f"{' '.join(map(str, argv))} took more than {seconds} s", log)
        if process.returncode:
            raise StartFailed(f"{' '.join(map(str, argv))} ended with {exit_text(process.returncode)}", log)

    @staticmethod
    def _popen(argv, env, log, mode):
        """A session of its own: Ctrl-C at the terminal reaches only us, so that the order of stopping is ours."""
        with open(log, mode) as out:
            try:
                return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env},
                                        start_new_session=True)
            except OSError as error:
                raise StartFailed(f"{argv[0]} cannot be started: {error.strerror}", log) from error

    def _spawn(self, service):
        service.process = self._popen(service.argv, service.env, self.log / f"{service.name}.log", "ab")
        service.started_at = time.monotonic()
        pid = service.process.pid
        write_whole(self.run / f"{service.name}.pid", f"{pid} {process_birth(pid)}\n")
        self._change(service, "starting")

    def _change(self, service, state):
        service.state, service.since = state, now_text()
        self._write_state()

    # ---- watching

    def all_ready(self):
        """Everything that was to start has started: written before anybody is told."""
        self.ready = True
        self._write_state()

    def watch(self):
        """Keeps everything running until somebody asks to stop."""
        self.all_ready()
        while not self.signals:
            self.tick(1.0)

    def tick(self, seconds):
        """Sleeps at most so long, less when a child ends, a signal comes or a start is due; then does what is due."""
        due = [s.next_start for s in self.services if s.state == "waiting"]
        left = min([seconds] + [max(0.0, at - time.monotonic()) for at in due])
        if select.select([self._wake], [], [], left)[0]:
            try:
                os.read(self._wake, 4096)
            except BlockingIOError:
                pass
        for service in self.services:
            self._look_after(service)

    def _look_after(self, service):
        now = time.monotonic()
        if service.state in ("starting", "running"):
            code = service.process.poll()
            if code is not None:
                self._died(service, code, now)
            elif service.state == "starting" and self.ready and service.ready():
                self._change(service, "running")
        elif service.state == "waiting" and now >= service.next_start and not self.signals:
            self._spawn(service)

    def _died(self, service, code, now):
        if now - service.started_at >= STEADY_AFTER:
            service.pause = FIRST_PAUSE
        service.last_exit = exit_text(code)
        service.restarts += 1
        service.next_start = now + service.pause
        self.say(f"{service.name} ended with {service.last_exit}; starting it again in {service.pause:.1f} s "
                 f"(restart {service.restarts}, log {self.log / service.name}.log)")
        service.pause = min(service.pause * 2, LONGEST_PAUSE)
        self._change(service, "waiting")

    # ---- stopping

    def stop(self):
        """Stops stage after stage, the last started first. A second signal stops waiting for drains."""
        asked = max(self.signals, 1)
        for stage in sorted({s.stage for s in self.services}, reverse=True):
            services = [s for s in self.services if s.stage == stage]
            for service in services:
                if service.process and service.process.poll() is None:
                    service.process.send_signal(signal.SIGCONT)
                    service.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for service in services:
                self._await_end(service, deadline, asked)
        self.ready = False
        self._write_state()

    def _await_end(self, service, deadline, asked):
        while service.process and service.process.poll() is None:
            if time.monotonic() > deadline or self.signals > asked:
                self.say(f"{service.name} did not stop in time and was killed")
                service.process.kill()
                service.process.wait()
            time.sleep(0.02)
        (self.run / f"{service.name}.pid").unlink(missing_ok=True)
        self._change(service, "stopped")

    # ---- what others read

    def _write_state(self):
        programs = [{
            "name": s.name, "state": s.state, "pid": s.process.pid if s.state in ("starting", "running") else None,
            "restarts": s.restarts, "last_exit": s.last_exit or None, "since": s.since, "listen": s.listen or None,
            "log": str(self.log / f"{s.name}.log"),
        } for s in self.services]
        state = {"version": 1, "pid": os.getpid(), "began": self.began, "ready": self.ready, "data": str(self.data),
                 "programs": programs}
        write_whole(self.run / "supervisor.json", json.dumps(state, indent=1) + "\n")


def process_birth(pid):
    """When a process began, in the kernel's ticks since boot: with the pid it names one process for good. 0 = it is gone
    or a zombie that nobody collects."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError):
        return 0


def left_behind(data):
    """[(name, pid)] of the programs whose supervisor is gone: same pid, same birth, and our folder in the command line."""
    found = []
    for path in sorted((pathlib.Path(data) / "run").glob("*.pid")):
        try:
            pid, birth = map(int, path.read_text().split())
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if birth and process_birth(pid) == birth and any(f"{data}/".encode() in word for word in words):
            found.append((path.stem, pid))
    return found


def stop_left_behind(data, say):
    """Ends what a crash left behind, by its pid files; returns the names. The caller holds the lock of the folder."""
    found = left_behind(data)
    births = {pid: process_birth(pid) for _, pid in found}
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
        for name, pid in left_behind(data):
            say(f"stopping {name} (pid {pid}), left behind by a crash" if number == signal.SIGTERM
                else f"{name} (pid {pid}) did not stop and is killed")
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(process_birth(pid) == birth for pid, birth in births.items()):
            time.sleep(0.05)
    for path in (pathlib.Path(data) / "run").glob("*.pid"):
        path.unlink(missing_ok=True)
    return [name for name, _ in found]
