//===- Checks.h - a mutant changes only what hangs on it ------------------===//
//
// Each check damages one structure of an open specimen, asks again, and
// compares with what the undamaged dump says. What it returns is a sentence
// about what was invented or lost without a word.
//
#pragma once

#include "Specimen.h"

namespace vmpt::robust {

struct CheckResult {
  std::string damage;
  std::optional<std::string> fault;
};

/// An entry of a table: the listing outside of what the entry spans stays as
/// it was. \p isWhole lists all addresses and prints them; else those around.
CheckResult checkTable(Specimen &specimen, Random &random, bool isWhole);

/// A field that the list of tasks was read from: without a problem being named
/// all other tasks stay as they were, and there is no new one.
CheckResult checkTasks(Specimen &specimen, Random &random);

/// The same for the areas of processes.
CheckResult checkAreas(Specimen &specimen, Random &random);

} // namespace vmpt::robust
