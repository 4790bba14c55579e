#include "kernel/find/DumperTraces.h"

#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"
// Behind the other, which means the KernelImage of the kernel.
#include "support/KallsymsBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

// What a capture could not read may be zeros; the function is elsewhere.
TEST(DumperTraces, TheFunctionThatPrintsTellsOfTheArray) {
  BuiltKernel built(x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(0x1000000));
  built.dump.vmcoreinfo = built.info(
      "6.1.0-test", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
  auto trace = [&](const char *function) {
    KallsymsBuilder kallsyms;
    kallsyms.tablesStart = built.image + BuiltKernel::dataOffset + 0x10000;
    kallsyms.addSymbols((built.image + 0x1000).value, 700);
    kallsyms.symbols.pop_back();
    kallsyms.add(function, (built.image + 0x18'0000).value, 't');
    kallsyms.add("_end", (built.image + 0x2f'0000).value, 'B');
    built.memory->write(built.physical + BuiltKernel::dataOffset + 0x10000,
                        kallsyms.build().data);
    return findDumperTrace(*built.memory, valueOf(built.find())).value_or("");
  };
  EXPECT_EQ(trace("printk_show"), "");
  EXPECT_EQ(trace("ptdump_show"),
            "the kernel has a dumper of page tables, for ptdump_show() is "
            "among its functions, but no address_markers[] that is whole");
}

} // namespace
