#!/usr/bin/env python3
"""The page of `vmpt map` in a real Chromium: what is drawn, and what it answers.

Each dump's page is drawn, zoomed, searched and clicked; what it says of an
address is compared with `vmpt translate`. A dump with hostile names shows them
as text. Without chromium and chromedriver one skipped test.

Usage: map.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose dumps; VMPT_SHOTS=FOLDER keeps pictures)
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from browser import Browser, missing
from tap import Tap, run

CASES = ["testdata/tasks/x86_64-6.1-lab-4level-pti/dump.elf.zst", "testdata/tasks/*/dump.elf.zst",
         "testdata/kernels/arm64-*-lpa2/dump.elf", "testdata/kernels/i386-*/dump.elf",
         "testdata/kernels/x86_64-6.1-debian-5level-pti/dump.elf"]
FULL = "x86_64-6.1-debian-4level-pti.dump.elf"
FIRST_PICTURE_MS = 3000
COLOURS = """const c = document.getElementById(arguments[0]), seen = new Set();
const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
return seen.size;"""
BOX = "const b = document.getElementById(arguments[0]).getBoundingClientRect(); return [b.left, b.top, b.width, b.height];"
TEXT = "return document.getElementById(arguments[0]).innerText;"
# Names that would be markup, or code.
HOSTILE = [b"<img src=x onerr", b"</script><b>x", b"<!--<script>", b"\"'><i>x</i>", "a\u202eb\u200b".encode()]


def unpack(path, folder):
    if path.suffix != ".zst":
        return path
    plain = folder / (path.parent.name + ".elf")
    plain.write_bytes(subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout)
    return plain


class Page:
    def __init__(self, browser, path):
        self.browser = browser
        browser.open(path.as_uri())
        self.ready = browser.wait("const d = document.documentElement.dataset; return d.ready || d.failed")

    def text(self, element):
        return self.browser.run(TEXT, element)

    def middle(self, element):
        left, top, width, height = self.browser.run(BOX, element)
        return left + width / 2, top + height / 3

    def settle(self):
        self.browser.run("return 1")
        self.browser.command("Runtime.evaluate", awaitPromise=True,
                             expression="new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def extent(self):
        first, size = re.match(r"(0x[0-9a-f]+) \+ (.*)", self.text("extent")).groups()
        number, unit = size.split()
        return int(first, 16), float(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(unit)

    def search(self, text):
        """Types it and takes the first result once there is one."""
        self.browser.run("window.scrollTo(0, 0); const s = document.getElementById('search'); s.value = ''; s.focus()")
        self.browser.type(text)
        found = self.browser.wait("return document.querySelector('#results [role=option]') !== null")
        results = self.text("results")
        self.browser.run("document.getElementById('search').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))")
        self.settle()
        return results if found else None


def check_drawn(tap, page, name):
    browser = page.browser
    first = int(browser.run("return document.documentElement.dataset.firstPicture") or 99999)
    tap.report(None if page.ready == "yes" else f"{page.ready}; {page.text('failure')}", f"{name}: the page is made")
    tap.report(None if first < FIRST_PICTURE_MS else f"{first} ms", f"{name}: first picture")
    few = [(canvas, n) for canvas in ("overview", "ladder", "axis", "hilbert")
           if (n := browser.run(COLOURS, canvas)) < 2]
    tap.report(f"colours: {few}" if few else None, f"{name}: something is drawn")


def check_width(tap, page, name):
    for width in (360, 1280):
        page.browser.show(width, 900)
        page.settle()
        wide = page.browser.run("return document.documentElement.scrollWidth")
        tap.report(None if wide <= width else f"it is {wide} wide", f"{name}: nothing overflows {width} pixels")


def check_zoom(tap, page, name):
    """Into a place under the pointer, and out of it again."""
    browser = page.browser
    browser.run("window.scrollTo(0, 0); document.getElementById('zoom-all').click()")
    page.settle()
    before, whole = page.extent()
    x, y = page.middle("axis")
    for _ in range(12):
        browser.wheel(x, y, -400)
    page.settle()
    first, size = page.extent()
    tap.report(None if size < whole / 1000 else f"still {size} of {whole}", f"{name}: the wheel zooms")
    for _ in range(14):
        browser.wheel(x, y, 400)
    page.settle()
    tap.report(None if page.extent() == (before, whole) else f"{page.extent()}", f"{name}: and back, the place is kept")
    browser.run("document.getElementById('axis').focus()")
    for key in ("+", "+", "ArrowRight"):
        browser.key(key)
    page.settle()
    tap.report(None if page.extent()[1] < whole / 3 else f"{page.extent()}", f"{name}: so do keys")
    for keys in (("Home", "n"), ("Home", "p"), ["Home"] + ["+"] * 12):
        for key in keys:
            browser.key(key)
        page.settle()
        tap.report(None if page.extent()[1] < whole and "nothing is mapped here" not in page.text("legend") else
                   f"{page.extent()}: {page.text('legend')}", f"{name}: {keys[1]} leads to what is mapped")
    browser.key("Enter")
    page.settle()
    tap.report(None if "physical" in page.text("detail") else page.text("detail"), f"{name}: Enter tells what is there")


def walk_problem(page, vmpt, dump, address):
    """What the page says of an address is what the command says that it shows."""
    detail = page.text("detail")
    shown = shlex.split(page.browser.run("return document.querySelector('#detail .command code').textContent"))
    if shown[:3] != ["vmpt", "translate", str(dump)] or shown[-1] != hex(address):
        return f"{shown} is not about {hex(address)}"
    result = run(vmpt, *shown[1:], "--format", "json")
    told = json.loads(result.stdout)["addresses"][0]
    wanted = []
    for step in told["steps"]:
        wanted += [f"{step['level']}[{step['index']}]", step["entry_address"], step["value"][2:], " ".join(step["flags"])]
    if told["reason"] is None:
        wanted += [told["physical"], f"{'user' if told['user'] else 'kernel'}, "
                   f"{'writable' if told['writable'] else 'read-only'}, {'' if told['executable'] else 'not '}executable"]
    lacking = [word for word in wanted if word not in detail]
    return f"{hex(address)}: {lacking} in\n{detail}\n{told}" if lacking or not wanted else None


def check_search(tap, page, vmpt, dump, name):
    results = page.search("_stext")
    if results and "symbol" in results:
        address = int(re.search(r"0x[0-9a-f]+", page.text("detail"))[0], 16)
        tap.report(walk_problem(page, vmpt, dump, address), f"{name}: a symbol, and its walk")
    else:
        symbols = page.browser.run("return JSON.parse(document.getElementById('data').textContent).symbols")
        tap.report(f"not found: {results}" if symbols else None, f"{name}: a symbol is found, if there are any")
    data = json.loads(page.browser.run("return document.getElementById('data').textContent"))
    space = data["spaces"][0]["spans"][-1]
    address = int(space["last"], 16) & ~0xfff
    page.search(hex(address))
    tap.report(walk_problem(page, vmpt, dump, address), f"{name}: an address, and its walk")
    processes = [space for space in data["spaces"] if "pid" in space]
    if not processes:
        return
    page.search(str(processes[0]["pid"]))
    tap.report(None if processes[0]["comm"] in page.browser.run(
        "const s = document.getElementById('space'); return s.selectedOptions[0].text") else "another one is shown",
        f"{name}: a process is found")
    page.browser.run("document.getElementById('next').click()")


def size_text(size):
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.0f} {unit}" if size >= 100 or size == int(size) else f"{size:.1f} {unit}"
        size /= 1024


def check_regions(tap, page, vmpt, dump, name):
    """Each page of the kernel counts for the region that it is in, however far away it is looked at."""
    data = json.loads(page.browser.run("return document.getElementById('data').textContent"))
    listing = json.loads(run(vmpt, "kernel", dump, "--format", "json").stdout)["ranges"]
    regions = sorted(((int(r["first"], 16), int(r["last"], 16), r["name"]) for r in data["regions"]), key=lambda r: r[0] - r[1])
    if not all("present" in line for line in listing) or not regions:
        return
    wanted = {}
    for line in listing:
        if not line["present"]:
            continue
        first, last = int(line["first"], 16), int(line["last"], 16)
        borders = {first, last + 1}
        for low, high, _ in regions:
            borders |= {at for at in (low, (high + 0x1000) & ~0xfff) if first < at <= last}
        borders = sorted(borders)
        for begin, end in zip(borders, borders[1:]):
            found = [region for low, high, region in regions if low <= begin <= high]
            if found:
                wanted[found[-1]] = wanted.get(found[-1], 0) + end - begin
    page.browser.run("document.getElementById('space').selectedIndex = 0;"
                     "document.getElementById('space').dispatchEvent(new Event('change'));"
                     "document.getElementById('zoom-all').click();"
                     "document.getElementById('colour').value = 'region';"
                     "document.getElementById('colour').dispatchEvent(new Event('change'))")
    page.settle()
    legend = page.browser.run("return [...document.querySelectorAll('#legend .key')].map(e => e.textContent)")
    shown = dict(re.match(r"(\S+) (.*)", line).groups() for line in legend if re.match(r"[a-z_0-9]+ [0-9]", line))
    wanted = {region: size_text(size) for region, size in wanted.items()}
    shown.pop("espfix", None), wanted.pop("espfix", None)  # Of that a listing has a few lines alone.
    page.browser.run("document.getElementById('colour').value = 'rights';"
                     "document.getElementById('colour').dispatchEvent(new Event('change'))")
    tap.report(None if shown == wanted else f"{shown}\nnot {wanted}", f"{name}: sizes of regions")


def check_module(tap, page, vmpt, dump, name):
    """A symbol of a module, as the kernel prints it."""
    data = json.loads(page.browser.run("return document.getElementById('data').textContent"))
    for part in data["areas"]:
        if part["kind"] != "module" or not part["name"].endswith(" text"):
            continue
        told = json.loads(run(vmpt, "translate", dump, part["first"], "--format", "json").stdout)["addresses"][0]["symbol"]
        if not told:
            continue
        page.search(part["first"])
        tap.report(None if told in page.text("detail") else f"{told} is not in\n{page.text('detail')}", f"{name}: {told}")
        results = page.search(told.split("+")[0])
        tap.report(None if told.split()[1] in results else results, f"{name}: {told} is found by name")
        return


def check_click(tap, page, vmpt, dump, name):
    """Click on what is mapped, in the address space and in memory."""
    browser = page.browser
    browser.run("window.scrollTo(0, 0); document.getElementById('space').selectedIndex = 0;"
                "document.getElementById('space').dispatchEvent(new Event('change'));"
                "document.getElementById('zoom-all').click()")
    page.settle()
    left, top, width, height = browser.run(BOX, "axis")
    browser.click(left + width * 0.9, top + 80)
    page.settle()
    found = re.match(r"0x[0-9a-f]+", page.text("detail"))
    tap.report(walk_problem(page, vmpt, dump, int(found[0], 16)) if found else page.text("detail"),
               f"{name}: a click shows the walk")
    # What is counted meanwhile moves the page below it.
    browser.wait("return document.documentElement.dataset.counted")
    browser.run("document.getElementById('hilbert').scrollIntoView({block: 'center', behavior: 'instant'})")
    page.settle()
    left, top, width, height = browser.run(BOX, "hilbert")
    browser.click(left + 3, top + 3)
    page.settle()
    tap.report(None if page.text("detail").startswith("frame 0x") else page.text("detail"), f"{name}: a click on memory")
    browser.command("Input.dispatchMouseEvent", type="mouseMoved", x=left + 4, y=top + 4)
    tap.report(None if "frame 0x" in page.text("hilbert-hover") else page.text("hilbert-hover"), f"{name}: hovering tells the frame")


def check_theme(tap, page, name):
    colours = []
    for scheme in ("light", "dark"):
        page.browser.show(1280, 900, scheme)
        colours.append(page.browser.run("return getComputedStyle(document.body).backgroundColor"))
    page.browser.run("document.getElementById('theme').click()")
    colours.append(page.browser.run("return getComputedStyle(document.body).backgroundColor"))
    page.browser.run("document.getElementById('theme').click(); document.getElementById('theme').click()")
    tap.report(None if colours[0] != colours[1] and colours[2] == colours[0] else f"{colours}", f"{name}: light, dark, and the switch")
    page.browser.show(1280, 900)


def check_page(tap, browser, vmpt, dump, folder, name):
    path = folder / (name + ".html")
    result = run(vmpt, "map", dump, "-o", path, "--force")
    if not path.exists():
        return tap.report(result.stderr.decode(errors="replace"), f"{name}: a page is written")
    browser.show(1280, 900)
    page = Page(browser, path)
    check_drawn(tap, page, name)
    keep_pictures(page, name)
    check_zoom(tap, page, name)
    check_search(tap, page, vmpt, dump, name)
    check_module(tap, page, vmpt, dump, name)
    check_regions(tap, page, vmpt, dump, name)
    check_click(tap, page, vmpt, dump, name)
    check_theme(tap, page, name)
    check_width(tap, page, name)
    tap.report("\n".join(browser.messages()) or None, f"{name}: the browser has nothing to complain of")


def keep_pictures(page, name):
    if folder := os.environ.get("VMPT_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            for width in (360, 1280):
                page.browser.show(width, 1000, scheme)
                page.settle()
                page.browser.screenshot(Path(folder, f"{name}-{scheme}-{width}.png"))
        page.browser.show(1280, 900)


def check_hostile(tap, browser, vmpt, packed, folder):
    dump = subprocess.run(["zstd", "-dcq", packed], stdout=subprocess.PIPE, check=True).stdout
    for hostile in HOSTILE:
        path, out = folder / "hostile.elf", folder / "hostile.html"
        path.write_bytes(dump.replace(b"demo-threads".ljust(16, b"\0"), hostile[:15].ljust(16, b"\0")))
        run(vmpt, "map", path, "-o", out, "--force")
        page = Page(browser, out)
        shown = page.text("processes")
        elements = browser.run("return document.querySelectorAll('main img, main b.x, main i, main script').length")
        name = hostile[:15].decode(errors="replace")
        plain = name if all(c.isprintable() for c in name) else None
        problem = None
        if page.ready != "yes":
            problem = f"the page is not made: {page.ready}"
        elif elements:
            problem = f"it made {elements} elements"
        elif plain and plain not in shown:
            problem = f"it is not shown as it is:\n{shown}"
        elif not plain and any(not (c.isprintable() or c in "\n\t") for c in shown):
            problem = "a character that steers is shown"
        tap.report(problem, f"a process called {name!r}")
        tap.report("\n".join(browser.messages()) or None, f"and nothing is loaded or run for {name!r}")


def main():
    vmpt, source, wanted = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3:]
    tap = Tap()
    if why := missing():
        tap.skip("the page in Chromium", why)
        return tap.end()
    dumps = list(dict.fromkeys(path for pattern in CASES for path in sorted(source.glob(pattern))))
    # Cut dumps have no symbols of modules.
    dumps += sorted(Path(os.environ["VMPT_DUMPS"]).glob(FULL)) if "VMPT_DUMPS" in os.environ else []
    with tempfile.TemporaryDirectory(prefix="vmpt-map-") as name, Browser() as browser:
        folder = Path(name)
        for path in dumps:
            label = path.stem if path.name == FULL else f"{path.parent.parent.name}-{path.parent.name}"
            if not wanted or any(word in label for word in wanted):
                check_page(tap, browser, vmpt, unpack(path, folder), folder, label)
        if not wanted or "hostile" in wanted:
            check_hostile(tap, browser, vmpt, source / CASES[0], folder)
    tap.end()


main()
