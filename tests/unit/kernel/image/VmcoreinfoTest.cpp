#include "kernel/image/Vmcoreinfo.h"

#include "gmock/gmock.h"

using namespace vmpt;

namespace {

TEST(Vmcoreinfo, ReadsTheThreeSpellingsOfNumbers) {
  Vmcoreinfo info = Vmcoreinfo::parse(
      "OSRELEASE=6.1.0-56-amd64\nPAGESIZE=4096\n"
      "SYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-603979776\n"
      "NUMBER(VMALLOC_START)=0xffffc90000000000\nOFFSET(page.lru)=8\n"
      "KERNELOFFSET=2a400000\nCONFIG_X86_PAE=y\n");
  EXPECT_EQ(info.release(), llvm::StringRef("6.1.0-56-amd64"));
  EXPECT_EQ(info.symbol("_stext"), 0xffffffff81000000);
  EXPECT_EQ(info.number("phys_base"), uint64_t(-603979776));
  EXPECT_EQ(info.number("VMALLOC_START"), 0xffffc90000000000);
  EXPECT_EQ(info.offset("page.lru"), 8u);
  EXPECT_EQ(info.hexValue("KERNELOFFSET"), 0x2a400000u);
  EXPECT_EQ(info.decimal("PAGESIZE"), 4096u);
  EXPECT_TRUE(info.has("CONFIG_X86_PAE"));
  EXPECT_FALSE(info.symbol("init_top_pgt"));
}

TEST(Vmcoreinfo, TakesAnyBytes) {
  Vmcoreinfo info = Vmcoreinfo::parse(llvm::StringRef(
      "=\n\n=x\nNUMBER(a)=zz\nNUMBER(b)=1\nNUMBER(b)=2\nno value\n"
      "NUMBER(c)=99999999999999999999999\n\0NUMBER(d)=4\n",
      96));
  EXPECT_FALSE(info.number("a"));
  EXPECT_EQ(info.number("b"), 2u); // the last one counts
  EXPECT_FALSE(info.number("c"));
  EXPECT_FALSE(info.number("d")); // after the end
}

} // namespace
