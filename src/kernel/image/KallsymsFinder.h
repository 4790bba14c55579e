//===- KallsymsFinder.h - kallsyms found by its structure -----------------===//
//
// VMCOREINFO names the tables since 6.0 only, and may be missing. But they are
// easy to recognise: the digits are tokens of their own, so
// kallsyms_token_table contains "0\0" "1\0" ... "9\0"; kallsyms_token_index
// follows and repeats where each token starts; before the tokens are the
// markers, which start with 0 and ascend; before those are the names, and their
// count.
//
//   4.9 to 6.3   [addresses | offsets, relative_base], num_syms, names,
//   markers,
//                [seqs_of_names], token_table, token_index
//   since 6.4    num_syms, names, markers, token_table, token_index,
//                [addresses | offsets, relative_base], [seqs_of_names]
//   since 7.0    the same without relative_base, each aligned to 4
//
// Elsewhere each table is aligned to a word.
//
#pragma once

#include "kernel/image/Kallsyms.h"

namespace vmpt {

/// Virtual addresses that are mapped: [start, start + size).
struct VirtualRange {
  VirtAddr start;
  uint64_t size = 0;
};

/// Searches \p ranges (ascending; the kernel image, or any part of it from
/// the first table to the last) for kallsyms. Pages that cannot be read are
/// passed over. What is found is loaded in full, and so proven.
llvm::Expected<std::unique_ptr<Kallsyms>>
findKallsyms(VirtualReader read, llvm::ArrayRef<VirtualRange> ranges,
             const KallsymsMachine &machine);

} // namespace vmpt
