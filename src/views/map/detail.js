// What an address is: its way through the tables, what lies there, and the
// command that prints the same.

class Detail {
  constructor(app) {
    this.app = app;
    this.box = byId("detail");
  }

  async address(space, address) {
    const {app} = this, walk = space.walk(address);
    const render = () => {
      if (this.shown !== address || this.space !== space) return;
      this.box.classList.add("chosen");
      replaceChildren(this.box, ...this.addressParts(space, address, walk));
    };
    this.shown = address;
    this.space = space;
    render();
    if (!app.names.symbols && app.names.symbolCount && space.isKernels(address)) {
      await app.names.loadSymbols();
      render();
    }
  }

  addressParts(space, address, walk) {
    const {app} = this, section = app.names.sectionAt(address), region = app.names.regionAt(space, address);
    const area = app.names.areaAt(space, address), symbol = app.names.symbolAt(space, address);
    const rows = [["space", space.label]];
    if (space.isKernels(address) || !space.isKernel)
      rows.push(["section", space.isKernels(address) ? section?.name : "User Space"]);
    rows.push(["region", region?.name.replaceAll("_", " ")]);
    rows.push([area?.kind === "area" ? "area" : area?.kind ?? "area",
               area ? `${area.name}${area.rights ? " " + area.rights : ""}, ${hex(area.first)}–${hex(area.last)}` : null]);
    rows.push(["symbol", symbol ? `${symbol.name}+${hex(symbol.offset)}/${hex(symbol.size)}${app.names.moduleMark(address)}` : null]);
    const isMapped = walk.physical !== undefined;
    rows.push(["outcome", isMapped ? `a page of ${sizeText(walk.pageBytes)}` : walk.outcome]);
    if (walk.target !== undefined) rows.push(["its page", this.frameLink(walk.target)]);
    if (isMapped) {
      rows.push(["physical", this.frameLink(walk.physical)]);
      rows.push(["rights", rightsText(walk.denied)]);
      rows.push(["memory type", walk.style.memory]);
      rows.push(["the kernel's words", walk.style.words.join(" ")]);
      const frame = app.frames?.wordOf(Math.floor(walk.physical / space.pageBytes));
      if (frame) rows.push(["its frame", frameText(app.frames, Math.floor(walk.physical / space.pageBytes))]);
    }
    const who = space.isKernel ? [] : ["--pid", String(space.pid)];
    return [
      make("h3", {}, make("code", {}, hex(address))),
      facts(rows),
      make("h4", {}, "Its way through the tables"),
      this.walkTable(walk),
      make("h4", {}, "The same from vmpt"),
      app.command("translate", ...who, hex(address)),
      isMapped ? app.command("rmap", hex(walk.physical)) : null,
      isMapped ? app.command("read", "--virtual", ...who, hex(address), "64") : null,
    ];
  }

  frameLink(physical) {
    const button = make("button", {type: "button", class: "link", onclick: () => this.app.showFrame(Math.floor(physical / this.app.space.pageBytes))}, hex(physical));
    return button;
  }

  walkTable(walk) {
    if (!walk.steps.length) return make("p", {}, walk.outcome);
    const digits = (walk.part.mode.entry_bytes ?? 8) * 2;
    const rows = walk.steps.map((step) => {
      const {style} = step;
      const leads = !style ? "nothing" : style.isTable ? "table " + hex(step.target) : style.isLeaf ? "page " + hex(step.target)
        : style.meaning === "reserved" ? "reserved" : "not present" + (style.kind === "unknown" || style.kind === "untouched" ? "" : ": " + style.kind);
      return make("tr", {}, make("th", {scope: "row"}, `${step.name}[${step.index}]`),
        make("td", {}, make("code", {}, hexPadded(step.value, digits)), make("small", {}, (style?.bits ?? []).join(" ")),
             make("small", {}, "at " + hex(step.entryAddress))),
        make("td", {}, leads));
    });
    return make("div", {class: "scroll"}, make("table", {class: "walk"},
      make("thead", {}, make("tr", {}, ...["entry", "value, bits, place", "leads to"].map((t) => make("th", {scope: "col"}, t)))),
      make("tbody", {}, ...rows)), walk.isUnknown ? make("p", {class: "warning"}, walk.outcome) : null);
  }

  frame(frame) {
    const {app} = this, {frames} = app;
    this.shown = null;
    this.box.classList.add("chosen");
    const {mappings, count, isCut} = app.reverseMap.find(frame);
    const word = frames.wordOf(frame), physical = hex(BigInt(frame) * BigInt(frames.pageBytes));
    const list = mappings.map(({space, address}) => make("li", {},
      make("button", {type: "button", class: "link", onclick: () => app.showAddress(space, address, true)}, hex(address)),
      " ", space.label));
    replaceChildren(this.box,
      make("h3", {}, "frame ", make("code", {}, hex(frame))),
      facts([["physical", physical], ["what it is", frameText(frames, frame)],
             ["flags", word?.flags.join(", ") || (word?.state === "known" ? "none" : "its struct page is not known")],
             ["in the dump", !word || word.absence ? "no: " + (word?.absence ?? "outside_ram").replace("_", " ") : "yes"]]),
      make("h4", {}, count ? `Mapped at ${countText(count)} ${count === 1 ? "address" : "addresses"}` : "Mapped nowhere"),
      make("ul", {class: "mappings"}, ...list, count > list.length ? make("li", {}, `and ${countText(count - list.length)} more`) : null),
      isCut ? make("p", {class: "warning"}, "There are more mappings than this page counts; vmpt rmap knows all.") : null,
      make("h4", {}, "The same from vmpt"),
      app.command("page", "pfn:" + hex(frame)),
      app.command("rmap", physical));
  }
}

function facts(rows) {
  return make("dl", {class: "facts"}, ...rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function frameText(frames, frame) {
  const owner = frames.ownerOf(frame), kind = frames.kindAt(frame);
  return frameKinds[kind].label + (owner ? `, ${visible(frames.spaces[owner]?.label ?? "?")}` : owner === 0 ? ", several processes" : "");
}
