#!/usr/bin/env python3
"""A look through all of a large file stays small.

Files of 8 GiB, mostly holes, in which nothing names a kernel: what vmpt leaves
resident is at most 256 MiB, and it does not read the holes, which would take
minutes. In one of them is a kernel; its listing is that of the small dump.

Usage: scans.py VMPT SOURCE_ROOT       (prints TAP)
"""
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps
from containers import read_pages
from tap import Tap, first_difference, run

GIB, MIB = 1 << 30, 1 << 20
SIZE, NOISE = 8 * GIB, 640 * MIB
HEADER = 32
MOST_RESIDENT = 256 * MIB


def make_file(path, pages, noise_at):
    """LiME: one record, in which pages stand where their frames are, and noise at one place."""
    block = os.urandom(MIB)
    with open(path, "wb") as out:
        out.write(struct.pack("<IIQQ8x", 0x4C694D45, 1, 0, SIZE - 1))
        for frame, page in pages:
            out.seek(HEADER + frame * 4096)
            out.write(page)
        out.seek(HEADER + noise_at)
        for _ in range(NOISE // MIB):
            out.write(block)
        out.truncate(HEADER + SIZE)
    return path


def measured(*words):
    """Exit status, standard output, peak of resident bytes."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return child.returncode, out.read(), usage.ru_maxrss * 1024


def resident_problem(resident):
    """AddressSanitizer keeps what was freed."""
    if b"__asan_init" in Path(sys.argv[1]).read_bytes():
        return None
    return f"{resident // MIB} MiB were resident" if resident > MOST_RESIDENT else None


def main():
    vmpt, source, tap = sys.argv[1], Path(sys.argv[2]), Tap()
    # TMPDIR may be memory, which a file of half a gigabyte is too large for.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        folder = Path(folder)
        path = make_file(folder / "noise", [], 2 * GIB)
        if path.stat().st_blocks * 512 > 2 * GIB:
            tap.skip("large files", "the file system has no holes")
            return tap.end()
        for threads in ("1", "4"):
            status, _, resident = measured(vmpt, "kernel", path, "--threads", threads)
            tap.report(f"exit status {status}" if status != 2 else resident_problem(resident),
                       f"no kernel, {threads} threads: at most 256 MiB are resident")
        path.unlink()
        case = source / "testdata/kernels/x86_64-6.1-lab-4level-nokaslr-novmcoreinfo"
        for _, dump in find_dumps(case, folder):
            expected = run(vmpt, "kernel", dump).stdout
            path = make_file(folder / "kernel", read_pages(dump), GIB)
            _, listing, resident = measured(vmpt, "kernel", path)
            tap.report(first_difference(expected, listing) or resident_problem(resident),
                       "a kernel in front of noise: the same listing, at most 256 MiB are resident")
    tap.end()


main()
