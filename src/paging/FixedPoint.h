//===- FixedPoint.h - a root is believed when it maps itself to itself ----===//
//
// The kernel's top table is the one that, used as a root, translates the
// virtual address of `swapper_pg_dir` to its own physical address. That holds
// on every architecture, needs no formula and no register, and so it both
// finds a root and confirms one that a formula named.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"
#include "support/Diagnostics.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace vmpt {

/// Does \p root map \p self, its own virtual address, to itself?
bool isFixedPoint(const PhysicalMemory &memory, const PagingMode &mode,
                  PhysAddr root, VirtAddr self);

struct FixedPoint {
  PhysAddr root;
  const PagingMode *mode;
  /// Other tables that lead to this root: those of tasks, which share the
  /// kernel's half. Many votes are strong evidence.
  size_t votes = 0;
};

/// Every fixed point among the pages that are present, in each of \p modes.
/// Reads one entry of each page; what fits is followed. Looks no further than
/// to one of which \p isProven says so; votes are not yet known to it.
std::vector<FixedPoint> findFixedPoints(
    const PhysicalMemory &memory, llvm::ArrayRef<const PagingMode *> modes,
    VirtAddr self, Diagnostics &diagnostics,
    llvm::function_ref<bool(const FixedPoint &)> isProven = [](auto &) {
      return false;
    });

} // namespace vmpt
