//===- ContentId.h - by which a dump is known again -----------------------===//
//
// Of what is in the file, not of its name, place or time: a copy has the same.
// Cheap, because a fleet's dumps are large: the size, the head, the tail, and
// blocks at even distances between. Files of the same size that differ only
// where nothing looks have the same; whoever fears that asks for all of it.
//
#pragma once

#include "support/Error.h"

#include <functional>
#include <string>
#include <vector>

namespace vmpt {

struct ContentId {
  std::string text; ///< "s1-" or "f1-" and 32 hexadecimal digits.
  uint64_t bytes = 0;
};

/// What of a file is hashed.
enum class ContentCover : uint8_t { Samples, Everything };

/// \p bytes of a file that are looked at, as offset and size, ascending.
std::vector<std::pair<uint64_t, uint64_t>> listSamples(uint64_t bytes);

/// Of a dump and of the files that belong to it, in that order. Only regular
/// files can be read twice, so others are an error; so is one that cannot be
/// read. \p shallStop is asked between blocks.
llvm::Expected<ContentId>
computeContentId(const std::vector<std::string> &paths, ContentCover cover,
                 const std::function<bool()> &shallStop = {});

} // namespace vmpt
