#!/usr/bin/env python3
"""The judge of `vmpt pages`: real dumps against what the kernel itself said.

A case is a folder with proc/PID/pages (pagemap, kpageflags and kpagecount of
each page of a process), page-types/PID.l and PID.L (the kernel's own tool),
sys/kpageflags.START.u64.zst and sys/kpagecount.START.u64.zst, all taken
moments before the dump ($VMPT_TRUTH, else ../shared/truth beside the source
root). Unpacked dumps are looked for in $VMPT_DUMPS.

  --pagemap      equal to every pagemap, entry by entry
  --count        kpagecount, equal for every frame
  (no option)    kpageflags of all frames. A machine goes on between two looks:
                 pages age, are freed and taken. What no page changes by itself
                 has to be equal for all, the rest for nearly all.
  --list-each    equal to page-types -L, line by line, but for ageing and for
                 pages that proc/PID/pages shows to have come since
  --list         the same pages as --list-each, joined

Usage: pages.py VMPT SOURCE_ROOT [WORD...]      (prints TAP; WORDs choose cases)
"""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_dumps, judged_cases, truth_cases
from tap import Tap, first_difference, run

KPF = {name: 1 << bit for bit, name in enumerate(
    "locked error referenced uptodate dirty lru active slab writeback reclaim buddy mmap anon swapcache swapbacked "
    "head tail huge unevictable hwpoison nopage ksm thp offline zero idle pgtable".split())}
RESERVED = 1 << 32
SETTLED = KPF["huge"] | KPF["hwpoison"] | KPF["nopage"] | KPF["offline"] | KPF["zero"] | RESERVED
MAX_CHANGED = 0.03
AGEING = (2, 6)  # letters: referenced, active


def read_words(case, name):
    """(first frame, [u64]) of sys/NAME.START.u64.zst"""
    path = next(case.glob(f"sys/{name}.*.u64.zst"))
    raw = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    return int(path.name.split(".")[1], 16), memoryview(raw).cast("Q")


def expand(flags, version):
    """page-types -r without a pagemap entry: expand_overloaded_flags()"""
    if version >= (5, 18) and flags & KPF["anon"] and flags >> 34 & 1:
        flags ^= 1 << 34 | 1 << 47
    if flags & KPF["slab"]:
        for bit, to in ((35, 49), (6, 50), (1, 51)):
            if flags >> bit & 1 and (bit != 35 or version < (6, 4)):
                flags ^= 1 << bit | 1 << to
    if flags & (KPF["reclaim"] | KPF["writeback"]) == KPF["reclaim"]:
        flags ^= KPF["reclaim"] | 1 << 48
    return flags


def frames_problem(vmpt, case, dump, types, version, page_bytes):
    result = run(vmpt, "pages", dump, *types, "--raw", "--list", "--count", "--no-summary", "--format", "jsonl")
    mine = {}
    for line in result.stdout.splitlines():
        record = json.loads(line)
        if record.get("record") != "range":
            continue
        first = int(record["physical"], 16) // page_bytes
        for frame in range(first, first + record["page_count"]):
            mine[frame] = int(record["flags"], 16), record["map_count"]
    start, flags = read_words(case, "kpageflags")
    counts = read_words(case, "kpagecount")[1]
    changed = 0
    for i, (flag, count) in enumerate(zip(flags, counts)):
        frame = start + i
        if frame not in mine:
            return f"frame {frame:#x} is missing: {result.stderr.decode(errors='replace')}"
        if mine[frame][1] != count:
            return f"frame {frame:#x}: map count {mine[frame][1]}, but kpagecount has {count}"
        wanted = expand(flag, version)
        if mine[frame][0] != wanted:
            changed += 1
            if (mine[frame][0] ^ wanted) & SETTLED:
                return f"frame {frame:#x}: {mine[frame][0]:#x}, but kpageflags has {wanted:#x}"
    if changed > len(flags) * MAX_CHANGED:
        return f"{changed} of {len(flags)} frames differ from kpageflags"
    return None


def pagemap_problem(vmpt, dump, types, process):
    result = run(vmpt, "pages", dump, *types, "--pid", process.name, "--pagemap")
    wanted = []
    for line in (process / "pages").read_text().splitlines():
        if not line.startswith("#"):
            words = line.split()
            wanted.append(f"{int(words[0], 16):016x} {words[1]}")
    got = [b" ".join(line.split()[:2]).decode() for line in result.stdout.splitlines()]
    problem = first_difference("\n".join(wanted).encode(), "\n".join(got).encode())
    return problem and f"{problem}\n{result.stderr.decode(errors='replace')}"


def read_each(text):
    """{voffset: (offset, letters)} of page-types -L"""
    rows = {}
    for line in text.decode().splitlines()[1:]:
        words = line.split("\t")
        if len(words) != 3:
            break
        rows[int(words[0], 16)] = words[1], words[2]
    return rows


def says(letters, flags):
    """Are these the letters of the flags? Those up to pgtable, which all versions name; without ageing."""
    if not flags & KPF["huge"]:
        flags &= ~(KPF["head"] | KPF["tail"])
    return all((letter != "_") == (flags >> bit & 1) for bit, letter in enumerate(letters[:27]) if bit not in AGEING)


def same_but_age(one, other):
    return one == other or (
        one[0] == other[0]
        and [c for i, c in enumerate(one[1]) if i not in AGEING]
        == [c for i, c in enumerate(other[1]) if i not in AGEING])


def list_problem(vmpt, case, dump, types, path, page_shift):
    pid = path.stem
    result = run(vmpt, "pages", dump, *types, "--pid", pid, "--list-each", "--no-summary")
    mine, wanted = read_each(result.stdout), read_each(path.read_bytes())
    if not mine or result.stdout.splitlines()[0] != path.read_bytes().splitlines()[0]:
        return f"no list: {result.stderr.decode(errors='replace')}"
    # What pagemap had after page-types had run.
    later = {}
    for line in (case / "proc" / pid / "pages").read_text().splitlines():
        words = line.split()
        if not line.startswith("#") and int(words[1], 16) >> 63:
            later[int(words[0], 16) >> page_shift] = words[-3], int(words[-2], 16)
    for page in sorted(set(mine) | set(wanted)):
        one, other = mine.get(page), wanted.get(page)
        if one and other and same_but_age(one, other):
            continue
        if one and page in later and later[page][0] == one[0] and says(one[1], later[page][1]):
            continue  # came or changed since
        if not one and page not in later:
            continue  # went since
        return f"page {page:#x}: {one}, but page-types has {other}"
    ranges = run(vmpt, "pages", dump, *types, "--pid", pid, "--list", "--no-summary").stdout
    joined = []
    for page, (offset, letters) in mine.items():
        frame = int(offset, 16)
        if joined:
            first, start, count, flags = joined[-1]
            if (flags, start + count, first + count) == (letters, frame, page):
                joined[-1][2] += 1
                continue
        joined.append([page, frame, 1, letters])
    text = "voffset\toffset\tlen\tflags\n" + "".join("%x\t%x\t%x\t%s\n" % tuple(row) for row in joined)
    return first_difference(text.encode(), ranges)


def check_dump(tap, vmpt, name, dump, types, case):
    facts = json.loads((case / "case.json").read_text())
    version = tuple(int(word) for word in facts["release"].split("-")[0].split("+")[0].split(".")[:2])
    page_shift = next((shift for word, shift in (("64k", 16), ("16k", 14)) if word in facts["name"]), 12)
    tap.report(frames_problem(vmpt, case, dump, types, version, 1 << page_shift), f"{name}: frames")
    for process in sorted(case.glob("proc/*"), key=lambda p: int(p.name)):
        if (process / "pages").exists():
            tap.report(pagemap_problem(vmpt, dump, types, process), f"{name}: pagemap of {process.name}")
    for path in sorted(case.glob("page-types/*.L")):
        tap.report(list_problem(vmpt, case, dump, types, path, page_shift), f"{name}: page-types of {path.stem}")


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    # Without types page flags come from VMCOREINFO, and processes from their
    # page tables alone; all of it has to be right as well.
    for case, folder, types, why in judged_cases(truth_cases(tap, source), words):
        for dump_name, dump in find_dumps(case, folder):
            check_dump(tap, vmpt, f"{case.name} {dump_name}", dump, [] if why else types, case)
    tap.end()


main()
