//===- X86.h - what the dumpers of 32- and 64-bit x86 share ---------------===//
//
// linux arch/x86/mm/dump_pagetables.c is one file for both. Its ages:
//
//   4.9 to 4.14   a walker of its own; what is not 0 counts as present
//   4.15 to 4.16  asks for the present bit
//   4.17 to 5.5   the rights of the whole path count, too
//   5.6 on        the walker of mm/ptdump.c
//
// Each difference between them is a member of `X86Dumper`.
//
#pragma once

#include "listing/Plan.h"

namespace vmpt::x86 {

inline constexpr uint64_t present = bit(0), writable = bit(1), user = bit(2),
                          accessed = bit(5), dirty = bit(6), pageSize = bit(7),
                          global = bit(8), noExecute = bit(63);

/// Linux's levels.
enum Level : int8_t { Pgd, P4d, Pud, Pmd, Pte };

/// How the dumper of a kernel behaves.
struct X86Dumper {
  /// 5.6 on: mm/ptdump.c. It passes over entries that are not present without
  /// a word, takes broken ones for holes, and keeps frame number bits out of
  /// the flags also in large pages. Before: the dumper's own walker, which
  /// notes whatever is not empty.
  bool commonWalker = true;
  /// 4.17 on: rights along the path end a line when they change.
  bool rightsOfPath = true;
  /// 4.15 on: an entry without the present bit has blanks for flags. Before,
  /// only one without any flag.
  bool asksForPresent = true;
  /// 4.12 on: there is a p4d, which four levels fold into the pgd.
  bool hasP4d = true;
  /// Address bits of an entry; those above count as flags.
  unsigned physicalBits = 52;
};

X86Dumper findDumper(const KernelImage &kernel);

/// All of a plan but the ranges.
ListingPlan makePlan(const KernelImage &kernel, const X86Dumper &dumper);

} // namespace vmpt::x86
