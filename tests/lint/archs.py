#!/usr/bin/env python3
"""Checks that an architecture is known in its own files and the registry alone.

Of each line of src/memory/Archs.def: its files are there, and what people read
names it. Elsewhere in src/ no line asks for a certain architecture, names a
register that its files name, or asks whether addresses have 32 bits: what others
need to know is a member of ArchTraits, KernelArch or CrashArch
(kernel/find/KernelArch.h).
Usage: archs.py SOURCE_ROOT VMPT
       archs.py --self-test
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REGISTRY = "src/memory/Archs.def"
ROOMS = ["src/paging/modes", "src/kernel/arch", "src/listing"]
FILES = ["src/paging/modes/{}.h", "src/kernel/arch/{}.cpp", "src/listing/{}.cpp",
         "tests/unit/kernel/arch/{}Test.cpp", "tests/unit/listing/{}Test.cpp"]
TEXTS = ["docs/man/vmpt.1", "docs/support.md", "docs/schema/roots.json"]
# Of these files, what registers are called is the subject.
OF_REGISTERS = ["src/memory/Arch.cpp", "src/dump/formats/"]
# The list of modes includes all of them; rows of traits cannot name enumerators.
INCLUDES_ALL = "src/paging/modes/Modes.cpp"


def registered(root):
    """{"X86_64": "x86_64", ...}"""
    return dict(re.findall(r"^VMPT_ARCH\((\w+), (\w+)\)$", (root / REGISTRY).read_text(), re.M))


def is_own(path, arch):
    """Its three files, and those beside them: Arm64Layout, X86 of X86_64."""
    stem = path.stem
    return path.parent.as_posix() in ROOMS and (stem.startswith(arch) or arch.startswith(stem))


def strays(root, archs):
    """Lines outside that name an enumerator, a namespace or a header of one."""
    # Few lines have any of these; only they are looked at one by one.
    suspect = re.compile("Arch::|using |paging/modes/|" + "|".join(f"{name}::" for name in archs.values()))
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in (".h", ".cpp", ".def"):
            continue
        path = file.relative_to(root)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not suspect.search(line):
                continue
            code = line.split("//")[0]
            if re.search(r"using\s+(enum|namespace)\s+(vmpt::)?(Arch|" + "|".join(archs.values()) + r")\b", code):
                yield f"{path}:{number}: {line.strip()}\n  hides which architecture is asked for"
            for arch, name in archs.items():
                if is_own(path, arch):
                    continue
                found = re.search(rf"\bArch::{arch}\b", code)
                # One may be made of another's parts, as i386's PAE of x86-64's.
                if not any(is_own(path, other) for other in archs):
                    found = found or re.search(rf"(?<!namespace )(?<!vmpt::)\b{name}::\w", code)
                    found = found or (f'"paging/modes/{arch}.h"' in line and path.as_posix() != INCLUDES_ALL)
                if found:
                    yield (f"{path}:{number}: {line.strip()}\n  only files of {arch} may ask for it; "
                           "others ask ArchTraits or KernelArch")


def registers(root):
    """Those that the tables of architectures name: {"rip", "cr3", ...}"""
    tables = "".join(file.read_text() for file in sorted((root / "src/kernel/arch").glob("*.cpp")))
    return set(re.findall(r'\.(?:ip|root|mode|fault)Register = "(\w+)"', tables))


def branches(root):
    """Lines outside that ask in another way: by a register's name, by 32 bits of address."""
    names = "|".join(sorted(registers(root)))
    asks = re.compile((f'"(?:{names})"|' if names else "") + r"virtualBits\s*[=!<>]=?\s*32\b")
    for file in sorted((root / "src").rglob("*")):
        path = file.relative_to(root)
        if (file.suffix not in (".h", ".cpp", ".def") or path.parent.as_posix() in ROOMS
                or path.as_posix().startswith(tuple(OF_REGISTERS))):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if asks.search(line.split("//")[0]):
                yield (f"{path}:{number}: {line.strip()}\n  asks for an architecture in other words; "
                       "there is a member of KernelArch or CrashArch, or there ought to be")


def gaps(root, archs):
    for arch, name in archs.items():
        for file in FILES:
            if not (root / file.format(arch)).exists():
                yield f"{REGISTRY}: {arch} has no {file.format(arch)}"
        # People write x86-64.
        word = re.compile(rf"\b{name.replace('_', '[-_]')}\b")
        for text in TEXTS:
            if not word.search((root / text).read_text()):
                yield f"{text}: does not name {name}"


def help_gaps(vmpt, archs):
    text = subprocess.run([vmpt, "kernel", "--help"], capture_output=True, text=True, check=True).stdout
    told = re.search(r"--arch ARCH\s+(.*)", text)
    words = set(re.findall(r"\w+", told[1])) if told else set()
    yield from (f"vmpt kernel --help: --arch does not name {name}"
                for name in archs.values() if name not in words)


def self_test():
    """Each fault is found in a small tree that has it, and none in a sound one."""
    sound = {REGISTRY: "VMPT_ARCH(Alpha, alpha)\n", "src/dump/Some.cpp": "// Arch::Alpha\nmodes = alphabet::x;\n",
             **{file.format("Alpha"): 'arch = Arch::Alpha;\n.ipRegister = "aip",\n' for file in FILES},
             **{text: "alpha\n" for text in TEXTS}}
    faults = {"src/dump/Some.cpp": ["if (arch == Arch::Alpha)\n", "mode = alpha::three;\n", "using enum Arch;\n",
                                    '#include "paging/modes/Alpha.h"\n', 'cpu.find("aip");\n',
                                    "if (mode.virtualBits == 32)\n"],
              **{file.format("Alpha"): [None] for file in FILES}, **{text: ["beta\n"] for text in TEXTS}}
    cases = [("nothing", None, True)] + [(path, text, False) for path, texts in faults.items() for text in texts]
    failures = []
    for path, text, is_sound in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, content in {**sound, path: text}.items():
                if content is not None:
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(content)
            archs = registered(root)
            found = [*strays(root, archs), *branches(root), *gaps(root, archs)]
            if bool(found) == is_sound:
                failures.append(f"self-test: {path}: {text}: found {found}")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        root, vmpt = Path(sys.argv[1]), sys.argv[2]
        archs = registered(root)
        if not archs:
            sys.exit(f"{REGISTRY}: no architectures there")
        problems = [*strays(root, archs), *branches(root), *gaps(root, archs), *help_gaps(vmpt, archs)]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
