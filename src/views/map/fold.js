// A space without its holes: every part that is mapped is wide enough to be
// seen. Widths grow with the logarithm of sizes; inside of a part the scale is
// true.

class Fold {
  static most = 36;

  constructor(space) {
    this.space = space;
    let parts = this.find(0, space.size, space.size / 2 ** 10, 4).sort((a, b) => a.from - b.from);
    for (let gap = 1; parts.length > Fold.most; gap *= 4) parts = this.join(parts, gap);
    if (!parts.length) parts = [{from: 0, to: space.size}];
    const gap = 0.5, weights = parts.map((part) => 2 + Math.log2(part.to - part.from + 1));
    const sum = weights.reduce((a, b) => a + b, 0) + gap * (parts.length + 1);
    let x = gap;
    this.parts = parts.map((part, i) => {
      const found = {...part, left: x / sum, right: (x + weights[i]) / sum};
      x += weights[i] + gap;
      return found;
    });
  }

  join(parts, gap) {
    const joined = [];
    for (const part of parts) {
      const last = joined[joined.length - 1];
      if (last && part.from - last.to <= gap) last.to = Math.max(last.to, part.to);
      else joined.push({...part});
    }
    return joined;
  }

  /** Parts that are mapped; one that is mostly a hole is looked at closer. */
  find(from, to, grain, depth) {
    const found = [];
    this.space.visit(from, to, grain, (begin, end, leafClass, summary) => {
      let pages = 0;
      if (summary) for (const count of summary.values()) pages += count;
      const low = Math.max(begin, from), high = Math.min(end, to), last = found[found.length - 1];
      const used = summary ? pages : high - low;
      if (last && last.to === low) {
        last.to = high;
        last.used += used;
      } else {
        found.push({from: low, to: high, used});
      }
    });
    if (!depth || found.length > 400) return found;
    return found.flatMap((part) => {
      const size = part.to - part.from;
      return size <= 16 || part.used > size / 3 ? [part] : this.find(part.from, part.to, Math.max(size / 2 ** 10, 0.5), depth - 1);
    });
  }

  /** Where a place is, from 0 to 1; in a hole, between its neighbours. */
  toX(place) {
    const i = lastWhere(this.parts, (part) => part.from <= place);
    if (i < 0) return this.parts[0].left * (place / Math.max(1, this.parts[0].from));
    const part = this.parts[i], end = this.parts[i + 1]?.left ?? 1, next = this.parts[i + 1]?.from ?? this.space.size;
    if (place < part.to) return part.left + ((place - part.from) / (part.to - part.from)) * (part.right - part.left);
    return part.right + ((place - part.to) / Math.max(1, next - part.to)) * (end - part.right);
  }
  partAt(x) {
    return this.parts.find((part) => x >= part.left && x < part.right) ?? null;
  }
  toPlace(x) {
    const i = lastWhere(this.parts, (part) => part.left <= x);
    if (i < 0) return (x / this.parts[0].left) * this.parts[0].from;
    const part = this.parts[i], end = this.parts[i + 1]?.left ?? 1, next = this.parts[i + 1]?.from ?? this.space.size;
    if (x < part.right) return part.from + ((x - part.left) / (part.right - part.left)) * (part.to - part.from);
    return part.to + ((x - part.right) / (end - part.right)) * (next - part.to);
  }
}
