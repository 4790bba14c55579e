//===- Words.h - stable words for what results share ----------------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "output/Record.h"

#include <array>

namespace vmpt {

/// "outside_ram", "excluded", ...: a reason, or the key of how much is so.
llvm::StringRef getReasonWord(Absence absence);

/// {"excluded": 4096}: bytes by Absence, those of which there are none left
/// out.
Record makeAbsentBytes(llvm::ArrayRef<uint64_t> byAbsence);

} // namespace vmpt
