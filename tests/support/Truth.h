//===- Truth.h - real dumps with the kernel's own words beside them -------===//
//
// VMPT_TRUTH (else ../shared/truth beside the source tree) holds a directory
// per case, with case.json, sys/kallsyms.zst, ...; VMPT_DUMPS holds unpacked
// dumps, CASE.dump*.elf. Tests skip what is not there.
//
#pragma once

#include "gtest/gtest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vmpt::testing {

struct TruthCase {
  std::string name;
  std::filesystem::path directory;
  std::string dump; ///< Path of an unpacked dump; empty if there is none.
};

/// $VMPT_TRUTH, else `truth` in $VMPT_SHARED, else in ../shared.
inline std::filesystem::path findTruthFolder() {
  if (const char *truth = std::getenv("VMPT_TRUTH"))
    return truth;
  if (const char *shared = std::getenv("VMPT_SHARED"))
    return std::filesystem::path(shared) / "truth";
  return std::filesystem::path(VMPT_SOURCE_ROOT) / "../shared/truth";
}

inline std::vector<TruthCase> findTruthCases() {
  namespace fs = std::filesystem;
  fs::path root = findTruthFolder();
  const char *dumps = std::getenv("VMPT_DUMPS");
  std::vector<TruthCase> cases;
  std::error_code ignored;
  for (const auto &entry : fs::directory_iterator(root, ignored)) {
    if (!fs::exists(entry.path() / "case.json"))
      continue;
    TruthCase found{entry.path().filename().string(), entry.path(), ""};
    if (dumps)
      for (const char *kind : {".dump.elf", ".dump.d31.elf"}) {
        fs::path path = fs::path(dumps) / (found.name + kind);
        if (found.dump.empty() && fs::exists(path))
          found.dump = path.string();
      }
    cases.push_back(std::move(found));
  }
  std::sort(cases.begin(), cases.end(),
            [](const auto &a, const auto &b) { return a.name < b.name; });
  return cases;
}

/// The output of a decompressor (`zstd`, `xz`); nothing if it fails.
inline std::optional<std::string> unpack(const std::string &program,
                                         const std::filesystem::path &file) {
  std::string command = program + " -dc '" + file.string() + "' 2>/dev/null";
  std::FILE *pipe = ::popen(command.c_str(), "r");
  if (!pipe)
    return std::nullopt;
  std::string text;
  char chunk[65536];
  while (size_t got = std::fread(chunk, 1, sizeof chunk, pipe))
    text.append(chunk, got);
  if (::pclose(pipe) != 0)
    return std::nullopt;
  return text;
}

/// For INSTANTIATE_TEST_SUITE_P: "x86_64-6.1-lab" -> "x86_64_6_1_lab".
inline std::string testNameOf(const ::testing::TestParamInfo<TruthCase> &info) {
  std::string name = info.param.name;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
}
inline void PrintTo(const TruthCase &truth, std::ostream *os) {
  *os << truth.name;
}

} // namespace vmpt::testing
