#!/usr/bin/env python3
"""Checks that an optimised program is hardened, as readelf sees it.

Usage: hardening.py VMPT CPU_FAMILY
"""
import re
import shutil
import subprocess
import sys


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True, check=True).stdout


def problems(vmpt, cpu):
    header, segments = readelf("-h", vmpt), readelf("-l", vmpt)
    dynamic, symbols = readelf("-d", vmpt), readelf("--dyn-syms", vmpt)
    if not re.search(r"Type:\s+DYN", header):
        yield "no position-independent executable"
    if "GNU_RELRO" not in segments:
        yield "no RELRO"
    if not re.search(r"BIND_NOW|FLAGS.*NOW", dynamic):
        yield "symbols are bound late, so RELRO does not cover them"
    stack = re.search(r"GNU_STACK(?:\s+0x\w+){5}\s+(\S+)", segments)
    if not stack or "E" in stack[1]:
        yield "the stack may be executed"
    for line in segments.splitlines():
        if re.match(r"\s+LOAD\b", line) and re.search(r"\bRWE\b", line):
            yield "a segment may be written and executed"
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector"
    if not re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols.replace("__stack_chk_fail", "")):
        yield "no fortified call of the C library"
    if cpu == "x86_64" and shutil.which("objdump"):
        # The mark of the whole program is not there: LLVM's archive lacks it.
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--section=.text", vmpt],
                              capture_output=True, text=True, check=True).stdout
        own = re.findall(r"^\w+ <_ZN4vmpt\w*>:\n\s+\w+:\s+(\S+)", code, re.M)
        # Only what may be called through a pointer needs the mark.
        if own and own.count("endbr64") * 2 < len(own):
            yield f"only {own.count('endbr64')} of {len(own)} functions begin with endbr64"


def main():
    vmpt, cpu = sys.argv[1:]
    if not shutil.which("readelf"):
        sys.exit(77)  # meson: skipped
    found = list(problems(vmpt, cpu))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
