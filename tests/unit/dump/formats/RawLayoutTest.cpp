#include "dump/formats/RawLayout.h"

#include "dump/formats/Dump.h"
#include "support/ReadDump.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t MiB = 1 << 20, GiB = 1 << 30;

std::vector<RawPiece> piecesOf(const char *name, uint64_t size,
                               int64_t shift = 0) {
  return valueOf(findRawLayout(name))->pieces(size, shift);
}

using Pieces = std::vector<RawPiece>;

// The sizes where QEMU's rules change: pc_init1 and pc_q35_init.
TEST(RawLayout, QemuSplitsLowMemoryByItsOwnRules) {
  EXPECT_EQ(piecesOf("qemu-i440fx", 0xe0000000 - 4096),
            (Pieces{{0, PhysAddr(0), 0xe0000000 - 4096}}));
  EXPECT_EQ(piecesOf("qemu-i440fx", 0xe0000000),
            (Pieces{{0, PhysAddr(0), 3 * GiB},
                    {3 * GiB, PhysAddr(4 * GiB), 512 * MiB}}));
  EXPECT_EQ(piecesOf("qemu-q35", 0xb0000000 - 4096),
            (Pieces{{0, PhysAddr(0), 0xb0000000 - 4096}}));
  EXPECT_EQ(piecesOf("qemu-q35", 0xb0000000),
            (Pieces{{0, PhysAddr(0), 2 * GiB},
                    {2 * GiB, PhysAddr(4 * GiB), 768 * MiB}}));
  EXPECT_EQ(piecesOf("qemu-i440fx-1.7", 4 * GiB),
            (Pieces{{0, PhysAddr(0), 0xe0000000},
                    {0xe0000000, PhysAddr(4 * GiB), 512 * MiB}}));
  EXPECT_EQ(piecesOf("qemu-q35-1.7", 0xb0000000),
            (Pieces{{0, PhysAddr(0), 0xb0000000}}));
  EXPECT_EQ(piecesOf("qemu-microvm", 3 * GiB),
            (Pieces{{0, PhysAddr(0), 3 * GiB}}));
  EXPECT_EQ(
      piecesOf("qemu-microvm", 3 * GiB + MiB),
      (Pieces{{0, PhysAddr(0), 3 * GiB}, {3 * GiB, PhysAddr(4 * GiB), MiB}}));
}

TEST(RawLayout, OthersFillTheirWindowsInOrder) {
  EXPECT_EQ(piecesOf("qemu-arm-virt", GiB), (Pieces{{0, PhysAddr(GiB), GiB}}));
  EXPECT_EQ(piecesOf("qemu-riscv-virt", GiB),
            (Pieces{{0, PhysAddr(2 * GiB), GiB}}));
  EXPECT_EQ(piecesOf("firecracker-x86_64", 300 * GiB),
            (Pieces{{0, PhysAddr(0), 3 * GiB},
                    {3 * GiB, PhysAddr(4 * GiB), 252 * GiB},
                    {255 * GiB, PhysAddr(512 * GiB), 45 * GiB}}));
  EXPECT_EQ(piecesOf("firecracker-x86_64-old", 4 * GiB)[1].start,
            PhysAddr(4 * GiB));
  EXPECT_EQ(piecesOf("cloud-hypervisor-arm64", 3 * GiB)[0].size,
            3 * GiB - 64 * MiB);
}

TEST(RawLayout, PiecesCoverTheImageWithoutOverlap) {
  for (const RawLayout &layout : rawLayouts())
    for (uint64_t size : {uint64_t(1), 4096 + uint64_t(1), 3 * GiB, 4 * GiB,
                          600 * GiB, uint64_t(1) << 50}) {
      uint64_t offset = 0;
      PhysAddr end;
      for (const RawPiece &piece : layout.pieces(size)) {
        EXPECT_EQ(piece.offset, offset) << layout.name.str();
        EXPECT_GE(piece.start, end) << layout.name.str();
        EXPECT_NE(piece.size, 0u);
        offset += piece.size;
        end = piece.start + piece.size;
      }
      EXPECT_EQ(offset, size) << layout.name.str();
    }
}

TEST(RawLayout, AHeaderIsNoMemory) {
  EXPECT_EQ(piecesOf("qemu-q35", 3 * GiB + MiB, MiB),
            (Pieces{{MiB, PhysAddr(0), 2 * GiB},
                    {2 * GiB + MiB, PhysAddr(4 * GiB), GiB}}));
  // What decides is how much RAM there is.
  EXPECT_EQ(piecesOf("qemu-i440fx", 0xe0000000, 4096),
            (Pieces{{4096, PhysAddr(0), 0xe0000000 - 4096}}));
  EXPECT_EQ(piecesOf("flat", MiB, MiB), Pieces());
}

TEST(RawLayout, WhatIsMissingInFrontIsPassedOver) {
  EXPECT_EQ(piecesOf("qemu-arm-virt", GiB, -int64_t(MiB)),
            (Pieces{{0, PhysAddr(GiB + MiB), GiB}}));
  EXPECT_EQ(piecesOf("qemu-q35", 2 * GiB, -int64_t(GiB)),
            (Pieces{{0, PhysAddr(GiB), GiB}, {GiB, PhysAddr(4 * GiB), GiB}}));
  EXPECT_EQ(piecesOf("qemu-q35", GiB, -int64_t(2 * GiB + MiB)),
            (Pieces{{0, PhysAddr(4 * GiB + MiB), GiB}}));
}

TEST(RawLayout, AnAddressHasItsPlaceInASplitImage) {
  const RawLayout &q35 = *valueOf(findRawLayout("qemu-q35"));
  EXPECT_EQ(q35.offsetOf(PhysAddr(MiB)), MiB);
  EXPECT_EQ(q35.offsetOf(PhysAddr(4 * GiB + MiB)), 2 * GiB + MiB);
  EXPECT_EQ(q35.offsetOf(PhysAddr(3 * GiB)), std::nullopt);
  EXPECT_EQ(valueOf(findRawLayout("qemu-arm-virt"))->offsetOf(PhysAddr(MiB)),
            std::nullopt);
}

TEST(RawLayout, ReadsThroughALayout) {
  MemoryImage image = randomImage(5, {{0x40000, 20}}, 4096, {64, 0, 0});
  std::vector<uint8_t> file;
  for (const auto &[frame, page] : image.pages) {
    auto bytes = image.bytesOf(frame);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  Dump dump;
  readRawLayout(PlainImage(Bytes(file)),
                *valueOf(findRawLayout("qemu-arm-virt")), 0, dump);
  EXPECT_EQ(dump.memory->ranges().size(), 1u);
  std::vector<uint8_t> read(file.size());
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x40000000), read));
  EXPECT_EQ(read, file);
}

TEST(RawLayout, AnUnknownNameListsTheKnownOnes) {
  std::string text = textOf(findRawLayout("qemu"));
  EXPECT_EQ(text.find("no memory layout 'qemu'; there are: flat, qemu-i440fx, "
                      "qemu-q35, qemu-i440fx-1.7, qemu-q35-1.7, "
                      "qemu-microvm, "),
            0u)
      << text;
}

} // namespace
