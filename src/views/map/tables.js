// The page tables themselves, and questions to them. An entry is a style (what
// all its bits but the address mean) and an address. Places in an address space
// are counted in pages from its start, all of its spans side by side: numbers
// of 64 bits would not fit.

const deniedWrite = 1, deniedKernelExecute = 2, deniedUser = 4, deniedUserExecute = 8;

const tableStates = ["here", "empty", "left out of this page", "outside RAM", "excluded from the dump",
                     "cut off the dump's file", "corrupt in the dump"];

class Tables {
  constructor(described, modes, bytes) {
    this.modes = modes;
    this.styles = described.styles;
    this.unit = 2 ** described.unit_shift;
    this.styles.forEach((style) => {
      style.isLeaf = style.meaning === "page";
      style.isTable = style.meaning === "table";
      style.isRaw = !style.isLeaf && !style.isTable;
      // Some architectures' empty entries are not zero.
      style.isEmpty = style.kind === "untouched";
    });
    const reader = new Reader(bytes), count = described.tables;
    this.levelOf = new Uint8Array(count);
    this.modeOf = new Uint8Array(count);
    this.stateOf = new Uint8Array(count);
    this.addressOf = new Float64Array(count);
    this.startOf = new Float64Array(count + 1);
    this.indexes = new Map();
    let address = 0n;
    for (let i = 0; i < count; ++i) {
      this.modeOf[i] = reader.number();
      this.levelOf[i] = reader.number();
      address += reader.bigSigned() * 4n;
      this.stateOf[i] = reader.number();
      this.startOf[i + 1] = this.startOf[i] + reader.number();
      this.addressOf[i] = Number(address);
      this.mapOf(this.modeOf[i], this.levelOf[i]).set(this.addressOf[i], i);
    }
    this.bytes = bytes;
    this.bodies = reader.at;
    this.decoded = new Map();
    this.summaries = new Map();
    this.firsts = new Map();
  }

  mapOf(mode, level) {
    const key = mode * 8 + level;
    if (!this.indexes.has(key)) this.indexes.set(key, new Map());
    return this.indexes.get(key);
  }
  /** The number of the table at an address, or undefined. */
  find(mode, level, address) {
    return this.mapOf(mode, level).get(address);
  }

  /** Calls visit(index, length, style number, value, isSame, raw) for each run of
   *  entries; the value is in units, of the first, and goes on unless isSame. */
  runs(table, visit) {
    const reader = new Reader(this.bytes, this.bodies + this.startOf[table]);
    const end = this.bodies + this.startOf[table + 1];
    const count = 2 ** this.modes[this.modeOf[table]].levels[this.levelOf[table]].index_bits;
    for (let at = 0, expected = 0; reader.at < end && at < count;) {
      at += reader.number();
      const twice = reader.number(), isSame = twice % 2, number = reader.number();
      const length = Math.min((twice - isSame) / 2, count - at), style = this.styles[number];
      let value = 0, raw = null;
      if (style.isRaw) {
        raw = reader.big();
        // A page that is there, and nobody may touch.
        if (style.has_target) value = reader.number();
      } else {
        value = expected + reader.signed();
        expected = value + (isSame ? style.step : style.step * length);
      }
      if (visit(at, length, number, value, isSame === 1, raw) === false) return;
      at += length;
    }
  }

  /** {style: 1 + its number, 0 for an empty entry; address; raw}. */
  entries(table) {
    let found = this.decoded.get(table);
    if (found) return found;
    if (this.decoded.size > 8000) this.decoded.clear();
    const level = this.modes[this.modeOf[table]].levels[this.levelOf[table]];
    const count = 2 ** level.index_bits;
    found = {style: new Uint16Array(count), address: new Float64Array(count), raw: null};
    this.runs(table, (index, length, number, value, isSame, raw) => {
      const step = isSame || raw !== null ? 0 : this.styles[number].step;
      found.style.fill(number + 1, index, index + length);
      if (raw !== null) found.raw ??= new Map();
      for (let i = 0; i < length; ++i) {
        if (raw !== null) found.raw.set(index + i, raw);
        found.address[index + i] = (value + step * i) * this.unit;
      }
    });
    this.decoded.set(table, found);
    return found;
  }

  /** The bits of an entry, as a BigInt. */
  valueOf(table, index) {
    const entries = this.entries(table);
    if (!entries.style[index]) return 0n;
    const style = this.styles[entries.style[index] - 1];
    if (style.isRaw) return entries.raw.get(index);
    const [lowMask, lowShift, highMask, highShift] = style.address_bits.map(BigInt);
    const address = BigInt(entries.address[index]);
    return BigInt(style.attributes) | ((address >> lowShift) & lowMask) | ((address >> highShift) & highMask);
  }

  /** How many pages behind its start a table has its first entry in use. */
  firstUsed(table) {
    let found = this.firsts.get(table);
    if (found !== undefined) return found;
    this.firsts.set(table, 0);
    found = 0;
    const pages = this.pagesOf(table), mode = this.modeOf[table], level = this.levelOf[table];
    this.runs(table, (index, length, number, value) => {
      const style = this.styles[number];
      if (style.isEmpty) return true;
      const next = style.isTable ? this.find(mode, level + 1, value * this.unit) : undefined;
      found = index * pages + (next === undefined ? 0 : this.firstUsed(next));
      return false;
    });
    this.firsts.set(table, found);
    return found;
  }

  /** Pages that an entry of a table serves. */
  pagesOf(table) {
    const mode = this.modes[this.modeOf[table]];
    return 2 ** (mode.levels[this.levelOf[table]].shift - mode.page_shift);
  }

  /** Pages by leaf class (16 * style + denied rights) below a table; -1 for
   *  what is not known. */
  summary(table, denied) {
    const key = table * 16 + denied;
    let found = this.summaries.get(key);
    if (found) return found;
    found = new Map();
    this.summaries.set(key, found);
    const mode = this.modeOf[table], level = this.levelOf[table], pages = this.pagesOf(table);
    const add = (what, count) => found.set(what, (found.get(what) ?? 0) + count);
    this.runs(table, (index, length, number, value, isSame) => {
      const style = this.styles[number];
      if (style.isEmpty) return;
      if (!style.isTable) return void add(number * 16 + (denied | (style.denied ?? 0)), pages * length);
      for (let i = 0; i < length; ++i) {
        const next = this.find(mode, level + 1, (value + (isSame ? 0 : style.step * i)) * this.unit);
        if (next === undefined || this.stateOf[next] > 1) add(-1, pages);
        else for (const [what, count] of this.summary(next, denied | style.denied)) add(what, count);
      }
    });
    return found;
  }
}

/** An address space: spans of addresses, each below a root. */
class Space {
  constructor(described, index, tables, lastUser, spacesOverlap) {
    Object.assign(this, described);
    this.index = index;
    this.tables = tables;
    this.isKernel = this.pid === undefined;
    this.label = this.isKernel ? "kernel" : `${this.comm} (pid ${this.pid})`;
    this.size = 0;
    this.parts = described.spans.map((span) => {
      const mode = tables.modes[span.mode], shift = BigInt(mode.page_shift);
      const part = {
        first: BigInt(span.first), last: BigInt(span.last), mode, modeIndex: span.mode, shift,
        root: Number(BigInt(span.root)), userRoot: span.user_root ? Number(BigInt(span.user_root)) : null,
        start: this.size,
      };
      part.firstPage = Number(part.first >> shift);
      part.pages = Number(part.last >> shift) - part.firstPage + 1;
      part.rootTable = tables.find(span.mode, 0, part.root);
      part.rightsTable = part.userRoot === null ? part.rootTable : tables.find(span.mode, 0, part.userRoot);
      this.size += part.pages;
      return part;
    });
    this.lastUser = lastUser;
    this.spacesOverlap = spacesOverlap;
    this.pageBytes = 2 ** this.parts[0].mode.page_shift;
  }

  /** Is it the kernel's? Not every architecture's addresses tell. */
  isKernels(address) {
    return this.spacesOverlap ? this.isKernel : address > this.lastUser;
  }
  partAt(place) {
    return this.parts[Math.max(0, lastWhere(this.parts, (part) => part.start <= place))];
  }
  addressAt(place) {
    const part = this.partAt(place);
    const page = Math.min(Math.max(Math.floor(place - part.start), 0), part.pages - 1);
    return part.first + (BigInt(page) << part.shift);
  }
  /** Where an address is; null if no root translates it. */
  placeOf(address) {
    const part = this.parts.find((p) => p.first <= address && address <= p.last);
    return part ? part.start + Number((address - part.first) >> part.shift) : null;
  }
  /** Where the part of [first, last] that the space has begins and ends. */
  rangeOf(first, last) {
    let from = null, to = null;
    for (const part of this.parts) {
      if (last < part.first || first > part.last) continue;
      const begin = first < part.first ? part.first : first, end = last > part.last ? part.last : last;
      from ??= part.start + Number((begin - part.first) >> part.shift);
      to = part.start + Number((end - part.first) >> part.shift) + 1;
    }
    return from === null ? null : [from, to];
  }

  /** Calls visit(from, to, leafClass, summary, first) for what is in [from, to):
   *  pages, and tables that are smaller than `grain` as their summary, with the
   *  first place that is in use. Where isWhole(from, to) says no, a table is
   *  looked into all the same. */
  visit(from, to, grain, visit, isWhole = null) {
    for (const part of this.parts) {
      const begin = Math.max(from, part.start), end = Math.min(to, part.start + part.pages);
      if (begin >= end) continue;
      if (part.rightsTable === undefined || this.tables.stateOf[part.rightsTable] > 1) {
        visit(begin, end, -1, null);
        continue;
      }
      const rootPages = 2 ** (part.mode.virtual_bits - part.mode.page_shift);
      // The address bits that index the root, of the first address.
      const skipped = part.firstPage % rootPages;
      this.visitTable(part, part.rightsTable, part.start - skipped, begin, end, 0, grain, visit, isWhole);
    }
  }
  visitTable(part, table, base, from, to, denied, grain, visit, isWhole) {
    const tables = this.tables, level = tables.levelOf[table];
    const pages = 2 ** (part.mode.levels[level].shift - part.mode.page_shift);
    const entries = tables.entries(table), count = entries.style.length;
    const first = Math.max(0, Math.floor((from - base) / pages));
    const end = Math.min(count, Math.ceil((to - base) / pages));
    for (let i = first; i < end; ++i) {
      if (!entries.style[i]) continue;
      const style = tables.styles[entries.style[i] - 1], at = base + i * pages;
      if (style.isEmpty) continue;
      if (!style.isTable) {
        visit(at, at + pages, (entries.style[i] - 1) * 16 + (denied | (style.denied ?? 0)), null);
        continue;
      }
      const next = tables.find(part.modeIndex, level + 1, entries.address[i]);
      const rights = denied | style.denied;
      if (next === undefined || tables.stateOf[next] > 1) visit(at, at + pages, -1, null);
      else if (pages <= grain && at >= from && at + pages <= to && (!isWhole || isWhole(at, at + pages))) {
        const summary = tables.summary(next, rights);
        if (summary.size) visit(at, at + pages, null, summary, at + tables.firstUsed(next));
      }
      else this.visitTable(part, next, at, from, to, rights, grain, visit, isWhole);
    }
  }

  /** The way of an address through the tables:
   *  {steps, outcome, physical, pageBytes, denied, style}. */
  walk(address) {
    const part = this.parts.find((p) => p.first <= address && address <= p.last);
    if (!part) return {steps: [], outcome: "no root translates this address", denied: 0};
    const tables = this.tables, steps = [];
    let table = part.rootTable, denied = 0, base = part.root;
    for (let level = 0;; ++level) {
      const row = part.mode.levels[level];
      if (table === undefined || tables.stateOf[table] > 1)
        return {steps, part, denied, isUnknown: true,
                outcome: "the table is " + (table === undefined ? "not known" : tableStates[tables.stateOf[table]])};
      const index = Number((address >> BigInt(row.shift)) & (2n ** BigInt(row.index_bits) - 1n));
      const entries = tables.entries(table), number = entries.style[index];
      const style = number ? tables.styles[number - 1] : null;
      let own = style?.denied ?? 0;
      // The top entry of user code's own table, where it has one.
      if (!level && part.userRoot !== null && part.rightsTable !== undefined) {
        const user = tables.entries(part.rightsTable).style[index];
        own = user ? tables.styles[user - 1].denied ?? 0 : own;
      }
      denied |= own;
      steps.push({level, name: row.name, table: base, index, entryAddress: base + index * part.mode.entry_bytes,
                  value: tables.valueOf(table, index), style, target: entries.address[index],
                  isTakenForEmpty: tables.stateOf[table] === 1});
      if (!style)
        return {steps, part, denied, outcome: tables.stateOf[table] === 1
                  ? "not mapped: the table was left out of the dump as a page of zeros" : "not mapped: the entry is zero"};
      if (style.isLeaf) {
        const size = 2 ** style.page_shift;
        const physical = entries.address[index] + Number(address & (2n ** BigInt(style.page_shift) - 1n));
        return {steps, part, denied, style, physical, pageBytes: size, outcome: "mapped"};
      }
      if (style.meaning === "hole") {
        const kind = this.isKernels(address) || style.kind === "unknown" || style.kind === "untouched"
          ? "not present" : style.kind;
        const target = kind === "prot-none" ? entries.address[index] : undefined;
        return {steps, part, denied, target, outcome: "not mapped: " + kind};
      }
      if (style.meaning === "reserved")
        return {steps, part, denied, outcome: "a fault: the MMU does not take such an entry"};
      base = entries.address[index];
      table = tables.find(part.modeIndex, level + 1, base);
    }
  }
}

/** "r-x" with who may. */
function rightsOf(denied) {
  const user = !(denied & deniedUser) || !(denied & deniedUserExecute);
  const execute = user ? !(denied & deniedUserExecute) : !(denied & deniedKernelExecute);
  return {user, write: !(denied & deniedWrite), execute};
}
function rightsText(denied) {
  const rights = rightsOf(denied);
  return `${rights.user ? "user" : "kernel"}, ${rights.write ? "writable" : "read-only"}, ` +
         (rights.execute ? "executable" : "not executable");
}
