//===- Info.cpp - vmpt info: the dump, and how that is known --------------===//
#include "views/Info.h"
#include "analysis/CpuNumbers.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class InfoCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--sources",
                   "also where symbols and struct layouts come from", sources_);
    parser.addFlag("--evidence",
                   "also all that was tried, and every message in full",
                   evidence_);
    parser.addFlag("--verify",
                   "also read every page: which are zeros, which are broken",
                   verify_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("info", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    if ((*session)->dump().isTrimmed)
      (*session)->warn("trimmed",
                       "cut by vmpt trim: it holds few pages, and what is said "
                       "of the container is said of the whole dump");
    // First: it may tell that the file was cut off.
    llvm::Expected<const KernelImage &> image = (*session)->image();
    llvm::Error failure = image.takeError();
    if (Session::isUsageError(failure))
      return failure;
    writeDump(**session, **writer);
    if (failure)
      reportFailure(**session, std::move(failure), **writer);
    else if (llvm::Error error = writeKernel(**session, *image, **writer))
      return error;
    if (evidence_)
      writeMessages(**writer, (*session)->diagnostics().findings());
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  void writeDump(Session &session, RecordWriter &writer) const {
    const Dump &dump = session.wholeDump();
    writeTrimmed(writer, dump);
    writeContainer(writer, dump);
    writeMemory(writer, dump);
    if (verify_)
      verify(session, writer);
    writeBlocks(writer, dump);
    writeCpus(writer, numberCpus(session));
  }

  /// Crash notes do not say their CPUs; the kernel does.
  static Machine numberCpus(Session &session) {
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

  static void verify(Session &session, RecordWriter &writer) {
    const Dump &dump = session.dump();
    const VerifiedBytes bytes =
        verifyBytes(*dump.memory, findPageBytes(dump), session.diagnostics());
    writeVerified(writer, dump, bytes);
    if (bytes.present != dump.memory->presentBytes())
      session.gap("pages-unreadable",
                  "pages that the file should have cannot be read");
  }

  /// What the container says stays worth having.
  void reportFailure(Session &session, llvm::Error failure,
                     RecordWriter &writer) const {
    session.gap("no-kernel", std::move(failure));
    if (evidence_)
      writeKernelFacts(writer, session.tried());
  }

  llvm::Error writeKernel(Session &session, const KernelImage &image,
                          RecordWriter &writer) const {
    writeKernelFacts(writer, image.evidence);
    writeSections(writer, image.markers, image.wordBytes());
    if (!sources_ && !evidence_)
      return llvm::Error::success();
    llvm::Expected<const Kernel &> kernel = session.kernel();
    if (!kernel)
      return kernel.takeError();
    writeSymbolFacts(writer, kernel->evidence());
    return llvm::Error::success();
  }

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  bool sources_ = false;
  bool evidence_ = false;
  bool verify_ = false;
};

} // namespace

const CommandInfo infoCommand = {
    "info", "say what the dump is, and how that is known",
    "Prints the container and what it lacks, physical memory, registers, and "
    "every fact about the kernel with where it came from.",
    createCommand<InfoCommand>};

} // namespace vmpt
