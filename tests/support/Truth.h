//===- Truth.h - real dumps with the kernel's own words beside them -------===//
//
// VMPT_TRUTH (else ../shared/truth beside the source tree) holds a directory
// per case, with case.json, sys/kallsyms.zst, ..., and so does VMPT_MACHINES
// (else ../shared/machines), of which cases of architectures that are not known
// are left out; VMPT_DUMPS holds unpacked dumps, CASE.dump*.elf. Tests skip
// what is not there.
//
#pragma once

#include "memory/Arch.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace vmpt::testing {

struct TruthCase {
  std::string name;
  std::filesystem::path directory;
  std::string dump; ///< Path of an unpacked dump; empty if there is none.
};

/// $VMPT_TRUTH, else `truth` in $VMPT_SHARED, else in ../shared; or another
/// folder there.
inline std::filesystem::path findTruthFolder(const char *variable,
                                             const char *name) {
  if (const char *folder = std::getenv(variable))
    return folder;
  if (const char *shared = std::getenv("VMPT_SHARED"))
    return std::filesystem::path(shared) / name;
  return std::filesystem::path(VMPT_SOURCE_ROOT) / "../shared" / name;
}

/// The value of a key of case.json that is a text.
inline std::string readCaseText(const std::filesystem::path &directory,
                                const std::string &key) {
  std::ifstream file(directory / "case.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::smatch found;
  const std::regex pattern("\"" + key + "\": *\"([^\"]*)\"");
  return std::regex_search(text, found, pattern) ? found[1].str() : "";
}

inline void addTruthCases(const std::filesystem::path &root,
                          std::vector<TruthCase> &cases) {
  namespace fs = std::filesystem;
  const char *dumps = std::getenv("VMPT_DUMPS");
  std::error_code ignored;
  for (const auto &entry : fs::directory_iterator(root, ignored)) {
    if (!fs::exists(entry.path() / "case.json") ||
        !parseArch(readCaseText(entry.path(), "arch")))
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
}

inline std::vector<TruthCase> findTruthCases() {
  std::vector<TruthCase> cases;
  addTruthCases(findTruthFolder("VMPT_TRUTH", "truth"), cases);
  addTruthCases(findTruthFolder("VMPT_MACHINES", "machines"), cases);
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
