//===- Machine.h - the machine that was dumped, as plain data -------------===//
#pragma once

#include "memory/Arch.h"
#include "support/Bytes.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmpt {

/// One CPU's registers as far as the dump has them.
struct CpuRegisters {
  /// General registers with the names of the architecture's manual, in the
  /// order of the note (`rip`, `rsp`, ... or `pc`, `sp`, ...).
  std::vector<std::pair<std::string, uint64_t>> general;
  /// Control and system registers: cr0, cr2, cr3, cr4, idt, gdt, ...
  std::vector<std::pair<std::string, uint64_t>> system;
  /// pr_pid of NT_PRSTATUS: the thread's pid in kdump, the CPU number + 1 in
  /// QEMU dumps.
  std::optional<uint32_t> pid;

  std::optional<uint64_t> find(llvm::StringRef name) const;
};

struct Machine {
  /// Empty where the container does not tell.
  std::optional<Arch> arch;
  /// What named the architecture: "ELF e_machine", "NT_PRSTATUS size", ...
  std::string archSource;
  ByteOrder order = ByteOrder::little;
  std::vector<CpuRegisters> cpus;
};

} // namespace vmpt
