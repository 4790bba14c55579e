#include "kernel/arch/Arm64Layout.h"

#include "support/Error.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::arm64;

namespace {

std::string text(const std::vector<AddressMarker> &markers) {
  std::string lines;
  for (const AddressMarker &marker : markers)
    lines += hex(marker.start) + " " + marker.name + "\n";
  return lines;
}

// The expected starts are those of running kernels' own arrays (built with
// PTDUMP_DEBUGFS), but for the fixmap's: built without GHES and SDEI, theirs
// starts four pages later.

TEST(Arm64Layout, Linux5_10With4KAnd48Bits) {
  EXPECT_EQ(text(computeMarkers({.version = {5, 10}})),
            "0xffff000000000000 Linear Mapping start\n"
            "0xffff800000000000 Linear Mapping end\n"
            "0xffff800000000000 BPF start\n"
            "0xffff800008000000 BPF end\n"
            "0xffff800008000000 Modules start\n"
            "0xffff800010000000 Modules end\n"
            "0xffff800010000000 vmalloc() area\n"
            "0xfffffdffbfff0000 vmalloc() end\n"
            "0xfffffdfffe5f5000 Fixmap start\n"
            "0xfffffdfffea00000 Fixmap end\n"
            "0xfffffdfffec00000 PCI I/O start\n"
            "0xfffffdffffc00000 PCI I/O end\n"
            "0xfffffdffffe00000 vmemmap start\n"
            "0xffffffffffe00000 vmemmap end\n");
}

TEST(Arm64Layout, Linux6_1With4KAnd39Bits) {
  EXPECT_EQ(text(computeMarkers(
                {.version = {6, 1}, .configuredBits = 39, .usedBits = 39})),
            "0xffffff8000000000 Linear Mapping start\n"
            "0xffffffc000000000 Linear Mapping end\n"
            "0xffffffc000000000 Modules start\n"
            "0xffffffc008000000 Modules end\n"
            "0xffffffc008000000 vmalloc() area\n"
            "0xfffffffdf0000000 vmalloc() end\n"
            "0xfffffffdfdbf5000 Fixmap start\n"
            "0xfffffffdfe000000 Fixmap end\n"
            "0xfffffffdfe800000 PCI I/O start\n"
            "0xfffffffdff800000 PCI I/O end\n"
            "0xfffffffe00000000 vmemmap start\n"
            "0xffffffff00000000 vmemmap end\n");
}

TEST(Arm64Layout, Linux6_12With64KAnd52Bits) {
  EXPECT_EQ(text(computeMarkers({.version = {6, 12},
                                 .configuredBits = 52,
                                 .usedBits = 52,
                                 .pageShift = 16})),
            "0xfff0000000000000 Linear Mapping start\n"
            "0xffff800000000000 Linear Mapping end\n"
            "0xffff800000000000 Modules start\n"
            "0xffff800080000000 Modules end\n"
            "0xffff800080000000 vmalloc() area\n"
            "0xfffffc1fbf800000 vmalloc() end\n"
            "0xfffffc1fc0000000 vmemmap start\n"
            "0xffffffffc0000000 vmemmap end\n"
            "0xffffffffc0800000 PCI I/O start\n"
            "0xffffffffc1800000 PCI I/O end\n"
            "0xffffffffff320000 Fixmap start\n"
            "0xffffffffff800000 Fixmap end\n");
}

TEST(Arm64Layout, Linux6_12For52BitsOn48BitHardware) {
  // Struct pages of [-(1 << 52), -(1 << 48)) are not needed: vmemmap starts
  // later and vmalloc ends later by them. The fixmap is Debian's 6.12.117.
  std::vector<AddressMarker> markers = computeMarkers(
      {.version = {6, 12, 117}, .configuredBits = 52, .usedBits = 48});
  ASSERT_EQ(markers.size(), 12u);
  EXPECT_EQ(markers[0].start, 0xfff0000000000000);
  EXPECT_EQ(markers[5].start, 0xfffffdffbf800000); // vmalloc() end
  EXPECT_EQ(markers[6].start, 0xfffffdffc0000000); // vmemmap start
  EXPECT_EQ(markers[10].name, "Fixmap start");
  EXPECT_EQ(markers[10].start, 0xffffffffff427000);
}

TEST(Arm64Layout, WhatVmcoreinfoSaysGoesFirst) {
  std::vector<AddressMarker> markers =
      computeMarkers({.version = {6, 6},
                      .modulesStart = 0xffff800000100000,
                      .modulesEnd = 0xffff800070000000,
                      .vmallocStart = 0xffff800080000000,
                      .vmallocEnd = 0xfffffbfff0000000,
                      .vmemmapStart = 0xfffffc0000000000,
                      .vmemmapEnd = 0xfffffe0000000000});
  ASSERT_EQ(markers.size(), 12u);
  EXPECT_EQ(markers[2].start, 0xffff800000100000);
  EXPECT_EQ(markers[3].start, 0xffff800070000000);
  EXPECT_EQ(markers[4].start, 0xffff800080000000);
  EXPECT_EQ(markers[7].name, "Fixmap end");
  EXPECT_EQ(markers[7].start, 0xfffffbfffe000000);
}

TEST(Arm64Layout, OldKernelsHaveTheLinearMapLast) {
  std::vector<AddressMarker> markers = computeMarkers({.version = {4, 14}});
  EXPECT_EQ(markers.front().name, "Modules start");
  EXPECT_EQ(markers.front().start, 0xffff000000000000);
  EXPECT_EQ(markers[2].name, "vmalloc() Area");
  EXPECT_EQ(markers.back().name, "Linear Mapping");
  EXPECT_EQ(markers.back().start, 0xffff800000000000);
}

} // namespace
