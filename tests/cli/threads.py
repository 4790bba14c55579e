#!/usr/bin/env python3
"""What vmpt prints and writes does not depend on how many threads work.

Each command that uses threads runs with one, two and five of them on a few small
dumps, in several containers: output, messages, exit status and files written are
the same bytes. With a vmpt that ThreadSanitizer was compiled into, what that
reports is a failure, too.

Usage: threads.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose dumps)
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, make_lime, make_raw
from containers import make_avml, make_flattened, make_kdump
from tap import Tap, first_difference, run

COUNTS = [1, 2, 5]
KERNEL = [["kernel"], ["info", "--evidence", "--verify"], ["roots"]]
TASKS = [["tasks"], ["tasks", "--threads", "--format", "json"], ["task", "--all"], ["task", "--all", "--max-lines", "20"],
         ["task", "--all", "--format", "jsonl"], ["task", "--all", "--only", "user,w", "--phys"],
         ["task", "--all", "--names", "--user-only"], ["maps", "--all"], ["maps", "--all", "--pages", "--format", "json"],
         ["rmap", "--duplicates"], ["rmap", "0x0-0x3fffffff", "--max-lines", "3000"], ["rmap", "0-0xffffffff"], ["audit"]]
WRITERS = [["convert"], ["trim", "--tasks", "--log", "--pages"]]
SANITIZER = b"ThreadSanitizer"


def outcomes(vmpt, command, dump):
    for count in COUNTS:
        yield run(vmpt, command[0], *dump, *command[1:], "-j", count)


def printed_problem(vmpt, command, dump, statuses):
    first = None
    for count, result in zip(COUNTS, outcomes(vmpt, command, dump)):
        if SANITIZER in result.stderr or result.returncode not in statuses:
            return f"{count} threads: exit status {result.returncode}\n{result.stderr.decode(errors='replace')}"
        first = first or result
        for what in ("stdout", "stderr"):
            problem = first_difference(getattr(first, what), getattr(result, what))
            if problem:
                return f"{count} threads, {what}: {problem}"
        if first.returncode != result.returncode:
            return f"{count} threads: exit status {result.returncode}, with one {first.returncode}"
    return None


def written_problem(vmpt, command, dump, folder):
    first = None
    for count in COUNTS:
        path = folder / "written"
        result = run(vmpt, command[0], *dump, *command[1:], "-j", count, "-o", path, "--force")
        if SANITIZER in result.stderr or result.returncode not in (0, 1):
            return f"{count} threads: exit status {result.returncode}\n{result.stderr.decode(errors='replace')}"
        stream = run(vmpt, command[0], *dump, *command[1:], "-j", count, "-o", "-").stdout
        seen = (path.read_bytes(), result.stderr, result.returncode)
        path.unlink()
        if stream != seen[0]:
            return f"{count} threads: a stream has other bytes than a file"
        first = first or seen
        if first != seen:
            return f"{count} threads: another file, messages or exit status than with one"
    return None


def break_page(kdump):
    """A compressed page in the middle, and one at the end, cannot be decoded."""
    data = bytearray(kdump.read_bytes())
    for at in (len(data) // 2, len(data) - 2000):
        data[at:at + 1000] = b"\xa5" * 1000
    broken = kdump.with_suffix(".broken")
    broken.write_bytes(data)
    return broken


def containers(dump, folder, has_note):
    """(name, the arguments that name the dump); without a note those where memory is looked through, too."""
    yield "ELF", [dump]
    kdump = make_kdump(dump, folder / "kdump")
    yield "kdump", [kdump]
    yield "kdump with broken pages", [break_page(kdump)]
    yield "flattened kdump", [make_flattened(kdump, folder / "flat")]
    if has_note:
        return
    yield "LiME", [make_lime(dump, folder)]
    yield "AVML", [make_avml(dump, folder / "avml")]
    yield "raw", make_raw(dump, folder)


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    cases = [(source / "testdata/tasks/x86_64-6.1-lab-4level-pti", True), (source / "testdata/tasks/arm64-6.1-4k-va48-kaslr", True),
             (source / "testdata/kernels/x86_64-6.1-lab-4level-nokaslr-novmcoreinfo", False)]
    for case, has_tasks in cases:
        if words and not any(word in case.name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for _, dump in find_dumps(case, folder):
                for number, (kind, arguments) in enumerate(containers(dump, folder, has_tasks)):
                    # All commands on the first two, what scans and decodes on all.
                    commands = KERNEL + (TASKS if has_tasks and number < 2 else [])
                    statuses = (0, 1, 2, 3) if "broken" in kind else (0, 1, 3)
                    for command in commands:
                        tap.report(printed_problem(vmpt, command, arguments, statuses), f"{case.name}, {kind}: {' '.join(command)}")
                    for command in WRITERS[:1] if number else WRITERS:
                        if command[0] == "trim" and not has_tasks:
                            continue
                        tap.report(written_problem(vmpt, command, arguments, folder), f"{case.name}, {kind}: {' '.join(command)}")
    tap.end()


main()
