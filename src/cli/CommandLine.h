//===- CommandLine.h - from words to a command that runs ------------------===//
#pragma once

#include "cli/Command.h"

namespace vmpt {

/// Runs what \p words ask for: a command, or help. A UsageError names the
/// nearest right command or option, if one is near.
llvm::Error runCommandLine(llvm::ArrayRef<std::string> words,
                           const CommandContext &context);

} // namespace vmpt
