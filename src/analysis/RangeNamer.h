//===- RangeNamer.h - what lies behind addresses --------------------------===//
//
// Symbols, modules, areas of vmalloc space and of a process, each source read
// when it is asked for, so that one that fails takes no other with it.
//
#pragma once

#include "analysis/MapsReader.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/modules/AddressNames.h"
#include "listing/RunSink.h"

#include <utility>

namespace vmpt {

/// Ranges of one kind that have names, of which few overlap.
class NameIndex {
public:
  /// Names of a range are that many at most.
  static constexpr size_t maxNames = 8;

  /// In place of what was there; of any order.
  void set(std::vector<RangeName> names);
  void clear() { names_.clear(); }
  /// The range that \p at is in, or null.
  const RangeName *at(VirtAddr at) const;
  /// Adds those that have a byte in [first, last]. Of what overlaps, as only
  /// damaged lists do, all that start in the range are counted, and one that
  /// starts before.
  void addFrom(VirtAddr first, VirtAddr last, RangeNames &found) const;

private:
  std::vector<RangeName> names_; ///< Ascending by first address.
};

class RangeNamer {
public:
  /// Knows the kernel's own symbols. \p kernel must outlive the object.
  explicit RangeNamer(const Kernel &kernel);
  RangeNamer(const RangeNamer &) = delete;
  RangeNamer &operator=(const RangeNamer &) = delete;

  /// Modules and their symbols.
  llvm::Error readModules();
  /// Who asked for which part of vmalloc space.
  llvm::Error readVmalloc();
  /// The memory areas of a process, in place of those that were known.
  llvm::Error readAreas(VirtAddr mm);
  void forgetAreas() { areas_.clear(); }
  /// What of that was lost and why, a sentence each; the caller takes them.
  std::vector<std::string> takeProblems() {
    return std::exchange(problems_, {});
  }

  /// The symbols of the first and the last byte; modules' parts and areas that
  /// have a byte in [first, last].
  RangeNames find(VirtAddr first, VirtAddr last);
  /// "vfs_read+0x10/0x340"
  std::optional<RangeName> symbolAt(VirtAddr at);
  /// The process's; its name is that of /proc/PID/maps, and may be empty.
  const RangeName *areaAt(VirtAddr at) const { return areas_.at(at); }

private:
  std::string nameOf(const VmallocArea &area);

  const Kernel &kernel_;
  const VirtAddr firstKernel_;
  ModuleList modules_;
  std::optional<AddressNames> symbols_;
  NameIndex parts_, vmalloc_, areas_;
  std::vector<std::string> problems_;
};

} // namespace vmpt
