//===- EveryMode.h - parameters of tests that go over all paging modes ----===//
#pragma once

#include "paging/modes/Modes.h"

#include "gtest/gtest.h"

#include <cctype>

namespace vmpt::testing {

inline std::vector<const PagingMode *> allModes() {
  std::vector<const PagingMode *> modes;
  for (Arch arch : allArchs)
    for (const PagingMode *mode : getModes(arch))
      modes.push_back(mode);
  return modes;
}

inline std::string
nameOfMode(const ::testing::TestParamInfo<const PagingMode *> &info) {
  std::string name = info.param->name.str();
  for (char &c : name)
    if (!isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
}

} // namespace vmpt::testing
