#!/usr/bin/env python3
"""The judge of what is cut off: real dumps in each container, cut again and again.

Each case of testdata (one of each architecture and mode) is written as ELF,
kdump, LiME, AVML, raw memory, flattened ELF and kdump, and on x86-64 as what
VMware, VirtualBox and Xen write. Each file, and each QEMU stream, is cut at
several places. Whatever is left:
- the listing is that of kernel.txt, line by line in its order, but for ranges
  that are said to be "not in the dump (truncated)", and no others are missing;
- standard error says that the file is truncated, and by how much;
- the exit status is 1, or 2 where there is no root, and never 0;
- info says the same loss, with exit status 1.
Some cuts are inside the headers, where nothing else can be said.

VMPT_ALL=1 cuts at every 5 %, and full dumps of ../shared/truth besides.
Usage: cut.py VMPT SOURCE_ROOT [WORD...]       (prints TAP)
Only cases with one of the words in their name, then at every 5 %.
"""
import json
import os
import re
import shutil
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import expected_listing, find_cases, find_dumps, load_segments, make_lime, make_raw, truth_cases
from containers import make_avml, make_flattened, make_kdump, make_virtualbox, make_vmware, make_xen
from tap import Tap, run, sound_messages

ALL = bool(os.environ.get("VMPT_ALL") or sys.argv[3:])
QUICK = ["arm-6.12-lpae", "loongarch64-6.12-16k", "arm64-6.1-4k-va48-kaslr", "arm64-6.12-64k-va52", "i386-6.1-debian-pae-pti",
         "riscv64-6.1-sv39", "x86_64-6.1-debian-5level-pti", "x86_64-6.1-debian-live-migration-pti"]
SHARES = range(5, 100, 5) if ALL else (20, 50, 80, 95)
# Ends inside of headers, in bytes.
HEADS = (16, 63, 64, 100, 500, 2000, 4200, 5000, 9000)
KEEP_NOTES = ("ELF", "kdump", "flattened ELF", "flattened kdump", "it is")
# Nothing in these tells what is missing, unless the kernel does.
HEADERLESS = ("LiME", "AVML", "raw memory", "VMware's memory beside its state")
MAX_LINE = 200
LINE = re.compile(r"(0x[0-9a-f]+)-(0x[0-9a-f]+) +(?:0x[0-9a-f]+ +)?\d+[KMGTPE] *(.*)")
ABSENT = re.compile(r"not in the dump: .* \((.*)\)")
LOSS = re.compile(r"truncated: 0x[0-9a-f]+ bytes|truncated by 0x[0-9a-f]+ bytes")
# A stream whose list of RAM blocks is cut off: nobody knows how long it was.
NO_SIZE = b"without a list of RAM blocks; the file is truncated"
UNTOLD = re.compile(rb"no kernel page tables")


def parse(text):
    """[(section, first, end, words)], without the sections that the kernel cuts short."""
    lines, section, short = [], "", set()
    for line in text.splitlines():
        if line.startswith("---["):
            section = line
        elif match := LINE.match(line):
            first, end = int(match[1], 16), int(match[2], 16)
            if end <= first:  # the end of the address space
                end += 1 << (64 if len(match[1]) > 10 else 32)
            lines.append((section, first, end, match[3]))
        else:
            short.add(section)
    return [line for line in lines if line[0] not in short]


def coverage_fault(known, printed):
    """None, or a line of kernel.txt that is not there, nor in what is said to be missing."""
    covered = sorted((first, end) for _, first, end, _ in printed)
    for _, first, end, words in known:
        for start, stop in covered:
            if start <= first < stop:
                first = stop
        if first < end:
            return f"{first:#x}-{end:#x} {words}: lost without a word"
    return None


def words_fault(known, printed):
    """The same where sections, which end lines, are not known: only what is mapped counts."""
    for _, first, end, words in printed:
        for _, start, stop, expected in known:
            if not ABSENT.match(words) and max(first, start) < min(end, stop) and words != expected:
                return f"{first:#x}-{end:#x} {words}: kernel.txt has {expected}"
    return coverage_fault(known, printed)


def listing_fault(expected, actual):
    """None, or where the listing is neither kernel.txt nor said to lack something."""
    known, at = parse(expected), 0
    printed = parse(actual)
    sections = {line[0] for line in known}
    for number, (section, first, end, words) in enumerate(printed):
        if absent := ABSENT.match(words):
            if absent[1] != "truncated":
                return f"{first:#x}: the reason is {absent[1]}"
            continue
        if section not in sections:
            continue
        while at < len(known) and known[at][2] <= first and known[at][1] < first:
            at += 1
        if at == len(known) or known[at][0] != section or known[at][3] != words:
            return f"{first:#x}-{end:#x} {words}: no such line in its place, there is {known[at:at + 1]}"
        # A run may be shorter than the kernel's only beside what is missing.
        before = printed[number - 1] if number else None
        after = printed[number + 1] if number + 1 < len(printed) else None
        if first < known[at][1] or (first > known[at][1] and not (before and ABSENT.match(before[3]))):
            return f"{first:#x}: the line starts elsewhere, at {known[at][1]:#x}"
        if end > known[at][2] or (end < known[at][2] and not (after and ABSENT.match(after[3]))):
            return f"{first:#x}: the line ends elsewhere, at {known[at][2]:#x}"
    return coverage_fault(known, printed)


def message_fault(stderr, path):
    if problem := sound_messages(stderr):
        return problem
    said = stderr.decode(errors="replace")
    for line in said.splitlines():
        if len(line) > MAX_LINE:
            return f"{len(line)} characters: {line}"
        if line.count(str(path)) > 1:
            return f"the file is named twice: {line}"
    return None if LOSS.search(said) else f"standard error does not say what is lost: {said!r}"


def cut_fault(vmpt, expected, path, arguments, knows):
    result = run(vmpt, "kernel", *arguments)
    if result.returncode not in (1, 2):
        return f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"
    if (result.returncode == 2) != (result.stdout == b""):
        return f"exit status {result.returncode}, and {len(result.stdout)} bytes are printed"
    if result.returncode == 2 and b"no kernel page tables" not in result.stderr:
        return None if LOSS.search(result.stderr.decode()) or NO_SIZE in result.stderr else repr(result.stderr)
    text = result.stdout.decode()
    problem = (words_fault(parse(expected), parse(text)) if b"where sections start is not known" in result.stderr
               else listing_fault(expected, text))
    if text and problem:
        return f"{problem}\n{result.stderr.decode()}"
    untold = not knows and UNTOLD.search(result.stderr)
    if not untold and (problem := message_fault(result.stderr, path)):
        return problem
    for more in ([], ["--verify"]):
        info = run(vmpt, "info", *arguments, *more)
        if info.returncode != 1:
            return f"info {more}: exit status {info.returncode}: {info.stderr.decode(errors='replace')}"
        if not untold and (problem := message_fault(info.stderr, path)):
            return f"info {more}: {problem}"
    return None


def make_containers(dump, folder, arch):
    """(name, the file that is cut, the arguments that name it)."""
    if not load_segments(dump):
        yield "it is", dump, [dump]
        return
    elf = folder / "elf"
    shutil.copy(dump, elf)
    yield "ELF", elf, [elf]
    kdump = make_kdump(dump, folder / "kdump")
    yield "kdump", kdump, [kdump]
    for name, path in (("flattened ELF", elf), ("flattened kdump", kdump)):
        flattened = make_flattened(path, folder / name.replace(" ", "-"))
        yield name, flattened, [flattened]
    lime = make_lime(dump, folder)
    yield "LiME", lime, [lime]
    avml = make_avml(dump, folder / "avml")
    yield "AVML", avml, [avml]
    if arch == "x86_64":
        yield from make_hypervisors(dump, folder)
    raw = make_raw(dump, folder)
    last = raw[-1] if len(raw) == 1 else Path(raw[-1].rsplit("@", 1)[0])
    yield "raw memory", last, raw


def make_hypervisors(dump, folder):
    state = make_vmware(dump, folder / "state.vmss")
    yield "VMware's state", state, [state]
    memory = folder / "image.vmem"
    state = make_vmware(dump, folder / "beside.vmss", memory)
    yield "VMware's memory beside its state", memory, [state, memory]
    core = make_virtualbox(dump, folder / "virtualbox")
    yield "VirtualBox's core", core, [core]
    core = make_xen(dump, folder / "xen")
    yield "Xen's core", core, [core]


def check_case(tap, vmpt, case, name, dump, folder, is_trimmed):
    expected = expected_listing(vmpt, case, dump).decode()
    keys = folder / "vmcoreinfo"
    keys.write_bytes(run(vmpt, "vmcoreinfo", dump).stdout)
    known = ["--arch", case.name.split("-")[0], "--vmcoreinfo", keys]

    def check(size):
        place = folder / f"{path.name}.{size}"
        with open(path, "rb") as source, open(place, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
            out.truncate(size)
        changed = [str(word).replace(str(path), str(place)) for word in arguments]
        problem = cut_fault(vmpt, expected, place, changed + more,
                            container not in HEADERLESS)
        place.unlink()
        return problem and f"{size:#x} bytes: {problem}"

    for container, path, arguments in make_containers(dump, folder, case.name.split("-")[0]):
        # What a trimmed dump has in its notes is not in its memory.
        more = known if is_trimmed and container not in KEEP_NOTES else []
        if is_trimmed and container == "raw memory":
            continue  # nearly all holes
        whole = path.stat().st_size
        sizes = [whole * share // 100 for share in SHARES] + [size for size in HEADS if size < whole]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            problems = [problem for problem in pool.map(check, sizes) if problem]
        tap.report("\n".join(problems) or None, f"{case.name}: {name} as {container}, cut {len(sizes)} times")


def main():
    vmpt, source, words = os.path.abspath(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    cases = [case for case in find_cases(source / "testdata/kernels") if ALL or case.name in QUICK]
    if ALL:
        cases += truth_cases(tap, source)
    for case in cases:
        if words and not any(word in case.name for word in words):
            continue
        is_trimmed = "trimmed" in json.loads((case / "case.json").read_text())
        with tempfile.TemporaryDirectory(prefix="vc-") as folder:
            for name, dump in find_dumps(case, Path(folder)):
                if "paging" not in name:
                    place = Path(folder) / "work"
                    place.mkdir()
                    check_case(tap, vmpt, case, name, dump, place, is_trimmed)
                    shutil.rmtree(place)
    tap.end()


if __name__ == "__main__":
    main()
