// What the page was given: JSON and packed bytes in script elements.

const byId = (id) => document.getElementById(id);

function readJson(id) {
  return JSON.parse(byId(id).textContent);
}

/** The bytes of a packed element; the element's text is given back. */
async function unpack(id) {
  const element = byId(id);
  const text = atob(element.textContent);
  element.textContent = "";
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers of 7 bits a byte, the lowest first. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  get isAtEnd() {
    return this.at >= this.bytes.length;
  }
  /** Below 2^53. */
  number() {
    let value = 0, scale = 1, byte;
    do {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte & 0x80);
    return value;
  }
  signed() {
    const value = this.number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }
  /** All 64 bits. */
  big() {
    let value = 0n, shift = 0n, byte;
    do {
      byte = this.bytes[this.at++];
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte & 0x80);
    return BigInt.asUintN(64, value);
  }
  bigSigned() {
    const value = this.big();
    return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
  }
}

const hex = (value) => "0x" + BigInt(value).toString(16);
const hexPadded = (value, digits) => BigInt(value).toString(16).padStart(digits, "0");

/** 0x200000 -> "2 MiB". */
function sizeText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.length; ++unit) bytes /= 1024;
  const text = bytes >= 100 || Number.isInteger(bytes) ? Math.round(bytes) : bytes.toFixed(1);
  return text + " " + units[unit];
}

const countText = (number) => Number(number).toLocaleString("en");

/** The index of the last element that `isBefore` holds for; -1 if none. */
function lastWhere(array, isBefore) {
  let low = 0, high = array.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(array[middle])) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
