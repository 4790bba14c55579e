#include "kernel/find/KernelEnd.h"

#include "kernel/image/DebugData.h"

namespace vmpt {

namespace {

/// The states behind SYSTEM_RUNNING in which a kernel hands its machine over,
/// kexec's among them (linux include/linux/kernel.h, kernel/kexec_core.c).
constexpr llvm::StringLiteral endStates[] = {"SYSTEM_HALT", "SYSTEM_POWER_OFF",
                                             "SYSTEM_RESTART"};

/// Without types: SYSTEM_SCHEDULING came in 4.13, SYSTEM_FREEING_INITMEM in
/// 5.16, each before them.
uint64_t firstEndState(const KernelCandidate &candidate) {
  std::optional<KernelVersion> version;
  if (candidate.text)
    version = parseKernelVersion(candidate.text->info.release().value_or(""));
  if (version && *version < KernelVersion{4, 13})
    return 2;
  return version && *version < KernelVersion{5, 16} ? 3 : 4;
}

} // namespace

std::string describeEnd(const RootQuery &query,
                        const KernelCandidate &candidate) {
  const KernelArch &arch = *candidate.arch;
  const AddressSpace memory(query.memory, candidate.mode.mode, candidate.root,
                            getTraits(arch.arch).order);
  const std::vector<MappedRun> image = arch.mapImage(query, memory);
  auto kallsyms = readKallsyms(memory, query.vmcoreinfo, image);
  if (!kallsyms) {
    llvm::consumeError(kallsyms.takeError());
    return "";
  }
  const std::optional<Symbol> symbol = (*kallsyms)->find("system_state");
  uint8_t raw[4];
  if (!symbol)
    return "";
  if (llvm::Error error = memory.read(symbol->address, raw)) {
    llvm::consumeError(std::move(error));
    return "";
  }
  const uint64_t state = loadUnaligned<uint32_t>(raw, memory.order());
  uint64_t first = firstEndState(candidate);
  auto types = readBtf(memory, kallsyms->get(), image);
  if (types)
    first = (*types)->findEnumConstant(endStates[0]).value_or(first);
  llvm::consumeError(types.takeError());
  if (state < first || state - first >= std::size(endStates))
    return "";
  return ("its system_state is " + endStates[state - first]).str();
}

} // namespace vmpt
