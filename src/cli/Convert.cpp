//===- Convert.cpp - vmpt convert: all of the memory as an ELF vmcore -----===//
#include "cli/Session.h"
#include "dump/OpenDump.h"
#include "dump/formats/TrimNote.h"
#include "dump/writer/ElfCoreWriter.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

Note makeNote(llvm::StringRef name, uint32_t type, const std::string &text) {
  return {name.str(), type,
          Bytes({reinterpret_cast<const uint8_t *>(text.data()), text.size()})};
}

/// What of \p ranges the new file has. A page that a filter left out because
/// it may have been zeros stays RAM without bytes; every other absent page is
/// in no segment, so that nobody takes it for zeros: \p absent has those.
std::vector<CoreSegment> chooseSegments(std::vector<MemoryRange> ranges,
                                        bool mayExcludeZeroPages,
                                        std::vector<MemoryRange> &absent) {
  llvm::erase_if(ranges, [&](const MemoryRange &range) {
    const bool isLost = range.absence && (*range.absence != Absence::Excluded ||
                                          !mayExcludeZeroPages);
    if (isLost && *range.absence != Absence::OutsideRam)
      absent.push_back(range);
    return isLost;
  });
  return makeSegments(ranges);
}

/// Makes \p at the start of a segment, if it lies within one.
void splitSegments(std::vector<CoreSegment> &segments, PhysAddr at) {
  for (size_t i = 0; i < segments.size(); ++i) {
    CoreSegment &first = segments[i];
    const uint64_t size = at - first.start;
    if (at <= first.start || size >= first.memoryBytes)
      continue;
    CoreSegment second = {at, first.memoryBytes - size,
                          first.storedBytes - std::min(first.storedBytes, size),
                          0};
    first.memoryBytes = size;
    first.storedBytes = std::min(first.storedBytes, size);
    segments.insert(segments.begin() + long(i) + 1, second);
    return;
  }
}

/// p_vaddr of each segment: its address in the direct map. Of the kernel's own
/// tables, else as the dump had it, else the physical one, as QEMU writes.
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

/// The kernel image at its own virtual addresses. Pages of different rights
/// that are neighbours both ways are one piece; scattered pieces (modules) are
/// found through the tables by whoever needs them.
std::vector<CoreAlias> makeAliases(const KernelImage &kernel) {
  constexpr uint64_t smallest = 1 << 20;
  std::vector<CoreAlias> aliases;
  for (const MappedRun &run : kernel.imageRuns) {
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

/// Bytes that the dump should have and cannot give.
uint64_t countLost(const Dump &dump, llvm::ArrayRef<CoreSegment> segments) {
  uint64_t known = 0, kept = 0;
  for (const MemoryRange &range : dump.memory->ranges())
    if (range.absence != Absence::OutsideRam &&
        range.absence != Absence::Excluded)
      known += range.size;
  for (const CoreSegment &segment : segments)
    kept += segment.storedBytes;
  return known - kept;
}

} // namespace

llvm::Expected<int> runConvert(const Options &options) {
  if (!options.output)
    return llvm::make_error<UsageError>("convert needs -o OUT");
  llvm::Expected<std::unique_ptr<OutputFile>> output = createOutput(options);
  if (!output)
    return output.takeError();
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  llvm::Expected<KernelOverrides> overrides = makeOverrides(options);
  if (!overrides)
    return overrides.takeError();

  CoreContents contents;
  contents.notes = dump->notes;
  contents.order = dump->machine.order;
  std::string vmcoreinfo = dump->vmcoreinfo.value_or("");
  std::optional<DirectMap> directMap;
  llvm::Expected<KernelImage> kernel =
      findKernel(options, *dump, *dump->memory);
  if (kernel) {
    contents.arch = kernel->arch->arch;
    contents.order = kernel->order;
    if (!kernel->vmcoreinfo.text().empty())
      vmcoreinfo = kernel->vmcoreinfo.text();
    directMap = findDirectMap(*kernel, *dump->memory);
    contents.aliases = makeAliases(*kernel);
  } else if (auto arch =
                 overrides->arch ? overrides->arch : dump->machine.arch) {
    contents.arch = *arch;
    standardDiagnostics().warn(
        llvm::toString(kernel.takeError()) +
        "; converted without its VMCOREINFO and virtual addresses");
  } else {
    return llvm::make_error<UsageError>(
        llvm::toString(kernel.takeError()) +
        "; an ELF file needs the architecture, which nothing tells: pass "
        "--arch");
  }
  // Every note that was there; VMCOREINFO once, as it is known now.
  llvm::erase_if(contents.notes, [&](const Note &note) {
    return note.name == "VMCOREINFO" && !vmcoreinfo.empty();
  });
  if (!vmcoreinfo.empty())
    contents.notes.push_back(makeNote("VMCOREINFO", 0, vmcoreinfo));
  std::string trimNote = dump->isTrimmed ? writeTrimNote(*dump) : "";
  if (dump->isTrimmed)
    contents.notes.push_back(makeNote(trimNoteName, trimNoteType, trimNote));
  std::vector<MemoryRange> absent;
  contents.segments =
      chooseSegments(verifyRanges(*dump->memory, standardDiagnostics()),
                     dump->memory->mayExcludeZeroPages(), absent);
  const std::string convertNote = writeConvertNote(absent);
  if (!absent.empty())
    contents.notes.push_back(
        makeNote(trimNoteName, convertNoteType, convertNote));
  const uint64_t lost = countLost(*dump, contents.segments);
  if (lost)
    warn(options, hex(lost) + " bytes are truncated or corrupt; they are in "
                              "no segment of the new file");
  placeSegments(contents.segments, directMap, dump->directMapOffset);
  if (llvm::Error error = writeElfCore(**output, contents, *dump->memory,
                                       standardDiagnostics()))
    return llvm::createFileError(*options.output, std::move(error));
  return lost ? 1 : 0;
}

} // namespace vmpt
