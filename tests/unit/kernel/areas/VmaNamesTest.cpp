#include "kernel/areas/VmaNames.h"

#include "paging/modes/Arm.h"

#include "support/FileObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

constexpr KernelVersion recent{6, 12}, old{6, 6};
constexpr VirtAddr specialName(0xffffffff81001000),
    codeAddress(0xffffffff81002000);

class VmaNamesTest : public ::testing::Test {
protected:
  VmaNamesTest() {
    kernel.declare("mm_context_t", {{"flags", 8}, {"vdso", 8}});
    kernel.declare("mm_struct", {{"start_brk", 8},
                                 {"brk", 8},
                                 {"start_stack", 8},
                                 {"context", "mm_context_t"},
                                 {"map_count", 4},
                                 {"mmap", 8}});
    kernel.declare("vm_operations_struct", {{"open", 8}, {"name", 8}});
    kernel.declare("vm_special_mapping", {{"name", 8}, {"pages", 8}});
    kernel.declare("anon_vma_name", {{"kref", 4}, {"name", 1, 0}});
    kernel.declare("vm_area_struct", {{"vm_start", 8},
                                      {"vm_end", 8},
                                      {"vm_flags", 8},
                                      {"vm_pgoff", 8},
                                      {"vm_file", 8},
                                      {"vm_ops", 8},
                                      {"vm_next", 8},
                                      {"vm_private_data", 8}});
    layout.startBrk = 0x10000;
    layout.brk = 0x12345;
    layout.startStack = 0x7ffe00001234;
    vma.start = VirtAddr(0x400000);
    vma.end = VirtAddr(0x401000);
  }

  VmaNames names(KernelVersion version = recent) {
    return valueOf(VmaNames::create(kernel.types(), kernel.symbols,
                                    kernel.reader(), version));
  }
  std::string nameOf(KernelVersion version = recent) {
    VmaName name = names(version).describe(vma, layout);
    EXPECT_EQ(name.problem, "");
    return name.text;
  }
  void place(uint64_t start, uint64_t end) {
    vma.start = VirtAddr(start);
    vma.end = VirtAddr(end);
  }
  void makeSpecial(const std::string &text, VirtAddr function = specialName) {
    vma.operations = files.make("vm_operations_struct");
    kernel.set(vma.operations, "vm_operations_struct", "name", function);
    vma.privateData = files.make("vm_special_mapping");
    kernel.set(vma.privateData, "vm_special_mapping", "name",
               kernel.text(text));
  }

  FileObjects files;
  KernelObjects &kernel = files.kernel;
  Vma vma;
  MmLayout layout;
};

TEST_F(VmaNamesTest, AnAnonymousAreaHasNone) { EXPECT_EQ(nameOf(), ""); }

TEST_F(VmaNamesTest, TheHeapIsWhatLiesInIt) {
  place(0x10000, 0x13000);
  EXPECT_EQ(nameOf(), "[heap]");
  EXPECT_EQ(nameOf(old), "[heap]");
}

TEST_F(VmaNamesTest, WhatOnlyTouchesTheHeapWasTheHeapUntil67) {
  place(0xf000, 0x10000);
  EXPECT_EQ(nameOf(), "");
  EXPECT_EQ(nameOf(old), "[heap]");
  layout.brk = 0x12000;
  place(0x12000, 0x13000);
  EXPECT_EQ(nameOf(), "");
  EXPECT_EQ(nameOf(old), "[heap]");
}

TEST_F(VmaNamesTest, TheStackIsWhereItStarted) {
  place(0x7ffe00000000, 0x7ffe00002000);
  EXPECT_EQ(nameOf(), "[stack]");
  place(0x7ffe00002000, 0x7ffe00003000);
  EXPECT_EQ(nameOf(), "");
}

TEST_F(VmaNamesTest, ASpecialMappingNamesItself) {
  makeSpecial("[vdso]");
  EXPECT_EQ(nameOf(), "[vdso]") << "without symbols";
  kernel.symbols.add("special_mapping_name", specialName);
  EXPECT_EQ(nameOf(), "[vdso]");
}

/// linux arch/x86/entry/vdso/vma.c, arch/arm64/kernel/vdso.c (with those of
/// 32-bit processes), arch/riscv/kernel/vdso.c, kernel/events/uprobes.c.
TEST_F(VmaNamesTest, OfEverySpecialMapping) {
  kernel.symbols.add("special_mapping_name", specialName);
  for (const char *text : {"[vdso]", "[vvar]", "[vvar_vclock]", "[sigpage]",
                           "[vectors]", "[uprobes]", "[aarch32_vdso]"}) {
    makeSpecial(text);
    EXPECT_EQ(nameOf(), text);
  }
}

/// The kernel has no name for it (x86 VM_SHADOW_STACK, arm64 GCS): linux v6.12
/// arch/x86/mm/mmap.c arch_vma_name().
TEST_F(VmaNamesTest, AShadowStackHasNone) {
  for (unsigned number : {37, 38}) {
    vma.flags = VmRead | VmWrite | uint64_t(1) << number;
    EXPECT_EQ(nameOf(), "") << number;
  }
}

/// get_vma_name(): the file before all else, and its name by prctl() before
/// its path.
TEST_F(VmaNamesTest, OfFilesThatAreNoneOfADirectory) {
  const std::pair<const char *, const char *> pseudo[] = {
      {"secretmem", "/secretmem (deleted)"},
      {"hugetlbfs", "/anon_hugepage (deleted)"},
      {"anon_inodefs", "anon_inode:[io_uring]"},
      {"tmpfs", "/memfd:a b (deleted)"}};
  const char *names[] = {"secretmem", "anon_hugepage", "[io_uring]",
                         "memfd:a b"};
  for (size_t i = 0; i < std::size(pseudo); ++i) {
    vma.file = files.pseudoFile(pseudo[i].first, names[i], 7);
    EXPECT_EQ(nameOf(), pseudo[i].second);
  }
}

/// A file on a mounted hugetlbfs has a place in it; d_dname is only for those
/// on the kernel's own mount.
TEST_F(VmaNamesTest, AHugetlbfsFileHasItsPath) {
  VirtAddr top = files.dentry("/"), point = files.dentry("huge", top);
  VirtAddr root = files.dentry("/"),
           mount = files.mount(root, files.mount(top), point);
  vma.file = files.file(mount, files.dentry("pool", root),
                        files.inode(files.superBlock("hugetlbfs", 1), 9));
  EXPECT_EQ(nameOf(), "/huge/pool");
}

TEST_F(VmaNamesTest, AnotherFunctionIsNotGuessedAt) {
  makeSpecial("[vdso]", codeAddress);
  kernel.symbols.add("special_mapping_name", specialName);
  VmaName name = names().describe(vma, layout);
  EXPECT_EQ(name.text, "(unreadable)");
  EXPECT_THAT(name.problem, HasSubstr("0xffffffff81002000"));
}

TEST_F(VmaNamesTest, AnonNames) {
  vma.anonName = files.make("anon_vma_name");
  kernel.memory.writeString(kernel.physical(vma.anonName + 4), "pool");
  EXPECT_EQ(nameOf(), "[anon:pool]");
  // The heap's own name goes before.
  place(0x10000, 0x13000);
  EXPECT_EQ(nameOf(), "[heap]");
  vma.file = files.pseudoFile("tmpfs", "dev/zero", 1);
  EXPECT_EQ(nameOf(), "[anon_shmem:pool]");
}

TEST_F(VmaNamesTest, AFileHasItsPathWithLineFeedsEscaped) {
  VirtAddr top = files.dentry("/");
  vma.file = files.file(files.mount(top), files.dentry("a\nb", top),
                        files.inode(files.superBlock("ext4", 1), 9));
  EXPECT_EQ(nameOf(), "/a\\012b");
}

class GateTest : public VmaNamesTest {
protected:
  void setUp(uint32_t mode) {
    gate = files.make("vm_area_struct");
    kernel.set(gate, "vm_area_struct", "vm_start", 0xffffffffff600000);
    kernel.set(gate, "vm_area_struct", "vm_end", 0xffffffffff601000);
    VirtAddr modeAt = kernel.allocate(4, 4);
    kernel.memory.writeNumber<uint32_t>(kernel.physical(modeAt), mode);
    kernel.symbols.add("vfs_read", codeAddress);
    kernel.symbols.add("get_gate_vma", codeAddress);
    kernel.symbols.add("gate_vma", gate);
    kernel.symbols.add("vsyscall_mode", modeAt);
    layout.mm = files.make("mm_struct");
    kernel.set(layout.mm, "mm_struct", "context.flags", 2);
  }
  bool hasGate() {
    auto vmas = valueOf(VmaReader::create(kernel.types(), kernel.reader()));
    return valueOf(names().findGate(layout, vmas)).has_value();
  }
  VirtAddr gate;
};

TEST_F(GateTest, IsThereUnlessVsyscallIsNone) {
  setUp(1);
  EXPECT_TRUE(hasGate());
}
TEST_F(GateTest, IsNotThereWithVsyscallNone) {
  setUp(2);
  EXPECT_FALSE(hasGate());
}
TEST_F(GateTest, IsNotThereForA32BitProcess) {
  setUp(1);
  kernel.set(layout.mm, "mm_struct", "context.flags", 1);
  EXPECT_FALSE(hasGate());
}
TEST_F(GateTest, IsNotThereWithoutItsCode) {
  kernel.symbols.add("vfs_read", codeAddress);
  EXPECT_FALSE(hasGate());
}
TEST_F(GateTest, IsThereForEveryProcessOfArmWithItsCode) {
  const AddressSpace space(kernel.memory, arm::lpae, PhysAddr(0));
  const StructReader reader(space);
  auto vmas = valueOf(VmaReader::create(kernel.types(), reader));
  auto find = [&] {
    VmaNames names = valueOf(
        VmaNames::create(kernel.types(), kernel.symbols, reader, recent));
    return std::pair(valueOf(names.findGate(layout, vmas)), names);
  };
  kernel.symbols.add("vfs_read", codeAddress);
  EXPECT_FALSE(find().first) << "CONFIG_KUSER_HELPERS is not set";
  kernel.symbols.add("get_gate_vma", codeAddress);
  auto [gate, names] = find();
  ASSERT_TRUE(gate);
  EXPECT_EQ(gate->start, VirtAddr(0xffff0000));
  EXPECT_EQ(gate->end, VirtAddr(0xffff1000));
  EXPECT_EQ(gate->flags, VmRead | VmExec);
  EXPECT_EQ(names.describe(*gate, layout).text, "[vectors]");
}
TEST_F(GateTest, OfX86HasItsName) {
  setUp(1);
  auto vmas = valueOf(VmaReader::create(kernel.types(), kernel.reader()));
  vma = *valueOf(names().findGate(layout, vmas));
  EXPECT_EQ(nameOf(), "[vsyscall]");
}
TEST_F(GateTest, WithoutSymbolsItIsNotKnown) {
  auto vmas = valueOf(VmaReader::create(kernel.types(), kernel.reader()));
  EXPECT_THAT(textOf(names().findGate(layout, vmas)),
              HasSubstr("no symbol gate_vma in a test"));
}

} // namespace
