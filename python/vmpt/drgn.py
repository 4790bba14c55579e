"""drgn on whatever vmpt opens.

    import drgn, vmpt.drgn

    prog = drgn.Program()
    helpers = vmpt.drgn.attach(prog, "memory.lime")
    prog.load_debug_info(["vmlinux"])
    print(prog["init_task"].comm)
    print(helpers.kernel_page_tables())

drgn opens ELF and kdump files that name their kernel. Raw images, LiME, AVML,
VMware and QEMU files have neither notes nor, mostly, registers; vmpt finds
VMCOREINFO in their memory, and the kernel's tables from there.
"""

import os
import struct
from typing import Any, Optional, Union

import drgn

from . import AbsentError, Dump, NotFoundError, Space, open as _open

__all__ = ["Helpers", "attach"]

_LAST = 2**64 - 1
# ELF e_machine, class (1: 32 bits, 2: 64), for each name of docs/support.md.
_MACHINES = {"x86_64": (62, 2), "i386": (3, 1), "arm64": (183, 2), "riscv64": (243, 2), "s390x": (22, 2),
             "ppc64le": (21, 2), "ppc64": (21, 2), "arm": (40, 1), "loongarch64": (258, 2)}
_BIG_ENDIAN = ("s390x", "ppc64")


class Helpers:
    """What drgn has no words for, about the program that was attached to."""

    def __init__(self, prog: drgn.Program, dump: Dump, kernel: Space) -> None:
        self.prog = prog
        self.dump = dump
        self.kernel = kernel

    def kernel_page_tables(self, first: int = 0, last: int = _LAST) -> str:
        """What /sys/kernel/debug/page_tables/kernel would have printed, in [first, last]."""
        return self.kernel.listing_text(first, last)

    def translate(self, address: Union[int, drgn.Object], pid: Optional[int] = None) -> Optional[int]:
        """The physical address behind a virtual one (an int, or a drgn pointer), or None.

        Through the kernel's tables, or those of the task with this pid.
        """
        at = address.value_() if isinstance(address, drgn.Object) else address
        if pid is None:
            return self.kernel.physical(at)
        with self.dump.task(pid) as space:
            return space.physical(at)


def _core(arch: str, vmcoreinfo: bytes) -> bytes:
    """An ELF core with a VMCOREINFO note and no memory: from it drgn knows kernel, architecture and KASLR."""
    machine, elf_class = _MACHINES[arch]
    order = ">" if arch in _BIG_ENDIAN else "<"
    padded = [data + b"\0" * (-len(data) % 4) for data in (b"VMCOREINFO\0", vmcoreinfo)]
    note = struct.pack(order + "III", len(b"VMCOREINFO\0"), len(vmcoreinfo), 0) + b"".join(padded)
    ident = b"\x7fELF" + bytes([elf_class, 2 if order == ">" else 1, 1])
    word, sizes = ("Q", (64, 56)) if elf_class == 2 else ("I", (52, 32))
    header = struct.pack(f"{order}16sHHI3{word}I6H", ident, 4, machine, 1, 0, sizes[0], 0, 0, *sizes, 1, 0, 0, 0)
    offset = sum(sizes)
    if elf_class == 2:
        segment = struct.pack(order + "II6Q", 4, 0, offset, 0, 0, len(note), len(note), 4)
    else:
        segment = struct.pack(order + "8I", 4, offset, 0, 0, len(note), len(note), 0, 4)
    return header + segment + note


def _fact(dump: Dump, key: str) -> Any:
    for fact in dump.info()["kernel"]:
        if fact["name"] == key:
            return fact["value"]
    raise NotFoundError(f"the dump does not tell its {key}")


def attach(prog: drgn.Program, dump: Union[Dump, str, "os.PathLike[str]"], **options: Any) -> Helpers:
    """Gives `prog`, an empty `drgn.Program()`, the memory of a dump.

    `dump` is an opened one, which has to stay open, or a path, opened with the
    options of `vmpt.open`. Kernel addresses go through the tables that vmpt
    found, physical ones to the dump; a byte that is not in it is a FaultError
    with the reason. Types and symbols come from debug information, as ever:
    `prog.load_debug_info([vmlinux])`.
    """
    opened = dump if isinstance(dump, Dump) else _open(dump, **options)
    kernel = opened.kernel()
    text = opened.vmcoreinfo()
    core = os.memfd_create("vmpt-vmcoreinfo")
    try:
        with os.fdopen(core, "wb", closefd=False) as file:
            file.write(_core(_fact(opened, "architecture"), text))
        prog.set_core_dump(f"/proc/self/fd/{core}")
    finally:
        os.close(core)

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        try:
            return opened.read(address, count) if physical else kernel.read(address, count)
        except AbsentError as error:
            raise drgn.FaultError(str(error), error.address) from error

    # After the dump, so that these come first.
    bits = 64 if prog.platform.flags & drgn.PlatformFlags.IS_64_BIT else 32
    prog.add_memory_segment(0, 2**bits - 1, read, False)
    prog.add_memory_segment(0, 2**bits - 1, read, True)
    return Helpers(prog, opened, kernel)
