#!/usr/bin/env python3
"""Checks that nothing but output/ and cli/Main.cpp knows the standard streams.

A command prints to the stream that it is given, and tells a session what it
found: so several dumps can be open at once, and a library can be used.
Usage: streams.py SRC
"""
import re
import sys
from pathlib import Path

STREAMS = re.compile(r"\b(llvm::)?(outs|errs|dbgs)\(\)|\bstd::(cout|cerr|clog)\b|\bf?printf\(|\bSTD(OUT|ERR)_FILENO\b")
# Messages.cpp is where standard error is written.
MAY = ("output/", "cli/Main.cpp", "cli/Messages.cpp")


def uses(src):
    for file in sorted(src.rglob("*")):
        if file.suffix not in (".h", ".cpp") or file.relative_to(src).as_posix().startswith(MAY):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := STREAMS.search(line.split("//")[0]):
                yield f"{file}:{number}: {match[0]}\n  only {', '.join(MAY)} may use a standard stream"


def main():
    src = Path(sys.argv[1])
    if not list(src.rglob("*.cpp")):
        sys.exit(f"{src}: no sources there")
    found = list(uses(src))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
