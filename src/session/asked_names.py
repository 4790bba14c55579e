#!/usr/bin/env python3
"""The names of symbols, types and members that vmpt asks for, as a C++ source.

All literals of the rooms that read a kernel which look like such names: a few
words too many, and none too few.

Usage: asked_names.py OUT SOURCE...
"""
import re
import sys
from pathlib import Path

NAME = re.compile(r'"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"')
COMMENT = re.compile(r"^\s*//.*$", re.M)


def main():
    out, names = Path(sys.argv[1]), set()
    for source in sys.argv[2:]:
        names.update(NAME.findall(COMMENT.sub("", Path(source).read_text())))
    lines = "".join(f'    "{name}",\n' for name in sorted(names))
    text = ('#include "session/GivenNames.h"\n\n'
            "namespace vmpt {\n\n"
            f"static const llvm::StringLiteral names[] = {{\n{lines}}};\n\n"
            "llvm::ArrayRef<llvm::StringLiteral> getAskedNames() { return names; }\n\n"
            "} // namespace vmpt\n")
    if not out.exists() or out.read_text() != text:
        out.write_text(text)


if __name__ == "__main__":
    main()
