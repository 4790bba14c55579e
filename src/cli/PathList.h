//===- PathList.h - words of vmpt survey ----------------------------------===//
#pragma once

#include "support/Error.h"

#include <chrono>
#include <string>

namespace vmpt {

/// All of standard input, which is bounded.
llvm::Expected<std::string> readStandardInput();

/// "90", "90s", "500ms", "5m", "1h", not 0. \p what names it in the error.
llvm::Expected<std::chrono::milliseconds> parseDuration(llvm::StringRef text,
                                                        const char *what);

} // namespace vmpt
