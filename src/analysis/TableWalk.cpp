#include "analysis/TableWalk.h"

#include "llvm/ADT/STLExtras.h"

#include <cstring>

namespace vmpt {

/// Every table of every process, with room for what is shared.
static uint64_t countTables(const PhysicalMemory &memory,
                            const PagingMode &mode) {
  return 4 * (memory.presentBytes() >> mode.pageShift) + 65536;
}

TableWalk::TableWalk(const PhysicalMemory &memory, const PagingMode &mode)
    : memory_(memory), mode_(mode), budget_(countTables(memory, mode)) {}

/// An excluded table is one of zeros, where pages of zeros may be excluded:
/// docs/architecture.md. Null: absent.
const uint8_t *TableWalk::load(PhysAddr table, unsigned level,
                               AbsentByte &absent) {
  const uint64_t size = mode_.tableBytes(level);
  if (const uint8_t *view = memory_.tryView(table, size))
    return view;
  std::vector<uint8_t> &buffer = buffers_[level];
  buffer.resize(size);
  std::optional<AbsentByte> missing = memory_.tryRead(table, buffer);
  if (!missing)
    return buffer.data();
  absent = *missing;
  if (level == 0 || !memory_.mayBeZeros(absent.absence) ||
      !mode_.zerosAreEmpty(level))
    return nullptr;
  std::memset(buffer.data(), 0, buffer.size());
  return buffer.data();
}

void TableWalk::walk(PhysAddr root, VirtAddr first, VirtAddr last,
                     TableVisitor &visitor) {
  TableEntry none;
  none.at = mode_.virtualBits >= 64
                ? VirtAddr(0)
                : VirtAddr(alignDown(first.value, bit(mode_.virtualBits)));
  walkTable(root, 0, first, last, none, visitor);
}

void TableWalk::walkBelow(const TableEntry &entry, TableVisitor &visitor) {
  visit(entry, entry.at, entry.at + (mode_.entrySpan(entry.level) - 1),
        visitor);
}

void TableWalk::walkTable(PhysAddr table, unsigned level, VirtAddr first,
                          VirtAddr last, const TableEntry &from,
                          TableVisitor &visitor) {
  if (llvm::is_contained(path_, table))
    return visitor.loop(from, table);
  const uint64_t way = uint64_t(level) | uint64_t(from.denied) << 8 |
                       uint64_t(visitor.zoneAt(from.at)) << 16;
  if (level > 0 && !visited_.insert({table.value >> 5, way}).second)
    return;
  if (!budget_ || !--budget_)
    return;
  AbsentByte absent = {};
  const uint8_t *data = load(table, level, absent);
  if (!data)
    return visitor.absent(from, table, absent);
  path_.push_back(table);
  const unsigned shift = mode_.levels[level].shift;
  const unsigned count = mode_.entryCount(level);
  const unsigned begin =
      first <= from.at ? 0 : unsigned((first - from.at) >> shift);
  const unsigned end =
      unsigned(std::min<uint64_t>((last - from.at) >> shift, count - 1));
  for (unsigned index = begin; index <= end; ++index) {
    const uint64_t value = mode_.load(data + size_t(index) * mode_.entryBytes);
    if (mode_.isEmpty(value, level))
      continue;
    TableEntry entry{from.at + (uint64_t(index) << shift),
                     table + uint64_t(index) * mode_.entryBytes, value, level,
                     from.denied};
    entry.denied |= mode_.deniedBy(value, level);
    visit(entry, first, last, visitor);
  }
  path_.pop_back();
}

void TableWalk::visit(const TableEntry &entry, VirtAddr first, VirtAddr last,
                      TableVisitor &visitor) {
  const DecodedEntry decoded = mode_.decode(entry.value, entry.level);
  switch (decoded.meaning) {
  case EntryMeaning::Hole:
    return visitor.hole(entry);
  case EntryMeaning::Reserved:
    return visitor.reserved(entry);
  case EntryMeaning::Page:
    return visitor.page(entry, decoded.byteAt(entry.at));
  case EntryMeaning::Table:
    if (visitor.table(entry, decoded.address))
      walkTable(decoded.address, entry.level + 1, first, last, entry, visitor);
    return;
  }
}

} // namespace vmpt
