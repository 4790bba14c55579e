#include "output/Packed.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/ErrorHandling.h"

#include <libdeflate.h>

#include <memory>

namespace vmpt {

std::string pack(llvm::ArrayRef<uint8_t> bytes) {
  constexpr int level = 9; // Twice the time of 6, a tenth less.
  const std::unique_ptr<libdeflate_compressor,
                        decltype(&libdeflate_free_compressor)>
      compressor(libdeflate_alloc_compressor(level),
                 libdeflate_free_compressor);
  if (!compressor)
    llvm::report_bad_alloc_error("no memory for a compressor");
  std::string packed(
      libdeflate_zlib_compress_bound(compressor.get(), bytes.size()), '\0');
  packed.resize(libdeflate_zlib_compress(compressor.get(), bytes.data(),
                                         bytes.size(), packed.data(),
                                         packed.size()));
  return llvm::encodeBase64(packed);
}

} // namespace vmpt
