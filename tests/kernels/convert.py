#!/usr/bin/env python3
"""`vmpt convert` of real dumps: other programs read what it writes.

The same memory goes through convert as QEMU's ELF, as a raw image, as LiME and
as makedumpfile's kdump. Each time the new file gives the kernel's own listing;
makedumpfile filters it, also into parts, and the listing of that is the same;
crash finds the release; drgn reads the kernel's banner out of it at its virtual
address. Programs that are not
installed are skipped, and so are cases that are not there.

Usage: convert.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import listing_problem, load_segments, make_raw, truth_cases, unpack
from tap import Tap, first_difference, run

# One kernel of each architecture that these programs know; the smallest.
CASES = {
    "x86_64-6.1-lab-4level-pti": ["makedumpfile", "crash", "drgn"],
    "x86_64-5.10-debian-4level-pti": ["makedumpfile", "drgn"],
    "x86_64-6.1-debian-5level-pti": ["makedumpfile", "crash", "drgn"],
    "arm64-6.1-4k-va39": ["drgn"],
    "arm64-6.1-4k-va48-novmcoreinfo": ["drgn"],
    "i386-6.1-debian-pae-pti": ["drgn"],
    "riscv64-6.1-sv39": ["drgn"],
}
DRGN = """
import drgn, sys
program = drgn.Program()
program.set_core_dump(sys.argv[1])
sys.stdout.buffer.write(program.read(int(sys.argv[2], 16), 14))
"""


def find_drgn():
    """A Python that has drgn: Debian's own, whatever runs this test."""
    for python in [sys.executable, "/usr/bin/python3"]:
        if Path(python).exists() and not subprocess.run(
                [python, "-c", "import drgn"], capture_output=True).returncode:
            return python
    return None


def make_lime(dump, folder):
    """{magic, version, first, last, reserved} and the bytes, a record each."""
    path = folder / "memory.lime"
    with open(dump, "rb") as source, open(path, "wb") as out:
        for physical, _, offset, stored in load_segments(dump):
            out.write(struct.pack("<IIQQ8x", 0x4C694D45, 1, physical, physical + stored - 1))
            source.seek(offset)
            shutil.copyfileobj(_Limited(source, stored), out, 1 << 20)
    return path


class _Limited:
    """The next bytes of a file, so many and no more."""

    def __init__(self, file, left):
        self.file, self.left = file, left

    def read(self, size):
        chunk = self.file.read(min(size, self.left))
        self.left -= len(chunk)
        return chunk


def banner_address(case_folder):
    symbols = subprocess.run(["zstd", "-dc", case_folder / "sys/kallsyms.zst"],
                             capture_output=True, text=True).stdout
    for line in symbols.splitlines():
        if line.split()[2] == "linux_banner":
            return line.split()[0]
    return None  # no KALLSYMS_ALL


def check_makedumpfile(tap, vmpt, name, made, expected, folder):
    if not shutil.which("makedumpfile"):
        return tap.skip(name, "makedumpfile is not installed")
    filtered = folder / "filtered.kdump"
    result = subprocess.run(["makedumpfile", "-c", "-d", "31", made, filtered],
                            capture_output=True, text=True)
    if result.returncode:
        filtered.unlink(missing_ok=True)
        return tap.report(f"makedumpfile {result.returncode}: {result.stdout}{result.stderr}", name)
    tap.report(listing_problem(vmpt, expected, filtered), name)
    filtered.unlink()


def check_drgn(tap, name, made, address):
    python = find_drgn()
    if not python or not address:
        return tap.skip(name, "drgn is not installed" if not python else "kallsyms lack linux_banner")
    result = subprocess.run([python, "-c", DRGN, made, address], capture_output=True)
    tap.report(first_difference(b"Linux version ", result.stdout)
               and result.stderr.decode(errors="replace"), name)


def check_split(tap, vmpt, name, made, expected, folder):
    """Three parts, named one after the other and the last one first."""
    if not shutil.which("makedumpfile"):
        return tap.skip(name, "makedumpfile is not installed")
    parts = [folder / f"part{number}" for number in (3, 1, 2)]
    result = subprocess.run(["makedumpfile", "-c", "-d", "31", "--split", made, *sorted(parts)],
                            capture_output=True, text=True)
    if result.returncode:
        return tap.report(f"makedumpfile: {result.stdout}{result.stderr}", name)
    tap.report(listing_problem(vmpt, expected, *parts), name)
    for part in parts:
        part.unlink()


def check_crash(tap, name, made, release):
    if not shutil.which("crash"):
        return tap.skip(name, "crash is not installed")
    result = subprocess.run(["crash", "--osrelease", made], stdin=subprocess.DEVNULL, capture_output=True)
    tap.report(first_difference(release.encode() + b"\n", result.stdout), name)


def check_form(tap, vmpt, name, arguments, expected, programs, release, address, folder):
    made = folder / "converted.elf"
    result = run(vmpt, "convert", *arguments, "-o", made)
    if result.returncode:
        return tap.report(result.stderr.decode(errors="replace"), f"{name}: convert")
    tap.report(listing_problem(vmpt, expected, made), f"{name}: listing of the new file")
    if "makedumpfile" in programs:
        check_makedumpfile(tap, vmpt, f"{name}: makedumpfile -c -d 31, listed", made, expected, folder)
        check_split(tap, vmpt, f"{name}: makedumpfile --split, listed", made, expected, folder)
    if "crash" in programs:
        check_crash(tap, f"{name}: crash --osrelease", made, release)
    if "drgn" in programs:
        check_drgn(tap, f"{name}: drgn", made, address)
    made.unlink()


def check_case(tap, vmpt, case_folder):
    case = json.loads((case_folder / "case.json").read_text())
    expected = (case_folder / "kernel.txt").read_bytes()
    programs, address = CASES[case_folder.name], banner_address(case_folder)
    with tempfile.TemporaryDirectory(prefix="vmpt-convert-") as temporary:
        folder = Path(temporary)
        elf = next(name for name in case["dumps"] if name.endswith(".elf.zst"))
        dump = unpack(case_folder / elf, folder)
        forms = [("ELF", [dump])]
        if "d31" not in elf:
            forms += [("raw memory", make_raw(dump, folder)), ("LiME", [make_lime(dump, folder)])]
        forms += [(d, [case_folder / d]) for d in case["dumps"] if d.endswith(".kdump")]
        for form, arguments in forms:
            check_form(tap, vmpt, f"{case_folder.name} {form}", arguments, expected, programs,
                       case["release"], address, folder)


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    for case in truth_cases(tap, source):
        if case.name in CASES:
            check_case(tap, vmpt, case)
    tap.end()


main()
