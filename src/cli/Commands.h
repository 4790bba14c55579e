//===- Commands.h - the registry of commands ------------------------------===//
#pragma once

#include "cli/Command.h"

namespace vmpt {

#define VMPT_COMMAND(info) extern const CommandInfo info;
#include "cli/Commands.def"
#undef VMPT_COMMAND

/// In the order of --help.
llvm::ArrayRef<const CommandInfo *> getCommands();

} // namespace vmpt
