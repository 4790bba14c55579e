#!/usr/bin/env python3
"""`vmpt convert` of real dumps: other programs read what it writes.

The same memory goes through convert as QEMU's ELF, as a raw image, as LiME and
as makedumpfile's kdump. Each time the new file gives the kernel's own listing;
makedumpfile filters it, also into parts, and the listing of that is the same;
crash finds the release; drgn reads the kernel's banner out of it at its virtual
address. Where the kernel's vmlinux is installed (Debian's
linux-image-RELEASE-dbg), crash opens the new file with it and drgn lists all
tasks. Programs that are not installed are skipped, and so are cases that are
not there. The small cases of testdata/kernels are always there: their memory
goes through convert as ELF, as kdump and as LiME.

Usage: convert.py VMPT SOURCE_ROOT       (prints TAP)
"""
import functools
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import (expected_listing, find_cases, find_dumps, listing_problem, load_segments, make_lime, make_raw,
                   truth_cases, unpack)
from containers import make_kdump
from tap import Tap, first_difference, run

# One kernel of each architecture, the smallest, with the programs that know it.
CASES = {
    "x86_64-6.1-lab-4level-pti": ["makedumpfile", "crash", "drgn"],
    "x86_64-5.10-debian-4level-pti": ["makedumpfile", "drgn"],
    "x86_64-6.1-debian-4level-pti": ["makedumpfile", "crash", "drgn", "vmlinux"],
    "x86_64-6.1-debian-5level-pti": ["makedumpfile", "crash", "drgn", "vmlinux"],
    "arm64-6.1-4k-va39": ["drgn"],
    "arm64-6.1-4k-va48-novmcoreinfo": ["drgn"],
    "i386-6.1-debian-pae-pti": ["drgn"],
    "riscv64-6.1-sv39": ["drgn"],
    "arm-6.12-lpae": [],
    "loongarch64-6.12-16k": [],
    "ppc64le-6.12-4k-radix": [],
    "s390x-6.12": [],
}
DRGN_BANNER = """
import drgn, sys
program = drgn.Program()
program.set_core_dump(sys.argv[1])
sys.stdout.buffer.write(program.read(int(sys.argv[2], 16), 14))
"""
DRGN_TASKS = """
import drgn, sys
from drgn.helpers.linux.pid import for_each_task
program = drgn.Program()
program.set_core_dump(sys.argv[1])
program.load_debug_info([sys.argv[2]])
for task in for_each_task(program):
    print(task.pid.value_())
"""


def find_vmlinux(release):
    """Where Debian's linux-image-RELEASE-dbg puts it."""
    paths = [Path(f"/usr/lib/debug/boot/vmlinux-{release}"),
             Path(f"/usr/lib/debug/lib/modules/{release}/vmlinux")]
    return next((path for path in paths if path.exists()), None)


@functools.cache
def find_drgn():
    """A Python that has drgn: Debian's own, whatever runs this test."""
    for python in [sys.executable, "/usr/bin/python3"]:
        if Path(python).exists() and not subprocess.run(
                [python, "-c", "import drgn"], capture_output=True).returncode:
            return python
    return None


def banner_address(case_folder):
    symbols = subprocess.run(["zstd", "-dc", case_folder / "sys/kallsyms.zst"],
                             capture_output=True, text=True).stdout
    for line in symbols.splitlines():
        if line.split()[2] == "linux_banner":
            return line.split()[0]
    return None  # no KALLSYMS_ALL


def python_output(*arguments):
    result = subprocess.run([find_drgn(), "-c", *arguments], capture_output=True)
    return result.stdout, result.stderr.decode(errors="replace")


class Case:
    """One guest: what its kernel said, and what other programs must say."""

    def __init__(self, tap, vmpt, source, folder):
        self.tap, self.vmpt, self.source, self.folder = tap, vmpt, source, folder
        case = json.loads((source / "case.json").read_text())
        self.dumps, self.release = case["dumps"], case["release"]
        self.expected = b""
        self.programs = CASES.get(source.name, []) if not case.get("trimmed") else []
        self.banner = banner_address(source) if self.programs else None

    def report_text(self, name, expected, actual, said=""):
        problem = first_difference(expected, actual)
        self.tap.report(problem and f"{problem}\n{said}", name)

    def makedumpfile(self, name, made, *arguments):
        """Runs it; True if it did what was asked."""
        if not shutil.which("makedumpfile"):
            self.tap.skip(name, "makedumpfile is not installed")
            return False
        result = subprocess.run(["makedumpfile", "-c", *arguments[:-1], made, *arguments[-1]],
                                capture_output=True, text=True)
        if result.returncode:
            self.tap.report(f"makedumpfile: {result.stdout}{result.stderr}", name)
        return result.returncode == 0

    def check_makedumpfile(self, name, made):
        filtered = self.folder / "filtered.kdump"
        if self.makedumpfile(name, made, "-d", "31", [filtered]):
            self.tap.report(listing_problem(self.vmpt, self.expected, filtered), name)
        filtered.unlink(missing_ok=True)

    def check_split(self, name, made):
        """Three parts, named one after the other and the last one first."""
        parts = [self.folder / f"part{number}" for number in (3, 1, 2)]
        if self.makedumpfile(name, made, "-d", "31", "--split", sorted(parts)):
            self.tap.report(listing_problem(self.vmpt, self.expected, *parts), name)
        for part in parts:
            part.unlink(missing_ok=True)

    def check_crash(self, name, made):
        if not shutil.which("crash"):
            return self.tap.skip(name, "crash is not installed")
        result = subprocess.run(["crash", "--osrelease", made], stdin=subprocess.DEVNULL,
                                capture_output=True)
        self.report_text(name, self.release.encode() + b"\n", result.stdout)

    def check_drgn(self, name, made):
        if not find_drgn() or not self.banner:
            return self.tap.skip(name, "kallsyms lack linux_banner" if find_drgn()
                                 else "drgn is not installed")
        self.report_text(name, b"Linux version ", *python_output(DRGN_BANNER, made, self.banner))

    def check_vmlinux(self, name, made):
        """crash and drgn with the kernel's own debugging information."""
        vmlinux = find_vmlinux(self.release)
        if not vmlinux:
            return self.tap.skip(name, f"linux-image-{self.release}-dbg is not installed")
        if shutil.which("crash"):
            result = subprocess.run(["crash", "-s", vmlinux, made], capture_output=True, text=True,
                                    input="rd -a linux_banner\nsys\n", errors="replace")
            found = (f"RELEASE: {self.release}\n" in result.stdout
                     and f"Linux version {self.release} " in result.stdout)
            self.tap.report(None if found else result.stdout + result.stderr, f"{name}, crash")
        else:
            self.tap.skip(f"{name}, crash", "crash is not installed")
        if not find_drgn():
            return self.tap.skip(f"{name}, drgn's tasks", "drgn is not installed")
        output, said = python_output(DRGN_TASKS, made, vmlinux)
        threads = {line.split()[1] for line in (self.source / "ps.txt").read_text().splitlines()[1:]}
        different = sorted(threads ^ set(output.decode().split()), key=int)
        self.tap.report(f"not in both: {different}\n{said}" if different else None,
                        f"{name}, drgn's tasks")

    def check_form(self, form, arguments):
        name = f"{self.source.name} {form}"
        made = self.folder / "converted.elf"
        result = run(self.vmpt, "convert", *arguments, "-o", made)
        if result.returncode:
            return self.tap.report(result.stderr.decode(errors="replace"), f"{name}: convert")
        self.tap.report(listing_problem(self.vmpt, self.expected, made),
                        f"{name}: listing of the new file")
        if "makedumpfile" in self.programs:
            self.check_makedumpfile(f"{name}: makedumpfile -c -d 31, listed", made)
            self.check_split(f"{name}: makedumpfile --split, listed", made)
        if "crash" in self.programs:
            self.check_crash(f"{name}: crash --osrelease", made)
        if "drgn" in self.programs:
            self.check_drgn(f"{name}: drgn", made)
        if "vmlinux" in self.programs:
            self.check_vmlinux(f"{name}: with vmlinux", made)
        made.unlink()

    def check_kdump(self, dump, level):
        """The form that only makedumpfile makes, which wants an ELF file of ours."""
        elf, kdump = self.folder / "for-kdump.elf", self.folder / "whole.kdump"
        run(self.vmpt, "convert", dump, "-o", elf)
        if self.makedumpfile(f"{self.source.name} kdump", elf, "-d", level, [kdump]):
            elf.unlink()
            self.check_form("kdump", [kdump])

    def check(self):
        elf = next(name for name in self.dumps if name.endswith(".elf.zst"))
        dump = unpack(self.source / elf, self.folder)
        self.expected = expected_listing(self.vmpt, self.source, dump)
        self.check_form("ELF", [dump])
        is_whole = "d31" not in elf
        if is_whole:
            self.check_form("raw memory", make_raw(dump, self.folder))
            self.check_form("LiME", [make_lime(dump, self.folder)])
        kdumps = [name for name in self.dumps if name.endswith(".kdump")]
        for name in kdumps:
            self.check_form(name, [self.source / name])
        if not kdumps and "makedumpfile" in self.programs:
            # Level 0 would say of pages that are left out already that they are not zeros.
            self.check_kdump(dump, "0" if is_whole else "31")

    def check_small(self):
        for _, dump in find_dumps(self.source, self.folder):
            if not load_segments(dump):
                continue  # a stream without its pages: convert names them, and is not whole
            self.expected = expected_listing(self.vmpt, self.source, dump)
            self.check_form("ELF", [dump])
            self.check_form("kdump", [make_kdump(dump, self.folder / "kdump")])
            if not (self.source / "kernel.txt").exists():
                continue  # through loongarch64's window the image has no end: what trim left out is missed, and said
            lime = [make_lime(dump, self.folder)]
            note = run(self.vmpt, "vmcoreinfo", dump)
            if note.returncode == 0:  # the page that has it is not among those that were kept
                text = self.folder / "vmcoreinfo"
                text.write_bytes(note.stdout)
                lime += ["--vmcoreinfo", text]
            self.check_form("LiME", lime)


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    for case in find_cases(source / "testdata/kernels"):
        with tempfile.TemporaryDirectory(prefix="vmpt-convert-") as folder:
            Case(tap, vmpt, case, Path(folder)).check_small()
    for case in truth_cases(tap, source):
        if case.name in CASES:
            with tempfile.TemporaryDirectory(prefix="vmpt-convert-") as folder:
                Case(tap, vmpt, case, Path(folder)).check()
    tap.end()


main()
