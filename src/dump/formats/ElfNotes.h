//===- ElfNotes.h - what the notes of a dump say about the machine --------===//
//
// Sources: linux include/linux/elfcore.h (elf_prstatus), qemu
// target/i386/arch_dump.c (QEMUCPUState), linux kernel/crash_core.c.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// Cuts a note segment into notes and appends them. A note that runs past the
/// end of the segment ends the reading and is named in `dump.quirks`.
/// \p alignment is p_align of the segment; only 8 matters.
void parseNotes(Bytes segment, uint64_t alignment, Dump &dump);

/// Reads `dump.notes` into `dump.machine` (registers, and the architecture
/// where nothing else named it) and `dump.vmcoreinfo`. Notes that it does not
/// know are left alone; broken ones become quirks.
void interpretNotes(Dump &dump);

/// In a dump that QEMU wrote, pr_pid is the CPU's number + 1 (qemu
/// target/*/arch_dump.c).
void numberQemuCpus(Dump &dump);

} // namespace vmpt
