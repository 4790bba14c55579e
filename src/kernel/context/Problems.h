//===- Problems.h - what was lost, in sentences, and not too many ---------===//
#pragma once

#include "llvm/ADT/Twine.h"

#include <string>
#include <vector>

namespace vmpt {

/// A dump can be made to have a problem for each of millions of pointers: the
/// first ones are kept, the others counted.
class Problems {
public:
  explicit Problems(size_t most = 100) : most_(most) {}

  void add(const llvm::Twine &sentence) {
    if (kept_.size() < most_)
      kept_.push_back(sentence.str());
    else
      ++dropped_;
  }
  bool empty() const { return kept_.empty(); }

  /// The sentences, the last of them the number of those that were not kept.
  std::vector<std::string> take() {
    if (dropped_)
      kept_.push_back(std::to_string(dropped_) +
                      " further problems of this kind");
    dropped_ = 0;
    return std::move(kept_);
  }

private:
  size_t most_, dropped_ = 0;
  std::vector<std::string> kept_;
};

} // namespace vmpt
