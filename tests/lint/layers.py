#!/usr/bin/env python3
"""Checks the order of the rooms of src/: one may use lower ranks and itself.

Reads the `#include "room/File.h"` lines and names each that breaks the order.
A room is the folder of a file; docs/architecture.md has the table.
Usage: layers.py SRC
"""
import re
import sys
from pathlib import Path

# Rooms of one rank may not use each other.
RANKS = [
    ["support", "precompiled"],
    ["output", "memory"],
    ["paging", "dump/storage"],
    ["paging/modes", "dump/formats", "debuginfo"],
    ["dump/writer"],
    ["dump"],
    ["kernel/image"],
    ["kernel/find"],
    ["kernel/context"],
    ["kernel/arch"],
    ["kernel/modules"],
    ["kernel/tasks", "kernel/areas", "kernel/pages", "kernel/log"],
    ["kernel/learn"],
    ["listing"],
    ["analysis"],
    ["session", "views"],
    ["fleet", "reports"],
    ["cli", "lib"],
    ["."],  # main.cpp
]
RANK_OF = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
INCLUDE = re.compile(r'^\s*#\s*include\s*"(.*)"')


def room_of(path):
    return path.rsplit("/", 1)[0] if "/" in path else "."


def violations(src):
    for file in sorted(src.rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        room = room_of(file.relative_to(src).as_posix())
        if room not in RANK_OF:
            yield f"{file}\n  room '{room}' has no rank in {Path(__file__).name}"
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or match[1].startswith("llvm/"):
                continue
            used = room_of(match[1])
            where = f"{file}:{number}: {line.strip()}"
            if used not in RANK_OF or not (src / match[1]).exists():
                yield f"{where}\n  no such file; includes are written from src/"
            elif used != room and RANK_OF[used] >= RANK_OF[room]:
                yield f"{where}\n  {room} (rank {RANK_OF[room]}) may not use {used} (rank {RANK_OF[used]})"


def main():
    src = Path(sys.argv[1])
    if not list(src.rglob("*.cpp")):
        sys.exit(f"{src}: no sources there")
    found = list(violations(src))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
