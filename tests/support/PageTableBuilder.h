//===- PageTableBuilder.h - page tables of any mode, built in a test ------===//
//
//   SparseMemory memory;
//   PageTableBuilder tables(memory, x86_64::fourLevel);
//   tables.map(VirtAddr(0xffff888000000000), PhysAddr(0x40000000), flags, 2);
//   translate(memory, x86_64::fourLevel, tables.root(), ...);
//
// It knows a mode's numbers only, and puts addresses into entries by its own
// reckoning, so that it can judge EntryFormat::decode.
//
#pragma once

#include "SparseMemory.h"
#include "paging/PagingMode.h"

#include <cassert>
#include <optional>

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
    setEntry(at, level, encode(page, level) | flags);
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
      if (entry == emptyBits(above)) {
        PhysAddr below = newTable(above + 1);
        entry = encode(below, above) |
                tableBits_.value_or(plain(above, EntryMeaning::Table).bits);
        write(slot, entry);
      }
      table = PhysAddr(decode(entry, addressBits(above)));
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
    const EntryPattern &page = plain(level, EntryMeaning::Page);
    const EntryFormat &format = mode_.levels[level].entries;
    // Where another kind goes before, one bit more tells them apart (RISC-V:
    // without R, W, X it would be a table).
    for (unsigned n = 0; n < 64; ++n)
      if (&format.find(page.bits | bit(n)) == &page)
        return page.bits |
               (format.find(page.bits).meaning == page.meaning ? 0 : bit(n));
    return page.bits;
  }
  /// An entry that leads nowhere.
  uint64_t emptyBits(unsigned level) const { return mode_.levels[level].empty; }

  /// The address of a table, or of a page that is no larger.
  uint64_t encode(PhysAddr table) const { return encode(table, 0); }
  /// The highest address of a page of \p level that an entry can hold.
  PhysAddr highestPage(unsigned level) const {
    return PhysAddr(
        decode(~uint64_t(0), plain(level, EntryMeaning::Page).address));
  }
  /// The next table goes there.
  void skipTo(PhysAddr next) { next_ = next; }
  PhysAddr newTable(unsigned level) {
    uint64_t size = mode_.tableBytes(level);
    PhysAddr table(alignUp(next_.value, std::max<uint64_t>(size, 4096)));
    memory_.addZeros(table, size);
    if (uint64_t empty = emptyBits(level))
      for (unsigned i = 0; i < mode_.entryCount(level); ++i)
        write(table + uint64_t(i) * mode_.entryBytes, empty);
    next_ = table + size;
    return table;
  }

private:
  const EntryPattern &plain(unsigned level, EntryMeaning meaning) const {
    const EntryPattern *pattern = mode_.levels[level].entries.plain(meaning);
    assert(pattern && "the level has no such entries");
    return *pattern;
  }
  /// Of a table, or of a page in the last level.
  const AddressBits &addressBits(unsigned level) const {
    return plain(level, level == mode_.lastLevel() ? EntryMeaning::Page
                                                   : EntryMeaning::Table)
        .address;
  }
  /// Pages above the last level may keep bits elsewhere than tables do, but
  /// what the two have in common is enough to place one.
  uint64_t encode(PhysAddr page, unsigned level) const {
    const EntryPattern *large =
        mode_.levels[level].entries.plain(EntryMeaning::Page);
    for (const AddressBits *address :
         {&addressBits(level), large ? &large->address : nullptr}) {
      if (!address)
        continue;
      uint64_t entry = (page.value >> address->lowShift & address->lowMask) |
                       (page.value >> address->highShift & address->highMask);
      if (decode(entry, *address) == page.value)
        return entry;
    }
    assert(false && "the mode cannot express it");
    return 0;
  }
  static uint64_t decode(uint64_t entry, const AddressBits &address) {
    return (entry & address.lowMask) << address.lowShift |
           (entry & address.highMask) << address.highShift;
  }
  uint64_t read(PhysAddr slot) const {
    uint8_t raw[8] = {};
    auto absent = memory_.tryRead(
        slot, llvm::MutableArrayRef<uint8_t>(raw, mode_.entryBytes));
    assert(!absent);
    (void)absent;
    return mode_.entryBytes == 8
               ? loadUnaligned<uint64_t>(raw, mode_.entryOrder)
               : loadUnaligned<uint32_t>(raw, mode_.entryOrder);
  }
  void write(PhysAddr slot, uint64_t entry) {
    const bool swaps = mode_.entryOrder != ByteOrder::little;
    if (mode_.entryBytes == 8)
      memory_.writeNumber<uint64_t>(slot, swaps ? byteSwap(entry) : entry);
    else
      memory_.writeNumber<uint32_t>(slot, swaps ? byteSwap(uint32_t(entry))
                                                : uint32_t(entry));
  }

  SparseMemory &memory_;
  const PagingMode mode_;
  PhysAddr root_, next_;
  std::optional<uint64_t> tableBits_;
};

} // namespace vmpt::testing
