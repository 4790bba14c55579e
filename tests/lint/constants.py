#!/usr/bin/env python3
"""Each file that decides by the kernel's release is in docs/constants.md.

Usage: constants.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

ROOMS = ["src/kernel", "src/analysis", "src/views"]
# Parse or carry releases, and decide nothing.
NEUTRAL = {"KernelVersion.h", "KernelImage.h", "NonPresentRules.h"}


def main():
    root = Path(sys.argv[1])
    listed = (root / "docs/constants.md").read_text()
    missing = [path.relative_to(root) for room in ROOMS for path in sorted((root / room).rglob("*.*"))
               if path.suffix in (".cpp", ".h") and path.name not in NEUTRAL
               and re.search(r"KernelVersion\{\d|\{\d+, \d+\} *<|kernelVersion\w* *[<>]", path.read_text())
               and path.name not in listed]
    for path in missing:
        print(f"{path}: decides by the release, and docs/constants.md does not say so")
    sys.exit(1 if missing else 0)


main()
