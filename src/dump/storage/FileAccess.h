//===- FileAccess.h - how the bytes of a file are got at ------------------===//
#pragma once

#include "dump/storage/FileSource.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace vmpt {

enum class FileAccess : uint8_t {
  /// Mapped where that can be: fastest, and a handler of SIGBUS stands by for
  /// files that get shorter.
  Map,
  /// Read when they are asked for: no signal, whatever becomes of the file.
  Read,
};

/// As FileSource::open(). With FileAccess::Read, a file whose start (the first
/// FileSource::blockBytes) says that its reader \p wantsMapping is copied to
/// one that no other process has, and that copy is mapped without a watch.
llvm::Expected<std::shared_ptr<FileSource>>
openSource(const std::string &path, FileAccess access,
           llvm::function_ref<bool(Bytes)> wantsMapping);

/// All of a file, for those that are small. The error does not name it.
llvm::Expected<std::vector<uint8_t>> readWhole(const std::string &path);

} // namespace vmpt
