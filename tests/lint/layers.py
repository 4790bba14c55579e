#!/usr/bin/env python3
"""Checks the order of the folders of src/: one may use lower ranks and itself.

Reads the `#include "folder/File.h"` lines. Usage: layers.py SRC
"""
import re
import sys
from pathlib import Path

RANKS = {
    "support": 0,
    "memory": 1,
    "dump": 2,
    "paging": 2,
    "debuginfo": 2,
    "kernel": 3,
    "listing": 4,
    "analysis": 4,
    "cli": 5,
    ".": 6,  # main.cpp
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"(.*)"')


def included_folder(path):
    return path.split("/")[0] if "/" in path else "."


def violations(src):
    for file in sorted(src.rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        relative = file.relative_to(src)
        folder = included_folder(relative.as_posix())
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or match[1].startswith("llvm/"):
                continue
            used = included_folder(match[1])
            where = f"{file}:{number}: {line.strip()}"
            if folder not in RANKS:
                yield f"{where}\n  folder '{folder}' has no rank in {Path(__file__).name}"
            elif used not in RANKS or not (src / match[1]).exists():
                yield f"{where}\n  no such file; includes are written from src/"
            elif used != folder and RANKS[used] >= RANKS[folder]:
                yield f"{where}\n  {folder} (rank {RANKS[folder]}) may not use {used} (rank {RANKS[used]})"


def main():
    src = Path(sys.argv[1])
    if not list(src.rglob("*.cpp")):
        sys.exit(f"{src}: no sources there")
    found = list(violations(src))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
