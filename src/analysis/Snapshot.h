//===- Snapshot.h - what two dumps are compared by ------------------------===//
//
// All that page tables map, with words for its rights, of the kernel and of
// each process; and tasks, modules, sections. A saved listing gives less of it.
//
#pragma once

#include "kernel/modules/ModuleList.h"
#include "kernel/tasks/TaskTables.h"
#include "listing/SavedListing.h"
#include "support/Finding.h"

#include <map>

namespace vmpt {

/// What a line of a listing says behind its addresses.
struct RangeWords {
  std::string level; ///< "pte"
  std::vector<std::string> words;
  std::string rights; ///< Those of `words` that are rights, in one text.
};

struct SnapshotRange {
  VirtAddr first, last; ///< Both inclusive.
  /// Null: it is not known what is mapped here.
  const RangeWords *words = nullptr;
  std::optional<PhysAddr> physical; ///< Of the first byte, where it is known.
  bool repeats = false;             ///< One page fills all of the range.
  uint32_t section = 0;             ///< From 1; 0: none.
};

/// A part of an address space that moves as a whole from boot to boot. What
/// lies in the pieces of one key is compared by its distance from `anchor`.
struct Piece {
  std::string key;
  VirtAddr first, last;
  VirtAddr anchor;
  /// Where it leads to is the kernel's layout, no allocator's choice.
  bool hasFixedTargets = false;
};

struct SnapshotSpace {
  bool isKernel = false;
  uint32_t pid = 0; ///< Of a process.
  std::string comm;
  /// Which of a process's ranges: "" those of its user half, "kernel-half" what
  /// it has in the kernel's half alone, "user-table" the same of PTI's table.
  llvm::StringLiteral part = "";
  std::vector<SnapshotRange> ranges; ///< Ascending.
  std::vector<Piece> pieces;         ///< Disjoint; the rest does not move.
  uint64_t tableBytes = 0;
};

struct SnapshotTask {
  uint32_t pid = 0, ppid = 0;
  std::string comm;
  bool isKernelThread = false;
  std::optional<PhysAddr> root;
  std::optional<uint64_t> tableBytes;
};

struct SnapshotModule {
  std::string name;
  uint64_t sizeBytes = 0;
  VirtAddr base;
  unsigned state = 0;
};

struct SnapshotSection {
  std::string name;
  VirtAddr first;
};

struct Snapshot {
  /// From a saved listing: ranges and their rights, and nothing else.
  bool isListing = false;
  const KernelArch *arch = nullptr;
  std::string release;
  std::vector<SnapshotSection> sections;
  std::vector<SnapshotSpace> spaces; ///< The kernel's is the first.
  std::vector<SnapshotTask> tasks;
  std::vector<SnapshotModule> modules;
  bool hasTasks = false, hasModules = false;
  /// Physical place of the kernel's image.
  PhysAddr imageFirst, imageLast;
  bool hasImage = false;
  /// Numbers that two boots have not in common but by chance.
  std::vector<uint64_t> bootMarks;
  /// What could not be read, and so not be compared.
  std::vector<Finding> problems;

  /// Words with their own place, each kind once.
  const RangeWords *intern(llvm::StringRef level,
                           std::vector<std::string> words);

private:
  std::map<std::string, std::unique_ptr<RangeWords>, std::less<>> words_;
};

/// How many ranges one snapshot may have.
inline constexpr size_t maxSnapshotRanges = size_t(1) << 22;

/// Fails if the kernel's own tables cannot be listed at all. \p tasks: null
/// where they cannot be read.
llvm::Expected<Snapshot> readSnapshot(const Kernel &kernel,
                                      const TaskList *tasks,
                                      Diagnostics &diagnostics);
Snapshot makeSnapshot(const SavedListing &listing);
/// Of the tables, as page_tables/kernel would have them.
llvm::Expected<Snapshot> readListingSnapshot(const KernelImage &image,
                                             const PhysicalMemory &memory);

/// Pieces of a process: its memory areas. Only for dumps of two boots: areas
/// keep their addresses in one.
void addAreaPieces(Snapshot &snapshot, const Kernel &kernel,
                   const TaskList &tasks);

} // namespace vmpt
