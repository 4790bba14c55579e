#!/usr/bin/env python3
"""The ABI of libvmpt: what was promised stays, and nothing else is seen.

tests/lib/libvmpt.so.0.abi has each function with its types and each constant
with its number, as vmpt.h has them. What is new is added to it (VMPT_ACCEPT=1
does); a line that goes away or changes is another ABI, and a new soname.
vmpt.h, vmpt.map and the library's dynamic symbols have to agree with it.

Where abidiff is installed and the library has debug information, abidiff has
to find that all that the header promises is there.

Usage: symbols.py LIBRARY SOURCE_ROOT     (prints TAP)
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, first_difference


def promises(header):
    """A line for each function, callback and constant of vmpt.h."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    for body in re.findall(r"\benum\s*\{(.*?)\}", text, re.S):
        for name, value in re.findall(r"(\w+)\s*=\s*(-?\d+)", body):
            yield f"constant {name} = {value}"
    text = re.sub(r"^#.*?$", "", text, flags=re.M)
    for declaration in re.findall(r"(?:VMPT_API|typedef)[^;{]*\([^;]*\);", text):
        yield " ".join(declaration.replace("VMPT_API", "function").split())


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    library, root = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    saved = root / "tests/lib/libvmpt.so.0.abi"
    now = "".join(f"{line}\n" for line in sorted(promises((root / "src/lib/vmpt.h").read_text())))
    if os.environ.get("VMPT_ACCEPT"):
        saved.write_text(now)
    tap.report(first_difference(saved.read_text(), now), "vmpt.h promises what libvmpt.so.0.abi has")

    promised = set(re.findall(r"^function .*?\b(vmpt_\w+)\(", now, re.M))
    listed = set(re.findall(r"^\s+(vmpt_\w+);", (root / "src/lib/vmpt.map").read_text(), re.M))
    tap.report(f"only one has {sorted(promised ^ listed)}" if promised != listed else None,
               "vmpt.map lists these functions")
    rows = [line.split() for line in run("nm", "-D", "--defined-only", library).splitlines()]
    seen = {name for *_, kind, name in rows if kind != "A"}
    wanted = {f"{name}@@VMPT_0" for name in listed}
    tap.report(f"{len(seen ^ wanted)} differ: {sorted(seen ^ wanted)[:20]}" if seen != wanted else None,
               "the library shows these, versioned, and nothing else")

    dynamic = run("readelf", "-d", library)
    tap.report(None if "[libvmpt.so.0]" in dynamic else dynamic, "its soname has the version of the ABI")
    foreign = [line for line in dynamic.splitlines() if "NEEDED" in line and "LLVM" in line]
    tap.report("\n".join(foreign) or None, "LLVM is inside")
    if not shutil.which("abidiff") or ".debug_info" not in run("readelf", "-S", "-W", library):
        tap.skip("abidiff", "not installed, or the library has no debug information")
    else:
        result = subprocess.run(["abidiff", "--hd1", root / "src/lib", "--hd2", root / "src/lib", library, library],
                                capture_output=True, text=True)
        tap.report(result.stdout + result.stderr if result.returncode else None, "abidiff reads the library's ABI")
    tap.end()


main()
