#!/usr/bin/env python3
"""The judge of several kernels in one dump.

Pairs of small cases (testdata/kernels) whose pages lie at different places become one dump, with the VMCOREINFO note
of the first, that of the second in memory as its kernel keeps it, and the CPUs' registers of either:

- `info` lists both, says which one runs, and why;
- `kernel --kernel N` prints kernel.txt of each to the byte; without --kernel that of the running one;
- what `trim --kernel N` cuts is a dump of that kernel;
- of the same memory without note and registers (LiME) one is read, which is said and no success, or the other where
  the first crashed; `--kernel N` prints each to the byte.

Usage: several.py VMPT SOURCE_ROOT     (prints TAP)
"""
import json
import re
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import listing_problem, load_segments
from tap import Tap, run

PT_LOAD, PT_NOTE = 1, 4
PAIRS = [
    ("x86_64-6.1-debian-4level-pti", "x86_64-6.1-lab-4level-nokaslr-novmcoreinfo"),
    ("x86_64-6.12-debian-4level-pti", "x86_64-6.1-lab-4level-nokaslr-novmcoreinfo"),
    ("i386-6.1-debian-2level", "i386-6.1-debian-pae-pti"),
]


def align4(size):
    return (size + 3) & ~3


def read_notes(dump):
    """[(name, type, descriptor)]"""
    data = dump.read_bytes()
    wide = data[4] == 2
    phoff, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    count, = struct.unpack_from("<H", data, 56 if wide else 44)
    notes = []
    for i in range(count):
        if wide:
            kind, _, offset, _, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", data, phoff + 56 * i)
        else:
            kind, offset, _, _, size, _, _, _ = struct.unpack_from("<8I", data, phoff + 32 * i)
        at, end = offset, offset + size
        while kind == PT_NOTE and at + 12 <= end:
            name_size, size, note_type = struct.unpack_from("<III", data, at)
            start = at + 12 + align4(name_size)
            notes.append((data[at + 12:at + 12 + name_size], note_type, data[start:start + size]))
            at = start + align4(size)
    return notes


def pack_note(name, kind, text):
    return (struct.pack("<III", len(name), len(text), kind) + name.ljust(align4(len(name)), b"\0")
            + text.ljust(align4(len(text)), b"\0"))


def is_of_cpu(note):
    return note[0].rstrip(b"\0") in (b"CORE", b"QEMU")


def pages_of(dump):
    pages = {}
    data = dump.read_bytes()
    for physical, _, offset, stored in load_segments(dump):
        for at in range(0, stored, 4096):
            pages[physical + at] = data[offset + at:offset + min(at + 4096, stored)].ljust(4096, b"\0")
    return pages


def combine(first, second, info, cpus_of, out):
    """An ELF core of both; its CPUs are those of the dump `cpus_of`."""
    machine, = struct.unpack_from("<H", first.read_bytes(), 18)
    pages = pages_of(first) | pages_of(second)
    free = next(page for page in range(0x1000, 1 << 32, 4096) if page not in pages)
    pages[free] = pack_note(b"VMCOREINFO\0", 0, info).ljust(4096, b"\0")[:4096]
    notes = [note for note in read_notes(first) if note[0] == b"VMCOREINFO\0"]
    notes += [note for note in read_notes(cpus_of) if is_of_cpu(note)]
    note_bytes = b"".join(pack_note(*note) for note in notes)
    count = 1 + len(pages)
    at = 64 + 56 * count
    headers = [struct.pack("<IIQQQQQQ", PT_NOTE, 0, at, 0, 0, len(note_bytes), 0, 0)]
    at += len(note_bytes)
    for page in sorted(pages):
        headers.append(struct.pack("<IIQQQQQQ", PT_LOAD, 7, at, 0, page, 4096, 4096, 0))
        at += 4096
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 4, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    out.write_bytes(header + b"".join(headers) + note_bytes + b"".join(pages[page] for page in sorted(pages)))


def write_lime(dumps, infos, out):
    """The pages of all dumps, and the VMCOREINFOs in free ones, in that order."""
    pages = {}
    for dump in dumps:
        pages |= pages_of(dump)
    free = (page for page in range(0x1000, 1 << 32, 4096) if page not in pages)
    for place, info in zip([next(free) for _ in infos], infos):
        pages[place] = pack_note(b"VMCOREINFO\0", 0, info).ljust(4096, b"\0")[:4096]
    out.write_bytes(b"".join(struct.pack("<4sIQQQ", b"EMiL", 1, page, page + 4095, 0) + pages[page]
                             for page in sorted(pages)))


def check_lime(tap, vmpt, dumps, infos, texts, name, folder):
    path = folder / "both.lime"
    write_lime(dumps, infos, path)
    result = run(vmpt, "kernel", path)
    said = result.stderr.decode()
    problem = None if result.returncode == 1 and "nothing tells which one runs" in said else said
    tap.report(problem or (None if result.stdout in texts else "the listing of neither"), f"{name}: it is open")
    listed = json.loads(run(vmpt, "info", path, "--format", "json").stdout).get("kernels", [])
    tap.report(None if [kernel["running"] for kernel in listed] == [None, None] else f"{listed}", f"{name}: info")
    for number in (1, 2):
        tap.report(listing_problem(vmpt, texts[number - 1], path, "--kernel", number), f"{name}: --kernel {number}")
    write_lime(dumps, [infos[0] + b"CRASHTIME=1795763082\n", infos[1]], path)
    tap.report(listing_problem(vmpt, texts[1], path), f"{name}: the one that did not crash runs")


def check_pair(tap, vmpt, cases, folder):
    dumps = [case / "dump.elf" for case in cases]
    texts = [(case / "kernel.txt").read_bytes() for case in cases]
    roots = []
    for dump in dumps:
        facts = json.loads(run(vmpt, "info", dump, "--format", "json").stdout)["kernel"]
        roots.append(next(fact["value"] for fact in facts if fact["name"] == "root table"))
    info = run(vmpt, "vmcoreinfo", dumps[1]).stdout
    name = " and ".join(case.name for case in cases)
    infos = [run(vmpt, "vmcoreinfo", dump).stdout for dump in dumps]
    check_lime(tap, vmpt, dumps, infos, texts, f"{name}, without registers", folder)
    for running in (0, 1):
        path = folder / "both.elf"
        combine(*dumps, info, dumps[running], path)
        has_cpus = any(is_of_cpu(note) for note in read_notes(dumps[running]))
        what = f"{name}: CPUs of the {'first' if running == 0 else 'second'}"
        document = json.loads(run(vmpt, "info", path, "--format", "json", "--kernels").stdout)
        listed = document.get("kernels", [])
        problem = None
        if sorted(kernel["root"] for kernel in listed) != sorted(roots):
            problem = f"listed: {listed}"
        # A trimmed dump lacks the tables of tasks; then rip tells, which two kernels may share.
        elif has_cpus and listed[0]["running"] is not None and listed[0]["root"] != roots[running]:
            problem = f"the running one: {listed}"
        elif not listed[0]["chosen"] or [kernel["number"] for kernel in listed] != [1, 2]:
            problem = f"numbers: {listed}"
        tap.report(problem, f"{what}: info lists both")
        for kernel in listed:
            expected = texts[roots.index(kernel["root"])]
            number = kernel["number"]
            tap.report(listing_problem(vmpt, expected, path, "--kernel", number), f"{what}: --kernel {number}")
            # Where nothing tells which one runs, check_lime() says what is right.
            is_decided = b"nothing tells" not in run(vmpt, "info", path).stderr
            if kernel["chosen"] and is_decided:
                tap.report(listing_problem(vmpt, expected, path), f"{what}: without --kernel, the first of the list")
            for choice in [("--kernel", number)] + [()] * (kernel["chosen"] and is_decided):
                cut = folder / "cut.elf"
                result = run(vmpt, "trim", path, *choice, "-o", cut, "--force")
                tap.report(result.stderr.decode() if result.returncode else listing_problem(vmpt, expected, cut),
                           f"{what}: trim of number {number} {'by default' if not choice else ''}")
        result = run(vmpt, "kernel", path, "--kernel", "3")
        said = result.stderr.decode()
        tap.report(None if result.returncode == 2 and re.search("there are 2 kernels", said) else said,
                   f"{what}: there is no third")


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        for pair in PAIRS:
            check_pair(tap, vmpt, [source / "testdata/kernels" / name for name in pair], Path(folder))
    tap.end()


if __name__ == "__main__":
    main()
