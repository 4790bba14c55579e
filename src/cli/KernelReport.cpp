#include "cli/KernelReport.h"

namespace vmpt {

void KernelReport::addOptions(OptionParser &parser) {
  dump_.add(parser);
  kernel_.add(parser);
  symbols_.add(parser);
  addOwnOptions(parser);
  output_.add(parser);
}

llvm::Error KernelReport::run(const CommandContext &context) {
  auto writer = output_.createWriter(name_, context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  llvm::Expected<const Kernel &> kernel = (*session)->kernel();
  if (!kernel)
    return kernel.takeError();
  if (llvm::Error error = write(**session, *kernel, **writer))
    return (*session)->withFileName(std::move(error));
  (*writer)->finish((*session)->diagnostics().findings());
  return llvm::Error::success();
}

} // namespace vmpt
