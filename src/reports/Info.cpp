//===- Info.cpp - the dump, and how that is known -------------------------===//
#include "views/Info.h"
#include "analysis/CpuNumbers.h"
#include "memory/MemoryScan.h"
#include "memory/MemorySummary.h"
#include "reports/Reports.h"
#include "session/AnswerGaps.h"

namespace vmpt {

namespace {

bool listsKernels(Session &session, const InfoParts &parts) {
  return parts.kernels || isQuickToScan(session.memory());
}

/// Crash notes do not say their CPUs; the kernel does.
Machine numberCpus(Session &session) {
  Machine machine = session.dump().machine;
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    if (machine.cpuNumber(i))
      continue;
    // Without a kernel the notes are counted; writeKernel() says why.
    llvm::Expected<const Kernel &> kernel = session.kernel();
    if (kernel)
      findCpuNumbers(*kernel, machine);
    else
      llvm::consumeError(kernel.takeError());
    break;
  }
  return machine;
}

void verify(Session &session, RecordWriter &writer) {
  const Dump &dump = session.dump();
  const VerifiedBytes bytes =
      verifyBytes(*dump.memory, findPageBytes(dump), session.diagnostics());
  writeVerified(writer, dump, bytes);
  if (bytes.present != dump.memory->presentBytes())
    session.gap("pages-unreadable",
                "pages that the file should have cannot be read");
}

/// Pages in the midst of a file, of which nobody knew before they were looked
/// for.
void reportLostPages(Session &session) {
  const PhysicalMemory &memory = *session.dump().memory;
  uint64_t truncated = 0, corrupt = 0;
  for (const MemoryBlock &block : summarize(memory)) {
    truncated += block.absentBytes[size_t(Absence::Truncated)];
    corrupt += block.absentBytes[size_t(Absence::Corrupt)];
  }
  if (truncated && !memory.truncatedBytes())
    session.gap("truncated", "the file is truncated: " + hex(truncated) +
                                 " bytes of memory that it should have are "
                                 "missing");
  if (corrupt)
    session.gap("pages-unreadable",
                hex(corrupt) + " bytes of memory that the file should have are "
                               "corrupt");
}

void writeDump(Session &session, const InfoParts &parts, RecordWriter &writer) {
  const Dump &dump = session.wholeDump();
  reportLostPages(session);
  writeTrimmed(writer, dump);
  writeContainer(writer, dump);
  writeMemory(writer, dump);
  if (parts.verify)
    verify(session, writer);
  writeBlocks(writer, dump);
  writeCpus(writer, numberCpus(session));
}

/// What the container says stays worth having.
void reportFailure(Session &session, llvm::Error failure,
                   const InfoParts &parts, RecordWriter &writer) {
  session.gap("no-kernel", std::move(failure));
  if (parts.evidence)
    writeKernelFacts(writer, session.tried());
}

/// Text has no use for a list of one.
void writeKernelList(Session &session, const KernelImage &image,
                     const InfoParts &parts, RecordWriter &writer) {
  const llvm::ArrayRef<FoundKernel> kernels =
      listsKernels(session, parts) ? session.allKernels()
                                   : llvm::ArrayRef<FoundKernel>(image.kernels);
  if (parts.kernels || kernels.size() > 1 ||
      (!writer.text() && !kernels.empty()))
    writeKernels(writer, kernels);
}

llvm::Error writeKernel(Session &session, const KernelImage &image,
                        const InfoParts &parts, RecordWriter &writer) {
  reportSectionGaps(session, image);
  writeKernelFacts(writer, image.evidence);
  writeKernelList(session, image, parts, writer);
  writeSections(writer, image.markers, image.wordBytes());
  if (!parts.sources && !parts.evidence)
    return llvm::Error::success();
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  writeSymbolFacts(writer, kernel->evidence());
  return llvm::Error::success();
}

} // namespace

llvm::Error reportInfo(Session &session, const InfoParts &parts,
                       RecordWriter &writer) {
  if (session.dump().isTrimmed)
    session.warn("trimmed",
                 "cut by vmpt trim: it holds few pages, and what is said "
                 "of the container is said of the whole dump");
  if (listsKernels(session, parts))
    session.lookForAllKernels();
  // First: it may tell that the file was cut off.
  llvm::Expected<const KernelImage &> image = session.image();
  llvm::Error failure = image.takeError();
  if (Session::isUsageError(failure))
    return failure;
  writeDump(session, parts, writer);
  if (failure)
    reportFailure(session, std::move(failure), parts, writer);
  else if (llvm::Error error = writeKernel(session, *image, parts, writer))
    return error;
  if (parts.evidence)
    writeMessages(writer, session.finalFindings());
  return llvm::Error::success();
}

} // namespace vmpt
