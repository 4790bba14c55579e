#!/usr/bin/env python3
"""Options that contradict the dump, or say nothing about it.

Each is refused with one line that names both sides; with --force it is taken,
said to be, and the exit status is 1. One that does not apply stays refused. An
option that says what the dump says changes nothing.

Usage: options.py VMPT SOURCE_ROOT       (prints TAP)
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, load_segments, make_lime
from tap import Tap, first_difference, run, sound_messages

MAX_LINE = 200
X86, X86_5 = "x86_64-6.1-debian-4level-pti", "x86_64-6.1-debian-5level-pti"
ARM, ARM_16K, RISCV = "arm64-6.1-4k-va48-kaslr", "arm64-6.12-debian-16k-va52-lpa2", "riscv64-6.1-sv39"
LEARNED = "../tasks/riscv64-6.1-sv39"  # has no struct layouts
I386 = "i386-6.1-debian-pae-pti"
IN_MEMORY = "x86_64-6.1-lab-4level-nokaslr-novmcoreinfo"  # has VMCOREINFO in its pages
REFUSED, TAKEN = 2, 1

# dump, command, options, what is said
CONTRADICTIONS = (
    (ARM, "kernel", "--arch x86_64", "--arch x86_64 contradicts the dump: arm64"),
    (X86, "kernel", "--arch i386", "--arch i386 contradicts the dump: x86_64"),
    (X86, "info", "--arch i386", "--arch i386 contradicts the dump: x86_64"),
    (X86, "kernel", "--arch arm64", "--arch arm64 contradicts the dump: x86_64"),
    (X86, "kernel", "--levels 5", "--levels 5 contradicts the dump: x86-64 4-level"),
    (X86_5, "kernel", "--levels 4", "--levels 4 contradicts the dump: x86-64 5-level"),
    (X86, "kernel", "--levels 3", "--levels 3 contradicts the dump: x86-64 4-level"),
    (RISCV, "kernel", "--levels 4", "--levels 4 contradicts the dump: RISC-V Sv39"),
    (I386, "kernel", "--levels 2", "--levels 2 contradicts the dump: i386 PAE"),
    (ARM, "kernel", "--levels 3", "--levels 3 contradicts the dump: "),
    (ARM, "kernel", "--va-bits 39", "--va-bits 39 contradicts the dump: 48"),
    (ARM, "kernel", "--granule 64K", "--granule 65536 contradicts the dump: "),
    (ARM_16K, "kernel", "--granule 4K", "--granule 4096 contradicts the dump: "),
    (X86, "kernel", "--phys-base 0", "--phys-base 0x0 contradicts the dump: 0xffffffffdc000000"),
    (X86, "kernel", "--root 0x1000", "--root 0x1000 contradicts the dump: the kernel's own is at 0x8e10000"),
    (X86, "kernel", "--root 0x8e10001", "--root 0x8e10001 contradicts the dump: the kernel's own is at 0x8e10000"),
    (X86, "kernel", "--root 0", "--root 0x0 contradicts the dump: the kernel's own is at 0x8e10000"),
    (X86, "kernel", "--vmcoreinfo {other}", "--vmcoreinfo contradicts the dump: kernel 6.1.0-56-amd64"),
    # A text that leads to the same root, but says that it is of another kernel.
    (X86, "kernel", "--vmcoreinfo {renamed}", "--vmcoreinfo contradicts the dump: kernel 6.1.0-56-amd64, the file is of kernel 5.4.1"),
    (IN_MEMORY, "kernel", "--vmcoreinfo {renamed_in_memory}", "--vmcoreinfo contradicts the dump: kernel 6.1.*, the file is of kernel 5.4.1"),
    (X86, "kernel", "--vmcoreinfo {damaged}", r"--vmcoreinfo contradicts the dump: OFFSET\(page\.flags\) is 0 there, and the file's is 8"),
    (X86, "vmcoreinfo", "--vmcoreinfo {other}", "--vmcoreinfo contradicts the dump: kernel 6.1.0-56-amd64"),
    (X86, "translate", "0 --root 0x8e10001", "--root 0x8e10001: it is not aligned"),
    (X86, "task", "--root 0x8e10001", "--root 0x8e10001: it is not aligned"),
    (X86, "task", "--root 0", "--root 0x0: page 0 of physical memory"),
    (X86, "task", "--root {data}", r"--root 0x[0-9a-f]+: it is no top table: entry \d+"),
    (X86, "symbols", "_stext --symbol _stext=0x1000", "--symbol _stext=0x1000 contradicts the dump: 0xffffffff"),
    ("raw", "kernel", "--layout qemu-riscv-virt", "--layout qemu-riscv-virt contradicts the dump: .* raw image"),
    ("raw", "info", "--raw-base 0x100000", "--raw-base 0x100000 contradicts the dump: .* raw image"),
    (X86, "symbols", "_stext --offset page.flags=4096", "--offset page.flags=4096 contradicts the dump: 0"),
    (X86, "kernel", "--names --symbol _stext=0x1000", "--symbol _stext=0x1000 contradicts the dump: 0xffffffff"),
    (X86, "info", "--offset page.flags=4096", "--offset page.flags=4096 contradicts the dump: 0"),
    (X86, "roots", "--arch arm64", "--arch arm64 contradicts the dump: x86_64"),
    (LEARNED, "tasks", "--offset task_struct.comm=0",
     r"--offset task_struct.comm=0 contradicts the dump: \d+ \(learned from the tasks in memory\)"),
    (LEARNED, "tasks", "--offset task_struct.tasks=8", r"--offset task_struct.tasks=8 contradicts the dump: \d+ \(learned"),
    (LEARNED, "maps", "--pid 1 --offset vm_area_struct.vm_flags=0",
     r"--offset vm_area_struct.vm_flags=0 contradicts the dump: \d+ \(what lies in memory\)"),
    (LEARNED, "kernel", "--names --offset mm_struct.pgd=8", r"--offset mm_struct.pgd=8 contradicts the dump: \d+ \(learned"),
)
# dump, command, options, what is said: nothing that --force could take
NOT_APPLYING = (
    (X86, "kernel", "--granule 5K", "--granule 5120: no page tables have pages of that size"),
    (X86, "kernel", "--granule 4K", "--granule 4096 says nothing about x86_64"),
    (X86, "kernel", "--va-bits 48", "--va-bits 48 says nothing about x86_64"),
    (X86, "kernel", "--va-bits 13", "--va-bits 13: no page tables are for so many bits"),
    (X86, "kernel", "--levels 9", "--levels 9: no page tables have so many levels"),
    (X86, "kernel", "--arch i386 --levels 5", "--levels 5: no page tables of i386 have so many levels"),
    (I386, "kernel", "--phys-base 0", "--phys-base 0x0 says nothing about i386"),
    (ARM, "kernel", "--phys-base 0", "--phys-base 0x0 says nothing about arm64"),
    (RISCV, "kernel", "--granule 4K", "--granule 4096 says nothing about riscv64"),
    (X86, "kernel", "--layout flat", "--layout says where a raw image lies; this is no raw image, but ELF64 core"),
    (X86, "kernel", "--raw-base 0x1000", "--raw-base says where a raw image lies; this is no raw image"),
    ("lime", "kernel", "--raw-base 0", "--raw-base says where a raw image lies; this is no raw image, but LiME"),
    (X86, "kernel", "--map {text_file}@0", "--map says where raw memory lies; this is no raw memory, but ELF64 core"),
    (X86, "kernel", "--vmcoreinfo {text_file}", "no VMCOREINFO text"),
    (X86, "kernel", "--names --vmlinux {text_file}", "neither an ELF file, nor BTF, nor a System.map"),
    (X86, "info", "--btf {text_file}", "neither an ELF file, nor BTF, nor a System.map"),
    (X86, "read", "--virtual 0 16 --system-map {text_file}", "neither an ELF file, nor BTF, nor a System.map"),
    (X86, "vmcoreinfo", "--vmcoreinfo {text_file}", "no VMCOREINFO text"),
    # What chooses or shapes something that is not asked for.
    (X86, "read", "--physical 0x8e10000 16 --kernel 7", "--kernel 7 is about the kernel .*, and of use with --virtual alone"),
    (X86, "read", "--physical 0x8e10000 16 --levels 4", "--levels 4 is about the kernel .*, and of use with --virtual alone"),
    (X86, "kernel", "--force-vmlinux", "--force-vmlinux says nothing without --vmlinux, --system-map or --btf"),
    (X86, "pages", "--count", "--count goes with --list, --list-each or --pagemap"),
    (X86, "pages", "--no-summary", "--no-summary goes with --list, --list-each; "),
    (X86, "log", "--raw --format json", "--raw is about the text"),
    (LEARNED, "task", "--pid 1 --user-pgd", "--user-pgd says nothing about riscv64"),
    # Names that nobody asks for.
    (X86, "kernel", "--names --symbol init_tsak=0x1000", "--symbol init_tsak is no name that vmpt uses; did you mean 'init_task'"),
    (X86, "kernel", "--names --symbol qwertz=0x1000", "--symbol qwertz is no name that vmpt uses, nor does the dump know it"),
    (X86, "tasks", "--offset task_struct.conm=8",
     "--offset task_struct.conm is no name that vmpt uses; did you mean 'task_struct.comm'"),
    (X86, "tasks", "--offset task_strct.comm=8", "--offset task_strct.comm is no name that vmpt uses; did you mean 'task_struct.comm'"),
    (X86, "read", "--virtual 0 16 --offset qwertz.asdfgh=8", "--offset qwertz.asdfgh is no name that vmpt uses, nor"),
    # Numbers below zero.
    (X86, "kernel", "--range=-5", "--range '-5' is not A-B"),
    (X86, "kernel", "--range -5", "--range '-5' is not A-B"),
    (X86, "kernel", "--range -5-6", "--range '-5-6' is not A-B"),
    (X86, "kernel", "--range 5-", "--range '5-' is not A-B"),
    (X86, "kernel", "--range 5--6", "--range '5--6' is not A-B"),
    (X86, "rmap", "-5", "range '-5' is not A-B"),
    (X86, "maps", "--pid=-5", "--pid '-5' is not a number"),
    (X86, "kernel", "--root -1", "--root '-1' is not a number"),
    (X86, "kernel", "--symbol init_task=-8", "'-8' is not a number"),
    (X86, "kernel", "--offset task_struct.comm=-8", "'-8' is not a number"),
    # Values that are longer than a line: what is wrong is said all the same.
    (X86, "kernel", "--symbol {long}", "--symbol 'xxx.* is not NAME=ADDRESS"),
    (X86, "kernel", "--symbol {long}=zz", "--symbol 'xxx.* 'zz' is not a number"),
    (X86, "kernel", "--symbol a={long}", "--symbol 'a=xxx.* is not a number"),
    (X86, "kernel", "--offset {long}", "--offset 'xxx.* is not STRUCT.MEMBER=OFFSET"),
    (X86, "kernel", "--arch {long}", "--arch 'xxx.* is not one of"),
    (X86, "kernel", "--only {long}", "--only 'xxx.* is not one of"),
    (X86, "kernel", "--range {long}", "--range 'xxx.* is not A-B"),
    (X86, "kernel", "--section {long}", "no section 'xxx"),
    (X86, "kernel", "--{long}", "has no option '--xxx"),
    (X86, "translate", "{long}", "no symbol 'xxx"),
)
# Raw memory: arguments of read, what is said. {text} is short.
OF_PIECES = (("--map {text}@0 --raw-base 0x1000", "--raw-base says where DUMP lies, and none is named"),
             ("--map {text}@0 --part {text}", "--part is a further file of a split dump"),
             ("{text} {text} --map {text}@0x1000", "--part is a further file of a split dump"),
             ("--map {text}@0 --map {text}@0x8", "--map puts it at 0x8-0x[0-9a-f]+, where another piece of memory lies already"),
             ("{text} --map {text}@0x8", "--map puts it at 0x8-0x[0-9a-f]+, where another piece of memory lies already"))
# Two saved listings: options, what is said.
OF_LISTINGS = (("--arch arm64", "--arch arm64 is about the kernel .*, and of use with dumps alone"),
               ("--kernel 2", "--kernel 2 is about the kernel .*, and of use with dumps alone"),
               ("--symbol _stext=1", "--symbol is about symbols .*, and of use with dumps alone"),
               ("--targets", "--targets compares where pages lie, which a saved listing does not say"))
# What the dump says itself.
AGREEING = (
    (X86, "--arch x86_64 --levels 4 --phys-base 0xffffffffdc000000 --root 0x8e10000"),
    (X86, "--vmcoreinfo {own}"),
    (X86_5, "--levels 5"),
    (ARM, "--arch arm64 --granule 4K --va-bits 48 --levels 4"),
    (ARM_16K, "--granule 16K --va-bits 52"),
    (RISCV, "--levels 3 --arch riscv64"),
    (I386, "--arch i386 --levels 3"),
)


def fault(result, status, pattern, path):
    said = result.stderr.decode(errors="replace")
    if result.returncode != status:
        return f"exit status {result.returncode}: {len(result.stdout)} bytes, {said}"
    if status == 2 and result.stdout:
        return f"{len(result.stdout)} bytes are printed"
    if not re.search(pattern, said):
        return f"not said: {pattern!r}, but {said}"
    for line in said.splitlines():
        if len(line) > MAX_LINE or line.count(str(path)) > 1:
            return f"{len(line)} characters, or the file twice: {line}"
    return sound_messages(result.stderr)


class Checker:
    def __init__(self, tap, vmpt, source, folder):
        self.tap, self.vmpt, self.source, self.folder = tap, vmpt, source, folder
        self.dumps = {}
        self.words = {"text_file": folder / "text", "own": folder / "own", "other": folder / "other"}
        self.words["long"] = "x" * 300
        self.words["text_file"].write_text("a=b\nThis is no VMCOREINFO.\n")
        for word, name in (("renamed", X86), ("renamed_in_memory", IN_MEMORY)):
            self.words[word] = folder / word
            text = run(vmpt, "vmcoreinfo", self.dump(name)).stdout
            self.words[word].write_bytes(re.sub(rb"OSRELEASE=.*", b"OSRELEASE=5.4.1", text))
        own = run(vmpt, "vmcoreinfo", self.dump(X86)).stdout
        self.words["own"].write_bytes(own)
        self.words["other"].write_bytes(own.replace(b"OSRELEASE=6.1.0-56-amd64", b"OSRELEASE=5.4.1").replace(
            b"SYMBOL(swapper_pg_dir)=ffffffff", b"SYMBOL(swapper_pg_dir)=ffffffef"))
        self.words["damaged"] = folder / "damaged"
        self.words["damaged"].write_bytes(own.replace(b"OFFSET(page.flags)=0", b"OFFSET(page.flags)=8"))
        # A page of the kernel's data that a trimmed dump has.
        markers = re.search(r"address_markers.* at (0x\w+)", run(vmpt, "info", self.dump(X86)).stdout.decode())[1]
        answer = run(vmpt, "translate", self.dump(X86), "--brief", markers).stdout.decode()
        page = int(re.findall(r"0x[0-9a-f]+", answer)[1], 16) & ~0xfff
        self.words["data"] = hex(page)

    def dump(self, name):
        if name not in self.dumps:
            if name == "lime":
                self.dumps[name] = make_lime(self.dump(X86), self.folder)
            elif name == "raw":
                self.dumps[name] = self.folder / "image"
                with open(self.dumps[name], "wb") as out:
                    for physical, _, offset, stored in load_segments(self.dump(IN_MEMORY)):
                        out.seek(physical)
                        out.write(self.dump(IN_MEMORY).read_bytes()[offset:offset + stored])
            else:
                place = self.folder / name.replace("/", "-")
                place.mkdir()
                _, path = next(find_dumps(self.source / "testdata/kernels" / name, place))
                self.dumps[name] = place / "kept"
                self.dumps[name].write_bytes(path.read_bytes())
        return self.dumps[name]

    def run(self, name, command, options, *more):
        return run(self.vmpt, command, self.dump(name), *options.format(**self.words).split(), *more)

    def check(self):
        for name, command, options, pattern in CONTRADICTIONS:
            what, path = f"{name}: {command} {options}", self.dump(name)
            self.tap.report(fault(self.run(name, command, options), REFUSED, pattern + r".*; --force takes it", path), what)
            forced = self.run(name, command, options, "--force")
            status = REFUSED if forced.returncode == REFUSED and b"error" in forced.stderr else TAKEN
            self.tap.report(fault(forced, status, pattern + r".*; it is taken, as --force says|no kernel page tables|is not in the dump", path),
                            f"{what} --force")
        for name, command, options, pattern in NOT_APPLYING:
            for force in ((), ("--force",)):
                self.tap.report(fault(self.run(name, command, options, *force), REFUSED, pattern, self.dump(name)),
                                f"{name}: {command} {options} {' '.join(force)}")
        for options, pattern in OF_PIECES:
            words = options.replace("{text}", str(self.words["text_file"])).split()
            self.tap.report(fault(run(self.vmpt, "read", *words, "--physical", 0, 8), REFUSED, pattern, "no file"), f"read {options}")
        beside = run(self.vmpt, "read", self.words["text_file"], "--map", f"{self.words['text_file']}@0x1000", "--physical", 0, 8)
        self.tap.report(None if (beside.returncode, beside.stderr) == (0, b"") else beside.stderr.decode(), "read of pieces side by side")
        listing = self.source / "testdata/kernels" / X86 / "kernel.txt"
        for options, pattern in OF_LISTINGS:
            self.tap.report(fault(run(self.vmpt, "diff", listing, listing, *options.split()), REFUSED, pattern, listing),
                            f"diff of two listings {options}")
        self.tap.report(fault(run(self.vmpt, "survey", self.dump(X86), "--retry"), REFUSED,
                              "--retry goes with -o FILE or --sqlite FILE", self.dump(X86)), "survey --retry")
        # A name of the user's own, where one is asked for.
        named = run(self.vmpt, "translate", self.dump(X86), "--brief", "my_place", "--symbol", "my_place=0x8e10000")
        self.tap.report(None if named.returncode == 0 else named.stderr.decode(), "translate takes any symbol")
        for name, options in AGREEING:
            plain, said = run(self.vmpt, "kernel", self.dump(name)), self.run(name, "kernel", options)
            problem = first_difference(plain.stdout, said.stdout)
            if (said.returncode, said.stderr) != (0, b""):
                problem = f"exit status {said.returncode}: {said.stderr.decode()}"
            self.tap.report(problem, f"{name}: kernel {options} changes nothing")


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vo-") as folder:
        Checker(tap, vmpt, source, Path(folder)).check()
    tap.end()


if __name__ == "__main__":
    main()
