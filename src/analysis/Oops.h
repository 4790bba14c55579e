//===- Oops.h - what the log says of a kernel's death ---------------------===//
//
// The lines of a log, the oopses in it and the panic: which sentences there are
// is a table of each architecture (CrashArch.h) and a common one. A log is any
// bytes: user code writes to /dev/kmsg, and names of tasks are in it.
//
#pragma once

#include "kernel/find/CrashArch.h"
#include "support/Address.h"

#include <string>
#include <vector>

namespace vmpt {

struct LogLine {
  uint64_t timeNanoseconds = 0;
  std::string text; ///< Without the time.
};

/// An oops, a warning left out: from its first line to its end.
struct OopsEvent {
  Trap trap = Trap::None;
  size_t firstLine = 0, lastLine = 0; ///< Both inclusive.
  std::string title;                  ///< The first line.
  std::optional<VirtAddr> address;
  std::optional<uint64_t> code, number;
  FaultSpace space = FaultSpace::Unknown;
  std::optional<uint64_t> root; ///< As a register has it.
  std::optional<uint32_t> cpu, pid;
  std::string comm, ip, message;
  std::string walkHeader, walkLine;
  std::optional<VirtAddr> stackFirst, stackEnd;
  /// By lower-case names: "rsp", "cr2", "x0".
  std::vector<std::pair<std::string, uint64_t>> registers;
  bool hasBugLine = false; ///< "kernel BUG at"
  bool hasEnd = false;     ///< "---[ end trace": the task was killed.
  bool isWarning = false;

  std::optional<uint64_t> findRegister(llvm::StringRef name) const;
};

struct OopsLog {
  std::vector<OopsEvent> events; ///< Without warnings.
  size_t warnings = 0;
  /// Behind "Kernel panic - not syncing: ".
  std::optional<std::string> panic;
  size_t panicLine = 0;
  std::optional<uint32_t> panicCpu, panicPid; ///< Of the lines behind it.
  std::string panicComm;
  std::optional<size_t> sysrqLine; ///< "sysrq: Trigger a crash"
  std::optional<size_t> hangLine;  ///< The last that complains of a hang.
  std::string lastUnloadedModule;
};

/// Matches \p line with an OopsRule's pattern; the captured texts, or nothing.
std::optional<llvm::SmallVector<llvm::StringRef, 3>>
matchOopsPattern(llvm::StringRef pattern, llvm::StringRef line);

/// "RAX: ffff8b56 RBX: 0000000000000010", "x29: ...", "sp : ...".
void parseRegisters(llvm::StringRef line,
                    std::vector<std::pair<std::string, uint64_t>> &registers);

OopsLog parseOopses(llvm::ArrayRef<LogLine> lines,
                    llvm::ArrayRef<OopsRule> rules);

} // namespace vmpt
