"""Other people's systems, run beside ours when their sources are at hand; nothing of theirs is kept in this repository.

--peers DIR (default: the folder shared/bench beside the project) holds kafka/ and timers/ as their README files tell. What
is missing is skipped, loudly: a ratio that was not measured is not shown.
"""
import os
import pathlib
import shutil
import subprocess
import sys

from harness import paths

BUILD = paths.BUILD / "bench/peers"


def find(folder):
    found = pathlib.Path(folder) if folder else paths.ROOT.parent / "shared/bench"
    if not found.is_dir():
        print(f"NO PEERS: {found} is not there; rows are measured without Kafka Streams and BullMQ", file=sys.stderr)
        return None
    return found


def _build(name, commands, cwd=None):
    BUILD.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{name}.log"
    with log.open("wb") as out:
        for command in commands:
            if subprocess.run([str(word) for word in command], cwd=cwd, stdout=out, stderr=out).returncode:
                print(f"NO PEER {name}: it could not be built, see {log}", file=sys.stderr)
                return False
    return True


class KafkaPeers:
    """Commands that route a topic by keywords; their environment is that of kafka/README.md."""

    def __init__(self, folder):
        self.commands = {}
        if folder is None:
            return
        self.source = folder / "kafka"
        self.keywords = self.source / "keywords.txt"
        self.outs = list(dict.fromkeys(line.split("\t")[0] for line in self.keywords.read_text().splitlines())) + ["triage"]
        self._raw()
        self._streams()

    def _raw(self):
        made = BUILD / "raw"
        if made.exists() or _build("raw", [["cc", "-O2", "-march=native", "-o", made, self.source / "c/raw.c", "-lrdkafka", "-lpthread"]]):
            self.commands["raw_keywords"] = [str(made), "match", "max=10000"]

    def _streams(self):
        made = BUILD / "streams"
        if not (made / "target/streams-1.jar").exists():
            shutil.copytree(self.source / "streams", made, dirs_exist_ok=True)
            subprocess.run(["chmod", "-R", "u+w", str(made)], check=True)
            if not _build("streams", [["mvn", "-q", "-B", "package", "dependency:copy-dependencies", "-DoutputDirectory=libs"]], made):
                return
        state = BUILD / "streams-state"
        state.mkdir(exist_ok=True)
        self.commands["kafka_streams"] = ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                          f"-Djava.io.tmpdir={state}", "-cp", f"{made}/target/streams-1.jar:{made}/libs/*", "Router", "ac"]

    def environment(self, bootstrap, topic, prefix, group, n):
        return {**os.environ, "BOOTSTRAP": bootstrap, "IN_TOPIC": topic, "OUT_PREFIX": prefix, "GROUP": group, "N": str(n),
                "KEYWORDS": str(self.keywords)}


def bullmq(folder):
    """(command, environment) of BullMQ's bench, or None."""
    if folder is None:
        return None
    made = BUILD / "bullmq"
    if not (made / "node_modules/bullmq").is_dir():
        made.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "timers/bullmq/package.json", made / "package.json")
        if not _build("bullmq", [["npm", "install", "--no-save", "--no-audit", "--no-fund"]], made):
            return None
    return ["node", str(folder / "timers/bullmq/timers.js")], {**os.environ, "NODE_BUILD": str(made)}
