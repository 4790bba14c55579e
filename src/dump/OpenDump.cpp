//===- OpenDump.cpp - which container is it?
//-------------------------------===//
//
// To add a container: write dump/X.h with `bool isX(Bytes)` and
// `llvm::Error readX(Bytes, Dump &)`, add a row to `containers`, a page to
// docs/formats/, a writer to tests/support/, and a row to docs/support.md.
//
#include "dump/Dump.h"
#include "dump/ElfCore.h"
#include "dump/Raw.h"

namespace vmpt {

namespace {

/// Recognised by content, first match wins; what none claims is a raw image.
struct Container {
  bool (*matches)(Bytes);
  llvm::Error (*read)(Bytes, Dump &);
};

constexpr Container containers[] = {
    {isElf, readElfCore},
};

} // namespace

llvm::Expected<Dump> openDump(const std::string &path,
                              const OpenOptions &options,
                              Diagnostics &diagnostics) {
  (void)diagnostics;
  Dump dump;
  if (!options.mappings.empty()) {
    std::vector<RawMapping> mappings = options.mappings;
    // The dump's own file is memory too: from its base, else from 0.
    if (!path.empty())
      mappings.insert(mappings.begin(),
                      {path, options.rawBase.value_or(PhysAddr()), {}, 0});
    if (llvm::Error error = readMappings(mappings, dump))
      return error;
    return dump;
  }
  llvm::Expected<std::unique_ptr<MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  Bytes bytes = (*file)->bytes();
  dump.files.push_back(std::move(*file));
  for (const Container &container : containers)
    if (container.matches(bytes)) {
      if (llvm::Error error = container.read(bytes, dump))
        return error;
      return dump;
    }
  readRawImage(bytes, options.rawBase.value_or(PhysAddr()), dump);
  return dump;
}

} // namespace vmpt
