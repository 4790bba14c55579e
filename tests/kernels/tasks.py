#!/usr/bin/env python3
"""The judge of `vmpt tasks`, `task` and `efi`: real dumps against the guest.

A case is a folder with proc/PID/comm and stat, and proc/PID/tasks or ps.txt
for the threads, which the guest wrote right before its dumps, and with
listings/PID.*.txt, what its kernel printed for the process. Small cases are in
testdata/tasks, full ones in $VMPT_TRUTH, else in ../shared/truth beside the
source root; unpacked dumps are looked for in $VMPT_DUMPS.

For every dump: the tasks, their names and their parents are the guest's, and
the listing of each process that has one is the kernel's to the byte. Where the
dump has no types, all of it is by learned layouts.

Usage: tasks.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_cases, find_dumps, find_types, truth_cases
from judge import listing_problem, names_problem, threads_problem
from tap import Tap, run

NO_EFI = "no EFI page tables: efi_mm.pgd is null, so the machine runs without EFI runtime services"
TABLES = [("current_kernel", []), ("current_user", ["--user-pgd"])]


def check_names(tap, vmpt, name, dump, types, case):
    tap.report(names_problem(vmpt, dump, types, case), f"{name}: processes")
    tap.report(threads_problem(vmpt, dump, types, case), f"{name}: threads and parents")


def check_listings(tap, vmpt, name, dump, case, choose):
    """`choose` gives the arguments that pick a process."""
    listed = sorted({int(path.name.split(".")[0]) for path in case.glob("listings/*.txt")})
    for pid in listed:
        for table, options in TABLES:
            expected = case / f"listings/{pid}.{table}.txt"
            if expected.exists():
                result = run(vmpt, "task", dump, *choose(pid), *options)
                tap.report(listing_problem(expected, result), f"{name}: {table} of {pid}")


def check_efi(tap, vmpt, name, dump, types, case):
    """Without an efi.txt the guest had no EFI firmware."""
    result = run(vmpt, "efi", dump, *types)
    if (case / "efi.txt").exists():
        return tap.report(listing_problem(case / "efi.txt", result), f"{name}: efi")
    said = result.stderr.decode(errors="replace")
    fine = result.returncode == 2 and not result.stdout and NO_EFI in said
    tap.report(None if fine else f"exit status {result.returncode}: {said}", f"{name}: no efi")


def check_case(tap, vmpt, case, folder):
    types, why = find_types(case, folder)
    for dump_name, dump in find_dumps(case, folder):
        name = f"{case.parent.name}/{case.name} {dump_name}"
        check_names(tap, vmpt, name, dump, types or [], case)
        check_listings(tap, vmpt, name, dump, case, lambda pid: (types or []) + ["--pid", pid])
        if not why and case.name.startswith("x86_64"):  # the other kernels have no efi_mm
            check_efi(tap, vmpt, name, dump, types, case)


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case in find_cases(source / "testdata/tasks") + truth_cases(tap, source):
        if not words or any(word in case.name for word in words):
            with tempfile.TemporaryDirectory(prefix="vmpt-tasks-") as folder:
                check_case(tap, vmpt, case, Path(folder))
    tap.end()


main()
