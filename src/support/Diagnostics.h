//===- Diagnostics.h - warnings, progress: handed in by the caller --------===//
//
// Libraries say what they noticed; whoever made the object decides where it
// goes. Each sentence is passed on once. Safe from several threads.
//
#pragma once

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <cstdint>
#include <functional>
#include <mutex>

namespace vmpt {

class Diagnostics {
public:
  using Handler = std::function<void(llvm::StringRef)>;
  using ProgressHandler =
      std::function<void(llvm::StringRef what, uint64_t done, uint64_t total)>;

  /// Drops everything.
  Diagnostics() = default;
  explicit Diagnostics(Handler onWarning, ProgressHandler onProgress = {})
      : onWarning_(std::move(onWarning)), onProgress_(std::move(onProgress)) {}

  /// Something that the user should know and that does not end the work.
  void warn(const llvm::Twine &message);
  /// Long work: \p done of \p total units of \p what. Cheap to call often.
  void progress(llvm::StringRef what, uint64_t done, uint64_t total);

  unsigned getWarningCount() const { return unsigned(seen_.size()); }

private:
  Handler onWarning_;
  ProgressHandler onProgress_;
  llvm::StringSet<> seen_;
  std::mutex mutex_;
};

} // namespace vmpt
