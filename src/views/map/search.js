// Search: an address, a symbol, a process, a module, an area, a section.

class Search {
  constructor(app) {
    this.app = app;
    this.input = byId("search");
    this.list = byId("results");
    this.results = [];
    this.chosen = 0;
    this.input.addEventListener("input", () => this.run());
    this.input.addEventListener("focus", () => this.run());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => setTimeout(() => { this.list.hidden = true; this.input.setAttribute("aria-expanded", "false"); }, 150));
  }

  async run() {
    const text = this.input.value.trim();
    this.results = text ? this.find(text) : [];
    this.render();
    if (!text || this.app.names.symbols || !this.app.names.symbolCount) return;
    await this.app.names.loadSymbols();
    if (this.input.value.trim() === text) {
      this.results = this.find(text);
      this.render();
    }
  }

  /** [{kind, text, go}], the likeliest first. */
  find(text) {
    const symbols = this.findSymbols(text), exact = symbols.filter((symbol) => symbol.isExact);
    return [...this.findNumbers(text), ...this.findProcesses(text), ...exact, ...this.findAreas(text),
            ...symbols.filter((symbol) => !symbol.isExact)].slice(0, 16);
  }

  findNumbers(text) {
    const {app} = this, found = [];
    const physical = /^(?:phys|pfn):(?:0x)?([0-9a-f]+)$/i.exec(text);
    if (physical && app.frames) {
      const number = BigInt("0x" + physical[1]);
      const frame = text.toLowerCase().startsWith("pfn") ? Number(number) : Number(number / BigInt(app.frames.pageBytes));
      found.push({kind: "frame", text: hex(frame), go: () => app.showFrame(frame)});
    }
    const virtual = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text);
    if (virtual && (text.toLowerCase().startsWith("0x") || text.length >= 6)) {
      const address = BigInt("0x" + virtual[1]);
      const kernel = app.spaces[0], others = app.spaces.filter((s) => s !== app.space && !s.isKernel).slice(0, 6);
      const spaces = kernel.spacesOverlap ? [...new Set([app.space, kernel, ...others])] : !kernel.isKernels(address) ? [app.space, ...others]
        : [app.space.placeOf(address) === null ? kernel : app.space];
      for (const space of spaces)
        found.push({kind: "address", text: `${hex(address)} in ${space.label}`, go: () => app.showAddress(space, address, true)});
    }
    return found;
  }

  findProcesses(text) {
    const low = text.toLowerCase();
    return this.app.spaces.filter((space) => !space.isKernel && (String(space.pid) === text || space.comm.toLowerCase().includes(low)))
      .slice(0, 6).map((space) => ({kind: "process", text: space.label, go: () => this.app.openSpace(space, true)}));
  }

  findSymbols(text) {
    const {names} = this.app;
    if (!names.symbols) return [];
    const [, name, offset] = /^(.*?)(?:\+(0x[0-9a-f]+))?$/i.exec(text);
    const low = name.toLowerCase(), exact = [], starts = [], others = [];
    for (const symbol of names.symbols) {
      const at = symbol.name.toLowerCase().indexOf(low);
      if (at < 0 || !symbol.name) continue;
      if (symbol.name === name) exact.push(symbol);
      else if (at === 0 && starts.length < 10) starts.push(symbol);
      else if (others.length < 10) others.push(symbol);
    }
    return [...exact, ...starts, ...others].slice(0, 10).map((symbol) => ({
      kind: "symbol", isExact: symbol.name === name, text: symbol.name + (offset && symbol.name === name ? "+" + offset : "") + names.moduleMark(symbol.address),
      go: () => this.app.showAddress(this.app.spaces[0], symbol.address + (symbol.name === name ? BigInt(offset ?? 0) : 0n), true),
    }));
  }

  findAreas(text) {
    const {app} = this, {names} = app, low = text.toLowerCase(), found = [];
    const add = (kind, space, areas) => {
      for (const area of areas)
        if (found.length < 8 && area.name.toLowerCase().includes(low))
          found.push({kind, text: `${area.name}${space.isKernel ? "" : " of " + space.label}`,
                      go: () => { app.openSpace(space, true); app.axis.showRange(area.first, area.last); app.showAddress(space, area.first, false); }});
    };
    add("section", app.spaces[0], names.sections);
    add("region", app.spaces[0], names.regions);
    add("area", app.spaces[0], names.kernelAreas);
    if (!app.space.isKernel) add("area", app.space, names.areasOf(app.space));
    return found;
  }

  render() {
    this.chosen = Math.min(this.chosen, Math.max(0, this.results.length - 1));
    const isOpen = this.input.value.trim() !== "" && document.activeElement === this.input;
    this.list.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    replaceChildren(this.list, ...(this.results.length ? this.results.map((result, i) => {
      const item = make("li", {role: "option", id: "result-" + i, "aria-selected": String(i === this.chosen)}, make("small", {}, result.kind), " ", result.text);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); this.take(i); });
      return item;
    }) : [make("li", {class: "none"}, this.app.names.symbols || !this.app.names.symbolCount ? "nothing of that name" : "looking …")]));
    this.input.setAttribute("aria-activedescendant", this.results.length ? "result-" + this.chosen : "");
  }

  take(index) {
    const result = this.results[index];
    if (!result) return;
    this.input.value = "";
    this.input.blur();
    this.list.hidden = true;
    result.go();
  }
  onKey(event) {
    if (event.key === "Escape") this.input.blur();
    if (event.key === "Enter") { event.preventDefault(); this.take(this.chosen); }
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    this.chosen = Math.max(0, Math.min(this.results.length - 1, this.chosen + step));
    this.render();
  }
}
