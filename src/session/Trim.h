//===- Trim.h - the pages that matter, and no others ----------------------===//
#pragma once

#include "session/Output.h"
#include "session/Session.h"

namespace vmpt {

struct TrimOptions {
  /// Keep what tasks, task and maps read, too.
  bool tasks = false;
  /// And what log, modules and vmalloc read.
  bool log = false;
  /// And what pages and page read.
  bool pages = false;
};

/// Writes an ELF vmcore with the dump's notes and only those pages that info
/// and kernel read, so that both say the same of it.
llvm::Error trimDump(Session &session, Output &output,
                     const TrimOptions &options);

} // namespace vmpt
