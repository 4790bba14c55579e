//===- Convert.h - all of the memory as an ELF vmcore ---------------------===//
#pragma once

#include "dump/writer/ElfCoreWriter.h"
#include "kernel/find/DirectMap.h"
#include "session/Output.h"
#include "session/Session.h"

namespace vmpt {

/// Writes an ELF vmcore with every note and page of the dump, and with the
/// VMCOREINFO and the virtual addresses of its kernel. What is lost is a gap.
llvm::Error convertDump(Session &session, Output &output);

/// p_vaddr of each segment: its address in the direct map \p map of the
/// kernel's own tables, else as the dump had it, \p offset above the physical
/// one, else the physical one, as QEMU writes.
void placeSegments(std::vector<CoreSegment> &segments,
                   const std::optional<DirectMap> &map,
                   std::optional<uint64_t> offset);

/// Cuts off what lies at \p end or behind it; how many stored bytes that is.
uint64_t dropBeyond(std::vector<CoreSegment> &segments, PhysAddr end);

/// The kernel image at its own virtual addresses. Pages of different rights
/// that are neighbours both ways are one piece; scattered pieces (modules) are
/// found through the tables by whoever needs them.
std::vector<CoreAlias> makeAliases(llvm::ArrayRef<MappedRun> imageRuns);

} // namespace vmpt
