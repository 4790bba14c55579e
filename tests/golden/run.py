#!/usr/bin/env python3
"""Runs vmpt as each case says, and compares everything that it does.

A case is a folder: `cmd` has the arguments, in the shell's quoting, for a vmpt
that is started in the source root; `stdout`, `stderr` and `status` have what is
expected (no file: nothing, 0). VMPT_ACCEPT=1 writes them anew; review the diff.

Usage: run.py VMPT SOURCE_ROOT       (prints TAP)
"""
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, first_difference, run


def expected(path):
    return path.read_bytes() if path.exists() else b""


def accept(path, content):
    if content:
        path.write_bytes(content)
    else:
        path.unlink(missing_ok=True)


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), sys.argv[2]
    tap = Tap()
    for command in sorted(Path(__file__).parent.glob("*/cmd")):
        folder = command.parent
        result = run(vmpt, *shlex.split(command.read_text()), cwd=source)
        status = f"{result.returncode}\n".encode() if result.returncode else b""
        actual = {"stdout": result.stdout, "stderr": result.stderr, "status": status}
        problems = []
        for name, content in actual.items():
            if os.environ.get("VMPT_ACCEPT") == "1":
                accept(folder / name, content)
            elif difference := first_difference(expected(folder / name), content):
                problems.append(f"{name}: {difference}")
        tap.report("\n".join(problems) or None, folder.name)
    tap.end()


main()
