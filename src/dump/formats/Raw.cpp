#include "dump/formats/Raw.h"

#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"
#include "support/Text.h"

namespace vmpt {

void readRawImage(const FileImage &file, PhysAddr base, Dump &dump) {
  auto memory = std::make_unique<ExtentMemory>();
  memory->addImage(base, file, 0, file.size());
  memory->setKnowsRam(false);
  memory->finish();
  dump.isRaw = true;
  dump.format = "raw image";
  dump.memory = std::move(memory);
  dump.quirks.push_back("no header: nothing in the file tells the "
                        "architecture, registers or memory map");
}

llvm::Error readMappings(llvm::ArrayRef<RawMapping> mappings, FileAccess access,
                         Dump &dump) {
  auto memory = std::make_unique<ExtentMemory>();
  std::vector<std::pair<PhysAddr, PhysAddr>> placed; // both inclusive
  for (const RawMapping &mapping : mappings) {
    llvm::Expected<std::shared_ptr<FileSource>> file =
        openSource(mapping.path, access, [](Bytes) { return false; });
    if (!file)
      return llvm::createFileError(mapping.path, file.takeError());
    const PlainImage all(*file);
    uint64_t length = mapping.length.value_or(
        all.size() - std::min(all.size(), mapping.fileOffset));
    if (!fits(mapping.fileOffset, length, all.size()))
      return llvm::createFileError(
          mapping.path, llvm::make_error<UsageError>(
                            "--map takes " + hex(length) + " bytes at offset " +
                            hex(mapping.fileOffset) +
                            " of it, and it has only " + hex(all.size())));
    if (length && length - 1 > ~mapping.start.value)
      return llvm::createFileError(
          mapping.path,
          llvm::make_error<UsageError>("--map puts " + hex(length) +
                                       " bytes at " + hex(mapping.start) +
                                       ", beyond the end of all addresses"));
    const PhysAddr last = mapping.start + (length ? length - 1 : 0);
    for (const auto &[otherFirst, otherLast] : placed)
      if (length && mapping.start <= otherLast && otherFirst <= last)
        return llvm::createFileError(
            mapping.path,
            llvm::make_error<UsageError>(
                "--map puts it at " + hex(mapping.start) + "-" + hex(last) +
                ", where another piece of memory lies already"));
    if (length)
      placed.push_back({mapping.start, last});
    memory->addImage(mapping.start, all, mapping.fileOffset, length);
    dump.files.push_back(std::move(*file));
  }
  memory->setKnowsRam(false);
  memory->finish();
  dump.isRaw = true;
  dump.format = "raw pieces (--map)";
  dump.memory = std::move(memory);
  dump.quirks.push_back("no header: nothing in the files tells the "
                        "architecture or registers");
  return llvm::Error::success();
}

llvm::Expected<RawMapping> parseMapping(llvm::StringRef text) {
  auto [path, place] = text.rsplit('@');
  if (path.empty() || path.size() == text.size())
    return llvm::make_error<UsageError>(
        "--map '" + text +
        "' is not FILE@PHYS[:LENGTH[:FILE_OFFSET]], as in ram.img@0x40000000");
  RawMapping mapping;
  mapping.path = path.str();
  auto [start, rest] = place.split(':');
  auto [length, offset] = rest.split(':');
  auto startNumber = parseNumber(start, "physical address");
  if (!startNumber)
    return startNumber.takeError();
  mapping.start = PhysAddr(*startNumber);
  if (!length.empty()) {
    auto number = parseNumber(length, "length");
    if (!number)
      return number.takeError();
    mapping.length = *number;
  }
  if (!offset.empty()) {
    auto number = parseNumber(offset, "file offset");
    if (!number)
      return number.takeError();
    mapping.fileOffset = *number;
  }
  return mapping;
}

} // namespace vmpt
