#include "kernel/image/Kallsyms.h"

#include "kernel/image/KallsymsFinder.h"
#include "support/Expected.h"
#include "support/KallsymsBuilder.h"

#include "kernel/image/Vmcoreinfo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;
using enum KallsymsEncoding;

namespace {

constexpr uint64_t text64 = 0xffffffff81000000, text32 = 0xc1000000;

/// A release's way to write the tables.
struct Flavour {
  const char *name;
  KallsymsBuilder builder;
  size_t longName = 0;
};

std::vector<Flavour> flavours() {
  std::vector<Flavour> all;
  auto add = [&](const char *name, KallsymsEncoding encoding,
                 size_t longName) -> KallsymsBuilder & {
    all.push_back({name, {}, longName});
    all.back().builder.encoding = encoding;
    return all.back().builder;
  };
  {
    auto &b = add("4.9 x86-64", AbsolutePercpu, 200);
    b.countBytes = b.markerBytes = 8;
  }
  {
    auto &b = add("4.14 absolute", Absolute, 200);
    b.countBytes = b.markerBytes = 8;
  }
  add("5.10 arm64", BaseRelative, 200);
  add("5.10 x86-64", AbsolutePercpu, 200);
  {
    auto &b = add("6.1 i386", BaseRelative, 300);
    b.wordBytes = b.alignment = 4;
    b.wideLengths = true;
    b.tablesStart = VirtAddr(0xc1800000);
  }
  {
    auto &b = add("6.1 x86-64 with seqs_of_names", AbsolutePercpu, 300);
    b.wideLengths = b.seqsOfNames = true;
  }
  {
    auto &b = add("6.6 absolute", Absolute, 300);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
  }
  {
    auto &b = add("6.12 x86-64", AbsolutePercpu, 300);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
  }
  {
    auto &b = add("6.12 arm64, no long name", BaseRelative, 0);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
  }
  {
    auto &b = add("7.2", PlaceRelative, 300);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
    b.alignment = 4;
  }
  {
    auto &b = add("7.2, 32-bit", Offset32, 300);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
    b.wordBytes = b.alignment = 4;
    b.tablesStart = VirtAddr(0xc1800000);
  }
  {
    auto &b = add("6.12 big-endian", BaseRelative, 300);
    b.wideLengths = b.seqsOfNames = true;
    b.addressesFirst = false;
    b.order = ByteOrder::big;
  }
  for (Flavour &flavour : all)
    // Odd and even numbers of symbols and markers meet different paddings.
    flavour.builder.addSymbols(flavour.builder.wordBytes == 4 ? text32 : text64,
                               700 + 3 * unsigned(&flavour - all.data()),
                               flavour.longName);
  return all;
}

KallsymsMachine machineOf(const KallsymsBuilder &builder, bool withStext) {
  KallsymsMachine machine;
  machine.wordBytes = builder.wordBytes;
  machine.order = builder.order;
  if (withStext)
    machine.stext = VirtAddr(builder.wordBytes == 4 ? text32 : text64);
  return machine;
}

std::unique_ptr<Kallsyms> load(KallsymsBuilder &builder, KernelImage &image,
                               bool withStext) {
  auto read = image.reader();
  return valueOf(Kallsyms::create(read, builder.tables.names,
                                  builder.tables.addresses,
                                  machineOf(builder, withStext)));
}

std::string errorOf(KallsymsBuilder &builder, KernelImage &image) {
  auto read = image.reader();
  return textOf(Kallsyms::create(read, builder.tables.names,
                                 builder.tables.addresses,
                                 machineOf(builder, false)));
}

void expectSame(const Kallsyms &kallsyms, const KallsymsBuilder &builder) {
  ASSERT_EQ(kallsyms.size(), builder.symbols.size());
  size_t index = 0;
  kallsyms.forEach([&](const Symbol &symbol) {
    const Symbol &wanted = builder.symbols[index++];
    EXPECT_EQ(symbol.name, wanted.name);
    EXPECT_EQ(symbol.address, wanted.address) << hex(symbol.address);
    EXPECT_EQ(symbol.type, wanted.type);
    return !::testing::Test::HasFailure();
  });
  EXPECT_EQ(kallsyms.encoding(), builder.encoding);
}

TEST(Kallsyms, DecodesEachFlavourWithAndWithoutAKnownSymbol) {
  for (Flavour &flavour : flavours()) {
    SCOPED_TRACE(flavour.name);
    KernelImage image = flavour.builder.build();
    for (bool withStext : {true, false}) {
      auto kallsyms = load(flavour.builder, image, withStext);
      ASSERT_TRUE(kallsyms);
      expectSame(*kallsyms, flavour.builder);
      if (flavour.longName) {
        EXPECT_EQ(kallsyms->hasWideLengths(), flavour.builder.wideLengths);
      }
    }
  }
}

TEST(Kallsyms, IsFoundByStructureInEachFlavour) {
  for (Flavour &flavour : flavours())
    for (unsigned lead : {64u, 68u, 72u, 100004u}) {
      SCOPED_TRACE(flavour.name + std::string(", lead ") +
                   std::to_string(lead));
      flavour.builder.lead = lead;
      KernelImage image = flavour.builder.build();
      auto read = image.reader();
      VirtualRange range = {image.start, image.data.size()};
      auto found = findKallsyms(read, range, machineOf(flavour.builder, false));
      ASSERT_TRUE(bool(found)) << llvm::toString(found.takeError());
      expectSame(**found, flavour.builder);
      const KallsymsNameTables &names = (*found)->tables().names;
      EXPECT_EQ(names.names, flavour.builder.tables.names.names);
      EXPECT_EQ(names.tokenTable, flavour.builder.tables.names.tokenTable);
      EXPECT_EQ(names.symbolCount, flavour.builder.tables.names.symbolCount);
    }
}

TEST(Kallsyms, IsFoundInSeveralRangesWithAbsentPages) {
  KallsymsBuilder builder;
  builder.lead = 0x3000;
  builder.addSymbols(text64, 1000);
  KernelImage image = builder.build();
  image.absentPages = {image.start.value >> 12, (image.start.value >> 12) + 2};
  auto read = image.reader();
  VirtualRange ranges[] = {{VirtAddr(0xffffffff80000000), 0x1000},
                           {image.start, 0x5000},
                           {image.start + 0x5000, image.data.size() - 0x5000}};
  auto kallsyms =
      valueOf(findKallsyms(read, ranges, machineOf(builder, false)));
  ASSERT_TRUE(kallsyms);
  expectSame(*kallsyms, builder);
  EXPECT_THAT(textOf(findKallsyms(read, llvm::ArrayRef(ranges).take_front(1),
                                  machineOf(builder, false))),
              HasSubstr("no kallsyms found by structure in 0x1000 bytes"));
}

TEST(Kallsyms, LooksUpNames) {
  KallsymsBuilder builder;
  builder.addSymbols(text64, 700);
  KernelImage image = builder.build();
  auto kallsyms = load(builder, image, true);
  ASSERT_TRUE(kallsyms);
  auto found = kallsyms->findAll(
      {"_end", "sys_call_1", "sys_call", "", "do_page_fault.part.3", "T"});
  ASSERT_TRUE(found[0] && found[1] && found[4]);
  EXPECT_EQ(found[0]->address, VirtAddr(text64 + 700 * 32 + 64));
  EXPECT_EQ(found[0]->type, 'B');
  EXPECT_EQ(found[1]->address, VirtAddr(text64 + 16));
  EXPECT_EQ(found[1]->sizeBytes, 32u);
  EXPECT_EQ(found[4]->address, VirtAddr(text64 + 48));
  EXPECT_FALSE(found[2] || found[3] || found[5]);
}

TEST(Kallsyms, FindsTheSymbolOfAnAddress) {
  KallsymsBuilder builder;
  builder.addSymbols(text64, 700);
  KernelImage image = builder.build();
  auto kallsyms = load(builder, image, true);
  ASSERT_TRUE(kallsyms);
  EXPECT_FALSE(kallsyms->findNearest(VirtAddr(text64 - 1)));
  auto near = kallsyms->findNearest(VirtAddr(text64 + 3));
  ASSERT_TRUE(near);
  EXPECT_EQ(near->symbol.name, "_stext"); // the first of two
  EXPECT_EQ(near->offset, 3u);
  near = kallsyms->findNearest(VirtAddr(text64 + 16 + 300 * 32 + 31));
  ASSERT_TRUE(near);
  EXPECT_EQ(near->symbol.name, "do_page_fault.part.600");
  EXPECT_EQ(near->offset, 31u);
  near = kallsyms->findNearest(VirtAddr(~uint64_t(0)));
  ASSERT_TRUE(near);
  EXPECT_EQ(near->symbol.name, "_end");
}

TEST(Kallsyms, ReadsTheTablesAndNothingElse) {
  KallsymsBuilder builder;
  builder.lead = 0x10000;
  builder.addSymbols(text64, 5000);
  KernelImage image = builder.build();
  ASSERT_TRUE(load(builder, image, true));
  EXPECT_GE(*image.pagesRead.begin(),
            builder.tables.addresses.offsets->value >> 12);
  EXPECT_LE(*image.pagesRead.rbegin(),
            (builder.tables.names.tokenIndex.value + 511) >> 12);
}

TEST(Kallsyms, VmcoreinfoNamesTheTables) {
  auto info =
      Vmcoreinfo::parse("SYMBOL(kallsyms_names)=ffffffff82000008\n"
                        "SYMBOL(kallsyms_num_syms)=ffffffff82000000\n"
                        "SYMBOL(kallsyms_token_table)=ffffffff82100000\n"
                        "SYMBOL(kallsyms_token_index)=ffffffff82100400\n"
                        "SYMBOL(kallsyms_offsets)=ffffffff82200000\n");
  auto tables = KallsymsTables::find(info);
  ASSERT_TRUE(tables);
  EXPECT_EQ(tables->names.symbolCount, VirtAddr(0xffffffff82000000));
  EXPECT_EQ(tables->addresses.offsets, VirtAddr(0xffffffff82200000));
  EXPECT_FALSE(tables->addresses.relativeBase);
  EXPECT_FALSE(KallsymsTables::find(
      Vmcoreinfo::parse("SYMBOL(kallsyms_names)=ffffffff82000008\n")));
}

//===--- hostile tables ---------------------------------------------------===//

class KallsymsHostile : public ::testing::Test {
protected:
  void SetUp() override {
    builder.addSymbols(text64, 700);
    image = builder.build();
  }
  uint8_t *at(VirtAddr address) {
    return image.data.data() + (address - image.start);
  }
  void put32(VirtAddr address, uint32_t value) {
    std::memcpy(at(address), &value, 4);
  }

  KallsymsBuilder builder;
  KernelImage image;
};

TEST_F(KallsymsHostile, Counts) {
  put32(builder.tables.names.symbolCount, 0);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("kallsyms_num_syms"));
  put32(builder.tables.names.symbolCount, 0xffffffff);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("is 0xffffffff, expected"));
  put32(builder.tables.names.symbolCount, 1 << 22);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("is empty"));
  put32(builder.tables.names.symbolCount, uint32_t(builder.symbols.size() - 1));
  EXPECT_THAT(errorOf(builder, image), HasSubstr("kallsyms_markers"));
}

TEST_F(KallsymsHostile, AMarkerThatDisagrees) {
  image.data[builder.markersStart + 4] ^= 1;
  EXPECT_THAT(errorOf(builder, image),
              HasSubstr("kallsyms_markers do not agree"));
}

TEST_F(KallsymsHostile, AnEmptyName) {
  *at(builder.tables.names.names) = 0;
  EXPECT_THAT(errorOf(builder, image), HasSubstr("name 0 is empty"));
}

TEST_F(KallsymsHostile, TokensOutsideTheTable) {
  *at(builder.tables.names.tokenIndex + 0x41 * 2 + 1) = 0xff;
  EXPECT_THAT(errorOf(builder, image), HasSubstr("token 65 starts at 0xff"));
}

TEST_F(KallsymsHostile, TokenTableWithoutTheEndOfItsLastText) {
  uint64_t size =
      builder.tables.names.tokenIndex - builder.tables.names.tokenTable;
  std::memset(at(builder.tables.names.tokenTable), 'a', size);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("where no text is"));
}

TEST_F(KallsymsHostile, TablesInTheWrongOrder) {
  std::swap(builder.tables.names.tokenIndex, builder.tables.names.tokenTable);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("does not follow"));
  std::swap(builder.tables.names.tokenIndex, builder.tables.names.tokenTable);
  builder.tables.names.names = builder.tables.names.tokenIndex;
  EXPECT_THAT(errorOf(builder, image), HasSubstr("does not follow"));
}

TEST_F(KallsymsHostile, AddressesThatDoNotAscend) {
  put32(*builder.tables.addresses.offsets + 400, 0);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("no believable addresses"));
}

TEST_F(KallsymsHostile, ABaseThatIsNotNearTheTables) {
  put32(*builder.tables.addresses.relativeBase + 4, 0x12345678);
  EXPECT_THAT(errorOf(builder, image), HasSubstr("no believable addresses"));
}

TEST_F(KallsymsHostile, AKnownSymbolThatDisagrees) {
  KallsymsMachine machine;
  machine.stext = VirtAddr(text64 + 0x1000);
  auto read = image.reader();
  EXPECT_THAT(textOf(Kallsyms::create(read, builder.tables.names,
                                      builder.tables.addresses, machine)),
              HasSubstr("no believable addresses"));
}

TEST_F(KallsymsHostile, AnAbsentPageIsNamed) {
  image.absentPages.insert(builder.tables.names.names.value >> 12);
  EXPECT_THAT(errorOf(builder, image),
              HasSubstr("cannot be read: page is absent"));
}

/// Tokens of thousands of characters and names of hundreds of tokens.
TEST_F(KallsymsHostile, NamesThatExpandWithoutEndAreCut) {
  KallsymsBuilder big;
  big.wideLengths = true;
  big.addSymbols(text64, 300, 8000);
  KernelImage bigImage = big.build();
  auto kallsyms = load(big, bigImage, true);
  ASSERT_TRUE(kallsyms);
  size_t longest = 0;
  kallsyms->forEach([&](const Symbol &symbol) {
    longest = std::max(longest, symbol.name.size());
    return true;
  });
  EXPECT_EQ(longest, 1023u);
}

TEST_F(KallsymsHostile, EachByteOfTheImageMayBeWrong) {
  KallsymsBuilder small;
  small.addSymbols(text64, 260);
  const KernelImage good = small.build();
  // The names alone are thousands of bytes; every 13th of all is enough.
  for (size_t i = 0; i < good.data.size(); i += 13) {
    KernelImage bad = good;
    bad.data[i] ^= 0xff;
    auto read = bad.reader();
    auto kallsyms =
        Kallsyms::create(read, small.tables.names, small.tables.addresses, {});
    if (!kallsyms) {
      llvm::consumeError(kallsyms.takeError());
      continue;
    }
    (*kallsyms)->findNearest(VirtAddr(text64 + 100));
    EXPECT_EQ((*kallsyms)->size(), small.symbols.size());
  }
}

} // namespace
