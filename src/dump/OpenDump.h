//===- OpenDump.h - from a file to a dump, whatever wrote it --------------===//
//
// openDump() looks at the content, never at the name, and chooses the reader.
//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/formats/Raw.h"
#include "support/Diagnostics.h"

namespace vmpt {

struct RawLayout;

struct OpenOptions {
  /// Further files of the same dump: the parts of a split dump, the .vmem of a
  /// VMware state.
  std::vector<std::string> parts;
  /// Raw pieces of memory. They are all of the memory if the path is empty.
  std::vector<RawMapping> mappings;
  /// Where a raw image starts, if its content does not tell.
  std::optional<PhysAddr> rawBase;
  /// Where the pieces of a raw image lie, if not all from one address on; see
  /// findRawLayout in dump/formats/RawLayout.h.
  const RawLayout *rawLayout = nullptr;
  /// How many of its first bytes are no memory; negative: how many bytes of
  /// memory it lacks in front. Only with a layout.
  int64_t rawShift = 0;
  FileAccess access = FileAccess::Map;
  /// Why a raw image lies where it does, for Dump::quirks; an image with such a
  /// reason is not an unplaced one.
  std::string rawReason;
};

/// The files that openDump() would read for \p path: also those beside it.
std::vector<std::string> listDumpFiles(const std::string &path,
                                       llvm::ArrayRef<std::string> parts);

/// Opens the dump at \p path, or the raw pieces alone when \p path is empty.
/// Fails with one sentence that does not name the file.
llvm::Expected<Dump> openDump(const std::string &path,
                              const OpenOptions &options,
                              Diagnostics &diagnostics);

/// Opens the files of \p dump, which nothing may read any more, with other
/// \p options.
llvm::Expected<Dump> reopenDump(Dump dump, const OpenOptions &options);

/// The same from bytes in memory that outlive the dump: the dump itself, then
/// the further parts of a split one. Does not look at \p options' file names.
llvm::Expected<Dump> openDump(llvm::ArrayRef<Bytes> files,
                              const OpenOptions &options);

} // namespace vmpt
