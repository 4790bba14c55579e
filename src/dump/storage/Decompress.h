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

/// libdeflate decodes the last bytes of a page one by one unless both buffers
/// go on for so much: a sixteenth of its time with pages of 4 KiB.
constexpr size_t spareInput = 64, spareOutput = 320;

/// True if the first \p inSize bytes of \p in decode to exactly \p outSize
/// bytes, which then begin \p out; otherwise \p out is unspecified. Both
/// buffers may be longer. \p in may be anything. Each thread keeps its own
/// decoder state until it ends.
bool decompressPage(PageCompression compression, llvm::ArrayRef<uint8_t> in,
                    size_t inSize, llvm::MutableArrayRef<uint8_t> out,
                    size_t outSize);
inline bool decompressPage(PageCompression compression,
                           llvm::ArrayRef<uint8_t> in,
                           llvm::MutableArrayRef<uint8_t> out) {
  return decompressPage(compression, in, in.size(), out, out.size());
}

} // namespace vmpt
