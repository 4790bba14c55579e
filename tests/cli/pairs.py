#!/usr/bin/env python3
"""Every command with every option that says something of the dump or its kernel.

A command either has no such option, or it judges it: one that contradicts the
dump, or says nothing about it, is refused with one line. What a command has no
use for it refuses, too, whether or not it is right; what it has a use for and
is right changes nothing. NEEDS is the table: what each command, as it is asked
here, is answered from.

Usage: pairs.py VMPT SOURCE_ROOT       (prints TAP)
"""
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps
from tap import Tap, run, sound_messages

MAX_LINE = 200
DUMPS = {
    "x86_64": "kernels/x86_64-6.1-debian-4level-pti", "arm64": "kernels/arm64-6.1-4k-va48-kaslr",
    "riscv64": "kernels/riscv64-6.1-sv39", "i386": "kernels/i386-6.1-debian-pae-pti", "arm": "kernels/arm-6.12-lpae",
    "s390x": "kernels/s390x-6.12", "ppc64le": "kernels/ppc64le-6.12-64k-radix", "loongarch64": "kernels/loongarch64-6.12-16k",
}
# What says how the dump's bytes lie; which kernel it is; what its symbols and structs are.
MEMORY = ("--part", "--map", "--raw-base", "--layout")
KERNEL = ("--arch", "--root", "--levels", "--va-bits", "--granule", "--phys-base", "--vmcoreinfo", "--kernel")
FILES = ("--vmlinux", "--system-map", "--btf")
NAMES = FILES + ("--symbol", "--offset")
# command: what follows the dump, and what that is answered from. {at}: an address that is mapped.
NEEDS = {
    "kernel": ("", KERNEL), "kernel --names": ("--names", KERNEL + NAMES),
    "tasks": ("", KERNEL + NAMES), "task": ("--pid 1", KERNEL + NAMES), "task --root": ("--root {root}", KERNEL),
    "task --root --names": ("--root {root} --names", KERNEL + NAMES),
    "maps": ("--pid 1", KERNEL + NAMES), "pages": ("", KERNEL + NAMES), "page": ("phys:{root}", KERNEL + NAMES),
    "translate": ("{at}", KERNEL + NAMES), "rmap": ("{root}", KERNEL + NAMES),
    "tree": ("", KERNEL), "tree --pid": ("--pid 1", KERNEL + NAMES),
    "roots": ("", ("--arch",)), "symbols": ("{at}", KERNEL + NAMES), "efi": ("", KERNEL + NAMES),
    "explain": ("", KERNEL + NAMES), "audit": ("", KERNEL + NAMES), "map": ("-o {new}", KERNEL + NAMES),
    "log": ("", KERNEL + NAMES), "modules": ("", KERNEL + NAMES), "vmalloc": ("", KERNEL + NAMES),
    "info": ("", KERNEL + NAMES), "vmcoreinfo": ("", ("--arch", "--vmcoreinfo", "--kernel")),
    "read": ("--physical {root} 16", ()), "read --virtual": ("--virtual {at} 16", KERNEL + NAMES),
    "trim": ("-o {new}", KERNEL), "trim --log": ("--log -o {new}", KERNEL + NAMES), "convert": ("-o {new}", KERNEL),
    "diff": ("{dump}", KERNEL + NAMES), "diff with a listing": ("{listing}", KERNEL), "survey": ("", ()),
}
# On the other architectures those, which stand for commands with the same needs.
COMMON = ("kernel", "kernel --names", "tasks", "task --root", "tree", "read", "read --virtual", "vmcoreinfo", "convert", "roots")
# Of what an option says info says that the option does; the others write files.
NO_ANSWER = ("info", "map", "trim", "trim --log", "convert")
# Where --map describes the dump, all words are the command's.
WITH_WORDS = ("page", "translate", "rmap", "symbols")
OWN_MEANING = {("tree", "--levels"), ("tree --pid", "--levels"), *((command, "--root") for command in (
    "task", "task --root", "task --root --names", "translate", "tree", "tree --pid", "read", "read --virtual"))}


def options_of(vmpt, command):
    """As --help has them."""
    return set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z-]+)", run(vmpt, command.split()[0], "--help").stdout.decode()))


class Dump:
    def __init__(self, vmpt, arch, path, folder):
        self.vmpt, self.arch, self.path, self.folder = vmpt, arch, path, folder
        info = run(vmpt, "info", path).stdout.decode()
        self.root = re.search(r"(?m)^ +root table +(0x\w+)", info)[1]
        other = "i386" if arch != "i386" else "arm"
        text = folder / "text"
        text.write_text("a=b\nThis is no file of symbols.\n")
        info_text = run(vmpt, "vmcoreinfo", path).stdout
        (folder / f"{arch}.other").write_bytes(re.sub(rb"OSRELEASE=.*", b"OSRELEASE=5.4.1", info_text))
        # Each says something else than the dump, or nothing about it.
        self.wrong = {
            "--arch": other, "--root": "0x3000", "--levels": "9", "--va-bits": "31", "--granule": "8K", "--phys-base": "0x123000",
            "--vmcoreinfo": folder / f"{arch}.other", "--kernel": "7", "--vmlinux": text, "--system-map": text, "--btf": text,
            "--symbol": "init_uts_ns=0x1000", "--offset": "qwertz.asdfgh=8", "--part": text, "--map": f"{text}@0",
            "--raw-base": "0x1000", "--layout": "flat",
        }
        symbol = re.search(rb"(?m)^SYMBOL\((init_uts_ns)\)=(\w+)", info_text)
        self.at = "0x" + symbol[2].decode() if symbol else "0x0"
        self.right = {"--arch": arch, "--root": self.root, "--kernel": "1", "--symbol": f"init_uts_ns={self.at}"}

    def ask(self, command, *more):
        new = self.folder / f"new-{abs(hash((command, *map(str, more))))}"
        words = NEEDS[command][0].format(root=self.root, at=self.at, new=new, dump=self.path, listing=self.folder / "listing")
        result = run(self.vmpt, command.split()[0], self.path, *words.split(), *more)
        if new.exists():
            new.unlink()
        return result


def refusal_fault(result, option):
    said = result.stderr.decode(errors="replace")
    if result.returncode != 2 or result.stdout:
        return f"exit status {result.returncode}, {len(result.stdout)} bytes are printed: {said}"
    errors = [line for line in said.splitlines() if line.startswith("vmpt: error: ")]
    if len(errors) != 1 or len(errors[0]) > MAX_LINE:
        return f"not one line of {MAX_LINE} characters: {said}"
    return sound_messages(result.stderr)


def names_option(result, option, value):
    said = result.stderr.decode(errors="replace")
    named = option in said or f"'{value}" in said or (option == "--part" and "further files are given" in said)
    return None if named else f"{option} is not named: {said}"


def may_be_given(command, option):
    """A file of the kernel, to what looks for one."""
    return option in FILES and "--root" in NEEDS[command][1]


def check_pair(dump, command, option, offered):
    """None, or what is wrong with the option that contradicts."""
    value = dump.wrong[option]
    result = dump.ask(command, option, value)
    problem = refusal_fault(result, option)
    if problem:
        return problem
    if option not in offered:
        return None if b" has no option '" in result.stderr else result.stderr.decode()
    if option in KERNEL + NAMES and option not in NEEDS[command][1] and not may_be_given(command, option):
        return None if b" alone; leave it out" in result.stderr else f"it has a use for it: {result.stderr.decode()}"
    return names_option(result, option, str(value).split("@")[0])


def check_right(dump, command, option, plain):
    """None, or what is wrong with an option that the dump bears out."""
    result = dump.ask(command, option, dump.right[option])
    if option not in NEEDS[command][1]:
        return refusal_fault(result, option)
    if (result.returncode, result.stdout) != (plain.returncode, plain.stdout):
        return f"exit status {result.returncode}, not {plain.returncode}, or another answer: {result.stderr.decode()}"
    return None


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    known = re.findall(r"(?m)^  ([a-z]+) +\S", run(vmpt, "--help").stdout.decode())
    tap.report("\n".join(set(known) ^ {command.split()[0] for command in NEEDS}) or None, "the table has every command")
    offered = {command: options_of(vmpt, command) for command in NEEDS}
    tap.report(None if all(len(options) > 3 for options in offered.values()) else str(offered), "--help has options")
    with tempfile.TemporaryDirectory(prefix="vpairs-") as name, ThreadPoolExecutor(cpu_count()) as pool:
        folder = Path(name)
        (folder / "listing").write_bytes((source / "testdata" / DUMPS["x86_64"] / "kernel.txt").read_bytes())
        for arch, case in DUMPS.items():
            place = folder / arch
            place.mkdir()
            _, path = next(find_dumps(source / "testdata" / case, place))
            kept = folder / f"{arch}.dump"
            kept.write_bytes(path.read_bytes())
            dump = Dump(vmpt, arch, kept, folder)
            commands = [command for command in NEEDS if command != "survey" and (arch == "x86_64" or command in COMMON)]
            pairs = [(command, option) for command in commands for option in MEMORY + KERNEL + NAMES
                     if (command, option) not in OWN_MEANING and not (option == "--map" and command in WITH_WORDS)]
            for (command, option), problem in zip(pairs, pool.map(
                    lambda pair: check_pair(dump, *pair, offered[pair[0]]), pairs)):
                tap.report(problem, f"{arch}: {command}, {option} that is wrong")
            plain = dict(zip(commands, pool.map(dump.ask, commands)))
            right = [(command, option) for command, option in pairs
                     if option in dump.right and option in offered[command] and command not in NO_ANSWER]
            for (command, option), problem in zip(right, pool.map(
                    lambda pair: check_right(dump, *pair, plain[pair[0]]), right)):
                tap.report(problem, f"{arch}: {command}, {option} that is right")
            kept.unlink()
    tap.end()


if __name__ == "__main__":
    main()
