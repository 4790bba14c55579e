#include "dump/formats/Kdump.h"

#include "dump/formats/ElfNotes.h"
#include "dump/formats/KdumpBitmaps.h"
#include "dump/formats/KdumpMemory.h"
#include "support/Bits.h"
#include "support/Text.h"

#include <algorithm>

namespace vmpt {

namespace {

/// One of the files that were given.
struct Source {
  const FileImage *file;
  KdumpHeader header;
};

/// Order by first page, and no page twice.
llvm::Error sortSources(std::vector<Source> &sources) {
  const KdumpHeader &first = sources.front().header;
  if (!first.isSplit && sources.size() > 1)
    return llvm::make_error<UsageError>(
        "not a part of a split dump, but " + llvm::Twine(sources.size() - 1) +
        " further part(s) are given; leave them out");
  for (size_t i = 1; i < sources.size(); ++i)
    if (const char *field = sources[i].header.findDifference(first))
      return llvm::make_error<FormatError>(
          "part " + llvm::Twine(i + 1) +
          " as given is of another dump than part 1: the headers differ in " +
          field);
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source &a, const Source &b) {
                     return std::tie(a.header.startPfn, a.header.endPfn) <
                            std::tie(b.header.startPfn, b.header.endPfn);
                   });
  uint64_t reached = 0;
  for (const Source &source : sources) {
    const KdumpHeader &header = source.header;
    if (!header.isSplit)
      break;
    if (header.endPfn < header.startPfn || header.endPfn > header.maxMapnr)
      return llvm::make_error<FormatError>(
          "split dump part of page frames " + hex(header.startPfn) + " to " +
          hex(header.endPfn) + ", expected a range below max_mapnr " +
          hex(header.maxMapnr));
    if (header.startPfn < reached && header.startPfn != header.endPfn)
      return llvm::make_error<UsageError>(
          "two parts of the split dump have page frame " +
          hex(header.startPfn) + "; give each part once");
    reached = std::max(reached, header.endPfn);
  }
  return llvm::Error::success();
}

/// The whole range of frames as parts; what no file covers is a part without
/// one, and named in \p quirks if it has any pages.
std::vector<KdumpPart> makeParts(const std::vector<Source> &sources,
                                 const RankDirectory &dumped,
                                 std::vector<std::string> &quirks) {
  const KdumpHeader &header = sources.front().header;
  if (!header.isSplit)
    return {{sources.front().file, 0, header.maxMapnr}};
  std::vector<KdumpPart> parts;
  uint64_t reached = 0;
  unsigned number = 0;
  auto fillUpTo = [&](uint64_t pfn) {
    if (pfn <= reached)
      return;
    parts.push_back({nullptr, reached, pfn});
    uint64_t pages = dumped.rank(pfn) - dumped.rank(reached);
    if (pages)
      quirks.push_back(
          "part " + std::to_string(++number) +
          " of the split dump is missing: " + std::to_string(pages) +
          " pages from physical address " + hex(reached * header.blockSize) +
          " to " + hex(pfn * header.blockSize) + " are not available");
    reached = pfn;
  };
  for (const Source &source : sources) {
    fillUpTo(source.header.startPfn);
    ++number;
    parts.push_back(
        {source.file, source.header.startPfn, source.header.endPfn});
    reached = std::max(reached, source.header.endPfn);
  }
  fillUpTo(header.maxMapnr);
  return parts;
}

void readNotes(const Source &source, Buffers &buffers, Dump &dump) {
  const KdumpHeader &header = source.header;
  // A part that cannot be read is named; the memory is still of use.
  auto piece = [&](const KdumpPiece &where, const char *what) {
    auto bytes = source.file->slice(where.offset, where.size, header.order,
                                    what, buffers);
    if (bytes)
      return *bytes;
    dump.quirks.push_back(llvm::toString(bytes.takeError()));
    return Bytes();
  };
  if (header.notes.size)
    parseNotes(piece(header.notes, "kdump notes"), 4, dump);
  interpretNotes(dump);
  if (header.vmcoreinfo.size && !dump.vmcoreinfo)
    dump.vmcoreinfo = piece(header.vmcoreinfo, "kdump VMCOREINFO")
                          .text()
                          .split('\0')
                          .first.str();
  if (dump.vmcoreinfo && dump.vmcoreinfo->empty())
    dump.vmcoreinfo.reset();
  if (!dump.vmcoreinfo)
    dump.quirks.push_back("no VMCOREINFO note");
}

void nameMachine(const KdumpHeader &header, Dump &dump) {
  dump.machine.order = header.order;
  dump.machine.arch = parseArch(header.machine);
  if (dump.machine.arch)
    dump.machine.archSource = "machine name in the kdump header";
  else if (header.machine != "Unknown") // QEMU, for machines without a name
    dump.machine.unknownName = header.machine;
}

std::string describeCompression(uint32_t status) {
  std::string names;
  for (auto compression : {PageCompression::Zlib, PageCompression::Lzo,
                           PageCompression::Snappy, PageCompression::Zstd})
    if (status & uint32_t(compression))
      names +=
          (names.empty() ? "" : ", ") + getCompressionName(compression).str();
  return names.empty() ? "none" : names;
}

void describe(const std::vector<Source> &sources, uint64_t dumpedPages,
              Dump &dump) {
  const KdumpHeader &header = sources.front().header;
  dump.format = "kdump-compressed v" + std::to_string(header.version);
  // QEMU fills only the machine name of utsname.
  dump.producer =
      header.sysname.empty() ? "QEMU dump-guest-memory" : "makedumpfile";
  if (header.sysname.empty())
    numberQemuCpus(dump);
  dump.dumpLevel = header.dumpLevel;
  dump.facts.push_back({"header layout", header.getLayoutName()});
  dump.facts.push_back({"compression", describeCompression(header.status)});
  dump.facts.push_back({"block size", std::to_string(header.blockSize)});
  dump.facts.push_back({"pages", std::to_string(dumpedPages)});
  if (!dump.machine.unknownName.empty())
    dump.facts.push_back({"machine", printable(dump.machine.unknownName) +
                                         ", which vmpt does not know"});
  if (!header.release.empty())
    dump.facts.push_back({"kernel release", printable(header.release)});
  if (header.isSplit)
    dump.facts.push_back({"split parts", std::to_string(sources.size())});
  for (const Source &source : sources)
    if (source.header.status & KdumpHeader::statusIncomplete) {
      dump.quirks.push_back("marked incomplete: the disk was full when "
                            "makedumpfile wrote it, so pages are missing");
      break;
    }
}

/// The producers write data in the order of the frames: a file that was cut
/// off lacks the last page that has data of its own.
void reportTruncation(const KdumpMemory &memory, Dump &dump) {
  if (std::optional<PhysAddr> last = memory.findTruncatedTail())
    dump.quirks.push_back("the file is truncated: the page at physical "
                          "address " +
                          hex(*last) + " and others are cut off");
}

} // namespace

llvm::Error readKdump(std::vector<std::unique_ptr<FileImage>> files,
                      Dump &dump) {
  std::vector<Source> sources;
  for (const auto &file : files) {
    if (!isKdump(*file))
      return llvm::make_error<UsageError>(
          "part " + llvm::Twine(sources.size() + 1) +
          " as given is not a kdump-compressed file");
    auto header = readKdumpHeader(*file);
    if (!header)
      return header.takeError();
    sources.push_back({file.get(), std::move(*header)});
  }
  if (llvm::Error error = sortSources(sources))
    return error;

  const KdumpHeader header = sources.front().header;
  Buffers buffers;
  auto bitmaps = readKdumpBitmaps(*sources.front().file, header, buffers);
  if (!bitmaps)
    return bitmaps.takeError();
  for (size_t i = 1; i < sources.size(); ++i) {
    Buffers temporary;
    auto others =
        readKdumpBitmaps(*sources[i].file, sources[i].header, temporary);
    if (!others)
      return others.takeError();
    if (others->dumped.array() != bitmaps->dumped.array())
      return llvm::make_error<FormatError>(
          "parts of the split dump have different page bitmaps");
  }
  RankDirectory dumped(bitmaps->dumped.array(), bitmaps->dumpedParts);
  for (const Source &source : sources)
    if (llvm::Error error =
            checkKdumpBitmaps(*source.file, source.header, *bitmaps, dumped,
                              buffers, dump.warnings))
      return error;
  if (dumped.total() > ~uint32_t(0))
    return llvm::make_error<UnsupportedError>(
        "kdump file with " + hex(dumped.total()) +
        " pages, more than 32 bits can count");

  nameMachine(header, dump);
  readNotes(sources.front(), dump.buffers, dump);
  auto parts = makeParts(sources, dumped, dump.quirks);
  describe(sources, dumped.total(), dump);
  for (const auto &file : files)
    llvm::append_range(dump.quirks, file->quirks());
  auto memory = std::make_unique<KdumpMemory>(
      header, std::move(parts), *bitmaps, std::move(dumped), std::move(files),
      std::move(buffers));
  reportTruncation(*memory, dump);
  dump.memory = std::move(memory);
  return llvm::Error::success();
}

} // namespace vmpt
