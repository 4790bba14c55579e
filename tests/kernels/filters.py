#!/usr/bin/env python3
"""The judge of filters: parts of a listing against the kernel's own text.

A case is a folder with kernel.txt and proc/PID/pages, taken at the moment of
its dumps ($VMPT_TRUTH, else ../shared/truth beside the source root):

- all --section, one after the other, are kernel.txt to the byte;
- --only wx has its lines that say so, as a grep would;
- --range of a line has that line;
- --phys has its lines, cut where physical addresses do not go on: the first and
  last byte of each piece are where `vmpt translate` and /proc/PID/pagemap say.

Usage: filters.py VMPT SOURCE_ROOT [WORD...]  (prints TAP; WORDs choose cases)
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, judged_cases, truth_cases
from tap import Tap, first_difference, run

PRESENT, PFN = 1 << 63, (1 << 55) - 1
MAX_PIECES, MAX_PROCESSES = 3000, 6
LINE = re.compile(r"0x([0-9a-f]+)-0x([0-9a-f]+) +(.*)")
# The kernel's own text has a column of physical addresses.
HAS_COLUMN = ("riscv64", "ppc64le")


class Listing:
    """Runs `vmpt COMMAND DUMP` with further options."""

    def __init__(self, vmpt, command, dump, *options):
        self.vmpt, self.command = vmpt, [command, dump, *options]

    def text(self, *options):
        result = run(self.vmpt, *self.command, *options)
        if result.returncode:
            raise RuntimeError(f"{options}: exit status {result.returncode}: {result.stderr.decode()[:500]}")
        return result.stdout.decode()


def span(line):
    """(first, last) of a line; the end 0 is that of all addresses, and ppc64le has the last byte."""
    start, end = (int(word, 16) for word in LINE.match(line).groups()[:2])
    return start, end if end & 1 else (end or 1 << 4 * len(LINE.match(line)[2])) - 1


def lines_of(text):
    return [line for line in text.splitlines() if line.startswith("0x")]


def is_wx(line, arch):
    words = set(LINE.match(line)[3].split())
    if arch == "riscv64":
        return {"V", "W", "X"} <= words
    if arch == "arm64":
        return "RW" in words and "F" not in words and ("UXN" not in words if "USR" in words else "x" in words)
    if arch == "ppc64le":
        return {"w", "X"} <= words
    return {"RW", "X" if arch == "s390x" else "x"} <= words


def sections_problem(listing, truth):
    names = list(dict.fromkeys(re.findall(r"^---\[ (.*) \]---$", truth, re.M)))
    if not truth.startswith("---["):  # a kernel that forgets the first header, not the section
        known = run(listing.vmpt, *listing.command, "--section", "?").stderr.decode()
        names.insert(0, re.search("; it has '([^']*)'", known)[1])
    joined = "".join(listing.text("--section", name) for name in names)
    return first_difference(truth.encode(), joined.encode())


def only_problem(listing, truth, arch):
    wanted = [line for line in lines_of(truth) if is_wx(line, arch)]
    return first_difference("\n".join(wanted).encode(), "\n".join(lines_of(listing.text("--only", "wx"))).encode())


def range_problem(listing, truth):
    lines = lines_of(truth)
    for line in lines[::max(1, len(lines) // 8)]:
        first, last = span(line)
        got = lines_of(listing.text("--range", f"{first:#x}-{last:#x}"))
        if line not in got or any(span(other)[0] >= last or span(other)[1] < first for other in got):
            return f"--range of {line!r} is {got[:3]}"
    return None


def read_pieces(text):
    """[(words behind the column, first, last, physical, repeats)]; physical None: no page."""
    pieces = []
    for line in lines_of(text):
        start, end, rest = LINE.match(line).groups()
        column, rest = re.match(r"(\S+)(.*)", rest).groups()
        physical = None if column == "-" else int(column.rstrip("*"), 16)
        words = rest.split()
        pieces.append((words[1:], *span(line), physical, column.endswith("*")))
    return pieces


def cover_problem(pieces, lines, has_column):
    """Each line is the pieces that it was cut into, and no piece is left."""
    at = 0
    for line in lines:
        first, last = span(line)
        words = LINE.match(line)[3].split()[2 if has_column else 1:]
        while first <= last:
            if at == len(pieces):
                return f"no piece for {line!r}"
            piece_words, piece_first, piece_last = pieces[at][:3]
            if piece_first != first or piece_last > last or piece_words != words:
                return f"{line!r} has the piece {pieces[at]}"
            first, at = piece_last + 1, at + 1
    return None if at == len(pieces) else f"{pieces[at]} is of no line"


def translate_problem(vmpt, dump, pieces):
    chosen = pieces[::max(1, len(pieces) // MAX_PIECES)]
    addresses = "".join(f"{first:#x}\n{last:#x}\n" for _, first, last, _, _ in chosen)
    result = run(vmpt, "translate", dump, "--brief", stdin=None, input=addresses.encode())
    answers = [line.split() for line in result.stdout.decode().splitlines()]
    for (_, first, last, physical, repeats), start, end in zip(chosen, answers[::2], answers[1::2]):
        if physical is None:
            if start[1] != "-" or end[1] != "-":
                return f"{first:#x}-{last:#x} has no address, but is at {start[1]}"
        elif int(start[1], 16) != physical:
            return f"{first:#x} is at {start[1]}, not {physical:#x}"
        elif not repeats and int(end[1], 16) != physical + (last - first):
            return f"{last:#x} is at {end[1]}, not {physical + (last - first):#x}"
        elif repeats and int(end[1], 16) > physical + (last - first):
            return f"{last:#x} is at {end[1]}, beyond what repeats"
    return None if answers else "translate says nothing"


def closed_areas(path):
    """[first, end) of each area that may not be touched: its pages are there, and no hardware finds them."""
    lines = [line.split() for line in path.with_name("maps").read_text().splitlines()]
    return [tuple(int(at, 16) for at in words[0].split("-")) for words in lines if words[1].startswith("---")]


def pages_problem(pieces, path):
    head, *lines = path.read_text().splitlines()
    size = re.search(r"pages of (\d+) bytes", head)
    page_bytes = int(size[1]) if size else 4096
    at = checked = 0
    closed = closed_areas(path)
    for line in lines:
        if line.startswith("#"):
            continue
        address, entry = (int(word, 16) for word in line.split()[:2])
        while at < len(pieces) and pieces[at][2] < address:
            at += 1
        if not entry & PRESENT or at == len(pieces) or pieces[at][1] > address:
            continue
        words, first, _, physical, repeats = pieces[at]
        if physical is None:
            is_closed = any(start <= address < end for start, end in closed)
            if len(words) > 1 and "F" not in words and not is_closed:
                return f"{line!r} is {pieces[at]}"
            continue
        checked += 1
        if (entry & PFN) * page_bytes != physical + (0 if repeats else address - first):
            return f"{line!r} is in {pieces[at]}"
    return None if checked or not lines[1:] else "no page was looked at"


def check_kernel(tap, vmpt, case, name, dump, has_column):
    truth = (case / "kernel.txt").read_text()
    arch = case.name.split("-")[0]
    listing = Listing(vmpt, "kernel", dump)
    tap.report(sections_problem(listing, truth), f"{name}: --section")
    tap.report(only_problem(listing, truth, arch), f"{name}: --only wx")
    tap.report(range_problem(listing, truth), f"{name}: --range")
    pieces = read_pieces(listing.text("--phys"))
    tap.report(cover_problem(pieces, lines_of(truth), has_column) or translate_problem(vmpt, dump, pieces),
               f"{name}: --phys")


def check_dump(tap, vmpt, case, name, dump, types):
    has_column = case.name.startswith(HAS_COLUMN)
    if (case / "kernel.txt").exists():  # loongarch64's kernel has no such file
        check_kernel(tap, vmpt, case, name, dump, has_column)
    if types is None:
        return
    processes = [path for path in sorted(case.glob("proc/*/pages"), key=lambda p: int(p.parent.name))
                 if path.stat().st_size > 1000]
    for path in processes[:MAX_PROCESSES]:
        listing = Listing(vmpt, "task", dump, "--pid", path.parent.name, "--user-only", *types)
        pieces = read_pieces(listing.text("--phys"))
        tap.report(cover_problem(pieces, lines_of(listing.text()), has_column) or pages_problem(pieces, path),
                   f"{name}: {path.parent.name} --phys")


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case, folder, types, _ in judged_cases(truth_cases(tap, source, machines=True), words):
        for dump_name, dump in find_dumps(case, folder):
            try:
                check_dump(tap, vmpt, case, f"{case.name} {dump_name}", dump, types)
            except RuntimeError as error:
                tap.report(str(error), f"{case.name} {dump_name}")
    tap.end()


main()
