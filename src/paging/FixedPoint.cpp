#include "paging/FixedPoint.h"

#include "memory/MemoryScan.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <map>

namespace vmpt {

bool isFixedPoint(const PhysicalMemory &memory, const PagingMode &mode,
                  PhysAddr root, VirtAddr self) {
  Translation found = translate(memory, mode, root, self);
  return found.isMapped() && found.address == root;
}

namespace {

/// What a page that maps \p self maps it to.
struct Hit {
  size_t mode;
  PhysAddr at, target;
};

/// Asks each page of \p piece. Pages map pages: below the page size, the
/// virtual and the physical address of the root agree. So there is one
/// candidate in each page, also where a root is smaller than a page and shares
/// it.
void askPages(const PhysicalMemory &memory, const MemoryPiece &piece,
              llvm::ArrayRef<const PagingMode *> modes, VirtAddr self,
              bool forgets, std::vector<Hit> &hits) {
  for (size_t mode = 0; mode < modes.size(); ++mode) {
    if (!modes[mode]->coverage.covers(self))
      continue;
    const uint64_t step = bit(modes[mode]->pageShift);
    const uint64_t offset = self.value & (step - 1);
    for (uint64_t at = alignUp(piece.start.value, step) + offset;
         at - piece.start.value < piece.size; at += step) {
      const Translation path =
          translate(memory, *modes[mode], PhysAddr(at), self);
      if (path.isMapped())
        hits.push_back({mode, PhysAddr(at), path.address});
      // What looks like a table leads all over memory.
      if (forgets && path.steps.size() > 1)
        for (const TranslationStep &down : llvm::drop_begin(path.steps))
          memory.forget(down.entryAddress, modes[mode]->entryBytes);
    }
  }
}

} // namespace

std::vector<FixedPoint>
findFixedPoints(const PhysicalMemory &memory,
                llvm::ArrayRef<const PagingMode *> modes, VirtAddr self,
                Diagnostics &diagnostics,
                llvm::function_ref<bool(const FixedPoint &)> isProven) {
  const PhysicalMemory &scanned = memory.forScanning();
  // Where tables lead to, and how many of them; crafted ones lead everywhere.
  constexpr size_t maxTargets = 1 << 20;
  std::map<std::pair<size_t, PhysAddr>, size_t> votes;
  std::vector<std::vector<FixedPoint>> byMode(modes.size());
  const bool forgets = isWorthForgetting(scanned);
  bool isOver = false;
  scanMemory<std::vector<Hit>>(
      scanned, diagnostics, "looking for the root table",
      [&](const MemoryPiece &piece, std::vector<Hit> &hits) {
        askPages(scanned, piece, modes, self, forgets, hits);
      },
      [&](const std::vector<Hit> &hits) {
        for (const auto &[mode, at, target] : hits) {
          if (at == target) {
            byMode[mode].push_back({at, modes[mode], 0});
            isOver |= isProven(byMode[mode].back());
          } else if (auto known = votes.find({mode, target});
                     known != votes.end())
            ++known->second;
          else if (votes.size() < maxTargets)
            votes[{mode, target}] = 1;
        }
        return !isOver;
      });
  std::vector<FixedPoint> found;
  for (size_t mode = 0; mode < modes.size(); ++mode)
    for (FixedPoint &point : byMode[mode]) {
      const auto known = votes.find({mode, point.root});
      point.votes = known == votes.end() ? 0 : known->second;
      found.push_back(point);
    }
  std::stable_sort(found.begin(), found.end(),
                   [](const FixedPoint &a, const FixedPoint &b) {
                     return a.votes > b.votes;
                   });
  return found;
}

} // namespace vmpt
