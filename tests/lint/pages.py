#!/usr/bin/env python3
"""Checks the pages of the documentation: each link leads to a file, and to a
heading of it; each page can be reached from README.md.

Usage: pages.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def anchors(text):
    """As GitHub names headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def links(page):
    """[(what is written, file or page, anchor)] of links that stay in the source."""
    for link in LINK.findall(page.read_text()):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


def main():
    root = Path(sys.argv[1]).resolve()
    pages = [root / "README.md", root / "testdata/README.md", *sorted((root / "docs").rglob("*.md"))]
    problems, reached = [], set()
    waiting = [pages[0]]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        waiting += [target for _, target, _ in links(page) if target in pages]
    problems += [f"{page.relative_to(root)}: no way leads here from README.md" for page in pages if page not in reached]
    for page in pages:
        for link, target, anchor in links(page):
            if not target.exists():
                problems.append(f"{page.relative_to(root)}: {link} is no file")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                problems.append(f"{page.relative_to(root)}: {link} is no heading")
    print(*problems, sep="\n", end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
