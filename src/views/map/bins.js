// What a row of pixels has to know of a part of an address space, and text that
// fits.

/** Where a thing named by its place begins or ends: ascending places. Nothing
 *  that a border divides may be counted as one. */
class Borders {
  constructor(space, ranges) {
    const places = new Set();
    for (const {first, last} of ranges) {
      const range = space.rangeOf(first, last);
      if (range) range.forEach((place) => places.add(place));
    }
    this.places = Float64Array.from(places).sort();
  }
  indexOf(place) {
    return lastWhere(this.places, (border) => border <= place);
  }
  nextAfter(place) {
    return this.places[this.indexOf(place) + 1] ?? Infinity;
  }
  isWhole = (from, to) => this.nextAfter(from) >= to;
}

/** Numbers in bins of equal width: what most of each is, and how much. With
 *  borders each page counts as what its own place is. */
function sampleBins(space, from, to, count, classify, borders = null) {
  const width = (to - from) / count, bins = new Array(count);
  const add = (bin, what, pages, place) => {
    const found = bins[bin] ??= {first: place, pages: 0, counts: new Map()};
    const key = borders ? what + "@" + borders.indexOf(place) : what;
    const sum = found.counts.get(key);
    found.pages += pages;
    if (sum) sum.pages += pages;
    else found.counts.set(key, {what, pages, place});
  };
  space.visit(from, to, width, (begin, end, leafClass, summary, used) => {
    const first = Math.max(0, Math.floor((begin - from) / width));
    if (summary) {
      const bin = Math.min(count - 1, first);
      for (const [what, pages] of summary) add(bin, what, pages, used);
      return;
    }
    const last = Math.min(count - 1, Math.ceil((end - from) / width) - 1);
    for (let bin = first; bin <= last; ++bin) {
      const low = Math.max(begin, from + bin * width), high = Math.min(end, from + (bin + 1) * width);
      for (let at = low; at < high;) {
        const end = borders ? Math.min(high, borders.nextAfter(at)) : high;
        add(bin, leafClass, end - at, at);
        at = end;
      }
    }
  }, borders?.isWhole);
  return bins.map((bin) => {
    if (!bin) return null;
    let best = null, most = -1;
    const classes = new Map();
    for (const {what, pages, place} of bin.counts.values()) {
      const found = classify(what, space.addressAt(place));
      const sum = (classes.get(found.key)?.pages ?? 0) + pages;
      classes.set(found.key, {found, pages: sum});
      // What is worth looking at is seen even where it is little.
      const weight = found.key.endsWith("wx") ? Infinity : sum;
      if (weight > most) [best, most] = [found, weight];
    }
    return {best, classes, first: bin.first, share: Math.min(1, bin.pages / width)};
  });
}

const areaColours = {area: palette.orange, module: palette.purple, vmalloc: palette.sky, symbol: palette.green};

/** As much of a text as fits. */
function fitText(context, text, room) {
  if (room < 8) return "";
  if (context.measureText(text).width <= room) return text;
  let length = Math.max(0, Math.floor((text.length * room) / context.measureText(text).width));
  while (length > 0 && context.measureText(text.slice(0, length) + "…").width > room) --length;
  return length ? text.slice(0, length) + "…" : "";
}

function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return r * 0.3 + g * 0.59 + b * 0.11 > 140 ? "#111" : "#fff";
}
