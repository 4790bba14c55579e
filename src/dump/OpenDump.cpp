//===- OpenDump.cpp - which container is it? ------------------------------===//
//
// To add a container: write dump/X.h with `bool isX(Bytes)` and
// `llvm::Error readX(Bytes, Dump &)`, add a row to `containers`, a page to
// docs/formats/, a writer to tests/support/, and a row to docs/support.md.
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
#include "dump/formats/VirtualBox.h"
#include "dump/formats/Vmware.h"
#include "dump/formats/XenCore.h"

namespace vmpt {

namespace {

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
    {isRefused, refuse},
};

/// kdump, split or not, and whatever is flattened: formats that do not care
/// how their bytes are stored, nor in how many files.
llvm::Expected<bool> readImages(llvm::ArrayRef<Bytes> files, Dump &dump) {
  std::vector<std::unique_ptr<FileImage>> images;
  for (Bytes file : files) {
    auto image = createFileImage(file);
    if (!image)
      return image.takeError();
    images.push_back(std::move(*image));
  }
  const FileImage &first = *images.front();
  if (isKdump(first)) {
    if (llvm::Error error = readKdump(std::move(images), dump))
      return error;
    return true;
  }
  if (!FlattenedImage::matches(files.front()))
    return false;
  uint8_t magic[4] = {};
  if (!first.tryRead(0, magic) || !isElf(Bytes(magic)))
    return llvm::make_error<UnsupportedError>(
        "flattened file holds neither a kdump-compressed nor an ELF file: it "
        "begins with " +
        hex(loadUnaligned<uint32_t>(magic, ByteOrder::big)));
  if (llvm::Error error = readElfCore(first, dump))
    return error;
  llvm::append_range(dump.quirks, first.quirks());
  return true;
}

} // namespace

llvm::Expected<Dump> openDump(llvm::ArrayRef<Bytes> files,
                              const OpenOptions &options) {
  Dump dump;
  llvm::Expected<bool> done = readImages(files, dump);
  if (!done)
    return done.takeError();
  Bytes file = files.front();
  if (*done) {
    if (FlattenedImage::matches(file))
      dump.format = "flattened " + dump.format;
    return dump;
  }
  if (isVmware(file) && files.size() <= 2) {
    std::optional<Bytes> memory;
    if (files.size() == 2)
      memory = files.back();
    if (llvm::Error error = readVmware(file, memory, dump))
      return error;
    return dump;
  }
  if (files.size() > 1)
    return llvm::make_error<UsageError>(
        "further files are given, but only kdump-compressed dumps are split");
  for (const Container &container : containers)
    if (container.matches(file)) {
      if (llvm::Error error = container.read(file, dump))
        return error;
      return dump;
    }
  if (options.rawLayout) {
    readRawLayout(file, *options.rawLayout, dump);
    dump.quirks.push_back("the layout is the one that was asked for");
    return dump;
  }
  readRawImage(file, options.rawBase.value_or(PhysAddr()), dump);
  if (!options.rawBase)
    dump.unplacedImage = file;
  return dump;
}

std::vector<std::string> listDumpFiles(const std::string &path,
                                       llvm::ArrayRef<std::string> parts) {
  std::vector<std::string> files(parts.begin(), parts.end());
  if (!path.empty()) {
    files.push_back(path);
    if (llvm::StringRef(path).endswith(".vmss") ||
        llvm::StringRef(path).endswith(".vmsn"))
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
      mappings.insert(mappings.begin(),
                      {path, options.rawBase.value_or(PhysAddr()), {}, 0});
    if (llvm::Error error = readMappings(mappings, dump))
      return error;
    return dump;
  }
  std::vector<std::unique_ptr<MappedFile>> files;
  std::vector<Bytes> contents;
  auto add = [&](const std::string &name) -> llvm::Error {
    llvm::Expected<std::unique_ptr<MappedFile>> file = MappedFile::open(name);
    if (!file)
      return file.takeError();
    contents.push_back((*file)->bytes());
    files.push_back(std::move(*file));
    return llvm::Error::success();
  };
  if (llvm::Error error = add(path))
    return error;
  for (const std::string &part : options.parts)
    if (llvm::Error error = add(part))
      return llvm::createFileError(part, std::move(error));
  // Only a state that needs the file beside it says that it is missing.
  if (options.parts.empty() && isVmware(contents.front()))
    llvm::consumeError(add(getVmemPath(path)));
  llvm::Expected<Dump> dump = openDump(contents, options);
  if (!dump)
    return dump;
  dump->files = std::move(files);
  for (const std::string &warning : dump->warnings)
    diagnostics.warn("'" + path + "': " + warning);
  return dump;
}

} // namespace vmpt
