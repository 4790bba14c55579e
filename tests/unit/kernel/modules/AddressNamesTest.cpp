#include "kernel/modules/AddressNames.h"

#include "support/KallsymsBuilder.h"
#include "support/ModuleObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class AddressNamesTest : public ::testing::Test {
protected:
  AddressNamesTest() : made(true) {
    builder.add("_stext", 0xffffffff81000000);
    builder.add("_text", 0xffffffff81000000);
    for (unsigned i = 1; i < 300; ++i)
      builder.add("call_" + std::to_string(i), 0xffffffff81000000 + i * 0x100);
    builder.add("_end", 0xffffffff81013000);
    builder.add("vector_dabt", 0xffffffff81fff000); // as on arm
    builder.add("vector_fiq", 0xffffffff81fff200);
    module = made.add("virtio_blk", 0);
    made.setPart(module, 0, 0xffffffffc0000000, 0x1000);
    made.setPart(module, 1, 0xffffffffc0004000, 0x1000);
    made.setSymbols(module, {{"probe", 0xffffffffc0000100},
                             {"$x", 0xffffffffc0000180},
                             {".L12", 0xffffffffc0000184},
                             {"alias", 0xffffffffc0000100},
                             {"remove", 0xffffffffc0000200},
                             {"table", 0xffffffffc0004000}});
    made.link({module});
  }
  std::string print(uint64_t at) {
    if (!kallsyms) {
      image = builder.build();
      auto read = image.reader();
      kallsyms = valueOf(Kallsyms::create(
          read, builder.tables.names, {builder.tables.addresses},
          KallsymsMachine{.stext = VirtAddr(0xffffffff81000000)}));
      made.kernel.symbols.add("_end", VirtAddr(0xffffffff81013000));
      symbols.add(made.kernel.symbols);
      modules = valueOf(ModuleReader::create(made.kernel.types(),
                                             made.kernel.reader()))
                    .readAll(made.head);
    }
    return names().print(VirtAddr(at));
  }
  AddressNames names() {
    return AddressNames(symbols, made.kernel.types(), made.kernel.reader(),
                        kallsyms.get(), modules);
  }

  ModuleObjects made;
  VirtAddr module;
  KallsymsBuilder builder;
  vmpt::testing::KernelImage image;
  std::unique_ptr<Kallsyms> kallsyms;
  SymbolSources symbols;
  ModuleList modules;
};

TEST_F(AddressNamesTest, OfTheKernel) {
  EXPECT_EQ(print(0xffffffff81000512), "call_5+0x12/0x100");
  EXPECT_EQ(print(0xffffffff81000000), "_stext+0x0/0x100");
  EXPECT_EQ(print(0xffffffff81012b10), "call_299+0x10/0x500"); // up to _end
}

TEST_F(AddressNamesTest, OutsideTheKernel) {
  EXPECT_EQ(print(0xffffffff81013000), "0xffffffff81013000");
  EXPECT_EQ(print(0xffffffff81100000), "0xffffffff81100000");
  EXPECT_EQ(print(0xffffffff81fff100), "vector_dabt+0x100/0x200");
  EXPECT_EQ(print(0xffffffff80ffffff), "0xffffffff80ffffff");
  EXPECT_EQ(print(0), "0x0");
}

TEST_F(AddressNamesTest, OfAModule) {
  EXPECT_EQ(print(0xffffffffc0000190), "probe+0x90/0x100 [virtio_blk]");
  EXPECT_EQ(print(0xffffffffc0000fff), "remove+0xdff/0xe00 [virtio_blk]");
  EXPECT_EQ(print(0xffffffffc0000010), "0xffffffffc0000010"); // before all
}

/// What was printed is found again, and only as it was printed.
TEST_F(AddressNamesTest, LocatesWhatItPrints) {
  for (const uint64_t at : {0xffffffff81000512, 0xffffffffc0000190}) {
    const std::string printed = print(at);
    EXPECT_EQ(names().locate(printed), VirtAddr(at));
  }
  for (const char *text :
       {"", "+", "call_5", "call_5+0x12/0x200", "call_5+0x12/0x100 [other]",
        "call_5+0x120/0x100", "probe+0x90/0x100",
        "alias+0x90/0x100 [virtio_blk]", "nobody+0x0/0x10",
        "call_5+0xfffffffffffffffff/0x100"})
    EXPECT_EQ(names().locate(text), std::nullopt) << text;
}

TEST_F(AddressNamesTest, ModuleSymbolsThatAreNotThere) {
  made.set(module, "kallsyms", 0x1000);
  EXPECT_EQ(print(0xffffffffc0000190), "0xffffffffc0000190");
}

TEST_F(AddressNamesTest, AHostileCountEnds) {
  VirtAddr kallsymsAt = made.kernel.allocate("mod_kallsyms");
  made.kernel.set(kallsymsAt, "mod_kallsyms", "symtab",
                  made.kernel.allocate(64));
  made.kernel.set(kallsymsAt, "mod_kallsyms", "num_symtab", 0xffffffff);
  made.set(module, "kallsyms", kallsymsAt.value);
  EXPECT_EQ(print(0xffffffffc0000190), "0xffffffffc0000190");
}

} // namespace
