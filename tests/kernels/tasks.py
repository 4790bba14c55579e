#!/usr/bin/env python3
"""The judge of `vmpt tasks`, `task` and `efi`: real dumps against the guest.

A case is a folder with proc/PID/comm and stat, and proc/PID/tasks or ps.txt
for the threads, which the guest wrote right before its dumps, and with
listings/PID.*.txt, what its kernel printed for the process. Small cases are in
testdata/tasks, full ones in $VMPT_TRUTH, else in ../shared/truth beside the
source root; unpacked dumps are looked for in $VMPT_DUMPS.

For every dump: the tasks, their names and their parents are the guest's, and
the listing of each process that has one is the kernel's to the byte. Where the
dump has no types, their layout is learned from the tasks: then there are no
threads, and kernel threads have the short names that task_struct holds.

Usage: tasks.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_cases, find_dumps, find_types, truth_cases
from tap import Tap, first_difference, run

# Names that changed between the guest's last look and the dump, one by one:
# {(case, tid): (name in the guest's files, name in the dump)}. All are kworkers
# that took another work item meanwhile; wq_worker_comm() shows the last one's
# workqueue, worker->desc.
CHANGED = {
    ("arm64-5.10-4k-va48-nokaslr-novmcoreinfo", 19): ("kworker/0:1-events", "kworker/0:1-mm_percpu_wq"),
    ("arm64-6.1-4k-va48-novmcoreinfo", 15): ("kworker/0:1-events", "kworker/0:1-mm_percpu_wq"),
    ("x86_64-6.1-debian-4level-pti", 17): ("kworker/0:1-events_freezable", "kworker/0:1-events"),
    ("x86_64-6.1-debian-4level-pti", 28): ("kworker/1:1-events", "kworker/1:1-events_power_efficient"),
    ("x86_64-6.12-debian-4level-pti", 9): ("kworker/0:0-events_power_efficient", "kworker/0:0-pm"),
}
NO_EFI = "no EFI page tables: efi_mm.pgd is null, so the machine runs without EFI runtime services"
TABLES = [("current_kernel", []), ("current_user", ["--user-pgd"])]


def read_processes(case):
    """{pid: comm} of proc/PID/comm, and {tid: (tgid, parent, comm)}."""
    processes = {int(path.parent.name): path.read_text().rstrip("\n")
                 for path in case.glob("proc/*/comm")}
    # PID (COMM) STATE PPID ...; there may be anything in COMM.
    parents = {pid: int((case / f"proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
               for pid in processes}
    threads = {}  # tid: (tgid, comm)
    for path in case.glob("proc/*/tasks"):
        for line in path.read_text().splitlines():
            tid, comm = line.split(" ", 1)
            threads[int(tid)] = (int(path.parent.name), comm)
    for line in (case / "ps.txt").read_text().splitlines() if not threads else []:
        if not line.startswith("#"):  # pid tid ppid state comm exe
            tgid, tid, _, _, rest = line.split(" ", 4)
            threads[int(tid)] = (int(tgid), rest.rsplit(" ", 1)[0])
    return processes, {tid: (tgid, parents[tgid], processes[tid] if tid == tgid else comm)
                       for tid, (tgid, comm) in threads.items()}


def with_changes(case, tid, comm):
    """The name to expect in the dump, or what is wrong with the table."""
    known = CHANGED.get((case.name, tid))
    if known is None:
        return comm
    return known[1] if comm == known[0] else f"{comm}, but the table of changes has {known[0]}"


def list_tasks(vmpt, dump, types, *options):
    """({pid: task}, None) or (None, problem)."""
    result = run(vmpt, "tasks", dump, *types, *options, "--format", "json")
    if result.returncode:
        return None, f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"
    listing = json.loads(result.stdout)
    # Idle tasks, which /proc does not have, are pid 0, one a CPU that idles.
    listed = [task for task in listing["tasks"] if task["pid"]]
    tasks = {task["pid"]: task for task in listed}
    if len(tasks) != len(listed):
        return None, "a pid is listed twice"
    return tasks, None


def compare(wanted, got):
    """None, or a line for each number that only one has or that differs."""
    lines = [f"{number}: the guest has {wanted.get(number)}, vmpt {got.get(number)}"
             for number in sorted(wanted.keys() | got.keys())
             if wanted.get(number) != got.get(number)]
    return "\n".join(lines) or None


def check_names(tap, vmpt, name, dump, types, case):
    processes, threads = read_processes(case)
    tasks, problem = list_tasks(vmpt, dump, types)
    wanted = {pid: with_changes(case, pid, comm) for pid, comm in processes.items()}
    tap.report(problem or compare(wanted, {pid: t["comm"] for pid, t in tasks.items()}),
               f"{name}: processes")
    tasks, problem = list_tasks(vmpt, dump, types, "--threads")
    wanted = {tid: (tgid, ppid, with_changes(case, tid, comm))
              for tid, (tgid, ppid, comm) in threads.items()}
    tap.report(problem or compare(wanted, {pid: (t["tgid"], t["ppid"], t["comm"])
                                           for pid, t in tasks.items()}),
               f"{name}: threads and parents")


def listing_problem(expected, result):
    problem = first_difference(expected.read_bytes(), result.stdout)
    if problem is None and result.returncode == 0:
        return None
    return f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}\n{problem or ''}"


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


def short(comm):
    """What task_struct.comm holds of a kernel thread's name in /proc."""
    return re.sub(r"^(kworker/[^-+]*)[-+].*", r"\1", comm)[:15]


def check_learned(tap, vmpt, name, dump, case):
    """Exit status 1 and a warning: the list is not all that was asked for."""
    result = run(vmpt, "tasks", dump, "--format", "json")
    if result.returncode != 1 or b"no struct layouts in the dump" not in result.stderr:
        return tap.report(f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}",
                          f"{name}: learned")
    processes, threads = read_processes(case)
    wanted = {pid: (threads[pid][1], short(comm) if threads[pid][1] == 2 else comm)
              for pid, comm in processes.items()}
    got = {t["pid"]: (t["ppid"], short(t["comm"]) if t["ppid"] == 2 else t["comm"])
           for t in json.loads(result.stdout)["tasks"] if t["pid"]}
    tap.report(compare(wanted, got), f"{name}: processes and parents, by a learned layout")


def check_case(tap, vmpt, case, folder):
    types, why = find_types(case, folder)
    for dump_name, dump in find_dumps(case, folder):
        name = f"{case.parent.name}/{case.name} {dump_name}"
        if why:
            check_learned(tap, vmpt, name, dump, case)
        else:
            check_names(tap, vmpt, name, dump, types, case)
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
