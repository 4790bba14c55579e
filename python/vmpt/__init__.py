"""Page tables, memory and kernel of a Linux memory dump.

    import vmpt

    with vmpt.open("vmcore") as dump:
        for task in dump.tasks():
            print(task["pid"], task["comm"])
        with dump.kernel() as kernel:
            print(kernel.listing_text())

Addresses and sizes are `int`, in bytes. Records are dictionaries with the keys
of the program's JSON (docs/json.md of vmpt), where addresses are `int`, too.
What is missing is never passed over: a read raises, and an answer that lacks
something warns (`GapWarning`) and has `complete` False.

All of it is safe from several threads; the interpreter's lock is not held
while a dump is looked at.
"""

import os as _os
import warnings as _warnings
from array import array as _array
from collections.abc import Iterator as _Iterator
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union, overload

from . import _vmpt
from ._errors import REASONS as _REASONS
from ._errors import (AbsentError, Error, FormatError, GapWarning, NotFoundError, SystemFailure, UnsupportedError,
                      UsageError)

__all__ = ["AbsentError", "Answer", "Dump", "ENDINGS", "Error", "FormatError", "GapWarning", "NotFoundError", "Space",
           "SystemFailure", "UnsupportedError", "UsageError", "open"]
__version__ = _vmpt.version()

Record = Dict[str, Any]
_LAST = 2**64 - 1
_INFO = {"sources": 1, "evidence": 2, "verify": 4}
_LIST = {"physical": 1, "names": 2, "user_only": 4, "user_pgd": 8}


class Answer(Sequence[Record]):
    """The records of an answer, and what goes with them.

    `document` is the whole, as `vmpt COMMAND --format json` prints it.
    """

    def __init__(self, document: Record, key: str) -> None:
        self.document = document
        self._records: List[Record] = document.get(key, [])

    @property
    def findings(self) -> List[Record]:
        """What was noticed: warnings, and gaps."""
        found: List[Record] = self.document["findings"]
        return found

    @property
    def complete(self) -> bool:
        """Nothing of what was asked for is missing or in doubt."""
        return not any(finding["severity"] == "gap" for finding in self.findings)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> List[Record]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Record, List[Record]]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> _Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        return f"<vmpt.Answer {self.document.get('command')}: {len(self)} records{'' if self.complete else ', with gaps'}>"


def _checked(document: Record, level: int = 3) -> Record:
    gaps = [finding["sentence"] for finding in document["findings"] if finding["severity"] == "gap"]
    if gaps:
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        _warnings.warn(f"{document['command']}: {gaps[0]}{more}", GapWarning, stacklevel=level + 1)
    return document


def _flags(known: Dict[str, int], **given: bool) -> int:
    return sum(known[name] for name, is_set in given.items() if is_set)


def _word(text: str) -> str:
    """As it is: the library's own end at a NUL, and would be of another thing."""
    if "\0" in text:
        raise ValueError(f"{text!r} has a NUL in it")
    return text


def _numbers(numpy: Any, addresses: Any) -> Any:
    """As an array of uint64; what would be rounded or wrapped on the way is refused."""
    given = numpy.asarray(addresses)
    if given.size and given.dtype.kind not in "ui":
        raise TypeError(f"addresses are integers, not {given.dtype}")
    if given.dtype.kind == "i" and given.size and given.min() < 0:
        raise OverflowError("a negative number is no address; a view as uint64 has the same bits")
    return numpy.ascontiguousarray(given, dtype=numpy.uint64)


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


class Space:
    """The addresses under one table: the kernel's, a task's, or any.

    Made by `Dump.kernel`, `Dump.task` and `Dump.root`. A context manager.
    """

    def __init__(self, space: "_vmpt.Space") -> None:
        self._space = space

    def __enter__(self) -> "Space":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self) -> None:
        """What is asked after this raises ValueError."""
        self._space.close()

    @property
    def closed(self) -> bool:
        return self._space.closed

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of virtual memory; AbsentError names the first that is not there."""
        return self._space.read(address, size)

    def translate(self, address: int) -> Record:
        """The way of an address through the tables: entries, rights, physical address, and what lies there."""
        way: Record = _checked(self._space.translate(address))["addresses"][0]
        return way

    def physical(self, address: int) -> Optional[int]:
        """The physical address behind a virtual one, or None."""
        found: Optional[int] = self.translate_many([address])[0][0]
        return found

    def translate_many(self, addresses: Any) -> Tuple[Any, Any]:
        """Physical addresses (2**64 - 1 in an array, None in a list: there is none), and how each ended.

        A numpy array of integers, or whatever has its interface, gives arrays of its shape, of uint64 and
        uint8 (the index in `ENDINGS`). Any other iterable of int gives lists of int or None, and of words.
        """
        numpy = _numpy()
        is_array = numpy is not None and hasattr(addresses, "__array__")
        if is_array:
            given = _numbers(numpy, addresses)
            physical, endings = numpy.empty(given.shape, numpy.uint64), numpy.empty(given.shape, numpy.uint8)
        else:
            given = _array("Q", iter(addresses))
            physical, endings = _array("Q", bytes(8 * len(given))), _array("B", bytes(len(given)))
        if not self._space.translate_into(given, physical, endings):
            _warnings.warn("translate_many: page tables on the way are not in the dump (ending table_absent)",
                           GapWarning, stacklevel=2)
        if is_array:
            return physical, endings
        return [None if value == _LAST else value for value in physical], [ENDINGS[ending] for ending in endings]

    def listing(self, first: int = 0, last: int = _LAST, *, physical: bool = False, names: bool = False,
                user_only: bool = False, user_pgd: bool = False) -> Answer:
        """The lines of the kernel's page-table listing in [first, last], as records.

        `physical`: a line for each piece of physical memory. `names`: what ranges belong to.
        `user_only`, `user_pgd`: of a task, the user half; the table that user code runs on (x86 PTI).
        """
        flags = _flags(_LIST, physical=physical, names=names, user_only=user_only, user_pgd=user_pgd)
        return Answer(_checked(self._space.list(first, last, flags)), "ranges")

    def listing_text(self, first: int = 0, last: int = _LAST, *, physical: bool = False, names: bool = False,
                     user_only: bool = False, user_pgd: bool = False) -> str:
        """The same as the kernel's own text."""
        flags = _flags(_LIST, physical=physical, names=names, user_only=user_only, user_pgd=user_pgd)
        text, rest = self._space.list_text(first, last, flags)
        _checked(rest)
        return text


class Dump:
    """An opened dump; made by `open`. A context manager."""

    def __init__(self, dump: "_vmpt.Dump") -> None:
        self._dump = dump

    def __enter__(self) -> "Dump":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self) -> None:
        """What is asked after this raises ValueError. Spaces stay open."""
        self._dump.close()

    @property
    def closed(self) -> bool:
        return self._dump.closed

    def findings(self) -> List[Record]:
        """What was noticed when the dump was opened and its kernel found."""
        found: List[Record] = self._dump.findings()["findings"]
        return found

    def info(self, *, sources: bool = False, evidence: bool = False, verify: bool = False) -> Record:
        """Every fact with its source: `vmpt info`."""
        return _checked(self._dump.info(_flags(_INFO, sources=sources, evidence=evidence, verify=verify)))

    def tasks(self, *, threads: bool = False, idle: bool = False) -> Answer:
        """The processes, and if asked for their threads and the idle tasks."""
        return Answer(_checked(self._dump.tasks(threads + 2 * idle)), "tasks")

    def areas(self, pid: int, *, pages: bool = False) -> Answer:
        """Memory areas of a process, as in /proc/PID/maps; `pages`: with a census of each."""
        return Answer(_checked(self._dump.areas(pid, int(pages))), "maps")

    def rmap(self, first: int, last: Optional[int] = None) -> Answer:
        """Who maps the physical addresses [first, last]; without `last`, that one byte's page."""
        return Answer(_checked(self._dump.rmap(first, first if last is None else last)), "mappings")

    def page(self, frame: int) -> Record:
        """All that is known of a page frame number: flags, owner, who maps it."""
        page: Record = _checked(self._dump.page(frame))["pages"][0]
        return page

    def page_flags(self, frame: int, count: int) -> Tuple[Any, Any, Any]:
        """/proc/kpageflags and /proc/kpagecount of `count` frames, and 0 (no page), 1 (known) or 2 (absent).

        Arrays of numpy where it is installed, else of the module `array`.
        """
        numpy = _numpy()
        arrays = (tuple(numpy.zeros(count, kind) for kind in (numpy.uint64, numpy.uint64, numpy.uint8)) if numpy else
                  tuple(_array(kind, bytes(size * count)) for kind, size in (("Q", 8), ("Q", 8), ("B", 1))))
        if not self._dump.page_flags_into(frame, *arrays):
            _warnings.warn("page_flags: some struct pages are not in the dump, or in doubt", GapWarning, stacklevel=2)
        return arrays  # type: ignore[return-value]

    def explain(self) -> Record:
        """Why the kernel died."""
        return _checked(self._dump.explain())

    def audit(self, *rules: str) -> Answer:
        """What is wrong with the page tables; by these rules of docs/audit.md, or all."""
        return Answer(_checked(self._dump.audit([_word(rule) for rule in rules])), "audit")

    def symbol(self, name: str) -> int:
        """The virtual address of a kernel symbol."""
        return self._dump.symbol(_word(name))

    def vmcoreinfo(self) -> bytes:
        """The kernel's VMCOREINFO, from a note or found in memory."""
        return self._dump.vmcoreinfo()

    def ranges(self) -> _Iterator[Tuple[int, int, str]]:
        """Physical memory as (first, last, reason); the reason is "" where the bytes are there."""
        return iter([(first, last, _REASONS[absence]) for first, last, absence in self._dump.ranges()])

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of physical memory; AbsentError names the first that is not there."""
        return self._dump.read(address, size)

    def kernel(self) -> Space:
        """The kernel's addresses."""
        return Space(self._dump.kernel_space())

    def task(self, pid: int) -> Space:
        """The addresses of the task with this pid."""
        return Space(self._dump.task_space(pid))

    def root(self, physical: int) -> Space:
        """The addresses under the top table at this physical address."""
        return Space(self._dump.root_space(physical))


ENDINGS: Tuple[str, ...] = tuple(name for name in map(_vmpt.ending_name, range(256)) if name)


def open(path: Union[str, bytes, "_os.PathLike[str]", None] = None, **options: Union[str, int, bool, Sequence[str]]) -> Dump:  # noqa: A001
    """Opens a dump, of whatever kind its content shows it to be.

    Options are those of the program, with underscores: `raw_base=0x40000000`,
    `arch="arm64"`, `vmlinux="..."`, `symbol=["NAME=ADDR", ...]`, `force=True`.
    Files are read, not mapped: one that is cut off meanwhile is an error.
    """
    given: List[Tuple[str, str]] = []
    for name, value in options.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        for one in values:
            text = ("yes" if one else "no") if isinstance(one, bool) else str(one)
            given.append((_word(name.replace("_", "-")), _word(text)))
    if path is not None:
        _word(_os.fsdecode(path))
    return Dump(_vmpt.open(None if path is None else _os.fsencode(path), given))
