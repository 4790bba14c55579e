#!/usr/bin/env python3
"""What a table, a line, a page and a task cost at several sizes, in time and in instructions.

Runs bench-listings, and where the machine does not count instructions, callgrind for each row
(of up to 16 MiB: it is fifty times as slow). What one costs does not grow with their number.

Usage: growth.py BUILD_FOLDER [LARGEST_MIB]
"""
import re
import subprocess
import sys
from pathlib import Path

MEASURED = ["vmpt::runListing(*", "vmpt::verifyBytes(*"]


def count(bench, row):
    """Instructions of one turn of the row, or None."""
    toggles = [f"--toggle-collect={name}" for name in MEASURED]
    try:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *toggles, bench, "1024", row, "1"],
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found.group(1)) if found else None


def main():
    bench = Path(sys.argv[1]) / "tests/bench/bench-listings"
    largest = sys.argv[2] if len(sys.argv) > 2 else "64"
    lines = subprocess.run([bench, largest], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    print(lines[0])
    for line in lines[1:]:
        row, units, rest = line[:30].strip(), int(line[30:40]), line[53:]
        size = re.search(r"(\d+) MiB", row)
        if rest.startswith("            -") and size and int(size.group(1)) <= 16:
            instructions = count(bench, row)
            if instructions:
                line = f"{line[:53]}{instructions / units:13.1f}{line[66:]}"
        print(line, flush=True)


main()
