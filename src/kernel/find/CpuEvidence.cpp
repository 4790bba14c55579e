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

bool runsUserCode(const CpuRegisters &cpu, VirtAddr counter,
                  const KernelArch &arch) {
  const CrashArch &crash = *arch.crash;
  if (!crash.modeRegister.empty())
    return cpu.find(crash.modeRegister).value_or(0) & crash.userModeMask;
  return counter < firstSurelyKernel(arch);
}

/// Is it code of the kernel's image, which is one piece of memory? Where the
/// kernel maps nothing at an address of its half, it does not run there.
Says askCounter(const CpuRegisters &cpu, VirtAddr counter,
                const PhysicalMemory &memory, const RootPlace &kernel) {
  if (runsUserCode(cpu, counter, kernel.arch))
    return Says::Nothing;
  const Translation path = translate(memory, kernel.mode, kernel.root, counter);
  if (path.isMapped()) {
    const uint64_t distance = counter - kernel.self;
    const bool isNear = std::min(distance, -distance) < maxImageBytes;
    return isNear && path.address - kernel.root == distance &&
                   path.rights(kernel.mode).executable
               ? Says::Here
               : Says::Nothing;
  }
  // Where no address tells whose it is, it may be a physical one.
  return path.outcome == Translation::Outcome::TableAbsent ||
                 kernel.arch.spacesOverlap
             ? Says::Nothing
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
    const llvm::StringRef counterName = kernel.arch.crash->ipRegister;
    if (auto value = cpu.find(counterName); value && says == Says::Nothing) {
      says = askCounter(cpu, VirtAddr(*value), memory, kernel);
      sentence = counterName.str() + " of " + machine.cpuName(i) +
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
