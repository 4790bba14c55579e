#!/usr/bin/env python3
"""One line for what `meson test` did: "N passed, N failed, N skipped".

Counts the single tests inside each test program, from meson's own logs. A
program that ended badly though no test in it failed (a crash, a timeout)
counts as one failure.
Usage: summary.py BUILD_DIR
"""
import json
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

GOOD = {"OK", "EXPECTEDFAIL"}


def count(cases):
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None or case.get("status") == "notrun" for case in cases)
    return [len(cases) - failed - skipped, failed, skipped]


def main():
    logs = Path(sys.argv[1]) / "meson-logs"
    suites = xml.parse(logs / "testlog.junit.xml").getroot().findall("testsuite")
    totals = [0, 0, 0]
    for line in (logs / "testlog.json").read_text().splitlines():
        test = json.loads(line)
        name = "vmpt." + test["name"]
        cases = [case for suite in suites if suite.get("name") == name or suite.get("name").startswith(name + ".")
                 for case in suite.findall("testcase")]
        result = test["result"]
        if not cases:
            counts = [result in GOOD, result not in GOOD and result != "SKIP", result == "SKIP"]
        else:
            counts = count(cases)
            if result not in GOOD and result != "SKIP" and counts[1] == 0:
                counts[1] = 1
        totals = [total + more for total, more in zip(totals, counts)]
    passed, failed, skipped = totals
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))


main()
