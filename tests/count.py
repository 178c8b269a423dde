#!/usr/bin/env python3
"""Adds up what the tests wrote (JUnit XML of ctest and pytest), names what failed or was skipped, and prints the last
line of tests/run: "N passed, N failed, N skipped". A ctest entry is a cmocka program; it counts as the tests in it, read
from cmocka's closing lines, or as one when it died before them. Exit code 1 when anything failed or nothing ran.
--step-failed adds a failure: a step of the run itself, such as a build, did not succeed.
To count another kind of test, let it write JUnit XML into build/test-results."""
import re
import sys
import xml.etree.ElementTree

CLOSING = re.compile(r"\[  (PASSED |FAILED |SKIPPED) \] (\d+) test\(s\)")


def outcome(case):
    """passed, failed or skipped, of one <testcase>."""
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def inner_counts(case):
    """{"passed": n, ...} of the cmocka tests in a program; empty when it is no cmocka program or died."""
    counts = {}
    for kind, number in CLOSING.findall(case.findtext("system-out") or ""):
        kind = kind.strip().lower()
        counts[kind] = counts.get(kind, 0) + int(number)
    return counts


def count(case, totals, notes):
    result, inner = outcome(case), inner_counts(case)
    name = f"{case.get('classname')}::{case.get('name')}"
    if result == "failed" and not inner.get("failed"):
        inner["failed"] = 1  # it died, or a sanitizer spoke after the tests had passed
    if not inner:
        inner = {result: 1}
    for kind, number in inner.items():
        totals[kind] += number
    if result != "passed" or inner.get("skipped"):
        why = case.find("skipped").get("message", "") if case.find("skipped") is not None else ""
        notes.append(f"{'skipped' if result == 'passed' else result}: {name}{': ' + why if why else ''}")


def main(paths):
    totals, notes = {"passed": 0, "failed": 0, "skipped": 0}, []
    if "--step-failed" in paths:
        totals["failed"] += 1
        notes.append("failed: a step of the run itself; its message stands above")
    for path in (p for p in paths if p != "--step-failed"):
        try:
            for case in xml.etree.ElementTree.parse(path).iter("testcase"):
                count(case, totals, notes)
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            totals["failed"] += 1
            notes.append(f"failed: the results in {path} cannot be read: {error}")
    print("\n".join(notes + ["{passed} passed, {failed} failed, {skipped} skipped".format(**totals)]))
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
