//===- TrimNote.h - what a trimmed dump remembers of the whole one --------===//
//
// `vmpt trim` keeps few pages, so the file alone would say other things about
// its container than the dump it was cut from. A note named VMPT, type 1,
// keeps those: a text of KEY=VALUE lines (docs/formats/elf-core.md). The
// reader restores them, and marks the dump as trimmed.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

inline constexpr llvm::StringLiteral trimNoteName = "VMPT";
inline constexpr uint32_t trimNoteType = 1;

/// The note's text for a trimmed copy of \p dump, with what tasks, task and
/// maps read or not; nothing if that is not known.
std::string writeTrimNote(const Dump &dump, std::optional<bool> withTasks);

/// Ranges that the whole dump lacked, for the reader to mark as such.
struct TrimmedAbsence {
  PhysAddr start;
  uint64_t size;
  Absence absence;
};

/// The note of a converted dump: text of the same form, with the absences that
/// no program header can tell the reason of.
inline constexpr uint32_t convertNoteType = 2;
std::string writeConvertNote(llvm::ArrayRef<MemoryRange> absent);

/// Restores the container's own facts into \p dump and returns what the
/// reader of the memory has to add. Lines that it does not know or cannot
/// parse are passed over.
std::vector<TrimmedAbsence> readTrimNote(llvm::StringRef text, Dump &dump);

/// The absences alone.
std::vector<TrimmedAbsence> readConvertNote(llvm::StringRef text);

} // namespace vmpt
