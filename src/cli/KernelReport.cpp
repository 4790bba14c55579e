#include "cli/KernelReport.h"

namespace vmpt {

void DumpReport::addOptions(OptionParser &parser) {
  addDumpOptions(dump_, parser);
  addKernelOptions(kernel_, parser);
  symbols_.add(parser);
  addOwnOptions(parser);
  output_.add(parser);
}

llvm::Error DumpReport::run(const CommandContext &context) {
  dump_.splitWords();
  auto writer = output_.createWriter(name_, context.out());
  if (!writer)
    return writer.takeError();
  if (llvm::Error error = check(**writer))
    return error;
  auto session = context.open(dump_, kernel_, symbols_, needs());
  if (!session)
    return session.takeError();
  if (llvm::Error error = report(**session, **writer))
    return (*session)->endWith(std::move(error));
  (*writer)->finish((*session)->finalFindings());
  return llvm::Error::success();
}

llvm::Error KernelReport::report(Session &session, RecordWriter &writer) {
  if (const std::optional<uint64_t> root = givenRoot())
    if (llvm::Error error = session.findKernelBy(PhysAddr(*root)))
      return error;
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  return write(session, *kernel, writer);
}

} // namespace vmpt
