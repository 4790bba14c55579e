#!/usr/bin/env python3
"""The judge of `vmpt log`, `modules` and `vmalloc`: real dumps against the guest.

Cases are folders with case.json. Crashed guests are in $VMPT_CRASHES, else in
../shared/crashes beside the source root; their dumps are made by the script
`unpack` there, or are CASE.elf in $VMPT_CRASH_DUMPS. The full cases of
$VMPT_TRUTH have /proc/modules and /proc/vmallocinfo.

  log      each line of console.log, oops.txt (with their times) and sys/dmesg
  modules  sys/modules, the text of /proc/modules
  vmalloc  sys/vmallocinfo without its addresses, which that kernel hashed

Usage: log.py VMPT SOURCE_ROOT [WORD...]         (prints TAP; WORDs choose cases)
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import crashed_guests, find_dumps, judged_cases, truth_cases
from tap import Tap, run

LOG_LINE = re.compile(rb"^(<\d+>)?\[ *\d+\.\d{6}\]")
# Came and went between the guest's look at its vmalloc space and the dump: the
# stacks of processes, programs of BPF, and what waits to be unmapped.
TRANSIENT = re.compile(r" (kernel_clone|bpf_\w+)\+| unpurged vm_area$")


def failed(result):
    return f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"


def log_lines(path):
    """The lines of a captured log that have a time; serial lines end with \\r\\n.

    Up to where a second kernel starts, which kdump boots: its log is another one.
    """
    lines = path.read_bytes().replace(b"\r", b"").split(b"\n")
    boots = [number for number, line in enumerate(lines) if b"] Linux version " in line]
    lines = lines[:boots[1]] if len(boots) > 1 else lines
    return [line for line in lines if LOG_LINE.match(line)]


def check_log(tap, vmpt, name, dump, types, case):
    for captured, options in (("console.log", []), ("oops.txt", []), ("sys/dmesg", ["--raw"])):
        if not (case / captured).exists():
            continue
        result = run(vmpt, "log", dump, *types, *options)
        printed = set(result.stdout.split(b"\n"))
        missing = [line for line in log_lines(case / captured) if line not in printed]
        problem = None
        if result.returncode:
            problem = failed(result)
        elif missing:
            problem = f"{len(missing)} lines are missing; the first: {missing[0]!r}"
        tap.report(problem, f"{name}: {captured}")


def read_modules(text):
    """[(name, size, references, users, state, base, taints)] of /proc/modules."""
    modules = []
    for line in text.splitlines():
        name, size, references, users, state, base, *taints = line.split()
        modules.append((name, int(size), int(references),
                        tuple(user for user in users.split(",") if user not in ("", "-")),
                        state, int(base, 16), taints[0].strip("()") if taints else ""))
    return modules


def check_modules(tap, vmpt, name, dump, types, case):
    result = run(vmpt, "modules", dump, *types, "--format", "json")
    if result.returncode:
        return tap.report(failed(result), f"{name}: modules")
    got = [(m["name"], m["bytes"], m["references"],
            (*m["used_by"], *(["[permanent]"] if m["permanent"] else [])),
            m["state"], int(m["base"], 16), m["taints"])
           for m in json.loads(result.stdout)["modules"]]
    wanted = read_modules((case / "sys/modules").read_text())
    problem = None if got == wanted else f"the guest had {wanted}, vmpt {got}"
    tap.report(problem, f"{name}: modules")


def lasting(text):
    """The lines without their addresses, in order."""
    lines = [line.split(" ", 1)[1] for line in text.splitlines()]
    return [line for line in lines if not TRANSIENT.search(" " + line.strip())]


def check_vmalloc(tap, vmpt, name, dump, types, case):
    result = run(vmpt, "vmalloc", dump, *types)
    # A kernel whose kallsyms name no data: the gap is said, and what it is not compared.
    gap = result.returncode == 1 and b"no symbol names their list" in result.stderr
    if result.returncode and not gap:
        return tap.report(failed(result), f"{name}: vmalloc")
    got = Counter(lasting(result.stdout.decode()))
    wanted = Counter(lasting((case / "sys/vmallocinfo").read_text()))
    lines = [f"guest: {line}" for line in (wanted - got)] + [f"vmpt: {line}" for line in (got - wanted)]
    tap.report("\n".join(lines) or None, f"{name}: vmalloc")


def check_learned(tap, vmpt, name, dump, case):
    """Without struct layouts: what modules and vmalloc areas themselves tell."""
    result = run(vmpt, "modules", dump, "--format", "json")
    problem = failed(result)
    if result.returncode == 1 and b"learned from" in result.stderr:
        got = [(m["name"], m["bytes"], m["state"], int(m["base"], 16)) for m in json.loads(result.stdout)["modules"]]
        wanted = [(name, size, state, base) for name, size, _, _, state, base, _ in
                  read_modules((case / "sys/modules").read_text())]
        problem = None if got == wanted else f"the guest had {wanted}, vmpt {got}"
    tap.report(problem, f"{name}: modules, learned")
    result = run(vmpt, "vmalloc", dump)
    if result.returncode == 2 and b"vmap_area_list" in result.stderr:
        return tap.report(None, f"{name}: vmalloc: no symbol names its lists")
    # Callers in modules have no names then, which is said.
    def unnamed(text):
        return Counter(re.sub(r" (0x[0-9a-f]{8,16}|\S+ \[\w+\])(?= |$)", " MODULE", line) for line in lasting(text))

    got, wanted = unnamed(result.stdout.decode()), unnamed((case / "sys/vmallocinfo").read_text())
    lines = [f"guest: {line}" for line in (wanted - got)] + [f"vmpt: {line}" for line in (got - wanted)]
    tap.report("\n".join(lines) or (None if got else failed(result)), f"{name}: vmalloc, learned")


def check_dump(tap, vmpt, name, dump, types, case):
    check_log(tap, vmpt, name, dump, types, case)
    if types is None:
        return
    if (case / "sys/modules").exists():
        check_modules(tap, vmpt, name, dump, types, case)
    if (case / "sys/vmallocinfo").exists():
        check_vmalloc(tap, vmpt, name, dump, types, case)


def check_truth(tap, vmpt, source, words):
    for case, folder, types, why in judged_cases(truth_cases(tap, source), words):
        for dump_name, dump in find_dumps(case, folder):
            name = f"{case.parent.name}/{case.name} {dump_name}"
            # Of the log of these guests nothing was kept; it must be whole.
            result = run(vmpt, "log", dump, *(types or []))
            # arm64 first says on which CPU it boots, ppc64le how it maps memory.
            start = b"".join(result.stdout.split(b"\n")[:40 if case.name.startswith("ppc64le") else 2])
            whole = result.returncode == 0 and b"Linux version " in start
            learned = why and result.returncode == 1 and b"no struct layouts" in result.stderr
            tap.report(None if whole or learned else failed(result), f"{name}: log")
            if case.parent.name == "machines" and types:
                # Their vmlinux has types of tasks and areas of processes alone.
                check_log(tap, vmpt, name, dump, [], case)
                check_learned(tap, vmpt, name, dump, case)
            elif not why:
                check_dump(tap, vmpt, name, dump, types, case)
            else:
                check_learned(tap, vmpt, name, dump, case)


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    check_truth(tap, vmpt, source, words)
    for case, dump in crashed_guests(tap, source,
                                     lambda case: not words or any(word in case.name for word in words)):
        check_dump(tap, vmpt, f"{case.parent.name}/{case.name}", dump, [], case)
    tap.end()


main()
