#!/usr/bin/env python3
"""A name from a dump forges no line and steers no terminal.

prctl(PR_SET_NAME) takes any bytes. A bundled dump gets names of that kind: of
a process, and of a section of the kernel's address space.

Usage: names.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, run

# (name, how text shows it, how JSON has it)
NAMES = [
    (b"a\n 666 1 1 R -", "a\\n 666 1 1 R -", "a\n 666 1 1 R -"),
    (b"a\\n", "a\\\\n", "a\\n"),
    (b"\x1b[2J\ttab\r", "?[2J?tab?", "\x1b[2J\ttab\r"),
    ("größe日本".encode(), "größe日本", "größe日本"),
    ("a\u202eb\u200bc\u2066".encode(), "a?b?c?", "a\u202eb\u200bc\u2066"),
    (b"\xc2\x9b2J", "?2J", "\x9b2J"),
    (b"\xff\xc3", "??", "\ufffd\ufffd"),
    ("=== pid 1 ===\n".encode(), "=== pid 1 ===\\n", "=== pid 1 ===\n"),
]
# Nothing of these may reach standard output or standard error.
STEERING = ["\x1b", "\t", "\r", "\x9b", "\u202e", "\u200b", "\u2066"]


def patched(dump, old, new, path):
    content = dump.replace(old, new)
    assert len(content) == len(dump) and content != dump, f"{old!r} is not in the dump"
    path.write_bytes(content)
    return path


def texts(result):
    return [stream.decode("utf-8", errors="surrogateescape") for stream in (result.stdout, result.stderr)]


def line_problem(result, before, shown):
    """As many lines as with the true name, and the shown name among them."""
    out, said = texts(result)
    if out.count("\n") != before:
        return f"{out.count(chr(10))} lines, {before} with an ordinary name"
    for bad in STEERING:
        if bad in out or bad in said:
            return f"{bad!r} is printed"
    return None if shown in out else f"{shown!r} is not shown"


def check_comm(tap, vmpt, dump, folder):
    plain, path = folder / "plain", folder / "patched"
    plain.write_bytes(dump)
    commands = {"tasks": ["tasks"], "task": ["task", "--all"], "maps": ["maps", "--all"]}
    lines = {word: run(vmpt, *command, plain).stdout.count(b"\n") for word, command in commands.items()}
    for name, shown, json_name in NAMES:
        patched(dump, b"demo-threads".ljust(16, b"\0"), name.ljust(16, b"\0"), path)
        for word, command in commands.items():
            problem = line_problem(run(vmpt, *command, path), lines[word], shown)
            tap.report(problem, f"{word}: {name!r}")
        result = run(vmpt, "tasks", path, "--format", "json")
        names = [task["comm"] for task in json.loads(result.stdout)["tasks"]]
        problem = None if json_name in names else f"{json_name!r} is not there"
        if any(bad in text for bad in STEERING for text in texts(result)):
            problem = "a character that steers is printed"
        tap.report(problem, f"tasks --format json: {name!r}")


def check_section(tap, vmpt, plain, folder):
    path = patched(plain.read_bytes(), b"LDT remap\0", b"L\n\x1b\xe2\x80\xaeap\0\0", folder / "patched")
    for command in ("kernel", "info"):
        before = run(vmpt, command, plain).stdout.count(b"\n")
        problem = line_problem(run(vmpt, command, path), before, "L???ap")
        tap.report(problem, f"{command}: the name of a section")


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    tap = Tap()
    packed = source / "testdata/tasks/x86_64-6.1-lab-4level-pti/dump.elf.zst"
    dump = subprocess.run(["zstd", "-dcq", packed], stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="vmpt-names-") as folder:
        check_comm(tap, vmpt, dump, Path(folder))
        check_section(tap, vmpt, source / "testdata/kernels/x86_64-6.1-debian-4level-pti/dump.elf", Path(folder))
    tap.end()


main()
