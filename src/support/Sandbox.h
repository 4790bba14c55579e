//===- Sandbox.h - what a process that reads a hostile file can do without ===//
//
// People open dumps of compromised machines. Whoever takes over the process
// shall find a process that cannot start programs, has no network, and sees no
// files but those that it was asked to read. The kernel takes these rights away
// for good, also from threads that start later.
//
#pragma once

#include <string>
#include <vector>

namespace vmpt {

/// Everything else in the file system cannot be opened any more. What is open
/// stays so. Names that lead to nothing are passed over.
struct SandboxRules {
  std::vector<std::string> files;   ///< Read; of folders, their names.
  std::vector<std::string> folders; ///< Read, with all that is in them.
  /// Folders in which files are made, renamed and removed; other files (a
  /// device, a pipe) that are written to.
  std::vector<std::string> writable;
};

/// What the kernel agreed to: an old one, or one inside another sandbox, may
/// know neither.
struct SandboxEffect {
  bool limitsFiles = false; ///< Landlock, Linux 5.13.
  bool limitsCalls = false; ///< seccomp: no network, programs, processes.
};

/// To be called while there is one thread.
SandboxEffect enterSandbox(const SandboxRules &rules);

} // namespace vmpt
