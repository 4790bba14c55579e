#!/usr/bin/env python3
"""The judge of odd inputs: the cases of ../shared/cases, each made as its README says, and what is right.

A case needs its folder (in $VMPT_SHARED, else ../shared beside the source) and, most of them, a dump of its
truth cases (unpacked in $VMPT_DUMPS, else here); without, it is a skipped test.

Usage: cases.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import load_segments, unpack
from tap import Tap, first_difference, run

DEBIAN = "x86_64-6.1-debian-4level-pti"
LAB = "x86_64-6.1-lab-4level-pti"


class Cases:
    """Where inputs are, and where they go."""

    def __init__(self, vmpt, source, folder):
        self.vmpt, self.folder = vmpt, folder
        self.shared = Path(os.environ.get("VMPT_SHARED") or source / "../shared").resolve()
        self.dumps = {}

    def case(self, name):
        return self.shared / "cases" / name

    def truth(self, name):
        """An unpacked ELF dump of a truth case; None if it is not at hand."""
        if name in self.dumps:
            return self.dumps[name]
        kept = Path(os.environ.get("VMPT_DUMPS", self.folder)) / f"{name}.dump.elf"
        packed = self.shared / "truth" / name / "dump.elf.zst"
        path = kept if kept.exists() else unpack(packed, self.folder) if packed.exists() else None
        self.dumps[name] = path
        return path

    def make(self, name, *arguments, script="make.py"):
        """Runs the script of a case in the folder of outputs."""
        done = subprocess.run([sys.executable, self.case(name) / script, *map(str, arguments)], cwd=self.folder,
                              env=dict(os.environ, V=str(Path(self.vmpt).resolve())), capture_output=True)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))

    def run(self, *arguments):
        return run(self.vmpt, *arguments)

    def json(self, *arguments):
        result = self.run(*arguments, "--format", "json")
        return result, json.loads(result.stdout) if result.stdout else {}


def said(result):
    return f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"


def fmode_backing(tap, cases):
    """Debian 6.12.117: FMODE_BACKING is bit 24, NONOTIFY 25; the kernel's own text of each process."""
    folder = cases.case("fmode-backing")
    dump = cases.folder / "o612.elf"
    subprocess.run(["zstd", "-dq", folder / "o612.elf.zst", "-o", dump], check=True)
    console = (folder / "o612.console.txt").read_bytes().replace(b"\r\n", b"\n")
    for pid, wanted in re.findall(rb"=B= t?maps (\d+)\n(.*?)=E=\n", console, re.S):
        if not wanted:
            continue
        result = cases.run("maps", dump, "--pid", pid.decode())
        problem = first_difference(wanted, result.stdout)
        tap.report(problem or (said(result) if result.returncode else None),
                   f"fmode-backing: maps of {pid.decode()}")
    result, listing = cases.json("tasks", dump)
    states = {task["pid"]: task["state"] for task in listing["tasks"]}
    for pid, state in re.findall(rb"=S= (\d+) .*\) (\w) ", console):
        got = states.get(int(pid))
        tap.report(None if got == state.decode() else f"{got}, the kernel says {state.decode()}",
                   f"fmode-backing: state of {pid.decode()}")
    dump.unlink()


def task_state_frozen(tap, cases):
    dump = cases.truth(DEBIAN)
    path = cases.folder / "frozen.elf"
    for state in ("8000", "8001", "1000"):
        cases.make("task-state-frozen", dump, path, 1, state)
        result, listing = cases.json("tasks", path)
        got = next(task["state"] for task in listing["tasks"] if task["pid"] == 1)
        tap.report(None if got == "D" else f"state {got}", f"task-state-frozen: {state}")
    path.unlink()


def zombie_leader(tap, cases):
    """pid 122 has exited, its threads 123 to 126 live."""
    dump, path = cases.truth(DEBIAN), cases.folder / "zombie.elf"
    cases.make("zombie-leader", dump, path, 122)
    result, listing = cases.json("tasks", path)
    task = next(task for task in listing["tasks"] if task["pid"] == 122)
    wanted = {"state": "Z", "mm": None, "memory_threads": [123, 124, 125, 126]}
    got = {key: task.get(key) for key in wanted}
    tap.report(None if got == wanted and not result.returncode else f"{got}, {said(result)}",
               "zombie-leader: tasks")
    for command in ("maps", "task"):
        wanted = cases.run(command, dump, "--pid", 122).stdout
        for choice in (["--pid", 123], ["--comm", "demo-threads"]):
            result = cases.run(command, path, *choice)
            tap.report(first_difference(wanted, result.stdout) or (said(result) if result.returncode else None),
                       f"zombie-leader: {command} {choice[0]}")
        result = cases.run(command, path, "--all")
        tap.report(None if wanted in result.stdout and not result.returncode else said(result),
                   f"zombie-leader: {command} --all has the process")
        result = cases.run(command, path, "--pid", 122)
        named = b"threads 123, 124, 125, 126" in result.stderr and not result.stdout
        tap.report(None if named else said(result), f"zombie-leader: {command} --pid names the threads")
    path.unlink()


def prstatus_missing(tap, cases):
    """CPU 0 saved no registers; also where QEMU's notes are lost, as in a dump of real hardware."""
    path = cases.folder / "missing.elf"
    cases.make("prstatus-missing", cases.truth(DEBIAN), path)
    for what in ("QEMU's notes", "no QEMU notes"):
        result, info = cases.json("info", path)
        cpus = [cpu["cpu"] for cpu in info["cpus"]]
        tap.report(None if cpus == [1] and not result.returncode else f"CPUs {cpus}, {said(result)}",
                   f"prstatus-missing: {what}")
        cases.make("lib", path, script="noqemu.py")
    path.unlink()


def lime_damage_scan(tap, cases):
    """Behind the first record a header is lost; what the first has is read without a look at the rest."""
    path = cases.folder / "lime.bin"
    cases.make("lime-damage-scan", path, 64)
    result = cases.run("read", path, "--physical", "0x100000", 4)
    fine = b"78787878" in result.stdout and not result.returncode and b"damaged" in result.stderr
    tap.report(None if fine else said(result), "lime-damage-scan: the record in front")
    path.unlink()


def foreign_arch(tap, cases):
    os.environ["D"] = str(cases.folder)
    dump = cases.truth(DEBIAN)
    wanted = cases.folder / "x86_64-6.1-lab-4level-pti"
    wanted.mkdir(exist_ok=True)
    (wanted / "dump.elf").symlink_to(dump)
    cases.make("foreign-arch")
    # The text is of a kernel that is not there: of a machine that is known, too, nothing can be listed.
    for machine, reason in (("mips64", "mips64 dumps are not read"), ("ppc64le", "is not in the dump"),
                            ("s390x", "is not in the dump")):
        path = cases.folder / f"f_{machine}.kdump"
        result = cases.run("kernel", path)
        lines = result.stderr.decode().splitlines()
        fine = result.returncode == 2 and len(lines) <= 2 and reason in lines[-1] and not result.stdout
        tap.report(None if fine else said(result), f"foreign-arch: {machine}")
        result = cases.run("info", path)
        fine = result.returncode == 1 and (machine != "mips64" or b"mips64" in result.stdout)
        tap.report(None if fine else said(result), f"foreign-arch: info of {machine}")


def qevm_old_machine(tap, cases):
    """Block offset 0xd0000000 is A, 0xe0000000 is B, which is the first byte above 4 GiB."""
    path = cases.folder / "old.qevm"
    cases.make("qevm-old-machine", cases.truth(DEBIAN), path, "pc-i440fx-1.7")
    for address, wanted in (("0xd0000000", b"41414141"), ("0x100000000", b"42424242")):
        result = cases.run("read", path, "--physical", address, 4)
        tap.report(None if wanted in result.stdout and not result.returncode else said(result),
                   f"qevm-old-machine: {address}")
    path.unlink()


def efi_by_structure(tap, cases):
    """Debian's arm64 kernels have no KALLSYMS_ALL, so nothing names efi_mm."""
    for name in ("arm64-6.1-efi", "x86_64-6.1-efi"):
        crashes = cases.shared / "crashes"
        if not (crashes / name).is_dir():
            tap.skip(f"efi of {name}", "no ../shared/crashes beside the source")
            continue
        kept = Path(os.environ.get("VMPT_CRASHES", cases.folder))
        if not (kept / f"{name}.elf").exists():
            subprocess.run([crashes / "unpack", cases.folder, name], check=True)
            kept = cases.folder
        result = cases.run("efi", kept / f"{name}.elf")
        tap.report(first_difference((crashes / name / "efi.txt").read_bytes(), result.stdout)
                   or (said(result) if result.returncode else None), f"efi of {name}")
        for path in cases.folder.glob("*.elf"):
            path.unlink() if path not in cases.dumps.values() else None


def roots_missing(tap, cases):
    """A process whose top table cannot be found: the list is there, the exit status 1, the reason said."""
    dump, path = cases.truth(DEBIAN), cases.folder / "rootless.elf"
    shutil.copyfile(dump, path)
    _, info = cases.json("info", dump)
    direct = next(int(s["start"], 16) for s in info["sections"] if s["name"] == "Low Kernel Mapping")
    _, listing = cases.json("tasks", dump)
    task = next(task for task in listing["tasks"] if task["pid"] == 1)
    start = int(task["mm"], 16) - direct
    table = struct.pack("<Q", int(task["root"], 16) + direct)
    first, offset = next((first, offset) for first, size, offset, _ in load_segments(dump)
                         if first <= start < first + size)
    with open(path, "r+b") as file:
        file.seek(offset + start - first)
        at = file.read(1024).index(table)
        file.seek(offset + start - first + at)
        file.write(struct.pack("<Q", direct - (1 << 40)))
    result, listing = cases.json("tasks", path)
    task = next(task for task in listing["tasks"] if task["pid"] == 1)
    fine = (result.returncode == 1 and task["root"] is None and b"pid 1 (" in result.stderr
            and len(listing["problems"]) == 1)
    tap.report(None if fine else f"{listing['problems']}, {said(result)}", "roots-missing")
    path.unlink()


# What a case needs: its folder in ../shared/cases, and truth dumps.
CASES = {
    "efi-by-structure": (efi_by_structure, []),
    "fmode-backing": (fmode_backing, []),
    "foreign-arch": (foreign_arch, [DEBIAN]),
    "lime-damage-scan": (lime_damage_scan, []),
    "prstatus-missing": (prstatus_missing, [DEBIAN]),
    "qevm-old-machine": (qevm_old_machine, [DEBIAN]),
    "roots-missing": (roots_missing, [DEBIAN]),
    "task-state-frozen": (task_state_frozen, [DEBIAN]),
    "zombie-leader": (zombie_leader, [DEBIAN]),
}

# Made here, of dumps alone.
OWN = {"efi-by-structure", "roots-missing"}


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vmpt-cases-") as folder:
        cases = Cases(vmpt, source.resolve(), Path(folder))
        for name, (check, dumps) in CASES.items():
            if words and not any(word in name for word in words):
                continue
            if not cases.case(name).is_dir() and name not in OWN:
                tap.skip(name, "no ../shared/cases beside the source")
            elif not shutil.which("zstd"):
                tap.skip(name, "zstd, which unpacks dumps, is not installed")
            elif not all(cases.truth(dump) for dump in dumps):
                tap.skip(name, "no dumps in ../shared/truth")
            else:
                check(tap, cases)
    tap.end()


main()
