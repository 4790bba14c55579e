#!/usr/bin/env python3
"""The judge of `vmpt diff`.

- A dump against itself, and against the listing that its kernel printed at that
  moment: nothing, with exit status 0; 1 where something could not be compared,
  which is said then.
- Guests with planted defects against the clean control, which was resumed from
  the same moment: each planted page is there, and nothing else outside of the
  noise that docs/diff.md lists.
- Two boots of one kernel under KASLR: nothing but that noise, so no change in
  the direct map, the kernel's image, fixmap and the like.
- Filtered and cut dumps: never a crash, never "the same".

Full dumps are those of compare.py, guests those of explain.py.

Usage: diff.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose cases)
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import captured, find_cases, find_dumps, truth_cases
from tap import Tap, run

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

# Owners of pages that come and go while nothing happens.
NOISE = re.compile("kernel_clone|copy_process|alloc_thread_stack|n_tty_open|crypto_scomp|pcpu_|bpf_|ftrace|"
                   "module_alloc|move_module|load_module|plant|vpage|lab_|netlink|vmalloc_node|__vmalloc|"
                   "module |swapon|kvmalloc|alloc_pages|devres|acpi_|n_hdlc|fuse|__do_sys_swapon|xt_|cea|"
                   "dup_task_struct")
MOVING = {"vmalloc() Area", "Modules", "vmalloc() area", "Modules start", "BPF start", "vmalloc() end"}
PLANTED_IN_BOTH = {"k-loop", "pti-diff"}  # see docs/diff.md: tables for user code in the user's half


def line_validator(source):
    if Draft202012Validator is None:
        return None
    schema = json.loads((source / "docs/schema/diff.json").read_text())
    return Draft202012Validator({"$schema": schema["$schema"], "$ref": "#/$defs/line", "$defs": schema["$defs"]})


def changes_of(vmpt, first, second, *options, validator=None):
    """(result, records of changes, problem)"""
    result = run(vmpt, "diff", first, second, *options, "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    problem = None
    if result.returncode not in (0, 1):
        problem = f"exit status {result.returncode}: {result.stderr.decode()[:500]}"
    for record in records if validator else []:
        error = next(validator.iter_errors(record), None)
        if error:
            problem = f"{error.message[:300]} in {record}"
    found = [record for record in records if record["record"] != "finding"]
    gaps = [record for record in records if record.get("severity") == "gap"]
    if not problem and bool(found or gaps) != (result.returncode == 1):
        problem = f"exit status {result.returncode} with {len(found)} changes and {len(gaps)} gaps"
    return result, [record for record in records if record["record"] == "change"], problem


def check_same(tap, vmpt, name, first, second, validator):
    result, _, problem = changes_of(vmpt, first, second, validator=validator)
    text = run(vmpt, "diff", first, second)
    if text.stdout and not problem:
        problem = f"it should be empty, and is\n{text.stdout.decode()[:500]}"
    if result.returncode == 1 and not result.stderr and not problem:
        problem = "exit status 1, and standard error does not say why"
    tap.report(problem, name)


def check_truth(tap, vmpt, source, words, validator):
    with tempfile.TemporaryDirectory(prefix="vmpt-diff-") as folder:
        for case in truth_cases(tap, source) + find_cases(source / "testdata/kernels"):
            if words and not any(word in case.name for word in words):
                continue
            for name, dump in find_dumps(case, Path(folder)):
                check_same(tap, vmpt, f"{case.name} {name}: itself", dump, dump, validator)
                if (case / "kernel.txt").exists():
                    check_same(tap, vmpt, f"{case.name} {name}: kernel.txt", dump, case / "kernel.txt", validator)
                    check_same(tap, vmpt, f"{case.name} {name}: kernel.txt first", case / "kernel.txt", dump,
                               validator)
                check_cut(tap, vmpt, f"{case.name} {name}", dump, Path(folder))


def check_cut(tap, vmpt, name, dump, folder):
    """A file that ends early is not the same as the whole."""
    size = dump.stat().st_size
    for percent in (30, 70, 95):
        cut = folder / "cut"
        subprocess.run(["cp", "--sparse=always", dump, cut], check=True)
        os.truncate(cut, size * percent // 100)
        result = run(vmpt, "diff", dump, cut)
        tap.report(None if result.returncode in (1, 2) and result.stderr else
                   f"exit status {result.returncode}: {result.stderr.decode()[:300]}", f"{name}: cut at {percent} %")
        cut.unlink()


def covers(change, address):
    return int(change["first"], 16) <= address <= int(change["last"], 16)


def is_noise(change):
    """In vmalloc space and modules, of somebody that docs/diff.md names; or any of a process."""
    if change["where"] == "process":
        return True
    side = change["after"] or change["before"]
    owners = " ".join((change[key] or {}).get("owner") or "" for key in ("before", "after"))
    if side["section"] in MOVING:
        return bool(NOISE.search(owners))
    # In one boot single pages of the direct map follow what is loaded and freed.
    return side["section"] in ("Low Kernel Mapping", "Linear Mapping start", "Linear mapping") and \
        change["change"] == "rights"


def planted_problem(changes, planted):
    where = []
    for defect in planted:
        if defect["kind"] in PLANTED_IN_BOTH:
            continue
        address, span = int(defect["va"], 16), {"4K": 1 << 12, "2M": 1 << 21, "PMD": 1 << 21, "PGD": 1 << 39}
        last = address + span.get(defect["level"], 1 << 12) - 1
        kind = "process" if defect["pid"] != "0" else "kernel"
        if not any(change["where"] == kind and int(change["first"], 16) <= last and address <= int(change["last"], 16)
                   and (kind == "kernel" or change["pid"] == int(defect["pid"])) for change in changes):
            return f"{defect['kind']} at {defect['va']} is not there"
        where.append((address, last))
    for change in changes:
        if not is_noise(change) and not any(covers(change, first) or first <= int(change["first"], 16) <= last
                                            for first, last in where):
            return f"this was not planted: {change}"
    return None


def check_guests(tap, vmpt, source, words, validator):
    folder = captured(source, "crashes")
    cases = [case for case in find_cases(folder) if not words or any(word in case.name for word in words)]
    if not cases:
        return tap.skip("planted guests", f"none at {folder} (VMPT_CRASHES)")
    with tempfile.TemporaryDirectory(prefix="vmpt-diff-") as temporary:
        unpacked = os.environ.get("VMPT_CRASH_DUMPS") or temporary

        def dump_of(name):
            dump = Path(unpacked) / f"{name}.elf"
            if not dump.exists():
                dump = Path(temporary) / dump.name
                subprocess.run([folder / "unpack", temporary, name], check=True)
            return dump

        for case in cases:
            series = case.name.split("-audit-")[0]
            clean = f"{series}-audit-clean"
            if "-audit-" not in case.name or not (folder / clean).exists():
                continue
            if case.name == clean:
                check_boots(tap, vmpt, dump_of(clean), dump_of(f"{series}-crash-none"), series, validator)
                continue
            planted = json.loads((case / "planted.json").read_text())["planted"]
            _, changes, problem = changes_of(vmpt, dump_of(clean), dump_of(case.name), validator=validator)
            tap.report(problem or planted_problem(changes, planted), f"{case.name}: planted")
            _, changes, problem = changes_of(vmpt, folder / clean / "kernel.txt", case / "kernel.txt")
            tap.report(problem, f"{case.name}: two saved listings")


def check_boots(tap, vmpt, first, second, series, validator):
    offsets = {re.search(rb"KERNELOFFSET=(\w+)", run(vmpt, "vmcoreinfo", dump).stdout)[1] for dump in (first, second)}
    if len(offsets) == 1:
        return tap.skip(f"{series}: two boots", "both were resumed from one boot")
    result, changes, problem = changes_of(vmpt, first, second, validator=validator)
    for change in changes if not problem else []:
        side = change["after"] or change["before"]
        if change["where"] == "kernel" and not (side["section"] in MOVING and is_noise(change)):
            problem = f"two boots differ in {change}"
        if change["change"] == "target":
            problem = f"the allocator's choice is told: {change}"
    if not problem and not re.search(b"not of one boot", result.stderr):
        problem = "two boots are taken for one"
    tap.report(problem, f"{series}: two boots")
    absolute, moved, problem = changes_of(vmpt, first, second, "--absolute")
    tap.report(problem or (None if len(moved) > len(changes) else "--absolute tells no more"),
               f"{series}: two boots, by address")


def main():
    vmpt, source, words = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3:]
    tap = Tap()
    validator = line_validator(source)
    check_truth(tap, vmpt, source, words, validator)
    check_guests(tap, vmpt, source, words, validator)
    tap.end()


main()
