#include "ByteWriter.h"
#include "DumpBuilder.h"

#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zstd.h>

namespace vmpt::testing {

namespace {

/// A C struct of the dumped machine: each member at its own alignment.
class StructWriter : public ByteWriter {
public:
  explicit StructWriter(const KdumpShape &shape)
      : ByteWriter(shape.order), longSize_(shape.wordBits / 8),
        align64_(shape.wordBits == 64 || shape.padded ? 8 : 4) {}

  StructWriter &number32(uint64_t value) {
    align(4).u32(uint32_t(value));
    return *this;
  }
  StructWriter &number64(uint64_t value) {
    align(align64_).u64(value);
    return *this;
  }
  StructWriter &unsignedLong(uint64_t value) {
    return longSize_ == 8 ? number64(value) : number32(value);
  }
  StructWriter &characters(const std::string &value, uint64_t size) {
    text(value).zeros(size - value.size());
    return *this;
  }

private:
  uint64_t longSize_, align64_;
};

uint32_t flagOf(Codec codec) {
  constexpr uint32_t flags[] = {0, 1, 2, 4, 0x20};
  return flags[unsigned(codec)];
}

uint64_t roundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

struct Geometry {
  FileBytes notes;
  uint64_t vmcoreinfoOffset = 0, vmcoreinfoSize = 0, notesOffset = 0;
  uint64_t subHeaderBlocks = 0, bitmapBytes = 0, dumped = 0;
};

bool isDumped(const MemoryImage::Page &page) {
  return page.state != PageState::Excluded;
}

Geometry measure(const MemoryImage &image, const KdumpShape &shape) {
  constexpr uint64_t subHeaderSize = 104;
  Geometry result;
  result.notes = writeNotes(shape.notes, shape.order);
  result.notesOffset = image.pageSize + subHeaderSize;
  for (const NoteText &note : shape.notes)
    if (note.name == "VMCOREINFO") {
      auto found = std::search(result.notes.begin(), result.notes.end(),
                               note.desc.begin(), note.desc.end());
      result.vmcoreinfoOffset =
          result.notesOffset + uint64_t(found - result.notes.begin());
      result.vmcoreinfoSize = note.desc.size();
    }
  result.subHeaderBlocks =
      roundUp(subHeaderSize + result.notes.size(), image.pageSize) /
      image.pageSize;
  result.bitmapBytes =
      roundUp(roundUp(image.endFrame(), 8) / 8, image.pageSize);
  for (const auto &[frame, page] : image.pages)
    result.dumped += isDumped(page);
  return result;
}

FileBytes mainHeader(const MemoryImage &image, const KdumpShape &shape,
                     const Geometry &geometry) {
  uint32_t status = shape.incomplete ? 8 : 0;
  for (Codec codec : shape.codecs)
    status |= flagOf(codec);
  StructWriter out(shape);
  out.characters("KDUMP   ", 8).number32(shape.version);
  for (const std::string &name :
       {shape.sysname, std::string("host"), shape.release,
        std::string("#1 SMP"), shape.machine, std::string("(none)")})
    out.characters(shape.sysname.empty() && name != shape.machine ? "" : name,
                   65);
  out.unsignedLong(1700000000).unsignedLong(shape.timestampMicroseconds);
  out.number32(status).number32(image.pageSize);
  out.number32(geometry.subHeaderBlocks);
  out.number32(2 * geometry.bitmapBytes / image.pageSize);
  out.number32(image.endFrame());
  out.number32(0).number32(0).number32(0).number32(0).number32(2);
  return out.take();
}

FileBytes subHeader(const MemoryImage &image, const KdumpShape &shape,
                    const Geometry &geometry) {
  MemoryImage::Run split = shape.split.value_or(MemoryImage::Run());
  StructWriter out(shape);
  out.unsignedLong(shape.physBase);
  if (shape.version >= 1)
    out.number32(shape.dumpLevel);
  if (shape.version >= 2)
    out.number32(shape.split.has_value())
        .unsignedLong(split.first)
        .unsignedLong(split.first + split.count);
  if (shape.version >= 3)
    out.number64(geometry.vmcoreinfoOffset)
        .unsignedLong(geometry.vmcoreinfoSize);
  if (shape.version >= 4)
    out.number64(geometry.notes.empty() ? 0 : geometry.notesOffset)
        .unsignedLong(geometry.notes.size());
  if (shape.version >= 5)
    out.number64(0).unsignedLong(0);
  if (shape.version >= 6)
    out.number64(split.first)
        .number64(split.first + split.count)
        .number64(image.endFrame());
  return out.take();
}

} // namespace

FileBytes compress(Codec codec, const FileBytes &page) {
  FileBytes out(2 * page.size() + 1024);
  size_t size = 0;
  switch (codec) {
  case Codec::Raw:
    return page;
  case Codec::Zlib: {
    libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
    size = libdeflate_zlib_compress(compressor, page.data(), page.size(),
                                    out.data(), out.size());
    libdeflate_free_compressor(compressor);
    break;
  }
  case Codec::Lzo: {
    std::vector<uint64_t> work(LZO1X_1_MEM_COMPRESS / 8 + 1);
    lzo_uint lzoSize = out.size();
    lzo1x_1_compress(page.data(), page.size(), out.data(), &lzoSize,
                     work.data());
    size = lzoSize;
    break;
  }
  case Codec::Snappy:
    size = out.size();
    snappy_compress(reinterpret_cast<const char *>(page.data()), page.size(),
                    reinterpret_cast<char *>(out.data()), &size);
    break;
  case Codec::Zstd:
    size = ZSTD_compress(out.data(), out.size(), page.data(), page.size(), 1);
    break;
  }
  out.resize(size);
  return out;
}

KdumpPlaces findPlaces(const MemoryImage &image, const KdumpShape &shape) {
  Geometry geometry = measure(image, shape);
  KdumpPlaces places;
  places.subHeader = image.pageSize;
  places.bitmaps = image.pageSize * (1 + geometry.subHeaderBlocks);
  places.descriptors = places.bitmaps + 2 * geometry.bitmapBytes;
  places.data = places.descriptors + 24 * geometry.dumped;
  return places;
}

FileBytes writeKdump(const MemoryImage &image, const KdumpShape &shape) {
  const Geometry geometry = measure(image, shape);
  const KdumpPlaces places = findPlaces(image, shape);
  ByteWriter out(shape.order);
  out.bytes(mainHeader(image, shape, geometry)).align(image.pageSize);
  out.bytes(subHeader(image, shape, geometry));
  out.zeros(geometry.notesOffset - out.size()).bytes(geometry.notes);
  out.align(image.pageSize);

  FileBytes ram(geometry.bitmapBytes), dumped(geometry.bitmapBytes);
  for (const auto &[frame, page] : image.pages) {
    ram[frame / 8] |= uint8_t(1 << frame % 8);
    if (isDumped(page))
      dumped[frame / 8] |= uint8_t(1 << frame % 8);
  }
  out.bytes(ram).bytes(dumped);

  ByteWriter descriptors(shape.order), data(shape.order);
  auto describe = [&](uint64_t offset, uint64_t size, Codec codec) {
    descriptors.u64(offset).u32(uint32_t(size)).u32(flagOf(codec)).u64(0);
  };
  if (shape.shareZeroPage)
    data.zeros(image.pageSize);
  uint64_t turn = 0;
  for (const auto &[frame, page] : image.pages) {
    if (!isDumped(page) ||
        (shape.split && frame - shape.split->first >= shape.split->count))
      continue;
    if (page.state == PageState::Lost) {
      descriptors.zeros(24);
      continue;
    }
    if (page.state == PageState::Zero && shape.shareZeroPage) {
      describe(places.data, image.pageSize, Codec::Raw);
      continue;
    }
    Codec codec = shape.codecs[turn++ % shape.codecs.size()];
    FileBytes raw = image.bytesOf(frame), stored = compress(codec, raw);
    if (stored.size() >= raw.size())
      stored = raw, codec = Codec::Raw;
    describe(places.data + data.size(), stored.size(), codec);
    data.bytes(stored);
  }
  // Room for all pages' descriptors, also in a part of a split dump.
  out.bytes(descriptors.take()).zeros(places.data - out.size());
  return out.bytes(data.take()).take();
}

} // namespace vmpt::testing
