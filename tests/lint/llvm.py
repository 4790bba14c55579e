#!/usr/bin/env python3
"""Checks that no name of LLVM's is used that one of LLVM 14 to 19 lacks.

What Debian 12 compiles, Debian 13 must compile, too.
Usage: llvm.py FOLDER...
"""
import re
import sys
from pathlib import Path

# What to write instead is in both.
GONE = {
    r"\bmake(Mutable)?ArrayRef\(": "ArrayRef<T>(...)",
    r"\.(starts|ends)with(_insensitive|_lower)?\(": "take_front(n) == ..., consume_front()",
    r"\bllvm::erase_value\(": "std::erase()",
    r"\bllvm::(None|Optional)\b": "std::nullopt, std::optional",
}


def uses(folder):
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for gone, instead in GONE.items():
                if match := re.search(gone, line.split("//")[0]):
                    yield f"{file}:{number}: {match[0]} is not in every LLVM from 14 to 19\n  write {instead}"


def main():
    found = [line for folder in sys.argv[1:] for line in uses(Path(folder))]
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
