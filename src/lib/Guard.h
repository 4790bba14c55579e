//===- Guard.h - between C and what may fail ------------------------------===//
//
// Every function of vmpt.h that can fail runs in guard(): errors become
// vmpt_errors, and no exception passes.
//
#pragma once

#include "lib/vmpt.h"
#include "support/Error.h"

#include "llvm/ADT/STLExtras.h"

#include <string>

struct vmpt_error {
  int kind = VMPT_ERROR_INTERNAL;
  int absence = VMPT_ABSENCE_NONE;
  uint64_t address = 0;
  std::string sentence;
};

namespace vmpt {

/// Bytes that are not there, at an address of the kind that was asked for.
class AbsenceError : public MessageError<AbsenceError> {
public:
  static char ID;
  AbsenceError(const llvm::Twine &message, int absence, uint64_t address)
      : MessageError(message), absence(absence), address(address) {}
  const int absence; ///< VMPT_ABSENCE_...
  const uint64_t address;
};

/// What \p run returns, or VMPT_FAILED and \p error, which may be null.
int guard(vmpt_error **error,
          llvm::function_ref<llvm::Expected<int>()> run) noexcept;

/// A UsageError if the pointer that \p name describes is null.
llvm::Error need(const void *pointer, const char *name);

/// The same of a pointer to a result, which becomes null.
template <class T> llvm::Error prepare(T **result, const char *name) {
  if (result)
    *result = nullptr;
  return need(result, name);
}

} // namespace vmpt
