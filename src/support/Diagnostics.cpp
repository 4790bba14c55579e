#include "support/Diagnostics.h"

namespace vmpt {

void Diagnostics::warn(const llvm::Twine &message) {
  std::string text = message.str();
  std::lock_guard lock(mutex_);
  if (seen_.insert(text).second && onWarning_)
    onWarning_(text);
}

void Diagnostics::progress(llvm::StringRef what, uint64_t done,
                           uint64_t total) {
  if (!onProgress_)
    return;
  std::lock_guard lock(mutex_);
  onProgress_(what, done, total);
}

} // namespace vmpt
