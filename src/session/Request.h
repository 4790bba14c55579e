//===- Request.h - what is to be opened, and what is known better ---------===//
#pragma once

#include "dump/OpenDump.h"
#include "kernel/context/Kernel.h"
#include "support/Parallel.h"

namespace vmpt {

struct Request {
  /// The dump; may be empty where `open.mappings` are all of the memory.
  std::string path;
  OpenOptions open;
  KernelOverrides kernel;
  /// The file that `kernel.vmcoreinfoText` is from.
  std::optional<std::string> vmcoreinfo;
  DebugInputs debug;
  /// Does the result lack something where the file was cut off? Not that of a
  /// command which names each byte that it has not.
  bool lossIsGap = true;
  /// How many may work at what takes long.
  unsigned threads = countCores();
};

} // namespace vmpt
