#include "cli/Commands.h"

namespace vmpt {

llvm::ArrayRef<const CommandInfo *> getCommands() {
  static constexpr const CommandInfo *commands[] = {
#define VMPT_COMMAND(info) &info,
#include "cli/Commands.def"
#undef VMPT_COMMAND
  };
  return commands;
}

} // namespace vmpt
