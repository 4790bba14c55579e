//===- DebugFiles.h - vmlinux, System.map and BTF files -------------------===//
//
// What a file offers is decided by its content. Where distributions put a
// kernel's debug information:
//   /usr/lib/debug/.build-id/xx/yyyy.debug      all
//   /usr/lib/debug/boot/vmlinux-RELEASE         Debian, Ubuntu; SUSE + .debug
//   /usr/lib/debug/lib/modules/RELEASE/vmlinux  Fedora, RHEL
//   /lib/modules/RELEASE/{build/,}vmlinux       built here
//   /boot/vmlinux-RELEASE
// The name alone proves nothing: the build-id has to be the dump's.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "debuginfo/Types.h"

#include <memory>

namespace vmpt {

/// What one file offers.
struct DebugFile {
  std::string path;
  std::string kind; ///< "ELF", "BTF" or "System.map".
  /// In lower-case hex; ELF only.
  std::optional<std::string> buildId;
  std::unique_ptr<SymbolSource> symbols; ///< May be null.
  /// BTF before DWARF: the same answers for less work.
  std::vector<std::unique_ptr<TypeSource>> types;
};

/// Opens a vmlinux, a .debug file, a raw BTF blob (/sys/kernel/btf/vmlinux) or
/// a System.map. If \p stext, the run-time address of `_stext`, is known, the
/// symbols are moved so that theirs agrees. The error does not name the file.
llvm::Expected<DebugFile> openDebugFile(const std::string &path,
                                        std::optional<VirtAddr> stext);

/// Does a file belong to the dumped kernel?
enum class BuildIdMatch : uint8_t {
  Same,
  Different, ///< Or BUILD-ID is garbage: 5.15, 6.1 and 6.6 stable had a bug.
  Unknown,   ///< One of the two has none.
};
BuildIdMatch compareBuildIds(const std::optional<std::string> &ofFile,
                             const std::optional<std::string> &ofDump);

/// Where the kernel's debug information may be, likeliest first. An empty
/// \p release or \p buildId leaves out what it would name; both come from the
/// dump, and one that could lead out of the directories names nothing.
std::vector<std::string> getDebugFilePaths(llvm::StringRef release,
                                           llvm::StringRef buildId,
                                           llvm::StringRef root = "");

/// The first of these that is there and whose build-id is \p buildId. Nothing
/// if \p buildId is empty: a file is not taken for its name.
std::optional<std::string> findDebugFile(llvm::StringRef release,
                                         llvm::StringRef buildId,
                                         llvm::StringRef root = "");

} // namespace vmpt
