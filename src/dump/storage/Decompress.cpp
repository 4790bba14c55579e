#include "dump/storage/Decompress.h"

#include "llvm/Support/ErrorHandling.h"

#include <cstring>
#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <memory>
#include <snappy-c.h>
#include <zstd.h>

namespace vmpt {

namespace {

/// A decoder that costs more to make than a page to decode: one per thread.
template <class State, State *(*Create)(), auto Free> State *threadState() {
  struct Freer {
    void operator()(State *state) const { Free(state); }
  };
  static thread_local std::unique_ptr<State, Freer> state(Create());
  if (!state)
    llvm::report_bad_alloc_error("no memory for a decompressor");
  return state.get();
}

bool decodeZlib(llvm::ArrayRef<uint8_t> in, size_t inSize,
                llvm::MutableArrayRef<uint8_t> out, size_t outSize) {
  auto *decoder =
      threadState<libdeflate_decompressor, libdeflate_alloc_decompressor,
                  libdeflate_free_decompressor>();
  size_t consumed = 0, produced = 0;
  return libdeflate_zlib_decompress_ex(decoder, in.data(), in.size(),
                                       out.data(), out.size(), &consumed,
                                       &produced) == LIBDEFLATE_SUCCESS &&
         consumed <= inSize && produced == outSize;
}

bool decodeLzo(llvm::ArrayRef<uint8_t> in, llvm::MutableArrayRef<uint8_t> out) {
  lzo_uint size = out.size();
  return lzo1x_decompress_safe(in.data(), in.size(), out.data(), &size,
                               nullptr) == LZO_E_OK &&
         size == out.size();
}

bool decodeSnappy(llvm::ArrayRef<uint8_t> in,
                  llvm::MutableArrayRef<uint8_t> out) {
  size_t size = out.size();
  return snappy_uncompress(reinterpret_cast<const char *>(in.data()), in.size(),
                           reinterpret_cast<char *>(out.data()),
                           &size) == SNAPPY_OK &&
         size == out.size();
}

bool decodeZstd(llvm::ArrayRef<uint8_t> in,
                llvm::MutableArrayRef<uint8_t> out) {
  auto *decoder = threadState<ZSTD_DCtx, ZSTD_createDCtx, ZSTD_freeDCtx>();
  return ZSTD_decompressDCtx(decoder, out.data(), out.size(), in.data(),
                             in.size()) == out.size();
}

} // namespace

llvm::StringRef getCompressionName(PageCompression compression) {
  switch (compression) {
  case PageCompression::None:
    return "none";
  case PageCompression::Zlib:
    return "zlib";
  case PageCompression::Lzo:
    return "lzo";
  case PageCompression::Snappy:
    return "snappy";
  case PageCompression::Zstd:
    return "zstd";
  }
  return "unknown";
}

std::optional<PageCompression> parseCompression(uint32_t flags) {
  switch (auto compression = PageCompression(flags)) {
  case PageCompression::None:
  case PageCompression::Zlib:
  case PageCompression::Lzo:
  case PageCompression::Snappy:
  case PageCompression::Zstd:
    return compression;
  }
  return std::nullopt;
}

bool decompressPage(PageCompression compression, llvm::ArrayRef<uint8_t> in,
                    size_t inSize, llvm::MutableArrayRef<uint8_t> out,
                    size_t outSize) {
  if (compression == PageCompression::Zlib)
    return decodeZlib(in, inSize, out, outSize);
  in = in.take_front(inSize);
  out = out.take_front(outSize);
  switch (compression) {
  case PageCompression::None:
    if (in.size() != out.size())
      return false;
    std::memcpy(out.data(), in.data(), in.size());
    return true;
  case PageCompression::Zlib:
    break;
  case PageCompression::Lzo:
    return decodeLzo(in, out);
  case PageCompression::Snappy:
    return decodeSnappy(in, out);
  case PageCompression::Zstd:
    return decodeZstd(in, out);
  }
  return false;
}

} // namespace vmpt
