#include "kernel/find/TablesOfRoots.h"

#include "llvm/ADT/STLExtras.h"

#include <set>

namespace vmpt {

std::vector<PhysAddr> TablesOfRoots::list(const SoundTables &sound,
                                          PhysAddr root, VirtAddr first,
                                          unsigned levels) {
  const PagingMode &mode = sound.mode();
  std::vector<PhysAddr> all, tables = {root};
  for (unsigned level = 0; level < levels; ++level) {
    std::set<PhysAddr> next;
    for (PhysAddr table : tables) {
      if (!readsLeft_) {
        isCut_ = true;
        break;
      }
      --readsLeft_;
      const SoundTables::Entries entries = sound.read(table, level);
      for (size_t index = level ? 0 : mode.indexOf(first, 0);
           index < entries.size(); ++index)
        if (const DecodedEntry decoded = mode.decode(entries[index], level);
            decoded.isTable())
          next.insert(decoded.address);
    }
    tables.assign(next.begin(), next.end());
    llvm::append_range(all, tables);
  }
  return all;
}

void TablesOfRoots::add(PhysAddr table, uint64_t size) {
  constexpr size_t mostTables = size_t(1) << 20;
  if (sizes_.size() < mostTables)
    sizes_.try_emplace(table.value, size);
}

void TablesOfRoots::add(const PagingMode &mode,
                        llvm::ArrayRef<PhysAddr> tables) {
  for (PhysAddr table : tables)
    add(table, mode.tableBytes(mode.lastLevel()));
}

void TablesOfRoots::addBelow(const SoundTables &sound, PhysAddr root,
                             llvm::ArrayRef<const PagingMode *> modes) {
  const PagingMode &mode = sound.mode();
  for (const PagingMode *other : modes)
    if (other->levelCount <= mode.levelCount)
      for (uint64_t part = other->tableBytes(0); part < mode.tableBytes(0);
           part += other->tableBytes(0))
        add(root + part, other->tableBytes(0));
  add(mode, list(sound, root, VirtAddr(0), std::min(2u, mode.lastLevel())));
}

bool TablesOfRoots::contain(PhysAddr at) const {
  // Tables stand at multiples of such sizes, which they have.
  constexpr unsigned shifts[] = {3, 5, 6, 9, 10, 11, 12, 13, 14, 16};
  return llvm::any_of(shifts, [&](unsigned shift) {
    const uint64_t start = alignDown(at.value, bit(shift));
    const auto table = sizes_.find(start);
    return table != sizes_.end() && at.value - start < table->second;
  });
}

} // namespace vmpt
