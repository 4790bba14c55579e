//===- LearnObjects.h - processes whose structs nobody declares -----------===//
#pragma once

#include "KernelObjects.h"
#include "kernel/find/KernelArch.h"
#include "kernel/learn/TaskSamples.h"

namespace vmpt::testing {

/// Two processes and a kernel thread, with areas on a list, files, dentries,
/// signals and pids, in layouts that the code under test has to find.
class LearnObjects {
public:
  // Offsets in the structs of these names.
  struct Mm {
    static constexpr uint64_t mmap = 0, pgd = 0x48, mapCount = 0x60,
                              startCode = 0x100;
  };
  struct Area {
    static constexpr uint64_t start = 0, next = 0x10, mm = 0x40, flags = 0x50,
                              operations = 0x90, file = 0xa0, data = 0xa8;
  };
  struct File {
    static constexpr uint64_t path = 0x10, inode = 0x20, mode = 0x44;
  };
  struct Dentry {
    static constexpr uint64_t pprev = 0x10, parent = 0x18, length = 0x24,
                              name = 0x28, inode = 0x30, text = 0x38,
                              super = 0x68;
  };
  struct Inode {
    static constexpr uint64_t super = 0x28, mapping = 0x30, number = 0x40;
  };
  struct Super {
    static constexpr uint64_t device = 0x10, bits = 0x14, type = 0x28;
  };
  struct Task {
    static constexpr uint64_t tgid = 0x3cc, pid = 0x440, links = 0x448,
                              node = 0x480, signal = 0x500;
  };
  static constexpr uint64_t vfsInMount = 0x20, headInSignal = 0x10,
                            headInNamespace = 0x18, numberInPid = 0x50,
                            nameSlot = 0x58, nameFunction = 0xffffffff81001000;

  LearnObjects() {
    type_ = objects.allocate(64);
    set(type_, 0, objects.text("ramfs").value);
    super_ = objects.allocate(0x400);
    set32(super_, Super::device, 2);
    set(super_, Super::bits - 4, 2 | uint64_t(12) << 32);
    set(super_, Super::bits + 4, 4096);
    set(super_, Super::type, type_.value);
    root_ = dentry("/", VirtAddr(0), 1);
    const VirtAddr mount = objects.allocate(0x100);
    set(mount, vfsInMount - 16, mount.value);
    set(mount, vfsInMount - 8, root_.value);
    mount_ = mount + vfsInMount;
    set(mount_, 0, root_.value);
    set(mount_, 8, super_.value);
    special_ = objects.allocate(256);
    set(special_, nameSlot, nameFunction);
    fileOps_ = objects.allocate(256);
    namespace_ = objects.allocate(0x100);
    tree_ = objects.allocate(0x300);
    set(namespace_, headInNamespace, tree_.value | 2);
    addTask(0, "swapper/0");
    addProcess(1, "init", "busybox");
    addTask(2, "kthreadd", /*flags=*/0x208040);
    addProcess(9, "sh", "dash");
  }

  std::unique_ptr<Kernel> makeKernel(std::vector<const char *> places = {}) {
    image.mode = objects.reader().memory().mode();
    image.arch = findKernelArch(image.mode.arch);
    image.root = objects.root();
    image.bannerRelease = "5.10.0";
    DebugInputs inputs;
    inputs.searchRoot = "/nonexistent";
    for (const char *place : places)
      EXPECT_EQ(textOf(inputs.places.add(place)), "");
    for (const char *place :
         {"mm_struct.pgd=0x48:8", "task_struct.tgid=0x3cc:4"})
      EXPECT_EQ(textOf(inputs.places.add(place)), "");
    EXPECT_EQ(
        textOf(inputs.symbols.add("special_mapping_name=0xffffffff81001000")),
        "");
    return valueOf(
        Kernel::create(image, objects.memory, std::move(inputs), diagnostics));
  }

  void set(VirtAddr at, uint64_t offset, uint64_t value) {
    objects.setWord(at + offset, value);
  }
  void set32(VirtAddr at, uint64_t offset, uint32_t value) {
    objects.memory.writeNumber<uint32_t>(objects.physical(at + offset), value);
  }
  uint64_t get(VirtAddr at, uint64_t offset) {
    return valueOf(objects.reader().word(at + offset));
  }
  VirtAddr pidOf(VirtAddr task) { return VirtAddr(get(task, Task::pid)); }

  KernelObjects objects;
  KernelImage image;
  Diagnostics diagnostics;
  std::vector<TaskSample> tasks;
  std::vector<VirtAddr> areas, files, dentries, inodes;

private:
  VirtAddr dentry(const std::string &name, VirtAddr parent, uint64_t number) {
    const VirtAddr at = objects.allocate(0xc0), inode = objects.allocate(0x200),
                   bucket = objects.allocate(64);
    set(at, Dentry::pprev, parent.value ? bucket.value : 0);
    set(bucket, 0, (at + Dentry::pprev - 8).value | 1);
    set(at, Dentry::parent, parent.value ? parent.value : at.value);
    set32(at, Dentry::length, uint32_t(name.size()));
    set(at, Dentry::name, (at + Dentry::text).value);
    objects.memory.writeString(objects.physical(at + Dentry::text), name);
    set(at, Dentry::inode, inode.value);
    set(at, Dentry::super, super_.value);
    set(inode, Inode::super, super_.value);
    set(inode, Inode::mapping, (inode + 0x100).value);
    set(inode, Inode::number, number);
    dentries.push_back(at);
    inodes.push_back(inode);
    return at;
  }
  VirtAddr file(const std::string &name, uint64_t number) {
    const VirtAddr at = objects.allocate(0x180),
                   of = dentry(name, root_, number);
    set(at, File::path, mount_.value);
    set(at, File::path + 8, of.value);
    set(at, File::inode, get(of, Dentry::inode));
    set32(at, File::mode, 0xa801d);
    files.push_back(at);
    return at;
  }
  VirtAddr area(VirtAddr mm, uint64_t start, uint64_t end, uint64_t flags,
                VirtAddr of = VirtAddr(0), VirtAddr operations = VirtAddr(0),
                VirtAddr data = VirtAddr(0)) {
    const VirtAddr at = objects.allocate(0xc0);
    set(at, Area::start, start);
    set(at, Area::start + 8, end);
    set(at, Area::mm, mm.value);
    set(at, Area::flags, flags);
    set(at, Area::operations, operations.value);
    set(at, Area::operations + 8, of.value ? 0 : start >> 12);
    set(at, Area::file, of.value);
    set(at, Area::data, data.value);
    areas.push_back(at);
    return at;
  }
  void addTask(uint32_t number, const std::string &name,
               uint64_t flags = 0x200002, VirtAddr mm = VirtAddr(0)) {
    const VirtAddr at = objects.allocate(0x800),
                   signal = objects.allocate(0x200);
    set32(at, Task::tgid, number);
    set(at, Task::signal, signal.value);
    for (uint64_t link : {0, 8}) {
      set(at, Task::node + link, (signal + headInSignal).value);
      set(signal, headInSignal + link, (at + Task::node).value);
    }
    if (number) {
      const VirtAddr pid = objects.allocate(0x100);
      set(at, Task::pid, pid.value);
      set(at, Task::links + 8, (pid + 8).value);
      set(pid, 8, (at + Task::links).value);
      set32(pid, numberInPid, number);
      set(pid, numberInPid + 8, namespace_.value);
      set(tree_, 40 + number * 8, pid.value);
    } else {
      const VirtAddr proxy = objects.allocate(64);
      set(at, 0x540, proxy.value);
      set(proxy, 0x20, namespace_.value);
    }
    tasks.push_back({at, mm, number, number, flags, name, std::nullopt});
  }
  void addProcess(uint32_t number, const std::string &name,
                  const std::string &program) {
    const VirtAddr mm = objects.allocate(0x800),
                   of = file(program, number + 10);
    const VirtAddr mapping = objects.allocate(64);
    set(mapping, 0, objects.text("[vdso]").value);
    std::vector<VirtAddr> all = {
        area(mm, 0x400000, 0x401000, 0x75, of, fileOps_),
        area(mm, 0x402000, 0x403000, 0x73, of, fileOps_),
        area(mm, 0x500000, 0x520000, 0x73),
        area(mm, 0x7f0000000000, 0x7f0000001000, 0x75, VirtAddr(0), special_,
             mapping),
        area(mm, 0x7ff000000000, 0x7ff000020000, 0x173)};
    if (number > 1) // not as many areas as the other
      all.insert(all.begin() + 3, area(mm, 0x600000, 0x601000, 0x71));
    set(mm, Mm::mmap, all.front().value);
    for (size_t i = 0; i + 1 < all.size(); ++i) {
      set(all[i], Area::next, all[i + 1].value);
      set(all[i + 1], Area::next + 8, all[i].value);
    }
    set32(mm, Mm::mapCount, uint32_t(all.size()));
    const uint64_t layout[] = {0x400000,       0x400800,       0x402000,
                               0x402800,       0x500000,       0x520000,
                               0x7ff000010000, 0x7ff000010100, 0x7ff000010200,
                               0x7ff000010200, 0x7ff000010300};
    for (size_t i = 0; i < std::size(layout); ++i)
      set(mm, Mm::startCode + 8 * i, layout[i]);
    addTask(number, name, 0x400100, mm);
  }

  VirtAddr type_, super_, root_, mount_, special_, fileOps_, namespace_, tree_;
};

} // namespace vmpt::testing
