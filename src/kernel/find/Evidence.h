//===- Evidence.h - each fact with where it came from ---------------------===//
#pragma once

#include "llvm/ADT/Twine.h"

#include <string>
#include <vector>

namespace vmpt {

/// "phys_base" = "0xffffffffdc000000", because of "VMCOREINFO NUMBER(...)".
struct Fact {
  std::string name;
  std::string value;
  std::string source;
};

/// The facts in the order in which they were found; `vmpt info` prints them.
class Evidence {
public:
  void add(const llvm::Twine &name, const llvm::Twine &value,
           const llvm::Twine &source) {
    facts_.push_back({name.str(), value.str(), source.str()});
  }
  /// Something that was tried and led nowhere: errors list it.
  void tried(const llvm::Twine &what) { tried_.push_back(what.str()); }

  const std::vector<Fact> &facts() const { return facts_; }
  const std::vector<std::string> &attempts() const { return tried_; }

private:
  std::vector<Fact> facts_;
  std::vector<std::string> tried_;
};

} // namespace vmpt
