#!/usr/bin/env python3
"""How vmpt behaves as a program: exit status, where it writes, what it says.

0: all that was asked for; 1: printed, with gaps named on standard error;
2: nothing could be printed. Every message is one line.

Usage: cli.py VMPT SOURCE_ROOT       (prints TAP)
"""
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, first_difference, is_root, run, sound_messages

NOBODY = 65534
# What stands on standard error at status 2: warnings may have come before.
ONE_ERROR = r"(vmpt: warning: .*\n)*vmpt: error: .*\n"


def check(tap, name, result, status, stdout=None, stderr=""):
    """`stdout` None: nothing may be printed; else, and `stderr`, patterns."""
    problems = []
    if result.returncode != status:
        problems.append(f"exit status {result.returncode}, expected {status}")
    out, said = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    if (stdout is None) != (out == ""):
        problems.append(f"standard output has {len(out)} bytes: {out[:100]!r}")
    if stdout is not None and not re.search(stdout, out):
        problems.append(f"standard output lacks {stdout!r}")
    if (stderr == "") != (said == ""):
        problems.append(f"standard error: {said[:300]!r}")
    if not re.search(stderr, said):
        problems.append(f"standard error lacks {stderr!r}: {said[:300]!r}")
    if status == 2 and not re.fullmatch(ONE_ERROR, said):
        problems.append("not one sentence")
    if sound := sound_messages(result.stderr):
        problems.append(sound)
    tap.report("\n".join(problems) or None, name)


def check_usage(tap, vmpt, dump):
    version = r"^vmpt \d+\.\d+\.\d+\nlibraries: .*LLVM.*\nformats: .*ELF core.*kdump.*LiME.*AVML.*VMware.*VirtualBox.*Xen.*QEMU.*raw"
    check(tap, "--help", run(vmpt, "--help"), 0, r"^vmpt - .*\n(.*\n)*  kernel ")
    check(tap, "-h", run(vmpt, "-h"), 0, "^vmpt - ")
    check(tap, "--version", run(vmpt, "--version"), 0, version)
    check(tap, "-V", run(vmpt, "-V"), 0, version)
    check(tap, "help kernel", run(vmpt, "help", "kernel"), 0, "Usage: vmpt kernel")
    check(tap, "-- before and behind the command", run(vmpt, "--", "vmcoreinfo", "--", dump), 0, "OSRELEASE=")
    check(tap, "a file that begins with a hyphen", run(vmpt, "info", "--", "-x"), 2, None, "'-x': .*No such file")
    for command in ("kernel", "info", "vmcoreinfo", "read", "trim"):
        check(tap, f"{command} --help", run(vmpt, command, "--help"), 0, f"Usage: vmpt {command}")
        check(tap, f"{command} without a dump",
              run(vmpt, command, *{"read": ["--physical", 0, 1], "trim": ["-o", "out"]}.get(command, [])),
              2, None, "no dump is named")
    for name, arguments, message in (
        ("no command", [], "no command is named"),
        ("unknown command", ["zzzzzz"], r"no command 'zzzzzz'.*--help"),
        ("mistyped command", ["kernle", dump], r"no command 'kernle'; did you mean 'kernel'\?"),
        ("mistyped option", ["kernel", dump, "--max-line", "3"],
         r"kernel has no option '--max-line'; did you mean '--max-lines'\?"),
        ("option of another command", ["info", dump, "--max-lines", "3"], "info has no option '--max-lines'"),
        ("a further file that is not there", ["kernel", dump, "more"], "'more': .*No such file"),
        ("a further file of a dump that is not split", ["info", dump, dump], "only kdump-compressed dumps are split"),
        ("unknown layout", ["info", dump, "--layout", "pdp11"],
         "no memory layout 'pdp11'; there are: flat, qemu-i440fx, qemu-q35, "),
        ("a layout and a base", ["info", dump, "--layout", "flat", "--raw-base", "0"], "leave out --raw-base"),
        ("not a number", ["kernel", dump, "--max-lines", "many"], "--max-lines 'many' is not a number"),
        ("number too large", ["kernel", dump, "--root", "0x10000000000000000"], "is not a number"),
        ("unknown architecture", ["kernel", dump, "--arch", "vax"],
         "--arch 'vax' is not one of arm64, x86_64, arm, i386, riscv64, loongarch64"),
        ("a word that is far from any", ["kernel", dump, "--binary", "json"],
         "kernel has no option '--binary'; vmpt kernel --help lists the options"),
        ("value is missing", ["kernel", dump, "--root"], "--root needs a value: PHYS"),
        ("value is empty", ["kernel", "--root=", dump], "--root needs a value: PHYS"),
        ("option given twice", ["kernel", dump, "--root", "1", "--root", "2"], "--root is given more than once"),
        ("flag with a value", ["info", dump, "--verify=1"], "--verify takes no value"),
        ("no choice of a task", ["task", dump], "task needs one of --pid, --comm, --mm, --root and --all\n"),
        ("two choices of a task", ["task", dump, "--pid", "1", "--comm", "init"],
         "task needs one of .*, not --pid and --comm together"),
        ("bytes as JSON", ["read", dump, "--physical", "0", "1", "--binary", "--format", "json"],
         "--binary writes bytes as they are; leave out --format"),
        ("unknown format", ["tasks", dump, "--format", "xml"], "--format 'xml' is none of text, json and jsonl"),
        ("read without a range", ["read", dump], "read needs --physical ADDR LENGTH"),
        ("trim without an output", ["trim", dump], "trim needs -o OUT"),
        ("control characters are made visible", ["kernel", "a\x1b[31mb"], r"a\\x1[bB]\[31mb|a.\[31mb"),
    ):
        check(tap, name, run(vmpt, *arguments), 2, None, message)
    said = run(vmpt, "kernel", "a\x1b[31mb").stderr
    tap.report("an escape goes to the terminal" if b"\x1b" in said else None, "no escapes in messages")


def check_files(tap, vmpt, dump, folder):
    empty, text = folder / "empty", folder / "text"
    empty.touch()
    text.write_text("This is not a memory dump.\n" * 500)
    for name, path, message in (
        ("missing file", folder / "missing", "No such file"),
        ("directory", folder, "directory"),
        ("device", "/dev/zero", "is a device that is no disk"),
        ("empty file", empty, "empty"),
        ("not a dump", text, "no kernel page tables"),
    ):
        for command in ("kernel", "vmcoreinfo"):
            check(tap, f"{command}: {name}", run(vmpt, command, path), 2, None, message)
        named = f"'{path}'"
        said = run(vmpt, "kernel", path).stderr.decode()
        tap.report(None if said.count(named) == 1 else f"{named} is not there once: {said!r}",
                   f"{name}: the file is named once")
    check(tap, "info --verify", run(vmpt, "info", dump, "--verify"), 0,
          r"(?m)^  read, pages of 4K     \d+ present", "cut by vmpt trim")
    check(tap, "info: not a dump", run(vmpt, "info", text), 1, "raw image", "no kernel page tables")
    check_unreadable(tap, vmpt, dump, folder)


def check_unreadable(tap, vmpt, dump, folder):
    """Root may read everything, so there another user runs a copy of vmpt."""
    secret = folder / "secret"
    shutil.copy(dump, secret)
    secret.chmod(0)
    settings = {}
    if is_root():
        folder.chmod(0o755)
        vmpt = shutil.copy(vmpt, folder / "vmpt")
        settings = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    check(tap, "unreadable file", run(vmpt, "kernel", secret, **settings), 2, None, "Permission denied")


def check_output(tap, vmpt, dump, folder):
    listing = run(vmpt, "kernel", dump).stdout
    for command in (["kernel", dump], ["info", dump], ["vmcoreinfo", dump], ["--help"],
                    ["read", dump, "--physical", hex(find_page(vmpt, dump)), "4K"]):
        with open("/dev/full", "wb") as full:
            result = run(vmpt, *command, stdout=full)
        problem = None
        if result.returncode != 2 or b"cannot write the output" not in result.stderr:
            problem = f"exit status {result.returncode}: {result.stderr!r}"
        tap.report(problem, f"{command[0]}: a full disk is said")
    reader = subprocess.Popen([vmpt, "kernel", dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    reader.stdout.close()
    said = reader.stderr.read()
    reader.wait(timeout=60)
    tap.report(f"standard error: {said!r}" if said else None, "a reader that goes away: no word")

    cut = run(vmpt, "kernel", dump, "--max-lines", 3)
    check(tap, "--max-lines", cut, 1, "--- the listing ends here: 3 lines", "ended after 3 lines")
    kept = cut.stdout.split(b"--- the listing ends here")[0]
    tap.report(None if listing.startswith(kept) else "not the start of the listing",
               "--max-lines: the start of the listing")
    check(tap, "--max-lines beyond the end", run(vmpt, "kernel", dump, "--max-lines", "1M"), 0, "pgd")


def check_no_standard_error(tap, vmpt, dump, folder):
    """Where nothing can be said, all the rest is as if it were."""
    broken = {"full": "2>/dev/full", "closed": "2>&-", "read by nobody": "2> >(exec 2>&-; exit)"}
    cases = {"a warning": ["kernel", dump, "--max-lines", 3], "an error": ["kernel", folder / "missing"],
             "nothing to say": ["kernel", dump], "help": ["--help"]}
    for what, arguments in cases.items():
        said = run(vmpt, *arguments)
        for how, redirection in broken.items():
            # The pause lets the reader of the pipe go away first.
            result = run("bash", "-c", f'exec {redirection}; sleep 0.1; exec "$@"', "bash", vmpt, *arguments)
            problem = first_difference(said.stdout, result.stdout)
            if result.returncode != said.returncode:
                problem = f"exit status {result.returncode}, with standard error {said.returncode}"
            tap.report(problem, f"standard error {how}: {what}")
    # The first file that is opened gets the number of a closed stream.
    out, plain = folder / "unsaid", folder / "said"
    run(vmpt, "trim", dump, "-o", plain)
    run("bash", "-c", 'exec 0<&- 1>&- 2>&-; exec "$@"', "bash", vmpt, "trim", dump, "-o", out)
    tap.report(first_difference(plain.read_bytes(), out.read_bytes()), "all streams closed: the output file is whole")
    result = run("bash", "-c", 'exec 1>&-; exec "$@"', "bash", vmpt, "kernel", dump)
    check(tap, "standard output closed", result, 2, None, "cannot write the output")


def check_siblings(tap, vmpt, source, folder):
    """A split dump: its parts named together, in any order, or by --part."""
    low = b"KDUMP   " + (source / "tests/fuzz/corpus/FuzzKdump/split").read_bytes()
    # start_pfn and end_pfn are in its sub-header twice, and nowhere else.
    frames, others = struct.pack("<QQ", 0, 4), struct.pack("<QQ", 4, 9)
    low_path, high_path = folder / "low", folder / "high"
    low_path.write_bytes(low)
    high_path.write_bytes(low[:1024] + low[1024:2048].replace(frames, others) + low[2048:])
    missing = "no kernel page tables"  # there is no kernel in it, which is not the point
    one, together = run(vmpt, "info", low_path), run(vmpt, "info", low_path, high_path)
    check(tap, "one part of a split dump", one, 1, r"split parts +1\n(.*\n)*  note +part 2 of the split", missing)
    check(tap, "two parts named together", together, 1, r"split parts +2\n(.*\n)*  in all +5K present, 1K excluded\n",
          missing)
    for what, arguments in (("the other way round", [high_path, low_path]),
                            ("by --part", [low_path, "--part", high_path])):
        tap.report(first_difference(together.stdout, run(vmpt, "info", *arguments).stdout), f"two parts {what}")
    check(tap, "a part given twice", run(vmpt, "info", low_path, low_path), 2, None, "give each part once")


def check_layout(tap, vmpt, folder):
    """A sparse image of 3 GiB and a page: where that page lies, the layout says."""
    image = folder / "image"
    with open(image, "wb") as out:
        out.seek(3 << 30)
        out.write(b"page" * 1024)
    for layout, at in (("flat", 3 << 30), ("qemu-microvm", 4 << 30), ("qemu-q35", 5 << 30)):
        said = run(vmpt, "read", image, "--layout", layout, "--physical", hex(at), 8, "--binary")
        tap.report(None if said.stdout == b"pagepage" else repr(said), f"--layout {layout}")
    image.unlink()


def check_shrinking(tap, vmpt, folder):
    """vmpt waits for the reader of a full pipe while its dump is cut off."""
    image = folder / "image"
    with open(image, "wb") as out:
        out.truncate(64 << 20)
    reader = subprocess.Popen([vmpt, "read", image, "--physical", "0", "64M", "--binary"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    start = reader.stdout.read(1)
    os.truncate(image, 4096)
    rest, said = reader.communicate(timeout=60)
    result = subprocess.CompletedProcess([], reader.returncode, b"", said)
    check(tap, "a dump that becomes shorter", result, 2, None, "became shorter while it was in use")
    tap.report(None if start and len(rest) < 32 << 20 else f"{len(rest)} bytes", "a dump that becomes shorter: no more")
    image.unlink()


def check_killed(tap, vmpt, folder):
    """A signal, here the one for a file that is too large, leaves no part of the output."""
    name = "killed while it writes"
    image, place = folder / "image", folder / "killed"
    place.mkdir()
    image.write_bytes(bytes(range(256)) * (8 << 12))
    try:
        os.close(os.open(place, os.O_TMPFILE | os.O_WRONLY))
    except OSError as error:
        return tap.skip(name, f"the file system has no files without names: {error}")
    result = run(vmpt, "convert", image, "--arch", "x86_64", "-o", place / "out",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    left = os.listdir(place)
    tap.report(None if result.returncode == -signal.SIGXFSZ and not left
               else f"{result.returncode} {result.stderr} {left}", name)
    image.unlink()


def check_output_names(tap, vmpt, folder):
    """As long as a name can be, and longer: said before anything is written."""
    image = folder / "image"
    image.write_bytes(bytes(4096))
    result = run(vmpt, "convert", image, "--arch", "x86_64", "-o", folder / ("x" * 255))
    tap.report(None if (folder / ("x" * 255)).exists() else repr(result), "an output name of 255 letters")
    result = run(vmpt, "convert", image, "--arch", "x86_64", "-o", folder / ("x" * 256))
    check(tap, "an output name of 256 letters", result, 2, None, "cannot create: File name too long")
    result = run(vmpt, "convert", "image", "--arch", "x86_64", "-o", "100%.elf", cwd=folder)
    tap.report(None if (folder / "100%.elf").exists() else repr(result), "an output name without a folder")


def find_page(vmpt, dump):
    """The physical address of the top table, from `vmpt info`."""
    info = run(vmpt, "info", dump).stdout.decode()
    return int(re.search(r"root table\s+(0x[0-9a-f]+)", info)[1], 16)


def check_read(tap, vmpt, dump):
    page = find_page(vmpt, dump)

    def read(start, length, *more):
        return run(vmpt, "read", dump, "--physical", hex(start), length, *more)

    binary = read(page, 4096, "--binary")
    tap.report(None if len(binary.stdout) == 4096 and binary.returncode == 0 and any(binary.stdout)
               else f"{len(binary.stdout)} bytes, exit status {binary.returncode}", "read: a page as bytes")
    lines = read(page + 4080, 16).stdout.decode()
    digits = binary.stdout[-16:].hex()
    tap.report(None if lines.startswith(f"{page + 4080:08x}: {digits[:16]} {digits[16:]}  ") else lines,
               "read: the same as hex")
    tap.report(None if read(page + 7, "0x9", "--binary").stdout == binary.stdout[7:16] else "differs",
               "read: not aligned")
    check(tap, "read: nothing", read(page, 0), 0)
    check(tap, "read: absent from the start", read(1 << 50, 16), 1, None, "0x4000000000000 is not in the dump")
    check(tap, "read: the end of the address space", read((1 << 64) - 8, 16), 1, None, "0xfffffffffffffff8 is not")
    # The cut dump ends some page: what is there comes first, then the absent byte is named.
    end = page + 4096
    while read(end, 1).returncode == 0:
        end += 4096
    partly = read(end - 16, 4096, "--binary")
    tap.report(None if (len(partly.stdout), partly.returncode) == (16, 1) and hex(end).encode() in partly.stderr
               else f"{len(partly.stdout)} bytes, exit status {partly.returncode}, {partly.stderr!r}",
               "read: up to the first absent byte")
    check(tap, "read: not a number", run(vmpt, "read", dump, "--physical", "1x", 2), 2, None, "'1x' is not a number")


def check_trim(tap, vmpt, dump, folder):
    listing = run(vmpt, "kernel", dump).stdout
    own, link = folder / "own", folder / "link-to-own"
    shutil.copy(dump, own)
    link.symlink_to(own)
    whole = own.read_bytes()
    for command in (["trim"], ["convert"], ["trim", "--force"]):
        for out in (own, link):
            check(tap, f"{command} onto itself, {out.name}", run(vmpt, *command, own, "-o", out), 2, None,
                  f"'{out}': is the input ('.*' )?itself, which would be lost")
    tap.report(None if own.read_bytes() == whole else "it was changed", "trim onto itself: it stays")
    there = folder / "there"
    there.write_text("mine")
    check(tap, "trim to a file that exists", run(vmpt, "trim", own, "-o", there), 2, None, "exists; .* --force")
    tap.report(None if there.read_text() == "mine" else "it was changed", "a file that exists: it stays")
    check(tap, "trim --force", run(vmpt, "trim", own, "-o", there, "--force"), 0)
    tap.report(first_difference(listing, run(vmpt, "kernel", there).stdout), "trim --force: the same listing")
    piped = folder / "piped"
    for out in ("-", "/dev/stdout"):
        with open(piped, "wb") as file:
            result = run(vmpt, "trim", own, "-o", out, stdout=file)
        tap.report(result.stderr or first_difference(there.read_bytes(), piped.read_bytes()), f"trim -o {out}")
    with open(own, "ab") as file:
        result = run(vmpt, "kernel", own, stdout=file)
    result.stdout = b""
    check(tap, "a listing that is appended to its dump", result, 2, None, "'standard output': is the input .* itself")
    tap.report(None if own.read_bytes() == whole else "it was changed", "a dump as standard output: it stays")
    check(tap, "what trim left out", run(vmpt, "log", there), 2, None,
          "warning: .*cut by vmpt trim, which leaves out .*ask the whole dump\nvmpt: error: .*excluded")
    own.chmod(0o600)
    for command in ("trim", "convert"):
        out = folder / f"private-{command}"
        run(vmpt, command, own, "-o", out)
        tap.report(None if out.stat().st_mode & 0o777 == 0o600 else oct(out.stat().st_mode),
                   f"{command}: nobody may read more than before")
    check(tap, "trim to no such folder", run(vmpt, "trim", dump, "-o", folder / "no" / "out"), 2, None, "cannot create")
    check(tap, "trim to a folder", run(vmpt, "trim", dump, "-o", folder), 2, None, "not a regular file")
    # A node of our own: were it replaced, /dev/full would be gone.
    node, what = folder / "full", "trim to a device"
    if is_root() and make_node(node):
        check(tap, what, run(vmpt, "trim", dump, "-o", node), 2, None, "No space left")
        tap.report(None if node.is_char_device() else "the device was replaced", "trim to a device: it stays")
    else:
        tap.skip(what, "a device node cannot be made here")
    before = set(folder.iterdir())
    run(vmpt, "trim", folder / "text", "-o", folder / "never")
    tap.report(None if set(folder.iterdir()) == before else "a file was left", "trim that fails leaves nothing")


def check_convert(tap, vmpt, folder):
    """What was cut off is still cut off, and not only absent, in the new file and the one after that."""
    image, whole, cut = folder / "image", folder / "whole", folder / "cut"
    image.write_bytes(bytes(range(256)) * 16 * 16)
    run(vmpt, "convert", image, "--arch", "x86_64", "-o", whole)
    cut.write_bytes(whole.read_bytes()[:-5 * 4096 - 100])
    answer = None
    for number in range(3):
        info = run(vmpt, "info", cut).stdout.decode()
        lost = re.findall(r"(?m)^  .*K truncated.*$", info)
        if number == 0:
            answer = lost
        tap.report(None if lost and lost == answer else f"{answer} became {lost}",
                   f"converted {number} times: what was cut off is said to be")
        new = folder / f"converted-{number}"
        result = run(vmpt, "convert", cut, "--arch", "x86_64", "-o", new)
        if number == 0:
            check(tap, "convert of a cut dump", result, 1, None, "are truncated or corrupt")
        cut = new


def make_node(path):
    try:
        os.mknod(path, 0o20666, os.makedev(1, 7))
        return True
    except OSError:
        return False


def broken_problem(vmpt, path, listing, what):
    """A dump that was damaged: no crash, no hang, and no quiet wrong listing."""
    for command in ("info", "kernel"):
        result = run(vmpt, command, path)
        where = f"{command}, {what}: "
        if result.returncode not in (0, 1, 2):
            return f"{where}ended with {result.returncode}\n{result.stderr.decode(errors='replace')[-2000:]}"
        if problem := sound_messages(result.stderr):
            return where + problem
        if result.returncode == 2 and (result.stdout or not re.fullmatch(ONE_ERROR.encode(), result.stderr)):
            return f"{where}status 2, but not one sentence and nothing else: {result.stderr!r}"
        if command == "kernel" and result.returncode == 0 and listing is not None and result.stdout != listing:
            return f"{where}a listing that is wrong, and no word of that"
    return None


def check_pipes(tap, vmpt, dump, folder):
    """What is no file: standard input, a named pipe, a file of /proc; each says what the file says."""
    listing = run(vmpt, "kernel", dump).stdout
    whole = dump.read_bytes()
    for name, options in (("a pipe", {"input": whole}), ("a redirected file", {"stdin": open(dump, "rb")})):
        result = subprocess.run([vmpt, "kernel", "/dev/stdin"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        tap.report(first_difference(listing, result.stdout) or (None if result.returncode == 0 else repr(result.stderr)),
                   f"kernel: {name} as standard input")
    fifo = folder / "written-fifo"
    os.mkfifo(fifo)
    for name, script in (("a named pipe", 'exec cat "$0" > "$1"'),
                         ("a named pipe whose writer is late", 'sleep 0.5; exec cat "$0" > "$1"')):
        with subprocess.Popen(["sh", "-c", script, dump, fifo]):
            result = run(vmpt, "kernel", fifo)
        tap.report(first_difference(listing, result.stdout), f"kernel: {name}")
    result = subprocess.run([vmpt, "info", "/dev/stdin"], input=b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(tap, "a pipe whose writer has gone", result, 2, None, "empty")
    result = subprocess.run([vmpt, "info", "/dev/stdin"], input=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "TMPDIR": "/nowhere"})
    check(tap, "a pipe that finds no room", result, 2, None, r"no copy can be made in '/nowhere' \(TMPDIR\)")
    check(tap, "a file of /proc that is no dump", run(vmpt, "kernel", "/proc/version"), 2, None, "no kernel page tables")
    check(tap, "a file of /proc that cannot be read", run(vmpt, "kernel", "/proc/self/mem"), 2, None, "cannot be read")


def check_truncated(tap, vmpt, dump, folder):
    listing, whole = run(vmpt, "kernel", dump).stdout, dump.read_bytes()
    headers = 64 + 56 * int.from_bytes(whole[56:58], "little")
    sizes = [*range(1, 64 + 56 * 3), *range(232, headers + 5000, 61), *range(headers + 5000, len(whole), 7919)]

    def truncated(size):
        path = folder / f"truncated-{size}"
        path.write_bytes(whole[:size])
        problem = broken_problem(vmpt, path, listing, f"cut to {size} bytes")
        path.unlink()
        return problem

    def damaged(position, value):
        path = folder / f"damaged-{position}-{value}"
        path.write_bytes(whole[:position] + bytes([value]) + whole[position + 1:])
        # Some of it does not matter, some makes another, sound dump.
        problem = broken_problem(vmpt, path, None, f"byte {position} is {value}")
        path.unlink()
        return problem

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(truncated, sizes) if p]
        tap.report("\n".join(problems[:5]) or None, f"truncated at {len(sizes)} places")
        changes = [(position, value) for position in range(64 + 56 * 2) for value in (0, 0x7F, 0xFF)]
        problems = [p for p in pool.map(lambda change: damaged(*change), changes) if p]
        tap.report("\n".join(problems[:5]) or None, f"{len(changes)} bytes of the headers changed")


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    dump = source / "testdata/kernels/x86_64-6.1-debian-4level-pti/dump.elf"
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vmpt-cli-") as temporary:
        folder = Path(temporary)
        check_usage(tap, vmpt, dump)
        check_files(tap, vmpt, dump, folder)
        check_output(tap, vmpt, dump, folder)
        check_no_standard_error(tap, vmpt, dump, folder)
        check_siblings(tap, vmpt, source, folder)
        check_layout(tap, vmpt, folder)
        check_shrinking(tap, vmpt, folder)
        check_killed(tap, vmpt, folder)
        check_output_names(tap, vmpt, folder)
        check_read(tap, vmpt, dump)
        check_trim(tap, vmpt, dump, folder)
        check_convert(tap, vmpt, folder)
        check_pipes(tap, vmpt, dump, folder)
        check_truncated(tap, vmpt, dump, folder)
    tap.end()


main()
