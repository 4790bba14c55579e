#!/usr/bin/env python3
"""The judge of `vmpt maps`: real dumps against what the kernel itself said.

A case is a folder with proc/PID/maps and proc/PID/pages, taken at the moment of
its dumps: small ones in testdata/tasks, full ones in $VMPT_TRUTH, else in
../shared/truth beside the source root. Unpacked dumps are looked for in
$VMPT_DUMPS; what is not there is unpacked.

For every process: `vmpt maps` is proc/PID/maps to the byte, and the counts of
`--pages` are those of /proc/PID/pagemap: bit 63 present (PROT_NONE too), bit
62 swapped. Device memory (VM_PFNMAP) is not in pagemap and not compared.

Usage: maps.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_cases, find_dumps, judged_cases, truth_cases
from judge import maps_problem
from tap import Tap, run

VM_PFNMAP = 0x400
NO_PAGES = {"total", "untouched", "table not in the dump"}
PRESENT = {"present", "prot-none", "numa-hint"}


def count_pagemap(process, areas):
    """[(present, swapped)] of each area, from /proc/PID/pagemap."""
    counts = [[0, 0] for _ in areas]
    spans = [(int(area["start"], 16), int(area["end"], 16)) for area in areas]
    index = 0
    for line in (process / "pages").read_text().splitlines():
        if line.startswith("#"):
            continue
        address, entry = (int(word, 16) for word in line.split()[:2])
        while index < len(spans) and address >= spans[index][1]:
            index += 1
        if index == len(spans) or address < spans[index][0]:
            return f"page {address:#x} of pagemap lies in no area"
        counts[index][0] += entry >> 63
        counts[index][1] += entry >> 62 & 1
    return counts


def pages_problem(process, listing, is_arm):
    areas = listing["maps"]
    truth = count_pagemap(process, areas)
    if isinstance(truth, str):
        return truth
    compared = 0
    for area, wanted in zip(areas, truth):
        if int(area["flags"], 16) & VM_PFNMAP or "pages" not in area:
            continue
        pages = {kind: count for kind, count in area["pages"].items() if not kind.startswith("in ")}
        present = sum(count for kind, count in pages.items() if kind in PRESENT)
        other = sum(count for kind, count in pages.items() if kind not in PRESENT | NO_PAGES)
        # linux arch/arm/include/asm/pgtable-3level.h: a huge page that nobody may
        # access is neither present nor swapped to pagemap on 32-bit Arm.
        if is_arm and wanted == [0, 0] and pages.get("prot-none") == pages["total"]:
            continue
        if [present, other] != wanted:
            return f"{area['start']} {area['name']}: {pages}, but pagemap has {wanted}"
        if sum(pages.values()) != 2 * pages["total"]:
            return f"{area['start']}: {pages} is not the sum"
        compared += 1
    return None if compared else "no area was compared"


def check_dump(tap, vmpt, name, dump, types, case):
    result = run(vmpt, "maps", dump, *types, "--all", "--pages", "--format", "json")
    listings = {}
    is_arm = json.loads((case / "case.json").read_text())["arch"] == "arm"
    if result.stdout:
        listings = {p["pid"]: p for p in json.loads(result.stdout)["processes"]}
    for process in sorted(case.glob("proc/*"), key=lambda p: int(p.name)):
        maps = process / "maps"
        if not maps.exists() or not maps.stat().st_size:
            continue
        tap.report(maps_problem(vmpt, dump, types, process), f"{name}: maps of {process.name}")
        if (process / "pages").exists():
            listing = listings.get(int(process.name))
            tap.report(pages_problem(process, listing, is_arm) if listing else
                       f"not listed: {result.stderr.decode(errors='replace')}",
                       f"{name}: pages of {process.name}")


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    cases = find_cases(source / "testdata/tasks") + truth_cases(tap, source)
    for case, folder, types, why in judged_cases(cases, words):
        for dump_name, dump in find_dumps(case, folder):
            check_dump(tap, vmpt, f"{case.name} {dump_name}", dump, types or [], case)
    tap.end()


main()
