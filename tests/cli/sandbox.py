#!/usr/bin/env python3
"""A command drops what it does not need before it opens the dump.

`vmpt symbols DUMP` without a symbol waits for names on standard input: a
process to look at. unit/support/SandboxTest.cpp has what is denied then.

Usage: sandbox.py VMPT SOURCE_ROOT       (prints TAP)
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, run


def has_sanitizer(vmpt):
    return b"__asan_init" in Path(vmpt).read_bytes()


def status_of_waiting(vmpt, dump, *options):
    """{"Seccomp": "2", ...} of /proc/PID/status, once it waits for input."""
    with subprocess.Popen([vmpt, "symbols", dump, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                if Path(f"/proc/{process.pid}/wchan").read_text() and \
                        re.search(r"State:\s+S", Path(f"/proc/{process.pid}/status").read_text()):
                    break
                time.sleep(0.1)
            return dict(re.findall(r"^(\w+):\s+(\S+)", Path(f"/proc/{process.pid}/status").read_text(), re.M))
        finally:
            process.stdin.close()


def check_state(tap, vmpt, dump):
    kept = status_of_waiting(vmpt, dump, "--no-sandbox")
    tap.report(None if kept.get("Seccomp") == "0" else f"Seccomp is {kept.get('Seccomp')}", "--no-sandbox keeps rights")
    if has_sanitizer(vmpt):
        tap.skip("rights are dropped", "a sanitizer needs them")
        return
    dropped = status_of_waiting(vmpt, dump)
    problem = None
    if (dropped.get("Seccomp"), dropped.get("NoNewPrivs")) != ("2", "1"):
        problem = f"Seccomp is {dropped.get('Seccomp')}, NoNewPrivs {dropped.get('NoNewPrivs')}"
    tap.report(problem, "rights are dropped")


def check_outputs(tap, vmpt, dump, folder):
    """Whatever may be read and written without a sandbox may be with it."""
    plain = run(vmpt, "trim", "--no-sandbox", dump, "-o", folder / "plain.elf")
    for name, words in {
            "a new file": ["-o", folder / "new.elf"],
            "a file in the folder it runs in": ["-o", "here.elf"],
            "a file that is replaced": ["--force", "-o", folder / "old.elf"],
            "a link to a file elsewhere": ["--force", "-o", folder / "link.elf"],
            "standard output": ["-o", "-"],
            "/dev/null": ["-o", "/dev/null"]}.items():
        (folder / "old.elf").write_bytes(b"old")
        (folder / "elsewhere").mkdir(exist_ok=True)
        (folder / "elsewhere/target.elf").write_bytes(b"old")
        if not (folder / "link.elf").is_symlink():
            (folder / "link.elf").symlink_to("elsewhere/target.elf")
        result = run(vmpt, "trim", dump, *words, cwd=folder)
        problem = None
        if result.returncode != plain.returncode or result.stderr != plain.stderr:
            problem = f"exit status {result.returncode}: {result.stderr.decode()}"
        expected = (folder / "plain.elf").read_bytes()
        if "-" in words and result.stdout != expected:
            problem = "another content"
        for word in words:
            path = folder / word
            if str(word).endswith(".elf") and (not path.exists() or path.read_bytes() != expected):
                problem = f"{word} has another content"
        tap.report(problem, f"output: {name}")


def check_inputs(tap, vmpt, dump, folder):
    expected = run(vmpt, "kernel", "--no-sandbox", dump).stdout
    (folder / "link").symlink_to(dump)
    os.mkfifo(folder / "fifo")
    for name, command in {
            "a file": f'"{vmpt}" kernel "{dump}"', "a link": f'"{vmpt}" kernel "{folder}/link"',
            "a pipe": f'cat "{dump}" | "{vmpt}" kernel /dev/stdin',
            "a pipe of a shell": f'"{vmpt}" kernel <(cat "{dump}")',
            "a named pipe": f'cat "{dump}" > "{folder}/fifo" & "{vmpt}" kernel "{folder}/fifo"'}.items():
        result = subprocess.run(["bash", "-c", command], capture_output=True, timeout=300, stdin=subprocess.DEVNULL)
        tap.report(None if result.stdout == expected else result.stderr.decode() or "another listing", f"input: {name}")
    told = [run(vmpt, "kernel", *option, folder) for option in ([], ["--no-sandbox"])]
    tap.report(None if told[0].stderr == told[1].stderr else told[0].stderr.decode(), "input: a folder, the same words")


def main():
    vmpt, root = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    tap = Tap()
    dump = root / "testdata/kernels/x86_64-6.1-debian-4level-pti/dump.elf"
    with tempfile.TemporaryDirectory() as folder:
        check_state(tap, vmpt, dump)
        check_outputs(tap, vmpt, dump, Path(folder))
        check_inputs(tap, vmpt, dump, Path(folder))
    tap.end()


main()
