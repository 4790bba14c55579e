// Physical memory along a Hilbert curve: frames that follow each other lie
// beside each other.

/** A step of the curve as a place in a square of `side`. */
function hilbertPlace(side, step) {
  let x = 0, y = 0;
  for (let s = 1; s < side; s *= 2) {
    const rx = 1 & (step >>> 1), ry = 1 & (step ^ rx);
    if (!ry) {
      if (rx) [x, y] = [s - 1 - x, s - 1 - y];
      [x, y] = [y, x];
    }
    x += s * rx;
    y += s * ry;
    step >>>= 2;
  }
  return [x, y];
}
function hilbertStep(side, x, y) {
  let step = 0;
  for (let s = side / 2; s >= 1; s /= 2) {
    const rx = x & s ? 1 : 0, ry = y & s ? 1 : 0;
    step += s * s * ((3 * rx) ^ ry);
    if (!ry) {
      if (rx) [x, y] = [s - 1 - (x & (s - 1)), s - 1 - (y & (s - 1))];
      [x, y] = [y, x];
    }
    x &= s - 1;
    y &= s - 1;
  }
  return step;
}

class Frames {
  constructor(described, bytes, tables) {
    this.pageBytes = 2 ** described.page_shift;
    this.words = described.words;
    this.image = described.image_first === undefined ? null
      : [described.image_first, described.image_last].map((a) => Math.floor(Number(BigInt(a)) / this.pageBytes));
    const reader = new Reader(bytes);
    const read = (count) => {
      const list = {first: new Float64Array(count), count: new Float64Array(count), what: new Uint32Array(count)};
      for (let i = 0, at = 0; i < count; ++i) {
        list.first[i] = at + reader.number();
        list.count[i] = reader.number();
        list.what[i] = reader.number();
        at = list.first[i] + list.count[i];
      }
      return list;
    };
    this.runs = read(described.runs);
    this.owners = read(described.owners);
    this.words.forEach((word) => { word.kind = Frames.kindOf(word); });
    this.tables = new Set();
    for (let i = 0; i < tables.addressOf.length; ++i)
      this.tables.add(Math.floor(tables.addressOf[i] / this.pageBytes));
    this.layOut();
  }

  /** What the struct page says a frame is for. */
  static kindOf(word) {
    const has = (flag) => word.flags.includes(flag);
    if (word.state !== "known") return word.absence ? "absent" : "unknown";
    if (has("nopage")) return word.absence ? "absent" : "unknown";
    if (has("buddy")) return "free";
    if (has("pgtable")) return "tables";
    if (has("slab")) return "kernel";
    if (has("anonymous") || has("huge")) return "user";
    if (has("lru") || has("mmap")) return "cache";
    return "kernel";
  }

  /** Where memory is, without the holes between its pieces. */
  layOut() {
    this.pieces = [];
    this.total = 0;
    const {first, count, what} = this.runs;
    for (let i = 0; i < first.length; ++i) {
      const word = this.words[what[i]];
      if (word.absence === "outside_ram" && (word.state === "no-page" || word.flags.includes("nopage"))) continue;
      const last = this.pieces[this.pieces.length - 1];
      if (last && last.first + last.count === first[i]) last.count += count[i];
      else this.pieces.push({first: first[i], count: count[i], start: this.total});
      this.total += count[i];
    }
  }
  frameOf(place) {
    const piece = this.pieces[lastWhere(this.pieces, (p) => p.start <= place)];
    return piece && place < piece.start + piece.count ? piece.first + (place - piece.start) : null;
  }
  placeOf(frame) {
    const piece = this.pieces[lastWhere(this.pieces, (p) => p.first <= frame)];
    return piece && frame < piece.first + piece.count ? piece.start + (frame - piece.first) : null;
  }
  static at(list, frame) {
    const i = lastWhere(list.first, (first) => first <= frame);
    return i >= 0 && frame < list.first[i] + list.count[i] ? list.what[i] : null;
  }
  wordOf(frame) {
    const what = Frames.at(this.runs, frame);
    return what === null ? null : this.words[what];
  }
  /** The number of the space that maps it; 0: several. Null: none. */
  ownerOf(frame) {
    return Frames.at(this.owners, frame);
  }
  kindAt(frame) {
    const word = this.wordOf(frame);
    if (!word) return "absent";
    if (word.kind === "free") return "free";
    if (this.tables.has(frame)) return "tables";
    if (this.image && frame >= this.image[0] && frame <= this.image[1]) return "kernelImage";
    if (word.kind === "unknown" && this.ownerOf(frame) !== null) return "user";
    return word.kind;
  }
}

/** Who maps which frame: counted a little at a time, since tables may be many. */
class ReverseMap {
  static most = 4e6;

  constructor(spaces, pageBytes) {
    this.spaces = spaces;
    this.pageBytes = pageBytes;
    this.found = [];
    this.isCut = false;
    this.steps = this.count();
  }

  /** True once all is counted; works for about so many milliseconds. */
  work(milliseconds) {
    const end = performance.now() + milliseconds;
    while (!this.isReady) {
      if (this.steps.next().done) {
        this.long = this.found.filter((mapping) => mapping.count > 64);
        this.short = this.found.filter((mapping) => mapping.count <= 64).sort((a, b) => a.frame - b.frame);
        this.found = null;
        this.isReady = true;
      } else if (performance.now() > end) {
        return false;
      }
    }
    return true;
  }

  /** A step is a table. */
  *count() {
    for (const space of this.spaces)
      for (const part of space.parts) {
        // The kernel's half is looked through once, in the kernel's own table.
        if (part.rootTable === undefined || (!space.isKernel && part.first > space.lastUser)) continue;
        const rootPages = 2 ** (part.mode.virtual_bits - part.mode.page_shift);
        const open = [[part.rootTable, part.start - part.firstPage % rootPages]], seen = new Set();
        while (open.length && !this.isCut) {
          const [table, base] = open.pop();
          if (seen.has(table)) continue;
          seen.add(table);
          this.addTable(space, part, table, base, open);
          this.isCut = this.found.length >= ReverseMap.most;
          yield;
        }
      }
  }

  addTable(space, part, table, base, open) {
    const {tables} = space, {pageBytes} = this, pages = tables.pagesOf(table), level = tables.levelOf[table];
    const end = space.isKernel ? space.size : space.rangeOf(0n, space.lastUser)?.[1] ?? 0;
    tables.runs(table, (index, length, number, value, isSame) => {
      const style = tables.styles[number];
      for (let i = 0; i < length; ++i) {
        const place = base + (index + i) * pages;
        if ((style.isRaw && !(style.has_target && !space.isKernel)) || place + pages <= part.start || place >= Math.min(end, part.start + part.pages)) continue;
        const address = (value + (isSame || style.isRaw ? 0 : style.step * i)) * tables.unit;
        if (style.isTable) {
          const next = tables.find(part.modeIndex, level + 1, address);
          if (next !== undefined) open.push([next, place]);
          continue;
        }
        // Of a page that is larger than what the entry serves, its part.
        const inside = 2 ** style.page_shift > pages * pageBytes ? (place * pageBytes) % 2 ** style.page_shift : 0;
        const count = isSame || style.isRaw ? 1 : length - i;
        this.found.push({frame: (address + inside) / pageBytes, count: pages * count, place, space});
        i += count - 1;
      }
    });
  }

  /** [{space, address}], at most `most`, and how many there are. */
  find(frame, most = 40) {
    this.work(Infinity);
    const result = [];
    let count = 0;
    const add = (mapping) => {
      if (frame < mapping.frame || frame >= mapping.frame + mapping.count) return;
      if (++count <= most) result.push({space: mapping.space, address: mapping.space.addressAt(mapping.place + frame - mapping.frame)});
    };
    for (let i = lastWhere(this.short, (m) => m.frame <= frame); i >= 0 && this.short[i].frame > frame - 64; --i) add(this.short[i]);
    this.long.forEach(add);
    return {mappings: result.reverse(), count, isCut: this.isCut};
  }
}

class Hilbert {
  constructor(app, frames) {
    this.app = app;
    this.frames = frames;
    this.canvas = byId("hilbert");
    this.marker = byId("hilbert-marker");
    this.mode = "kind";
    this.marked = null;
    this.side = 64;
    while (this.side < 512 && this.side * this.side < frames.total) this.side *= 2;
    this.perCell = Math.max(1, Math.ceil(frames.total / (this.side * this.side)));
    this.canvas.addEventListener("pointermove", (event) => this.onHover(event));
    this.canvas.addEventListener("click", (event) => {
      const frame = this.frameAt(event);
      if (frame !== null) this.app.showFrame(frame);
    });
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  colourOf(frame) {
    const {frames, app} = this, kind = frames.kindAt(frame), word = frames.wordOf(frame);
    if (this.mode === "process") {
      const owner = frames.ownerOf(frame);
      if (owner) return {label: app.spaces[owner]?.label ?? "?", colour: series[(owner - 1) % series.length]};
      if (owner === 0) return {label: "several processes", colour: palette.grey};
    } else if (this.mode === "age" && word?.state === "known") {
      const has = (flag) => word.flags.includes(flag);
      if (has("idle")) return {label: "idle", colour: palette.navy};
      if (has("active")) return {label: "active", colour: palette.vermilion};
      if (has("referenced")) return {label: "inactive, referenced", colour: palette.orange};
      if (has("lru")) return {label: "inactive", colour: palette.sky};
      if (has("unevictable")) return {label: "unevictable", colour: palette.purple};
    }
    if (this.mode !== "kind") {
      if (kind === "free" || kind === "absent") return {label: frameKinds[kind].label, colour: this.plain[kind]};
      return {label: "other memory in use", colour: this.plain.other};
    }
    return {label: frameKinds[kind].label, colour: frameKinds[kind].colour ?? this.plain[kind]};
  }

  draw() {
    const {side, canvas, frames} = this;
    this.plain = {free: themeColour("free"), absent: themeColour("absent"), other: themeColour("other")};
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d"), image = context.createImageData(side, side);
    const sums = new Map(), colours = new Map();
    for (let step = 0; step < side * side; ++step) {
      const place = step * this.perCell;
      if (place >= frames.total) break;
      // What most of a cell is; of few frames all are looked at.
      let best = null, most = 0;
      const tally = new Map(), stride = Math.max(1, Math.floor(this.perCell / 6));
      for (let i = 0; i < this.perCell && place + i < frames.total; i += stride) {
        const found = this.colourOf(frames.frameOf(place + i)), count = (tally.get(found.label) ?? 0) + 1;
        tally.set(found.label, count);
        if (count > most) [best, most] = [found, count];
        sums.set(found.label, {found, pages: (sums.get(found.label)?.pages ?? 0) + stride});
      }
      let rgb = colours.get(best.colour);
      if (!rgb) colours.set(best.colour, rgb = [1, 3, 5].map((at) => parseInt(best.colour.slice(at, at + 2), 16)));
      const [x, y] = hilbertPlace(side, step);
      image.data.set([...rgb, 255], (y * side + x) * 4);
    }
    context.putImageData(image, 0, 0);
    const rows = [...sums.values()].sort((a, b) => b.pages - a.pages);
    replaceChildren(byId("hilbert-legend"), ...rows.slice(0, 16).map(({found, pages}) =>
      make("span", {class: "key"}, swatch(found.colour), found.label, " ", make("small", {}, sizeText(pages * frames.pageBytes)))),
      rows.length > 16 ? make("span", {class: "key"}, `and ${rows.length - 16} more`) : null);
    byId("hilbert-scale").textContent = frames.total
      ? `${sizeText(frames.total * frames.pageBytes)} of memory; a cell is ${sizeText(this.perCell * frames.pageBytes)}` + (this.perCell > 11 ? ", of which some frames are looked at" : "")
      : "the dump has no memory";
    this.mark(this.marked);
  }

  /** A ring around a frame. */
  mark(frame) {
    this.marked = frame;
    const place = frame === null ? null : this.frames.placeOf(frame);
    this.marker.hidden = place === null;
    if (place === null) return;
    const [x, y] = hilbertPlace(this.side, Math.floor(place / this.perCell));
    this.marker.style.left = ((x + 0.5) / this.side) * 100 + "%";
    this.marker.style.top = ((y + 0.5) / this.side) * 100 + "%";
  }

  frameAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.side);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.side);
    if (x < 0 || y < 0 || x >= this.side || y >= this.side) return null;
    return this.frames.frameOf(hilbertStep(this.side, x, y) * this.perCell);
  }
  onHover(event) {
    const frame = this.frameAt(event);
    byId("hilbert-hover").textContent = frame === null ? "" : this.describe(frame);
  }
  describe(frame) {
    const word = this.frames.wordOf(frame), kind = this.frames.kindAt(frame);
    const {mappings, count} = this.app.reverseMap.isReady ? this.app.reverseMap.find(frame, 3) : {mappings: [], count: null};
    const who = mappings.map(({space, address}) => `${visible(space.label)} at ${hex(address)}`);
    return `frame ${hex(frame)}: ${frameKinds[kind].label}` + (word?.flags.length ? ` (${word.flags.join(", ")})` : "") +
      (word?.absence ? `; not in the dump: ${word.absence.replace("_", " ")}` : "") +
      (count ? `; mapped by ${who.join(", ")}${count > who.length ? ` and ${count - who.length} more` : ""}` : count === null ? "; who maps it is being counted" : "; not mapped");
  }
  onKey(event) {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const {frames, side} = this, from = this.marked === null ? null : frames.placeOf(this.marked);
    const [x, y] = from === null ? [0, 0] : hilbertPlace(side, Math.floor(from / this.perCell)).map((at, i) => at + move[i]);
    if (x < 0 || y < 0 || x >= side || y >= side) return;
    const frame = frames.frameOf(hilbertStep(side, x, y) * this.perCell);
    if (frame === null) return;
    this.app.showFrame(frame);
    byId("hilbert-hover").textContent = this.describe(frame);
  }
}
