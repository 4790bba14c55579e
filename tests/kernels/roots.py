#!/usr/bin/env python3
"""The judge of finding: real dumps, made harder in ways that the field knows.

Takes the cases of compare.py, most of it those that are x86-64. Of each dump:
- every entry of the kernel's tables gets the bit of AMD's memory encryption,
  and VMCOREINFO says so, or not: the listing is kernel.txt;
- VMCOREINFO is spoilt, and the first CPU runs user code, is off, or its CR3
  points nowhere, so that another CPU has to lead to the kernel (full dumps);
- VMCOREINFO, banner and registers are erased: `vmpt roots` lists the root of each
  process and of the kernel, and translate and task take them (full dumps of
  every architecture);
- as raw memory, without --arch: `vmpt roots` lists the same, with exit status 0;
- of a cut dump, `vmpt roots` lists the kernel's root alone;
- as raw memory that begins a page, 64 KiB or 1 MiB too late or too early: a
  table of equal entries may point to itself then. Refused, or kernel.txt and the
  shift is said.

Usage: roots.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose cases)
"""
import json
import mmap
import re
import shutil
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import expected_listing, find_cases, find_dumps, listing_problem, load_segments, make_raw, truth_cases
from tap import Tap, run

PRESENT, PAGE_SIZE_BIT = 1, 1 << 7
ADDRESS = ((1 << 52) - 1) & ~0xFFF
CR3 = 416  # of struct QEMUCPUState (qemu include/sysemu/dump.h): cr[3]


def copy_of(dump, folder):
    """A writable map of a copy of the file, and the copy's path."""
    path = folder / "copy"
    path.write_bytes(dump.read_bytes())
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0), path


def encrypt_tables(file, segments, root, levels, mask):
    """Sets the mask in all present entries below the root. How many."""
    def place(physical):
        return next((offset + physical - start for start, _, offset, stored in segments
                     if start <= physical and physical + 4096 <= start + stored), None)

    tables, seen = [(root, levels)], {root}
    count = 0
    while tables:
        table, level = tables.pop()
        at = place(table)
        if at is None:
            continue
        entries = list(struct.unpack_from("<512Q", file, at))
        for i, entry in enumerate(entries):
            if not entry & PRESENT:
                continue
            below = entry & ADDRESS
            if level > 1 and not (entry & PAGE_SIZE_BIT and level < 4) and below not in seen:
                seen.add(below)
                tables.append((below, level - 1))
            entries[i] |= mask
            count += 1
        struct.pack_into("<512Q", file, at, *entries)
    return count


def check_encryption(tap, vmpt, name, dump, expected, folder):
    text = run(vmpt, "vmcoreinfo", dump).stdout.decode()
    keys = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if "NUMBER(phys_base)" not in keys:
        return
    root = int(keys["SYMBOL(swapper_pg_dir)"], 16) - 0xffffffff80000000 + int(keys["NUMBER(phys_base)"])
    levels = 5 if keys.get("NUMBER(pgtable_l5_enabled)") == "1" else 4
    for bit in (47, 51):
        file, path = copy_of(dump, folder)
        encrypt_tables(file, load_segments(dump), root, levels, 1 << bit)
        file.flush()
        for said, line in (("said", f"NUMBER(sme_mask)={1 << bit}"), ("not said", "")):
            keys_file = folder / "vmcoreinfo"
            keys_file.write_text(re.sub(r"NUMBER\(sme_mask\)=\d+", line, text))
            tap.report(listing_problem(vmpt, expected, path, "--vmcoreinfo", keys_file),
                       f"{name}: entries with bit {bit}, {said}")
        file.close()


def cpu_notes(file):
    """Where CR3 stands in each note of QEMU's."""
    places, at = [], 0
    while (at := file.find(b"QEMU\0", at, 1 << 20)) >= 0:
        size, = struct.unpack_from("<I", file, at - 8)
        if size >= CR3 + 16:
            places.append(at + 8 + CR3)
        at += 5
    return places


def check_registers(tap, vmpt, name, dump, expected, folder):
    file, path = copy_of(dump, folder)
    places = cpu_notes(file)
    if len(places) < 2:
        file.close()
        return
    for words in (b"OSRELEASE=", b"VMCOREINFO\0"):
        at = 0
        while (at := file.find(words, at)) >= 0:
            file[at:at + len(words)] = b"X" * len(words)
    others = {"is off": 0, "points out of RAM": 0xdeadbeef000}
    if "pti" in name:
        first, = struct.unpack_from("<Q", file, places[0])
        others["runs user code"] = first & ~0xfff | 0x1802
    for what, value in others.items():
        struct.pack_into("<Q", file, places[0], value)
        tap.report(listing_problem(vmpt, expected, path), f"{name}: without VMCOREINFO, and CPU 0 {what}")
    if "pti" in name:
        struct.pack_into("<Q", file, places[0], others["runs user code"])
        for place in places[1:]:
            struct.pack_into("<Q", file, place, 0)
        tap.report(listing_problem(vmpt, expected, path),
                   f"{name}: without VMCOREINFO, and the only CPU runs user code")
    file.close()


def erase_names(file):
    """Nothing is left that names a kernel, but its kallsyms."""
    for words in (rb"OSRELEASE=", rb"VMCOREINFO", rb"Linux version [0-9]", rb"SYMBOL\(", rb"NUMBER\("):
        for match in re.finditer(words, file):
            file[match.start():match.end()] = b"X" * (match.end() - match.start())
    for place in cpu_notes(file):
        struct.pack_into("<Q", file, place, 0)


def json_of(vmpt, *arguments):
    return json.loads(run(vmpt, *arguments, "--format", "json").stdout or b"{}")


def check_without_kernel(tap, vmpt, name, dump, folder):
    tasks = json_of(vmpt, "tasks", dump).get("tasks", [])
    wanted = {task["root"]: task for task in tasks if task.get("root")}
    facts = json_of(vmpt, "info", dump)["kernel"]
    kernel = next(fact["value"] for fact in facts if fact["name"] == "root table")
    mode = next(fact["value"] for fact in facts if fact["name"] == "paging mode")
    file, path = copy_of(dump, folder)
    erase_names(file)
    file.close()
    result = run(vmpt, "roots", path, "--format", "json")
    found = {record["root"]: record for record in json.loads(result.stdout)["roots"]}
    missing = [root for root in [kernel, *wanted] if root not in found]
    # On s390x each space has a depth of its own.
    wrong = [found[root] for root in [kernel, *wanted]
             if root in found and found[root]["mode"] != mode and not (root != kernel and mode.startswith("s390x"))]
    empty = [found[root] for root in wanted if root in found and not found[root]["user_bytes"]]
    problem = f"not listed: {missing}" if missing else f"not in {mode}: {wrong}" if wrong else None
    if empty:
        problem = f"maps no process: {empty}"
    # Others are those of processes that have ended, and a few of firmware and start-up.
    invented = [record for root, record in found.items()
                if root not in wanted and record["kind"] in ("process", "user", "identity")]
    if len(invented) > 2:
        problem = f"these are none: {invented}"
    others = [root for root, record in found.items() if record["kind"] == "kernel" and root != kernel]
    if others and name.startswith(("x86_64", "riscv64", "i386", "arm-")):
        problem = f"the kernel's, too: {others}"
    tap.report(problem, f"{name}: roots without a kernel")
    for root, task in list(wanted.items())[:2]:
        for command in (["task", "--user-only"], ["translate", "--brief", "0x400000", "0x10000"]):
            known = run(vmpt, command[0], dump, *command[1:], "--root", root)
            blind = run(vmpt, command[0], path, *command[1:], "--root", root)
            # Without a release the wording is that of the newest kernels: the ranges are what counts.
            ranges = [[line.split()[0] for line in text.splitlines() if line.startswith(b"0x")]
                      for text in (known.stdout, blind.stdout)]
            tap.report(None if ranges[0] == ranges[1] and ranges[0] and blind.returncode in (0, 1) else
                       f"exit status {blind.returncode}: {blind.stderr.decode()[:300]}",
                       f"{name}: {' '.join(command)} --root of pid {task['pid']} without a kernel")


def check_raw(tap, vmpt, name, dump, folder):
    """As raw memory, which does not say its architecture: the same, and nothing that is passed over."""
    segments = [segment for segment in load_segments(dump) if segment[0] < 1 << 31]
    path = folder / "raw"
    with open(dump, "rb") as source, open(path, "wb") as out:
        for physical, _, offset, stored in segments:
            source.seek(offset)
            out.seek(physical)
            out.write(source.read(stored))
    result = run(vmpt, "roots", path, "--format", "json")
    wanted = {record["root"] for record in json_of(vmpt, "roots", dump).get("roots", [])}
    found = {record["root"] for record in json.loads(result.stdout)["roots"]}
    tap.report(f"exit status {result.returncode}: {result.stderr.decode()[:300]}" if result.returncode else
               None if found == wanted else f"differ: {found ^ wanted}", f"{name}: roots of raw memory")
    path.unlink()


def check_trimmed(tap, vmpt, name, dump):
    """Most of memory is not there, and nothing speaks against a table that leads to it."""
    facts = {fact["name"]: fact["value"] for fact in json_of(vmpt, "info", dump)["kernel"]}
    result = run(vmpt, "roots", dump, "--format", "json")
    listed = [(record["root"], record["mode"]) for record in json.loads(result.stdout)["roots"]]
    tap.report(None if listed == [(facts["root table"], facts["paging mode"])] and result.returncode == 0 else
               f"exit status {result.returncode}: {listed}", f"{name}: the kernel's root and no other")


def check_shifted(tap, vmpt, name, dump, expected, folder):
    """What is in front of memory, or missing there, the kernel shows, or vmpt refuses."""
    path, shifted = Path(str(make_raw(dump, folder)[-1]).partition("@")[0]), folder / "shifted"
    for shift in (4096, 0x10000, 1 << 20, -4096, -(1 << 20)):
        with open(path, "rb") as source, open(shifted, "wb") as out:
            out.write(b"HDR!" * (max(shift, 0) // 4))
            source.seek(max(-shift, 0))
            shutil.copyfileobj(source, out, 1 << 20)
        result = run(vmpt, "kernel", shifted)
        is_right = result.returncode == 0 and result.stdout == expected
        is_said = b"does not begin where memory does" in result.stderr
        tap.report(None if (is_right and is_said) or (result.returncode == 2 and not result.stdout) else
                   f"exit status {result.returncode}, {len(result.stdout)} bytes: {result.stderr.decode()}",
                   f"{name}: raw memory that is off by {shift}")
    shifted.unlink()


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        small = find_cases(source / "testdata/kernels")
        for case in small + truth_cases(tap, source):
            if words and not any(word in case.name for word in words):
                continue
            is_small = case in small
            for name, dump in find_dumps(case, folder):
                expected = expected_listing(vmpt, case, dump)
                if not load_segments(dump) or "paging" in name:
                    continue
                name = f"{case.name}: {name}"
                if is_small:
                    check_trimmed(tap, vmpt, name, dump)
                else:
                    check_without_kernel(tap, vmpt, name, dump, folder)
                    check_shifted(tap, vmpt, name, dump, expected, folder)
                if not case.name.startswith("x86_64"):
                    continue
                if is_small:
                    check_encryption(tap, vmpt, name, dump, expected, folder)
                else:
                    check_registers(tap, vmpt, name, dump, expected, folder)
                    check_raw(tap, vmpt, name, dump, folder)
    tap.end()


if __name__ == "__main__":
    main()
