#!/usr/bin/env python3
"""The judge of `vmpt rmap`: real dumps against pagemap.

A case is a folder with proc/PID/pages, taken at the moment of its dumps
($VMPT_TRUTH, else ../shared/truth beside the source root): for each page of
/proc/PID/pagemap that is not zero its address, its entry, its frame. Asked for
all of these frames at once, vmpt names exactly the captured pairs of pid and
address; and translated, each of its own answers leads back to the frame.

Usage: rmap.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, judged_cases, truth_cases
from tap import Tap, run

PRESENT = 1 << 63
PFN = (1 << 55) - 1


def read_pairs(case):
    """(bytes of a page, {(frame's address, pid, address)}) of all processes."""
    page_bytes, pairs = 4096, set()
    for path in case.glob("proc/*/pages"):
        for line in path.read_text().splitlines():
            if line.startswith("#"):
                if size := re.search(r"pages of (\d+) bytes", line):
                    page_bytes = int(size[1])
                continue
            address, entry = (int(word, 16) for word in line.split()[:2])
            if entry & PRESENT:
                pairs.add(((entry & PFN) * page_bytes, int(path.parent.name), address))
    return page_bytes, pairs


# Direct windows map all of memory.
WINDOWS = {"loongarch64"}


def join(frames, page_bytes):
    """The frames as words: "0x1000-0x3000"."""
    ranges = []
    for frame in sorted(frames):
        if ranges and ranges[-1][1] == frame:
            ranges[-1][1] = frame + page_bytes
        else:
            ranges.append([frame, frame + page_bytes])
    return [f"{first:#x}-{end:#x}" for first, end in ranges]


def pairs_problem(result, expected):
    records = [json.loads(line) for line in result.stdout.splitlines()]
    mappings = [record for record in records if record["record"] == "mapping"]
    found = [(int(m["physical"], 16), m["pid"], int(m["virtual"], 16)) for m in mappings if m["owner"] == "process"]
    if len(found) != len(set(found)):
        return "a mapping is there twice"
    missing, extra = expected - set(found), set(found) - expected
    if missing or extra:
        return (f"{len(expected)} pairs; {len(missing)} are missing: {sorted(missing)[:3]}\n"
                f"{len(extra)} are not in pagemap: {sorted(extra)[:3]}")
    return None


def kernel_problem(vmpt, dump, types, result):
    """Each address of the kernel leads back, asked one by one."""
    records = [json.loads(line) for line in result.stdout.splitlines()]
    mappings = [(m["virtual"], m["physical"]) for m in records if m.get("owner") == "kernel"][:20000]
    back = run(vmpt, "translate", dump, *types, "--brief", stdin=None,
               input="".join(f"{virtual}\n" for virtual, _ in mappings).encode())
    if not mappings or back.stdout.decode().splitlines() != [f"{virtual} {physical}" for virtual, physical in mappings]:
        return f"{len(mappings)} mappings of the kernel do not lead back"
    return None


def check_dump(tap, vmpt, name, dump, types, case):
    page_bytes, expected = read_pairs(case)
    words = join({frame for frame, _, _ in expected}, page_bytes)
    result = run(vmpt, "rmap", dump, *words, *types, "--format", "jsonl")
    if result.returncode != 0:
        return tap.report(f"exit status {result.returncode}: {result.stderr.decode()[:500]}", name)
    tap.report(pairs_problem(result, expected), f"{name}: processes")
    if json.loads((case / "case.json").read_text())["arch"] in WINDOWS:
        return tap.skip(f"{name}: kernel", "its linear map is in no table")
    tap.report(kernel_problem(vmpt, dump, types, result), f"{name}: kernel")


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case, folder, types, why in judged_cases(truth_cases(tap, source), words):
        if why or not any(case.glob("proc/*/pages")):
            tap.skip(case.name, why or "no pagemap was captured")
            continue
        for dump_name, dump in find_dumps(case, folder):
            check_dump(tap, vmpt, f"{case.name} {dump_name}", dump, types, case)
    tap.end()


main()
