#!/usr/bin/env python3
"""The second half of deploy/up: what runs on one machine, how it is wired, and in which order it starts.

deploy/up has installed and built; this file chooses ports, makes secrets, writes the one configuration file, starts Kafka
and Redis, creates topics, publishes the packs, starts the programs of deploy/programs, plays the sample day, and then
stays as their supervisor (deploy/supervisor.py) until somebody asks to stop. Everything it writes is in the data folder:

    config.yaml          the one configuration of all programs (mode 0600)
    secrets/             tokens and passwords, made once (mode 0600)
    run/where.json       where everything listens, for scripts
    run/supervisor.json  what runs and how often it was started again, for `hyctl status`
    log/  kafka/  redis/ and a folder for each program that keeps something

Standard library only. To add a program: a line in deploy/programs, and its own settings in sections() if it has any.
"""
import argparse
import base64
import fcntl
import json
import os
import pathlib
import secrets
import socket
import string
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import supervisor
from supervisor import Service, StartFailed, Stopped, Supervisor, write_whole

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"
# Who gets a token: name, role, department ("-" = none). Full accounts are made with hyctl.
TOKENS = [("operator", "operator", "-"), ("department", "department", "shuiwu"), ("wangxinban", "wangxinban", "-")]
# The sample day's official account at WeChat; its token and key are made in the data folder.
SAMPLE_ACCOUNT = {"name": "chengtang", "gh_id": "gh_c1e7a5d0b392", "appid": "wx5f0c3a9d71e8b246"}
STATUS_PORT, WEBHOOK_PORT = 8091, 8092  # where citizens read answers; where the sample day's 网信办 takes its webhook


class Step:
    """One line: the text at once, its time when it is done. What is said in between gets lines of its own."""

    running = None

    def __init__(self, text):
        self.text, self.broken = text, False

    def __enter__(self):
        self.began, Step.running = time.monotonic(), self
        write(f"{self.text:<58} ")

    def __exit__(self, kind, *_):
        took, Step.running = time.monotonic() - self.began, None
        outcome = f"{took:.1f} s" if kind is None else "stopped" if kind is Stopped else f"FAILED after {took:.1f} s"
        write((f"{self.text:<58} " if self.broken else "") + outcome + "\n")


def say(text):
    """A line for people, with the time of day."""
    begin = "\n" if Step.running and not Step.running.broken else ""
    if Step.running:
        Step.running.broken = True
    write(f"{begin}{time.strftime('%H:%M:%S')} {text}\n")


def write(text):
    """A closed terminal is no reason to stop."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        pass


# ---- ports, secrets, files

class Ports:
    """Gives each listener its wanted port, or the next one that nobody uses, and remembers to say so."""

    def __init__(self):
        self.given, self.moved = set(), []

    def next(self, name, wanted):
        for port in range(wanted, min(wanted + 500, 65536)):
            if port not in self.given and self.is_free(port):
                self.given.add(port)
                if port != wanted:
                    self.moved.append(f"port {wanted} is taken: {name} uses {port}")
                return port
        raise StartFailed(f"no free port for {name} from {wanted} on", "-")

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended is no listener
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True


def secret(folder, name, make=lambda: secrets.token_urlsafe(32)):
    """The file of a secret, made the first time (256 random bits); only its owner may read it."""
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_whole(path, make() + "\n", 0o600)
    path.chmod(0o600)
    return path


def webhook_secret():
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def encoding_aes_key():
    """43 letters and digits that read as base64 of 32 bytes; the last one leaves no bits over."""
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(42)) + secrets.choice("AEIMQUYcgkosw048")


def yaml_text(value, indent=0):
    """Nested dicts of text, numbers and booleans as YAML; a JSON text is a YAML text."""
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{' ' * indent}{key}:"] + yaml_text(inner, indent + 2)
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(inner, ensure_ascii=False)}")
    return lines


# ---- does it answer?

def kafka_answers(port, host="127.0.0.1"):
    """An ApiVersions request (key 18, version 0) is answered with our correlation id."""
    try:
        with socket.create_connection((host, port), 1) as s:
            s.sendall(b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff")
            return s.recv(8)[4:8] == b"\x00\x00\x00\x01"
    except OSError:
        return False


def redis_answers(url, password):
    """PING, after AUTH when there is a password. url: redis://host:port or unix:///path."""
    part = urllib.parse.urlsplit(url)
    commands = ([("AUTH", password)] if password else []) + [("PING",)]
    try:
        with socket.socket(socket.AF_UNIX if part.scheme == "unix" else socket.AF_INET) as s:
            s.settimeout(1)
            s.connect(part.path if part.scheme == "unix" else (part.hostname or "127.0.0.1", part.port or 6379))
            for command in commands:
                words = [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in command]
                s.sendall(b"*%d\r\n" % len(words) + b"".join(words))
                answer = s.recv(512)
            return answer.startswith(b"+PONG")
    except (OSError, ValueError):
        return False


def without_password(url):
    """("redis://host:port/0", "password" or ""): programs take the password apart from the address."""
    part = urllib.parse.urlsplit(url)
    if part.password is None:
        return url, ""
    bare = part._replace(netloc=part.netloc.rpartition("@")[2])
    return bare.geturl(), urllib.parse.unquote(part.password)


def healthy(listen):
    try:
        with urllib.request.urlopen(f"http://{listen}/healthz", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def alone_in_starting(watcher, seconds=300):
    """Waits until no other deploy/up of this machine chooses ports and starts; close what is returned when all listen.

    Two that choose at the same time would choose the same ports, and one of them work on the servers of the other. The name
    is an abstract socket: it lives in the same network namespace as the ports and goes with its process.
    """
    turn, deadline, told = socket.socket(socket.AF_UNIX), time.monotonic() + seconds, False
    while True:
        try:
            turn.bind("\0huiying-up")
            return turn
        except OSError:
            if time.monotonic() > deadline:
                raise StartFailed(f"another deploy/up on this machine has not finished its start within {seconds} s", "-") from None
            if not told:
                write("waiting for another deploy/up on this machine to finish its start\n")
            told = True
        watcher.tick(0.2)
        if watcher.signals:
            raise Stopped()


# ---- the parts

def programs():
    """[(name, stage, port)] of deploy/programs, or those of them that HY_UP_PROGRAMS names."""
    rows = []
    for line in (ROOT / "deploy/programs").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, stage, port = line.split()
            rows.append((name, int(stage), int(port)))
    limit = os.environ.get("HY_UP_PROGRAMS")
    if limit is None:
        return rows
    wanted = [name for name in limit.replace(",", " ").split()]
    unknown = set(wanted) - {name for name, _, _ in rows}
    if unknown:
        raise StartFailed(f"HY_UP_PROGRAMS names {', '.join(sorted(unknown))}, not in deploy/programs", "-")
    return [row for row in rows if row[0] in wanted]


class Stack:
    """Everything of one data folder."""

    def __init__(self, data, watcher, with_sample):
        self.data, self.supervisor, self.with_sample = data, watcher, with_sample
        self.pack = "sample" if with_sample else "yuancheng"
        self.ports = Ports()
        self.kafka = os.environ.get("HY_KAFKA", "")
        self.redis, self.redis_password = without_password(os.environ.get("HY_REDIS", ""))
        self.own_kafka, self.own_redis = not self.kafka, not self.redis
        self.config_file = data / "config.yaml"
        self.rows = programs()
        for name in ("HY_KAFKA", "HY_REDIS", "HY_UP_PROGRAMS"):  # these steer us; programs take HY_… as settings
            os.environ.pop(name, None)
        os.environ["HY_CONFIG"] = str(self.config_file)

    def wire(self):
        """Chooses ports, makes secrets, writes the configuration and where.json."""
        self.make_secrets()
        if self.own_kafka:
            self.kafka_port = self.ports.next("Kafka", 9092)
            self.controller_port = self.ports.next("Kafka's controller", 9093)
            self.kafka = f"127.0.0.1:{self.kafka_port}"
        if self.own_redis:
            self.redis_port = self.ports.next("Redis", 6379)
            self.redis = f"redis://127.0.0.1:{self.redis_port}/0"
            self.write_redis_settings()
        self.listen = {name: f"127.0.0.1:{self.ports.next(name, port)}" for name, _, port in self.rows}
        self.status_listen = f"127.0.0.1:{self.ports.next('the status page', STATUS_PORT)}"
        self.webhook_listen = f"127.0.0.1:{self.ports.next('the webhook of the sample day', WEBHOOK_PORT)}"
        text = ["# Written by deploy/up at each start; edit deploy/stack.py instead.", *yaml_text(self.sections())]
        write_whole(self.config_file, "\n".join(text) + "\n", 0o600)
        where = {"version": 1, "config": str(self.config_file), "bin": str(BIN), "kafka": self.kafka, "redis": self.redis,
                 "redis_password": str(self.redis_secret), "http": self.listen, "status": self.status_listen,
                 "tokens": {role: str(path) for role, path in self.tokens.items()},
                 "webhook_listen": self.webhook_listen, "webhook_secret": str(self.webhook), "weixin": self.account}
        write_whole(self.data / "run/where.json", json.dumps(where, indent=1) + "\n")
        for line in self.ports.moved:
            write(line + "\n")

    def make_secrets(self):
        """A file a token, for people and scripts, and all tokens in the one file that programs check against."""
        folder = self.data / "secrets"
        self.tokens = {name: secret(folder, f"{name}.token") for name, _, _ in TOKENS}
        self.webhook = secret(folder, "webhook.secret", webhook_secret)
        self.make_sample_account()
        lines = [f"{name} {role} {department} {self.tokens[name].read_text().strip()}" for name, role, department in TOKENS]
        self.tokens_file = folder / "tokens"
        write_whole(self.tokens_file, "# name role department token\n" + "\n".join(lines) + "\n", 0o600)
        if self.own_redis:
            self.redis_secret = secret(folder, "redis.password")
            self.redis_password = self.redis_secret.read_text().strip()
        else:
            self.redis_secret = folder / "given-redis.password"
            write_whole(self.redis_secret, self.redis_password + "\n", 0o600)

    def make_sample_account(self):
        """The files of the accounts folder, as the gateway reads them (adapters/accounts.h)."""
        folder = self.data / "secrets"
        token = secret(folder, "weixin.token", lambda: secrets.token_hex(16))
        key = secret(folder, "weixin.aes_key", encoding_aes_key)
        self.account = {**SAMPLE_ACCOUNT, "token_file": str(token), "aes_key_file": str(key)}
        if self.with_sample:
            rows = {name: value for name, value in self.account.items() if name != "name"}
            write_whole(self.folder("accounts") / f"weixin-{self.account['name']}.yaml", "\n".join(yaml_text(rows)) + "\n", 0o600)

    def sections(self):
        """The configuration: what all programs share, then a section a program with what is its alone."""
        common = {"kafka": {"brokers": self.kafka}, "log": {"format": "text"},
                  "redis": {"url": self.redis, "password_file": str(self.redis_secret)}}
        pack = {"policy": {"pack": self.pack}}
        own = {
            "router": pack, "casework": pack, "sentinel": pack,
            "gateway": {"accounts": {"dir": str(self.folder("accounts"))}},
            "courier": {"courier": {"status_url": f"http://{self.status_listen}", "webhook_secret_file": str(self.webhook),
                                    "webhook_url": f"http://{self.webhook_listen}/notice" if self.with_sample else ""}},
            "dashboard": pack | {"public": {"listen": self.status_listen}, "dashboard": {
                "tokens": str(self.tokens_file), "supervisor": str(self.data / "run/supervisor.json"),
                "programs": ",".join(f"{name}=http://{at}" for name, at in self.listen.items() if name != "dashboard")}},
        }
        return common | {"hyctl": pack} | {name: {"http": {"listen": listen}, "data": {"dir": str(self.folder(name))}, **own.get(name, {})}
                         for name, listen in self.listen.items()}

    def folder(self, name):
        path = self.data / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def write_redis_settings(self):
        folder = self.folder("redis")
        lines = [(ROOT / "deploy/redis/redis.conf").read_text(), "# Added by deploy/up for this node.",
                 f"port {self.redis_port}", f'dir "{folder}"', f"requirepass {self.redis_password}"]
        if len(str(folder / "redis.sock")) < 100:  # the kernel's limit for a socket's path is 107
            lines += [f'unixsocket "{folder}/redis.sock"', "unixsocketperm 700"]
        write_whole(folder / "redis.conf", "\n".join(lines) + "\n", 0o600)

    def start_servers(self):
        services = []
        if self.own_kafka:
            argv = [str(ROOT / "deploy/kafka/run"), "foreground", "--data", str(self.data / "kafka"),
                    "--port", str(self.kafka_port), "--controller-port", str(self.controller_port)]
            services.append(Service("kafka", argv, 0, lambda: kafka_answers(self.kafka_port), self.kafka))
        if self.own_redis:
            argv = ["redis-server", str(self.data / "redis/redis.conf")]
            services.append(Service("redis", argv, 0, lambda: redis_answers(self.redis, self.redis_password),
                                    f"127.0.0.1:{self.redis_port}"))
        if services:
            with Step(f"starting {' and '.join(s.name.capitalize() for s in services)}"):
                self.supervisor.start(services)
        self.check_given_servers()

    def check_given_servers(self):
        if not self.own_kafka:
            host, _, port = self.kafka.split(",")[0].rpartition(":")
            if not port.isdigit() or not kafka_answers(int(port), host or "127.0.0.1"):
                raise StartFailed(f"HY_KAFKA={self.kafka}: no Kafka answers there (HOST:PORT, without TLS)", "-")
        if not self.own_redis and not redis_answers(self.redis, self.redis_password):
            raise StartFailed("HY_REDIS: no Redis answers there to PING (redis://[:PASSWORD@]HOST:PORT/DB, unix:///PATH)", "-")

    def prepare_contents(self):
        hyctl, config = str(BIN / "hyctl"), ["--config", str(self.config_file)]
        with Step("creating topics"):
            self.supervisor.command("topics", [hyctl, "topics", "create", *config])
        with Step(f"publishing the pack {self.pack} and the calendars"):
            self.supervisor.command("policy", [hyctl, "policy", "publish", self.pack, *config, "--policies",
                                               str(ROOT / "deploy/policies"), "--calendars", str(ROOT / "deploy/calendars")])

    def start_programs(self):
        for stage in sorted({stage for _, stage, _ in self.rows}):
            services = [Service(name, [str(BIN / name), "--config", str(self.config_file)], stage,
                                lambda at=self.listen[name]: healthy(at), self.listen[name])
                        for name, of_stage, _ in self.rows if of_stage == stage]
            with Step(f"starting {', '.join(s.name for s in services)}"):
                self.supervisor.start(services)

    def start_sample(self):
        """The sample day runs beside us until it has told its story; its end stops nothing."""
        run = ROOT / "deploy/sample/run"
        if not run.exists():
            return None
        with open(self.data / "log/sample.log", "ab") as out:
            sample = subprocess.Popen([str(run), "--data", str(self.data)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                      start_new_session=True)
        port, deadline = int(self.webhook_listen.rsplit(":", 1)[1]), time.monotonic() + 5
        while Ports.is_free(port) and sample.poll() is None and time.monotonic() < deadline:
            self.supervisor.tick(0.05)
        return sample

    def say_ready(self, sample):
        began = os.environ.get("HY_UP_BEGAN")
        took = time.time() - int(began) / 1000 if began else 0.0
        lines = [f"ready after {took:.1f} s"]
        if "dashboard" in self.listen:
            lines.append(f"  page      http://{self.listen['dashboard']}/    token: {self.tokens['operator']}")
            lines.append(f"  citizens  http://{self.status_listen}/status")
        if "gateway" in self.listen:
            lines.append(f"  messages  POST http://{self.listen['gateway']}/v1/messages")
        lines += [f"  tokens    {self.data / 'secrets'}/{{{','.join(self.tokens)}}}.token",
                  f"  status    {BIN / 'hyctl'} status --config {self.config_file}",
                  f"  logs      {self.data / 'log'}"]
        if sample:
            lines.append("  sample    the sample day is being played: watch the page for two minutes")
        write("\n".join(lines + ["Ctrl-C stops all of it.", ""]))


def bring_up(data, with_sample):
    """Starts all of it and stays; the exit code: 0 stopped on request, 1 something did not start."""
    supervisor.stop_left_behind(data, say)
    watcher = Supervisor(data, say)
    sample, status = None, 0
    try:
        stack = Stack(data, watcher, with_sample)
        with alone_in_starting(watcher):
            stack.wire()
            stack.start_servers()
            stack.prepare_contents()
            stack.start_programs()
            sample = stack.start_sample() if with_sample else None
        watcher.all_ready()
        stack.say_ready(sample)
        watcher.watch()
    except StartFailed as failed:
        explain(failed)
        status = 1
    except Stopped:
        pass
    finally:  # of an error nobody thought of too: it must not leave programs behind
        write("\n")
        end_sample(sample)
        with Step("stopping"):
            watcher.stop()
    return status


def end_sample(sample):
    if sample and sample.poll() is None:
        sample.terminate()
        sample.wait()


def explain(failed):
    """Which step it was stands on the line above; here why, and where to look."""
    print(f"deploy/up: {failed}", file=sys.stderr)
    if failed.log.exists() and failed.log.stat().st_size:
        tail = failed.log.read_text(errors="replace").splitlines()[-15:]
        print("  the end of its log:", *[f"    {line}" for line in tail], f"  log: {failed.log}", sep="\n", file=sys.stderr)


def take_down(data, seconds=60):
    """Asks a living deploy/up to stop, then ends what is left; the exit code."""
    lock = data / "run/lock"
    if not lock.exists():
        print(f"nothing runs on {data}")
        return 0
    with open(lock, "r+") as held:
        asked, deadline = None, time.monotonic() + seconds
        while not take_lock(held):
            pid = int(lock.read_text().strip() or 0)
            if pid and pid != asked:
                say(f"asking deploy/up (pid {pid}) to stop")
                os.kill(pid, 15)
                asked = pid
            if time.monotonic() > deadline:
                print(f"deploy/up (pid {pid}) did not stop within {seconds} s", file=sys.stderr)
                return 1
            time.sleep(0.1)
        names = supervisor.stop_left_behind(data, say)
    print(f"stopped {', '.join(names)}" if names else f"nothing is left running on {data}")
    return 0


def take_lock(held):
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def main():
    parser = argparse.ArgumentParser(description="The second half of deploy/up; run deploy/up or deploy/down instead.")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--no-sample", action="store_true")
    parser.add_argument("--down", action="store_true")
    given = parser.parse_args()
    os.umask(0o077)  # the folder holds what citizens wrote: for its owner only; programs inherit it
    data = given.data.resolve()
    return take_down(data) if given.down else bring_up(data, not given.no_sample)


if __name__ == "__main__":
    sys.exit(main())
