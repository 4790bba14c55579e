//===- SnapshotDiff.h - what changed between two snapshots ----------------===//
//
// Ranges are compared piece by piece (Snapshot.h), so that what KASLR and ASLR
// move compares equal. Where one of the two does not know what is mapped,
// nothing is said but that.
//
#pragma once

#include "analysis/Snapshot.h"

namespace vmpt {

struct DiffOptions {
  bool isAbsolute = false; ///< By addresses alone.
  bool allTargets = false; ///< Those that an allocator chose, too.
};

enum class ChangeKind : uint8_t { Added, Removed, Rights, Target };
/// "added"
llvm::StringRef getChangeName(ChangeKind kind);

/// What one of the two has at a range.
struct ChangeSide {
  VirtAddr first, last;
  const RangeWords *words = nullptr;
  std::string section;
  std::optional<PhysAddr> physical; ///< Of the first byte.
  /// Its pages do not follow each other in memory.
  bool isScattered = false;
  std::string owner; ///< Who has it, if somebody said so.
};

struct RangeChange {
  ChangeKind kind = ChangeKind::Added;
  bool isKernel = false;
  uint32_t pid = 0;
  std::string comm;
  llvm::StringLiteral part = "";
  std::optional<ChangeSide> before, after;

  const ChangeSide &side() const { return after ? *after : *before; }
};

/// Something that both have, one of them, or both in another way.
template <class T> struct ThingChange { std::optional<T> before, after; };

struct TableBytes {
  std::optional<uint32_t> pid; ///< Nothing: the kernel's.
  std::string comm;
  uint64_t before = 0, after = 0;
};

struct SnapshotDiff {
  std::vector<RangeChange> ranges;
  std::vector<ThingChange<SnapshotSection>> sections;
  std::vector<ThingChange<SnapshotTask>> tasks;
  std::vector<ThingChange<SnapshotModule>> modules;
  std::vector<TableBytes> tables;
  bool isOneBoot = false;
  /// Ranges that both have, and of which targets were not compared.
  bool skippedTargets = false;
  /// Bytes that one of the two does not know.
  uint64_t unknownBytes = 0;
  bool isCut = false; ///< There are more than are kept.

  bool isSame() const {
    return ranges.empty() && sections.empty() && tasks.empty() &&
           modules.empty() && tables.empty();
  }
};

/// Are both of one boot? Then nothing has moved.
bool areOfOneBoot(const Snapshot &before, const Snapshot &after);

/// \p before and \p after outlive the result.
SnapshotDiff compareSnapshots(const Snapshot &before, const Snapshot &after,
                              const DiffOptions &options);

/// "kworker/0:1" of "kworker/0:1-events": what it works at changes.
llvm::StringRef baseName(const SnapshotTask &task);

} // namespace vmpt
