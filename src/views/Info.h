//===- Info.h - what is known of a dump -----------------------------------===//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/Evidence.h"
#include "kernel/find/FoundKernel.h"
#include "kernel/image/AddressMarkers.h"
#include "output/RecordWriter.h"
#include "support/Finding.h"

namespace vmpt {

/// The kernel's page where the dump says how large that is, else 4096.
uint64_t findPageBytes(const Dump &dump);

/// The members `container` and `memory` of its JSON.
Record makeContainerRecord(const Dump &dump);
Record makeMemoryRecord(const Dump &dump);

// The parts of `vmpt info`, to be written in this order; any may be left out.
/// That the file is a trimmed one, if it is; in JSON the container says so.
void writeTrimmed(RecordWriter &writer, const Dump &dump);
void writeContainer(RecordWriter &writer, const Dump &dump);
void writeMemory(RecordWriter &writer, const Dump &dump);
/// What reading gives, beside what the container says.
void writeVerified(RecordWriter &writer, const Dump &dump,
                   const VerifiedBytes &bytes);
/// RAM block by block, in JSON alone: text has it in writeMemory().
void writeBlocks(RecordWriter &writer, const Dump &dump);
void writeCpus(RecordWriter &writer, const Machine &machine);
void writeKernelFacts(RecordWriter &writer, const Evidence &evidence);
/// All kernels of the memory, by the numbers that --kernel takes.
void writeKernels(RecordWriter &writer, llvm::ArrayRef<FoundKernel> kernels);
/// \p wordBytes of the kernel: 8 or 4.
void writeSections(RecordWriter &writer, llvm::ArrayRef<AddressMarker> markers,
                   unsigned wordBytes);
void writeSymbolFacts(RecordWriter &writer, const Evidence &evidence);
/// What standard error shortens; JSON has its findings in any case.
void writeMessages(RecordWriter &writer, llvm::ArrayRef<Finding> findings);

} // namespace vmpt
