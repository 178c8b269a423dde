#!/usr/bin/env python3
"""Runs the end-to-end tests: a pytest process for each folder of tests/e2e that has tests (each folder has helpers of its
own, and some of them the same names), four at a time on two cores, since most of their time is waiting for clocks and
sessions.

    tests/e2e/run.py --results DIR --logs DIR [--jobs N] [FOLDER...]

HY_BUILD names the build under test. Writes JUnit XML to --results and the whole output to --logs; prints one line a
folder when it has ended, and what failed in it. Exit code 1 when a folder failed. A new folder needs no entry here.
"""
import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# Those that take minutes start first, so that none of them is left alone at the end, those that wait beside those that
# work; the others follow by name.
LONG = ["pipeline", "deploy", "gateway", "lane", "dashboard", "hyctl", "sla", "faults"]
SHOWN = 40  # lines of a failed folder's log


def folders(names):
    """The folders with tests, or those named, the long ones first. A name without tests ends the run."""
    found = sorted(path.name for path in HERE.iterdir() if any(path.glob("test_*.py")))
    unknown = set(names) - set(found)
    if unknown:
        sys.exit(f"tests/e2e/run.py: no tests in {', '.join(sorted(unknown))}; there are: {' '.join(found)}")
    wanted = [name for name in found if name in names or not names]
    return sorted(wanted, key=lambda name: (LONG.index(name) if name in LONG else len(LONG), name))


def run(name, given):
    """(name, exit code, seconds, path of the log) of one folder."""
    log, began = given.logs / f"e2e-{name}.log", time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10",
               f"--junitxml={given.results / f'e2e-{name}.xml'}", str(HERE / name)]
    with log.open("wb") as out:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=HERE.parents[1]).returncode
    return name, code, time.monotonic() - began, log


def tell(name, code, seconds, log):
    lines = log.read_text(errors="replace").splitlines()
    text = f"end-to-end: {name}"
    print(f"{text:<58} {'' if code == 0 else 'FAILED after '}{seconds:.1f} s", flush=True)
    for line in lines if code == 0 else []:
        if line.startswith("storm: "):  # what a storm did stands in every run's output
            print(f"    {line}", flush=True)
    if code:
        print(f"  the end of its log, which is {log}:", *(f"    {line}" for line in lines[-SHOWN:]), sep="\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--logs", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("folders", nargs="*")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    given.logs.mkdir(parents=True, exist_ok=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max(1, given.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, name, given) for name in folders(given.folders)]):
            tell(*done.result())
            failed |= done.result()[1] != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
