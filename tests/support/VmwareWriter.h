//===- VmwareWriter.h - VMware states for tests ---------------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

namespace vmpt::testing {

/// The items of one group, then the group in a file.
class VmwareWriter {
public:
  struct Group {
    std::string name;
    ByteWriter items;
  };

  VmwareWriter &group(std::string name) {
    groups_.push_back({std::move(name), ByteWriter()});
    return *this;
  }
  VmwareWriter &item(llvm::StringRef name, std::vector<uint32_t> index,
                     uint64_t value, unsigned size) {
    tag(name, index, size);
    for (unsigned i = 0; i < size; ++i)
      items().u8(uint8_t(value >> 8 * i));
    return *this;
  }
  VmwareWriter &block(llvm::StringRef name, std::vector<uint32_t> index,
                      llvm::ArrayRef<uint8_t> bytes, bool compressed = false) {
    tag(name, index, compressed ? 62 : 63);
    items().u64(bytes.size()).u64(bytes.size()).u16(5).zeros(5).bytes(bytes);
    return *this;
  }
  std::vector<uint8_t> take(uint32_t magic = 0xbed2bed2) {
    ByteWriter out;
    out.u32(magic).u32(8).u32(uint32_t(groups_.size()));
    uint64_t position = 12 + 80 * groups_.size();
    for (Group &group : groups_) {
      group.items.u16(0);
      std::string name = group.name;
      name.resize(64);
      out.text(name).u64(position).u64(group.items.size());
      position += group.items.size();
    }
    for (Group &group : groups_)
      out.bytes(group.items.take());
    return out.take();
  }

private:
  ByteWriter &items() { return groups_.back().items; }
  void tag(llvm::StringRef name, const std::vector<uint32_t> &index,
           unsigned size) {
    items().u16(uint16_t(name.size() << 8 | index.size() << 6 | size));
    items().text(name);
    for (uint32_t i : index)
      items().u32(i);
  }

  std::vector<Group> groups_;
};

/// The runs of an image one behind the other: a .vmem.
inline std::vector<uint8_t> writeVmem(const MemoryImage &image) {
  ByteWriter out;
  for (const auto &[frame, page] : image.pages)
    out.bytes(image.bytesOf(frame));
  return out.take();
}

/// The state of an image, with a region per run. Pages of 4096 bytes.
inline VmwareWriter describeVmware(const MemoryImage &image) {
  VmwareWriter out;
  out.group("Checkpoint").item("fileversion", {}, 8, 4).group("memory");
  auto runs = image.runs();
  out.item("regionsCount", {}, runs.size(), 4);
  uint64_t imagePage = 0;
  for (uint32_t i = 0; i < runs.size(); ++i) {
    out.item("regionPageNum", {i}, imagePage, 4);
    out.item("regionPPN", {i}, runs[i].first, 4);
    out.item("regionSize", {i}, runs[i].count, 4);
    imagePage += runs[i].count;
  }
  return out;
}

} // namespace vmpt::testing
