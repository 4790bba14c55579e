"""What the judges share: cases, their dumps, and raw memory made of them."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tap import first_difference, run

PT_LOAD, PN_XNUM = 1, 0xFFFF
# Pieces of RAM with less than this between them share a raw file.
MAX_HOLE = 64 << 20
# Magic, version, flags and header length, in either byte order.
BTF_MAGICS = {"<": bytes.fromhex("9feb010018000000"), ">": bytes.fromhex("eb9f010000000018")}
LEAST_BTF = 1 << 20  # modules' own is smaller, and is of no use without the kernel's


def listing_problem(vmpt, expected, *arguments):
    result = run(vmpt, "kernel", *arguments)
    problem = first_difference(expected, result.stdout)
    if problem is None and result.returncode == 0:
        return None
    said = result.stderr.decode(errors="replace").strip()
    return f"exit status {result.returncode}: {said}\n{problem or ''}"


def load_segments(dump):
    """[(physical address, size, file offset, stored bytes)] of an ELF core."""
    with open(dump, "rb") as file:
        header = file.read(64)
        if header[:4] != b"\x7fELF":
            return []
        order = "<" if header[5] == 1 else ">"
        is_wide = header[4] == 2
        phoff, shoff = struct.unpack_from(order + ("QQ" if is_wide else "II"), header, 32 if is_wide else 28)
        count, = struct.unpack_from(order + "H", header, 56 if is_wide else 44)
        if count == PN_XNUM:
            file.seek(shoff + (44 if is_wide else 28))  # sh_info of section 0
            count, = struct.unpack(order + "I", file.read(4))
        file.seek(phoff)
        headers = file.read(count * (56 if is_wide else 32))
    segments = []
    for values in struct.iter_unpack(order + ("IIQQQQQQ" if is_wide else "8I"), headers):
        if is_wide:
            kind, _, offset, _, physical, stored, size, _ = values
        else:
            kind, offset, _, physical, stored, size, _, _ = values
        if kind == PT_LOAD and stored:
            segments.append((physical, size, offset, stored))
    return sorted(segments)


def make_raw(dump, folder):
    """Lays the dump's memory out in raw files; the arguments that name them.

    Memory from 0 on becomes the raw image of a PC (what lies above its last
    hole is ROM); pieces that start elsewhere are put in their place by --map.
    """
    pieces = []  # [start, [segments]]
    end = None
    for segment in load_segments(dump):
        if end is None or segment[0] - end > MAX_HOLE:
            pieces.append((segment[0], []))
        pieces[-1][1].append(segment)
        end = segment[0] + segment[1]
    arguments = []
    with open(dump, "rb") as source:
        for number, (start, segments) in enumerate(pieces):
            path = folder / f"raw{number}"
            with open(path, "wb") as out:
                for physical, _, offset, stored in segments:
                    source.seek(offset)
                    out.seek(physical - start)
                    while stored:
                        chunk = source.read(min(stored, 1 << 20))
                        if not chunk:
                            break
                        out.write(chunk)
                        stored -= len(chunk)
            if start == 0:
                return [path]
            arguments += ["--map", f"{path}@{start:#x}"]
    return arguments


def make_lime(dump, folder):
    """{magic, version, first, last, reserved} and the bytes, a record each."""
    path = folder / "memory.lime"
    with open(dump, "rb") as source, open(path, "wb") as out:
        for physical, _, offset, stored in load_segments(dump):
            out.write(struct.pack("<IIQQ8x", 0x4C694D45, 1, physical, physical + stored - 1))
            source.seek(offset)
            shutil.copyfileobj(_Limited(source, stored), out, 1 << 20)
    return path


class _Limited:
    """The next bytes of a file, so many and no more."""

    def __init__(self, file, left):
        self.file, self.left = file, left

    def read(self, size):
        chunk = self.file.read(min(size, self.left))
        self.left -= len(chunk)
        return chunk


def erase_btf(dump, erased):
    """How many kernels' BTF there was. Containers that compress have none to be found."""
    data = bytearray(dump.read_bytes())
    count = 0
    for order, magic in BTF_MAGICS.items():
        at = 0
        while (at := data.find(magic, at)) >= 0:
            types, _, strings = struct.unpack_from(order + "III", data, at + 12)
            if types + strings >= LEAST_BTF:
                data[at:at + 2] = bytes(2)
                count += 1
            at += len(magic)
    erased.write_bytes(data)
    return count


def captured(source, name):
    """The folder of captures: $VMPT_TRUTH for `truth`, else in $VMPT_SHARED, else in ../shared beside the source."""
    named = os.environ.get("VMPT_" + name.upper())
    return Path(named or Path(os.environ.get("VMPT_SHARED") or source / "../shared") / name).resolve()


def find_cases(folder):
    return sorted(path.parent for path in folder.glob("*/case.json"))


def find_machine_cases(source):
    """Full cases of more machines, of architectures that vmpt knows."""
    known = re.findall(r"^VMPT_ARCH\(\w+, (\w+)\)$", (source / "src/memory/Archs.def").read_text(), re.M)
    return [case for case in find_cases(captured(source, "machines"))
            if json.loads((case / "case.json").read_text())["arch"] in known]


def truth_cases(tap, source, machines=True):
    """The full cases, or none and the reason said as a result.

    Without `machines` those of the first four architectures alone, or with
    their names those too: what the judge asks is not right on the others yet,
    or was not tried (docs/support.md).
    """
    named = os.environ.get("VMPT_TRUTH")
    full = find_cases(captured(source, "truth"))
    more = find_machine_cases(source) if full and machines else []
    full += [case for case in more if machines is True or case.name.startswith(machines)]
    if not full and named:
        tap.report(f"VMPT_TRUTH={named} has no case", "full dumps")
    elif not full:
        tap.skip("full dumps", "set VMPT_TRUTH to a folder of cases, or put it at ../shared/truth")
    elif not shutil.which("zstd"):
        tap.skip("full dumps", "zstd, which unpacks them, is not installed")
        return []
    return full


def unpack(dump, folder):
    """The dump's path; of a .zst one, that of its unpacked copy in the folder."""
    if dump.suffix != ".zst":
        return dump
    unpacked = folder / dump.stem
    subprocess.run(["zstd", "-q", "-d", "--sparse", dump, "-o", unpacked], check=True)
    return unpacked


def find_dumps(case, folder):
    """(name, path) of each dump that case.json names, unpacked.

    Unpacked dumps are looked for in $VMPT_DUMPS first.
    """
    described = json.loads((case / "case.json").read_text())
    unpacked = folder if described.get("trimmed") else os.environ.get("VMPT_DUMPS", folder)
    for name in described["dumps"]:
        dump = case / name
        if dump.suffix == ".zst":
            kept = Path(unpacked) / f"{case.name}.{dump.stem}"
            dump = kept if kept.exists() else unpack(dump, folder)
        yield name, dump
        if dump.parent == folder:
            dump.unlink()


def expected_listing(vmpt, case, dump):
    """kernel.txt; of loongarch64, whose kernel prints none, what vmpt lists of the dump as it is."""
    text = case / "kernel.txt"
    return text.read_bytes() if text.exists() else run(vmpt, "kernel", dump).stdout


def find_types(case, folder):
    """(options that name the struct layouts, None), or (None, why there are none)."""
    described = json.loads((case / "case.json").read_text())
    if described.get("without_types"):
        return None, "a kernel without BTF"
    if described.get("trimmed"):
        return [], None  # cut with the types that were there
    config = subprocess.run(["zstd", "-dcq", case / "sys/config.zst"], capture_output=True).stdout
    if b"CONFIG_DEBUG_INFO_BTF=y" in config:
        return [], None
    packed = case / "vmlinux.xz"
    if not packed.exists():
        return None, "a kernel without BTF, and its vmlinux is not at hand"
    if not shutil.which("xz"):
        return None, "a kernel without BTF; xz, which unpacks its vmlinux, is not installed"
    vmlinux = folder / "vmlinux"
    with open(vmlinux, "wb") as out:
        subprocess.run(["xz", "-dc", packed], stdout=out, check=True)
    return ["--vmlinux", vmlinux], None


def judged_cases(cases, words):
    """(case, folder for its files, *find_types()) of those that a word is in, or of all."""
    for case in cases:
        if words and not any(word in case.name for word in words):
            continue
        with tempfile.TemporaryDirectory(prefix="vmpt-case-") as folder:
            yield case, Path(folder), *find_types(case, Path(folder))


def crashed_guests(tap, source, is_wanted):
    """(case, dump) of the guests that were crashed on purpose, or the reason said as a result.

    They are where captured() says; their dumps are made
    by the script `unpack` there, or are CASE.elf in $VMPT_CRASH_DUMPS.
    """
    folder = captured(source, "crashes")
    cases = [case for case in find_cases(folder) if is_wanted(case)]
    if not cases or not shutil.which("zstd"):
        return tap.skip("crashed guests", f"none at {folder} (VMPT_CRASHES), or no zstd to unpack them")
    with tempfile.TemporaryDirectory(prefix="vmpt-crashes-") as temporary:
        unpacked = Path(os.environ.get("VMPT_CRASH_DUMPS") or temporary)
        bases = {(case / "base").read_text().strip() for case in cases if (case / "base").exists()}
        for case in cases:
            dump = unpacked / f"{case.name}.elf"
            if not dump.exists():
                dump = Path(temporary) / dump.name
                subprocess.run([folder / "unpack", temporary, case.name], check=True)
            yield case, dump
            if dump.parent == Path(temporary) and case.name not in bases:
                dump.unlink()
