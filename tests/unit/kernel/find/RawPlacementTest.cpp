// Raw images of machines whose RAM has holes, each with a built kernel in it.
#include "kernel/find/RawPlacement.h"
#include "dump/OpenDump.h"

#include "dump/formats/RawLayout.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

#include <sys/mman.h>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

constexpr uint64_t MiB = 1 << 20, GiB = 1 << 30;
/// From so much RAM on a q35 has 2 GiB of it below 4 GiB, the rest above.
constexpr uint64_t q35Split = 0xb0000000;

/// Zeros that cost nothing until they are written.
class Image {
public:
  explicit Image(uint64_t size) : size_(size) {
    data_ = static_cast<uint8_t *>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    ::madvise(data_, size, MADV_HUGEPAGE);
  }
  ~Image() { ::munmap(data_, size_); }
  Image(const Image &) = delete;

  /// Copies what \p memory has to where \p layout keeps it.
  void fill(const PhysicalMemory &memory, llvm::StringRef layout,
            int64_t shift = 0) {
    for (const RawPiece &piece :
         valueOf(findRawLayout(layout))->pieces(size_, shift))
      for (const MemoryRange &range : memory.ranges())
        for (uint64_t done = 0; done < range.size; done += 4096)
          copyPage(memory, range.start + done, piece);
  }
  Dump open(const OpenOptions &options = {}) const {
    return valueOf(openDump(Bytes({data_, size_}), options));
  }

private:
  void copyPage(const PhysicalMemory &memory, PhysAddr at,
                const RawPiece &piece) {
    const uint64_t from = at.value - piece.start.value;
    if (from >= piece.size)
      return;
    uint8_t *to = data_ + piece.offset + from;
    ASSERT_FALSE(memory.tryRead(at, llvm::MutableArrayRef(to, 4096)));
  }

  uint8_t *data_;
  uint64_t size_;
};

void putNote(BuiltKernel &kernel, const std::string &text) {
  const PhysAddr at = kernel.physical + BuiltKernel::dataOffset + 0x8000;
  kernel.memory->writeNumber<uint32_t>(at, 11);
  kernel.memory->writeNumber<uint32_t>(at + 4, uint32_t(text.size()));
  kernel.memory->writeNumber<uint32_t>(at + 8, 0);
  kernel.memory->writeString(at + 12, "VMCOREINFO");
  kernel.memory->writeString(at + 24, text);
}

/// Its RAM is [0, lowBytes) and from 4 GiB on to \p end, in the direct map in
/// pages of the size of \p level.
std::unique_ptr<BuiltKernel> buildX86(PhysAddr physical, uint64_t lowBytes,
                                      uint64_t end, unsigned level = 2) {
  constexpr uint64_t startKernelMap = 0xffffffff80000000,
                     imageAt = 0xffffffff81000000,
                     pageOffset = 0xffff888000000000;
  auto kernel = std::make_unique<BuiltKernel>(x86_64::fourLevel,
                                              VirtAddr(imageAt), physical);
  putNote(*kernel,
          kernel->info("6.1.0",
                       "NUMBER(phys_base)=" +
                           std::to_string(int64_t(physical.value -
                                                  (imageAt - startKernelMap))) +
                           "\nNUMBER(pgtable_l5_enabled)=0\n"));
  auto mapRam = [&](uint64_t from, uint64_t to) {
    for (uint64_t at = from; at < to; at += x86_64::fourLevel.entrySpan(level))
      kernel->tables.map(VirtAddr(pageOffset + at), PhysAddr(at),
                         kernel->tables.leafBits(level), level);
  };
  mapRam(0, lowBytes);
  if (end > 4 * GiB)
    mapRam(4 * GiB, end);

  const std::pair<uint64_t, const char *> markers[] = {
      {0, "User Space"},
      {uint64_t(1) << 63, "Kernel Space"},
      {pageOffset, "Low Kernel Mapping"},
      {0xffffc90000000000, "vmalloc() Area"}};
  uint64_t place = BuiltKernel::dataOffset, text = 0x4000;
  for (const auto &[start, name] : markers) {
    kernel->addWord<uint64_t>(place, start);
    kernel->addWord<uint64_t>(place + 8, kernel->addString(text, name).value);
    place += 24;
    text += 64;
  }
  kernel->addWord<uint64_t>(place, ~uint64_t(0));
  return kernel;
}

/// The dump, opened again as the kernel in it says.
Dump placed(Dump dump) {
  Diagnostics silent;
  std::optional<RawPlacement> placement = findRawPlacement(dump, silent);
  if (!placement)
    return dump;
  OpenOptions options;
  options.rawLayout = placement->layout;
  options.rawShift = placement->shift;
  options.rawReason = placement->reason;
  Dump again = valueOf(reopenDump(std::move(dump), options));
  EXPECT_FALSE(findRawPlacement(again, silent));
  return again;
}

/// What the placement makes of it; the kernel's first page is where it was.
Dump place(const Image &image, const BuiltKernel &kernel) {
  Dump dump = placed(image.open());
  std::vector<uint8_t> wanted(4096), found(4096);
  const PhysAddr at = kernel.physical + BuiltKernel::dataOffset;
  EXPECT_FALSE(kernel.memory->tryRead(at, wanted));
  EXPECT_FALSE(dump.memory->tryRead(at, found));
  EXPECT_EQ(wanted, found);
  return dump;
}

TEST(RawPlacement, AKernelAboveTheHoleShowsTheHole) {
  auto kernel = buildX86(PhysAddr(4 * GiB + 2 * MiB), 2 * GiB,
                         4 * GiB + q35Split - 2 * GiB);
  Image image(q35Split);
  image.fill(*kernel->memory, "qemu-q35");
  Dump dump = place(image, *kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as qemu-q35");
  EXPECT_THAT(dump.quirks,
              Contains(HasSubstr("its direct map, up to 0x130000000, ends "
                                 "where RAM does")));
}

TEST(RawPlacement, TheDirectMapOfAKernelBelowTheHoleShowsIt) {
  auto kernel =
      buildX86(PhysAddr(16 * MiB), 2 * GiB, 4 * GiB + q35Split - 2 * GiB);
  Image image(q35Split);
  image.fill(*kernel->memory, "qemu-q35");
  EXPECT_EQ(place(image, *kernel).format, "raw image, laid out as qemu-q35");
}

// debug_pagealloc; arm64's usual way.
TEST(RawPlacement, ADirectMapOfSmallPagesIsFollowedToItsEnd) {
  auto kernel =
      buildX86(PhysAddr(16 * MiB), 2 * GiB, 4 * GiB + q35Split - 2 * GiB, 3);
  Image image(q35Split);
  image.fill(*kernel->memory, "qemu-q35");
  EXPECT_EQ(place(image, *kernel).format, "raw image, laid out as qemu-q35");
}

TEST(RawPlacement, OneKernelManyTimesIsLookedAtOnce) {
  auto kernel = buildX86(PhysAddr(16 * MiB), q35Split, 0);
  std::vector<uint8_t> note(4096);
  ASSERT_FALSE(kernel->memory->tryRead(
      kernel->physical + BuiltKernel::dataOffset + 0x8000, note));
  for (unsigned i = 0; i < 70; ++i)
    kernel->memory->write(PhysAddr(64 * MiB + i * 4096), note);
  // Its direct map leads in circles.
  kernel->tables.map(VirtAddr(0xffff888000000000 + 512 * GiB),
                     kernel->tables.root(), 0x63, 0);
  Image image(q35Split);
  image.fill(*kernel->memory, "flat");
  EXPECT_EQ(place(image, *kernel).format, "raw image");
}

TEST(RawPlacement, AnImageThatHoldsTheHoleStaysAsItIs) {
  auto kernel = buildX86(PhysAddr(16 * MiB), q35Split, 0);
  Image image(q35Split);
  image.fill(*kernel->memory, "flat");
  Dump dump = place(image, *kernel);
  EXPECT_EQ(dump.format, "raw image");
  EXPECT_THAT(dump.quirks, Not(Contains(HasSubstr("direct map"))));
}

TEST(RawPlacement, AHoleThatNoLayoutHasIsNamed) {
  auto kernel = buildX86(PhysAddr(16 * MiB), GiB, 8 * GiB);
  Image image(q35Split);
  image.fill(*kernel->memory, "flat");
  Dump dump = place(image, *kernel);
  EXPECT_EQ(dump.format, "raw image");
  EXPECT_THAT(dump.quirks,
              Contains(HasSubstr("direct map ends at 0x200000000, beyond the "
                                 "image")));
}

TEST(RawPlacement, RamThatStartsElsewhereIsFoundByTheRoot) {
  BuiltKernel kernel(arm64::granule4K39, VirtAddr(0xffffffc080000000),
                     PhysAddr(GiB + 2 * MiB));
  putNote(
      kernel,
      kernel.info("6.1.0", "NUMBER(VA_BITS)=39\nNUMBER(PHYS_OFFSET)="
                           "0x40000000\nNUMBER(kimage_voffset)=" +
                               hex(kernel.image.value - kernel.physical.value) +
                               "\n"));
  Image image(16 * MiB);
  image.fill(*kernel.memory, "qemu-arm-virt");
  Dump dump = place(image, kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as qemu-arm-virt");
}

/// SYMBOL(init_uts_ns), with that struct in the image.
std::string putName(BuiltKernel &kernel, llvm::StringRef release) {
  constexpr uint64_t at = BuiltKernel::dataOffset + 0x9000, fieldBytes = 65;
  kernel.addString(at, "Linux");
  kernel.addString(at + 2 * fieldBytes, release);
  return "SYMBOL(init_uts_ns)=" + hex(kernel.image + at).substr(2) + "\n";
}

std::unique_ptr<BuiltKernel> buildNamedX86(PhysAddr physical) {
  auto kernel = buildX86(physical, 64 * MiB, 0);
  const uint64_t base =
      physical.value - (kernel->image.value - 0xffffffff80000000);
  putNote(*kernel,
          kernel->info("6.1.0", putName(*kernel, "6.1.0") +
                                    "NUMBER(phys_base)=" +
                                    std::to_string(int64_t(base)) +
                                    "\nNUMBER(pgtable_l5_enabled)=0\n"));
  return kernel;
}

class RawShift : public ::testing::TestWithParam<int64_t> {};

TEST_P(RawShift, AnImageThatBeginsElsewhereIsFoundByItsName) {
  auto kernel = buildNamedX86(PhysAddr(32 * MiB));
  Image image(64 * MiB);
  image.fill(*kernel->memory, "flat", GetParam());
  Dump dump = place(image, *kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as flat");
  EXPECT_THAT(dump.quirks,
              Contains(HasSubstr(GetParam() > 0
                                     ? "bytes are taken for a header, and what "
                                       "follows for memory from 0x0 on"
                                     : "taken for memory from 0x")));
}

INSTANTIATE_TEST_SUITE_P(Distances, RawShift,
                         ::testing::Values(4096, 0x10000, int64_t(MiB),
                                           int64_t(16 * MiB), -4096, -0x10000,
                                           -int64_t(MiB), -int64_t(16 * MiB)));

// Its first bytes are no memory, and the rest is split.
TEST(RawPlacement, AHeaderIsFoundInFrontOfAHole) {
  auto kernel =
      buildX86(PhysAddr(16 * MiB), 2 * GiB, 4 * GiB + q35Split - 2 * GiB);
  putNote(*kernel, kernel->info("6.1.0", putName(*kernel, "6.1.0") +
                                             "NUMBER(phys_base)=0\n"
                                             "NUMBER(pgtable_l5_enabled)=0\n"));
  Image image(q35Split + MiB);
  image.fill(*kernel->memory, "qemu-q35", MiB);
  Dump dump = place(image, *kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as qemu-q35");
  EXPECT_THAT(dump.quirks, Contains(HasSubstr("its first 0x100000 bytes")));
}

// riscv64 before VMCOREINFO had a number for it.
TEST(RawPlacement, AShiftIsFoundByTheTablesAlone) {
  BuiltKernel kernel(riscv64::sv39, VirtAddr(0xffffffff80000000),
                     PhysAddr(2 * GiB + 2 * MiB));
  putNote(kernel, kernel.info("6.1.176", putName(kernel, "6.1.176") +
                                             "NUMBER(VA_BITS)=39\n"));
  Image image(16 * MiB);
  image.fill(*kernel.memory, "qemu-riscv-virt", 0x10000);
  Dump dump = place(image, kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as qemu-riscv-virt");
  EXPECT_THAT(dump.quirks, Contains(HasSubstr("its first 0x10000 bytes")));
}

TEST(RawPlacement, RamThatStartsWhereNoLayoutHasItIsFound) {
  constexpr uint64_t base = 0x60000000;
  BuiltKernel kernel(arm64::granule4K39, VirtAddr(0xffffffc080000000),
                     PhysAddr(base + 2 * MiB));
  putNote(
      kernel,
      kernel.info("6.1.0", putName(kernel, "6.1.0") +
                               "NUMBER(VA_BITS)=39\nNUMBER(PHYS_OFFSET)="
                               "0x60000000\nNUMBER(kimage_voffset)=" +
                               hex(kernel.image.value - kernel.physical.value) +
                               "\n"));
  Image image(16 * MiB);
  image.fill(*kernel.memory, "flat", -int64_t(base));
  Dump dump = place(image, kernel);
  EXPECT_EQ(dump.format, "raw image, laid out as qemu-arm-virt");
  EXPECT_THAT(dump.quirks,
              Contains(HasSubstr("taken for memory from 0x60000000 on")));
}

// The name is there, and the tables are not: nothing proves a place.
TEST(RawPlacement, AShiftThatNothingProvesIsNotTaken) {
  auto kernel = buildNamedX86(PhysAddr(32 * MiB));
  Image image(64 * MiB);
  const PhysAddr root = kernel->tables.root();
  kernel->memory->write(root, std::vector<uint8_t>(4096));
  // In its place then lies what may be a table, whose own are cut off.
  kernel->memory->writeNumber<uint64_t>(root - MiB + 511 * 8,
                                        (200 * MiB) | 0x63);
  image.fill(*kernel->memory, "flat", MiB);
  Dump dump = placed(image.open());
  EXPECT_EQ(dump.format, "raw image");
  Diagnostics silent;
  EXPECT_THAT(textOf(findKernel(dump, *dump.memory, {}, silent)),
              HasSubstr("the kernel lies 0x100000 bytes behind the place that "
                        "its VMCOREINFO names"));
}

TEST(RawPlacement, WhatAnOptionPlacesStaysThere) {
  auto kernel = buildX86(PhysAddr(4 * GiB + 2 * MiB), 2 * GiB,
                         4 * GiB + q35Split - 2 * GiB);
  Image image(q35Split);
  image.fill(*kernel->memory, "qemu-q35");
  OpenOptions options;
  options.rawBase = PhysAddr(0);
  Dump dump = placed(image.open(options));
  EXPECT_EQ(dump.format, "raw image");
}

TEST(RawPlacement, WithoutAKernelNothingIsGuessed) {
  Image image(q35Split);
  Dump dump = placed(image.open());
  EXPECT_EQ(dump.format, "raw image");
  EXPECT_EQ(dump.quirks.size(), 1u);
}

} // namespace
