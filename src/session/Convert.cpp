#include "session/Convert.h"

#include "dump/formats/TrimNote.h"
#include "dump/writer/Segments.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/context/Structs.h"
#include "kernel/find/KernelArch.h"
#include "session/AnswerGaps.h"

namespace vmpt {

void placeSegments(std::vector<CoreSegment> &segments,
                   const std::optional<DirectMap> &map,
                   std::optional<uint64_t> offset) {
  if (map) {
    splitSegments(segments, PhysAddr(map->start - map->offset));
    splitSegments(segments, PhysAddr(map->last - map->offset + 1));
  }
  for (CoreSegment &segment : segments)
    if (map)
      segment.virtualStart =
          map->virtualAddress(segment.start).value_or(noVirtualAddress);
    else
      segment.virtualStart = segment.start.value + offset.value_or(0);
}

std::vector<CoreAlias> makeAliases(llvm::ArrayRef<MappedRun> imageRuns) {
  constexpr uint64_t smallest = 1 << 20;
  std::vector<CoreAlias> aliases;
  for (const MappedRun &run : imageRuns) {
    CoreAlias *last = aliases.empty() ? nullptr : &aliases.back();
    if (last && last->virtualStart + last->size == run.start.value &&
        last->start + last->size == run.physical)
      last->size += run.size;
    else
      aliases.push_back({run.start.value, run.physical, run.size});
  }
  llvm::erase_if(aliases,
                 [](const CoreAlias &alias) { return alias.size < smallest; });
  return aliases;
}

namespace {

/// With SPARSEMEM each frame is asked for; a kernel with one mem_map (FLATMEM)
/// has it for the frames of its only node, and programs that go by the highest
/// segment (QEMU's flash ends at 4 GiB) walk off it. How far it reaches, in
/// bytes; nothing with SPARSEMEM, or if that cannot be read.
std::optional<uint64_t> findFlatEnd(const KernelImage &kernel,
                                    const PhysicalMemory &memory) {
  const Vmcoreinfo &info = kernel.vmcoreinfo;
  auto node = info.symbol("contig_page_data");
  auto first = info.offset("pglist_data.node_start_pfn"),
       count = info.offset("pglist_data.node_spanned_pages");
  if (!info.symbol("mem_map") || !node || !first || !count)
    return std::nullopt;
  const AddressSpace space = kernel.addressSpace(memory);
  const StructReader reader(space, kernel.wordBytes());
  auto start =
           reader.tryNumber(VirtAddr(*node), Field{*first, kernel.wordBytes()}),
       frames =
           reader.tryNumber(VirtAddr(*node), Field{*count, kernel.wordBytes()});
  constexpr uint64_t mostFrames = uint64_t(1) << 40;
  if (!start || !frames || !*frames || *start > mostFrames ||
      *frames > mostFrames)
    return std::nullopt;
  return (*start + *frames) << kernel.mode.pageShift;
}

/// What the kernel adds to the file: `vmcoreinfo` is its text, as far as known.
llvm::Error describeKernel(Session &session, CoreContents &contents,
                           std::string &vmcoreinfo,
                           std::optional<DirectMap> &directMap,
                           std::optional<uint64_t> &flatEnd) {
  llvm::Expected<const KernelImage &> kernel = session.image();
  if (kernel) {
    contents.arch = kernel->arch->arch;
    if (!kernel->vmcoreinfo.text().empty())
      vmcoreinfo = kernel->vmcoreinfo.text();
    directMap = findDirectMap(*kernel, session.memory());
    if (directMap)
      reportSectionGaps(session, *kernel);
    contents.aliases = makeAliases(kernel->imageRuns);
    if (kernel->arch->laterKeys && directMap && !vmcoreinfo.empty())
      if (std::string keys =
              kernel->arch->laterKeys(*kernel, directMap->offset);
          !keys.empty())
        vmcoreinfo += "ADDED_BY=vmpt convert, from here on\n" + keys;
    flatEnd = findFlatEnd(*kernel, session.memory());
    return llvm::Error::success();
  }
  llvm::Error error = kernel.takeError();
  if (Session::isUsageError(error))
    return error;
  const std::vector<KernelOption> given = session.request().kernel.given();
  if (session.request().kernel.kernelNumber ||
      llvm::any_of(given, [](KernelOption option) {
        return option != KernelOption::Arch;
      }))
    return error; // what is said of the kernel would be of no use
  const std::string reason = session.takeMessage(std::move(error));
  std::optional<Arch> arch = session.request().kernel.arch;
  if (!arch)
    arch = session.dump().machine.arch;
  if (!arch)
    return session.withFileName(llvm::make_error<UsageError>(
        reason + "; an ELF file needs the architecture, which nothing tells: "
                 "pass --arch"));
  contents.arch = *arch;
  session.warn("no-kernel",
               reason +
                   "; converted without its VMCOREINFO and virtual addresses");
  return llvm::Error::success();
}

} // namespace

uint64_t dropBeyond(std::vector<CoreSegment> &segments, PhysAddr end) {
  splitSegments(segments, end);
  uint64_t dropped = 0;
  llvm::erase_if(segments, [&](const CoreSegment &segment) {
    if (segment.start < end)
      return false;
    dropped += segment.storedBytes;
    return true;
  });
  return dropped;
}

namespace {

/// The new file but for what memory it has.
struct ConvertPlan {
  CoreContents contents;
  std::string vmcoreinfo, trimNote; ///< Texts of notes.
  std::optional<DirectMap> directMap;
  std::optional<uint64_t> flatEnd;
};

llvm::Error makePlan(Session &session, ConvertPlan &plan) {
  const Dump &dump = session.dump();
  CoreContents &contents = plan.contents;
  contents.notes = dump.notes;
  contents.order = dump.machine.order;
  plan.vmcoreinfo = dump.vmcoreinfo.value_or("");
  if (llvm::Error error = describeKernel(session, contents, plan.vmcoreinfo,
                                         plan.directMap, plan.flatEnd))
    return error;
  // Notes are as they were; where there are none, files are as the machine is.
  if (dump.notes.empty())
    contents.order = getTraits(contents.arch).order;
  // Every note that was there; VMCOREINFO once, as it is known now.
  llvm::erase_if(contents.notes, [&](const Note &note) {
    return note.name == "VMCOREINFO" && !plan.vmcoreinfo.empty();
  });
  if (!plan.vmcoreinfo.empty())
    contents.notes.push_back(makeNote("VMCOREINFO", 0, plan.vmcoreinfo));
  if (dump.isTrimmed) {
    plan.trimNote = writeTrimNote(dump, dump.isTrimmedWithTasks);
    contents.notes.push_back(
        makeNote(trimNoteName, trimNoteType, plan.trimNote));
  }
  return llvm::Error::success();
}

/// Writes what \p ranges say of the memory; what is lost is a gap. A
/// MemoryError if they say too much.
llvm::Error writeMemory(Session &session, OutputFile &file,
                        const ConvertPlan &plan,
                        std::vector<MemoryRange> ranges) {
  CoreContents contents = plan.contents;
  ChosenMemory chosen = chooseSegments(session.memory(), std::move(ranges));
  contents.segments = std::move(chosen.segments);
  const std::string convertNote = writeConvertNote(chosen.absent);
  if (!chosen.absent.empty())
    contents.notes.push_back(
        makeNote(trimNoteName, convertNoteType, convertNote));
  const uint64_t lost = countLostBytes(session.memory(), contents.segments);
  const uint64_t beyond =
      plan.flatEnd ? dropBeyond(contents.segments, PhysAddr(*plan.flatEnd)) : 0;
  placeSegments(contents.segments, plan.directMap,
                session.dump().directMapOffset);
  if (llvm::Error error =
          writeElfCore(file, contents, session.memory(), session.diagnostics()))
    return error;
  if (lost)
    session.gap("memory-lost",
                hex(lost) + " bytes are truncated or corrupt; they are in no "
                            "segment of the new file");
  if (beyond)
    session.warn("not-memory", hex(beyond) + " bytes from " +
                                   hex(*plan.flatEnd) +
                                   " on are left out: the kernel's mem_map "
                                   "ends there, so they are no RAM");
  return llvm::Error::success();
}

} // namespace

/// Most dumps have no page that cannot be decoded: such a page is looked for
/// only once the file cannot be written without it. Not where what is written
/// cannot be taken back.
llvm::Error convertDump(Session &session, Output &output) {
  ConvertPlan plan;
  if (llvm::Error error = makePlan(session, plan))
    return error;
  const PhysicalMemory &memory = session.memory();
  OutputFile &file = *output.file;
  auto withName = [&](llvm::Error error) -> llvm::Error {
    return error ? llvm::createFileError(output.path, std::move(error))
                 : std::move(error);
  };
  if (file.canRestart()) {
    llvm::Error error = writeMemory(session, file, plan, memory.ranges().vec());
    if (!error || !error.isA<MemoryError>())
      return withName(std::move(error));
    llvm::consumeError(std::move(error));
    if (llvm::Error failure = file.restart())
      return withName(std::move(failure));
  }
  return withName(writeMemory(session, file, plan,
                              verifyRanges(memory, session.diagnostics())));
}

} // namespace vmpt
