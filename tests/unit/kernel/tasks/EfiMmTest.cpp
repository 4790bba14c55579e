#include "kernel/tasks/EfiMm.h"

#include "support/TaskObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

TEST(EfiMm, BySymbol) {
  TaskObjects kernel;
  EXPECT_EQ(textOf(readEfiRoot(kernel.kernel())),
            "no EFI page tables: efi_mm.pgd is null, so the machine runs "
            "without EFI runtime services");
  VirtAddr table = kernel.objects.allocate(4096, 4096);
  kernel.set(kernel.efiMm, "mm_struct.pgd", table);
  EXPECT_EQ(valueOf(readEfiRoot(kernel.kernel())),
            kernel.objects.physical(table));
  kernel.set(kernel.efiMm, "mm_struct.pgd", KernelObjects::nowhere());
  EXPECT_THAT(textOf(readEfiRoot(kernel.kernel())), HasSubstr("not mapped"));
}

/// A kernel without KALLSYMS_ALL.
class EfiMmByStructure : public ::testing::Test {
protected:
  void SetUp() override {
    kernel.symbols.erase("efi_mm");
    kernel.places["mm_struct.mm_users"] = {0x10, 4};
    kernel.places["mm_struct.mm_count"] = {0x14, 4};
    kernel.places["mm_struct.mmlist"] = {0x18, 16};
    // What the kernel's data has besides: empty lists of other things.
    VirtAddr other = kernel.objects.allocate(64);
    kernel.ring(other, {});
    kernel.ring(other + 16, {});
    efiMm = staticMm();
  }
  VirtAddr staticMm() {
    VirtAddr mm = kernel.objects.allocate(64);
    kernel.set(mm, "mm_struct.mm_users", 2);
    kernel.set(mm, "mm_struct.mm_count", 1);
    kernel.ring(mm + 0x18, {});
    return mm;
  }
  llvm::Expected<VirtAddr> find() {
    kernel.imageRuns = {kernel.objects.run()};
    return findEfiMm(kernel.kernel());
  }
  TaskObjects kernel;
  VirtAddr efiMm;
};

TEST_F(EfiMmByStructure, IsWhatItsInitializerWrote) {
  VirtAddr table = kernel.objects.allocate(4096, 4096);
  kernel.set(efiMm, "mm_struct.pgd", table);
  EXPECT_EQ(valueOf(find()), efiMm);
  EXPECT_EQ(valueOf(readEfiRoot(kernel.kernel())),
            kernel.objects.physical(table));
}

TEST_F(EfiMmByStructure, WithoutRuntimeServicesHasNoTable) {
  EXPECT_EQ(valueOf(find()), efiMm);
  EXPECT_THAT(textOf(readEfiRoot(kernel.kernel())),
              HasSubstr("efi_mm.pgd is null"));
}

TEST_F(EfiMmByStructure, MayBeHeldByKernelThreads) {
  kernel.set(efiMm, "mm_struct.mm_count", 4);
  EXPECT_EQ(valueOf(find()), efiMm);
}

TEST_F(EfiMmByStructure, IsNoneOfTheOthers) {
  kernel.set(efiMm, "mm_struct.mm_users", 0);
  EXPECT_THAT(textOf(find()), HasSubstr("and 0 mm_structs in the kernel's"));
}

TEST_F(EfiMmByStructure, IsNotChosenAmongTwo) {
  staticMm();
  EXPECT_THAT(textOf(find()), HasSubstr("and 2 mm_structs in the kernel's"));
}

} // namespace
