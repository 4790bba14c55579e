#!/usr/bin/env python3
"""The judge of `vmpt explain`: guests that were crashed on purpose.

Cases are folders with case.json in $VMPT_CRASHES, else in ../shared/crashes
beside the source root; their dumps are made by the script `unpack` there, or
are CASE.elf in $VMPT_CRASH_DUMPS. `crash.json` has what the kernel wrote of its
crash, `planted.txt` what was done to it. Kind, address and the kernel's own
line must be right in every case, CPU, pid and the instruction too.

Usage: explain.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose cases)
"""
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import crashed_guests
from tap import Tap, run

# What was done to the guest, and our word for it.
KINDS = {
    "null-read": "null-pointer", "null-write": "null-pointer", "null-timer": "null-pointer",
    "null-exec": "null-execute",
    "smap-read": "user-access", "smap-write": "user-access", "pan-read": "user-access",
    "smep": "user-execute", "pxn": "user-execute",
    "rodata-write": "write-read-only", "text-write": "write-read-only", "modtext-write": "write-read-only",
    "data-exec": "execute-nx", "heap-exec": "execute-nx", "stack-exec": "execute-nx",
    "noncanonical": "non-canonical",
    "direct-beyond": "outside-ram", "direct-far": "outside-ram", "direct-far2": "outside-ram",
    "linear-beyond": "outside-ram",
    "vfree-read": "vmalloc-freed", "vfree-write": "vmalloc-freed", "vmalloc-guard": "vmalloc-guard",
    "stack-overflow": "stack-overflow",
    "module-freed-read": "module-freed", "module-freed-exec": "module-freed",
    # The address is one of the fixmap that is not mapped.
    "vmemmap-hole": "unknown",
    "rsvd-read": "reserved-bit", "int3": "unknown",
    "divide": "divide", "bug": "bug", "panic": "panic", "init-segv": "panic", "sysrq-c": "sysrq",
    "none": "none",
}
NO_ADDRESS = {"divide", "bug", "panic", "sysrq", "hung", "none"}


def wanted_address(kind, case, crash):
    """What the log has; of an x86 stack overflow CR2, as the rest is hashed."""
    if kind in NO_ADDRESS:
        return None
    text = crash.get("address") or (crash.get("cr2") if kind == "stack-overflow" else None)
    return int(text, 16) if text else None


def walk_line(crash, case):
    """The line as the kernel wrote it, without its time."""
    for line in (case / "oops.txt").read_text(errors="replace").splitlines():
        text = re.sub(r"^\[ *\d+\.\d+\] ?", "", line)
        if re.match(r"PGD |\[[0-9a-f]{8,16}\] (pgd=|address between|user address but)|\*pdpt = |\*pde = ", text):
            return text
    return None


def problems_of(answer, wanted, case, crash):
    if answer["kind"] != wanted:
        yield f"kind is {answer['kind']}, not {wanted}"
    address = wanted_address(wanted, case, crash)
    got = answer["address"] and int(answer["address"], 16)
    if got != address:
        yield f"address is {answer['address']}, not {address and hex(address)}"
    if wanted == "none":
        if not all(cpu["ip"] and cpu["ip_symbol"] for cpu in answer["cpu_states"]):
            yield f"what the CPUs did is not said: {answer['cpu_states']}"
        return
    line = walk_line(crash, case)
    if line:
        if answer["walk_line_in_log"] != line:
            yield f"walk_line_in_log is {answer['walk_line_in_log']!r}, the log has {line!r}"
        if answer["walk_line"] != line:
            yield f"walk_line is {answer['walk_line']!r}, the kernel's {line!r}"
    for key in ("cpu", "pid"):
        if key in crash and answer[key] != int(crash[key]):
            yield f"{key} is {answer[key]}, not {crash[key]}"
    comm = crash.get("comm", "").replace(" Kdump: loaded", "")
    if answer["comm"] != (comm or None):
        yield f"comm is {answer['comm']}, not {comm}"
    symbol = crash.get("rip") or crash.get("pc")
    if symbol and answer["ip_symbol"] != symbol:
        yield f"ip_symbol is {answer['ip_symbol']}, not {symbol}"
    if symbol and answer["ip"] is None:
        yield "ip is not known"
    planted = crash.get("planted")
    if isinstance(planted, list) and planted[-1].get("access") in ("read", "write", "exec") and address is not None:
        access = {"exec": "execute"}.get(planted[-1]["access"], planted[-1]["access"])
        # Not told by the exception of an address that no table translates, nor by x86's double fault.
        if answer["access"] not in (access, None) or (answer["access"] is None and line):
            yield f"access is {answer['access']}, not {access}"
        place = int(planted[-1]["address"], 16)
        if wanted == "stack-overflow":
            if not place - 65536 <= got < place:
                yield f"address is not below the stack at {place:#x}"
        elif got != place:
            yield f"address is not the planted {place:#x}"


def check(tap, vmpt, dump, case, wanted):
    result = run(vmpt, "explain", dump, "--format", "json")
    name = f"{case.name}: {wanted}"
    if result.returncode == 2:
        return tap.report(result.stderr.decode(errors="replace"), name)
    answer = json.loads(result.stdout)
    crash = json.loads((case / "crash.json").read_text()) if (case / "crash.json").exists() else {}
    problems = [*problems_of(answer, wanted, case, crash)]
    gaps = [f["sentence"] for f in answer["findings"] if f["severity"] == "gap"]
    if bool(gaps) != (result.returncode == 1):
        problems.append(f"exit status {result.returncode} with gaps {gaps}")
    text = run(vmpt, "explain", dump)
    if not text.stdout.decode(errors="replace").startswith(answer["kind"] + ": "):
        problems.append(f"the text begins with {text.stdout[:60]!r}")
    tap.report("\n".join(problems) or None, name)


def check_without_log(tap, vmpt, dump, case, wanted):
    """Registers and stacks alone: no other kind than the right one, and the log is named as missing."""
    result = run(vmpt, "explain", dump, "--symbol", "prb=0x10", "--force", "--format", "json")
    name = f"{case.name}: {wanted}, without the log"
    if result.returncode != 1:
        return tap.report(f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}", name)
    answer = json.loads(result.stdout)
    problem = None
    if not any(finding["kind"] == "log" for finding in answer["findings"]):
        problem = "the log is not named as missing"
    # What nothing keeps: the address of a general protection fault; CR2 in notes of kdump.
    allowed = {wanted, "unknown"} if "kdump" in case.name or wanted == "non-canonical" else {wanted}
    if answer["kind"] not in allowed:
        problem = f"kind is {answer['kind']}, not {' or '.join(sorted(allowed))}"
    tap.report(problem, name)


def what_was_done(case):
    # Guests that were stopped as they were: nothing happened to them.
    crash = json.loads((case / "case.json").read_text()).get("crash")
    return crash or (None if (case / "crash.json").exists() else "none")


def main():
    vmpt, source, words = os.path.abspath(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case, dump in crashed_guests(tap, source,
                                     lambda case: not words or any(word in case.name for word in words)):
        wanted = KINDS.get(what_was_done(case))
        if not wanted:
            tap.report(f"{what_was_done(case)!r} is no kind that this judge knows", case.name)
            continue
        check(tap, vmpt, dump, case, wanted)
        check_without_log(tap, vmpt, dump, case, wanted)
    tap.end()


main()
