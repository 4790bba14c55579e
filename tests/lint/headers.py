#!/usr/bin/env python3
"""Checks that each header of src/ includes what it uses.

Usage: headers.py SRC COMPILER [ARGUMENT...]

The build cannot tell: it parses src/precompiled/vmpt.h before every file. A
header that a source file of its name includes first lacks no header of ours,
or that file would not compile; of the libraries in the precompiled header it
has to reach those whose names it writes. The others are compiled alone; with
VMPT_ALL=1 every header is.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# What a header of the precompiled header declares that is written by name.
DECLARES = {
    "llvm/ADT/ArrayRef.h": r"\bllvm::(Mutable)?ArrayRef<",
    "llvm/ADT/STLExtras.h": r"\bllvm::(enumerate|zip|reverse|drop_begin|any_of|all_of|find_if|sort)\(",
    "llvm/ADT/StringRef.h": r"\bllvm::String(Ref|Literal)\b",
    "llvm/ADT/Twine.h": r"\bllvm::Twine\b(?! ?&)",
    "llvm/Support/Error.h": r"\bllvm::(Error\b|Expected<|createStringError|ErrorInfo)",
    "llvm/Support/raw_ostream.h": r"\bllvm::raw_\w*ostream\b(?! ?&)",
    "algorithm": r"\bstd::(sort|find|find_if|lower_bound|upper_bound|min|max|any_of|all_of|equal|partition_point)\(",
    "array": r"\bstd::array<",
    "functional": r"\bstd::function<",
    "map": r"\bstd::(multi)?map<",
    "memory": r"\bstd::(unique_ptr|shared_ptr|make_unique|make_shared)<",
    "mutex": r"\bstd::(mutex|lock_guard|scoped_lock|unique_lock)\b",
    "optional": r"\bstd::(optional<|nullopt\b)",
    "string": r"\bstd::(string|to_string)\b(?!_view)",
    "vector": r"\bstd::vector<",
    # What these bring along.
    "cstdint": r"\bu?int(8|16|32|64)_t\b",
    "utility": r"\bstd::(pair<|move\(|exchange\()",
}


def compile_alone(command, src, header):
    """To an object, not with -fsyntax-only: that is what ccache keeps."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "-I", src, "-x", "c++", "-c", header,
                               "-o", f"{folder}/alone.o"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{header}:\n{done.stderr}"


def check_names(command, src, header):
    """What the text names has to be among the files that it reaches."""
    done = subprocess.run([*command, "-I", src, "-x", "c++", "-M", header], capture_output=True, text=True)
    if done.returncode:
        return f"{header}:\n{done.stderr}"
    reached = done.stdout.split()
    text = re.sub(r'//.*|"[^"\n]*"', "", Path(header).read_text())
    missing = [wanted for wanted, names in DECLARES.items()
               if re.search(names, text) and not any(path.endswith("/" + wanted) for path in reached)]
    return "".join(f"{header}: does not reach <{wanted}>, whose names it uses\n" for wanted in missing)


def is_included_first(header):
    """By a source file of its name."""
    source = header.with_suffix(".cpp")
    if not source.exists():
        return False
    first = re.search(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE)
    return bool(first) and str(header).endswith("/" + first[1])


def precompiled_names(src):
    return re.findall(r'^#include [<"]([^>"]+)', (src / "precompiled/vmpt.h").read_text(), re.MULTILINE)


def main():
    src, command = Path(sys.argv[1]), sys.argv[2:]
    headers = sorted(h for h in src.rglob("*.h") if h.parent.name != "precompiled")
    if not headers:
        sys.exit(f"{src}: no headers there")
    untold = set(precompiled_names(src)) - set(DECLARES)
    if untold:
        sys.exit(f"{__file__}: DECLARES lacks {', '.join(sorted(untold))} of the precompiled header")

    def check(header):
        by_name = is_included_first(header) and not os.environ.get("VMPT_ALL")
        return (check_names if by_name else compile_alone)(command, str(src), str(header))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(filter(None, pool.map(check, headers)))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
