//===- RootDistance.h - does a top table map memory at one distance? ------===//
#pragma once

#include "kernel/find/SoundTables.h"

namespace vmpt {

/// What a kernel's direct map does, and what other tables, or this one in
/// another mode, do not: memory, and in it the tables themselves, lies at one
/// distance from its virtual address.
class RootDistance {
public:
  /// \p memory must outlive the object.
  explicit RootDistance(const PhysicalMemory &memory);

  /// \p root's \p entries from \p firstIndex on are asked.
  bool isRight(const PagingMode &mode, PhysAddr root,
               const SoundTables::Entries &entries, unsigned firstIndex,
               uint64_t distance) const {
    return mapsTables(mode, root, entries, firstIndex, distance) &&
           mapsMemory(mode, root, distance);
  }

private:
  bool mapsTables(const PagingMode &mode, PhysAddr root,
                  const SoundTables::Entries &entries, unsigned firstIndex,
                  uint64_t distance) const;
  bool mapsMemory(const PagingMode &mode, PhysAddr root,
                  uint64_t distance) const;
  bool isAt(const PagingMode &mode, PhysAddr root, PhysAddr at,
            VirtAddr place) const;

  const PhysicalMemory &memory_;
  std::vector<PhysAddr> samples_; ///< Pages of all of memory.
};

} // namespace vmpt
