//===- MachineMap.h - a whole machine, to be looked at --------------------===//
//
// Address spaces, what is in them, and what physical memory holds: the data of
// `vmpt map`. The tables themselves are TableStore's.
//
#pragma once

#include "analysis/FrameMap.h"
#include "analysis/TableStore.h"
#include "kernel/modules/AddressNames.h"
#include "kernel/tasks/TaskTables.h"

#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// Addresses that go through one root. Both inclusive.
struct MapSpan {
  VirtAddr first, last;
  size_t mode = 0; ///< Of MachineMap::modes.
  PhysAddr root;
  /// What user code's own table has: rights are those (x86 PTI).
  std::optional<PhysAddr> userRoot;
};

/// Something in an address space that has a name.
struct MapArea {
  VirtAddr first, last;          ///< Both inclusive.
  llvm::StringLiteral kind = ""; ///< "module", "vmalloc", "area"
  std::string name;              ///< Any bytes; may be empty.
  uint64_t flags = 0;            ///< "area": vm_flags.
  uint64_t fileOffset = 0;       ///< Likewise, in bytes.
};

struct MapSpace {
  const Task *task = nullptr; ///< Null: the kernel's own.
  std::vector<MapSpan> spans; ///< Ascending by address.
  std::vector<MapArea> areas; ///< Of a process; ascending.
  TableUse use;
  unsigned sharers = 1; ///< Processes that have this mm.
  /// Frames that it maps as a process, and those of them that others map, too.
  uint64_t frames = 0, sharedFrames = 0;
};

struct MapSection {
  VirtAddr first;
  std::string name; ///< The kernel's own word.
};

struct MachineMap {
  std::vector<PagingMode> modes; ///< The kernel's is the first.
  VirtAddr lastUser;
  std::vector<MapSpace> spaces; ///< The kernel's is the first.
  std::vector<MapSection> sections;
  std::vector<MapArea> kernelAreas; ///< Modules and vmalloc; ascending.
  /// Of modules, ascending. An empty name: the part of the module ends there.
  std::vector<ModuleSymbol> moduleSymbols;
  FrameMap frames;
  std::vector<FrameOwners::Run> owners; ///< By index of `spaces`.
  std::optional<PhysicalRange> image;
  /// What could not be read.
  std::vector<Finding> problems;

  /// Where the tables of a mode start, each once.
  std::vector<PhysAddr> rootsOf(size_t mode) const;
};

/// \p tasks and \p flags may be null: not known, which the caller says. The
/// first outlives the result.
MachineMap readMachineMap(const Kernel &kernel, const TaskList *tasks,
                          PageFlags *flags, Diagnostics &diagnostics);

} // namespace vmpt
