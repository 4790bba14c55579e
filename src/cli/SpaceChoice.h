//===- SpaceChoice.h - the tables that options choose ---------------------===//
#pragma once

#include "analysis/Translator.h"
#include "cli/OptionGroups.h"
#include "session/Session.h"

namespace vmpt {

struct ChosenSpace {
  Translator translator;
  std::optional<Task> task; ///< Of --pid.
};

/// A LookupError if there is no such task, or it has no tables.
llvm::Expected<ChosenSpace> chooseSpace(const SpaceOptions &options,
                                        Session &session);

} // namespace vmpt
