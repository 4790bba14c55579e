#!/usr/bin/env python3
"""Checks that each header of src/ compiles alone: it includes what it uses.

Usage: headers.py SRC COMPILER [ARGUMENT...]
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def check(command, src, header):
    """Compiles to an object, not with -fsyntax-only: that is what ccache keeps."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "-I", src, "-x", "c++", "-c", header,
                               "-o", f"{folder}/alone.o"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{header}:\n{done.stderr}"


def main():
    src, command = sys.argv[1], sys.argv[2:]
    headers = sorted(h for h in Path(src).rglob("*.h") if h.parent.name != "precompiled")
    if not headers:
        sys.exit(f"{src}: no headers there")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(filter(None, pool.map(lambda h: check(command, src, str(h)), headers)))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
