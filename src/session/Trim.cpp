#include "session/Trim.h"

#include "analysis/MapsReader.h"
#include "analysis/PageDetails.h"
#include "dump/formats/TrimNote.h"
#include "dump/writer/Segments.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/find/KernelArch.h"
#include "kernel/log/KernelLog.h"
#include "kernel/modules/AddressNames.h"
#include "kernel/tasks/EfiMm.h"
#include "kernel/tasks/TaskList.h"
#include "listing/Plan.h"
#include "memory/RecordingMemory.h"
#include "memory/ScanProgress.h"
#include "support/Parallel.h"

namespace vmpt {

namespace {

/// Forgets the text; only the reading matters.
class NullSink final : public RunSink {
  void section(llvm::StringRef) override {}
  void run(const Run &) override {}
  void skipped(uint64_t) override {}
};

/// Lists \p plan into nothing.
llvm::Error readListing(const ListingPlan &plan,
                        const RecordingMemory &recording) {
  NullSink sink;
  return runListing(plan, recording, sink, ~uint64_t(0)).takeError();
}

/// The tables of a process, both of them where there are two.
llvm::Error readTables(const Kernel &kernel, PhysAddr root,
                       const RecordingMemory &recording) {
  const KernelImage &image = kernel.image();
  std::vector<PhysAddr> roots = {root};
  if (image.arch->userRoot)
    roots.push_back(image.arch->userRoot(kernel, root));
  for (PhysAddr table : roots) {
    llvm::Expected<ListingPlan> plan =
        planTaskListing(image, recording, table, /*userOnly=*/false);
    if (!plan)
      return plan.takeError();
    if (llvm::Error error = readListing(*plan, recording))
      return error;
  }
  return llvm::Error::success();
}

/// What maps --pages reads of a process.
void readAreas(MapsReader &maps, const Task &task) {
  llvm::Expected<MapsListing> listing = maps.read(task.mm);
  if (listing)
    llvm::consumeError(maps.addPages(*listing, *task.root));
  else
    llvm::consumeError(listing.takeError());
}

/// Reads what tasks, task and maps read. What cannot be read of one process
/// cannot be read from the new file either, and is no reason to stop.
llvm::Error readTasks(Session &session, const Kernel &kernel,
                      const RecordingMemory &recording) {
  llvm::Expected<TaskList> list =
      session.readTasks(kernel, {/*withThreads=*/true});
  if (!list)
    return list.takeError();
  // Those of EFI's services, where there are any.
  if (llvm::Expected<PhysAddr> efi = readEfiRoot(kernel))
    llvm::consumeError(readTables(kernel, *efi, recording));
  else
    llvm::consumeError(efi.takeError());
  llvm::Expected<MapsReader> maps = MapsReader::create(kernel);
  if (!maps)
    session.warn("no-areas", llvm::toString(maps.takeError()) +
                                 "; the new file has nothing for vmpt maps");
  std::vector<const Task *> holders;
  for (const Task &task : list->tasks) {
    const Task *holder = task.isLeader() ? task.memoryHolder() : nullptr;
    if (holder && holder->root)
      holders.push_back(holder);
  }
  // What is read is kept, whoever reads it, and in which order.
  const unsigned threads = session.diagnostics().threads();
  std::vector<MapsReader> readers;
  if (maps)
    readers.assign(std::min<size_t>(threads, holders.size()), *maps);
  countInOrder<char>(
      holders.size(), threads,
      [&](unsigned worker, size_t i, char &) {
        llvm::consumeError(readTables(kernel, *holders[i]->root, recording));
        if (maps)
          readAreas(readers[worker], *holders[i]);
      },
      [&](size_t i, char) {
        session.diagnostics().progress("tasks", i + 1, holders.size());
        return true;
      });
  return llvm::Error::success();
}

/// What the new file lacks of what was asked for is no reason to stop.
void warnOfLack(Session &session, llvm::StringRef command, llvm::Error error) {
  session.warn("not-kept", llvm::toString(std::move(error)) +
                               "; the new file has nothing for vmpt " +
                               command);
}

/// Reads what log, modules and vmalloc read.
void readReports(Session &session, const Kernel &kernel) {
  llvm::Expected<KernelLog> log = KernelLog::create(kernel);
  llvm::Error error =
      log ? log->read([](const LogRecord &) {}).takeError() : log.takeError();
  if (error)
    warnOfLack(session, "log", std::move(error));
  llvm::Expected<ModuleList> modules = readModuleList(kernel);
  if (!modules)
    return warnOfLack(session, "modules", modules.takeError());
  llvm::Expected<VmallocList> areas = readVmallocList(kernel);
  if (!areas)
    return warnOfLack(session, "vmalloc", areas.takeError());
  AddressNames names(kernel, *modules);
  for (const VmallocArea &area : areas->areas)
    names.find(area.caller);
}

/// Frames with struct pages that follow each other, for one thread.
struct FramePiece {
  uint64_t first = 0, count = 0;
  uint64_t passed = 0; ///< Up to its end.
};

/// All frames of a memory map, but not more than \p budget.
class FramePieces {
public:
  FramePieces(const MemoryMap &map, uint64_t budget)
      : sections_(map.sections()), budget_(budget) {}

  bool next(FramePiece &piece) {
    constexpr uint64_t pieceFrames = 4096;
    while (!sections_.empty() && done_ == sections_.front().frameCount) {
      sections_ = sections_.drop_front();
      done_ = 0;
    }
    if (sections_.empty() || passed_ == budget_)
      return false;
    const MemorySection &section = sections_.front();
    piece.first = section.firstFrame + done_;
    piece.count =
        std::min({section.frameCount - done_, budget_ - passed_, pieceFrames});
    done_ += piece.count;
    piece.passed = passed_ += piece.count;
    return true;
  }

private:
  llvm::ArrayRef<MemorySection> sections_; ///< The first is looked at.
  const uint64_t budget_;
  uint64_t done_ = 0, passed_ = 0;
};

/// Reads what pages and page read of all frames.
void readPages(Session &session, const Kernel &kernel) {
  llvm::Expected<PageFlags> flags = PageFlags::create(kernel);
  if (!flags)
    return warnOfLack(session, "pages", flags.takeError());
  // No memory map has more struct pages than the dump has room for, but for
  // those that hugetlb maps again and again.
  const uint64_t budget =
      64 * (session.memory().presentBytes() / flags->layout().sizeBytes) +
      (1 << 20);
  // Each thread has its own, which remember what they met. The addresses stay.
  const unsigned threads = session.diagnostics().threads();
  std::vector<PageFlags> known(threads, *flags);
  std::vector<PageExplorer> explorers;
  for (PageFlags &own : known)
    explorers.emplace_back(kernel, own);
  FramePieces pieces(flags->map(), budget);
  ScanProgress progress(session.diagnostics(), session.memory(), "pages");
  inOrder<FramePiece, char>(
      threads, [&](FramePiece &piece) { return pieces.next(piece); },
      [&](unsigned worker, const FramePiece &piece, char &) {
        for (uint64_t i = 0; i < piece.count; ++i)
          explorers[worker].explore(piece.first + i);
      },
      [&](const FramePiece &piece, char) {
        progress.reach(piece.passed << kernel.image().mode.pageShift);
        return true;
      });
}

/// Of several kernels the new file has one: its VMCOREINFO, and registers only
/// where they led to it, for they may be another's.
void keepNotesOf(const KernelImage &image, bool keepsCpus,
                 std::vector<Note> &notes) {
  llvm::erase_if(notes, [&](const Note &note) {
    return note.name == "VMCOREINFO" ||
           (!keepsCpus && (note.name == "CORE" || note.name == "LINUX" ||
                           note.name == "QEMU"));
  });
  if (!image.vmcoreinfo.text().empty())
    notes.push_back(makeNote("VMCOREINFO", 0, image.vmcoreinfo.text()));
}

/// What the options ask for beside the listing.
llvm::Error readMore(Session &session, const KernelImage &image,
                     const RecordingMemory &recording,
                     const TrimOptions &options) {
  llvm::Expected<std::unique_ptr<Kernel>> kernel =
      session.createKernel(image, recording);
  if (!kernel)
    return kernel.takeError();
  if (options.tasks)
    if (llvm::Error error = readTasks(session, **kernel, recording))
      return error;
  if (options.log)
    readReports(session, **kernel);
  if (options.pages)
    readPages(session, **kernel);
  return llvm::Error::success();
}

} // namespace

llvm::Error trimDump(Session &session, Output &output,
                     const TrimOptions &options) {
  // What a file without a map of RAM lacks, its kernel tells.
  if (!session.memory().knowsRam())
    if (llvm::Error error = session.image().takeError())
      return error;
  const Dump &dump = session.wholeDump();
  RecordingMemory recording(session.memory());
  llvm::Expected<KernelImage> image = session.findKernel(recording);
  if (!image)
    return image.takeError();
  llvm::Expected<ListingPlan> plan = planKernelListing(*image);
  if (!plan)
    return session.withFileName(plan.takeError());
  if (llvm::Error error = readListing(*plan, recording))
    return session.withFileName(std::move(error));
  if (options.tasks || options.log || options.pages)
    if (llvm::Error error = readMore(session, *image, recording, options))
      return error;

  CoreContents contents;
  contents.arch = image->arch->arch;
  // Notes are as they were; where there are none, files are as the machine is.
  contents.order = dump.notes.empty() ? image->order() : dump.machine.order;
  contents.notes = dump.notes;
  const bool isNumbered = session.request().kernel.kernelNumber.has_value();
  if (isNumbered || image->kernels.size() > 1)
    keepNotesOf(*image, !isNumbered, contents.notes);
  const std::string note = writeTrimNote(dump, options.tasks);
  contents.notes.push_back(makeNote(trimNoteName, trimNoteType, note));
  contents.segments = cutSegments(session.memory(), recording.getPages());
  if (llvm::Error error = writeElfCore(*output.file, contents, session.memory(),
                                       session.diagnostics()))
    return llvm::createFileError(output.path, std::move(error));
  return llvm::Error::success();
}

} // namespace vmpt
