//===- PageTableBuilder.h - page tables of any mode, built in a test ------===//
//
//   SparseMemory memory;
//   PageTableBuilder tables(memory, x86_64::fourLevel);
//   tables.map(VirtAddr(0xffff888000000000), PhysAddr(0x40000000), flags, 2);
//   translate(memory, x86_64::fourLevel, tables.root(), ...);
//
// It knows a mode's numbers only, and puts addresses into entries by its own
// reckoning, so that it can judge PagingMode::addressIn.
//
#pragma once

#include "SparseMemory.h"
#include "paging/PagingMode.h"

#include <cassert>

namespace vmpt::testing {

class PageTableBuilder {
public:
  /// Tables are taken one after the other from \p firstTable on, the root
  /// first. \p memory must outlive the builder.
  PageTableBuilder(SparseMemory &memory, const PagingMode &mode,
                   PhysAddr firstTable = PhysAddr(0x100000))
      : memory_(memory), mode_(mode), next_(firstTable) {
    root_ = newTable(0);
  }

  PhysAddr root() const { return root_; }
  const PagingMode &mode() const { return mode_; }

  /// The page of \p level at \p at is \p page. \p flags is all of the entry
  /// but the address: nothing is added, see leafBits().
  void map(VirtAddr at, PhysAddr page, uint64_t flags, unsigned level) {
    assert(decode(encode(page)) == page.value && "the mode cannot express it");
    setEntry(at, level, encode(page) | flags);
  }
  /// \p count pages side by side, both virtually and physically.
  void mapRange(VirtAddr at, PhysAddr page, uint64_t flags, unsigned level,
                uint64_t count) {
    for (uint64_t i = 0; i < count; ++i)
      map(at + i * mode_.entrySpan(level), page + i * mode_.entrySpan(level),
          flags, level);
  }
  /// Any entry, as it stands; the tables above it are made.
  void setEntry(VirtAddr at, unsigned level, uint64_t entry) {
    write(entryAddress(at, level), entry);
  }
  /// Makes the tables down to \p level, and gives that level's own table.
  PhysAddr tableOf(VirtAddr at, unsigned level) {
    PhysAddr table = root_;
    for (unsigned above = 0; above < level; ++above) {
      PhysAddr slot =
          table + uint64_t(mode_.indexOf(at, above)) * mode_.entryBytes;
      uint64_t entry = read(slot);
      if (!entry) {
        PhysAddr below = newTable(above + 1);
        entry = encode(below) | tableBits_;
        write(slot, entry);
      }
      table = PhysAddr(decode(entry));
    }
    return table;
  }
  /// Where the entry of \p level for \p at stands.
  PhysAddr entryAddress(VirtAddr at, unsigned level) {
    return tableOf(at, level) +
           uint64_t(mode_.indexOf(at, level)) * mode_.entryBytes;
  }
  /// Bits of the tables that are made from now on: "present, a table" unless
  /// told otherwise.
  void setTableBits(uint64_t bits) { tableBits_ = bits; }

  /// Bits that make an entry of \p level a present page, and nothing else.
  uint64_t leafBits(unsigned level) const {
    if (level != mode_.lastLevel())
      return mode_.present | (mode_.leafMask & ~mode_.tableBits);
    switch (mode_.arch) {
    case Arch::Arm64: // 0b11 is a page at the last level, a table above
      return mode_.present | mode_.tableBits;
    case Arch::RiscV64: // without R, W, X it would be a table
      return mode_.present | mode_.leafMask;
    case Arch::X86_64:
    case Arch::I386:
      break;
    }
    return mode_.present;
  }

  uint64_t encode(PhysAddr page) const {
    return (page.value >> mode_.address.lowShift & mode_.address.lowMask) |
           (page.value >> mode_.address.highShift & mode_.address.highMask);
  }
  /// The highest address of a page of \p level that an entry can hold.
  PhysAddr highestPage(unsigned level) const {
    return PhysAddr(
        alignDown(mode_.address.lowMask << mode_.address.lowShift |
                      mode_.address.highMask << mode_.address.highShift,
                  mode_.entrySpan(level)));
  }
  /// The next table goes there.
  void skipTo(PhysAddr next) { next_ = next; }
  PhysAddr newTable(unsigned level) {
    uint64_t size = mode_.tableBytes(level);
    PhysAddr table(alignUp(next_.value, std::max<uint64_t>(size, 4096)));
    memory_.addZeros(table, size);
    next_ = table + size;
    return table;
  }

private:
  uint64_t decode(uint64_t entry) const {
    return (entry & mode_.address.lowMask) << mode_.address.lowShift |
           (entry & mode_.address.highMask) << mode_.address.highShift;
  }
  uint64_t read(PhysAddr slot) const {
    uint8_t raw[8] = {};
    auto absent = memory_.tryRead(
        slot, llvm::MutableArrayRef<uint8_t>(raw, mode_.entryBytes));
    assert(!absent);
    (void)absent;
    return loadUnaligned<uint64_t>(raw, ByteOrder::little);
  }
  void write(PhysAddr slot, uint64_t entry) {
    if (mode_.entryBytes == 8)
      memory_.writeNumber<uint64_t>(slot, entry);
    else
      memory_.writeNumber<uint32_t>(slot, uint32_t(entry));
  }

  SparseMemory &memory_;
  const PagingMode mode_;
  PhysAddr root_, next_;
  uint64_t tableBits_ = mode_.present | mode_.tableBits;
};

} // namespace vmpt::testing
