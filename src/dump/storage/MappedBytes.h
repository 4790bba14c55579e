//===- MappedBytes.h - bytes of mapped files, and what they take ----------===//
#pragma once

#include "dump/storage/FileFaults.h"

#include <utility>

namespace vmpt {

/// Lets the system take back the pages that hold [\p data, \p data + \p size)
/// and, as far as those are of the same file, a few around them: a fault brings
/// 64 KiB. The bytes stay as they are; read again, they come back. Does nothing
/// to memory that is no mapped file.
void forgetMapped(const uint8_t *data, uint64_t size);

/// The first stretch of [\p offset, \p end) of the file \p fd that its file
/// system has bytes for: what lies before is a hole, which reads as zeros.
/// Where both are \p end, there is none. All of it if the file system does not
/// tell.
std::pair<uint64_t, uint64_t> findStored(int fd, uint64_t offset, uint64_t end);

} // namespace vmpt
