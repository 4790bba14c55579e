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
  /// Where something says which CPU it is.
  std::optional<uint32_t> number;
  /// pr_pid of NT_PRSTATUS: the thread's pid in kdump, the CPU number + 1 in
  /// QEMU dumps.
  std::optional<uint32_t> pid;

  std::optional<uint64_t> find(llvm::StringRef name) const;
};

struct Machine {
  /// Empty where the container does not tell.
  std::optional<Arch> arch;
  /// The machine that the container names where vmpt does not know it:
  /// "ppc64le".
  std::string unknownName;
  /// What named the architecture: "ELF e_machine", "NT_PRSTATUS size", ...
  std::string archSource;
  ByteOrder order = ByteOrder::little;
  std::vector<CpuRegisters> cpus;
  /// The n-th of `cpus` is CPU n. Not so for crash notes: a CPU that did not
  /// answer has none.
  bool cpusInOrder = true;

  /// Which CPU the \p index-th of `cpus` is, where that is known.
  std::optional<uint32_t> cpuNumber(size_t index) const;
  /// "CPU 1", else "note 1 of 2".
  std::string cpuName(size_t index) const;
};

} // namespace vmpt
