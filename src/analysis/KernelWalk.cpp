#include "analysis/KernelWalk.h"

#include "kernel/find/KernelArch.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// A table, and what says that it was in use.
struct TableChoice {
  PhysAddr root;
  std::string source;
};

std::optional<TableChoice> chooseRegister(const CrashScene &scene,
                                          const OopsEvent *event,
                                          const Crash &crash) {
  const KernelArch &arch = *scene.kernel().image().arch;
  if (arch.rootRegister.empty())
    return std::nullopt;
  const PagingMode &mode = scene.kernel().memory().mode();
  const auto rootIn = [&](uint64_t value) {
    return mode.rootIn(value & ~arch.userHalfBit);
  };
  if (event)
    if (auto value = event->findRegister(arch.rootRegister))
      return TableChoice{
          rootIn(*value),
          (arch.rootRegister + " " + hex(*value) + " in the log").str()};
  if (const CpuRegisters *registers = scene.registersOf(crash.cpu))
    if (auto value = registers->find(arch.rootRegister))
      return TableChoice{
          rootIn(*value),
          (arch.rootRegister + " " + hex(*value) + " of CPU ").str() +
              std::to_string(*crash.cpu) + " when the dump was made"};
  return std::nullopt;
}

/// arm64, riscv: "user pgtable: 4k pages, 48-bit VAs, pgdp=0000000042fc9000".
std::optional<TableChoice> chooseFromHeader(const OopsEvent *event) {
  if (!event)
    return std::nullopt;
  llvm::StringRef text = event->walkHeader;
  const size_t at = text.find("pgdp=");
  if (at == llvm::StringRef::npos)
    return std::nullopt;
  text = text.drop_front(at + 5);
  text.consume_front("0x");
  uint64_t root = 0;
  if (text.take_while(llvm::isHexDigit).getAsInteger(16, root))
    return std::nullopt;
  return TableChoice{PhysAddr(root), "pgdp " + hex(root) + " in the log"};
}

/// What the CPU had loaded at that moment: by the log, its register, else the
/// task's.
std::optional<TableChoice> chooseTable(const CrashScene &scene,
                                       const OopsEvent *event,
                                       const Crash &crash, bool isUser) {
  const KernelImage &image = scene.kernel().image();
  const TableChoice ofKernel = {image.root, "the kernel's own table"};
  if (!image.arch->tasksMapKernel && !isUser)
    return ofKernel;
  if (event && event->root)
    return TableChoice{scene.kernel().memory().mode().rootIn(*event->root),
                       "the root " + hex(*event->root) + " in the log"};
  if (std::optional<TableChoice> found = chooseFromHeader(event))
    return found;
  // The register that has the kernel's root has no process's.
  if (!image.arch->spacesOverlap)
    if (std::optional<TableChoice> found = chooseRegister(scene, event, crash))
      return found;
  if (const Task *task = scene.findTask(crash.pid))
    if (std::optional<PhysAddr> root = scene.rootOf(*task))
      return TableChoice{*root, "the table of " + task->comm + " (pid " +
                                    std::to_string(task->pid) + ")"};
  return ofKernel;
}

} // namespace

KernelWalk walkAsHandler(const Kernel &kernel, const PagingMode &mode,
                         PhysAddr root, VirtAddr at) {
  const CrashArch &arch = *kernel.image().arch->crash;
  const PhysicalMemory &memory = kernel.memory().physical();
  KernelWalk walk;
  walk.address = at;
  walk.root = root;
  PhysAddr table = root;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    const PhysAddr place =
        table + uint64_t(mode.indexOf(at, level)) * mode.entryBytes;
    uint64_t entry = 0;
    if (auto absent = readEntry(memory, mode, place, entry)) {
      // See docs/architecture.md: the one exception. A root is never empty.
      if (!level || !memory.mayBeZeros(absent->absence) ||
          !mode.zerosAreEmpty(level)) {
        walk.absent = absent;
        return walk;
      }
      entry = 0;
    }
    walk.steps.push_back({level, place, entry});
    if (level == mode.lastLevel() || !arch.goesDown(entry, level, mode))
      return walk;
    table = mode.tableAddress(entry, level);
  }
  return walk;
}

void addWalk(CrashScene &scene, const OopsEvent *event, Crash &crash) {
  const Kernel &kernel = scene.kernel();
  const KernelImage &image = kernel.image();
  const VirtAddr at = *crash.address;
  const bool isUser = scene.isUserAddress(at);
  std::optional<TableChoice> table = chooseTable(scene, event, crash, isUser);
  if (!table)
    return crash.miss("walk", "whose table was in use is not known");
  const PagingMode mode =
      isUser && table->root != image.root
          ? getTaskMode(image, kernel.memory().physical(), table->root)
          : kernel.memory().mode();
  crash.walk = walkAsHandler(kernel, mode, table->root, at);
  // What no table translates has no way; the handler may say so.
  if (!mode.coverage.covers(at) && !image.arch->spacesOverlap)
    crash.walk = KernelWalk{at, table->root, {}, {}};
  crash.walkMode = mode;
  crash.walkSource = table->source;
  if (const auto &absent = crash.walk->absent)
    crash.miss("walk", "the way through the tables is cut: the entry at "
                       "physical " +
                           hex(absent->address) + " is not in the dump (" +
                           getAbsenceName(absent->absence) + ")");
  const WalkText text = scene.arch().printWalk(
      {image, mode, *crash.walk, table->root == image.root, crash.comm,
       &kernel.memory().physical(), event ? event->root : std::nullopt});
  crash.walkHeader = text.header;
  crash.walkLine = text.line;
}

} // namespace vmpt
