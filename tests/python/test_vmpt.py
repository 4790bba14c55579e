"""The Python module on the bundled dumps, against the kernel's text and the program."""
import ctypes
import os
import threading
import warnings

import pytest
import vmpt


def numbers(value):
    """A record of the program's JSON, with addresses as numbers."""
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers(item) for item in value]
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return int(value, 16)
        except ValueError:
            pass
    return value


def same(mine, theirs):
    return numbers(mine) == numbers(theirs)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vmpt.GapWarning)
        yield


def test_the_listing_is_the_kernels_own_text(kernel_case):
    with vmpt.open(kernel_case.dump) as dump, dump.kernel() as kernel:
        assert kernel.listing_text() == kernel_case.kernel_text


def test_info_is_that_of_the_program(kernel_case):
    with vmpt.open(kernel_case.dump) as dump:
        assert same(dump.info(), kernel_case.json("info"))


def test_answers_are_those_of_the_program(task_case):
    with vmpt.open(task_case.dump) as dump:
        tasks = dump.tasks()
        assert tasks and same(tasks.document, task_case.json("tasks"))
        assert same(dump.areas(1).document, task_case.json("maps", "--pid", 1))
        assert same(dump.explain(), task_case.json("explain"))
        assert same(dump.audit().document, task_case.json("audit"))
        with dump.task(1) as space:
            assert same(space.listing().document, task_case.json("task", "--pid", 1))


def test_records_are_in_order_and_typed(one):
    with vmpt.open(one.dump) as dump:
        tasks = dump.tasks()
        assert [task["pid"] for task in tasks] == [tasks[i]["pid"] for i in range(len(tasks))]
        assert all(isinstance(task["task"], int) and isinstance(task["comm"], str) for task in tasks)
        assert tasks[0:2] == list(tasks)[:2]
        assert len(dump.tasks(threads=True)) >= len(tasks)


def test_translation_one_by_one_and_many_at_once(one):
    with vmpt.open(one.dump) as dump, dump.kernel() as kernel:
        at = dump.symbol("swapper_pg_dir")
        way = kernel.translate(at)
        assert way["physical"] == kernel.physical(at)
        assert kernel.translate_many([at, 0, 1 << 63]) == (
            [way["physical"], None, None], ["page", "no_entry", "not_canonical"])
        assert kernel.physical(0) is None
        assert kernel.read(at, 8) == dump.read(way["physical"], 8)
        owners = dump.rmap(way["physical"])
        assert at & ~0xfff in [mapping["virtual"] & ~0xfff for mapping in owners]


def test_numpy_is_an_option(one):
    numpy = pytest.importorskip("numpy")
    with vmpt.open(one.dump) as dump, dump.kernel() as kernel:
        lines = [line for line in kernel.listing(0xFFFF800000000000) if line["present"]]
        at = numpy.array([line["first"] for line in lines], dtype=numpy.uint64)
        physical, endings = kernel.translate_many(at)
        assert physical.dtype == numpy.uint64 and len(physical) == len(at) == len(endings)
        assert [int(value) for value in physical[:20]] == kernel.translate_many([int(a) for a in at[:20]])[0]
        assert all(vmpt.ENDINGS[ending] == "page" for ending in endings)
        with pytest.raises(ValueError):
            kernel._space.translate_into(at, physical[:-1], endings)
        with pytest.raises(ValueError):
            kernel._space.translate_into(at.astype(numpy.uint32), physical, endings)


def test_numbers_that_are_no_addresses_are_refused(one):
    with vmpt.open(one.dump) as dump, dump.kernel() as kernel:
        for wrong in ([-1], [2**64]):
            with pytest.raises(OverflowError):
                kernel.translate_many(wrong)
        for wrong in ([1.5], ["1"], "12345678"):
            with pytest.raises(TypeError):
                kernel.translate_many(wrong)
        numpy = pytest.importorskip("numpy")
        # A double has 53 bits: it would be another address.
        for kind in (numpy.float64, numpy.complex128, numpy.bool_):
            with pytest.raises(TypeError):
                kernel.translate_many(numpy.array([1], dtype=kind))
        with pytest.raises(OverflowError):
            kernel.translate_many(numpy.array([-1]))
        at = kernel.listing()[0]["first"]
        square = numpy.full((2, 3), at, dtype=">u8")[:, ::2]
        physical, endings = kernel.translate_many(square)
        assert physical.shape == endings.shape == (2, 2) and set(endings.flat) == {vmpt.ENDINGS.index(kernel.translate_many([at])[1][0])}
        assert kernel.translate_many(numpy.array([]))[0].shape == (0,)


def test_every_ending_has_its_word():
    assert "beyond_limit" in vmpt.ENDINGS and len(set(vmpt.ENDINGS)) == len(vmpt.ENDINGS)
    assert vmpt._vmpt.ending_name(len(vmpt.ENDINGS)) is None


def test_text_does_not_end_at_a_nul(one, tmp_path):
    with vmpt.open(one.dump) as dump:
        for ask in (lambda: dump.symbol("_stext\0x"), lambda: dump.audit("kernel-wx\0x"), lambda: vmpt.open(f"{one.dump}\0x"),
                    lambda: vmpt.open(one.dump, arch="x86_64\0x")):
            with pytest.raises(ValueError):
                ask()
    named = os.fsencode(tmp_path / "dump") + b"\xff"
    for path in (named, os.fsdecode(named)):  # There is no such file, and its name is no UTF-8.
        with pytest.raises(vmpt.UsageError):
            vmpt.open(path)


def test_frames(one):
    with vmpt.open(one.dump) as dump:
        flags, counts, states = dump.page_flags(0, 256)
        assert len(flags) == len(counts) == len(states) == 256
        page = dump.page(0x1000)
        assert page["pfn"] == 0x1000 if "pfn" in page else page["frame"] == 0x1000


def test_frames_behind_all_memory_cost_nothing(one):
    with vmpt.open(one.dump) as dump:
        flags, counts, states = dump.page_flags(2**52, 100000)
        assert len(set(flags)) == 1 and not any(counts) and not any(states)
        flags, counts, states = dump.page_flags(0, 100000)
        assert [list(part) for part in zip(flags, counts, states)][::977] == [
            [part[0] for part in dump.page_flags(frame, 1)] for frame in range(0, 100000, 977)]
    library, handle = ctypes.CDLL("libvmpt.so.0"), ctypes.c_void_p()
    assert library.vmpt_open(os.fsencode(one.dump), None, ctypes.byref(handle), None) == 0
    assert library.vmpt_page_flags(handle, ctypes.c_uint64(0), ctypes.c_size_t(2**64 - 1), None, None, None, None) in (0, 1)
    library.vmpt_close(ctypes.byref(handle))


def test_what_is_absent_is_an_error_with_its_reason(one):
    with vmpt.open(one.dump) as dump, dump.kernel() as kernel:
        ranges = list(dump.ranges())
        assert ranges and all(first <= last for first, last, _ in ranges)
        with pytest.raises(vmpt.AbsentError) as raised:
            dump.read(1 << 60, 16)
        assert raised.value.address == 1 << 60 and raised.value.reason == "outside_ram"
        first = next(first for first, _, reason in ranges if reason == "excluded")
        with pytest.raises(vmpt.AbsentError) as raised:
            dump.read(first, 1)
        assert raised.value.reason == "excluded"
        with pytest.raises(vmpt.AbsentError) as raised:
            kernel.read(0, 1)
        assert raised.value.reason == "unmapped" and raised.value.address == 0


def test_errors_have_classes(one, tmp_path):
    with pytest.raises(vmpt.UsageError, match="nowhere"):
        vmpt.open("/nowhere")
    with pytest.raises(vmpt.UsageError, match="did you mean"):
        vmpt.open(one.dump, vmlinuz="x")
    with vmpt.open(one.dump) as dump:
        with pytest.raises(LookupError):
            dump.task(999999)
        with pytest.raises(vmpt.NotFoundError):
            dump.symbol("nobody")
        with pytest.raises(vmpt.UsageError):
            dump.audit("nonsense")
        with pytest.raises(TypeError):
            dump.read(-1, 1)
        with pytest.raises((OverflowError, MemoryError, TypeError)):
            dump.read(0, 1 << 65)
    (tmp_path / "zeros").write_bytes(bytes(8192))
    with vmpt.open(tmp_path / "zeros") as dump, pytest.raises(vmpt.Error, match="no kernel"):
        dump.tasks()


def test_gaps_warn(one, tmp_path):
    cut = tmp_path / "cut"
    cut.write_bytes(one.dump.read_bytes()[:-4096])
    with vmpt.open(cut) as dump:
        with pytest.warns(vmpt.GapWarning, match="truncated"):
            tasks = dump.tasks()
        assert not tasks.complete and any(finding["kind"] == "truncated" for finding in tasks.findings)


def test_closed_handles_refuse(one):
    dump = vmpt.open(one.dump)
    kernel = dump.kernel()
    dump.close()
    dump.close()
    assert dump.closed and not kernel.closed
    kernel.listing(0, 4095)
    kernel.close()
    for question in (dump.tasks, dump.kernel, lambda: dump.read(0, 1), lambda: kernel.read(0, 1), kernel.listing):
        with pytest.raises(ValueError, match="closed"):
            question()


def test_threads_share_a_dump(one):
    problems = []
    with vmpt.open(one.dump) as dump, dump.kernel() as kernel:
        expected = kernel.listing_text()

        def work():
            try:
                for _ in range(3):
                    assert kernel.listing_text() == expected
                    assert kernel.physical(dump.symbol("swapper_pg_dir"))
            except Exception as problem:  # noqa: BLE001 - reported below
                problems.append(problem)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not problems
