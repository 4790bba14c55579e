//===- SandboxPlan.h - which files a use of a command may touch -----------===//
//
// What the command line names, and where debug information is looked for: no
// command has to say anything, and one with two dumps needs nothing else.
//
#pragma once

#include "cli/OptionParser.h"
#include "support/Sandbox.h"

namespace vmpt {

/// Of a process that only reads \p files, which are one dump.
SandboxRules planReading(std::vector<std::string> files);
/// From the values that \p parser has taken.
SandboxRules planSandbox(const OptionParser &parser);

} // namespace vmpt
