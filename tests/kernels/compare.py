#!/usr/bin/env python3
"""The judge: vmpt's listing of real dumps against the kernel's own text.

A case is a folder with case.json, kernel.txt (what the running kernel said at
the moment of the dump) and the dumps that case.json names. Small cases are in
testdata/kernels; full ones are looked for in $VMPT_TRUTH, else in
../shared/truth beside the source root.

Where the kernel prints none (loongarch64), mappings.txt has what the guest mapped.

For every dump: `vmpt kernel DUMP` is kernel.txt to the byte; so is the listing
of what `vmpt trim` cuts from it, and `vmpt info` says the same of both. The
first ELF dump of a case is also laid out as raw memory and listed from that,
with and, where it does not start at 0, without word of its start.

Usage: compare.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import expected_listing, find_cases, listing_problem, make_raw, truth_cases, unpack
from tap import Tap, first_difference, run

PAGE, BITS = 16384, 0xFFF  # loongarch64: of the case that has them; all below the address


def lasting_sections(text):
    """What info says of any dump, trimmed or not: all but how it was cut and what memory it holds."""
    section = b""
    for line in text.splitlines(keepends=True):
        if not line.startswith(b" "):
            section = line.strip()
        if section not in (b"Trimmed", b"Physical memory"):
            yield line


def check_dump(tap, vmpt, name, dump, expected, folder, with_raw):
    tap.report(listing_problem(vmpt, expected, dump), f"{name}: listing")
    if with_raw:
        raw = make_raw(dump, folder)
        tap.report(listing_problem(vmpt, expected, *raw), f"{name}: listing of raw memory")
        if "--map" in raw:  # without which the kernel in the RAM tells where that starts
            ram = max(folder.glob("raw*"), key=lambda path: path.stat().st_size)
            tap.report(listing_problem(vmpt, expected, ram), f"{name}: listing of raw memory, unplaced")
        for path in folder.glob("raw*"):
            path.unlink()
    cut = folder / "cut.elf"
    trimmed = run(vmpt, "trim", dump, "-o", cut)
    if trimmed.returncode:
        problem = f"trim ended with {trimmed.returncode}: {trimmed.stderr.decode(errors='replace')}"
        tap.report(problem, f"{name}: listing of the trimmed dump")
        return
    tap.report(listing_problem(vmpt, expected, cut), f"{name}: listing of the trimmed dump")
    whole, part = run(vmpt, "info", dump), run(vmpt, "info", cut)
    tap.report(first_difference(*(b"".join(lasting_sections(text.stdout)) for text in (whole, part))),
               f"{name}: info of the trimmed dump")
    cut.unlink()


def is_whole_memory(dump_name):
    """A dump that a raw image can be made of: ELF, physical addresses once."""
    return ".elf" in dump_name and "paging" not in dump_name


# What an x86-64 kernel can do without: the bytes that lead to it, spoilt.
POORER = {
    "without VMCOREINFO": [b"OSRELEASE=", b"VMCOREINFO\0"],
    # As if it were built without a dumper.
    "without address_markers": [b"User Space\0", b"---[ %s ]---\n", b"Checked W+X mappings: ", b"Low Kernel Mapping\0",
                                b"vmalloc() Area\0", b"CPU entry Area\0", b"ESPfix Area\0", b"EFI Runtime Services\0"],
}
# A dumper, but no array of its own: where sections start is a guess, and said to be one.
DAMAGED = [b"User Space\0"]


def check_poorer(tap, vmpt, name, dump, expected, folder):
    """The listing of dumps that lack what the kernel is usually found by."""
    for what, texts in POORER.items():
        poorer = erase(dump, folder / "poorer", texts)
        problem = listing_problem(vmpt, expected, poorer)
        # Of the lab's kernels, kallsyms name the function that printed kernel.txt.
        if problem and b"ptdump_show() is among its functions" in (result := run(vmpt, "kernel", poorer)).stderr:
            problem = first_difference(expected, result.stdout)
        tap.report(problem, f"{name}: listing {what}")
        poorer.unlink()
    damaged = erase(dump, folder / "damaged", DAMAGED)
    result = run(vmpt, "kernel", damaged)
    is_said = result.returncode == 1 and b"where sections start is not known: the kernel has a dumper" in result.stderr
    tap.report(None if is_said else f"exit status {result.returncode}: {result.stderr.decode()}",
               f"{name}: listing with a damaged address_markers")
    damaged.unlink()


def erase(dump, poorer, texts):
    """The dump without these bytes; none of them crosses a megabyte in practice."""
    with open(dump, "rb") as source, open(poorer, "wb") as out:
        while chunk := source.read(1 << 20):
            for text in texts:
                chunk = chunk.replace(text, b"?" + text[1:])
            out.write(chunk)
    return poorer


def mappings_problem(vmpt, dump, path):
    """What the guest mapped, by its own log: the bits of the first and the last entry."""
    for line in path.read_text().splitlines():
        name, start, bits, pages = line.split()
        for page in {0, int(pages) - 1}:
            result = run(vmpt, "translate", dump, hex(int(start, 16) + page * PAGE), "--format", "json")
            entry = json.loads(result.stdout)["addresses"][0]["steps"][-1]["value"] if result.stdout else "0x0"
            if int(entry, 16) & BITS != int(bits, 16):
                return f"page {page} of {name} at {start} has the entry {entry}: {result.stderr.decode(errors='replace')}"
    return None


def check_case(tap, vmpt, case_folder):
    case = json.loads((case_folder / "case.json").read_text())
    raw_from = next((d for d in case["dumps"] if is_whole_memory(d)), None)
    for dump_name in case["dumps"]:
        with tempfile.TemporaryDirectory(prefix="vmpt-kernels-") as temporary:
            folder = Path(temporary)
            dump = unpack(case_folder / dump_name, folder)
            name = f"{case_folder.parent.name}/{case_folder.name} {dump_name}"
            expected = expected_listing(vmpt, case_folder, dump)
            if (case_folder / "mappings.txt").exists():
                tap.report(mappings_problem(vmpt, dump, case_folder / "mappings.txt"), f"{name}: mappings")
            whole = dump_name == raw_from and not case.get("trimmed")
            check_dump(tap, vmpt, name, dump, expected, folder, whole)
            if whole and case["arch"] == "x86_64":
                check_poorer(tap, vmpt, name, dump, expected, folder)


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    small = find_cases(source / "testdata/kernels")
    if not small:
        tap.report("testdata/kernels has no case", "small cases")
    for case in small:
        check_case(tap, vmpt, case)
    for case in truth_cases(tap, source):
        check_case(tap, vmpt, case)
    tap.end()


main()
