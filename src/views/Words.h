//===- Words.h - stable words for what results share ----------------------===//
#pragma once

#include "kernel/pages/PageFlags.h"
#include "memory/PhysicalMemory.h"
#include "output/Record.h"
#include "paging/PagingMode.h"

#include <array>

namespace vmpt {

/// "outside_ram", "excluded", ...: a reason, or the key of how much is so.
llvm::StringRef getReasonWord(Absence absence);

/// "known", "no-page", "absent"
llvm::StringRef getStateWord(PageFacts::State state);

/// {"excluded": 4096}: bytes by Absence, those of which there are none left
/// out.
Record makeAbsentBytes(llvm::ArrayRef<uint64_t> byAbsence);

/// Linux's name of a level, "pgd" to "pte"; levels that a mode lacks are those
/// between.
llvm::StringRef getLevelName(const PagingMode &mode, unsigned level);

/// The names of the bits that are set in an entry in use.
std::vector<llvm::StringRef> getFlagNames(const PagingMode &mode,
                                          uint64_t entry, unsigned level);

/// "writable", "executable", "user".
void addRights(Record &record, const PageRights &rights);
/// "writable, not executable, kernel"
std::string describe(const PageRights &rights);

/// Null where nothing is known.
Value textOrNull(llvm::StringRef text);

/// 0x200000 -> "2M".
std::string describeSize(uint64_t bytes);

} // namespace vmpt
