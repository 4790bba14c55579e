//===- Values.h - values as the C API hands them out ----------------------===//
#pragma once

#include "lib/vmpt.h"
#include "output/Record.h"

namespace vmpt {

// A vmpt_value is never defined: it is a Value under another name.
inline const vmpt_value *toHandle(const Value &value) {
  return reinterpret_cast<const vmpt_value *>(&value);
}
inline const Value &fromHandle(const vmpt_value *handle) {
  return *reinterpret_cast<const Value *>(handle);
}

/// A copy that vmpt_text_free() frees.
char *copyText(llvm::StringRef text);

} // namespace vmpt
