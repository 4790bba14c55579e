// Names of addresses: sections, regions, areas, symbols.

class Names {
  constructor(data) {
    const parse = (area) => ({...area, first: BigInt(area.first), last: BigInt(area.last)});
    this.regions = data.regions.map(parse);
    this.sections = data.sections.map((section) => ({name: section.name, first: BigInt(section.first)}))
      .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    this.sections.forEach((section, i) => {
      const next = this.sections[i + 1];
      section.last = next && next.first > section.first ? next.first - 1n : next ? section.first : 2n ** 64n - 1n;
    });
    this.kernelAreas = data.areas.map(parse);
    this.spaceAreas = null;
    this.symbols = null;
    this.symbolCount = data.symbols;
    this.lastUser = BigInt(data.last_user);
  }

  setSpaceAreas(json) {
    this.spaceAreas = json.map((areas) => areas.map((area) => ({
      ...area, first: BigInt(area.first), last: BigInt(area.last),
      name: area.name || (area.rights[3] === "s" ? "[shared]" : "[anonymous]"),
    })));
  }
  areasOf(space) {
    return space.isKernel || !this.spaceAreas ? [] : this.spaceAreas[space.index];
  }

  /** Where spaces overlap, regions are the kernel's own space's. */
  regionsOf(space) {
    return space.spacesOverlap && !space.isKernel ? [] : this.regions;
  }
  regionAt(space, address) {
    let found = null;
    for (const region of this.regionsOf(space))
      if (region.first <= address && address <= region.last &&
          (!found || region.last - region.first < found.last - found.first)) found = region;
    return found;
  }
  sectionAt(address) {
    return this.sections[lastWhere(this.sections, (section) => section.first <= address)] ?? null;
  }
  /** A module, what asked for a part of vmalloc space, or an area of the process. */
  areaAt(space, address, isWanted = () => true) {
    for (const areas of [this.areasOf(space), space.isKernels(address) ? this.kernelAreas : []]) {
      const at = lastWhere(areas, (area) => area.first <= address);
      for (let i = at; i >= 0 && i > at - 4; --i) if (areas[i].last >= address && isWanted(areas[i])) return areas[i];
    }
    return null;
  }
  /** " [virtio_blk]" in a module, as the kernel prints it behind a symbol. */
  moduleMark(address) {
    const part = this.areaAt(this.kernelSpace, address, (area) => area.kind === "module");
    return part ? ` [${part.name.slice(0, part.name.lastIndexOf(" "))}]` : "";
  }

  async loadSymbols() {
    this.loading ??= unpack("symbols").then((bytes) => {
      const reader = new Reader(bytes), decoder = new TextDecoder();
      const symbols = [];
      let address = 0n;
      for (let i = 0; i < this.symbolCount; ++i) {
        address += reader.big();
        const length = reader.number();
        const name = decoder.decode(bytes.subarray(reader.at, reader.at + length));
        reader.at += length;
        symbols.push({address, name});
      }
      this.symbols = symbols;
    });
    return this.loading;
  }
  /** {name, offset, size}: the symbol that an address is in. One without a name only ends the one before it. */
  symbolAt(space, address) {
    if (!this.symbols || !space.isKernels(address)) return null;
    let at = lastWhere(this.symbols, (symbol) => symbol.address <= address);
    if (at < 0) return null;
    const next = this.symbols[at + 1]?.address ?? null;
    while (at > 0 && this.symbols[at - 1].address === this.symbols[at].address) --at;
    const symbol = this.symbols[at], offset = address - symbol.address;
    if (next === null || !symbol.name || offset > 0x1000000n) return null;
    return {name: symbol.name, address: symbol.address, offset, size: next - symbol.address};
  }
}
