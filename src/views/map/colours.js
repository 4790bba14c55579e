// Colours, by what is asked. The palette is that of Okabe and Ito, which people
// with any kind of colour vision tell apart; each colour has words beside it.

const palette = {
  blue: "#0072b2", sky: "#56b4e9", green: "#009e73", yellow: "#f0e442", orange: "#e69f00",
  vermilion: "#d55e00", purple: "#cc79a7", grey: "#8c8c8c", dark: "#5b5b66", pale: "#b9c4cf",
  brown: "#8a5a2b", navy: "#2f4b8f", teal: "#3fb8af", rose: "#e7969c",
};
const series = ["blue", "orange", "green", "purple", "sky", "vermilion", "yellow", "brown", "teal", "navy", "rose"]
  .map((name) => palette[name]);

const unknownClass = {key: "unknown", label: "not in the dump", colour: palette.dark};
const notPresent = {key: "hole", label: "entry, but not present", colour: palette.pale};

function rightsClass(denied) {
  const {user, write, execute} = rightsOf(denied);
  const who = user ? "user" : "kernel";
  if (write && execute) return {key: who + "wx", label: who + " write + execute", colour: user ? "#8f2d00" : palette.vermilion};
  if (execute) return {key: who + "x", label: who + " execute", colour: user ? palette.purple : palette.green};
  if (write) return {key: who + "w", label: who + " read/write", colour: user ? palette.orange : palette.blue};
  return {key: who + "r", label: who + " read-only", colour: user ? palette.yellow : palette.sky};
}

function ageClass(style) {
  if (style.accessed === null || style.accessed === undefined)
    return {key: "untold", label: "no accessed bit", colour: palette.grey};
  if (!style.accessed) return {key: "old", label: "not accessed since it was last cleared", colour: palette.navy};
  if (style.dirty === null || style.dirty === undefined)
    return {key: "young", label: "accessed", colour: palette.sky};
  return style.dirty ? {key: "dirty", label: "accessed and written", colour: palette.orange}
                     : {key: "young", label: "accessed, not written", colour: palette.sky};
}

/** Numbers names in the order in which they come, so that each has a colour. */
class Series {
  constructor() {
    this.known = new Map();
  }
  of(name) {
    if (!this.known.has(name)) this.known.set(name, series[this.known.size % series.length]);
    return {key: name, label: name, colour: this.known.get(name)};
  }
}

class Colouring {
  constructor(tables, names) {
    this.tables = tables;
    this.names = names;
    this.memory = new Series();
    ["WB", "MEM/NORMAL", "MEM/CACHED/WBWA", "PMA", "CC", "normal"].forEach((name) => this.memory.known.set(name, palette.blue));
    this.regions = new Series();
    names.regions.forEach((region) => this.regions.of(region.name));
    this.owners = new Series();
    this.cache = new Map();
    this.borders = new Map();
  }

  /** Of what a mode names by its place; null if it names nothing so. */
  bordersOf(mode, space) {
    if (mode !== "region" && mode !== "owner") return null;
    const key = mode + space.index, {names} = this;
    if (!this.borders.has(key)) {
      const kernels = names.regionsOf(space);
      this.borders.set(key, new Borders(space, mode === "region" ? kernels
        : [...kernels, ...(kernels.length ? names.kernelAreas : []), ...names.areasOf(space)]));
    }
    return this.borders.get(key);
  }

  /** What pages of a leaf class at an address count as. */
  classOf(mode, leafClass, space, address) {
    if (leafClass < 0) return unknownClass;
    const style = this.tables.styles[leafClass >> 4];
    if (!style.isLeaf) return notPresent;
    if (mode === "region") {
      const region = this.names.regionAt(space, address);
      return region ? this.regions.of(region.name)
                    : !space.isKernels(address) ? {key: "user", label: "user", colour: palette.orange}
                    : {key: "none", label: "no region", colour: palette.grey};
    }
    if (mode === "owner") return this.ownerClass(space, address);
    const key = mode + leafClass;
    let found = this.cache.get(key);
    if (!found) {
      found = mode === "rights" ? rightsClass(leafClass & 15)
        : mode === "age" ? ageClass(style)
        : style.memory ? this.memory.of(style.memory)
        : {key: "untold", label: "not told by these entries", colour: palette.grey};
      this.cache.set(key, found);
    }
    return found;
  }
  ownerClass(space, address) {
    const area = this.names.areaAt(space, address);
    if (!area) {
      const region = this.names.regionAt(space, address);
      return region && region.name !== "user" ? {key: region.name, label: region.name, colour: palette.grey}
                                              : {key: "nobody", label: "no area", colour: palette.dark};
    }
    const name = area.kind === "module" ? area.name.split(" ")[0]
      : area.kind === "vmalloc" ? area.name.split("+")[0] : area.name;
    return this.owners.of(name);
  }
}

// What frames of memory count as.
const frameKinds = {
  kernelImage: {label: "kernel image", colour: palette.green},
  tables: {label: "page tables", colour: palette.vermilion},
  kernel: {label: "kernel", colour: palette.blue},
  user: {label: "user", colour: palette.orange},
  cache: {label: "page cache", colour: palette.sky},
  free: {label: "free", colour: null},
  unknown: {label: "in the dump, use not known", colour: palette.grey},
  absent: {label: "absent", colour: null},
};
