#include "kernel/find/ConcealedMemory.h"

#include "dump/formats/Dump.h"
#include "kernel/find/KernelImage.h"
#include "support/Expected.h"
#include "support/SparseMemory.h"

#include "gmock/gmock.h"

#include <random>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

class ConcealedMemoryTest : public ::testing::Test {
protected:
  /// \p count pages of random numbers, as an AES block cipher gives.
  void addCiphertext(unsigned count) {
    std::mt19937_64 random(1);
    for (unsigned i = 0; i < count; ++i, next += 4096)
      for (uint64_t at = 0; at < 4096; at += 8)
        memory.writeNumber<uint64_t>(PhysAddr(next + at), random());
  }
  void addPages(unsigned count, uint8_t (*byteAt)(uint64_t offset)) {
    std::vector<uint8_t> page(4096);
    for (uint64_t at = 0; at < 4096; ++at)
      page[at] = byteAt(at);
    for (unsigned i = 0; i < count; ++i, next += 4096)
      memory.write(PhysAddr(next), page);
  }
  void addZeros(unsigned count) {
    memory.addZeros(PhysAddr(next), count * uint64_t(4096));
    next += count * uint64_t(4096);
  }
  std::string describe() const {
    return describeConcealedMemory(memory).value_or(ConcealedMemory{}).reason;
  }

  SparseMemory memory;
  uint64_t next = 0;
};

TEST_F(ConcealedMemoryTest, CiphertextIsToldWithAWayOut) {
  addCiphertext(100);
  addZeros(900); // never given to the guest
  Dump dump;
  Diagnostics diagnostics;
  EXPECT_THAT(
      textOf(findKernel(dump, memory, {}, diagnostics)),
      ::testing::AllOf(
          HasSubstr("no kernel page tables: the memory looks like ciphertext "
                    "(100 of 1000 pages looked at are as random)"),
          HasSubstr("SEV or TDX"), HasSubstr("inside the guest")));
}

// QEMU still gives the registers of an SEV guest, but of SEV-ES.
TEST_F(ConcealedMemoryTest, ARegisterThatPointsIntoThemIsNoRoot) {
  Dump dump;
  dump.machine.arch = Arch::X86_64;
  CpuRegisters cpu;
  cpu.system = {{"cr3", 0x5000}, {"cr4", 0x20}};
  dump.machine.cpus = {cpu};
  Diagnostics diagnostics;
  addZeros(200);
  Evidence tried;
  EXPECT_THAT(textOf(findKernel(dump, memory, {}, diagnostics, &tried)),
              HasSubstr("nearly all of the memory is zeros"));
  EXPECT_THAT(tried.attempts(),
              ::testing::Contains(
                  HasSubstr("the table that CR3 of CPU 0 points to, physical "
                            "0x5000, is empty")));
  memory = {};
  next = 0;
  addCiphertext(200);
  EXPECT_THAT(textOf(findKernel(dump, memory, {}, diagnostics)),
              HasSubstr("the memory looks like ciphertext"));
}

TEST_F(ConcealedMemoryTest, SharedPagesOfAProtectedGuestAreInTheClear) {
  addCiphertext(92);
  addPages(8, [](uint64_t at) { return uint8_t("virtqueue "[at % 10]); });
  EXPECT_THAT(describe(), HasSubstr("(92 of 100 pages"));
}

// It can as well be a guest that has not used much yet.
TEST_F(ConcealedMemoryTest, NearlyAllZerosKeepsTheUsualAdvice) {
  addZeros(1000);
  addPages(3, [](uint64_t at) { return uint8_t(at / 8); });
  Dump dump;
  Diagnostics diagnostics;
  EXPECT_THAT(
      textOf(findKernel(dump, memory, {}, diagnostics)),
      ::testing::AllOf(HasSubstr("nearly all of the memory is zeros (1000 of "
                                 "1003 pages looked at), as where"),
                       HasSubstr("vmpt info --evidence")));
}

TEST_F(ConcealedMemoryTest, OrdinaryMemoryIsNeither) {
  addZeros(500);
  addCiphertext(100); // zram, keys, the page cache of a film
  addPages(100, [](uint64_t at) { return uint8_t(at); });
  addPages(100, [](uint64_t at) { return uint8_t(at % 8 ? 0x63 : at / 8); });
  EXPECT_EQ(describe(), "");
}

TEST_F(ConcealedMemoryTest, EvenCountsAreNoRandomNumbers) {
  addPages(200, [](uint64_t at) { return uint8_t(at * 167); });
  EXPECT_EQ(describe(), "");
}

// A stream begins with the pages where the loader has put a compressed kernel.
TEST_F(ConcealedMemoryTest, WhatIsLeftOfACutOffFileIsNotJudged) {
  addCiphertext(100);
  for (uint64_t page = 0; page < 101; ++page)
    memory.setAbsent(PhysAddr(next + page * 4096), Absence::Truncated);
  EXPECT_EQ(describe(), "the file is cut off: most of the memory is not in it");
}

TEST_F(ConcealedMemoryTest, AFewPagesSayNothing) {
  EXPECT_EQ(describe(), "");
  addCiphertext(63);
  EXPECT_EQ(describe(), "");
}

TEST_F(ConcealedMemoryTest, PagesAreTakenFromAllOverTheMemory) {
  addCiphertext(1100);
  memory.setAbsent(PhysAddr(0x5000), Absence::Excluded);
  next += 0x100000;
  addCiphertext(1000);
  // 2,099 pages in steps of 2.
  EXPECT_THAT(describe(), HasSubstr("(1050 of 1050 pages"));
}

} // namespace
