#!/usr/bin/env python3
"""Runs vmpt as each case says, and compares everything that it does.

A case is a folder: `cmd` has the arguments, in the shell's quoting, for a vmpt
that is started in the source root; `stdout`, `stderr` and `status` have what is
expected (no file: nothing, 0). VMPT_ACCEPT=1 writes them anew; review the diff.
A dump that is there as DUMP.zst alone is unpacked first.

Usage: run.py VMPT SOURCE_ROOT       (prints TAP)
"""
import os
import shlex
import subprocess
import sys
import tempfile
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


def unpack(words, source, folder):
    """The words, with the names of unpacked dumps in place of packed ones; {name: what stands in cmd}."""
    names = {}
    for i, word in enumerate(words):
        packed = Path(source, word + ".zst")
        if packed.exists() and not Path(source, word).exists():
            dump = Path(folder, word.replace("/", "-"))
            if not dump.exists():
                subprocess.run(["zstd", "-q", "-d", "--sparse", packed, "-o", dump], check=True)
            names[str(dump)] = word
            words[i] = str(dump)
    return names


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), sys.argv[2]
    tap = Tap()
    unpacked = tempfile.TemporaryDirectory(prefix="vmpt-golden-")
    for command in sorted(Path(__file__).parent.glob("*/cmd")):
        folder = command.parent
        words = shlex.split(command.read_text())
        names = unpack(words, source, unpacked.name)
        result = run(vmpt, *words, cwd=source)
        status = f"{result.returncode}\n".encode() if result.returncode else b""
        actual = {"stdout": result.stdout, "stderr": result.stderr, "status": status}
        for name, word in names.items():
            actual = {key: content.replace(name.encode(), word.encode()) for key, content in actual.items()}
        problems = []
        for name, content in actual.items():
            if os.environ.get("VMPT_ACCEPT") == "1":
                accept(folder / name, content)
            elif difference := first_difference(expected(folder / name), content):
                problems.append(f"{name}: {difference}")
        tap.report("\n".join(problems) or None, folder.name)
    tap.end()


main()
