#include "memory/Arch.h"

#include "gmock/gmock.h"

#include <elf.h>
#include <set>

using namespace vmpt;

namespace {

class EveryArch : public ::testing::TestWithParam<Arch> {
protected:
  const Arch arch = GetParam();
  const ArchTraits &traits = getTraits(arch);
};

TEST_P(EveryArch, IsFoundByEachOfItsNames) {
  EXPECT_EQ(parseArch(getArchName(arch)), arch);
  for (llvm::StringRef alias : traits.aliases)
    EXPECT_EQ(parseArch(alias), arch) << alias.str();
  EXPECT_THAT(listArchNames(), ::testing::HasSubstr(getArchName(arch).str()));
}

TEST_P(EveryArch, IsFoundByTheMachineOfItsElfFiles) {
  EXPECT_EQ(findElfArch(traits.elfMachine,
                        traits.wordBytes == 8 ? ELFCLASS64 : ELFCLASS32),
            arch);
}

TEST_P(EveryArch, HasANoteWhoseSizeTellsItApart) {
  for (Arch other : allArchs) {
    if (other == arch || getTraits(other).order != traits.order)
      continue;
    EXPECT_NE(getTraits(other).prstatus.sizeBytes, traits.prstatus.sizeBytes)
        << getArchName(other).str();
  }
  std::set<llvm::StringRef> names(traits.prstatus.registers.begin(),
                                  traits.prstatus.registers.end());
  EXPECT_EQ(names.size(), traits.prstatus.registers.size());
}

INSTANTIATE_TEST_SUITE_P(All, EveryArch, ::testing::ValuesIn(allArchs),
                         [](const auto &info) {
                           return getArchName(info.param).str();
                         });

TEST(Archs, OthersAreNotTakenForOneOfThem) {
  EXPECT_EQ(parseArch("mips64"), std::nullopt);
  EXPECT_EQ(parseArch(""), std::nullopt);
  EXPECT_EQ(findElfArch(EM_MIPS, ELFCLASS64), std::nullopt);
  EXPECT_EQ(findElfArch(EM_RISCV, ELFCLASS32), std::nullopt) << "riscv32";
}

TEST(Archs, AnX86FileMayBeOfTheOtherClass) {
  // kexec --elf32-core-headers; QEMU, where an address of the guest needs it.
  EXPECT_EQ(getArchName(findElfArch(EM_X86_64, ELFCLASS32).value()), "x86_64");
  EXPECT_EQ(getArchName(findElfArch(EM_386, ELFCLASS64).value()), "i386");
}

} // namespace
