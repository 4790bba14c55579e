#include "dump/formats/RawLayout.h"

#include "dump/formats/Dump.h"
#include "dump/storage/ExtentMemory.h"

namespace vmpt {

namespace {

constexpr uint64_t MiB = 1 << 20, GiB = 1 << 30;
constexpr uint64_t toTheEnd = ~uint64_t(0);

/// From \p start to the end of the address space.
constexpr RamWindow from(uint64_t start) { return {start, toTheEnd - start}; }

// Sources: qemu 7.2 hw/i386/pc_piix.c, pc_q35.c, microvm.c (gigabyte_align,
// which types up to 1.7 have not; default max-ram-below-4g), hw/arm/virt.c,
// hw/riscv/virt.c; firecracker src/vmm/src/arch/{x86_64,aarch64}/layout.rs;
// cloud-hypervisor arch/src/{x86_64,aarch64,riscv64}/layout.rs.
// docs/formats/raw.md has more.
constexpr RawLayout layouts[] = {
    {"flat",
     "one piece at 0 (padded images, pmemsave, .vmem up to 3 GiB)",
     0,
     {from(0)}},
    {"qemu-i440fx",
     "QEMU pc-i440fx: 3 GiB below 4 GiB, from 3.5 GiB of RAM on",
     0xe0000000 - 1,
     {{0, 3 * GiB}, from(4 * GiB)}},
    {"qemu-q35",
     "QEMU pc-q35: 2 GiB below 4 GiB, from 2.75 GiB of RAM on",
     0xb0000000 - 1,
     {{0, 2 * GiB}, from(4 * GiB)}},
    {"qemu-i440fx-1.7",
     "QEMU pc-i440fx up to 1.7: 3.5 GiB below 4 GiB",
     0,
     {{0, 0xe0000000}, from(4 * GiB)}},
    {"qemu-q35-1.7",
     "QEMU pc-q35 up to 1.7: 2.75 GiB below 4 GiB",
     0,
     {{0, 0xb0000000}, from(4 * GiB)}},
    {"qemu-microvm",
     "QEMU microvm: 3 GiB below 4 GiB",
     0,
     {{0, 3 * GiB}, from(4 * GiB)}},
    {"qemu-arm-virt",
     "QEMU virt for arm64: one piece at 1 GiB",
     0,
     {from(GiB)}},
    {"qemu-riscv-virt",
     "QEMU virt for riscv64: one piece at 2 GiB",
     0,
     {from(2 * GiB)}},
    {"firecracker-x86_64",
     "Firecracker: 1 GiB hole below 4 GiB",
     0,
     {{0, 3 * GiB}, {4 * GiB, 252 * GiB}, from(512 * GiB)}},
    {"firecracker-x86_64-old",
     "Firecracker before the 1 GiB hole: 768 MiB hole below 4 GiB",
     0,
     {{0, 4 * GiB - 768 * MiB}, from(4 * GiB)}},
    {"firecracker-arm64",
     "Firecracker: RAM at 2 GiB, hole from 256 to 512 GiB",
     0,
     {{2 * GiB, 254 * GiB}, from(512 * GiB)}},
    {"cloud-hypervisor-x86_64",
     "Cloud Hypervisor: 1 GiB hole below 4 GiB",
     0,
     {{0, 3 * GiB}, from(4 * GiB)}},
    {"cloud-hypervisor-arm64",
     "Cloud Hypervisor (also riscv64): RAM at 1 GiB, 64 MiB hole below 4 GiB",
     0,
     {{GiB, 3 * GiB - 64 * MiB}, from(4 * GiB)}},
    {"vmware",
     "VMware .vmem without its .vmss: 1 GiB hole below 4 GiB",
     0,
     {{0, 3 * GiB}, from(4 * GiB)}},
};

} // namespace

std::vector<RawPiece> RawLayout::pieces(uint64_t imageSize,
                                        int64_t shift) const {
  // What is in front of all memory, and of what memory in front of the image.
  const uint64_t header = shift > 0 ? uint64_t(shift) : 0;
  const uint64_t missing = shift < 0 ? -uint64_t(shift) : 0;
  if (header >= imageSize)
    return {};
  const uint64_t ramBytes = imageSize - header + missing;
  std::vector<RawPiece> result;
  uint64_t done = 0; // of RAM
  for (RamWindow window : windows) {
    if (ramBytes <= unsplitUpTo)
      window.size = toTheEnd;
    const uint64_t size = std::min(window.size, ramBytes - done);
    if (size == 0)
      break;
    const uint64_t lost = std::min(size, missing - std::min(missing, done));
    if (lost < size)
      result.push_back({done + lost - missing + header,
                        PhysAddr(window.start + lost), size - lost});
    done += size;
  }
  return result;
}

std::optional<uint64_t> RawLayout::offsetOf(PhysAddr at) const {
  uint64_t offset = 0;
  for (const RamWindow &window : windows) {
    if (at.value >= window.start && at.value - window.start < window.size)
      return offset + (at.value - window.start);
    offset += window.size;
  }
  return std::nullopt;
}

llvm::ArrayRef<RawLayout> rawLayouts() { return layouts; }

llvm::Expected<const RawLayout *> findRawLayout(llvm::StringRef name) {
  std::string known;
  for (const RawLayout &layout : layouts) {
    if (layout.name == name)
      return &layout;
    known += (known.empty() ? "" : ", ") + layout.name.str();
  }
  return llvm::make_error<UsageError>("no memory layout '" + name +
                                      "'; there are: " + known);
}

void readRawLayout(const FileImage &file, const RawLayout &layout,
                   int64_t shift, Dump &dump) {
  auto memory = std::make_unique<ExtentMemory>();
  for (const RawPiece &piece : layout.pieces(file.size(), shift)) {
    memory->addImage(piece.start, file, piece.offset, piece.size);
    dump.facts.push_back({"piece", hex(piece.start) + "-" +
                                       hex(piece.start + (piece.size - 1)) +
                                       " from offset " + hex(piece.offset)});
  }
  memory->setKnowsRam(false);
  memory->finish();
  dump.isRaw = true;
  dump.format = "raw image, laid out as " + layout.name.str();
  dump.memory = std::move(memory);
  dump.quirks.push_back("no header: nothing in the file tells the "
                        "architecture or registers");
}

} // namespace vmpt
