//===- Plan.h - all that a listing needs, ready to run --------------------===//
//
// A plan is made from a kernel image by the architecture's file in this
// folder; running it is the same for all.
//
#pragma once

#include "kernel/find/KernelImage.h"
#include "listing/Ptdump.h"
#include "listing/Wording.h"
#include "paging/Walker.h"

namespace vmpt {

/// Addresses that a listing goes through, both inclusive.
struct ListedRange {
  VirtAddr first, last;
  /// The kernel does not look at the tables here: all is noted as holes of
  /// the top level.
  bool isSkipped = false;
};

struct ListingPlan {
  ListingPlan(const PagingMode &m, PhysAddr r, const Wording &w)
      : mode(m), root(r), wording(w) {}

  PagingMode mode;
  PhysAddr root;
  Wording wording;
  PrintContext context;
  EntryRules entryRules;
  PtdumpRules rules;
  std::vector<AddressMarker> markers;
  /// As of KernelImage; empty where the plan has markers of its own.
  std::string sectionsDoubt;
  /// In the order of the visits.
  std::vector<ListedRange> ranges;
  /// Why the kernel's own text cannot be made; empty: it can.
  std::string refusal;
};

/// The kernel's own table as `page_tables/kernel` (`kernel_page_tables`)
/// lists it.
llvm::Expected<ListingPlan> planKernelListing(const KernelImage &kernel);

/// A task's table as `page_tables/current_kernel` lists it, or, with the root
/// that user code runs on, `current_user`. With \p userOnly, addresses of the
/// user half alone. Other architectures have no such file: theirs is the user
/// half in the wording of `kernel_page_tables`, under a "User Space" header.
/// Only the depth of the table is looked at in \p memory.
llvm::Expected<ListingPlan> planTaskListing(const KernelImage &kernel,
                                            const PhysicalMemory &memory,
                                            PhysAddr root, bool userOnly);

/// The table of EFI's runtime services, `page_tables/efi` (`efi_page_tables`);
/// \p root is that of efi_mm.
llvm::Expected<ListingPlan> planEfiListing(const KernelImage &kernel,
                                           const PhysicalMemory &memory,
                                           PhysAddr root);

struct ListingResult {
  /// Table pages that are not in the dump: the first few, and how many.
  std::vector<AbsentTable> absentTables;
  uint64_t absentTableCount = 0;
  /// Excluded tables read as empty, see PhysicalMemory::mayExcludeZeroPages.
  size_t emptyTableCount = 0;
  bool isCut = false; ///< Ended at the limit of lines.
  /// Tables met, and how often one was looked into, with those of listings
  /// that `known` was shared with.
  size_t tableCount = 0, loadCount = 0;
};

/// What listings of several roots have in common: the kernel's half.
using ListedTables = KnownTables<Ptdump::State>;

/// Walks and prints. Fails only if the root table itself is not in the dump.
/// Listings that share \p known are of one memory, by plans that differ in the
/// root alone.
llvm::Expected<ListingResult> runListing(const ListingPlan &plan,
                                         const PhysicalMemory &memory,
                                         RunSink &out, uint64_t maxLines,
                                         ListedTables *known = nullptr);

} // namespace vmpt
