#!/usr/bin/env python3
"""The judge of learned layouts: kernels without BTF, and those with it, of which it is erased.

The same cases as maps.py and tasks.py have, and the same truth. For every dump:
`vmpt maps` of each process and the tasks with their threads are the guest's,
with exit status 0, by what memory shows alone.

Usage: learned.py VMPT SOURCE_ROOT [WORD...]       (prints TAP; WORDs choose cases)
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import erase_btf, find_dumps, find_types, truth_cases
from tap import Tap
from judge import NO_GATE, maps_problem, names_problem, threads_problem


def main():
    vmpt, source, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tap = Tap()
    for case in truth_cases(tap, source):
        if words and not any(word in case.name for word in words):
            continue
        with tempfile.TemporaryDirectory(prefix="vmpt-learned-") as folder:
            folder = Path(folder)
            types, _ = find_types(case, folder)
            for dump_name, dump in find_dumps(case, folder):
                name, erased = f"{case.name} {dump_name}", folder / "erased"
                if types is None or types:
                    erased = dump  # it has none
                elif not erase_btf(dump, erased):
                    tap.skip(name, "no BTF is seen in its file")
                    continue
                for process in sorted(case.glob("proc/*"), key=lambda p: int(p.name)):
                    maps = process / "maps"
                    if maps.exists() and maps.stat().st_size:
                        tap.report(maps_problem(vmpt, erased, [], process, may_miss=NO_GATE),
                                   f"{name}: maps of {process.name}")
                tap.report(names_problem(vmpt, erased, [], case), f"{name}: processes")
                tap.report(threads_problem(vmpt, erased, [], case), f"{name}: threads and parents")
    tap.end()


main()
