#include "session/Session.h"

#include "kernel/find/RawPlacement.h"

namespace vmpt {

llvm::Expected<std::unique_ptr<Session>>
Session::open(Request request, llvm::raw_ostream &out,
              Diagnostics::Handler onFinding,
              Diagnostics::ProgressHandler onProgress) {
  std::unique_ptr<Session> session(new Session(
      std::move(request), out, std::move(onFinding), std::move(onProgress)));
  if (llvm::Error error = session->openFiles())
    return error;
  return session;
}

llvm::Error Session::openFiles() {
  if (request_.path.empty() && request_.open.mappings.empty())
    return llvm::make_error<UsageError>(
        "no dump is named; give DUMP, or --map for raw pieces of memory");
  llvm::Expected<Dump> dump =
      openDump(request_.path, request_.open, diagnostics_);
  if (!dump)
    return withFileName(dump.takeError());
  dump_ = std::move(*dump);
  std::optional<RawPlacement> placement = findRawPlacement(dump_, diagnostics_);
  if (!placement)
    return llvm::Error::success();
  OpenOptions placed = request_.open;
  placed.rawLayout = placement->layout;
  placed.rawReason = std::move(placement->reason);
  llvm::Expected<Dump> again = reopenDump(std::move(dump_), placed);
  if (!again)
    return withFileName(again.takeError());
  dump_ = std::move(*again);
  return llvm::Error::success();
}

const std::string &Session::fileName() const {
  return request_.path.empty() && !request_.open.mappings.empty()
             ? request_.open.mappings.front().path
             : request_.path;
}

llvm::Error Session::withFileName(llvm::Error error) const {
  if (error.isA<llvm::FileError>())
    return error;
  return llvm::createFileError(fileName(), std::move(error));
}

std::string Session::takeMessage(llvm::Error error) const {
  std::string text;
  llvm::handleAllErrors(
      std::move(error),
      [&](llvm::FileError &named) {
        text = named.getFileName() == fileName()
                   ? named.messageWithoutFileInfo()
                   : named.message();
      },
      [&](const llvm::ErrorInfoBase &other) { text = other.message(); });
  return text;
}

void Session::warn(llvm::StringRef kind, const llvm::Twine &sentence,
                   Subject subject) {
  subject.file = fileName();
  diagnostics_.warn(kind, sentence, std::move(subject));
}

/// 7.1 changed how a tail page names its head. A makedumpfile that does not
/// know that takes pages of the kernel for pages of users, and leaves them out.
void Session::explainFilter(llvm::StringRef sentence) {
  const KernelVersion changed{7, 1};
  const unsigned zeroPages = 1;
  if (explainedFilter_ || !image_ || image_->version() < changed ||
      image_->vmcoreinfo.text().empty() ||
      !(dump_.dumpLevel.value_or(0) & ~zeroPages) ||
      !sentence.contains(getAbsenceName(Absence::Excluded)))
    return;
  explainedFilter_ = true;
  warn(
      "filter-too-old",
      "pages that the kernel needs were filtered out: a makedumpfile that does "
      "not know Linux 7.1 takes them for pages of users; take the dump with a "
      "newer one, or with 'makedumpfile -d 1'");
}

void Session::gap(llvm::StringRef kind, const llvm::Twine &sentence,
                  Subject subject) {
  explainFilter(sentence.str());
  subject.file = fileName();
  diagnostics_.gap(kind, sentence, std::move(subject));
}

void Session::gap(llvm::StringRef kind, llvm::Error error, Subject subject) {
  gap(kind, takeMessage(std::move(error)), std::move(subject));
}

llvm::Expected<KernelImage> Session::findKernel(const PhysicalMemory &memory) {
  llvm::Expected<KernelImage> image =
      vmpt::findKernel(dump_, memory, request_.kernel, diagnostics_);
  if (!image)
    return withFileName(image.takeError());
  return image;
}

llvm::Expected<std::unique_ptr<Kernel>>
Session::createKernel(const KernelImage &image, const PhysicalMemory &memory) {
  return Kernel::create(image, memory, request_.debug, diagnostics_);
}

llvm::Expected<const KernelImage &> Session::image() {
  if (!image_) {
    llvm::Expected<KernelImage> found = findKernel(memory());
    if (!found)
      return found.takeError();
    image_ = std::make_unique<KernelImage>(std::move(*found));
    if (std::optional<std::string> why = describeMisplacement(dump_, *image_))
      gap("placement", *why);
  }
  return *image_;
}

llvm::Expected<const Kernel &> Session::kernel() {
  if (!kernel_) {
    llvm::Expected<const KernelImage &> image = this->image();
    if (!image)
      return image.takeError();
    llvm::Expected<std::unique_ptr<Kernel>> found =
        createKernel(*image, memory());
    if (!found)
      return found.takeError();
    kernel_ = std::move(*found);
  }
  return *kernel_;
}

} // namespace vmpt
