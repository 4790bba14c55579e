#!/usr/bin/env python3
"""The judge of `vmpt translate --pid N --brief`: real dumps against pagemap.

A case is a folder with proc/PID/pages, taken at the moment of its dumps
($VMPT_TRUTH, else ../shared/truth beside the source root): for each page of
/proc/PID/pagemap that is not zero its address, its entry, its frame. For every
one vmpt gives that frame (bit 63: present, PROT_NONE too), or says that it is
swapped and where to (bit 62). Lines come in the order of the addresses.

Usage: translate.py VMPT SOURCE_ROOT [WORD...]  (prints TAP; WORDs choose cases)
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, judged_cases, truth_cases
from tap import Tap, run

PRESENT, SWAPPED = 1 << 63, 1 << 62
PFN = (1 << 55) - 1


def read_pages(path):
    """(bytes of a page, [(address, pagemap entry)])."""
    head, *lines = path.read_text().splitlines()
    size = re.search(r"pages of (\d+) bytes", head)
    pages = [tuple(int(word, 16) for word in line.split()[:2]) for line in lines if not line.startswith("#")]
    return int(size[1]) if size else 4096, pages


def problem_of_line(line, address, entry, page_bytes):
    words = line.split(" ", 2)
    if int(words[0], 16) != address:
        return "another address"
    if entry & PRESENT:
        frame = (entry & PFN) * page_bytes
        if words[1] == "-" or int(words[1], 16) != frame or (len(words) > 2 and words[2] != "prot-none"):
            return f"its frame is at {frame:#x}"
    elif entry & SWAPPED:
        kind, offset = entry & 31, (entry & PFN) >> 5
        if words[1] != "-" or not words[2].endswith(f" {kind}, offset {offset:#x}"):
            return f"it is swapped to {kind}, {offset:#x}"
    return None


def process_problem(vmpt, dump, types, process):
    page_bytes, pages = read_pages(process / "pages")
    # Each page, and a byte inside of it.
    addresses = "".join(f"{address:#x}\n{address + 0x123:#x}\n" for address, _ in pages)
    result = run(vmpt, "translate", dump, *types, "--pid", process.name, "--brief",
                 stdin=None, input=addresses.encode())
    lines = result.stdout.decode().splitlines()
    if result.returncode != 0 or len(lines) != 2 * len(pages):
        return f"exit status {result.returncode}, {len(lines)} lines for {2 * len(pages)}: {result.stderr.decode()[:500]}"
    for (address, entry), line, inside in zip(pages, lines[::2], lines[1::2]):
        if problem := problem_of_line(line, address, entry, page_bytes):
            return f"{line!r}: {problem}"
        start, second = line.split()[1], inside.split()[1]
        if start != "-" and int(second, 16) != int(start, 16) + 0x123:
            return f"{inside!r} is not in the page of {line!r}"
    return None


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case, folder, types, why in judged_cases(truth_cases(tap, source), words):
        if why:
            tap.skip(case.name, why)
            continue
        for dump_name, dump in find_dumps(case, folder):
            for process in sorted(case.glob("proc/*"), key=lambda p: int(p.name)):
                if (process / "pages").exists() and read_pages(process / "pages")[1]:
                    tap.report(process_problem(vmpt, dump, types, process),
                               f"{case.name} {dump_name}: {process.name}")
    tap.end()


main()
