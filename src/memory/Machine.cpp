#include "memory/Machine.h"

namespace vmpt {

llvm::StringRef getArchName(Arch arch) {
  switch (arch) {
  case Arch::X86_64:
    return "x86_64";
  case Arch::I386:
    return "i386";
  case Arch::Arm64:
    return "arm64";
  case Arch::RiscV64:
    return "riscv64";
  }
  return "unknown";
}

std::optional<Arch> parseArch(llvm::StringRef name) {
  // Not StringSwitch<std::optional>: LLVM 14 and 19 differ in what they take.
  static constexpr struct {
    llvm::StringLiteral name;
    Arch arch;
  } names[] = {
      {"x86_64", Arch::X86_64},   {"x86-64", Arch::X86_64},
      {"amd64", Arch::X86_64},    {"i386", Arch::I386},
      {"i486", Arch::I386},       {"i586", Arch::I386},
      {"i686", Arch::I386},       {"x86", Arch::I386},
      {"arm64", Arch::Arm64},     {"aarch64", Arch::Arm64},
      {"riscv64", Arch::RiscV64}, {"riscv", Arch::RiscV64},
  };
  for (const auto &entry : names)
    if (name == entry.name)
      return entry.arch;
  return std::nullopt;
}

std::optional<uint64_t> CpuRegisters::find(llvm::StringRef name) const {
  for (const auto *list : {&system, &general})
    for (const auto &[registerName, value] : *list)
      if (name == registerName)
        return value;
  return std::nullopt;
}

} // namespace vmpt
