#!/usr/bin/env python3
"""What a terminal shows: colours, lines that fit, and never more than the text says.

Usage: terminal.py VMPT SOURCE_ROOT       (prints TAP)
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, run

STYLE = re.compile(rb"\x1b\[[0-9;]*m")


def on_terminal(vmpt, *arguments, width=80, **variables):
    """Standard output as a terminal of that width gets it; standard error apart."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen([vmpt, *map(str, arguments)], stdout=side, stderr=subprocess.DEVNULL,
                               env={**environment, "TERM": "xterm", **variables})
    os.close(side)
    shown = b""
    while True:
        try:
            piece = os.read(main, 1 << 16)
        except OSError:  # what Linux says at the end of a terminal
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    process.wait()
    return shown.replace(b"\r\n", b"\n")


def main():
    vmpt, source, tap = sys.argv[1], Path(sys.argv[2]), Tap()
    listed = source / "testdata/kernels/x86_64-6.1-debian-4level-pti/dump.elf"
    plain = run(vmpt, "kernel", listed).stdout

    def check(name, is_right, shown):
        tap.report(None if is_right else repr(shown[:400]), name)

    shown = on_terminal(vmpt, "kernel", listed)
    check("a terminal has colours", b"\x1b[1m---[ User Space ]---\x1b[0m\n" in shown, shown)
    check("without them the text is the same", STYLE.sub(b"", shown) == plain, STYLE.sub(b"", shown))
    for name, variables in (("NO_COLOR", {"NO_COLOR": "1"}), ("a dumb terminal", {"TERM": "dumb"})):
        shown = on_terminal(vmpt, "kernel", listed, **variables)
        check(name, shown == plain, shown)
    shown = on_terminal(vmpt, "kernel", listed, NO_COLOR="")
    check("an empty NO_COLOR is none", b"\x1b[" in shown, shown)
    shown = on_terminal(vmpt, "kernel", listed, "--color", "never")
    check("--color never", shown == plain, shown)
    check("a file has none", b"\x1b" not in plain, plain)
    shown = run(vmpt, "kernel", listed, "--color", "always").stdout
    check("--color always", b"\x1b[" in shown and STYLE.sub(b"", shown) == plain, shown)
    shown = run(vmpt, "kernel", listed, "--color", "always", "--format", "jsonl").stdout
    check("JSON never has any", b"\x1b" not in shown and b"\\u001b" not in shown, shown)
    result = run(vmpt, "kernel", listed, "--color", "red")
    check("another word", result.returncode == 2 and b"none of auto, always and never" in result.stderr, result.stderr)

    with tempfile.TemporaryDirectory(prefix="vmpt-terminal-") as folder:
        dump = Path(folder) / "dump.elf"
        subprocess.run(["zstd", "-dqf", source / "testdata/tasks/x86_64-6.1-lab-4level-pti/dump.elf.zst", "-o", dump],
                       check=True)
        whole = run(vmpt, "tasks", dump).stdout.decode().splitlines()
        for width in (40, 200):
            shown = STYLE.sub(b"", on_terminal(vmpt, "tasks", dump, width=width)).decode().splitlines()
            wanted = [line if len(line) <= width else line[:width - 1] + "…" for line in whole]
            check(f"lines fit {width} columns", shown == wanted, "\n".join(shown))
    tap.end()


main()
