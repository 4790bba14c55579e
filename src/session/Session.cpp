#include "session/Session.h"

#include "dump/formats/RawLayout.h"
#include "kernel/find/CpuEvidence.h"
#include "kernel/find/Displacement.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/KernelFinder.h"
#include "kernel/find/RamEnd.h"
#include "kernel/find/RawPlacement.h"
#include "kernel/find/RootCheck.h"
#include "kernel/image/DebugData.h"
#include "kernel/learn/LearnedStructs.h"
#include "memory/CutMemory.h"
#include "paging/modes/Modes.h"
#include "session/GivenNames.h"

#include "llvm/ADT/STLExtras.h"

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

/// The kernel writes no zero bytes into it; a buffer may end with some.
static bool isCutText(const Note &note) {
  return note.name == "VMCOREINFO" && note.type == 0 &&
         note.desc.text().rtrim('\0').contains('\0');
}

llvm::Error Session::openFiles() {
  if (request_.path.empty() && request_.open.mappings.empty())
    return llvm::make_error<UsageError>(
        "no dump is named; give DUMP, or --map for raw pieces of memory");
  llvm::Expected<Dump> dump =
      openDump(request_.path, request_.open, *diagnostics_);
  if (!dump)
    return withFileName(dump.takeError());
  dump_ = std::move(*dump);
  if (llvm::Error error = placeRaw())
    return error;
  if (dump_.isLive) {
    auto live = std::make_unique<LiveMemory>(std::move(dump_.memory));
    live_ = live.get();
    dump_.memory = std::move(live);
  }
  reportLoss();
  if (llvm::any_of(dump_.notes, isCutText))
    gap("vmcoreinfo-cut", "the VMCOREINFO note has a zero byte in its text; "
                          "what is behind it is not read");
  return llvm::Error::success();
}

/// Where a raw image lies, its kernel knows.
llvm::Error Session::placeRaw() {
  std::optional<RawPlacement> placement =
      findRawPlacement(dump_, *diagnostics_);
  if (!placement)
    return llvm::Error::success();
  if (placement->shift)
    warn("raw-shifted",
         "the image does not begin where memory does: " + placement->reason);
  OpenOptions placed = request_.open;
  placed.rawLayout = placement->layout;
  placed.rawShift = placement->shift;
  placed.rawReason = std::move(placement->reason);
  llvm::Expected<Dump> again = reopenDump(std::move(dump_), placed);
  if (!again)
    return withFileName(again.takeError());
  dump_ = std::move(*again);
  return llvm::Error::success();
}

/// The kernel is not where --layout or --raw-base put it. If it is where it
/// puts itself, the option contradicts the dump.
llvm::Error Session::judgePlacement() {
  if (!dump_.isRaw || !request_.open.mappings.empty() ||
      !(request_.open.rawBase || request_.open.rawLayout))
    return llvm::Error::success();
  Diagnostics silent = diagnostics_->makeSilent();
  auto isProven = [&](const Dump &dump) {
    llvm::Expected<KernelImage> kernel =
        vmpt::findKernel(dump, *dump.memory, {}, silent);
    const bool isProven = kernel && kernel->rootDoubt.empty();
    llvm::consumeError(kernel.takeError());
    return isProven;
  };
  OpenOptions free = request_.open;
  const std::string option = free.rawLayout
                                 ? "--layout " + free.rawLayout->name.str()
                                 : "--raw-base " + hex(*free.rawBase);
  free.rawLayout = nullptr;
  free.rawBase.reset();
  Dump files;
  files.files = dump_.files;
  llvm::Expected<Dump> other = reopenDump(std::move(files), free);
  if (other)
    if (auto placement = findRawPlacement(*other, silent)) {
      free.rawLayout = placement->layout;
      free.rawShift = placement->shift;
      free.rawReason = placement->reason;
      other = reopenDump(std::move(*other), free);
    }
  const bool isWrong = other && isProven(*other);
  const std::string text =
      isWrong ? option + " contradicts the dump: its kernel is found in a " +
                    other->format
              : "";
  llvm::consumeError(other.takeError());
  if (!isWrong)
    return llvm::Error::success();
  if (!request_.kernel.force)
    return withFileName(
        llvm::make_error<UsageError>(text + "; --force takes it all the same"));
  gap("option-contradicts", text + "; it is taken, as --force says");
  return llvm::Error::success();
}

/// Memory that does not lie where it belongs gives a listing of something else.
llvm::Error Session::judgePieces(const KernelImage &kernel) {
  const std::optional<std::string> why = findDisplacement(dump_, kernel);
  if (!why)
    return llvm::Error::success();
  if (!request_.kernel.force)
    return withFileName(
        llvm::make_error<FormatError>(*why + ", --force reads it as it is"));
  gap("placement", *why);
  return llvm::Error::success();
}

void Session::reportLoss() {
  const uint64_t lost = dump_.memory->truncatedBytes();
  if (!lost)
    return;
  diagnostics_->report(
      {"truncated",
       "the file is truncated: " + hex(lost) +
           " bytes of memory that it should have are missing",
       {},
       request_.lossIsGap ? Severity::Gap : Severity::Warning});
}

/// A file without a map of RAM cannot tell that it was cut off; its kernel can.
void Session::extendMemory(const KernelImage &kernel) {
  if (dump_.memory->knowsRam())
    return;
  const PhysAddr end = findRamEnd(kernel, dump_);
  if (end <= CutMemory::endOf(*dump_.memory))
    return;
  dump_.memory = std::make_unique<CutMemory>(std::move(dump_.memory), end);
  reportLoss();
}

std::vector<Finding> Session::finalFindings() {
  if (!std::exchange(isCompared_, true))
    compareLiveMemory();
  return diagnostics_->findings();
}

void Session::compareLiveMemory() {
  if (!live_)
    return;
  const LiveMemory::Changes changes = live_->findChanges();
  if (changes.wordsChanged) {
    std::string text =
        std::to_string(changes.wordsChanged) +
        " of the words that were used, "
        "in " +
        std::to_string(changes.pagesChanged) + " of " +
        std::to_string(changes.pagesRead) +
        " pages, changed meanwhile: the machine runs, and this is of no single "
        "moment (physical";
    for (PhysAddr word : changes.words)
      text += " " + hex(word);
    Subject subject;
    subject.physical = changes.words.front();
    gap("memory-changed",
        text + (changes.words.size() < changes.wordsChanged ? " ...)" : ")"),
        subject);
  }
  if (changes.isCut)
    gap("memory-not-compared",
        "the machine runs, and of what was read only the first " +
            llvm::Twine(changes.pagesRead) +
            " pages were compared with what is there now");
}

llvm::Expected<TaskList> Session::readTasks(const Kernel &kernel,
                                            TaskListOptions options) {
  const bool mayHaveNone =
      dump_.isTrimmed && !dump_.isTrimmedWithTasks.value_or(false);
  if (!mayHaveNone || !dump_.isTrimmedWithTasks) {
    llvm::Expected<TaskList> list = readTaskList(kernel, options);
    if (list || !mayHaveNone)
      return list ? std::move(list) : withFileName(list.takeError());
    llvm::consumeError(list.takeError());
  }
  return withFileName(
      llvm::make_error<LookupError>("cut by vmpt trim without --tasks, so it "
                                    "has no tasks; cut the whole dump "
                                    "again, with --tasks"));
}

llvm::Error Session::checkRoot(const KernelImage &kernel, PhysAddr root) {
  std::optional<std::string> fault = findTaskRootFault(kernel, memory(), root);
  if (!fault)
    return llvm::Error::success();
  const std::string text = "--root " + hex(root) + ": " + *fault;
  if (!request_.kernel.force)
    return withFileName(
        llvm::make_error<UsageError>(text + "; --force takes it all the same"));
  gap("option-contradicts", text + "; it is taken, as --force says");
  return llvm::Error::success();
}

llvm::Error Session::judgeArch() {
  const std::optional<Arch> given = request_.kernel.arch;
  if (llvm::Error error = checkMachine(dump_, request_.kernel))
    return withFileName(std::move(error));
  if (!given)
    return llvm::Error::success();
  llvm::Error error = image().takeError();
  if (!error || isUsageError(error))
    return error;
  llvm::consumeError(std::move(error));
  const std::optional<Arch> known = dump_.machine.arch;
  if (!known || known == given)
    return llvm::Error::success();
  const std::string text =
      "--arch " + getArchName(*given).str() +
      " contradicts the dump: " + getArchName(*known).str() + " (" +
      dump_.machine.archSource + ")";
  if (!request_.kernel.force)
    return withFileName(
        llvm::make_error<UsageError>(text + "; --force takes it all the same"));
  gap("option-contradicts", text + "; it is taken, as --force says");
  return llvm::Error::success();
}

/// In the modes of the architecture, or of all. A kernel in the memory names
/// it, which is quicker than to try them all, and its own root.
TopTables Session::findTopTables(bool asksKernel) {
  std::optional<Arch> arch = request_.kernel.arch;
  if (!arch)
    arch = dump_.machine.arch;
  std::vector<PhysAddr> known;
  if (asksKernel) {
    Diagnostics silent = diagnostics_->makeSilent();
    llvm::Expected<KernelImage> kernel =
        vmpt::findKernel(dump_, memory(), {}, silent);
    if (kernel && kernel->rootDoubt.empty()) {
      arch = request_.kernel.arch.value_or(kernel->arch->arch);
      known.push_back(kernel->root);
      for (const FoundKernel &other : kernel->kernels)
        known.push_back(other.root);
    }
    llvm::consumeError(kernel.takeError());
  }
  std::vector<const PagingMode *> modes;
  for (Arch one : allArchs)
    if (!arch || *arch == one)
      llvm::append_range(modes, getModes(one));
  return vmpt::findTopTables(memory(), modes, *diagnostics_, known);
}

llvm::Error Session::findKernelBy(PhysAddr root) {
  llvm::Expected<const KernelImage &> known = image();
  if (known)
    return llvm::Error::success();
  llvm::Error failure = known.takeError();
  if (!request_.kernel.given().empty())
    return failure;
  const TopTables found = findTopTables(/*asksKernel=*/false);
  const auto named = llvm::find_if(
      found.tables, [&](const TopTable &table) { return table.root == root; });
  if (named == found.tables.end())
    return failure;
  KernelOverrides &overrides = request_.kernel;
  const PagingMode &mode = *named->mode;
  const KernelArch &arch = *findKernelArch(mode.arch);
  overrides.arch = mode.arch;
  if (llvm::is_contained(arch.options, KernelOption::Levels))
    overrides.levels = mode.levelCount;
  if (llvm::is_contained(arch.options, KernelOption::VirtualBits))
    overrides.virtualBits = mode.virtualBits;
  if (llvm::is_contained(arch.options, KernelOption::Granule))
    overrides.granule = bit(mode.pageShift);
  // Whose own half has no kernel: the kernel's is another table of that mode.
  const auto kernel = llvm::find_if(found.tables, [&](const TopTable &table) {
    return table.mode == &mode && table.kind == TopTableKind::Kernel;
  });
  if (arch.tasksMapKernel)
    overrides.taskRoot = root;
  else if (kernel != found.tables.end())
    overrides.root = kernel->root;
  llvm::consumeError(std::move(failure));
  llvm::Expected<const KernelImage &> first = image();
  if (!first && kernel != found.tables.end()) {
    // Nor do the kernel's symbols tell: its table is all there is.
    overrides.taskRoot.reset();
    overrides.root = kernel->root;
  }
  llvm::consumeError(first.takeError());
  llvm::Expected<const KernelImage &> again = image();
  if (!again)
    return again.takeError();
  warn("kernel-by-root",
       "nothing names a kernel: it was found by the table at " + hex(root) +
           ", in all of memory (" + mode.name + ")");
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

bool Session::isUsageError(llvm::Error &error) {
  bool isUsage = error.isA<UsageError>();
  error = llvm::handleErrors(
      std::move(error), [&](std::unique_ptr<llvm::FileError> named) {
        const std::string name = named->getFileName().str();
        llvm::Error inner = named->takeError();
        isUsage = inner.isA<UsageError>();
        return llvm::createFileError(name, std::move(inner));
      });
  return isUsage;
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
  diagnostics_->warn(kind, sentence, std::move(subject));
}

llvm::Expected<KernelImage> Session::findKernel(const PhysicalMemory &memory) {
  llvm::Expected<KernelImage> image =
      vmpt::findKernel(dump_, memory, request_.kernel, *diagnostics_, &tried_);
  if (!image)
    return withFileName(image.takeError());
  return image;
}

llvm::Expected<std::unique_ptr<Kernel>>
Session::createKernel(const KernelImage &image, const PhysicalMemory &memory) {
  llvm::Expected<std::unique_ptr<Kernel>> kernel =
      Kernel::create(image, memory, request_.debug, *diagnostics_);
  if (!kernel)
    return withFileName(kernel.takeError());
  if (llvm::Error error = learnStructs(**kernel, *diagnostics_))
    return withFileName(std::move(error));
  return kernel;
}

llvm::Expected<const KernelImage &> Session::image() {
  if (!image_) {
    llvm::Expected<KernelImage> found = findKernel(memory());
    if (!found || !found->rootDoubt.empty())
      if (llvm::Error error = judgePlacement()) {
        llvm::consumeError(found.takeError());
        return error;
      }
    if (!found)
      return found.takeError();
    if (llvm::Error error = judgePieces(*found))
      return error;
    image_ = std::make_unique<KernelImage>(std::move(*found));
    if (std::optional<std::string> why = describeMisplacement(dump_, *image_))
      gap("placement", *why);
    extendMemory(*image_);
  }
  return *image_;
}

llvm::ArrayRef<FoundKernel> Session::allKernels() {
  llvm::Expected<const KernelImage &> found = image();
  if (!found) {
    llvm::consumeError(found.takeError());
    return {};
  }
  if (!found->kernels.empty())
    return found->kernels;
  if (!kernels_) {
    KernelOverrides overrides = request_.kernel;
    overrides.listsKernels = true;
    llvm::Expected<KernelImage> again =
        vmpt::findKernel(dump_, memory(), overrides, *diagnostics_);
    kernels_.emplace();
    if (again)
      kernels_ = std::move(again->kernels);
    else
      llvm::consumeError(again.takeError());
  }
  return *kernels_;
}

Machine Session::machineOf(const KernelImage &kernel) const {
  auto symbols =
      findImageSymbols(*kernel.arch, VmcoreinfoSymbols(kernel.vmcoreinfo));
  if (kernel.kernels.size() < 2 || !symbols)
    return dump_.machine;
  return withoutOtherCpus(
      dump_.machine, memory(),
      {*kernel.arch, kernel.mode, kernel.root, symbols->self});
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

llvm::Error Session::judgeDebugInputs() {
  if (!request_.debug.isGiven())
    return llvm::Error::success();
  llvm::Error error = kernel().takeError();
  if (error && !image_) { // whoever needs one will say so
    llvm::consumeError(std::move(error));
    return llvm::Error::success();
  }
  if (error)
    return error;
  if (std::optional<std::string> unused =
          findUnusedName(*kernel_, request_.debug))
    return withFileName(llvm::make_error<UsageError>(*unused));
  return llvm::Error::success();
}

} // namespace vmpt
