#!/usr/bin/env python3
"""Checks that each header of src/ includes what it uses.

Usage: headers.py SRC COMPILER [ARGUMENT...]

A header that a source file of its name includes first is tried by the build
without precompiled headers that .ci/run makes. The others are compiled alone
here; with VMPT_ALL=1 every header is.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def compile_alone(command, src, header):
    """To an object, not with -fsyntax-only: that is what ccache keeps."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "-I", src, "-x", "c++", "-c", header,
                               "-o", f"{folder}/alone.o"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{header}:\n{done.stderr}"


def is_included_first(header):
    """By a source file of its name."""
    source = header.with_suffix(".cpp")
    if not source.exists():
        return False
    first = re.search(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE)
    return bool(first) and str(header).endswith("/" + first[1])


def main():
    src, command = Path(sys.argv[1]), sys.argv[2:]
    headers = sorted(h for h in src.rglob("*.h") if h.parent.name != "precompiled")
    if not headers:
        sys.exit(f"{src}: no headers there")
    alone = [h for h in headers if os.environ.get("VMPT_ALL") or not is_included_first(h)]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(filter(None, pool.map(lambda header: compile_alone(command, str(src), str(header)), alone)))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
