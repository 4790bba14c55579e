//===- SpaceChoice.h - the tables that a user chooses --------------------===//
#pragma once

#include "analysis/Translator.h"
#include "kernel/tasks/TaskList.h"
#include "session/Session.h"

namespace vmpt {

/// Whose tables: one of these, or the kernel's.
struct SpaceChoice {
  std::optional<uint64_t> pid;
  std::optional<uint64_t> root;
};

struct ChosenSpace {
  Translator translator;
  std::optional<Task> task; ///< Where one was chosen.
};

/// A LookupError if there is no such task, or it has no tables.
llvm::Expected<ChosenSpace> chooseSpace(const SpaceChoice &choice,
                                        Session &session);

} // namespace vmpt
