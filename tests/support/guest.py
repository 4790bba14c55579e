"""A kernel under QEMU (TCG) with guest.c as all that runs there, and the host's side of it.

Process 1 calls getsid() for ever. There the host stops all CPUs by QEMU's
gdbstub, dumps memory, and has the kernel call functions of its own instead.
"""
import collections
import json
import re
import socket
import subprocess
import time
from pathlib import Path

BOOT_SECONDS = 400
GFP_KERNEL = 0xCC0  # linux include/linux/gfp_types.h, 5.10 to 7.2
# Memory of the kernel's: a struct seq_file, what it is asked with, and its text from HEAD on.
ROOM, INFO, MARKERS, NAMES, HEAD = 1 << 20, 512, 1024, 2048, 4096

# What QEMU, its gdbstub and the compiler call the machines. `registers` are the
# numbers of the first three arguments of a function and of the program counter.
Machine = collections.namedtuple("Machine", "qemu target word registers console prefix options cpus")
MACHINES = {
    "amd64": Machine("x86_64", "x86_64-linux-gnu", 8, (5, 4, 3, 16), "ttyS0", "__x64_",
                     ["-machine", "q35"], ("max,-la57", "max")),
    "i386": Machine("i386", "i386-linux-gnu", 4, (0, 2, 1, 8), "ttyS0", "__ia32_",
                    ["-machine", "q35"], ("max",)),
    "arm64": Machine("aarch64", "aarch64-linux-gnu", 8, (0, 1, 2, 32), "ttyAMA0", "__arm64_",
                     ["-machine", "virt"], ("cortex-a76", "max,pauth-impdef=on")),
    "armhf": Machine("arm", "armv7ve-linux-gnueabihf", 4, (0, 1, 2, 15), "ttyAMA0", "",
                     ["-machine", "virt,highmem=off"], ("cortex-a15",)),
    "riscv64": Machine("riscv64", "riscv64-linux-gnu", 8, (10, 11, 12, 32), "ttyS0", "(?:__riscv_)?",
                       ["-machine", "virt"], ("rv64",)),
}


def make_initrd(machine, folder):
    """A cpio archive ("newc") of /dev/console and /init."""
    init = folder / "init"
    subprocess.run(["clang", f"--target={machine.target}", "-O1", "-ffreestanding", "-fno-stack-protector",
                    "-fomit-frame-pointer", "-fno-pic", "-static", "-nostdlib", "-fuse-ld=lld", "-w",
                    Path(__file__).with_name("guest.c"), "-o", init], check=True)
    archive = b""
    for name, mode, device, data in [("dev", 0o40755, (0, 0), b""), ("dev/console", 0o20600, (5, 1), b""),
                                     ("init", 0o100755, (0, 0), init.read_bytes()), ("TRAILER!!!", 0, (0, 0), b"")]:
        numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        entry = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
        archive += entry + bytes(-len(entry) % 4) + data + bytes(-len(data) % 4)
    initrd = folder / "initrd"
    initrd.write_bytes(archive)
    return initrd


class Gdb:
    """As much of gdb's protocol as sets a breakpoint, registers and memory."""

    def __init__(self, connection, word):
        self.connection, self.word, self.buffer = connection, word, b""
        self.ask("qXfer:features:read:target.xml:0,1")  # before which QEMU names no single register

    def answer(self):
        """But what tells that QEMU stopped the guest for us, SIGINT, which comes at any time."""
        while (answer := self.packet()).startswith("T02"):
            pass
        return answer

    def packet(self):
        while not (packet := re.search(rb"\$([^#]*)#..", self.buffer, re.S)):
            got = self.connection.recv(1 << 16)
            if not got:
                raise EOFError("QEMU has ended")
            self.buffer += got
        self.buffer = self.buffer[packet.end():]
        self.connection.sendall(b"+")
        return packet[1].decode()

    def ask(self, command):
        self.connection.sendall(f"${command}#{sum(command.encode()) & 255:02x}".encode())
        answer = self.answer()
        if re.fullmatch("(E..)?", answer):
            raise RuntimeError(f"gdb: {command[:40]}: {answer}")
        return answer

    def run_to(self, address):
        """Registers are then those of the CPU that came there."""
        self.ask(f"Z0,{address:x},1")
        stop = self.ask("c")
        thread = re.search(r"thread:([^;]+);", stop)
        if not stop.startswith("T05") or not thread:
            raise RuntimeError(f"the guest stopped with {stop}")
        self.ask("Hg" + thread[1])
        self.ask(f"z0,{address:x},1")

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}"))[:self.word], "little")

    def set_register(self, number, value):
        self.ask(f"P{number:x}={value.to_bytes(self.word, 'little').hex()}")

    def read(self, address, size):
        most = 1024
        return b"".join(bytes.fromhex(self.ask(f"m{address + at:x},{min(most, size - at):x}")) for at in range(0, size, most))

    def write(self, address, data):
        self.ask(f"M{address:x},{len(data):x}:{data.hex()}")


class Guest:
    """A kernel under QEMU; guest.c is its only program."""

    def __init__(self, machine, cpu, kernel, initrd, folder):
        self.machine, self.folder = machine, folder
        qemu = [f"qemu-system-{machine.qemu}", *machine.options, "-cpu", cpu, "-m", "320", "-smp", "2", "-accel", "tcg",
                "-kernel", kernel, "-initrd", initrd, "-nodefaults", "-display", "none", "-no-reboot",
                "-append", f"console={machine.console} panic=-1 quiet loglevel=2 pti=on no_timer_check secretmem.enable=1 "
                           "damon_stat.enabled=0 "  # which clears accessed bits all the time
                           "vsyscall=xonly",  # Debian has none by default
                "-chardev", f"socket,id=console,path={folder}/console,server=on,wait=off", "-serial", "chardev:console",
                "-qmp", f"unix:{folder}/qmp,server=on,wait=off", "-gdb", f"unix:{folder}/gdb,server=on,wait=off"]
        self.process = subprocess.Popen(list(map(str, qemu)), stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connect(self, name):
        until = time.time() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.folder / name))
                connection.settimeout(BOOT_SECONDS)
                return connection
            except OSError:
                connection.close()
                if time.time() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def boot(self):
        """To where /proc was read. What the kernel's symbols are, the guest says."""
        console, said, until = self.connect("console"), b"", time.time() + BOOT_SECONDS
        while b"@ ready" not in said:
            got = console.recv(1 << 16)
            said += got
            if not got or time.time() > until:
                raise EOFError("no boot: " + said[-300:].decode(errors="replace"))
        symbols = re.findall(r"^@ (\w+) \w (\S+)\r?$", said.decode(errors="replace"), re.M)
        self.symbols = {name: int(address, 16) for address, name in symbols}
        stops = [at for name, at in self.symbols.items() if re.fullmatch(self.machine.prefix + "sys_getsid", name)]
        self.gdb = Gdb(self.connect("gdb"), self.machine.word)
        self.symbols["getsid"] = stops[0]
        console.sendall(b"\n")
        self.gdb.run_to(self.symbols["answered"])

    def lab(self, member):
        """Of the struct of that name: text, length, answer."""
        word = self.machine.word
        return int.from_bytes(self.gdb.read(self.symbols["lab"] + member * word, word), "little")

    def dump(self, path):
        qmp = self.connect("qmp").makefile("rwb", buffering=0)
        qmp.readline()
        for command in [{"execute": "qmp_capabilities"},
                        {"execute": "dump-guest-memory", "arguments": {"paging": False, "protocol": f"file:{path}"}}]:
            qmp.write(json.dumps(command).encode() + b"\n")
            while "return" not in (answer := json.loads(qmp.readline())):
                if "error" in answer:
                    raise RuntimeError(f"QEMU: {answer['error']['desc']}")

    def write_case(self, case):
        """proc/PID/{comm,stat,maps,tasks}, as the judges want them."""
        data, at = self.gdb.read(self.lab(0), self.lab(1)), 0
        while at < len(data):
            end = data.index(b"\n", at)
            path, length = re.fullmatch(rb"@ /proc/(\S+) (\d+)", data[at:end]).groups()
            at = end + 1 + int(length)
            file = case / "proc" / path.decode()
            if "/task/" in path.decode():
                process, _, thread, _ = path.decode().split("/")
                with open(case / "proc" / process / "tasks", "ab") as tasks:
                    tasks.write(thread.encode() + b" " + data[end + 1:at])
            elif int(length):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data[end + 1:at])

    # What follows calls functions of the kernel. Where kallsyms has no data, what
    # they work on is seen on the way: all start with the check for W+X.
    def call(self, function, *arguments, until="getsid"):
        """Instead of getsid(), and on to the next one, or to a function that it calls."""
        registers = self.machine.registers
        for number, value in zip(registers, arguments):
            self.gdb.set_register(number, value)
        self.gdb.set_register(registers[-1], self.symbols[function])
        self.gdb.run_to(self.symbols[until])

    def make_room(self):
        """Memory of the kernel's own for its text; before the dump, which then has it too."""
        function, = (name for name in self.symbols if re.fullmatch(r"alloc_pages_exact(_noprof)?", name))
        self.gdb.run_to(self.symbols["getsid"])
        self.call(function, ROOM, GFP_KERNEL, until="answered")
        self.room = self.lab(2)
        self.gdb.run_to(self.symbols["getsid"])
        if not self.room:
            raise RuntimeError("the guest's kernel gives no memory")

    def words(self, *values):
        return b"".join((value & (1 << 8 * self.machine.word) - 1).to_bytes(self.machine.word, "little") for value in values)

    def new_text(self):
        """A struct seq_file {buf, size, from, count, ...}, and its text behind."""
        self.gdb.write(self.room, self.words(self.room + HEAD, ROOM - HEAD).ljust(INFO, b"\0"))
        return self.room

    def text(self):
        word = self.machine.word
        used = int.from_bytes(self.gdb.read(self.room + 3 * word, word), "little")
        if used >= ROOM - HEAD:
            raise RuntimeError("the kernel's text is longer than the room for it")
        return self.gdb.read(self.room + HEAD, used)

    def find_init_mm(self, check):
        """What the kernel's check for W+X is called with, in ptdump_walk_pgd(state, mm, pgd)."""
        self.call(check, until="ptdump_walk_pgd")
        self.symbols["init_mm"] = self.gdb.register(self.machine.registers[1])

    def print_x86(self, mm=None, user=0):
        if not mm and "init_mm" not in self.symbols:
            self.find_init_mm("ptdump_walk_pgd_level_checkwx")
            self.gdb.run_to(self.symbols["getsid"])
        self.call("ptdump_walk_pgd_level_debugfs", self.new_text(), mm or self.symbols["init_mm"], user)
        return self.text()

    def print_arm64(self, sections):
        """By ptdump_walk(seq, info {mm, markers, base_addr}), with `sections` as address_markers."""
        names, markers = b"", b""
        for start, name in sections:
            markers += self.words(start, self.room + NAMES + len(names))
            names += name.encode() + b"\0"
        self.find_init_mm("ptdump_check_wx")
        base = self.checked_range()
        self.new_text()
        self.gdb.write(self.room + MARKERS, markers + self.words(-1, 0))
        self.gdb.write(self.room + NAMES, names)
        self.gdb.run_to(self.symbols["getsid"])
        self.gdb.write(self.room + INFO, self.words(self.symbols["init_mm"], self.room + MARKERS, base))
        self.call("ptdump_walk", self.room, self.room + INFO)
        return self.text()

    def checked_range(self):
        """The start of the only range {start, ~0} that the check's struct ptdump_state points to."""
        word, state = self.machine.word, self.gdb.register(self.machine.registers[0])
        for at in range(0, 16 * word, word):
            pointer = int.from_bytes(self.gdb.read(state + at, word), "little")
            if pointer >> 8 * word - 1:
                ranges = self.gdb.read(pointer, 4 * word)
                if ranges[word:] == self.words(-1, 0, 0):
                    return int.from_bytes(ranges[:word], "little")
        raise RuntimeError("the range of the kernel's check for W+X is not seen")
