//===- CapturedFile.h - a file of the captured dumps, if it is at hand ----===//
#pragma once

#include "Truth.h"

#include "gtest/gtest.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>
#include <zstd.h>

namespace vmpt::testing {

/// A file of a captured guest, or nothing where it is not at hand.
inline std::optional<std::string> findTruth(const std::string &name) {
  std::filesystem::path root = findTruthFolder("VMPT_TRUTH", "truth");
  std::error_code ignored;
  if (std::filesystem::exists(root / name, ignored))
    return (root / name).string();
  return std::nullopt;
}

/// Why a test that needs \p name is skipped.
inline std::string missingTruth(const std::string &name) {
  return "captured dump '" + name +
         "' is not at hand; set VMPT_TRUTH to the folder with the captures";
}

/// The content of a .zst file.
inline std::vector<uint8_t> unpackZstd(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<char> packed((std::istreambuf_iterator<char>(stream)), {});
  std::vector<uint8_t> result;
  std::vector<uint8_t> chunk(1 << 20);
  ZSTD_DCtx *context = ZSTD_createDCtx();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  size_t left = 1;
  while (in.pos < in.size || left) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    left = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(left) || (out.pos == 0 && in.pos == in.size)) {
      ADD_FAILURE() << path << " cannot be unpacked";
      break;
    }
    result.insert(result.end(), chunk.begin(), chunk.begin() + long(out.pos));
  }
  ZSTD_freeDCtx(context);
  return result;
}

} // namespace vmpt::testing
