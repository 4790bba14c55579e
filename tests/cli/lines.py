#!/usr/bin/env python3
"""Random command lines: commands, options and values that fit each other or do not.

Whatever the line is, the exit status is 0, 1 or 2 (3 where --fail-on is given),
each line of standard error is a message of vmpt's own, without control
characters and not too long, one error comes with status 2 and nothing else is
printed then, and no gap is without a word.

VMPT_ALL=1 tries many more. Usage: lines.py VMPT SOURCE_ROOT [SEED [COUNT]]       (prints TAP)
"""
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps
from tap import Tap, run

COUNT = 20000 if os.environ.get("VMPT_ALL") else 600
MAX_LINE, LEAST_SENTENCE = 200, 100  # a file's name stays whole, and some of what is said of it
CASES = ("kernels/x86_64-6.1-debian-4level-pti", "kernels/arm64-6.12-64k-va52", "kernels/ppc64le-6.12-4k-radix",
         "kernels/s390x-6.12", "kernels/arm-6.12-lpae", "tasks/riscv64-6.1-sv39", "tasks/i386-6.1-debian-pae-pti")
NAMES = (b"evil\n\x1b[31mname", b"\xff\xfe\x80name", b"a'b\"c", "\u00fc\u20ac\u202e\u0085.elf".encode(), b"-dash", b" ", b"{}", b"[a,b]",
         b"tab\there", b"x" * 200)
WORDS = (b"", b"0", b"1", b"4", b"39", b"4K", b"-1", b"0x", b"0x1000", b"1e9", b"18446744073709551615", b"18446744073709551616",
         b"text", b"json", b"wx", b"a=b", b".=1", b"=", b"a.b=", b"0-1", b"1-0", b"-", b"--", b"\n", b"\x1b[2J", b"\xff\xfe", b"{}", b"[1,2]",
         b"'", b'"', b"%s%n", b"a" * 300, "\u202e\u0085".encode(), b"init", b"_stext", b"phys:0", b"pfn:0xffffffffffffffff",
         b"0xffffffff81000000", b"--help", b"-h", b"=x", b"a,b", b"@0", b"x@0:1:2:3")
FITTING = {
    "--arch": (b"x86_64", b"arm64", b"riscv64", b"vax"), "--levels": (b"3", b"4", b"5"), "--va-bits": (b"39", b"48", b"52"),
    "--granule": (b"4K", b"64K"), "--phys-base": (b"0",), "--root": (b"0x8e10000", b"0x81e00000", b"0"), "--kernel": (b"1", b"2"),
    "--pid": (b"1", b"2", b"77", b"4294967296"), "--comm": (b"init", b"\x1b[1m"), "--format": (b"json", b"jsonl", b"text"),
    "--range": (b"0-0xffffffffffffffff", b"5-4"), "--only": (b"wx", b"user", b"huge,wx"), "--section": (b"vmemmap", b"\x1b[1m"),
    "--symbol": (b"init_task=0x1", b"\x1b[1m=0x1", b"a\nb=1"), "--offset": (b"task_struct.comm=8", b"\x1b.\n=1"),
    "--max-lines": (b"0", b"1", b"10"), "--style": (b"module",), "--rule": (b"kernel-wx", b"stray-entry"), "--fail-on": (b"low", b"high"),
    "--layout": (b"flat", b"qemu-q35"), "--raw-base": (b"0", b"0x1000"), "--color": (b"always", b"never"), "--time-limit": (b"5s",),
}
# C0 and C1, and what turns text around.
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PARSER = re.compile(r"Run with --help|The following argument|Could not convert|requires at least|ValidationError|ExtrasError|TEXT:|"
                    r"is required|terminate called|Sanitizer|runtime error:")
MESSAGE = re.compile(r"vmpt: (error|warning): ('(?:[^']|'(?!: ))*': )?")


def options_of(vmpt, command):
    """[(short or "", long, what its value is called or "")]"""
    return re.findall(r"(?m)^ +(?:(-\w),)?(--[a-z-]+)(?: ([A-Z].*?)(?=  |$))?", run(vmpt, command, "--help").stdout.decode())


class Lines:
    def __init__(self, vmpt, seed, dumps, folder):
        self.random, self.dumps, self.folder = random.Random(seed), dumps, os.fsencode(folder)
        self.options = {command: options_of(vmpt, command)
                        for command in re.findall(r"(?m)^  ([a-z]+) +\S", run(vmpt, "--help").stdout.decode())}
        self.all = sorted({option for options in self.options.values() for option in options})
        self.files = [*(os.path.join(self.folder, name) for name in NAMES), b"missing", b"miss\n\x1b]0;x\x07ing", b"", self.folder,
                      b"/dev/null", b"-"]

    def word(self):
        if self.random.random() < 0.15:
            return self.random.choice(self.files)
        if self.random.random() < 0.9:
            return self.random.choice(WORDS)
        return bytes(self.random.randrange(1, 256) for _ in range(self.random.randrange(1, 12)))

    def value(self, option):
        return self.random.choice(FITTING[option]) if option in FITTING and self.random.random() < 0.7 else self.word()

    def use(self, number, short, option, value_name):
        """An option as somebody types it, with a value or without."""
        pick = self.random.random
        name = (short if short and pick() < 0.4 else option).encode()
        if option in ("--output", "--sqlite"):
            return [name, os.path.join(self.folder, b"out%d\x1b\n" % number)]
        if pick() < 0.05:
            name = name[:-1]
        if bool(value_name) == (pick() < 0.1):
            return [name]
        if pick() < 0.35:
            return [name + b"=" + self.value(option)]
        return [name, *(self.value(option) for _ in range(1 + ("LENGTH" in value_name)))]

    def line(self, number):
        choice, pick = self.random.choice, self.random.random
        command = choice(list(self.options)) if pick() < 0.97 else choice(["help", "-V", "-h", "", "--", "kernl", "--completions"])
        parts = [[choice(self.dumps if pick() < 0.8 else self.files)]]
        for _ in range(choice((0, 1, 1, 2, 2, 3, 4))):
            parts.append(self.use(number, *choice(self.options.get(command) if pick() < 0.85 and command in self.options else self.all)))
            if pick() < 0.06:
                parts.append(parts[-1])
        parts += [[self.word()] for _ in range(choice((0, 0, 0, 1, 2)))]
        parts += [[b"--"]] * (pick() < 0.05)
        self.random.shuffle(parts)
        return [command.encode(), *(word.replace(b"\0", b"") for part in parts for word in part)]


def faults(words, result):
    if result.returncode not in ((0, 1, 2, 3) if any(word.startswith(b"--fail-on") for word in words) else (0, 1, 2)):
        yield f"exit status {result.returncode}"
    said = result.stderr.decode(errors="surrogateescape")
    if re.search("[\udc80-\udcff]", said):
        yield "standard error is no UTF-8"
    if CONTROL.search(said):
        yield "a control character on standard error"
    if PARSER.search(said):
        yield "not vmpt's own words"
    for line in said.splitlines():
        match = MESSAGE.match(line)
        if not match:
            yield f"no message: {line[:80]!r}"
        elif len(line) > max(MAX_LINE, len(match[0]) + LEAST_SENTENCE):
            yield f"{len(line)} characters"
        elif match[2] and match[2] in line[match.end():]:
            yield "the file is named twice"
    if result.returncode == 2 and (said.count("vmpt: error: ") != 1 or (result.stdout and words[0] != b"survey")):
        yield f"status 2, but not one error alone: {len(result.stdout)} bytes are printed"
    if result.returncode == 1 and not said and words[0] != b"diff":
        yield "status 1 without a word"


def main():
    vmpt, source = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    seed = int(sys.argv[3]) if sys.argv[3:] else 1
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vlines-") as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder, dumps = Path(name), []
        for case in CASES:
            (folder / case).mkdir(parents=True)
            _, path = next(find_dumps(source / "testdata" / case, folder / case))
            shutil.copy(path, folder / case / "kept")
            dumps.append(os.fsencode(folder / case / "kept"))
        for odd in NAMES:
            shutil.copy(dumps[0], os.path.join(os.fsencode(folder), odd))
        lines = Lines(vmpt, seed, dumps, folder)
        asked = [lines.line(number) for number in range(int(sys.argv[4]) if sys.argv[4:] else COUNT)]

        def problem(words):
            result = run(vmpt, *map(os.fsdecode, words), cwd=folder)
            found = "; ".join(faults(words, result))
            shown = shlex.join(word.decode(errors="backslashreplace") for word in words)
            return found and f"{found}\nvmpt {shown!r}\n{result.stderr[:600]!r}"

        problems = [text for text in pool.map(problem, asked) if text]
        tap.report("\n".join(problems[:10]) or None, f"{len(asked)} command lines, seed {seed}")
    tap.end()


if __name__ == "__main__":
    main()
