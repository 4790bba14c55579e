//===- LimeWriter.h - LiME and AVML files for tests -----------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

#include <snappy-c.h>

namespace vmpt::testing {

enum class LimeKind { Lime, Avml, Mixed };

inline void writeLimeHeader(ByteWriter &out, bool avml, uint64_t start,
                            uint64_t last) {
  out.text(avml ? "AVML" : "EMiL").u32(avml ? 2 : 1).u64(start).u64(last);
  out.u64(0);
}

/// One AVML record: frame stream and trailer. Every third chunk is stored
/// uncompressed, as the encoder does where compression does not pay.
inline void writeAvmlRecord(ByteWriter &out, uint64_t start,
                            llvm::ArrayRef<uint8_t> data,
                            size_t chunkSize = 65536) {
  writeLimeHeader(out, true, start, start + data.size() - 1);
  const uint64_t begin = out.size();
  out.u32(0x6ff).text("sNaPpY");
  for (unsigned n = 0; !data.empty(); ++n) {
    auto chunk = data.take_front(std::min(chunkSize, data.size()));
    data = data.drop_front(chunk.size());
    std::vector<uint8_t> block(chunk.begin(), chunk.end());
    uint8_t type = 1;
    if (n % 3 != 2) {
      size_t size = snappy_max_compressed_length(chunk.size());
      block.resize(size);
      snappy_compress(reinterpret_cast<const char *>(chunk.data()),
                      chunk.size(), reinterpret_cast<char *>(block.data()),
                      &size);
      block.resize(size);
      type = 0;
    }
    // The checksum is not what readers go by.
    out.u32(uint32_t(block.size() + 4) << 8 | type).u32(0).bytes(block);
  }
  out.u64(out.size() - begin);
}

/// One record per run of frames, as the tools write one per piece of RAM.
inline std::vector<uint8_t> writeLime(const MemoryImage &image, LimeKind kind,
                                      size_t chunkSize = 65536) {
  ByteWriter out;
  bool avml = kind != LimeKind::Lime;
  for (const MemoryImage::Run &run : image.runs()) {
    std::vector<uint8_t> data;
    for (uint64_t i = 0; i < run.count; ++i) {
      std::vector<uint8_t> page = image.bytesOf(run.first + i);
      data.insert(data.end(), page.begin(), page.end());
    }
    uint64_t start = image.addressOf(run.first).value;
    if (avml) {
      writeAvmlRecord(out, start, data, chunkSize);
    } else {
      writeLimeHeader(out, false, start, start + data.size() - 1);
      out.bytes(data);
    }
    if (kind == LimeKind::Mixed)
      avml = !avml;
  }
  return out.take();
}

} // namespace vmpt::testing
