//===- Diagnostics.h - findings, progress: handed in by the caller --------===//
//
// Libraries say what they noticed; whoever made the object decides where it
// goes. Each finding is passed on once, and kept. Safe from several threads.
// Long work says how far it is, and asks how many threads may do it.
//
#pragma once

#include "support/Finding.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <functional>
#include <mutex>
#include <vector>

namespace vmpt {

class Diagnostics {
public:
  using Handler = std::function<void(const Finding &)>;
  using ProgressHandler =
      std::function<void(llvm::StringRef what, uint64_t done, uint64_t total)>;

  /// A hostile dump has no end of what is wrong with it: of more than these,
  /// each is still passed on and counts as a gap, but is not kept.
  static constexpr size_t maxKept = 10'000;

  /// Keeps what is found, and tells nobody.
  Diagnostics() = default;
  explicit Diagnostics(Handler onFinding, ProgressHandler onProgress = {})
      : onFinding_(std::move(onFinding)), onProgress_(std::move(onProgress)) {}

  /// Keeps what is found for itself; work is done by as many threads.
  Diagnostics makeSilent() const { return Diagnostics(threads_); }
  /// How many threads may do long work: one, unless somebody says more.
  unsigned threads() const { return threads_; }
  void setThreads(unsigned threads) { threads_ = threads; }

  /// What findings without a file of their own are about.
  void setFile(llvm::StringRef name) { file_ = name.str(); }
  void report(Finding finding);
  /// Something that the user should know and that does not end the work.
  void warn(llvm::StringRef kind, const llvm::Twine &sentence,
            Subject subject = {});
  /// Something that the result lacks: makes the exit status 1.
  void gap(llvm::StringRef kind, const llvm::Twine &sentence,
           Subject subject = {});
  void warn(const llvm::Twine &sentence) { warn("note", sentence); }

  /// Long work: \p done of \p total units of \p what. Cheap to call often.
  void progress(llvm::StringRef what, uint64_t done, uint64_t total);

  std::vector<Finding> findings() const;
  bool hasGap() const;

private:
  explicit Diagnostics(unsigned threads) : threads_(threads) {}

  unsigned threads_ = 1;
  Handler onFinding_;
  ProgressHandler onProgress_;
  std::string file_;
  llvm::StringSet<> seen_; ///< Severities, files, sentences.
  std::vector<Finding> findings_;
  bool hasGap_ = false;
  mutable std::mutex mutex_;
};

} // namespace vmpt
