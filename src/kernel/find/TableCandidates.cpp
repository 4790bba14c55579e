#include "kernel/find/TableCandidates.h"

#include "kernel/find/RootCheck.h"
#include "memory/MemoryScan.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Of that many of a mode the rest is not judged.
constexpr size_t maxCandidates = size_t(1) << 18;
constexpr uint64_t blockBytes = uint64_t(64) << 10, pageBytes = 4096;

/// Cheap, as each page is asked.
bool looksLikeTop(const PagingMode &mode, const uint8_t *raw) {
  bool isUsed = false;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const uint64_t entry = mode.load(raw + size_t(index) * mode.entryBytes);
    if (mode.isEmpty(entry, 0))
      continue;
    const DecodedEntry decoded = mode.decode(entry, 0);
    if (decoded.meaning == EntryMeaning::Reserved ||
        (decoded.isTable() && decoded.address.value == 0))
      return false;
    isUsed |= decoded.meaning != EntryMeaning::Hole;
  }
  return isUsed;
}

/// The tables in \p bytes, for each of \p modes.
using Tables = std::vector<std::vector<PhysAddr>>;

void lookAt(const PhysicalMemory &memory,
            llvm::ArrayRef<const PagingMode *> modes, PhysAddr start,
            llvm::ArrayRef<uint8_t> bytes, Tables &tables) {
  for (auto [mode, found] : llvm::zip(modes, tables)) {
    // A table stands at a multiple of its size.
    const uint64_t size = mode->tableBytes(0);
    for (uint64_t at = alignUp(start.value, size) - start.value;
         at + size <= bytes.size(); at += size)
      if (looksLikeTop(*mode, bytes.data() + at) &&
          !findTableFault(memory, *mode, start + at))
        found.push_back(start + at);
  }
}

void lookAtPiece(const PhysicalMemory &memory,
                 llvm::ArrayRef<const PagingMode *> modes,
                 const MemoryPiece &piece, Tables &tables) {
  tables.resize(modes.size());
  std::vector<uint8_t> block;
  for (uint64_t done = 0; done < piece.size;) {
    const PhysAddr at = piece.start + done;
    uint64_t size =
        std::min(blockBytes - (at.value & (blockBytes - 1)), piece.size - done);
    block.resize(size);
    if (memory.tryRead(at, block)) { // one of its pages is corrupt
      size = std::min(pageBytes - (at.value & (pageBytes - 1)), size);
      block.resize(size);
      if (memory.tryRead(at, block))
        block.clear();
    }
    if (!block.empty())
      lookAt(memory, modes, at, block, tables);
    done += size;
  }
}

} // namespace

TableCandidates findTableCandidates(const PhysicalMemory &memory,
                                    llvm::ArrayRef<const PagingMode *> modes,
                                    Diagnostics &diagnostics) {
  TableCandidates found;
  for (const PagingMode *mode : modes)
    found.byMode.push_back({mode, {}});
  scanMemory<Tables>(
      memory, diagnostics, "looking for top tables",
      [&](const MemoryPiece &piece, Tables &tables) {
        lookAtPiece(memory, modes, piece, tables);
      },
      [&](const Tables &tables) {
        for (auto [mode, roots] : llvm::zip(found.byMode, tables))
          for (PhysAddr root : roots) {
            if (mode.second.size() == maxCandidates) {
              if (!llvm::is_contained(found.cut, mode.first))
                found.cut.push_back(mode.first);
              break;
            }
            mode.second.push_back(root);
          }
        return true;
      });
  return found;
}

} // namespace vmpt
