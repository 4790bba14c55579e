//===- VirtualBoxWriter.h - VirtualBox cores for tests --------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

namespace vmpt::testing {

inline void writeVirtualBoxNote(ByteWriter &out, llvm::StringRef name,
                                uint32_t type, llvm::ArrayRef<uint8_t> desc) {
  out.u32(uint32_t(name.size())).u32(uint32_t(desc.size())).u32(type);
  out.text(name).zeros(8 - name.size()).bytes(desc);
}

/// A core with a segment per run and one of device memory behind the last.
/// \p cpus are VBCPU notes; their sizes are multiples of 8.
inline std::vector<uint8_t>
writeVirtualBox(const MemoryImage &image,
                const std::vector<std::vector<uint8_t>> &cpus = {},
                uint32_t version = 0x10006) {
  ByteWriter notes;
  std::vector<uint8_t> core(24);
  patch(core, 0, uint32_t(0xc01ac0de));
  patch(core, 4, version);
  patch(core, 8, uint32_t(24));
  patch(core, 12, uint32_t(7 << 24 | 0 << 16 | 14));
  patch(core, 20, uint32_t(cpus.size()));
  writeVirtualBoxNote(notes, "VBCORE", 0xb00, core);
  for (const auto &cpu : cpus)
    writeVirtualBoxNote(notes, "VBCPU", 0xb01, cpu);
  const std::vector<uint8_t> noteBytes = notes.take();

  auto runs = image.runs();
  const uint64_t segmentCount = runs.size() + 2;
  ByteWriter out;
  out.text("\x7f"
           "ELF")
      .u8(2)
      .u8(1)
      .zeros(10); // EI_VERSION stays 0
  out.u16(4).u16(62).u32(1).u64(0).u64(64).u64(0).u32(0);
  out.u16(64).u16(56).u16(uint16_t(segmentCount)).u16(64).u16(0).u16(0);
  auto segment = [&](uint32_t type, uint64_t offset, uint64_t start,
                     uint64_t stored, uint64_t size) {
    out.u32(type).u32(4).u64(offset).u64(0).u64(start).u64(stored).u64(size);
    out.u64(0);
  };
  uint64_t offset = 64 + segmentCount * 56;
  segment(4, offset, 0, noteBytes.size(), noteBytes.size());
  offset += noteBytes.size();
  for (const MemoryImage::Run &run : runs) {
    uint64_t size = run.count * image.pageSize;
    segment(1, offset, run.first * image.pageSize, size, size);
    offset += size;
  }
  segment(1, offset, image.endFrame() * image.pageSize, 0, 0x10000);
  out.bytes(noteBytes);
  for (const auto &[frame, page] : image.pages)
    out.bytes(image.bytesOf(frame));
  return out.take();
}

} // namespace vmpt::testing
