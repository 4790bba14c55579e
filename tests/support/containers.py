"""Writers of containers that no program at hand makes: from the segments of an ELF core."""
import mmap
import struct
import zlib

from cases import load_segments

PT_NOTE = 4
BLOCK = 4096


def order_of(dump):
    """"<" or ">", as the headers of an ELF core have it."""
    with open(dump, "rb") as file:
        return "<" if file.read(6)[5] == 1 else ">"


def read_notes(dump):
    """The bytes of the first PT_NOTE of an ELF core."""
    order = order_of(dump)
    with open(dump, "rb") as file:
        header = file.read(64)
        is_wide = header[4] == 2
        phoff, = struct.unpack_from(order + ("Q" if is_wide else "I"), header, 32 if is_wide else 28)
        count, = struct.unpack_from(order + "H", header, 56 if is_wide else 44)
        file.seek(phoff)
        headers = file.read(count * (56 if is_wide else 32))
        for values in struct.iter_unpack(order + ("IIQQQQQQ" if is_wide else "8I"), headers):
            kind, offset, size = values[0], values[2 if is_wide else 1], values[5 if is_wide else 4]
            if kind == PT_NOTE:
                file.seek(offset)
                return file.read(size)
    return b""


def vmcoreinfo_of(notes, order="<"):
    """(offset, size) of the VMCOREINFO text in notes, or (0, 0)."""
    at = notes.find(b"VMCOREINFO\0\0")
    if at < 12:
        return 0, 0
    _, size, _ = struct.unpack_from(order + "III", notes, at - 12)
    return at + 12, size


def read_pages(dump):
    """(frame, bytes) of each whole page, ascending."""
    with open(dump, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for physical, _, offset, stored in load_segments(dump):
        for frame in range(-(-physical // BLOCK), (physical + stored) // BLOCK):
            start = offset + frame * BLOCK - physical
            yield frame, data[start:start + BLOCK]


def make_bitmap(frames, size):
    bits = bytearray(size)
    for frame in frames:
        bits[frame >> 3] |= 1 << (frame & 7)
    return bytes(bits)


def make_kdump(dump, path, machine=None):
    """diskdump_header, kdump_sub_header (makedumpfile IMPLEMENTATION), two bitmaps, descriptors, data.

    In the byte order of the core's headers, and for machines that QEMU has no name for with none.
    """
    order = order_of(dump)
    with open(dump, "rb") as file:
        header = file.read(64)
        names = {62: b"x86_64", 183: b"aarch64", 243: b"riscv64", 3: b"i686", 22: b"S390X"}
        machine = machine or names.get(struct.unpack_from(order + "H", header, 18)[0], b"Unknown")
    is_wide = header[4] == 2 and machine != b"i686"  # a long has 8 bytes
    notes = read_notes(dump)
    frames = [frame for frame, _ in read_pages(dump)]
    top = frames[-1] + 1
    bitmap_bytes = -(-(-(-top // 8)) // BLOCK) * BLOCK
    sub_bytes = 104 if is_wide else 80
    sub_blocks = -(-(sub_bytes + len(notes)) // BLOCK)
    text, text_size = vmcoreinfo_of(notes, order)
    notes_at = BLOCK + sub_bytes
    name = [b"Linux", b"node", b"6.1.0", b"#1", machine, b"domain"]
    header = b"KDUMP   " + struct.pack(order + "i", 6) + b"".join(word.ljust(65, b"\0") for word in name)
    header = header.ljust(408 if is_wide else 404, b"\0") + struct.pack(
        order + ("qqIiiIIIIIIi" if is_wide else "iiIiiIIIIIIi"), 0, 0, 1, BLOCK, sub_blocks, 2 * bitmap_bytes // BLOCK, min(top, (1 << 32) - 1), 0, 0, 0, 0, 1)
    sub = struct.pack(order + ("QiiQQQQQQQQQQQ" if is_wide else "IiiIIQIQIQIQQQ"), 0, 0, 0, 0, 0, notes_at + text if text else 0, text_size,
                      notes_at, len(notes), 0, 0, 0, 0, top)
    bitmap = make_bitmap(frames, bitmap_bytes)
    start = BLOCK * (1 + sub_blocks) + 2 * bitmap_bytes
    at = start + 24 * len(frames)
    with open(path, "wb") as out:
        out.write(header.ljust(BLOCK, b"\0"))
        out.write((sub.ljust(sub_bytes, b"\0") + notes).ljust(sub_blocks * BLOCK, b"\0"))
        out.write(bitmap + bitmap)
        descriptors = bytearray()
        out.seek(at)
        for _, page in read_pages(dump):
            packed = zlib.compress(page, 1)
            flags = 1 if len(packed) < BLOCK else 0
            packed = packed if flags else page
            descriptors += struct.pack(order + "qIIQ", at, len(packed), flags, 0)
            out.write(packed)
            at += len(packed)
        out.seek(start)
        out.write(descriptors)
    return path


def make_flattened(source, path):
    """makedumpfile -F: a header of 4096 bytes, records {offset, size, bytes}, and {-1, -1}."""
    with open(source, "rb") as file, open(path, "wb") as out:
        out.write((b"makedumpfile".ljust(16, b"\0") + struct.pack(">QQ", 1, 1)).ljust(4096, b"\0"))
        at = 0
        while chunk := file.read(1 << 18):
            out.write(struct.pack(">QQ", at, len(chunk)) + chunk)
            at += len(chunk)
        out.write(struct.pack(">qq", -1, -1))
    return path


def read_runs(dump):
    """[[first frame, [pages]]] of frames that follow each other."""
    runs = []
    for frame, page in read_pages(dump):
        if not runs or runs[-1][0] + len(runs[-1][1]) != frame:
            runs.append((frame, []))
        runs[-1][1].append(page)
    return runs


def make_avml(dump, path):
    """AVML 2: a header as LiME's, frames of snappy, the length of the frames.

    The frames hold literals, which is all that snappy finds in noise.
    """
    with open(path, "wb") as out:
        for first, pages in read_runs(dump):
            out.write(struct.pack("<IIQQ8x", 0x4C4D5641, 2, first * BLOCK, (first + len(pages)) * BLOCK - 1))
            start = out.tell()
            out.write(b"\xff\x06\0\0sNaPpY")
            for at in range(0, len(pages), 16):
                chunk = b"".join(pages[at:at + 16])
                size = len(chunk)
                body = bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14))  # the length, as a varint
                body += b"\xf4" + struct.pack("<H", size - 1) + chunk  # a literal with a length of two bytes
                out.write(struct.pack("<I", (len(body) + 4) << 8) + bytes(4) + body)  # no checksum
            out.write(struct.pack("<Q", out.tell() - start))
    return path


def make_vmware(dump, state, memory=None):
    """A .vmss with its memory in it, or beside it in a .vmem (crash vmware_vmss.h)."""

    def item(name, index, value):
        return struct.pack("<H", len(name) << 8 | len(index) << 6 | 4) + name + struct.pack(f"<{len(index) + 1}I", *index, value)

    runs = read_runs(dump)
    items, at = item(b"regionsCount", (), len(runs)), 0
    for number, (first, pages) in enumerate(runs):
        items += item(b"regionPageNum", (number,), at) + item(b"regionPPN", (number,), first)
        items += item(b"regionSize", (number,), len(pages))
        at += len(pages)
    block = b"" if memory else struct.pack("<H", 6 << 8 | 63) + b"Memory" + struct.pack("<QQHx", at * BLOCK, at * BLOCK, 1)
    size = len(items) + len(block) + (0 if memory else at * BLOCK) + 2
    with open(state, "wb") as out:
        out.write(struct.pack("<III", 0xBED2BED2, 8, 1) + b"memory".ljust(64, b"\0") + struct.pack("<QQ", 92, size))
        out.write(items + block)
        if not memory:
            out.writelines(page for _, pages in runs for page in pages)
        out.write(bytes(2))
    if memory:
        with open(memory, "wb") as out:
            out.writelines(page for _, pages in runs for page in pages)
    return state


def make_virtualbox(dump, path):
    """An ELF core with VBCORE, without CPUs (virtualbox dbgfcorefmt.h)."""
    note = struct.pack("<III", 6, 24, 0xB00) + b"VBCORE\0\0" + struct.pack("<IIIIII", 0xC01AC0DE, 0x10006, 24, 7 << 24 | 14, 0, 0)
    runs = read_runs(dump)
    offset = 64 + 56 * (len(runs) + 1)
    headers = struct.pack("<IIQQQQQQ", 4, 0, offset, 0, 0, len(note), len(note), 0)
    offset += len(note)
    for first, pages in runs:
        size = len(pages) * BLOCK
        headers += struct.pack("<IIQQQQQQ", 1, 4, offset, 0, first * BLOCK, size, size, 0)
        offset += size
    with open(path, "wb") as out:
        out.write(b"\x7fELF\2\1".ljust(16, b"\0"))  # EI_VERSION stays 0
        out.write(struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(runs) + 1, 64, 0, 0))
        out.write(headers + note)
        for _, pages in runs:
            out.writelines(pages)
    return path


def make_xen(dump, path):
    """`xl dump-core` of an HVM guest (xen docs/misc/dump-core-format.txt)."""
    runs = read_runs(dump)
    frames = [first + i for first, pages in runs for i in range(len(pages))]
    names = (b"", b".note.Xen", b".xen_pages", b".xen_pfn", b".shstrtab")
    note = struct.pack("<III", 4, 32, 0x2000001) + b"Xen\0" + struct.pack("<QQQQ", 0xF00FEBEE, 1, len(frames), BLOCK)
    table = b"\0".join(names) + b"\0"
    offset, headers = 64 + 64 * len(names), bytes(64)
    for name, size in zip(names[1:], (len(note), BLOCK * len(frames), 8 * len(frames), len(table))):
        kind = 3 if name == b".shstrtab" else 1
        headers += struct.pack("<IIQQQQIIQQ", table.index(name + b"\0"), kind, 0, 0, offset, size, 0, 0, 1, 0)
        offset += size
    with open(path, "wb") as out:
        out.write(b"\x7fELF\2\1\1".ljust(16, b"\0"))
        out.write(struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, len(names), len(names) - 1))
        out.write(headers + note)
        for _, pages in runs:
            out.writelines(pages)
        out.write(struct.pack(f"<{len(frames)}Q", *frames) + table)
    return path
