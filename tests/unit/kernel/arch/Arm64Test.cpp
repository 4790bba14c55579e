//===- Arm64Test.cpp - finding arm64 kernels in built memories ------------===//
#include "paging/modes/Arm64.h"
#include "kernel/find/KernelArch.h"
#include "paging/modes/Modes.h"

#include "support/Expected.h"
#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t imageVirtual = 0xffff'fff0'8000'0000,
                   imagePhysical = 0x4020'0000;
/// In the image: text at +0, swapper_pg_dir at +1 MiB, data at +2 MiB.
constexpr uint64_t rootOffset = 0x10'0000, dataOffset = 0x20'0000;

/// A dump of a kernel whose image is three megabytes of 64K pieces.
struct TestKernel {
  explicit TestKernel(const PagingMode &mode) : mode(mode) {
    auto owned = std::make_unique<SparseMemory>();
    memory = owned.get();
    dump.memory = std::move(owned);
    dump.machine.arch = Arch::Arm64;
    dump.machine.archSource = "test";
    tables.emplace(*memory, mode, PhysAddr(imagePhysical + rootOffset));
    const unsigned last = mode.lastLevel();
    // Tables beside the root, beyond the image.
    for (uint64_t at = 0; at < 0x30'0000; at += bit(mode.pageShift))
      tables->map(VirtAddr(imageVirtual + at), PhysAddr(imagePhysical + at),
                  tables->leafBits(last), last);
    memory->addZeros(PhysAddr(imagePhysical + dataOffset), 0x10'0000);
  }
  void setInfo(const std::string &numbers) {
    dump.vmcoreinfo =
        "OSRELEASE=6.12.107\nPAGESIZE=" + std::to_string(bit(mode.pageShift)) +
        "\nSYMBOL(swapper_pg_dir)=" + hex(imageVirtual + rootOffset).substr(2) +
        "\nSYMBOL(_stext)=" + hex(imageVirtual).substr(2) + "\n" + numbers;
  }
  llvm::Expected<KernelImage> find() {
    Diagnostics diagnostics;
    return findKernel(dump, *dump.memory, overrides, diagnostics);
  }
  std::string source(const KernelImage &kernel, llvm::StringRef name) {
    for (const Fact &fact : kernel.evidence.facts())
      if (fact.name == name)
        return fact.source;
    return "";
  }

  const PagingMode mode;
  Dump dump;
  SparseMemory *memory;
  std::optional<PageTableBuilder> tables;
  KernelOverrides overrides;
};

const std::string voffset =
    "NUMBER(kimage_voffset)=" + hex(imageVirtual - imagePhysical) + "\n";
std::string t1sz(unsigned bits) {
  return "NUMBER(TCR_EL1_T1SZ)=" + hex(64 - bits) + "\n";
}

class EveryArm64Mode : public ::testing::TestWithParam<const PagingMode *> {};

TEST_P(EveryArm64Mode, IsFoundByFormula) {
  TestKernel test(*GetParam());
  test.setInfo(voffset + t1sz(test.mode.virtualBits));
  KernelImage kernel = valueOf(test.find());
  EXPECT_EQ(kernel.mode.name, test.mode.name);
  EXPECT_EQ(kernel.root, test.tables->root());
  EXPECT_EQ(kernel.virtualBits, test.mode.virtualBits);
  EXPECT_NE(test.source(kernel, "root table").find("kimage_voffset"),
            std::string::npos);
}

TEST_P(EveryArm64Mode, IsFoundByTheFixedPointAlone) {
  TestKernel test(*GetParam());
  test.setInfo("");
  test.dump.machine.arch.reset();
  KernelImage kernel = valueOf(test.find());
  EXPECT_EQ(kernel.arch->arch, Arch::Arm64);
  EXPECT_EQ(kernel.mode.name, test.mode.name);
  EXPECT_EQ(kernel.root, test.tables->root());
}

TEST_P(EveryArm64Mode, AWrongFormulaIsNotBelieved) {
  TestKernel test(*GetParam());
  test.setInfo("NUMBER(kimage_voffset)=0x123450000\n" + t1sz(40));
  KernelImage kernel = valueOf(test.find());
  EXPECT_EQ(kernel.mode.name, test.mode.name);
  EXPECT_EQ(kernel.root, test.tables->root());
}

INSTANTIATE_TEST_SUITE_P(All, EveryArm64Mode,
                         ::testing::ValuesIn(getModes(Arch::Arm64)),
                         [](const auto &info) {
                           std::string name = info.param->name.str();
                           for (char &c : name)
                             if (!isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return name;
                         });

TEST(Arm64Kernel, A52BitTableOn48BitHardwareKeepsItsMode) {
  TestKernel test(arm64::granule64K52);
  test.setInfo(voffset + t1sz(48) + "NUMBER(VA_BITS)=52\n");
  KernelImage kernel = valueOf(test.find());
  EXPECT_EQ(kernel.mode.name, arm64::granule64K52.name);
  EXPECT_EQ(kernel.root, test.tables->root());
  EXPECT_EQ(kernel.virtualBits, 48u);
  // Without T1SZ the empty entries tell.
  test.setInfo(voffset + "NUMBER(VA_BITS)=52\n");
  EXPECT_EQ(valueOf(test.find()).virtualBits, 48u);
  test.tables->tableOf(VirtAddr(0xfff0'0000'0000'0000), 1);
  EXPECT_EQ(valueOf(test.find()).virtualBits, 52u);
}

TEST(Arm64Kernel, OptionsGoBeforeWhatVmcoreinfoSays) {
  TestKernel test(arm64::granule4K39);
  test.setInfo(voffset + t1sz(48));
  test.overrides.virtualBits = 39;
  test.overrides.granule = 4096;
  EXPECT_EQ(valueOf(test.find()).mode.name, arm64::granule4K39.name);
  test.overrides.granule = 8192;
  EXPECT_NE(textOf(test.find()).find("no page tables have pages of that size"),
            std::string::npos);
  test.overrides.granule = 65536;
  EXPECT_NE(textOf(test.find()), "");
}

/// Writes an array of {start, name}, ended by {-1, null}, and its strings.
void writeMarkers(TestKernel &test, uint64_t arrayOffset, uint64_t textOffset,
                  const std::vector<AddressMarker> &markers) {
  PhysAddr at(imagePhysical + arrayOffset);
  for (const AddressMarker &marker : markers) {
    test.memory->writeString(PhysAddr(imagePhysical + textOffset),
                             marker.name + '\0');
    test.memory->writeNumber<uint64_t>(at, marker.start);
    test.memory->writeNumber<uint64_t>(at + 8, imageVirtual + textOffset);
    textOffset += marker.name.size() + 1;
    at += 16;
  }
  test.memory->writeNumber<uint64_t>(at, ~uint64_t(0));
  test.memory->writeNumber<uint64_t>(at + 8, 0);
}

TEST(Arm64Kernel, TheMarkersAreTheKernelsOwnArray) {
  TestKernel test(arm64::granule4K48);
  test.setInfo(voffset + t1sz(48));
  EXPECT_FALSE(valueOf(test.find()).dumper);
  // The template that the array was made from comes first and is passed over.
  writeMarkers(test, dataOffset, dataOffset + 0x1000,
               {{0xffff000000000000, "Linear Mapping start"},
                {0, "Linear Mapping end"},
                {0xffff800000000000, "Modules start"}});
  for (uint64_t i = 0; i < 4; ++i) // the same strings
    test.memory->writeNumber<uint64_t>(
        PhysAddr(imagePhysical + dataOffset + 0x808 + 16 * i), 0);
  writeMarkers(test, dataOffset + 0x800, dataOffset + 0x1000,
               {{0xffff000000000000, "Linear Mapping start"},
                {0xffff800000000000, "Linear Mapping end"},
                {0xffff800000000000, "Modules start"}});
  KernelImage kernel = valueOf(test.find());
  EXPECT_TRUE(kernel.dumper);
  ASSERT_EQ(kernel.markers.size(), 3u);
  EXPECT_EQ(kernel.markers[1].start, 0xffff800000000000);
  EXPECT_EQ(kernel.markers[2].name, "Modules start");
}

// "Modules start" was the first name up to 5.3.
TEST(Arm64Kernel, TheMiddleOfAnArrayIsNoArray) {
  TestKernel test(arm64::granule4K48);
  test.setInfo(voffset + t1sz(48));
  const auto write = [&](const char *first) {
    writeMarkers(test, dataOffset, dataOffset + 0x1000,
                 {{0xffff000000000000, first},
                  {0xffff800000000000, "Linear Mapping end"},
                  {0xffff800000000000, "Modules start"},
                  {0xffff800008000000, "Modules end"}});
  };
  write("Linear Mapping start");
  EXPECT_EQ(valueOf(test.find()).markers.size(), 4u);
  write("Xinear Mapping start");
  KernelImage kernel = valueOf(test.find());
  EXPECT_FALSE(kernel.dumper);
  EXPECT_NE(kernel.markerFault.find("begins before 'Modules start'"),
            std::string::npos)
      << kernel.markerFault;
}

TEST(Arm64Kernel, WithoutTheArrayTheEvidenceSaysSo) {
  TestKernel test(arm64::granule4K48);
  test.setInfo(voffset + t1sz(48) +
               "NUMBER(MODULES_VADDR)=0xffff800000000000\n");
  KernelImage kernel = valueOf(test.find());
  EXPECT_EQ(kernel.markers.size(), 12u);
  EXPECT_NE(test.source(kernel, "address markers")
                .find("the kernel carries no address_markers[]"),
            std::string::npos);
}

TEST(Arm64Kernel, HostileNumbersDoNoHarm) {
  for (const char *numbers :
       {"NUMBER(TCR_EL1_T1SZ)=0xffffffffffffffff\n", "NUMBER(VA_BITS)=-1\n",
        "NUMBER(VA_BITS)=52\nSIZE(page)=0\n", "SYMBOL(_stext)=0\n",
        "SYMBOL(_stext)=ffffffffffffffff\n", "PAGESIZE=0\n",
        "PAGESIZE=18446744073709551615\n", "OSRELEASE=\n",
        "NUMBER(kimage_voffset)=-1\n"}) {
    SCOPED_TRACE(numbers);
    TestKernel test(arm64::granule4K48);
    test.setInfo(numbers);
    KernelImage kernel = valueOf(test.find());
    EXPECT_EQ(kernel.root, test.tables->root());
  }
}

} // namespace
