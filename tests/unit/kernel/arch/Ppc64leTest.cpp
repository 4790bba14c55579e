//===- Ppc64leTest.cpp - finding Power kernels in built memories ----------===//
#include "paging/modes/Ppc64le.h"
#include "kernel/pages/NonPresentEntry.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

constexpr VirtAddr imageAt(0xc000000000400000);
constexpr PhysAddr physicalAt(0x400000);
constexpr VirtAddr vmalloc(0xc008000000000000);

/// The text of a kernel with this page size.
std::string infoOf(const BuiltKernel &built, const PagingMode &mode) {
  std::string text = built.info("6.12.0");
  const std::string small = "PAGESIZE=4096\n";
  return text.replace(text.find(small), small.size(),
                      "PAGESIZE=" + std::to_string(bit(mode.pageShift)) + "\n");
}

class EveryRadixMode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  BuiltKernel built{mode, imageAt, physicalAt};
};
INSTANTIATE_TEST_SUITE_P(All, EveryRadixMode,
                         ::testing::Values(&ppc64le::radix64K,
                                           &ppc64le::radix4K),
                         [](const auto &info) {
                           return info.param->pageShift == 16 ? "Pages64K"
                                                              : "Pages4K";
                         });

TEST_P(EveryRadixMode, TheSymbolIsThePlaceOfTheRoot) {
  built.dump.vmcoreinfo = infoOf(built, mode);
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, mode.name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_EQ(kernel.rootDoubt, "");
  EXPECT_THAT(sourceOf(kernel, "root table"), HasSubstr("linear map"));
  EXPECT_THAT(sourceOf(kernel, "root table"), HasSubstr("own fixed point"));
}

TEST_P(EveryRadixMode, ThePageSizeMayBeUnsaid) {
  std::string text = built.info("6.12.0");
  text.erase(text.find("PAGESIZE"), std::string("PAGESIZE=4096\n").size());
  built.dump.vmcoreinfo = text;
  EXPECT_EQ(valueOf(built.find()).mode.name, mode.name);
}

TEST_P(EveryRadixMode, TheTextAloneNamesTheArchitecture) {
  built.dump.machine.arch.reset();
  built.dump.vmcoreinfo = infoOf(built, mode);
  EXPECT_EQ(valueOf(built.find()).arch->arch, Arch::Ppc64le);
}

/// The headers of a dump say nothing of the kernel's order.
TEST_P(EveryRadixMode, MarkersAreReadInTheKernelsOrder) {
  built.dump.machine.order = ByteOrder::big;
  built.dump.vmcoreinfo = infoOf(built, mode);
  const std::pair<uint64_t, const char *> markers[] = {
      {0xc000000000000000, "Start of kernel VM"},
      {vmalloc.value, "vmalloc() Area"},
      {0xc00a000000000000, "vmalloc() End"},
      {0xc00c000000000000, "vmemmap start"}};
  uint64_t array = BuiltKernel::dataOffset, name = 0x2000;
  for (const auto &[start, text] : markers) {
    built.addWord<uint64_t>(array, start);
    built.addWord<uint64_t>(array + 8, built.addString(name, text).value);
    array += 16;
    name += 64;
  }
  built.addWord<uint64_t>(array, ~uint64_t(0));
  KernelImage kernel = valueOf(built.find());
  EXPECT_THAT(sourceOf(kernel, "address markers"),
              HasSubstr("address_markers"));
  EXPECT_EQ(markerText(kernel), "0xc000000000000000 Start of kernel VM\n"
                                "0xc008000000000000 vmalloc() Area\n"
                                "0xc00a000000000000 vmalloc() End\n"
                                "0xc00c000000000000 vmemmap start\n");
  const KernelRegion *direct = kernel.findRegion(Region::DirectMap);
  ASSERT_NE(direct, nullptr);
  EXPECT_EQ(direct->last, vmalloc - 1);
  EXPECT_EQ(kernel.findRegion(Region::Vmemmap)->last,
            VirtAddr(0xc00dffffffffffff));
}

/// An array before populate_markers() has run.
TEST_P(EveryRadixMode, WithoutMarkersTheyAreConstants) {
  built.dump.vmcoreinfo = infoOf(built, mode);
  built.addWord<uint64_t>(BuiltKernel::dataOffset + 8,
                          built.addString(0x2000, "Start of kernel VM").value);
  const std::string vmemmap =
      mode.pageShift == 12 ? "0xc0003f0000000000" : "0xc00c000000000000";
  const KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(markerText(kernel), "0xc000000000000000 Start of kernel VM\n"
                                "0xc008000000000000 vmalloc() Area\n"
                                "0xc00a000000000000 vmalloc() End\n"
                                "0xc00a000000000000 isa I/O start\n"
                                "0xc00a000000010000 isa I/O end\n"
                                "0xc00a000000010000 phb I/O start\n"
                                "0xc00a000080000000 phb I/O end\n"
                                "0xc00a000080000000 I/O remap start\n"
                                "0xc00bfffffe000000 I/O remap end\n" +
                                    vmemmap + " vmemmap start\n");
  // The kernel names another kernel's; what lies where is no matter of names.
  EXPECT_EQ(kernel.findRegion(Region::Vmemmap)->first,
            VirtAddr(0xc00c000000000000));
  EXPECT_EQ(kernel.findRegion(Region::DirectMap)->last, vmalloc - 1);
}

TEST_P(EveryRadixMode, ATableThatDoesNotMapItselfIsNotBelieved) {
  built.dump.vmcoreinfo = infoOf(built, mode);
  built.tables.setEntry(imageAt + BuiltKernel::rootOffset, 3, 0);
  EXPECT_NE(built.failure(), "");
}

/// Linux's tables of a kernel under a hash table.
struct HashKernel : BuiltKernel {
  explicit HashKernel(const PagingMode &mode = ppc64le::hash64K)
      : BuiltKernel(mode, ppc64le::firstOfTables(mode), physicalAt) {
    memory->addZeros(PhysAddr(0x8000000), 0x10000);
  }
  std::string text(llvm::StringRef keys = "",
                   llvm::StringRef release = "6.12.0") const {
    return "OSRELEASE=" + release.str() +
           "\nPAGESIZE=" + std::to_string(bit(tables.mode().pageShift)) +
           "\nSYMBOL(swapper_pg_dir)=" +
           hex(0xc000000000000000 | tables.root().value).substr(2) +
           "\nSYMBOL(_stext)=" +
           hex(0xc000000000000000 | physicalAt.value).substr(2) + "\n" +
           keys.str();
  }
};

TEST(Ppc64leKernel, AHashTableIsRecognised) {
  for (const PagingMode *mode : {&ppc64le::hash64K, &ppc64le::hash4K})
    for (llvm::StringRef keys : {"", "NUMBER(RADIX_MMU)=0\n"}) {
      HashKernel built(*mode);
      built.dump.vmcoreinfo = built.text(keys);
      KernelImage kernel = valueOf(built.find());
      EXPECT_EQ(kernel.mode.name, mode->name);
      EXPECT_EQ(kernel.root, built.tables.root());
      EXPECT_THAT(sourceOf(kernel, "MMU"), HasSubstr("hash table"));
      EXPECT_THAT(sourceOf(kernel, "root table"), HasSubstr("kernel's pages"));
      const AddressSpace space = kernel.addressSpace(*built.memory);
      EXPECT_EQ(space.find(built.image + 0x1234).address, physicalAt + 0x1234);
      EXPECT_EQ(space.find(imageAt).address, physicalAt);
    }
}

/// Each part has a region of its own, and the linear map ends before them.
TEST(Ppc64leKernel, AreasOfSmallPagesUnderAHashTable) {
  HashKernel built(ppc64le::hash4K);
  built.dump.vmcoreinfo = built.text();
  const KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.findRegion(Region::DirectMap)->last,
            VirtAddr(0xc0003cffffffffff));
  EXPECT_EQ(kernel.findRegion(Region::Vmalloc)->first,
            VirtAddr(0xc0003d0000000000));
  EXPECT_EQ(kernel.findRegion(Region::Vmalloc)->last,
            VirtAddr(0xc0003dffffffffff));
  EXPECT_EQ(kernel.findRegion(Region::Vmemmap)->first,
            VirtAddr(0xc0003f0000000000));
  EXPECT_EQ(kernel.findRegion(Region::Vmemmap)->last,
            VirtAddr(0xc0003fffffffffff));
  EXPECT_THAT(markerText(kernel),
              HasSubstr("0xc0003efffe000000 I/O remap end\n"
                        "0xc0003f0000000000 vmemmap start"));
}

TEST(Ppc64leKernel, OlderHashKernelsAreRefusedInASentence) {
  for (const PagingMode *mode : {&ppc64le::hash64K, &ppc64le::hash4K}) {
    HashKernel built(*mode);
    built.dump.vmcoreinfo = built.text("NUMBER(RADIX_MMU)=0\n", "5.0.0");
    EXPECT_THAT(built.failure(), HasSubstr("at other addresses"));
  }
}

TEST(Ppc64leKernel, AHashRootLeadsToTables) {
  HashKernel built;
  built.dump.vmcoreinfo = built.text();
  built.tables.setEntry(VirtAddr(0xc00f000000000000), 0, 0x7fff000000);
  EXPECT_THAT(built.failure(), HasSubstr("no kernel page tables"));
}

TEST(Ppc64leKernel, AHashRootMapsSomethingOfTheKernel) {
  HashKernel built;
  built.dump.vmcoreinfo = built.text();
  for (uint64_t at = 0; at < BuiltKernel::imageBytes; at += 0x10000)
    built.tables.setEntry(vmalloc + at, 3, 0);
  EXPECT_THAT(built.failure(), HasSubstr("no kernel page tables"));
}

TEST(Ppc64leKernel, SwapEntries) {
  for (const PagingMode *mode : getModes(Arch::Ppc64le)) {
    const NonPresentRules rules = getNonPresentRules(*mode, {6, 12});
    const uint64_t entry = ppc64le::leaf | uint64_t(0x39) << mode->pageShift |
                           0x220 /* exclusive, soft-dirty */ | 3;
    const NonPresentEntry swapped = decodeNonPresent(rules, *mode, entry, 3);
    EXPECT_EQ(swapped.kind, EntryKind::Swapped);
    EXPECT_EQ(swapped.swapOffset, 0x39u);
    EXPECT_EQ(swapped.swapType, 3u);
    const NonPresentEntry split = decodeNonPresent(
        rules, *mode, ppc64le::leaf | ppc64le::invalidated | 0x12340000, 3);
    EXPECT_EQ(split.kind, EntryKind::ProtNone);
    EXPECT_EQ(split.address, PhysAddr(0x12340000));
  }
}

TEST(Ppc64leKernel, UserAddressesEndByPageSize) {
  KernelImage image;
  image.arch = findKernelArch(Arch::Ppc64le);
  image.mode = ppc64le::radix64K;
  EXPECT_EQ(image.arch->lastUserAddress(image), VirtAddr(lowBits(52)));
  image.mode = ppc64le::radix4K;
  EXPECT_EQ(image.arch->lastUserAddress(image), VirtAddr(lowBits(46)));
}

/// The same tables, and the same file: QEMU's headers are big-endian for both.
TEST(Ppc64leKernel, BigEndianOnesAreRefusedInASentence) {
  for (bool isBig : {false, true}) {
    BuiltKernel built(ppc64le::radix64K, imageAt, physicalAt);
    for (uint64_t at = 0; at < 160; at += 8) {
      const uint64_t pointer = imageAt.value + BuiltKernel::dataOffset + at;
      built.memory->writeNumber<uint64_t>(built.physical +
                                              BuiltKernel::dataOffset + at,
                                          isBig ? byteSwap(pointer) : pointer);
    }
    std::string text = infoOf(built, ppc64le::radix64K);
    text += "SYMBOL(init_uts_ns)=" +
            hex(built.image + BuiltKernel::dataOffset + 0x40).substr(2) + "\n";
    built.dump.vmcoreinfo = text;
    if (isBig)
      EXPECT_THAT(built.failure(), HasSubstr("it is a big-endian kernel"));
    else
      EXPECT_EQ(valueOf(built.find()).root, built.tables.root());
  }
}

} // namespace
