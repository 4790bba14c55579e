//===- WholeRun.h - a damaged dump, and commands as a user runs them ------===//
#pragma once

#include "Specimen.h"

namespace vmpt::robust {

struct CommandResult {
  std::string command;
  int status = 0;    ///< As the program's.
  uint64_t text = 0; ///< A hash of standard output.
};

/// A use of some command of the registry; it opens the file anew.
CommandResult runAnyCommand(Specimen &specimen, Random &random);
CommandResult runKernelCommand(Specimen &specimen);

struct WholeResult {
  Part part = Part::Anything;
  std::string damage;
  /// The listing is rightly another one: see Specimen::mayChangeListing().
  bool mayChangeListing = false;
  std::vector<CommandResult> commands; ///< The first is `kernel`.
};

/// Damages one to four targets of one part, or the file, and runs `kernel` and
/// another command.
WholeResult runDamaged(Specimen &specimen, Random &random);

} // namespace vmpt::robust
