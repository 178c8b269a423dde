#!/usr/bin/env python3
"""Whether the fault storm finds what it is for: each deliberate defect of lib/base/breakage.h is built, must pass all unit
tests and a day without faults, and must then be caught by the auditor - from topics, Redis and the sender's ledger alone -
within twenty seeds.

    tests/faults/breakages.py                        all of them
    tests/faults/breakages.py position_outside ...   some of them
    tests/faults/breakages.py --table docs/breakages.csv

Exit code 1 when one was not caught, or was noticed before.
"""
import argparse
import collections
import csv
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/broken"
STORM = [sys.executable, str(ROOT / "tests/faults/storm.py")]


def defects():
    """{name: what it is}, from the one list."""
    text = (ROOT / "lib/base/breakage.h").read_text()
    return {name: what for name, what in re.findall(r'X\((\w+),\s+"([^"]+)"\)', text) if name != "none"}


def run(*command, **more):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def build(name):
    for command in (["cmake", "--preset", "debug", "-B", str(BUILD), f"-DHY_BREAK={name}"], ["cmake", "--build", str(BUILD)]):
        done = run(*command)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")


def unit_tests():
    """What unit tests say against it, or nothing. The simulator is a storm of its own and may find it."""
    done = run("ctest", "--test-dir", str(BUILD), "-j", "2", "--label-exclude", "simulator", "--output-on-failure")
    return "" if done.returncode == 0 else done.stdout[-1500:]


def storm(given, *words):
    """What the storm says; a line for each seed is shown as it comes."""
    command = [*STORM, *words, "--messages", str(given.messages), "--seconds", str(given.seconds), *(["--patient"] if given.patient else [])]
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "HY_BUILD": str(BUILD)}) as running:
        for line in running.stdout:
            lines.append(line)
            if re.match(r"seed \d+: ", line):
                print(f"    {line.split(':')[0]}: {line.rsplit(', ', 1)[1].strip()}", flush=True)
            elif line.startswith("  PROBLEM"):
                print(f"      {line.strip()[:200]}", flush=True)
    return "".join(lines)


def violations(output):
    """(seed, [violations]) of the first storm that found something, or None. How a program ended, or that it did, is no
    evidence."""
    seed, found = None, []
    for line in output.splitlines():
        if m := re.match(r"seed (\d+): ", line):
            if found:
                break
            seed = int(m.group(1))
        elif m := re.match(r"  PROBLEM (I\d.*)", line):
            found.append(m.group(1))
    return (seed, found) if found else None


def judge(name, what, given):
    print(f"{name}: {what}", flush=True)
    row = collections.OrderedDict(defect=name, what=what, unit_tests="passed", quiet_day="passed", seed="", invariant="", evidence="")
    build(name)
    said = unit_tests()
    if said:
        row["unit_tests"] = "failed"
        row["evidence"] = said.splitlines()[-1]
        return row
    if violations(storm(given, "--seed", "1", "--faults", "0")):
        row["quiet_day"] = "failed"
    seeds = ["--these", given.these] if given.these else ["--seed", "1", "--seeds", str(given.seeds)]
    found = violations(storm(given, *seeds, "--faults", str(given.faults), "--stop-at-first", "--jobs", str(given.jobs)))
    if found:
        row["seed"], row["evidence"] = found[0], found[1][0]
        row["invariant"] = " ".join(sorted({word for text in found[1] for word in re.findall(r"\bI\d+\b", text)}, key=lambda i: int(i[1:])))
    return row


def write_table(path, rows):
    """Rows of defects that were not tried again stay."""
    found = {}
    if path.exists():
        with path.open(newline="") as text:
            found = {row["defect"]: row for row in csv.DictReader(text)}
    found.update({row["defect"]: row for row in rows})
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(found.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("defects", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--these", help="just these seeds, in this order: 8,16,13 (weather.py: those that have much of what the defect needs)")
    parser.add_argument("--jobs", type=int, default=2, help="so many storms at a time")
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--faults", type=float, default=0.8, help="seconds between faults on average")
    parser.add_argument("--patient", action="store_true", help="with a Kafka as it comes (storm.py)")
    parser.add_argument("--table", type=pathlib.Path, help="CSV file for the result")
    given = parser.parse_args()
    known = defects()
    if unknown := set(given.defects) - set(known):
        sys.exit(f"no such defect: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    rows = []
    for name in given.defects or known:
        rows.append(judge(name, known[name], given))
        row = rows[-1]
        caught = f"caught by seed {row['seed']} ({row['invariant']}): {row['evidence'][:120]}" if row["seed"] else "NOT CAUGHT"
        print(f"{name:<24} unit tests {row['unit_tests']}, quiet day {row['quiet_day']}, {caught}", flush=True)
        if given.table:
            write_table(given.table, rows)
    good = [r for r in rows if r["seed"] and r["unit_tests"] == r["quiet_day"] == "passed"]
    print(f"breakages: {len(good)} of {len(rows)} caught")
    return 0 if len(good) == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
