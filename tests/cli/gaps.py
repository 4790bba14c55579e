#!/usr/bin/env python3
"""Each command against each kind of gap that belongs to the dump or its kernel.

A gap makes the exit status 1 where it touches what is asked, and is not even
said elsewhere: then the answer is, to the byte, that of the dump without it.
TOUCHED is the table. The dump as it is gives each of the commands exit status
0, but for map: all of audit's rules want more than a trimmed dump has.

Usage: gaps.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import re
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps
from containers import make_flattened, make_kdump
from tap import Tap, first_difference, run, sound_messages

CASE = "tasks/x86_64-6.1-lab-4level-pti"
# command: (what follows the dump, the kinds that touch the answer)
SECTIONS, ROOT, LOSS = "sections-unknown", "kernel-root", "truncated"
TOUCHED = {
    "kernel": ("", (SECTIONS, ROOT, LOSS)),
    "kernel, JSON": ("--format json", (SECTIONS, ROOT, LOSS)),
    "task": ("--pid 1", (SECTIONS, ROOT, LOSS)),
    "task, the user half": ("--pid 1 --user-only", (ROOT, LOSS)),
    "task, a root": ("--root {root}", (SECTIONS, ROOT, LOSS)),
    "tasks": ("", (ROOT, LOSS)),
    "maps": ("--pid 1", (ROOT, LOSS)),
    "maps, with pages": ("--pid 1 --pages", (ROOT, LOSS)),
    "pages": ("", (ROOT, LOSS)),
    "pages, a pagemap": ("--pid 1 --pagemap", (ROOT, LOSS)),
    "page": ("phys:{root}", (ROOT, LOSS)),
    "translate": ("init_task", (SECTIONS, ROOT, LOSS)),
    "translate, one line": ("init_task --brief", (ROOT, LOSS)),
    "rmap": ("{root}", (ROOT, LOSS)),
    "tree": ("--levels 1", (ROOT, LOSS)),
    "tree, as a module": ("--levels 1 --style module", (SECTIONS, ROOT, LOSS)),
    "roots": ("", (LOSS,)),  # for a root it looks itself
    "symbols": ("init_task", (ROOT, LOSS)),
    "explain": ("", (SECTIONS, ROOT, LOSS)),
    "audit": ("--rule kernel-wx", (SECTIONS, ROOT, LOSS)),
    "map": ("-o {new}", (SECTIONS, ROOT, LOSS)),
    "log": ("", (ROOT, LOSS)),
    "modules": ("", (ROOT, LOSS)),
    "vmalloc": ("", (ROOT, LOSS)),
    "info": ("", (SECTIONS, ROOT, LOSS)),
    "vmcoreinfo": ("", (LOSS,)),
    "read": ("--physical {root} 16", ()),
    "read, virtual memory": ("--virtual init_task 16", (ROOT,)),
    "trim": ("-o {new}", (ROOT, LOSS)),
    "convert": ("-o {new}", (SECTIONS, ROOT, LOSS)),
    "diff": ("{dump}", (SECTIONS, ROOT, LOSS)),
}
# What says so. A text that the kinds share a word with is no proof of it.
SAID = {SECTIONS: "where sections start is not", ROOT: "unconfirmed", LOSS: "is truncated"}
WARNED = {("read", LOSS), ("read, virtual memory", LOSS)}  # said, and no gap
PT_LOAD, PAGE = 1, 4096


def without_markers(data):
    """The kernel's own address_markers[] is not found any more."""
    return data.replace(b"User Space\0", b"?ser Space\0")


def cut_off(data):
    return data[:-3 * PAGE]


def without_page(data, page, is_filtered=True):
    """A core whose segments leave out the page at this physical address: as a filter does, or as if there were no memory."""
    count, = struct.unpack_from("<H", data, 56)
    phoff, = struct.unpack_from("<Q", data, 32)
    headers = [list(struct.unpack_from("<IIQQQQQQ", data, phoff + 56 * i)) for i in range(count)]
    split, moved = [], 64 + 56 * (count + 1)  # the old file follows the new headers
    for kind, flags, offset, virtual, physical, stored, size, align in headers:
        offset += moved
        if kind != PT_LOAD or not physical <= page < physical + stored:
            split.append((kind, flags, offset, virtual, physical, stored, size, align))
            continue
        head, skip = page - physical, page - physical + PAGE
        split.append((kind, flags, offset, virtual, physical, head, skip if is_filtered else head, align))
        split.append((kind, flags, offset + skip, virtual + skip, page + PAGE, stored - skip, size - skip, align))
    assert len(split) == count + 1, "the page lies in no segment"
    header = bytearray(data[:64])
    struct.pack_into("<Q", header, 32, 64)
    struct.pack_into("<H", header, 56, count + 1)
    return bytes(header) + b"".join(struct.pack("<IIQQQQQQ", *row) for row in split) + data


class Checker:
    def __init__(self, vmpt, folder, dump, root):
        self.vmpt, self.folder, self.dump, self.root = vmpt, folder, dump, root

    def ask(self, name, dump):
        words, _ = TOUCHED[name]
        new = self.folder / f"{dump.name}-{name.replace(' ', '-')}"
        command = name.split(",")[0]
        result = run(self.vmpt, command, dump, *words.format(root=self.root, new=new, dump=dump).split())
        made = None
        if new.exists():
            made = new.read_bytes()
            new.unlink()
        return result, made

    def fault(self, name, kind, damaged):
        result, made = self.ask(name, damaged)
        said = result.stderr.decode(errors="replace")
        touched = kind in TOUCHED[name][1]
        if problem := sound_messages(result.stderr):
            return problem
        status = int(touched or name == "map")
        if result.returncode != status:
            return f"exit status {result.returncode}, expected {status}: {said}"
        if (SAID[kind] in said) != (touched or (name, kind) in WARNED):
            return f"it is {'not ' if touched else ''}said: {said}"
        if touched:
            return None
        plain, whole = self.ask(name, self.dump)
        if kind == SECTIONS and made != whole and "trim" not in name:
            return "the new file is another"
        return first_difference(plain.stdout.replace(str(self.dump).encode(), b""),
                                result.stdout.replace(str(damaged).encode(), b""))


def check_lists(tap, vmpt, dump, folder):
    """Without the page of a task: who asks for all has a gap, who asks for another one has not."""
    task = json.loads(run(vmpt, "tasks", dump, "--format", "json").stdout)["tasks"][-1]
    place = int(run(vmpt, "translate", dump, task["task"], "--brief").stdout.split()[1], 16)
    damaged = folder / "without-task"
    damaged.write_bytes(without_page(dump.read_bytes(), place & -PAGE))
    for status, words in ((1, "tasks"), (1, "task --all --user-only"), (1, "maps --all"), (1, "maps --comm init"),
                          (0, "maps --pid 1"), (0, "task --pid 1 --user-only"),
                          (2, f"maps --comm {task['comm']}"), (2, f"task --pid {task['pid']}"),
                          (2, f"pages --pid {task['pid']}")):
        command, *options = words.split()
        result = run(vmpt, command, damaged, *options)
        said = result.stderr.decode()
        lacks = status != 2 or "the list of tasks is not whole" in said
        tap.report(None if result.returncode == status and lacks and "no task at" in said else
                   f"exit status {result.returncode}, expected {status}: {said}", f"{words}: the list lacks a task")


def check_roots(tap, vmpt, dump, folder):
    """Without a table of a process, or of the kernel: it is listed nevertheless, and that it has more is said."""
    def listed(path):
        result = run(vmpt, "roots", path, "--format", "json")
        return result, [root["root"] for root in json.loads(result.stdout)["roots"]]
    whole, roots = listed(dump)
    tap.report(None if whole.returncode == 0 else whole.stderr.decode(), "roots: nothing is missing")
    process = next(root["root"] for root in json.loads(whole.stdout)["roots"] if root["kind"] == "process")
    entries = json.loads(run(vmpt, "tree", dump, "--root", process, "--format", "json").stdout)["entries"]
    tables = [entry["physical"] for entry in entries if entry["level"] == "pmd" and entry["target"] == "table"]
    for whose, table in (("a process", tables[0]), ("the kernel", tables[-1])):
        damaged = folder / "without-table"
        damaged.write_bytes(without_page(dump.read_bytes(), int(table, 16), is_filtered=False))
        result, now = listed(damaged)
        said = result.stderr.decode()
        tap.report(None if result.returncode == 1 and now == roots and "map more than is said" in said else
                   f"exit status {result.returncode}, {set(roots) ^ set(now)}: {said}", f"roots: a table of {whose} is lost")


def check_log(tap, vmpt, dump, folder):
    """Nobody panicked: panic_cpu says so, or else a log of which nothing is lost."""
    def page_of(name):
        return int(run(vmpt, "translate", dump, name, "--brief").stdout.split()[1], 16) & -PAGE
    data, damaged = dump.read_bytes(), folder / "without-log"
    for lost, status, kind in ((["panic_cpu"], 0, "none"), (["__log_buf+0x2000"], 1, "none"),
                               (["panic_cpu", "__log_buf+0x2000"], 1, "unknown")):
        content = data
        for name in lost:
            content = without_page(content, page_of(name))
        damaged.write_bytes(content)
        result = run(vmpt, "explain", damaged, "--format", "json")
        found = json.loads(result.stdout)["kind"]
        tap.report(None if (result.returncode, found) == (status, kind) else
                   f"exit status {result.returncode}, {found}: {result.stderr.decode()}", f"explain: without {' and '.join(lost)}")


def check_container(tap, vmpt, dump, folder):
    """What is wrong with the file, of which nobody knows before all of it is looked at."""
    kdump = make_kdump(dump, folder / "kdump").read_bytes()
    first = 4096 * (1 + struct.unpack_from("<i", kdump, 432)[0] + struct.unpack_from("<i", kdump, 436)[0])  # descriptors
    note = dump.read_bytes()
    text = note.find(b"OFFSET(page.flags)=")
    head, offset, count = make_flattened(dump, folder / "flattened").read_bytes()[:4096], *(
        struct.unpack_from(format, note, at)[0] for format, at in (("<Q", 32), ("<H", 56)))
    behind = offset + 56 * count
    # makedumpfile -F -E writes zeros first, and its program headers last.
    flattened = head + b"".join(struct.pack(">QQ", at, len(data)) + data for at, data in ((0, note[:64] + bytes(behind - 64)), (behind, note[behind:])))
    for name, data, status, said in (
            ("a descriptor of too many bytes", kdump[:first + 248] + struct.pack("<I", 0x7FFFFFFF) + kdump[first + 252:], 1, "0x1000 bytes of memory .* corrupt"),
            ("a descriptor behind the file", kdump[:first + 240] + struct.pack("<Q", 1 << 40) + kdump[first + 248:], 1, "truncated: 0x1000 bytes"),
            ("a zero byte in VMCOREINFO", note[:text] + b"\0" + note[text + 1:], 1, "a zero byte in its text"),
            ("a wrong place in VMCOREINFO", note[:text + 19] + b"8" + note[text + 20:], 1, r"OFFSET\(page.flags\) is 8, and 0 in BTF"),
            ("a flattened file without its headers", flattened, 2, "is truncated, and lacks its program headers")):
        damaged = folder / "damaged-file"
        damaged.write_bytes(data)
        result = run(vmpt, "info", damaged, "--sources")
        tap.report(None if result.returncode == status and re.search(said, result.stderr.decode()) else
                   f"exit status {result.returncode}: {result.stderr.decode()}", f"info: {name}")


def main():
    vmpt, source = sys.argv[1], Path(sys.argv[2])
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vgaps-") as name, ThreadPoolExecutor(cpu_count()) as pool:
        folder = Path(name)
        _, path = next(find_dumps(source / "testdata" / CASE, folder))
        data, dump = path.read_bytes(), folder / "whole"
        dump.write_bytes(data)
        root = re.search(r"(?m)^ +root table +(0x\w+)", run(vmpt, "info", dump).stdout.decode())[1]
        steps = json.loads(run(vmpt, "translate", dump, "init_task", "--format", "json").stdout)["addresses"][0]["steps"]
        checker = Checker(vmpt, folder, dump, root)
        names = list(TOUCHED)
        for command, (result, _) in zip(names, pool.map(lambda name: checker.ask(name, dump), names)):
            tap.report(None if result.returncode == int(command == "map") else result.stderr.decode(), f"{command}: the whole dump")
        confirming = int(steps[1]["table"], 16)
        for kind, damage in ((SECTIONS, without_markers), (LOSS, cut_off), (ROOT, lambda data: without_page(data, confirming))):
            damaged = folder / kind
            damaged.write_bytes(damage(data))
            asked = [name for name in names if (name, kind) != ("roots", ROOT)]
            for command, problem in zip(asked, pool.map(lambda name: checker.fault(name, kind, damaged), asked)):
                tap.report(problem, f"{command}: {kind}")
        check_lists(tap, vmpt, dump, folder)
        check_roots(tap, vmpt, dump, folder)
        check_log(tap, vmpt, dump, folder)
        check_container(tap, vmpt, dump, folder)
    tap.end()


if __name__ == "__main__":
    main()
