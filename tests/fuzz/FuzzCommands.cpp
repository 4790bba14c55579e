// Input: which dump (u8), which command (u8), then patches of five bytes each:
// what is patched (u8: a part of the dump, as in tests/robust, or any byte),
// where in it (u24), which value (u8). The commands run as a user runs them.

#include "FuzzTarget.h"
#include "robust/WholeRun.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::robust;

namespace {

constexpr llvm::StringLiteral dumps[] = {
    "kernels/i386-6.1-debian-pae-pti/dump.elf",
    "tasks/x86_64-6.1-lab-4level-pti/dump.elf.zst",
    "tasks/arm64-6.1-4k-va48-kaslr/dump.elf.zst",
    "tasks/riscv64-6.1-sv39/dump.elf.zst",
    "tasks/i386-6.1-debian-pae-pti/dump.elf.zst",
    "kernels/arm-6.12-short/dump.elf",
    "kernels/ppc64le-6.12-4k-radix/dump.elf",
    "kernels/s390x-6.12/dump.elf",
};

/// Opened when it is first asked for, which takes longer than a command.
Specimen &specimen(size_t index) {
  static std::unique_ptr<Specimen> opened[std::size(dumps)];
  if (!opened[index]) {
    auto file =
        DumpFile::open(dumps[index].str(),
                       (VMPT_SOURCE_ROOT "/testdata/" + dumps[index]).str());
    if (!file)
      std::abort();
    auto made = Specimen::create(std::move(*file));
    if (!made)
      std::abort();
    opened[index] = std::move(*made);
  }
  return *opened[index];
}

void patch(Specimen &specimen, const uint8_t *bytes) {
  DumpFile &file = specimen.file();
  uint64_t at = bytes[1] | uint64_t(bytes[2]) << 8 | uint64_t(bytes[3]) << 16;
  if (bytes[0] < partCount)
    if (auto targets = specimen.targets(Part(bytes[0])); !targets.empty()) {
      const Target &target = targets[at % targets.size()];
      at = target.offset + at / targets.size() % target.size;
    }
  file.write(at % file.size(), {bytes[4]});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr size_t headBytes = 2, patchBytes = 5, maxPatches = 256;
  if (size < headBytes)
    return 0;
  Specimen &damaged = specimen(data[0] % std::size(dumps));
  for (size_t i = 0; i < maxPatches && headBytes + (i + 1) * patchBytes <= size;
       ++i)
    patch(damaged, data + headBytes + i * patchBytes);
  Random random(data[1]);
  const CommandResult result = runAnyCommand(damaged, random);
  damaged.file().restore();
  if (result.status < 0 || result.status > 2)
    std::abort();
  return 0;
}
