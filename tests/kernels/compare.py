#!/usr/bin/env python3
"""The judge: vmpt's listing of real dumps against the kernel's own text.

A case is a folder with case.json, kernel.txt (what the running kernel said at
the moment of the dump) and the dumps that case.json names. Small cases are in
testdata/kernels; full ones are looked for in $VMPT_TRUTH, else in
../shared/truth beside the source root.

For every dump: `vmpt kernel DUMP` is kernel.txt to the byte; so is the listing
of what `vmpt trim` cuts from it, and `vmpt info` says the same of both. The
first ELF dump of a case is also laid out as raw memory and listed from that.

Usage: compare.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, first_difference, run

PT_LOAD, PN_XNUM = 1, 0xFFFF
# Pieces of RAM with less than this between them share a raw file.
MAX_HOLE = 64 << 20


def listing_problem(vmpt, expected, *arguments):
    result = run(vmpt, "kernel", *arguments)
    problem = first_difference(expected, result.stdout)
    if problem is None and result.returncode == 0:
        return None
    said = result.stderr.decode(errors="replace").strip()
    return f"exit status {result.returncode}: {said}\n{problem or ''}"


def load_segments(dump):
    """[(physical address, size, file offset, stored bytes)] of an ELF64 core."""
    with open(dump, "rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return []
        order = "<" if header[5] == 1 else ">"
        phoff, shoff = struct.unpack_from(order + "QQ", header, 32)
        count, = struct.unpack_from(order + "H", header, 56)
        if count == PN_XNUM:
            file.seek(shoff + 44)  # sh_info of section 0
            count, = struct.unpack(order + "I", file.read(4))
        file.seek(phoff)
        headers = file.read(count * 56)
    segments = []
    for values in struct.iter_unpack(order + "IIQQQQQQ", headers):
        kind, _, offset, _, physical, stored, size, _ = values
        if kind == PT_LOAD and stored:
            segments.append((physical, size, offset, stored))
    return sorted(segments)


def make_raw(dump, folder):
    """Lays the dump's memory out in raw files; the arguments that name them.

    Memory from 0 on becomes the raw image of a PC (what lies above its last
    hole is ROM); pieces that start elsewhere are put in their place by --map.
    """
    pieces = []  # [start, [segments]]
    end = None
    for segment in load_segments(dump):
        if end is None or segment[0] - end > MAX_HOLE:
            pieces.append((segment[0], []))
        pieces[-1][1].append(segment)
        end = segment[0] + segment[1]
    arguments = []
    with open(dump, "rb") as source:
        for number, (start, segments) in enumerate(pieces):
            path = folder / f"raw{number}"
            with open(path, "wb") as out:
                for physical, _, offset, stored in segments:
                    source.seek(offset)
                    out.seek(physical - start)
                    while stored:
                        chunk = source.read(min(stored, 1 << 20))
                        if not chunk:
                            break
                        out.write(chunk)
                        stored -= len(chunk)
            if start == 0:
                return [path]
            arguments += ["--map", f"{path}@{start:#x}"]
    return arguments


def check_dump(tap, vmpt, name, dump, expected, folder, with_raw):
    tap.report(listing_problem(vmpt, expected, dump), f"{name}: listing")
    if with_raw:
        raw = make_raw(dump, folder)
        tap.report(listing_problem(vmpt, expected, *raw), f"{name}: listing of raw memory")
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
    tap.report(first_difference(whole.stdout, part.stdout),
               f"{name}: info of the trimmed dump")
    cut.unlink()


def is_whole_memory(dump_name):
    """A dump that a raw image can be made of: ELF, physical addresses once."""
    return ".elf" in dump_name and "paging" not in dump_name


# What an x86-64 kernel can do without: the bytes that lead to it, spoilt.
POORER = {
    "without VMCOREINFO": [b"OSRELEASE=", b"VMCOREINFO\0"],
    "without address_markers": [b"User Space\0"],
}


def check_poorer(tap, vmpt, name, dump, expected, folder):
    """The listing of dumps that lack what the kernel is usually found by."""
    for what, texts in POORER.items():
        poorer = folder / "poorer"
        with open(dump, "rb") as source, open(poorer, "wb") as out:
            while chunk := source.read(1 << 20):
                for text in texts:  # none of them crosses a megabyte in practice
                    chunk = chunk.replace(text, b"?" + text[1:])
                out.write(chunk)
        tap.report(listing_problem(vmpt, expected, poorer), f"{name}: listing {what}")
        poorer.unlink()


def check_case(tap, vmpt, case_folder):
    case = json.loads((case_folder / "case.json").read_text())
    expected = (case_folder / "kernel.txt").read_bytes()
    raw_from = next((d for d in case["dumps"] if is_whole_memory(d)), None)
    for dump_name in case["dumps"]:
        with tempfile.TemporaryDirectory(prefix="vmpt-kernels-") as temporary:
            folder = Path(temporary)
            dump = case_folder / dump_name
            if dump.suffix == ".zst":
                unpacked = folder / dump.stem
                subprocess.run(["zstd", "-q", "-d", "--sparse", dump, "-o", unpacked], check=True)
                dump = unpacked
            name = f"{case_folder.parent.name}/{case_folder.name} {dump_name}"
            whole = dump_name == raw_from and not case.get("trimmed")
            check_dump(tap, vmpt, name, dump, expected, folder, whole)
            if whole and case["arch"] == "x86_64":
                check_poorer(tap, vmpt, name, dump, expected, folder)


def find_cases(folder):
    return sorted(path.parent for path in folder.glob("*/case.json"))


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    small = find_cases(source / "testdata/kernels")
    if not small:
        tap.report("testdata/kernels has no case", "small cases")
    for case in small:
        check_case(tap, vmpt, case)
    named = os.environ.get("VMPT_TRUTH")
    full = find_cases(Path(named or source / "../shared/truth").resolve())
    if not full and named:
        tap.report(f"VMPT_TRUTH={named} has no case", "full dumps")
    elif not full:
        tap.skip("full dumps", "set VMPT_TRUTH to a folder of cases, or put it at ../shared/truth")
    elif not shutil.which("zstd"):
        tap.skip("full dumps", "zstd, which unpacks them, is not installed")
    else:
        for case in full:
            check_case(tap, vmpt, case)
    tap.end()


main()
