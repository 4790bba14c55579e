//===- Expected.h - looking into llvm::Expected and llvm::Error in tests --===//
#pragma once

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"

#include <string>

namespace vmpt::testing {

/// The sentence of an error, "" for success.
inline std::string textOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}
template <class T> std::string textOf(llvm::Expected<T> value) {
  return value ? "" : llvm::toString(value.takeError());
}

/// The value, or a test failure with the error's text and a default value.
template <class T> T valueOf(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  if constexpr (std::is_default_constructible_v<T>)
    return T();
  else
    std::abort();
}

} // namespace vmpt::testing
