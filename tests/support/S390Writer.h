//===- S390Writer.h - S/390 dumps for tests -------------------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

namespace vmpt::testing {

/// All of \p image, which starts at frame 0 and has no gap, with the prefix of
/// each CPU.
inline std::vector<uint8_t>
writeS390Dump(const MemoryImage &image,
              const std::vector<uint32_t> &prefixes = {}) {
  const uint64_t size = image.endFrame() * image.pageSize;
  ByteWriter out(ByteOrder::big);
  out.u64(0xa8190173618f23fd).u32(5).u32(4096).u32(4).u32(4096);
  out.u64(size).u64(0).u64(size).u32(uint32_t(image.endFrame())).u32(0);
  out.u64(0).u64(0).u32(2).u32(0).u32(2).u64(size).u8(0);
  out.u16(uint16_t(prefixes.size())).u16(uint16_t(prefixes.size()));
  out.zeros(0x800 - out.size());
  for (uint32_t prefix : prefixes)
    out.u32(prefix);
  out.zeros(4096 - out.size());
  for (const auto &[frame, page] : image.pages)
    out.bytes(image.bytesOf(frame));
  out.text("DUMP_END").u64(0);
  return out.take();
}

} // namespace vmpt::testing
