//===- Output.h - the file that a session's work goes to ------------------===//
#pragma once

#include "output/OutputFile.h"
#include "session/Request.h"

namespace vmpt {

struct Output {
  std::string path; ///< As the user wrote it.
  std::unique_ptr<OutputFile> file;
};

/// Before the work: nothing that \p request reads is written to, and only
/// \p force replaces a file. Errors carry its name.
llvm::Expected<Output> createOutput(const Request &request,
                                    const std::string &path, bool force);

/// Is standard output one of the files that \p request reads? The error names
/// it.
llvm::Error judgeStandardOutput(const Request &request);

} // namespace vmpt
