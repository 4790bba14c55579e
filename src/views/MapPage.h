//===- MapPage.h - the page of `vmpt map`: one file of HTML ---------------===//
//
// The page is made of the files in views/map, which know no dump, and of data
// behind them: JSON, and packed bytes. docs/map.md has both.
//
#pragma once

#include "analysis/Audit.h"
#include "analysis/Crash.h"
#include "dump/formats/Dump.h"
#include "views/MapTables.h"

#include <optional>
#include <string>

namespace vmpt {

/// An option that the page was made with, and others have to be asked with.
struct MapOption {
  std::string name;                 ///< "--vmlinux"
  std::optional<std::string> value; ///< None: a flag.
};

struct MapPage {
  const Kernel &kernel;
  const Dump &dump;
  const MachineMap &map;
  const MapTables &tables;
  const Crash &crash;
  const AuditReport &audit;
  llvm::ArrayRef<AuditFinding> auditFindings;
  llvm::ArrayRef<Finding> findings; ///< What could not be read.
  std::string file, program;        ///< Of the dump; of vmpt: "vmpt 0.1.0".
  llvm::ArrayRef<MapOption> options;
};

void writeMapPage(llvm::raw_ostream &os, const MapPage &page);

} // namespace vmpt
