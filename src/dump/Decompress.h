//===- Decompress.h - one compressed page to its bytes --------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace vmpt {

/// The flags of a page descriptor, and of the status in the main header:
/// makedumpfile 1.7.2 diskdump_mod.h DUMP_DH_COMPRESSED_*.
enum class PageCompression : uint32_t {
  None = 0,
  Zlib = 1,    ///< zlib wrapper (RFC 1950).
  Lzo = 2,     ///< LZO1X.
  Snappy = 4,  ///< Raw block, not the framed format.
  Zstd = 0x20, ///< One frame.
};

/// "none", "zlib", "lzo", "snappy", "zstd".
llvm::StringRef getCompressionName(PageCompression compression);
/// Nothing for a value that is none of them.
std::optional<PageCompression> parseCompression(uint32_t flags);

/// True if \p in decodes to exactly \p out.size() bytes; otherwise \p out is
/// unspecified. \p in may be anything. Each thread keeps its own decoder state
/// until it ends.
bool decompressPage(PageCompression compression, llvm::ArrayRef<uint8_t> in,
                    llvm::MutableArrayRef<uint8_t> out);

} // namespace vmpt
