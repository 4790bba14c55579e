#include "analysis/TableTree.h"

namespace vmpt {

namespace {

using TableBytes = std::vector<uint8_t>;

class TreeWalk {
public:
  TreeWalk(const PhysicalMemory &memory, const PagingMode &mode,
           unsigned levelCount,
           const std::function<bool(const TreeEntry &)> &visit)
      : memory_(memory), mode_(mode), levelCount_(levelCount), visit_(visit) {}

  std::optional<AbsentByte> read(PhysAddr table, unsigned level,
                                 TableBytes &bytes) const {
    bytes.resize(mode_.tableBytes(level));
    return memory_.tryRead(table, bytes);
  }
  /// False when the visitor has had enough. \p offset is that of the table's
  /// first address from where the root begins.
  bool visitTable(const TableBytes &bytes, PhysAddr table, unsigned level,
                  uint64_t offset) const {
    for (unsigned index = 0; index < mode_.entryCount(level); ++index)
      if (!visitEntry(bytes, table, level, index, offset))
        return false;
    return true;
  }

private:
  bool visitEntry(const TableBytes &bytes, PhysAddr table, unsigned level,
                  unsigned index, uint64_t offset) const {
    TreeEntry entry;
    entry.value = mode_.load(bytes.data() + size_t(index) * mode_.entryBytes);
    entry.decoded = mode_.decode(entry.value, level);
    if (entry.decoded.meaning == EntryMeaning::Hole)
      return true;
    entry.level = level;
    entry.index = index;
    entry.table = table;
    entry.entryAddress = table + uint64_t(index) * mode_.entryBytes;
    const uint64_t start =
        offset + (uint64_t(index) << mode_.levels[level].shift);
    entry.first = canonical(start);
    entry.last = entry.first + (mode_.entrySpan(level) - 1);
    const bool goesOn = entry.decoded.isTable() && level + 1 < levelCount_;
    TableBytes below;
    if (goesOn) {
      entry.absence = read(entry.decoded.address, level + 1, below);
      entry.isTableExcluded = entry.absence &&
                              memory_.mayBeZeros(entry.absence->absence) &&
                              mode_.zerosAreEmpty(level + 1);
    }
    return visit_(entry) &&
           (!goesOn || entry.absence ||
            visitTable(below, entry.decoded.address, level + 1, start));
  }
  VirtAddr canonical(uint64_t offset) const {
    const Coverage &coverage = mode_.coverage;
    const VirtAddr lower(coverage.first().value | offset);
    if (coverage.covers(lower))
      return lower;
    return VirtAddr((coverage.last().value & ~lowBits(mode_.virtualBits)) |
                    offset);
  }

  const PhysicalMemory &memory_;
  const PagingMode &mode_;
  const unsigned levelCount_;
  const std::function<bool(const TreeEntry &)> &visit_;
};

} // namespace

std::optional<AbsentByte>
visitTables(const PhysicalMemory &memory, const PagingMode &mode, PhysAddr root,
            unsigned levelCount,
            const std::function<bool(const TreeEntry &)> &visit) {
  TreeWalk walk(memory, mode, std::min<unsigned>(levelCount, mode.levelCount),
                visit);
  TableBytes bytes;
  if (auto absent = walk.read(root, 0, bytes))
    return absent;
  walk.visitTable(bytes, root, 0, 0);
  return std::nullopt;
}

} // namespace vmpt
