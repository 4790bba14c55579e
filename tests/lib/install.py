#!/usr/bin/env python3
"""libvmpt as it is installed: header, library, pkg-config, the example in C.

Installs the build into a folder, compiles examples/*.c as C11 and as C++ with
what pkg-config says, runs it on a bundled dump, and compares what it prints
with the program. A dump that is cut off while it is open is an error, no signal.

Usage: install.py VMPT SOURCE_ROOT BUILD_ROOT MESON...     (prints TAP)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import unpack
from tap import Tap, run

DUMP = "testdata/tasks/x86_64-6.1-lab-4level-pti/dump.elf.zst"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]


def main():
    vmpt, root, build, *meson = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:]
    tap = Tap()
    missing = [tool for tool in ("cc", "c++", "pkg-config", "zstd") if not shutil.which(tool)]
    if missing:
        tap.skip("install", f"not installed: {', '.join(missing)}")
        return tap.end()
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name)
        done = subprocess.run([*meson, "install", "-C", build, "--no-rebuild", "--quiet", "--tags", "runtime,devel", "--destdir", stage / "root"],
                              capture_output=True, text=True)
        tap.report(done.stdout + done.stderr if done.returncode else None, "the build installs")
        found = list((stage / "root").rglob("vmpt.pc"))
        tap.report(None if len(found) == 1 else f"{found}", "one pkg-config file")
        if len(found) == 1:
            check_users(tap, vmpt, unpack(root / DUMP, stage), root, stage, found[0])
    tap.end()


def check_users(tap, vmpt, dump, root, stage, description):
    environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(stage / "root"),
                   "PKG_CONFIG_PATH": str(description.parent), "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
                   "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}
    said = subprocess.run(["pkg-config", "--cflags", "--libs", "vmpt"], env=environment, capture_output=True, text=True)
    words = said.stdout.split()
    tap.report(None if "-lvmpt" in words and not [w for w in words if "LLVM" in w or w.startswith("-l") and w != "-lvmpt"]
               else said.stdout + said.stderr, "pkg-config names libvmpt alone")
    library = next(path for path in (stage / "root").rglob("libvmpt.so"))
    environment["LD_LIBRARY_PATH"] = str(library.parent)
    for source in sorted((root / "examples").glob("*.c")):
        for compiler, standard in (("cc", ["-std=c11"]), ("c++", ["-x", "c++", "-std=c++11"])):
            program = stage / f"{source.stem}-{compiler}"
            result = subprocess.run([compiler, *standard, *WARNINGS, source, "-x", "none", "-o", program, *words],
                                    capture_output=True, text=True)
            tap.report(result.stderr if result.returncode else None, f"{source.name} compiles with {compiler} {standard[-1]}")
            if not result.returncode:
                check_example(tap, vmpt, dump, program, environment)
    check_cut(tap, vmpt, dump, stage, words, environment)


def check_example(tap, vmpt, dump, program, environment):
    result = subprocess.run([program, dump], env=environment, capture_output=True, text=True)
    expected = run(vmpt, "tasks", dump)
    pids = [line.split()[0] for line in expected.stdout.decode().splitlines()[1:]]
    printed = re.findall(r"^ *(\d+)  [0-9a-f]{16}", result.stdout, re.M)
    tap.report(None if pids and printed == pids and result.returncode == expected.returncode else
               f"exit status {result.returncode}, {printed}\nexpected {expected.returncode}, {pids}\n{result.stderr}",
               f"{program.name} lists the processes that vmpt tasks does")
    result = subprocess.run([program, "/nowhere"], env=environment, capture_output=True, text=True)
    tap.report(None if result.returncode == 2 and "/nowhere" in result.stderr and not result.stdout else
               f"{result.returncode} {result.stdout} {result.stderr}", f"{program.name} names a file that is not there")


CUT = r"""
#include <vmpt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
  vmpt_dump *dump; vmpt_error *error; struct sigaction bus; static char page[4096];
  uint64_t lost = 0, at;
  if (argc != 2 || vmpt_open(argv[1], NULL, &dump, &error) == VMPT_FAILED) return 10;
  if (sigaction(SIGBUS, NULL, &bus) || bus.sa_handler != SIG_DFL) return 11;
  if (truncate(argv[1], 4096)) return 12;
  for (at = 0; at < UINT64_C(1) << 32; at += 1 << 16)
    if (vmpt_read_physical(dump, at, page, sizeof page, NULL, &error) == VMPT_FAILED) {
      if (vmpt_error_kind(error) != VMPT_ERROR_MEMORY) return 13;
      lost += vmpt_error_absence(error) == VMPT_ABSENCE_TRUNCATED;
      vmpt_error_free(&error);
    }
  vmpt_close(&dump);
  printf("%d\n", lost > 0);
  return 0;
}
"""


def check_cut(tap, vmpt, dump, stage, words, environment):
    (stage / "cut.c").write_text(CUT)
    built = subprocess.run(["cc", "-D_DEFAULT_SOURCE", "-std=c11", stage / "cut.c", "-o", stage / "cut", *words], capture_output=True, text=True)
    if built.returncode:
        return tap.report(built.stderr, "the program that cuts its dump compiles")
    elf = stage / "whole.elf"
    run(vmpt, "convert", "-o", elf, dump)
    lime = stage / "whole.lime"
    data = bytes(range(256)) * 4096
    lime.write_bytes(b"EMiL" + (1).to_bytes(4, "little") + (0).to_bytes(8, "little") +
                     (len(data) - 1).to_bytes(8, "little") + bytes(8) + data)
    raw = stage / "whole.raw"
    raw.write_bytes(bytes(1 << 25))  # more than what is kept of what was read
    for file, loses in ((elf, "1"), (raw, "1"), (lime, None)):
        if not file.exists():
            tap.report("vmpt convert made no file", f"{file.name} is cut off while it is open")
            continue
        result = subprocess.run([stage / "cut", file], env=environment, capture_output=True, text=True)
        tap.report(None if result.returncode == 0 and (loses is None or result.stdout.strip() == loses) and not result.stderr else
                   f"{result.returncode} {result.stdout} {result.stderr}", f"{file.name} is cut off while it is open")


main()
