#!/usr/bin/env python3
"""The judge of `vmpt audit`: guests with planted defects, and clean ones.

Harmed guests are folders with planted.json in $VMPT_CRASHES, else in
../shared/crashes beside the source root. Each defect has to be found where it
was planted, by a rule that fits; the kernel's own count of W+X pages (and of
non-UXN pages) has to be ours. Clean guests there, and those of ../shared/truth,
have no finding above `info`, whole or cut off.

Usage: audit.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose cases)
"""
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import crashed_guests, find_dumps, judged_cases, truth_cases
from tap import Tap, run

# What was planted, and the rules that name it.
RULES = {
    "k-wx": {"kernel-wx"}, "k-wx-direct": {"kernel-wx"}, "k-wx-linear": {"kernel-wx"},
    "k-nouxn": {"kernel-not-uxn"}, "k-user": {"kernel-user-accessible"},
    "k-text-alias": {"kernel-text-alias"}, "k-pt-alias": {"table-writable-alias"},
    "k-rodata-w": {"kernel-rodata-writable"},
    "k-text-w": {"kernel-text-writable"}, "k-modtext-w": {"kernel-text-writable"},
    "k-rsvd": {"reserved-bits"}, "k-outside": {"outside-ram"},
    # What was free may have been taken again.
    "k-buddy": {"maps-free-page"}, "k-stray": {"stray-entry"},
    "k-freed-table": {"freed-table"}, "k-loop": {"table-loop"},
    "user-no-vma": {"user-without-vma"}, "user-write": {"user-beyond-vma"}, "user-exec": {"user-beyond-vma"},
    "user-pxn": {"user-beyond-vma"}, "user-nouser": {"user-without-user-bit"},
    "user-pt-page": {"table-writable-alias"}, "user-kernel-page": {"maps-slab-or-table"},
    "user-zero-write": {"zero-page-writable"}, "user-buddy": {"maps-free-page", "user-without-vma"},
    "user-outside": {"outside-ram"},
    "pgd-extra": {"kernel-half-differs"}, "pgd-clone": {"kernel-half-differs"},
    "pti-leak": {"pti-leak"}, "pti-diff": {"pti-differs"},
}
REUSED = {"k-buddy", "k-freed-table"}


def covers(finding, defect):
    if finding["first"] is None or finding["pid"] != (int(defect["pid"]) or None):
        return False
    return int(finding["first"], 16) <= int(defect["va"], 16) <= int(finding["last"], 16)


def problems_of_defects(findings, planted):
    for defect in planted:
        here = [finding for finding in findings if covers(finding, defect)]
        named = {finding["rule"] for finding in here if finding["severity"] != "info"}
        what = f"{defect['kind']} at {defect['va']} of pid {defect['pid']}"
        wanted = RULES.get(defect["kind"])
        if wanted is None and not named:
            yield f"{what}: nothing is found there"
        elif wanted and not named & wanted:
            if defect["kind"] not in REUSED or len(planted) == 1:
                yield f"{what}: found by {sorted(named) or 'nothing'}, not by {sorted(wanted)}"
            continue
        if defect["level"] in ("4K", "PGD") and not any(
                finding["entry_address"] == f"0x{int(defect['entry_pa'], 16):x}" or finding["first"] != finding["last"]
                for finding in here if finding["rule"] in (wanted or named)):
            yield f"{what}: no finding names the entry at {defect['entry_pa']}"


def count(pattern, texts):
    """The number in the kernel's last verdict on its own table; 0 where it passed; None without a verdict."""
    for text in texts:
        if text.startswith("Checked W+X mappings"):
            found = re.search(pattern, text)
            return int(found[1]) if found else 0
    return None


def count_listed(listing, rights):
    """Pages of the kernel's own listing, made when the dump was: tables may have changed since the check."""
    pages = 0
    for line in listing.read_text().splitlines() if listing.exists() else []:
        found = re.match(r"0x([0-9a-f]+)-0x([0-9a-f]+) ", line)
        if found and re.search(rights, line):
            pages += (int(found[2], 16) - int(found[1], 16)) // 4096
    return pages


def problems_of_check(answer, texts, listing):
    for key, pattern, rights in (("wx_pages", r"(\d+) W\+X pages", r"\bRW\b.* x\b"),
                                 ("not_uxn_pages", r"(\d+) non-UXN pages", r"^(?!.*\bUXN\b).* (RW|ro) ")):
        counted = count(pattern, texts)
        if answer[key] is not None and counted not in (None, answer[key]) and (
                answer[key] != count_listed(listing, rights)):
            yield f"{key} is {answer[key]}, the kernel counted {counted}"
    pages = sum((int(f["last"], 16) + 1 - int(f["first"], 16)) // 4096
                for f in answer["audit"] if f["rule"] == "kernel-wx" and f["pid"] is None)
    if answer["wx_pages"] is not None and pages != answer["wx_pages"] and answer.get("page_bytes", 4096) == 4096:
        yield f"findings of kernel-wx have {pages} pages, wx_pages is {answer['wx_pages']}"


def audit(vmpt, *arguments):
    """(answer, None), or (None, what went wrong)."""
    result = run(vmpt, "audit", *arguments, "--format", "json")
    if result.returncode not in (0, 1):
        return None, f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"
    answer = json.loads(result.stdout)
    gaps = [finding["sentence"] for finding in answer["findings"] if finding["severity"] == "gap"]
    if bool(gaps) != (result.returncode == 1):
        return None, f"exit status {result.returncode} with gaps {gaps}"
    return answer, None


# How the kernel's own listing shows what a rule finds, on one architecture or another.
SHOWN = {
    "kernel-user-accessible": r" USR | U |\buser\b", "kernel-not-uxn": r"^(?!.*\bUXN\b)",
    "kernel-wx": r"RW x | X W |RW X$|  w  X ", "kernel-executable-data": r" x | X |X$",
}


def is_shown(finding, listing):
    """Some guests of the lab map odd pages in the kernel on purpose, to have them in the listing: no false alarm."""
    if finding["pid"] is not None or not listing.exists():
        return False
    text = listing.read_text()
    if finding["rule"] == "kernel-text-alias":
        executable = [re.search(r"is executable at 0x([0-9a-f]+)$", line) for line in finding["evidence"]]
        return any(found and shows(text, int(found[1], 16), SHOWN["kernel-executable-data"]) for found in executable) and (
            shows(text, int(finding["first"], 16), r" RW | W "))
    # None of those pages is in the image, or where there is no region.
    if finding["rule"] == "kernel-executable-data" and re.search("region kernel_image|in no region", finding["detail"]):
        return False
    pattern = SHOWN.get(finding["rule"])
    return bool(pattern) and shows(text, int(finding["first"], 16), pattern)


def shows(listing, at, pattern):
    """Whether the line of an address matches."""
    for line in listing.splitlines():
        found = re.match(r"0x([0-9a-f]+)-0x([0-9a-f]+) ", line)
        if found and int(found[1], 16) <= at < int(found[2], 16):
            return bool(re.search(pattern, line))
    return False


def problems_of_clean(answer, listing):
    for finding in answer["audit"]:
        if finding["severity"] != "info" and not is_shown(finding, listing):
            yield "false alarm: " + json.dumps(finding)


def check_fail_on(tap, vmpt, dump, name, has_findings):
    result = run(vmpt, "audit", dump, "--fail-on", "low", "--rule", "kernel-wx")
    wanted = 3 if has_findings else 0
    ok = result.returncode == wanted or (not has_findings and result.returncode == 1)
    tap.report(None if ok else f"exit status {result.returncode}, not {wanted}", f"{name}: --fail-on")


def check_cut(tap, vmpt, dump, types, case, name):
    """What is cut off is named; it does not make what is left look harmed."""
    with open(dump, "rb") as whole, tempfile.NamedTemporaryFile(suffix=".elf") as cut:
        if whole.read(4) != b"\x7fELF":
            return
        whole.seek(0)
        shutil.copyfileobj(whole, cut, 1 << 20)
        cut.truncate(os.path.getsize(dump) * 97 // 100)
        cut.flush()
        result = run(vmpt, "audit", cut.name, *types, "--format", "json")
        if result.returncode == 2:
            return  # Too much is gone.
        problems = list(problems_of_clean(json.loads(result.stdout), case / "kernel.txt"))
        tap.report("\n".join(problems[:3]) or (None if result.returncode == 1 else f"exit status {result.returncode}"),
                   f"{case.name} {name}: clean, and cut off")


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()

    def is_wanted(case):
        is_ours = (case / "planted.json").exists() or case.name.endswith("-crash-none") or case.name.endswith("-efi")
        return is_ours and (not words or any(word in case.name for word in words))

    for case, dump in crashed_guests(tap, source, is_wanted) or []:
        answer, problem = audit(vmpt, dump)
        if problem:
            tap.report(problem, case.name)
            continue
        planted, problems = [], []
        if (case / "planted.json").exists():
            truth = json.loads((case / "planted.json").read_text())
            planted = truth["planted"]
            problems += problems_of_check(answer, truth.get("kernel_check", []), case / "kernel.txt")
        problems += problems_of_defects(answer["audit"], planted) if planted else problems_of_clean(answer, case / "kernel.txt")
        tap.report("\n".join(problems) or None, case.name)
        check_fail_on(tap, vmpt, dump, case.name, any(f["rule"] == "kernel-wx" for f in answer["audit"]))
    for case, folder, types, why in judged_cases(truth_cases(tap, source, machines=True), words):
        for name, dump in find_dumps(case, folder):
            answer, problem = audit(vmpt, dump, *(types or []))
            problems = [problem] if problem else [*problems_of_clean(answer, case / "kernel.txt")]
            tap.report("\n".join(problems) or None, f"{case.name} {name}: clean" + (f" ({why})" if why else ""))
            check_cut(tap, vmpt, dump, types or [], case, name)
    tap.end()


main()
