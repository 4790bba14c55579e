//===- Pagemap.h - what /proc/PID/pagemap says ----------------------------===//
//
// linux fs/proc/task_mmu.c pagemap_read(): 64 bits for each page of each
// memory area, made of its page table entry and of the page behind it.
// Documentation/admin-guide/mm/pagemap.rst.
//
#pragma once

#include "kernel/find/SoftwareBits.h"
#include "kernel/pages/NonPresentEntry.h"
#include "kernel/pages/PageFlags.h"

namespace vmpt {

/// Bits of an entry.
enum PagemapBit : uint8_t {
  PmSoftDirty = 55,
  PmExclusive = 56, ///< Mapped once.
  PmUffdWp = 57,
  PmGuard = 58,
  PmFile = 61, ///< Of a file, or shared anonymous memory.
  PmSwap = 62,
  PmPresent = 63,
};
inline constexpr uint64_t pagemapFrameMask = lowBits(55);

/// The page frame of a present entry; 0 otherwise, as page-types has it.
constexpr uint64_t pagemapFrame(uint64_t entry) {
  return entry >> PmPresent & 1 ? entry & pagemapFrameMask : 0;
}
constexpr unsigned pagemapSwapType(uint64_t entry) { return entry & 31; }
constexpr uint64_t pagemapSwapOffset(uint64_t entry) {
  return (entry & pagemapFrameMask) >> 5;
}

/// A memory area, as far as pagemap asks.
struct PagemapArea {
  VirtAddr start, end; ///< `end` is the first byte behind.
  uint64_t flags = 0;  ///< vm_flags
  /// Nothing tells the areas: this is all that a process may map. Entries then
  /// have to say themselves what they are.
  bool isGuess = false;
};

/// Pages with the same entry; more than one only where no page is present.
struct PagemapRun {
  VirtAddr start;
  uint64_t pageCount = 1;
  uint64_t entry = 0;
  /// The table, or the struct page, is not in the dump: why. Of a struct page,
  /// the bits `file` and `exclusive` are then not known, and 0.
  llvm::StringRef problem;
  bool isTableAbsent = false;
};

/// Which bits of a page table entry say what.
struct PagemapRules : SoftwareBits {
  uint64_t swapFrameMask = ~uint64_t(0);
  bool hasUffdWp = false, hasGuard = false;
  /// A huge page of a file is marked as one.
  bool hugeIsFile = true;
  /// 6.11: "exclusive" is said page by page, and only of present pages.
  bool isPerPage = false;
};

class PagemapReader {
public:
  using Visitor = llvm::function_ref<void(const PagemapRun &)>;

  /// \p kernel and \p flags must outlive the object.
  PagemapReader(const Kernel &kernel, PageFlags &flags);

  /// \p areas, ascending, through the top table at \p root. What could not be
  /// followed is added to \p problems.
  void read(llvm::ArrayRef<PagemapArea> areas, PhysAddr root, Visitor visit,
            std::vector<std::string> &problems);

private:
  struct Walk;
  void readTable(Walk &walk, unsigned level, PhysAddr table, VirtAddr start,
                 VirtAddr end);
  void readLeaf(Walk &walk, unsigned level, uint64_t entry, PhysAddr table,
                VirtAddr start, VirtAddr end);
  void readHugetlb(Walk &walk, unsigned level, uint64_t entry, PhysAddr table,
                   VirtAddr start, VirtAddr end);
  void readHuge(Walk &walk, unsigned level, uint64_t entry, VirtAddr start,
                VirtAddr end);
  uint64_t readNotPresent(Walk &walk, unsigned level, uint64_t entry,
                          llvm::StringRef &problem);
  std::optional<uint64_t> presentFrame(unsigned level, uint64_t entry,
                                       VirtAddr at) const;
  bool isHugetlb(unsigned level, uint64_t entry);
  /// FILE and EXCLUSIVE, by the page at \p frame.
  uint64_t pageBits(uint64_t frame, bool mayBeExclusive,
                    llvm::StringRef &problem);
  bool isSharedTable(PhysAddr table);

  const Kernel *kernel_;
  PageFlags *flags_;
  PagingMode mode_;
  NonPresentRules nonPresent_;
  PagemapRules rules_;
  std::string problem_; ///< What `PagemapRun::problem` refers to.
};

PagemapRules getPagemapRules(const PagingMode &mode, KernelVersion version);

} // namespace vmpt
