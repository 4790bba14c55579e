"""Writers of containers that no program at hand makes: from the segments of an ELF core."""
import mmap
import struct
import zlib

from cases import load_segments

PT_NOTE = 4
BLOCK = 4096


def read_notes(dump):
    """The bytes of the first PT_NOTE of an ELF64 core, little-endian."""
    with open(dump, "rb") as file:
        header = file.read(64)
        phoff, = struct.unpack_from("<Q", header, 32)
        count, = struct.unpack_from("<H", header, 56)
        file.seek(phoff)
        for kind, _, offset, _, _, size, _, _ in struct.iter_unpack("<IIQQQQQQ", file.read(count * 56)):
            if kind == PT_NOTE:
                file.seek(offset)
                return file.read(size)
    return b""


def vmcoreinfo_of(notes):
    """(offset, size) of the VMCOREINFO text in notes, or (0, 0)."""
    at = notes.find(b"VMCOREINFO\0\0")
    if at < 12:
        return 0, 0
    _, size, _ = struct.unpack_from("<III", notes, at - 12)
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
    """diskdump_header, kdump_sub_header (makedumpfile IMPLEMENTATION), two bitmaps, descriptors, data."""
    with open(dump, "rb") as file:
        machine = machine or {62: b"x86_64", 183: b"aarch64", 243: b"riscv64", 3: b"i686"}[
            struct.unpack_from("<H", file.read(64), 18)[0]]
    notes = read_notes(dump)
    frames = [frame for frame, _ in read_pages(dump)]
    top = frames[-1] + 1
    bitmap_bytes = -(-(-(-top // 8)) // BLOCK) * BLOCK
    is_wide = machine != b"i686"  # a long has 8 bytes
    sub_bytes = 104 if is_wide else 80
    sub_blocks = -(-(sub_bytes + len(notes)) // BLOCK)
    text, text_size = vmcoreinfo_of(notes)
    notes_at = BLOCK + sub_bytes
    name = [b"Linux", b"node", b"6.1.0", b"#1", machine, b"domain"]
    header = b"KDUMP   " + struct.pack("<i", 6) + b"".join(word.ljust(65, b"\0") for word in name)
    header = header.ljust(408 if is_wide else 404, b"\0") + struct.pack(
        "<qqIiiIIIIIIi" if is_wide else "<iiIiiIIIIIIi", 0, 0, 1, BLOCK, sub_blocks, 2 * bitmap_bytes // BLOCK, min(top, (1 << 32) - 1), 0, 0, 0, 0, 1)
    sub = struct.pack("<QiiQQQQQQQQQQQ" if is_wide else "<IiiIIQIQIQIQQQ", 0, 0, 0, 0, 0, notes_at + text if text else 0, text_size,
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
            descriptors += struct.pack("<qIIQ", at, len(packed), flags, 0)
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
