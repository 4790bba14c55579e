// What the sections of address_markers[] are, and where they end.
#include "kernel/find/Regions.h"

#include "paging/modes/Modes.h"
#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr RegionMarker names[] = {{"linear", Region::DirectMap},
                                  {"vmalloc", Region::Vmalloc},
                                  {"efi", Region::EfiRuntime, 0x1000},
                                  {"pci", Region::PciIo}};

std::string describe(llvm::ArrayRef<KernelRegion> regions) {
  std::string text;
  for (const KernelRegion &region : regions)
    text += std::to_string(int(region.region)) + " " + hex(region.first) + " " +
            hex(region.last) + "\n";
  return text;
}

std::string id(Region region) { return std::to_string(int(region)); }

TEST(RegionsTest, ARegionEndsWhereTheNextSectionStarts) {
  const AddressMarker markers[] = {{0x8000, "vmalloc"},
                                   {0x9000, "vmalloc end"},
                                   {0x2000, "linear"}, // not in order
                                   {0xa000, "efi"},
                                   {0xf000, "pci"}};
  EXPECT_EQ(describe(makeRegions(markers, names, VirtAddr(0xffff), "test")),
            id(Region::DirectMap) + " 0x2000 0x7fff\n" + id(Region::Vmalloc) +
                " 0x8000 0x8fff\n" + id(Region::EfiRuntime) +
                " 0xa000 0xafff\n" + id(Region::PciIo) + " 0xf000 0xffff\n");
}

TEST(RegionsTest, WhatIsEmptyOrBeyondTheTopIsNone) {
  const AddressMarker markers[] = {
      {0x8000, "vmalloc"}, {0x8000, "vmalloc end"}, {0x20000, "linear"}};
  EXPECT_EQ(describe(makeRegions(markers, names, VirtAddr(0xffff), "test")),
            "");
  EXPECT_EQ(describe(makeRegions({}, names, VirtAddr(0xffff), "test")), "");
}

/// Every architecture says where RAM is mapped, where the kernel and its
/// modules are, and where user space ends.
class RegionsOfEveryArch : public ::testing::TestWithParam<Arch> {};

TEST_P(RegionsOfEveryArch, AreFilledFromFormulasAlone) {
  const PagingMode &mode = *getModes(GetParam()).front();
  const bool isNarrow = mode.virtualBits <= 32;
  const VirtAddr image(isNarrow                    ? 0xc1000000
                       : GetParam() == Arch::Arm64 ? 0xffff800008000000
                                                   : 0xffffffff81000000);
  const PhysAddr physical(0x1000000);
  BuiltKernel built(mode, image, physical);
  const std::string offset = hex(image.value - physical.value);
  built.dump.vmcoreinfo = built.info(
      "6.1.0", "NUMBER(phys_base)=0\nNUMBER(kimage_voffset)=" + offset +
                   "\nNUMBER(va_kernel_pa_offset)=" + offset +
                   "\nNUMBER(VA_BITS)=" + std::to_string(mode.virtualBits) +
                   "\n" + (isNarrow ? "CONFIG_X86_PAE=y\n" : ""));
  KernelImage kernel = valueOf(built.find());
  for (Region wanted : {Region::User, Region::DirectMap, Region::KernelImage})
    EXPECT_NE(kernel.findRegion(wanted), nullptr) << int(wanted);
  const KernelRegion *text = kernel.findRegion(Region::KernelImage);
  EXPECT_TRUE(text && text->contains(image + BuiltKernel::rootOffset));
  for (const KernelRegion &region : kernel.regions) {
    EXPECT_LE(region.first, region.last);
    EXPECT_FALSE(region.source.empty());
  }
  EXPECT_TRUE(
      std::is_sorted(kernel.regions.begin(), kernel.regions.end(),
                     [](auto &a, auto &b) { return a.first < b.first; }));
}

INSTANTIATE_TEST_SUITE_P(All, RegionsOfEveryArch,
                         ::testing::Values(Arch::X86_64, Arch::I386,
                                           Arch::Arm64, Arch::RiscV64),
                         [](const auto &info) {
                           return getArchName(info.param).str();
                         });

} // namespace
