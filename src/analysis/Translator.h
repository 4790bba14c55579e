//===- Translator.h - what lies behind a virtual address, or why not ------===//
#pragma once

#include "kernel/context/Kernel.h"
#include "kernel/pages/NonPresentEntry.h"
#include "kernel/tasks/TaskList.h"
#include "paging/LinearTranslation.h"

namespace vmpt {

/// How the way through the tables ends.
enum class Ending : uint8_t {
  Page,
  NoEntry, ///< The last entry is zero, or its table is.
  ProtNone,
  Swapped,
  Migrating,
  HwPoison,
  Device,
  UffdMarker,
  GuardMarker,
  PoisonMarker,
  NotPresent,   ///< A hole that holds something else.
  ReservedBits, ///< The MMU takes the entry for a fault.
  NotCanonical, ///< No root translates such an address.
  NotCovered,   ///< This root does not: it is of the other half.
  TableAbsent,  ///< The table is not in the dump.
  BeyondLimit,  ///< This root has too few levels for it (s390x).
};
inline constexpr unsigned endingCount = unsigned(Ending::BeyondLimit) + 1;

struct AddressAnswer {
  VirtAddr address;
  Ending ending = Ending::NoEntry;
  /// Page: the byte. ProtNone: the byte in the page that the entry still names,
  /// though the MMU goes there no more.
  std::optional<PhysAddr> physical;
  uint64_t pageBytes = 0; ///< Page, ProtNone; else of what is not mapped.
  PageRights rights;      ///< Of user code's own table, where there is one.
  unsigned swapType = 0;  ///< As in NonPresentEntry.
  uint64_t swapOffset = 0;
  /// NoEntry: the table was left out as a page of zeros is.
  bool isTableExcluded = false;
  Translation translation;
};

/// Asks the tables of the kernel, of a task, or at an address. For one thread.
class Translator {
public:
  /// \p kernel must outlive the object.
  static Translator ofKernel(const Kernel &kernel);
  /// \p root is the task's. Addresses of the kernel go through the task's
  /// table, too, or through the kernel's own where that is another one and
  /// an address tells whose it is.
  static Translator ofTask(const Kernel &kernel, PhysAddr root);
  /// Both halves of the addresses through this table, as it is.
  static Translator ofRoot(const Kernel &kernel, PhysAddr root);

  AddressAnswer ask(VirtAddr at) const;
  /// The byte that ask() answers with a page, and nothing of how it was found:
  /// for many addresses. Nothing where there is no page, or the CPU does not go
  /// there.
  std::optional<PhysAddr> findPage(VirtAddr at) const;
  /// The table that \p at goes through: its mode and root.
  const AddressSpace &spaceOf(VirtAddr at) const;
  const Kernel &kernel() const { return *kernel_; }
  bool isUserAddress(VirtAddr at) const { return at < firstKernel_; }

private:
  explicit Translator(const Kernel &kernel);
  size_t indexOf(VirtAddr at) const;
  /// All that the first space covers is a task's, if addresses do not tell.
  void takeForTask();
  void explainHole(AddressAnswer &answer) const;
  void explainAbsence(AddressAnswer &answer) const;

  const Kernel *kernel_;
  std::vector<AddressSpace> spaces_; ///< The first that covers an address.
  struct Cache {
    CachedTranslation ways;
    LinearTranslation linear;
  };
  Cache &cacheOf(size_t space) const;

  mutable std::vector<Cache> caches_; ///< One for each space.
  /// x86 PTI: the table that user code runs on. That of the kernel forbids it
  /// to execute anything.
  std::optional<PhysAddr> userRoot_;
  VirtAddr firstKernel_;
  NonPresentRules rules_;
};

/// The region that \p at lies in; of several, the smallest. Null if in none.
const KernelRegion *findRegionAt(const KernelImage &kernel, VirtAddr at);

} // namespace vmpt
