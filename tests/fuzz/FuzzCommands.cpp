// Input: one byte, which command; then patches of a whole small dump of four
// bytes each: where (u24, in the file), and which value (u8). Each command of
// the registry runs as a user runs it.

#include "FuzzTarget.h"
#include "robust/WholeRun.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::robust;

static std::unique_ptr<Specimen> openSpecimen() {
  const std::string path =
      VMPT_SOURCE_ROOT "/testdata/kernels/i386-6.1-debian-pae-pti/dump.elf";
  auto file = DumpFile::open("i386", path);
  if (!file)
    std::abort();
  auto specimen = Specimen::create(std::move(*file));
  if (!specimen)
    std::abort();
  return std::move(*specimen);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::unique_ptr<Specimen> opened = openSpecimen();
  Specimen &specimen = *opened;
  if (size < 1)
    return 0;
  DumpFile &file = specimen.file();
  constexpr size_t patchBytes = 4, maxPatches = 256;
  for (size_t i = 1; i + patchBytes <= size && i < maxPatches * patchBytes;
       i += patchBytes) {
    const uint64_t at =
        (data[i] | uint64_t(data[i + 1]) << 8 | uint64_t(data[i + 2]) << 16) %
        file.size();
    file.write(at, {data[i + 3]});
  }
  Random random(data[0]);
  const CommandResult result = runAnyCommand(specimen, random);
  file.restore();
  if (result.status < 0 || result.status > 2)
    std::abort();
  return 0;
}
