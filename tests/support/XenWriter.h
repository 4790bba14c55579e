//===- XenWriter.h - xl dump-core files for tests -------------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

namespace vmpt::testing {

struct XenSection {
  std::string name;
  std::vector<uint8_t> bytes;
};

/// ELF64 with the sections and their names, no program headers.
inline std::vector<uint8_t>
writeElfSections(const std::vector<XenSection> &sections) {
  std::string names(1, '\0');
  std::vector<uint32_t> nameAt;
  for (const XenSection &section : sections) {
    nameAt.push_back(uint32_t(names.size()));
    names += section.name + '\0';
  }
  const auto namesName = uint32_t(names.size());
  names += std::string(".shstrtab") + '\0';

  const auto count = uint16_t(sections.size() + 2);
  ByteWriter out;
  out.text("\x7f"
           "ELF")
      .u8(2)
      .u8(1)
      .u8(1)
      .zeros(9);
  out.u16(4).u16(62).u32(1).u64(0).u64(0).u64(64).u32(0);
  out.u16(64).u16(56).u16(0).u16(64).u16(count).u16(uint16_t(count - 1));
  auto header = [&](uint32_t name, uint32_t type, uint64_t offset,
                    uint64_t size) {
    out.u32(name).u32(type).u64(0).u64(0).u64(offset).u64(size);
    out.u32(0).u32(0).u64(1).u64(0);
  };
  header(0, 0, 0, 0);
  uint64_t offset = 64 + 64 * count + names.size();
  for (size_t i = 0; i < sections.size(); ++i) {
    header(nameAt[i], 1, offset, sections[i].bytes.size());
    offset += sections[i].bytes.size();
  }
  header(namesName, 3, 64 + 64 * count, names.size());
  out.text(names);
  for (const XenSection &section : sections)
    out.bytes(section.bytes);
  return out.take();
}

inline XenSection makeXenHeader(uint64_t pages, uint64_t pageSize = 4096,
                                uint64_t cpus = 1,
                                uint64_t magic = 0xf00febee) {
  ByteWriter note;
  note.u32(4).u32(32).u32(0x2000001).text("Xen").u8(0);
  note.u64(magic).u64(cpus).u64(pages).u64(pageSize);
  return {".note.Xen", note.take()};
}

/// The pages stand in descending order of pairs, so that frames are in runs
/// and runs are not in order; a frame of ~0 stands between.
inline std::vector<XenSection> makeXenPages(const MemoryImage &image) {
  ByteWriter frames, pages;
  std::vector<uint64_t> order;
  for (const auto &[frame, page] : image.pages)
    order.push_back(frame);
  while (!order.empty()) {
    size_t take = std::min<size_t>(2, order.size());
    for (size_t i = order.size() - take; i < order.size(); ++i) {
      frames.u64(order[i]);
      pages.bytes(image.bytesOf(order[i]));
    }
    order.resize(order.size() - take);
    frames.u64(~uint64_t(0));
    pages.zeros(image.pageSize);
  }
  uint64_t count = frames.size() / 8;
  return {makeXenHeader(count, image.pageSize),
          {".xen_pages", pages.take()},
          {".xen_pfn", frames.take()}};
}

} // namespace vmpt::testing
