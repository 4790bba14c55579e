//===- ImageScan.h - looking for bytes in mapped kernel memory ------------===//
#pragma once

#include "paging/AddressSpace.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

/// Virtual addresses at which \p bytes stand in \p runs, ascending, at most
/// \p limit. A match across two runs is not seen: their bytes need not be
/// neighbours. Absent pages are passed over. The looking is not recorded.
std::vector<VirtAddr> findBytes(const AddressSpace &memory,
                                llvm::ArrayRef<MappedRun> runs,
                                llvm::StringRef bytes, size_t limit = 16);

/// Does \p text stand in \p runs, with a NUL behind it? What is found is read
/// once more through \p memory, so that a recording sees it.
bool hasString(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
               llvm::StringRef text);

/// Hands every aligned machine word (4 or 8 bytes, in the byte order of the
/// machine) of value \p word in \p runs to \p visit, run by run, until that
/// returns false.
void findWords(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
               uint64_t word, unsigned wordBytes,
               llvm::function_ref<bool(VirtAddr)> visit);

/// Hands every empty `struct list_head` in \p runs to \p visit: two machine
/// words that are both their own address.
void findEmptyLists(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
                    unsigned wordBytes,
                    llvm::function_ref<bool(VirtAddr)> visit);

} // namespace vmpt
