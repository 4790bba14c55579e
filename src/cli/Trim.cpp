//===- Trim.cpp - vmpt trim: the pages that matter, and no others ---------===//
#include "cli/Session.h"
#include "dump/OpenDump.h"
#include "dump/formats/TrimNote.h"
#include "dump/writer/ElfCoreWriter.h"
#include "kernel/find/KernelArch.h"
#include "kernel/tasks/TaskList.h"
#include "listing/Plan.h"
#include "memory/RecordingMemory.h"
#include "views/Maps.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

/// Forgets the text; only the reading matters.
class NullSink final : public RunSink {
  void section(llvm::StringRef) override {}
  void run(const Run &) override {}
  void skipped(uint64_t) override {}
};

/// The RAM of the dump, of which only \p pages are stored: each run of pages
/// is a segment, and what follows it up to the next belongs to it as memory
/// that is not in the file.
std::vector<CoreSegment> cutSegments(const PhysicalMemory &memory,
                                     llvm::ArrayRef<PhysAddr> pages) {
  constexpr uint64_t pageBytes = RecordingMemory::pageBytes;
  std::vector<MemoryRange> ranges;
  auto add = [&](PhysAddr start, PhysAddr end, std::optional<Absence> absence) {
    if (start < end)
      appendRange(ranges, {start, end - start, absence});
  };
  size_t next = 0;
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence && *range.absence != Absence::Excluded)
      continue; // the trim note tells of these
    const PhysAddr end = range.start + range.size;
    PhysAddr at = range.start;
    while (!range.absence && next < pages.size() && pages[next] < end) {
      PhysAddr first = std::max(pages[next], range.start);
      PhysAddr last = std::min(pages[next] + pageBytes, end);
      if (pages[next] + pageBytes > end && last == end) {
        // The page goes on in the next range: keep it for that one, too.
        add(at, first, Absence::Excluded);
        add(first, last, std::nullopt);
        at = last;
        break;
      }
      ++next;
      if (last <= first)
        continue;
      add(at, first, Absence::Excluded);
      add(first, last, std::nullopt);
      at = last;
    }
    add(at, end, Absence::Excluded);
  }
  return makeSegments(ranges);
}

/// Lists \p plan into nothing.
llvm::Error readListing(const ListingPlan &plan,
                        const RecordingMemory &recording) {
  NullSink sink;
  return runListing(plan, recording, sink, ~uint64_t(0)).takeError();
}

/// The tables of a process, both of them where there are two.
llvm::Error readTables(const KernelDebug &debug, PhysAddr root,
                       const RecordingMemory &recording) {
  const KernelImage &kernel = debug.image();
  std::vector<PhysAddr> roots = {root};
  if (kernel.arch->userRoot)
    roots.push_back(kernel.arch->userRoot(debug, root));
  for (PhysAddr table : roots) {
    llvm::Expected<ListingPlan> plan =
        planTaskListing(kernel, table, /*userOnly=*/false);
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
llvm::Error readTasks(const Options &options, const KernelImage &kernel,
                      const RecordingMemory &recording) {
  llvm::Expected<std::unique_ptr<KernelDebug>> debug =
      findDebug(options, kernel, recording);
  if (!debug)
    return debug.takeError();
  llvm::Expected<TaskList> list = readTaskList(**debug, {/*withThreads=*/true});
  if (!list)
    return withFileName(options, list.takeError());
  // Those of EFI's services, where there are any.
  if (llvm::Expected<PhysAddr> efi = readEfiRoot(**debug))
    llvm::consumeError(readTables(**debug, *efi, recording));
  else
    llvm::consumeError(efi.takeError());
  llvm::Expected<MapsReader> maps = MapsReader::create(**debug);
  if (!maps)
    warn(options, llvm::toString(maps.takeError()) +
                      "; the new file has nothing for vmpt maps");
  size_t done = 0;
  for (const Task &task : list->tasks) {
    standardDiagnostics().progress("tasks", ++done, list->tasks.size());
    if (!task.isLeader() || !task.mm.value || !task.root)
      continue;
    llvm::consumeError(readTables(**debug, *task.root, recording));
    if (maps)
      readAreas(*maps, task);
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<int> runTrim(const Options &options) {
  if (!options.output)
    return llvm::make_error<UsageError>("trim needs -o OUT");
  llvm::Expected<std::unique_ptr<OutputFile>> output = createOutput(options);
  if (!output)
    return output.takeError();
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  RecordingMemory recording(*dump->memory);
  llvm::Expected<KernelImage> kernel = findKernel(options, *dump, recording);
  if (!kernel)
    return kernel.takeError();
  llvm::Expected<ListingPlan> plan = planKernelListing(*kernel);
  if (!plan)
    return withFileName(options, plan.takeError());
  if (llvm::Error error = readListing(*plan, recording))
    return withFileName(options, std::move(error));
  if (options.tasks)
    if (llvm::Error error = readTasks(options, *kernel, recording))
      return error;

  CoreContents contents;
  contents.arch = kernel->arch->arch;
  contents.order = dump->machine.order;
  contents.notes = dump->notes;
  std::string note = writeTrimNote(*dump);
  contents.notes.push_back(
      {trimNoteName.str(), trimNoteType,
       Bytes({reinterpret_cast<const uint8_t *>(note.data()), note.size()})});
  std::vector<PhysAddr> pages = recording.getPages();
  contents.segments = cutSegments(*dump->memory, pages);
  if (llvm::Error error = writeElfCore(**output, contents, *dump->memory,
                                       standardDiagnostics()))
    return llvm::createFileError(*options.output, std::move(error));
  return 0;
}

} // namespace vmpt
