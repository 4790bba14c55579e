"""Bundled dumps, unpacked once."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(os.environ["VMPT_SOURCE"])
sys.path.insert(0, str(ROOT / "tests/support"))
from cases import find_cases, unpack  # noqa: E402

KERNELS = {case.name: case for case in find_cases(ROOT / "testdata/kernels") if (case / "kernel.txt").exists()}
TASKS = {case.name: case for case in find_cases(ROOT / "testdata/tasks")}


class Case:
    """A dump, what its kernel printed, and what the program says of it."""

    def __init__(self, folder, dump):
        self.dump = dump
        self.kernel_text = (folder / "kernel.txt").read_bytes().decode(errors="surrogateescape")

    def json(self, *arguments):
        result = subprocess.run([os.environ["VMPT"], *map(str, arguments), self.dump, "--format", "json"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return json.loads(result.stdout)


def make_case(folder, workspace, name=None):
    """The dump of that name, or the first. A folder for each: many have the same names."""
    workspace = workspace / folder.parent.name / folder.name
    workspace.mkdir(parents=True, exist_ok=True)
    name = name or json.loads((folder / "case.json").read_text())["dumps"][0]
    unpacked = workspace / Path(name).stem
    return Case(folder, unpacked if unpacked.exists() else unpack(folder / name, workspace))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("dumps")


@pytest.fixture(scope="session", params=sorted(KERNELS))
def kernel_case(request, workspace):
    return make_case(KERNELS[request.param], workspace)


@pytest.fixture(scope="session", params=sorted(TASKS))
def task_case(request, workspace):
    return make_case(TASKS[request.param], workspace)


@pytest.fixture(scope="session")
def one(workspace):
    return make_case(TASKS["x86_64-6.1-lab-4level-pti"], workspace)
