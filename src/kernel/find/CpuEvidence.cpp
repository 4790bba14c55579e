#include "kernel/find/CpuEvidence.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/RootCheck.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

enum class Says : uint8_t { Nothing, Here, Elsewhere };

/// Does the table in the root register lead to the kernel's own?
Says askRoot(uint64_t value, const PhysicalMemory &memory,
             const RootPlace &kernel) {
  if (kernel.mode.rootIn(value) == PhysAddr(0))
    return Says::Nothing; // the CPU is off
  bool isMissing = false;
  for (uint64_t cleared : {uint64_t(0), kernel.arch.userHalfBit}) {
    const Translation path = translate(
        memory, kernel.mode, kernel.mode.rootIn(value & ~cleared), kernel.self);
    if (path.isMapped() && path.address == kernel.root)
      return Says::Here;
    isMissing |= path.outcome == Translation::Outcome::TableAbsent;
  }
  return isMissing ? Says::Nothing : Says::Elsewhere;
}

/// Is it code of the kernel's image, which is one piece of memory? Where the
/// kernel maps nothing at an address of its half, it does not run there.
Says askCounter(uint64_t value, const PhysicalMemory &memory,
                const RootPlace &kernel) {
  const VirtAddr counter(value);
  const uint64_t middle =
      kernel.mode.virtualBits == 32 ? 0xc0000000 : uint64_t(1) << 63;
  if (value < middle)
    return Says::Nothing; // user code, or none
  const Translation path = translate(memory, kernel.mode, kernel.root, counter);
  if (path.isMapped()) {
    const uint64_t distance = counter - kernel.self;
    const bool isNear = std::min(distance, -distance) < maxImageBytes;
    return isNear && path.address - kernel.root == distance &&
                   path.rights(kernel.mode).executable
               ? Says::Here
               : Says::Nothing;
  }
  return path.outcome == Translation::Outcome::TableAbsent ? Says::Nothing
                                                           : Says::Elsewhere;
}

} // namespace

CpuEvidence askCpus(const Machine &machine, const PhysicalMemory &memory,
                    const RootPlace &kernel) {
  CpuEvidence evidence;
  const llvm::StringRef rootName = kernel.arch.rootRegister;
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    const CpuRegisters &cpu = machine.cpus[i];
    Says says = Says::Nothing;
    std::string sentence;
    if (auto value = rootName.empty() ? std::nullopt : cpu.find(rootName)) {
      says = askRoot(*value, memory, kernel);
      sentence = rootName.upper() + " of " + machine.cpuName(i) +
                 " leads to its root table";
      evidence.isByRoot |= says == Says::Here;
    }
    for (const char *name : {"rip", "eip", "pc"})
      if (auto value = cpu.find(name); value && says == Says::Nothing) {
        says = askCounter(*value, memory, kernel);
        sentence = std::string(name) + " of " + machine.cpuName(i) +
                   " is code of its image";
      }
    if (says == Says::Here)
      evidence.here.push_back(std::move(sentence));
    else if (says == Says::Elsewhere)
      evidence.elsewhere.push_back(i);
  }
  return evidence;
}

Machine withoutOtherCpus(const Machine &machine, const PhysicalMemory &memory,
                         const RootPlace &kernel) {
  Machine left = machine;
  left.cpus.clear();
  left.cpusInOrder = false;
  const CpuEvidence evidence = askCpus(machine, memory, kernel);
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    if (llvm::is_contained(evidence.elsewhere, i))
      continue;
    left.cpus.push_back(machine.cpus[i]);
    left.cpus.back().number = machine.cpuNumber(i);
    // Several kernels are in what a hypervisor wrote, which knows no threads.
    left.cpus.back().pid.reset();
  }
  return left;
}

} // namespace vmpt
