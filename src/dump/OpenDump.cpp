//===- OpenDump.cpp - which container is it? ------------------------------===//
//
// docs/architecture.md has the recipe for a new one.
//
#include "dump/OpenDump.h"
#include "dump/formats/ElfCore.h"
#include "dump/formats/Flattened.h"
#include "dump/formats/Kdump.h"
#include "dump/formats/KdumpHeader.h"
#include "dump/formats/Lime.h"
#include "dump/formats/QemuMigration.h"
#include "dump/formats/Raw.h"
#include "dump/formats/RawLayout.h"
#include "dump/formats/Refused.h"
#include "dump/formats/S390Dump.h"
#include "dump/formats/VirtualBox.h"
#include "dump/formats/Vmware.h"
#include "dump/formats/XenCore.h"

#include <elf.h>

namespace vmpt {

namespace {

using Sources = std::vector<std::shared_ptr<FileSource>>;

/// Recognised by content, first match wins; what none claims is a raw image.
struct Container {
  bool (*matches)(Bytes);
  llvm::Error (*read)(Bytes, Dump &);
};

constexpr Container containers[] = {
    {isVirtualBox, readVirtualBox}, // both are ELF files of their own kind
    {isXenCore, readXenCore},
    {isElf, readElfCore},
    {isLime, readLime},
    {isQemuMigration, readQemuMigration},
    {isS390Dump, readS390Dump},
    {isRefused, refuse},
};

/// Readers of these want all of the file in memory; \p start is how it begins.
/// The sections of a Xen core are at its end; it has no program headers.
bool wantsMapping(Bytes start) {
  const bool isSections =
      isElf(start) && start.size() >= sizeof(Elf64_Ehdr) &&
      start.at<uint16_t>(offsetof(Elf64_Ehdr, e_phnum)) == 0;
  return isSections || isVirtualBox(start) || isLime(start) ||
         isQemuMigration(start) || isVmware(start) || isS390Dump(start);
}

/// Copies what is read, not mapped, and whose reader cannot work so.
llvm::Error mapWhereWanted(Sources &files) {
  for (std::shared_ptr<FileSource> &file : files) {
    if (!file->isRead())
      continue;
    const FileView start = file->borrow(0, FileSource::blockBytes);
    if (!wantsMapping(start.bytes()))
      continue;
    auto mapped = file->makeMapped();
    if (!mapped)
      return mapped.takeError();
    file = std::move(*mapped);
  }
  return llvm::Error::success();
}

/// kdump, split or not, and whatever is flattened: formats that do not care
/// how their bytes are stored, nor in how many files.
llvm::Expected<bool> readImages(const Sources &files, Dump &dump) {
  std::vector<std::unique_ptr<FileImage>> images;
  for (const std::shared_ptr<FileSource> &file : files) {
    auto image = createFileImage(file);
    if (!image)
      return image.takeError();
    images.push_back(std::move(*image));
  }
  const FileImage &first = *images.front();
  const bool isFlattened = FlattenedImage::matches(*files.front());
  if (isKdump(first)) {
    if (llvm::Error error = readKdump(std::move(images), dump))
      return error;
  } else if (isFlattened) {
    uint8_t magic[4] = {};
    if (!first.tryRead(0, magic) || !isElf(Bytes(magic)))
      return llvm::make_error<UnsupportedError>(
          "flattened file holds neither a kdump-compressed nor an ELF file: it "
          "begins with " +
          hex(loadUnaligned<uint32_t>(magic, ByteOrder::big)));
    if (llvm::Error error = readElfCore(first, dump))
      return error;
    llvm::append_range(dump.quirks, first.quirks());
  } else {
    return false;
  }
  if (isFlattened)
    dump.format = "flattened " + dump.format;
  return true;
}

void readRaw(const std::shared_ptr<FileSource> &file,
             const OpenOptions &options, Dump &dump) {
  auto image = std::make_shared<PlainImage>(file);
  std::string reason = options.rawReason;
  if (options.rawLayout) {
    readRawLayout(*image, *options.rawLayout, options.rawShift, dump);
    if (reason.empty())
      reason = "the layout is the one that was asked for";
  } else {
    readRawImage(*image, options.rawBase.value_or(PhysAddr()), dump);
    if (!options.rawBase && reason.empty())
      dump.unplacedImage = std::move(image);
  }
  if (!reason.empty())
    dump.quirks.push_back(std::move(reason));
}

llvm::Error readFiles(Sources files, const OpenOptions &options, Dump &dump) {
  if (llvm::Error error = mapWhereWanted(files))
    return error;
  dump.files = files;
  llvm::Expected<bool> done = readImages(files, dump);
  if (!done || *done)
    return done.takeError();
  const FileView start = files.front()->borrow(0, ~uint64_t(0));
  const Bytes file = start.bytes();
  if (isVmware(file) && files.size() <= 2) {
    std::optional<Bytes> memory;
    if (files.size() == 2)
      memory = files.back()->bytes();
    return readVmware(file, memory, dump);
  }
  if (files.size() > 1)
    return llvm::make_error<UsageError>(
        "further files are given, but only kdump-compressed dumps are split");
  if (files.front()->isRead() && isElf(file))
    return readElfCore(PlainImage(files.front()), dump);
  for (const Container &container : containers)
    if (container.matches(file))
      return container.read(file, dump);
  readRaw(files.front(), options, dump);
  return llvm::Error::success();
}

/// Fills \p dump from \p files, which it keeps.
llvm::Error readDump(Sources files, const OpenOptions &options, Dump &dump) {
  if (llvm::Error error = readFiles(std::move(files), options, dump))
    return error;
  if (!dump.isRaw && (options.rawBase || options.rawLayout))
    return llvm::make_error<UsageError>(
        llvm::Twine(options.rawLayout ? "--layout" : "--raw-base") +
        " says where a raw image lies; this is no raw image, but " +
        dump.format);
  return llvm::Error::success();
}

/// A file that says itself what it is cannot be a piece of memory besides.
llvm::Error checkIsRaw(const std::string &path, FileAccess access) {
  auto file = openSource(path, access, wantsMapping);
  if (!file)
    return file.takeError();
  Dump dump;
  llvm::Error error = readFiles({std::move(*file)}, {}, dump);
  if (!error && dump.isRaw)
    return llvm::Error::success();
  const bool isContainer = !error;
  llvm::consumeError(std::move(error));
  return llvm::make_error<UsageError>(
      "--map says where raw memory lies; this is no raw memory, but " +
      (isContainer ? dump.format
                   : std::string("a damaged file of another kind")));
}

} // namespace

llvm::Expected<Dump> openDump(llvm::ArrayRef<Bytes> files,
                              const OpenOptions &options) {
  Sources sources;
  for (Bytes file : files)
    sources.push_back(std::make_shared<FileSource>(file));
  Dump dump;
  if (llvm::Error error = readDump(std::move(sources), options, dump))
    return error;
  return dump;
}

llvm::Expected<Dump> reopenDump(Dump dump, const OpenOptions &options) {
  Dump again;
  if (llvm::Error error = readDump(std::move(dump.files), options, again))
    return error;
  return again;
}

std::vector<std::string> listDumpFiles(const std::string &path,
                                       llvm::ArrayRef<std::string> parts) {
  std::vector<std::string> files(parts.begin(), parts.end());
  if (!path.empty()) {
    files.push_back(path);
    if (llvm::StringRef(path).take_back(5) == ".vmss" ||
        llvm::StringRef(path).take_back(5) == ".vmsn")
      files.push_back(getVmemPath(path));
  }
  return files;
}

llvm::Expected<Dump> openDump(const std::string &path,
                              const OpenOptions &options,
                              Diagnostics &diagnostics) {
  if (!options.mappings.empty()) {
    Dump dump;
    std::vector<RawMapping> mappings = options.mappings;
    // The dump's own file is memory too: from its base, else from 0.
    if (!path.empty())
      if (llvm::Error error = checkIsRaw(path, options.access))
        return error;
    if (!path.empty())
      mappings.insert(mappings.begin(),
                      {path, options.rawBase.value_or(PhysAddr()), {}, 0});
    if (llvm::Error error = readMappings(mappings, options.access, dump))
      return error;
    return dump;
  }
  Sources files;
  auto add = [&](const std::string &name) -> llvm::Error {
    // The reader of a VMware state wants its .vmem mapped, too.
    const bool isOfVmware =
        !files.empty() && isVmware(files.front()->borrow(0, 4).bytes());
    llvm::Expected<std::shared_ptr<FileSource>> file =
        openSource(name, options.access, [&](Bytes start) {
          return isOfVmware || wantsMapping(start);
        });
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
    return llvm::Error::success();
  };
  if (llvm::Error error = add(path))
    return error;
  for (const std::string &part : options.parts)
    if (llvm::Error error = add(part))
      return llvm::createFileError(part, std::move(error));
  // Only a state that needs the file beside it says that it is missing.
  if (options.parts.empty() && isVmware(files.front()->borrow(0, 4).bytes()))
    llvm::consumeError(add(getVmemPath(path)));
  Dump dump;
  if (llvm::Error error = readDump(std::move(files), options, dump))
    return error;
  for (const std::string &warning : dump.warnings)
    diagnostics.warn("container", warning);
  return dump;
}

} // namespace vmpt
