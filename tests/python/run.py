#!/usr/bin/env python3
"""Runs the tests of the Python module with pytest, and prints TAP.

The package is put together in a folder of its own: the sources, and the
extension as it was built.
Usage: run.py VMPT SOURCE_ROOT EXTENSION [PYTEST_ARGUMENT...]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap


def main():
    vmpt, root, extension = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    tap = Tap()
    python = find_interpreter(extension)
    if not python:
        tap.skip("Python module", "no Python that loads it has pytest (python3-pytest)")
        return tap.end()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root / "python/vmpt", Path(folder) / "vmpt")
        shutil.copy(extension, Path(folder) / "vmpt")
        library = extension.parent.parent / "src/lib"
        environment = {**os.environ, "PYTHONPATH": folder, "LD_LIBRARY_PATH": str(library), "VMPT": str(vmpt),
                       "VMPT_SOURCE": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        result = subprocess.run([python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--tb=short",
                                 root / "tests/python", *sys.argv[4:]], env=environment, capture_output=True, text=True)
        report(tap, result)
        check_types(tap, python, folder, environment)
    tap.end()


def find_interpreter(extension):
    """pytest may be installed for Debian's Python only, where another comes first on PATH."""
    ask = "import pytest, sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists():
            answer = subprocess.run([python, "-c", ask], capture_output=True, text=True)
            if answer.returncode == 0 and extension.name.endswith(answer.stdout.strip()):
                return python
    return None


def report(tap, result):
    found = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)|^SKIPPED \[\d+\] (.*)$", result.stdout, re.M)
    for outcome, name, skipped in found:
        name = name.rsplit("/", 1)[-1]
        if skipped:
            tap.skip("pytest", skipped)
        else:
            tap.report(result.stdout if outcome != "PASSED" else None, name)
    if not found:
        tap.report(result.stdout + result.stderr, "pytest")


def check_types(tap, python, folder, environment):
    if not shutil.which("mypy"):
        return tap.skip("types", "mypy is not installed")
    result = subprocess.run(["mypy", "--strict", "--python-executable", python, "--cache-dir", f"{folder}/cache",
                             "--ignore-missing-imports", "-p", "vmpt"], cwd=folder, env={**environment, "MYPYPATH": folder},
                            capture_output=True, text=True)
    tap.report(result.stdout + result.stderr if result.returncode else None, "mypy --strict")


main()
