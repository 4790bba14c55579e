#!/usr/bin/env python3
"""The file of `vmpt map`: what is in it, and what may not be.

tests/browser/map.py looks at it in a browser.
Usage: map.py VMPT SOURCE_ROOT       (prints TAP)
"""
import base64
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, first_difference, run, sound_messages

MOST_BYTES = 5 << 20


class Scripts(html.parser.HTMLParser):
    """The script and style elements as a browser would part them, and every attribute."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.parts, self.open, self.attributes, self.tags = {}, None, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag in ("script", "style"):
            self.open = dict(attributes).get("id", tag)
            self.parts[self.open] = ""

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.open = None

    def handle_data(self, data):
        if self.open:
            self.parts[self.open] += data


def inflate(text):
    return zlib.decompress(base64.b64decode(text))


def policy_problem(page):
    policy = next(value for tag, name, value in page.attributes if name == "content" and "default-src" in value)
    for part in ("script", "style"):
        wanted = base64.b64encode(hashlib.sha256(page.parts[part].encode()).digest()).decode()
        if f"'sha256-{wanted}'" not in policy:
            return f"the policy lacks the hash of its own {part}: {policy}"
    return None if "default-src 'none'" in policy and "unsafe" not in policy else policy


def outside_problem(page):
    """Nothing is fetched, and no attribute runs."""
    bad = [(tag, name, value) for tag, name, value in page.attributes
           if name in ("src", "href", "action", "srcset", "style") or name.startswith("on")]
    return f"{bad}" if bad else None


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def tables_problem(data, packed):
    """The headers tell where all that follows is, and each root is a table."""
    at, address, sizes, roots = 0, 0, 0, set()
    for _ in range(data["tables"]["tables"]):
        _, at = varint(packed, at)
        level, at = varint(packed, at)
        twice, at = varint(packed, at)
        address += ((twice >> 1) ^ -(twice & 1)) * 4
        _, at = varint(packed, at)
        size, at = varint(packed, at)
        sizes += size
        if level == 0:
            roots.add(address)
    if at + sizes != len(packed):
        return f"{at} + {sizes} bytes, {len(packed)} are there"
    wanted = {int(span[key], 16) for space in data["spaces"] for span in space["spans"] for key in ("root", "user_root") if span[key]}
    return None if wanted == roots else f"roots {sorted(map(hex, wanted ^ roots))}"


def frames_problem(data, packed):
    numbers, at = [], 0
    while at < len(packed):
        value, at = varint(packed, at)
        numbers.append(value)
    runs, owners = data["frames"]["runs"], data["frames"]["owners"]
    if len(numbers) != 3 * (runs + owners):
        return f"{len(numbers)} numbers for {runs} and {owners} runs"
    shared, own = 0, {}
    for i in range(3 * runs, len(numbers), 3):
        shared += numbers[i + 1] if not numbers[i + 2] else 0
        own[numbers[i + 2]] = own.get(numbers[i + 2], 0) + numbers[i + 1]
    for i, space in enumerate(data["spaces"]):
        if i and space["frames"] != space["shared_frames"] + own.get(i, 0):
            return f"space {i}: {space['frames']} frames, {space['shared_frames']} shared, {own.get(i, 0)} its own"
    return None


def owners_problem(data, areas):
    """A process has no more frames than its areas have room for: the kernel's are not its own."""
    page = 1 << data["frames"]["page_shift"]
    for space, parts in zip(data["spaces"], areas):
        room = sum(int(part["last"], 16) + 1 - int(part["first"], 16) for part in parts)
        if room and space["frames"] * page > room:
            return f"pid {space['pid']}: {space['frames']} frames in areas of {room:#x} bytes"
    return None


def styles_problem(data):
    """A process's own mode gives its pages to user code, and its pages tell their age."""
    modes = {span["mode"] for space in data["spaces"] if "pid" in space for span in space["spans"]}
    last = {number: len(data["modes"][number]["levels"]) - 1 for number in modes}
    pages = [style for style in data["tables"]["styles"] if style["meaning"] == "page" and style["level"] == last.get(style["mode"])]
    if not pages or not any(not style["denied"] & 4 for style in pages):
        return f"{len(pages)} kinds of page, none of user code"
    if bad := [style for style in pages if style["accessed"] is None]:
        return f"of no age: {bad[:2]}"
    if data["arch"] != "s390x" and not any(style["memory"] for style in pages):
        return "no memory type is told"
    return None


def check_page(tap, vmpt, dump, folder, name):
    path = folder / "page.html"
    result = run(vmpt, "map", dump, "-o", path, "--force")
    if result.returncode not in (0, 1):
        return tap.report(result.stderr.decode(errors="replace"), f"{name}: exit status")
    gaps = [line for line in result.stderr.splitlines() if b"vmpt: warning: " in line]
    tap.report(sound_messages(result.stderr) or (None if bool(gaps) >= bool(result.returncode) else "status 1 without a reason"),
               f"{name}: what it lacks is named")
    text = path.read_text(encoding="utf-8")
    tap.report(None if len(text) < MOST_BYTES else f"{len(text)} bytes", f"{name}: size")
    page = Scripts(text)
    tap.report(policy_problem(page), f"{name}: the policy allows its own script and no other")
    tap.report(outside_problem(page), f"{name}: nothing is fetched")
    data = json.loads(page.parts["data"])
    tap.report(None if "<" not in page.parts["data"] + page.parts["explain"] + page.parts["audit"] else "it has a <", f"{name}: data")
    said = [row for row in data["findings"] if row["severity"] == "gap"]
    tap.report(None if bool(said) == (result.returncode == 1) else f"{said}, status {result.returncode}", f"{name}: gaps are in the page")
    tap.report(tables_problem(data, inflate(page.parts["tables"])), f"{name}: tables")
    tap.report(frames_problem(data, inflate(page.parts["frames"])), f"{name}: frames")
    areas = json.loads(inflate(page.parts["areas"]))
    counts = [len(space) for space in areas]
    tap.report(None if counts == [space["areas"] for space in data["spaces"]] else f"{counts}", f"{name}: areas")
    tap.report(owners_problem(data, areas), f"{name}: frames are those of a process's areas")
    tap.report(styles_problem(data) if any(counts) else None, f"{name}: kinds of page")
    check_processes(tap, vmpt, dump, data, name)
    for command in ("explain", "audit"):
        told = json.loads(run(vmpt, command, dump, "--format", "json").stdout)
        mine = json.loads(page.parts[command])
        told.pop("findings", None), mine.pop("findings", None)
        # What was tried before is more where more was asked before.
        texts = [re.sub(r"\(tried [^)]*\)", "", json.dumps(each, indent=1)) for each in (told, mine)]
        tap.report(first_difference(*texts), f"{name}: what {command} says")


def check_processes(tap, vmpt, dump, data, name):
    result = run(vmpt, "tasks", dump, "--format", "json")
    tasks = json.loads(result.stdout)["tasks"] if result.returncode < 2 else []
    wanted = {task["pid"]: task["table_bytes"] for task in tasks if task.get("root") and not task["kernel_thread"]}
    found = {space["pid"]: space["table_bytes"] for space in data["spaces"] if "pid" in space}
    # Of processes that share an mm one is there.
    problem = [pid for pid in found if wanted.get(pid) != found[pid]]
    tap.report(f"{problem}: {found}, {wanted}" if problem or bool(found) != bool(wanted) else None, f"{name}: processes")


def check_options(tap, vmpt, dump, folder):
    out = folder / "there.html"
    result = run(vmpt, "map", dump)
    tap.report(None if result.returncode == 2 and b"map needs -o OUT" in result.stderr else f"{result}", "map without an output")
    out.write_text("mine")
    result = run(vmpt, "map", dump, "-o", out)
    tap.report(None if result.returncode == 2 and out.read_text() == "mine" else f"{result}", "map keeps a file that exists")
    run(vmpt, "map", dump, "-o", out, "--force")
    result = run(vmpt, "map", dump, "-o", "-")
    tap.report(None if result.stdout == out.read_bytes() else "another page", "map -o -: the same page")
    page = Scripts(run(vmpt, "map", dump, "-j", "1", "--arch", "x86_64", "--force", "-o", "-").stdout.decode())
    given = json.loads(page.parts["data"])["options"]
    wanted = [{"name": "--arch", "value": "x86_64"}, {"name": "--force", "value": None}]
    tap.report(None if given == wanted else f"{given}", "the page keeps the options that its commands need")
    result = run(vmpt, "map", __file__, "-o", folder / "none.html")
    tap.report(None if result.returncode == 2 and not (folder / "none.html").exists() else f"{result}", "map of what is no dump")


def check_names(tap, vmpt, dump, folder):
    """A name that would end the element, or begin another."""
    content = dump.read_bytes()
    for name in (b"</script><b>x", b"<!--<script>", b"]]>\"'&lt;&#60;\\"):
        path = folder / "named.elf"
        path.write_bytes(content.replace(b"demo-threads".ljust(16, b"\0"), name[:15].ljust(16, b"\0")))
        page = Scripts(run(vmpt, "map", path, "-o", "-").stdout.decode())
        plain = Scripts(run(vmpt, "map", dump, "-o", "-").stdout.decode())
        names = [space.get("comm") for space in json.loads(page.parts["data"])["spaces"]]
        problem = None if name[:15].decode() in names else f"{names}"
        if page.tags != plain.tags:
            problem = "it made elements"
        tap.report(problem, f"a process called {name!r}")


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vmpt-map-") as name:
        folder = Path(name)
        lab = None
        for packed in sorted(source.glob("testdata/tasks/*/dump.elf.zst")):
            dump = folder / (packed.parent.name + ".elf")
            dump.write_bytes(subprocess.run(["zstd", "-dcq", packed], stdout=subprocess.PIPE, check=True).stdout)
            check_page(tap, vmpt, dump, folder, packed.parent.name)
            lab = dump if "x86_64" in dump.name else lab
        for word in ("arm64-6.12-64k-va52", "i386-6.1-debian-2level", "x86_64-6.1-debian-5level-pti"):
            check_page(tap, vmpt, source / "testdata/kernels" / word / "dump.elf", folder, word + ", trimmed")
        machines = Path(os.environ.get("VMPT_SHARED", source / "../shared")) / "machines"
        for packed in sorted(machines.glob("*/dump.elf.zst")):
            dump = folder / "machine.elf"
            dump.write_bytes(subprocess.run(["zstd", "-dcq", packed], stdout=subprocess.PIPE, check=True).stdout)
            check_page(tap, vmpt, dump, folder, packed.parent.name)
            dump.unlink()
        check_options(tap, vmpt, lab, folder)
        check_names(tap, vmpt, lab, folder)
    tap.end()


main()
