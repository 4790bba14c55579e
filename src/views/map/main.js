// The page as a whole: what is shown, and what one part tells the others.

class App {
  constructor(data) {
    this.data = data;
    this.names = new Names(data);
    this.frames = null;
  }

  async start() {
    const {data} = this;
    this.tables = new Tables(data.tables, data.modes, await unpack("tables"));
    this.spaces = data.spaces.map((space, i) => new Space(space, i, this.tables, this.names.lastUser, data.spaces_overlap));
    this.names.kernelSpace = this.spaces[0];
    this.colouring = new Colouring(this.tables, this.names);
    this.axis = new Axis(this);
    this.detail = new Detail(this);
    this.search = new Search(this);
    const audit = readJson("audit");
    showFacts(data, audit, this);
    showVerdict(readJson("explain"), this);
    this.fillSpaces();
    this.openSpace(this.spaces[0], false);
    this.readHash();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      document.documentElement.dataset.firstPicture = String(Math.round(performance.now()));
    }));
    showProcesses(this);
    showFindings(audit, this);
    showProblems(data);
    showSections(this);
    this.frames = new Frames(data.frames, await unpack("frames"), this.tables);
    this.frames.spaces = this.spaces;
    this.hilbert = new Hilbert(this, this.frames);
    this.hilbert.draw();
    this.names.setSpaceAreas(JSON.parse(new TextDecoder().decode(await unpack("areas"))));
    this.colouring.borders.clear();
    this.axis.setMode(this.axis.mode);
    this.listen();
    document.documentElement.dataset.ready = "yes";
    await this.names.loadSymbols();
    this.axis.draw();
    while (!this.reverseMap.work(25)) await new Promise((resume) => setTimeout(resume, 5));
    document.documentElement.dataset.counted = "yes";
  }

  get space() {
    return this.axis.space;
  }
  get reverseMap() {
    this.mappings ??= new ReverseMap(this.spaces, this.frames.pageBytes);
    return this.mappings;
  }

  /** What prints it: with the options that the page was made with. */
  command(name, ...words) {
    const {file, options} = this.data, path = !file ? [] : [file.startsWith("-") ? "./" + file : file];
    // With --pid --root would be another table.
    const given = options.filter((option) => option.name !== "--root" || !words.includes("--pid"))
      .flatMap((option) => option.value === null ? [option.name] : [option.name, option.value]);
    return commandLine(["vmpt", name, ...path, ...given, ...words].map(quoted).join(" "));
  }

  fillSpaces() {
    const select = byId("space");
    replaceChildren(select, ...this.spaces.map((space) => make("option", {value: space.index}, space.isKernel ? "kernel" : `${space.pid} ${space.comm}`)));
    select.addEventListener("change", () => this.openSpace(this.spaces[select.value], false));
  }
  openSpace(space, scrolls) {
    if (this.axis.space !== space) {
      byId("space").value = space.index;
      this.axis.setSpace(space);
      // The half of a process that is its own.
      const range = space.isKernel ? null : space.rangeOf(0n, space.lastUser);
      if (range) this.axis.show(...this.usedRange(space, range));
      this.axis.draw();
      this.changed();
    }
    if (scrolls) byId("space-section").scrollIntoView({block: "start"});
  }
  /** From the first to the last that is mapped. */
  usedRange(space, [from, to]) {
    let first = null, last = null;
    space.visit(from, to, (to - from) / 2 ** 20, (begin, end) => { first ??= begin; last = end; });
    if (first === null) return [from, to - from];
    const size = Math.min(last, to) - Math.max(first, from);
    const begin = Math.max(first - size * 0.02, from);
    return [begin, Math.min(begin + size * 1.04, to) - begin];
  }

  /** Selects an address; with `goes`, the view goes there. */
  showAddress(space, address, goes) {
    if (goes) this.openSpace(space, false);
    const place = space.placeOf(address);
    this.detail.address(space, address);
    if (place === null) return;
    if (goes) this.axis.show(place - 8, 17);
    this.axis.select(place);
    const walk = space.walk(address);
    if (this.hilbert) this.hilbert.mark(walk.physical === undefined ? null : Math.floor(walk.physical / space.pageBytes));
    if (goes) byId("space-section").scrollIntoView({block: "start"});
    this.changed();
  }
  showFrame(frame) {
    this.hilbert.mark(frame);
    this.detail.frame(frame);
    if (innerWidth < 1000) byId("detail").scrollIntoView({block: "nearest"});
  }

  /** Keeps the place in the address of the page. */
  changed() {
    clearTimeout(this.hashTimer);
    this.hashTimer = setTimeout(() => {
      const {space, from, size, selected} = this.axis;
      const hash = `#space=${space.pid ?? "kernel"}&from=${hex(space.addressAt(from))}&pages=${Number(size.toPrecision(6))}` +
        (selected === null ? "" : `&at=${hex(space.addressAt(selected))}`);
      try { history.replaceState(null, "", hash); } catch { /* some browsers keep files from it */ }
    }, 250);
  }
  readHash() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const space = this.spaces.find((s) => String(s.pid ?? "kernel") === wanted.get("space"));
    if (!space || !/^0x[0-9a-f]+$/.test(wanted.get("from") ?? "") || !(Number(wanted.get("pages")) > 0)) return;
    this.openSpace(space, false);
    const place = space.placeOf(BigInt(wanted.get("from")));
    if (place !== null) this.axis.show(place, Number(wanted.get("pages")));
    if (/^0x[0-9a-f]+$/.test(wanted.get("at") ?? "")) this.showAddress(space, BigInt(wanted.get("at")), false);
  }

  redraw() {
    this.axis.overviewBins = null;
    this.axis.draw();
    this.hilbert?.draw();
  }

  listen() {
    byId("colour").addEventListener("change", (event) => this.axis.setMode(event.target.value));
    byId("hilbert-mode").addEventListener("change", (event) => { this.hilbert.mode = event.target.value; this.hilbert.draw(); });
    const {axis} = this;
    byId("zoom-in").addEventListener("click", () => axis.zoom(1 / 4));
    byId("zoom-out").addEventListener("click", () => axis.zoom(4));
    byId("zoom-all").addEventListener("click", () => axis.show(0, axis.space.size));
    byId("previous").addEventListener("click", () => axis.jump(-1));
    byId("next").addEventListener("click", () => axis.jump(1));
    new ResizeObserver(() => { axis.overviewBins = null; axis.draw(); }).observe(axis.main);
    document.addEventListener("keydown", (event) => {
      if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") { event.preventDefault(); byId("search").focus(); }
      if (event.key === "?") byId("help").showModal();
      if (event.key === "t") nextTheme();
      if (event.target !== axis.main && "np".includes(event.key)) axis.jump(event.key === "n" ? 1 : -1);
    });
    for (const link of document.querySelectorAll("#facts a"))
      link.addEventListener("click", (event) => { event.preventDefault(); byId(link.getAttribute("href").slice(1)).scrollIntoView({block: "start"}); });
    byId("help-open").addEventListener("click", () => byId("help").showModal());
    byId("help-close").addEventListener("click", () => byId("help").close());
    onThemeChange(() => this.redraw());
    // Paper is light.
    addEventListener("beforeprint", () => { document.documentElement.dataset.print = "yes"; this.printNow(); });
    addEventListener("afterprint", () => { delete document.documentElement.dataset.print; this.redraw(); });
  }
  printNow() {
    this.axis.overviewBins = null;
    this.axis.drawOverview();
    this.axis.drawLadder();
    this.axis.drawMain();
    this.hilbert.draw();
    for (const details of document.querySelectorAll("details")) details.open = true;
  }
}

const themes = ["auto", "light", "dark"];
let themeListener = null;
function onThemeChange(listener) {
  themeListener = listener;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(listener));
}
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme;
  try { localStorage.setItem("vmpt-map-theme", theme); } catch { /* not kept */ }
  themeListener?.();
}
function nextTheme() {
  setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
}

function fail(sentence) {
  const box = byId("failure");
  box.hidden = false;
  box.textContent = sentence;
}

let kept = null;
try { kept = localStorage.getItem("vmpt-map-theme"); } catch { /* none is kept */ }
setTheme(themes.includes(kept) ? kept : "auto");
byId("theme").addEventListener("click", nextTheme);
if (typeof DecompressionStream === "undefined") {
  fail("This browser cannot unpack the page's data (it has no DecompressionStream). Chromium 80, Firefox 113 and Safari 16.4 and later can.");
} else {
  const app = new App(readJson("data"));
  app.start().catch((error) => {
    document.documentElement.dataset.failed = String(error);
    fail("This page's data could not be shown: " + error);
    throw error;
  });
}
