#include "debuginfo/DebugFiles.h"

#include "debuginfo/BtfTypes.h"
#include "debuginfo/DwarfTypes.h"
#include "debuginfo/ElfSymbols.h"
#include "debuginfo/SystemMap.h"
#include "dump/storage/FileAccess.h"

#include "llvm/ADT/StringExtras.h"

#include <unistd.h>

namespace vmpt {

namespace {

llvm::StringRef baseName(llvm::StringRef path) {
  return path.substr(path.rfind('/') + 1); // npos + 1 is 0
}

/// Moves the symbols so that `_stext` is where the dump has it.
template <class Source>
std::unique_ptr<SymbolSource> relocated(std::unique_ptr<Source> source,
                                        std::optional<VirtAddr> stext) {
  if (stext)
    if (auto linked = source->find("_stext"))
      source->relocate({*stext - linked->address, linked->address});
  return source;
}

llvm::Expected<DebugFile> openElf(const std::string &path,
                                  std::optional<VirtAddr> stext) {
  DebugFile result;
  auto opened = ElfFile::open(path);
  if (!opened)
    return opened.takeError();
  std::shared_ptr<const ElfFile> file = std::move(*opened);
  const std::string name = baseName(path).str();
  result.path = path;
  result.kind = "ELF";
  result.buildId = file->findBuildId();

  std::string tried;
  auto keep = [&](auto source, auto store) {
    if (source)
      store(std::move(*source));
    else
      tried += (tried.empty() ? "" : "; ") + llvm::toString(source.takeError());
  };
  keep(ElfSymbols::create(file, "symbol table of " + name), [&](auto source) {
    result.symbols = relocated(std::move(source), stext);
  });
  auto storeTypes = [&](auto source) {
    result.types.push_back(std::move(source));
  };
  if (auto blob = file->findSection(".BTF"))
    keep(BtfTypes::create(std::move(*blob), "BTF of " + name), storeTypes);
  keep(DwarfTypes::create(file, "DWARF of " + name), storeTypes);
  if (!result.symbols && result.types.empty())
    return llvm::make_error<LookupError>("neither symbols nor types: " + tried);
  return result;
}

/// May be part of a file's name.
bool isPlainName(llvm::StringRef text) {
  return !text.empty() && text.size() < 256 && text != "." && text != ".." &&
         text.find('/') == llvm::StringRef::npos &&
         text.find('\0') == llvm::StringRef::npos;
}

bool isHex(llvm::StringRef text) {
  return llvm::all_of(text, [](char c) { return llvm::isHexDigit(c); });
}

} // namespace

llvm::Expected<DebugFile> openDebugFile(const std::string &path,
                                        std::optional<VirtAddr> stext) {
  // Of an ELF file, which may be large, the parts that are wanted are read.
  auto source = openSource(path, FileAccess::Read, [](Bytes) { return false; });
  if (!source)
    return source.takeError();
  if ((*source)->borrow(0, 4).bytes().text() == "\x7f"
                                                "ELF")
    return openElf(path, stext);
  auto whole = readWhole(path);
  if (!whole)
    return whole.takeError();
  const Bytes bytes(*whole);

  const std::string name = baseName(path).str();
  DebugFile result;
  result.path = path;
  if (getBtfSize(bytes)) {
    result.kind = "BTF";
    auto types = BtfTypes::create(std::move(*whole), "BTF file " + name);
    if (!types)
      return types.takeError();
    result.types.push_back(std::move(*types));
    return result;
  }
  if (SystemMap::looksRight(bytes.text())) {
    result.kind = "System.map";
    auto symbols = SystemMap::create(std::move(*whole), name);
    if (!symbols)
      return symbols.takeError();
    result.symbols = relocated(std::move(*symbols), stext);
    return result;
  }
  return llvm::make_error<UnsupportedError>(
      "neither an ELF file, nor BTF, nor a System.map; a compressed vmlinux "
      "has to be unpacked first");
}

BuildIdMatch compareBuildIds(const std::optional<std::string> &ofFile,
                             const std::optional<std::string> &ofDump) {
  if (!ofFile || !ofDump || ofFile->empty() || ofDump->empty())
    return BuildIdMatch::Unknown;
  return llvm::StringRef(*ofFile).equals_insensitive(*ofDump)
             ? BuildIdMatch::Same
             : BuildIdMatch::Different;
}

std::vector<std::string> getDebugFilePaths(llvm::StringRef release,
                                           llvm::StringRef buildId,
                                           llvm::StringRef root) {
  std::vector<std::string> paths;
  const std::string start = root.str();
  if (buildId.size() > 2 && buildId.size() <= 128 && isHex(buildId)) {
    std::string id = buildId.lower();
    paths.push_back(start + "/usr/lib/debug/.build-id/" + id.substr(0, 2) +
                    "/" + id.substr(2) + ".debug");
  }
  if (!isPlainName(release))
    return paths;
  const std::string name = release.str();
  for (const char *prefix : {"/usr/lib/debug/boot/vmlinux-", "/boot/vmlinux-"})
    for (const char *suffix : {"", ".debug"})
      paths.push_back(start + prefix + name + suffix);
  for (const char *prefix :
       {"/usr/lib/debug/lib/modules/", "/usr/lib/debug/usr/lib/modules/",
        "/lib/modules/"})
    for (const char *suffix : {"/vmlinux", "/vmlinux.debug", "/build/vmlinux"})
      paths.push_back(start + prefix + name + suffix);
  return paths;
}

std::optional<std::string> findDebugFile(llvm::StringRef release,
                                         llvm::StringRef buildId,
                                         llvm::StringRef root) {
  if (buildId.empty())
    return std::nullopt;
  for (std::string &path : getDebugFilePaths(release, buildId, root)) {
    if (::access(path.c_str(), R_OK) != 0)
      continue;
    auto file = ElfFile::open(path);
    if (!file) {
      llvm::consumeError(file.takeError());
      continue;
    }
    if (compareBuildIds((*file)->findBuildId(), buildId.str()) ==
        BuildIdMatch::Same)
      return std::move(path);
  }
  return std::nullopt;
}

} // namespace vmpt
