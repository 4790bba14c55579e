// The address space: a bar of the whole, the tables that lead to the place, and
// a view of any part of it, down to a page.

const bandTop = 24, bandHeight = 116, rowHeight = 17, rowCount = 4;

class Axis {
  constructor(app) {
    this.app = app;
    this.overview = byId("overview");
    this.ladder = byId("ladder");
    this.main = byId("axis");
    this.mode = "rights";
    this.selected = null;
    this.pointers = new Map();
    this.listen();
  }

  setSpace(space) {
    this.space = space;
    this.from = 0;
    this.size = space.size;
    this.selected = null;
    this.overviewBins = null;
    this.fold = null;
  }
  setMode(mode) {
    this.mode = mode;
    this.overviewBins = null;
    this.draw();
  }
  get focus() {
    const place = this.selected;
    return place !== null && place >= this.from && place < this.from + this.size ? place : this.from + this.size / 2;
  }

  /** The same, where that is a hole, what is mapped beside it. */
  usedFocus() {
    const {focus} = this, end = this.from + this.size;
    let found = null;
    this.space.visit(this.from, end, this.size / 512, (low, high) => {
      const at = Math.min(Math.max(focus, low, this.from), Math.min(high, end) - 1);
      if (found === null || Math.abs(at - focus) < Math.abs(found - focus)) found = at;
    });
    return this.selected !== null && focus === this.selected ? focus : found ?? focus;
  }

  /** Shows [from, from + size), as far as there is such a part. */
  show(from, size) {
    this.size = Math.min(Math.max(size, 1), this.space.size);
    this.from = Math.min(Math.max(from, 0), this.space.size - this.size);
    this.app.changed();
    this.draw();
  }
  /** Around a place; else into what is mapped, not into the hole that happens to be in the middle. */
  zoom(factor, around = null) {
    const size = Math.min(Math.max(this.size * factor, 1), this.space.size);
    if (around === null) this.show((factor < 1 ? Math.floor(this.usedFocus()) + 0.5 : this.focus) - size / 2, size);
    else this.show(around - (around - this.from) * (size / this.size), size);
  }
  pan(pages) {
    this.show(this.from + pages, this.size);
  }
  showRange(first, last) {
    const range = this.space.rangeOf(first, last);
    if (!range) return false;
    const size = range[1] - range[0];
    this.show(range[0] - size * 0.05, size * 1.1);
    return true;
  }
  select(place) {
    this.selected = place;
    this.draw();
  }
  /** To the next (or previous) part that is mapped, after a hole. */
  jump(direction) {
    if (this.size === this.space.size) {
      const {parts} = this.fold ??= new Fold(this.space), part = parts[direction > 0 ? 0 : parts.length - 1], size = part.to - part.from;
      this.show(part.from - size * 0.05, size * 1.1);
      return;
    }
    const grain = this.size / 200;
    let gapSince = null, target = null;
    if (direction > 0) {
      let end = this.from + this.size;
      this.space.visit(end, this.space.size, grain, (begin) => { target ??= begin; });
    } else {
      this.space.visit(0, this.from, grain, (begin, end) => { target = Math.min(end, this.from) - this.size; gapSince = begin; });
    }
    if (target === null) return;
    this.show(direction > 0 ? target - this.size * 0.05 : Math.max(target, gapSince - this.size * 0.5), this.size);
  }

  bins(from, to, count) {
    return sampleBins(this.space, from, to, count, this.classify, this.app.colouring.bordersOf(this.mode, this.space));
  }
  classify = (what, address) => this.app.colouring.classOf(this.mode, what, this.space, address);

  draw() {
    if (this.isQueued || !this.space) return;
    this.isQueued = true;
    requestAnimationFrame(() => {
      this.isQueued = false;
      this.drawOverview();
      this.drawLadder();
      this.drawMain();
    });
  }

  paintBins(context, bins, x, y, width, height) {
    const step = width / bins.length;
    bins.forEach((bin, i) => {
      if (!bin) return;
      context.fillStyle = bin.best.colour;
      // Little in a bin is less high, but always to be seen.
      const part = 0.35 + 0.65 * Math.sqrt(bin.share);
      context.fillRect(x + i * step, y + height * (1 - part), Math.max(step, 1.6) + 0.3, height * part);
    });
  }

  /** All that is mapped, holes folded. */
  drawOverview() {
    const {context, width, height} = prepareCanvas(this.overview), space = this.space;
    const barTop = 18, barHeight = height - barTop - 5;
    const fold = this.fold ??= new Fold(space);
    if (this.overviewBins?.width !== width) {
      this.overviewBins = {width, parts: fold.parts.map((part) => {
        const bins = Math.max(1, Math.round((part.right - part.left) * width));
        return this.bins(part.from, part.to, bins);
      })};
    }
    context.fillStyle = themeColour("well");
    context.fillRect(0, barTop + barHeight / 2 - 1, width, 2);
    fold.parts.forEach((part, i) => {
      const left = part.left * width, partWidth = (part.right - part.left) * width;
      context.fillStyle = themeColour("well");
      context.fillRect(left, barTop, partWidth, barHeight);
      this.paintBins(context, this.overviewBins.parts[i], left, barTop, partWidth, barHeight);
    });
    this.nameParts(context, width, barTop);
    this.drawBracket(context, fold.toX(this.from) * width, fold.toX(this.from + this.size) * width, barTop, barHeight);
  }

  /** Above each run of parts of one section its name. */
  nameParts(context, width, barTop) {
    context.font = "11px " + themeColour("sans");
    context.textBaseline = "middle";
    const sections = this.sectionsIn(0, this.space.size), spans = [];
    for (const part of this.fold.parts)
      for (const section of sections) {
        const from = Math.max(part.from, section.from), to = Math.min(part.to, section.to);
        if (from >= to) continue;
        const left = this.fold.toX(from) * width, right = part.to <= section.to ? part.right * width : this.fold.toX(to) * width;
        const last = spans[spans.length - 1];
        if (last?.name === section.name) last.right = right;
        else spans.push({name: section.name, left, right});
      }
    spans.forEach(({name, left, right}, i) => {
      context.fillStyle = themeColour("muted");
      context.fillRect(Math.round(left), barTop - 6, 1, 6);
      context.fillRect(Math.round(left), barTop - 6, Math.max(1, right - left - 2), 1);
      const room = (spans[i + 1]?.left ?? width) - left - 6;
      if (room > 26) context.fillText(fitText(context, visible(name), room), left, 6);
    });
  }

  drawBracket(context, left, right, top, height) {
    const middle = (left + right) / 2;
    if (right - left < 6) [left, right] = [middle - 3, middle + 3];
    left = Math.max(left, 1);
    right = Math.min(right, context.canvas.clientWidth - 1);
    left = Math.min(left, right - 5);
    context.lineWidth = 4;
    context.strokeStyle = themeColour("page");
    context.strokeRect(left, top - 1, right - left, height + 2);
    context.lineWidth = 2;
    context.strokeStyle = themeColour("ink");
    context.strokeRect(left, top - 1, right - left, height + 2);
  }

  /** Sections of the space's addresses that lie in [from, to). */
  sectionsIn(from, to) {
    const {names} = this.app, found = [];
    const list = names.sections.length ? names.sections : names.regions;
    for (const section of list) {
      if (!this.space.isKernel && !this.space.isKernels(section.last)) continue;
      const range = this.space.rangeOf(section.first, section.last);
      if (range && range[1] > from && range[0] < to)
        found.push({name: section.name, from: range[0], to: range[1], section});
    }
    if (!this.space.isKernel) {
      const range = this.space.rangeOf(0n, this.space.lastUser);
      if (range && range[0] < to && range[1] > from) found.unshift({name: "User Space", from: range[0], to: range[1]});
    }
    return found;
  }

  /** The tables on the way to the place: [{level, first place, pages of an
   *  entry, index, bins}]. */
  rungs() {
    const space = this.space, place = this.usedFocus(), part = space.partAt(place), address = space.addressAt(place);
    const walk = space.walk(address), rungs = [];
    const rootPages = 2 ** (part.mode.virtual_bits - part.mode.page_shift);
    let base = part.start - part.firstPage % rootPages;
    for (const step of walk.steps) {
      const level = part.mode.levels[step.level], pages = 2 ** (level.shift - part.mode.page_shift);
      rungs.push({step, base, pages, count: 2 ** level.index_bits, name: level.name, part});
      base += step.index * pages;
    }
    return rungs;
  }

  drawLadder() {
    const rungs = this.rungs(), rung = 13, gap = 11;
    this.ladder.style.height = rungs.length * (rung + gap) + 2 + "px";
    const {context, width} = prepareCanvas(this.ladder);
    const label = width < 500 ? 64 : 92, room = width - label - 1;
    context.font = "11px " + themeColour("mono");
    context.textBaseline = "middle";
    this.rungPlaces = [];
    let funnel = null;
    rungs.forEach(({step, base, pages, count, name, part}, i) => {
      const y = i * (rung + gap) + 1;
      const cell = room / count;
      if (funnel) {
        context.fillStyle = themeColour("well");
        context.beginPath();
        context.moveTo(funnel[0], y - gap);
        context.lineTo(funnel[1], y - gap);
        context.lineTo(width, y);
        context.lineTo(label, y);
        context.fill();
      }
      context.fillStyle = themeColour("ink");
      context.fillText(`${name}[${step.index}]`, 0, y + rung / 2);
      context.fillStyle = themeColour("well");
      context.fillRect(label, y, room, rung);
      // The root of a half has entries of the other half, too.
      const from = Math.max(base, part.start), to = Math.min(base + pages * count, part.start + part.pages);
      const bins = this.bins(from, to, Math.max(1, Math.round((to - from) / pages)));
      const x = label + ((from - base) / pages) * cell;
      this.paintBins(context, bins, x, y, cell * bins.length, rung);
      this.rungPlaces.push({top: y - 1, bottom: y + rung + 1, left: label, cell, base, pages, count});
      const left = label + step.index * cell;
      this.drawBracket(context, left, left + cell, y, rung);
      funnel = [left, left + cell];
    });
  }

  drawMain() {
    const {context, width, height} = prepareCanvas(this.main), space = this.space;
    const scale = width / this.size, xOf = (place) => (place - this.from) * scale;
    context.fillStyle = themeColour("well");
    context.fillRect(0, bandTop, width, bandHeight);
    const pageWidth = scale, count = Math.max(1, Math.floor(width));
    if (pageWidth < 3) {
      this.shown = this.bins(this.from, this.from + this.size, count);
      this.paintBins(context, this.shown, 0, bandTop, width, bandHeight);
    } else {
      this.drawPages(context, xOf, pageWidth);
    }
    this.drawSections(context, width, xOf);
    this.drawAreas(context, width, xOf);
    this.drawRuler(context, width, height);
    if (this.selected !== null) {
      const x = xOf(this.selected + 0.5);
      context.fillStyle = themeColour("ink");
      context.fillRect(x - 1, bandTop - 4, 2, bandHeight + 8);
    }
    this.drawLegend();
  }

  drawPages(context, xOf, pageWidth) {
    const end = Math.min(this.space.size, this.from + this.size);
    this.shown = [];
    context.font = "10px " + themeColour("mono");
    context.textBaseline = "top";
    const begin = Math.floor(this.from);
    const bins = this.bins(begin, Math.ceil(end), Math.ceil(end) - begin);
    bins.forEach((bin, i) => {
      if (!bin) return;
      this.shown.push(bin);
      const x = xOf(begin + i), gap = pageWidth > 6 ? 1 : 0;
      context.fillStyle = bin.best.colour;
      context.fillRect(x + gap / 2, bandTop, pageWidth - gap, bandHeight);
      if (pageWidth < 74) return;
      const walk = this.space.walk(this.space.addressAt(begin + i));
      if (walk.physical === undefined) return;
      const lines = [hex(walk.physical), ...(walk.style.words.length ? walk.style.words : walk.style.bits)];
      context.fillStyle = inkOn(bin.best.colour);
      lines.slice(0, 9).forEach((line, row) => {
        context.fillText(fitText(context, line, pageWidth - 10), x + 5, bandTop + 5 + row * 12);
      });
    });
  }

  drawSections(context, width, xOf) {
    context.font = "11px " + themeColour("sans");
    context.textBaseline = "middle";
    for (const {name, from, to} of this.sectionsIn(this.from, this.from + this.size)) {
      const left = Math.max(0, xOf(from)), right = Math.min(width, xOf(to));
      context.fillStyle = themeColour("line");
      if (xOf(from) > 0) context.fillRect(Math.round(left), 2, 1, bandTop - 2);
      if (right - left < 24) continue;
      context.fillStyle = themeColour("muted");
      context.fillText(fitText(context, visible(name), right - left - 8), left + 5, 11);
    }
  }

  /** Areas that are wide enough to be seen, in as many rows as there are. */
  drawAreas(context, width, xOf) {
    const {names} = this.app, ends = new Array(rowCount).fill(-1);
    this.areaPlaces = [];
    const first = this.space.addressAt(this.from), last = this.space.addressAt(this.from + this.size);
    context.font = "11px " + themeColour("sans");
    context.textBaseline = "middle";
    for (const areas of [names.areasOf(this.space), names.kernelAreas, this.symbolsIn(first, last)]) {
      let drawn = 0;
      for (let i = Math.max(0, lastWhere(areas, (area) => area.last < first)); i < areas.length && drawn < 3000; ++i) {
        const area = areas[i];
        if (area.first > last) break;
        if (area.last < first) continue;
        const range = this.exactRange(area);
        if (!range) continue;
        const left = Math.max(0, xOf(range[0])), right = Math.min(width, xOf(range[1]));
        if (right - left < 0.4 && area.kind === "symbol") continue;
        const row = ends.findIndex((end) => left > end);
        if (row < 0) continue;
        ++drawn;
        const text = visible(area.name) + (area.rights ? "  " + area.rights : ""), top = bandTop + bandHeight + 6 + row * rowHeight;
        context.fillStyle = areaColours[area.kind];
        context.fillRect(left, top + rowHeight - 4, Math.max(right - left, 1.5), 2);
        let end = right;
        if (right - left > 18 || areas.length < 80) {
          const room = Math.max(right - left - 2, areas.length < 80 ? 90 : 0), shown = fitText(context, text, room);
          if (shown.length > 1 && left + context.measureText(shown).width < width) {
            context.fillStyle = themeColour("ink");
            context.fillText(shown, left + 1, top + 6);
            end = Math.max(right, left + context.measureText(shown).width + 6);
          }
        }
        ends[row] = Math.max(end, left + 2);
        this.areaPlaces.push({left, right: Math.max(end, left + 4), top, bottom: top + rowHeight, area});
      }
    }
  }

  /** Its place, to the byte where that can be seen. */
  exactRange(area) {
    const range = this.space.rangeOf(area.first, area.last), bytes = BigInt(this.space.pageBytes);
    if (!range || area.kind !== "symbol") return range;
    return [range[0] + Number(area.first % bytes) / this.space.pageBytes,
            range[1] - 1 + (Number(area.last % bytes) + 1) / this.space.pageBytes];
  }

  /** Symbols of the kernel, where the view is small enough for them. */
  symbolsIn(first, last) {
    const {symbols} = this.app.names, found = [];
    if (!symbols || !this.space.isKernels(last) || this.size > 4096) return found;
    for (let i = Math.max(0, lastWhere(symbols, (symbol) => symbol.address <= first)); i < symbols.length && found.length < 4000; ++i) {
      const {address, name} = symbols[i];
      if (address > last) break;
      if (!name || !this.space.isKernels(address) || symbols[i - 1]?.address === address) continue;
      const next = symbols[i + 1]?.address ?? address + 1n;
      found.push({kind: "symbol", name, first: address, last: next > address ? next - 1n : address});
    }
    return found;
  }

  drawRuler(context, width, height) {
    const ticks = Math.max(1, Math.floor(width / 190)), y = height - 9;
    context.font = "11px " + themeColour("mono");
    context.textBaseline = "middle";
    for (let i = 0; i < ticks; ++i) {
      const x = (i * width) / ticks, address = this.space.addressAt(this.from + (i * this.size) / ticks);
      context.fillStyle = themeColour("line");
      context.fillRect(Math.round(x), bandTop + bandHeight, 1, height - bandTop - bandHeight);
      context.fillStyle = themeColour("muted");
      context.fillText(hex(address), x + 4, y);
    }
    const part = this.space.partAt(this.from);
    byId("extent").textContent = `${hex(this.space.addressAt(this.from))} + ${sizeText(this.size * 2 ** part.mode.page_shift)}`;
  }

  drawLegend() {
    const sums = new Map();
    for (const bin of this.shown)
      for (const [key, {found, pages}] of bin?.classes ?? [])
        sums.set(key, {found, pages: (sums.get(key)?.pages ?? 0) + pages});
    const rows = [...sums.values()].sort((a, b) => b.pages - a.pages);
    replaceChildren(byId("legend"), ...rows.slice(0, 14).map(({found, pages}) =>
      make("span", {class: "key"}, swatch(found.colour), found.label, " ",
           make("small", {}, sizeText(pages * this.space.pageBytes)))),
      rows.length > 14 ? make("span", {class: "key"}, `and ${rows.length - 14} more`) : null,
      rows.length ? null : make("span", {class: "key"}, "nothing is mapped here"));
  }

  placeAt(event, canvas = this.main) {
    const box = canvas.getBoundingClientRect();
    return this.from + ((event.clientX - box.left) / box.width) * this.size;
  }
  /** What to show for a click: where a pixel has many pages, its first that is
   *  mapped. */
  pageAt(place) {
    const pixel = this.size / this.main.clientWidth;
    if (pixel <= 1) return Math.floor(place);
    let found = null;
    this.space.visit(place - pixel, place + pixel * 2, pixel / 64, (begin, end) => {
      const at = Math.min(Math.max(place, begin), end - 1);
      if (found === null || Math.abs(at - place) < Math.abs(found - place)) found = at;
    });
    return Math.floor(found ?? place);
  }

  listen() {
    const {main, overview, ladder} = this;
    main.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey)
        this.pan(((event.deltaX || event.deltaY) / main.clientWidth) * this.size);
      else this.zoom(1.0022 ** (event.deltaY * (event.deltaMode ? 30 : 1)), this.placeAt(event));
    }, {passive: false});
    main.addEventListener("pointerdown", (event) => {
      main.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
      this.moved = 0;
    });
    main.addEventListener("pointermove", (event) => this.onMove(event));
    const drop = (event) => this.pointers.delete(event.pointerId);
    main.addEventListener("pointerup", (event) => {
      const wasClick = this.pointers.size === 1 && this.moved < 5;
      drop(event);
      if (wasClick) this.onClick(event);
    });
    main.addEventListener("pointercancel", drop);
    main.addEventListener("dblclick", (event) => this.zoom(1 / 8, this.placeAt(event)));
    main.addEventListener("keydown", (event) => this.onKey(event));
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      const xOf = (at) => {
        const box = overview.getBoundingClientRect();
        return Math.min(Math.max((at.clientX - box.left) / box.width, 0), 1);
      };
      const x = xOf(event), part = this.fold.partAt(x), place = this.fold.toPlace(x);
      // A part that the view does not show, or hardly, is shown as a whole.
      const size = part ? part.to - part.from : 0;
      if (part && (this.size > size * 4 || this.size < size / 1000)) this.show(part.from - size * 0.05, size * 1.1);
      else this.show(place - this.size / 2, this.size);
      overview.onpointermove = (at) => this.show(this.fold.toPlace(xOf(at)) - this.size / 2, this.size);
      overview.onpointerup = () => { overview.onpointermove = null; };
    });
    overview.addEventListener("dblclick", () => this.show(0, this.space.size));
    ladder.addEventListener("click", (event) => {
      const box = ladder.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      const rung = this.rungPlaces.find((r) => r.top <= y && y < r.bottom);
      if (!rung || x < rung.left) return;
      const index = Math.min(rung.count - 1, Math.floor((x - rung.left) / rung.cell));
      this.selected = null;
      this.show(rung.base + index * rung.pages, rung.pages);
    });
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const scale = this.size / this.main.clientWidth;
    if (this.pointers.size === 1) {
      this.moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
      this.pan((before.clientX - event.clientX) * scale);
    } else {
      this.moved = 99;
      const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      const distance = Math.max(8, Math.abs(before.clientX - other.clientX));
      this.zoom(distance / Math.max(8, Math.abs(event.clientX - other.clientX)), this.placeAt(other));
    }
    this.pointers.set(event.pointerId, event);
  }

  onClick(event) {
    const box = this.main.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const named = this.areaPlaces?.find((p) => p.left <= x && x < p.right && p.top <= y && y < p.bottom);
    if (named && y > bandTop + bandHeight) {
      this.showRange(named.area.first, named.area.last);
      this.app.showAddress(this.space, named.area.first, false);
      return;
    }
    this.app.showAddress(this.space, this.space.addressAt(this.pageAt(this.placeAt(event))), false);
  }

  onKey(event) {
    const keys = {
      ArrowLeft: () => this.pan(-this.size / 8), ArrowRight: () => this.pan(this.size / 8),
      ArrowUp: () => this.zoom(1 / 2), ArrowDown: () => this.zoom(2),
      "+": () => this.zoom(1 / 2), "=": () => this.zoom(1 / 2), "-": () => this.zoom(2),
      Home: () => this.show(0, this.space.size), n: () => this.jump(1), p: () => this.jump(-1),
      Enter: () => this.app.showAddress(this.space, this.space.addressAt(this.pageAt(this.focus)), false),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }
}
