#!/usr/bin/env python3
"""Checks that no name of LLVM's is used that one of LLVM 14 to 19 lacks, nor
without its header where other headers of some bring it along.

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

# Other headers include it up to LLVM 14.
EXTRAS = "llvm/ADT/StringExtras.h"
EXTRA_NAMES = re.compile(r"\bllvm::(is(Alpha|Alnum|Digit|HexDigit|Print|Space)|to(Hex|Lower|Upper|StringRef|_integer)|"
                         r"arrayRefFromStringRef|join|utohexstr|utostr|itostr|hexDigitValue|hexdigit|"
                         r"print(Escaped|HTMLEscaped|LowerCase)\w*|ListSeparator)\b")


def lacks_extras(file):
    """The name that is used without the header, in the file itself or in the header of its name."""
    texts = [path.read_text() for path in (file, file.with_suffix(".h")) if path.exists()]
    match = EXTRA_NAMES.search(re.sub(r"//.*", "", texts[0]))
    return match and not any(EXTRAS in text for text in texts) and match[0]


def uses(folder):
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        if name := lacks_extras(file):
            yield f"{file}: {name} without <{EXTRAS}>"
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for gone, instead in GONE.items():
                if match := re.search(gone, line.split("//")[0]):
                    yield f"{file}:{number}: {match[0]} is not in every LLVM from 14 to 19\n  write {instead}"


def main():
    found = [line for folder in sys.argv[1:] for line in uses(Path(folder))]
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
