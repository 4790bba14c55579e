"""drgn on images that it cannot open itself."""
import os
from pathlib import Path

import pytest

drgn = pytest.importorskip("drgn", reason="drgn is not installed (python3-drgn)")
import vmpt.drgn  # noqa: E402
from cases import make_lime, make_raw  # noqa: E402
from conftest import ROOT, make_case  # noqa: E402


NAME = "x86_64-6.1-lab-4level-pti"


def find_full(workspace):
    """The whole dump, which has VMCOREINFO in its memory; the bundled one has few pages."""
    unpacked = Path(os.environ.get("VMPT_DUMPS", "")) / f"{NAME}.dump.elf"
    if unpacked.is_file():
        return unpacked
    truth = Path(os.environ.get("VMPT_TRUTH") or ROOT.parent / "shared/truth") / NAME
    if not truth.is_dir():
        pytest.skip(f"no full dump at {truth} (VMPT_TRUTH)")
    return make_case(truth, workspace, "dump.elf.zst").dump


@pytest.fixture(scope="module", params=["elf", "lime", "raw"])
def image(request, one, workspace, tmp_path_factory):
    """A dump that drgn opens itself, and memory with nothing that says whose it is."""
    if request.param == "elf":
        return one.dump
    folder = tmp_path_factory.mktemp("image")
    dump = find_full(workspace)
    return make_lime(dump, folder) if request.param == "lime" else make_raw(dump, folder)[0]


def test_drgn_reads_through_vmpt(image, one):
    prog = drgn.Program()
    helpers = vmpt.drgn.attach(prog, image)
    assert prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL
    dump = helpers.dump
    release = dict(line.split(b"=", 1) for line in dump.vmcoreinfo().splitlines() if b"=" in line)[b"OSRELEASE"]
    assert prog["UTS_RELEASE"].string_() == release
    at = dump.symbol("swapper_pg_dir")
    physical = helpers.translate(at)
    assert prog.read(at, 64) == prog.read(physical, 64, True) == dump.read(physical, 64)
    assert helpers.kernel_page_tables() == one.kernel_text
    assert helpers.translate(0) is None
    pointer = drgn.Object(prog, "void *", value=at)
    assert helpers.translate(pointer) == physical
    with pytest.raises(drgn.FaultError, match="not|no "):
        prog.read(0, 8)
    with pytest.raises(drgn.FaultError):
        prog.read(1 << 60, 8, True)
