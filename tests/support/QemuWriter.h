//===- QemuWriter.h - QEMU migration streams for tests --------------------===//
#pragma once

#include "ByteWriter.h"
#include "MemoryImage.h"

namespace vmpt::testing {

/// The sections of a stream, one call each, in any order that a test wants.
class QemuWriter {
public:
  explicit QemuWriter(llvm::StringRef machine,
                      std::vector<std::string> capabilities = {})
      : out_(ByteOrder::big) {
    out_.text("QEVM").u32(3);
    if (machine.empty())
      return;
    out_.u8(7).u32(uint32_t(machine.size())).text(machine);
    if (capabilities.empty())
      return;
    subsection("configuration/capabilities");
    out_.u32(uint32_t(capabilities.size()));
    for (const std::string &name : capabilities)
      id(name);
  }
  QemuWriter &subsection(llvm::StringRef name) {
    out_.u8(5);
    return id(name).u32(1);
  }
  QemuWriter &u32(uint32_t value) {
    out_.u32(value);
    return *this;
  }
  QemuWriter &u64(uint64_t value) {
    out_.u64(value);
    return *this;
  }
  QemuWriter &id(llvm::StringRef name) {
    out_.u8(uint8_t(name.size())).text(name);
    return *this;
  }

  /// 1 start, 4 full: with the name. The number of "ram" is 2.
  QemuWriter &start(llvm::StringRef name = "ram", uint8_t type = 1) {
    out_.u8(type).u32(2);
    id(name);
    out_.u32(0).u32(4);
    return *this;
  }
  /// 2 part, 3 end.
  QemuWriter &part(uint8_t type = 2, uint32_t number = 2) {
    out_.u8(type).u32(number);
    return *this;
  }
  QemuWriter &endOfSection() {
    out_.u64(0x10).u8(0x7e).u32(2); // with the footer
    return *this;
  }
  QemuWriter &endOfFile() {
    out_.u8(0);
    return *this;
  }
  /// What COMMAND sections look like: they have a length.
  QemuWriter &command() {
    out_.u8(8).u16(3).u16(4).u32(0xdeadbeef);
    return *this;
  }

  QemuWriter &blocks(std::vector<std::pair<std::string, uint64_t>> list) {
    uint64_t total = 0;
    for (const auto &[name, length] : list)
      total += length;
    out_.u64(total | 4);
    for (const auto &[name, length] : list) {
      id(name);
      out_.u64(length);
    }
    return *this;
  }
  /// One block of a mapped-ram stream with its pages.
  QemuWriter &mappedBlock(llvm::StringRef name, const MemoryImage &image,
                          uint64_t firstFrame, uint64_t count) {
    id(name);
    out_.u64(count * image.pageSize).u32(1).u64(image.pageSize);
    const uint64_t bitmapAt = out_.size() + 16;
    const uint64_t words = (count + 63) / 64;
    const uint64_t pagesAt = alignUpTo(bitmapAt + words * 8, 4096);
    out_.u64(bitmapAt).u64(pagesAt);
    std::vector<uint8_t> bitmap(words * 8);
    for (uint64_t i = 0; i < count; ++i)
      if (image.pages.at(firstFrame + i).state == PageState::Data)
        bitmap[i / 8] |= uint8_t(1 << i % 8);
    out_.bytes(bitmap).align(4096);
    for (uint64_t i = 0; i < count; ++i)
      out_.bytes(image.bytesOf(firstFrame + i));
    return *this;
  }

  /// An empty name: the block of the page before (CONTINUE).
  QemuWriter &page(llvm::StringRef block, uint64_t address,
                   llvm::ArrayRef<uint8_t> bytes) {
    head(block, address, 8);
    out_.bytes(bytes);
    return *this;
  }
  QemuWriter &zeroPage(llvm::StringRef block, uint64_t address,
                       uint8_t fill = 0) {
    head(block, address, 2);
    out_.u8(fill);
    return *this;
  }
  QemuWriter &word(uint64_t word) {
    out_.u64(word);
    return *this;
  }

  uint64_t size() const { return out_.size(); }
  std::vector<uint8_t> take() { return out_.take(); }

private:
  static uint64_t alignUpTo(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
  }
  void head(llvm::StringRef block, uint64_t address, uint64_t flags) {
    out_.u64(address | flags | (block.empty() ? 0x20 : 0));
    if (!block.empty())
      id(block);
  }

  ByteWriter out_;
};

/// A live migration of one block: every page is sent stale first, then most
/// of them again as they are. Lost pages are never sent.
inline std::vector<uint8_t> writeQemuStream(const MemoryImage &image,
                                            llvm::StringRef machine,
                                            llvm::StringRef block,
                                            uint64_t firstFrame,
                                            uint64_t blockPages) {
  QemuWriter out(machine);
  out.subsection("configuration/target-page-bits").u32(12);
  out.command().start();
  out.blocks({{"vga.vram", 0x4000}, {block.str(), blockPages * 4096}});
  out.endOfSection().part();
  out.zeroPage("vga.vram", 0x1000);
  std::string name = block.str();
  const std::vector<uint8_t> stale(4096, 0x5a);
  for (const auto &[frame, page] : image.pages)
    if (page.state != PageState::Lost) {
      out.page(name, (frame - firstFrame) * 4096, stale);
      name.clear();
    }
  out.endOfSection().part(3);
  name = block.str();
  for (auto entry = image.pages.rbegin(); entry != image.pages.rend();
       ++entry) {
    const auto &[frame, page] = *entry;
    uint64_t address = (frame - firstFrame) * 4096;
    if (page.state == PageState::Data)
      out.page(name, address, page.bytes);
    else if (page.state == PageState::Zero)
      out.zeroPage(name, address);
    else
      continue;
    name = name.empty() ? block.str() : std::string(); // both forms
  }
  return out.endOfSection().endOfFile().take();
}

} // namespace vmpt::testing
