#include "memory/Machine.h"

namespace vmpt {

std::optional<uint64_t> CpuRegisters::find(llvm::StringRef name) const {
  for (const auto *list : {&system, &general})
    for (const auto &[registerName, value] : *list)
      if (name == registerName)
        return value;
  return std::nullopt;
}

std::optional<uint32_t> Machine::cpuNumber(size_t index) const {
  if (cpus[index].number || !cpusInOrder)
    return cpus[index].number;
  return uint32_t(index);
}

std::string Machine::cpuName(size_t index) const {
  if (std::optional<uint32_t> number = cpuNumber(index))
    return "CPU " + std::to_string(*number);
  return "note " + std::to_string(index + 1) + " of " +
         std::to_string(cpus.size());
}

} // namespace vmpt
