//===- FileObjects.h - files, dentries and mounts, built in a test --------===//
#pragma once

#include "KernelObjects.h"

namespace vmpt::testing {

/// The part of the kernel that names files. `kernel` takes further
/// declarations until the first object is made.
class FileObjects {
public:
  explicit FileObjects(bool withUserPath = true) {
    kernel.declare("path", {{"mnt", 8}, {"dentry", 8}});
    kernel.declare(
        "file",
        {{"f_mode", 4}, {"pad", 4}, {"f_path", "path"}, {"f_inode", 8}});
    kernel.declare("qstr", {{"hash", 4}, {"len", 4}, {"name", 8}});
    kernel.declare("hlist_bl_node", {{"next", 8}, {"pprev", 8}});
    kernel.declare("dentry", {{"d_flags", 8},
                              {"d_hash", "hlist_bl_node"},
                              {"d_parent", 8},
                              {"d_name", "qstr"},
                              {"d_inode", 8},
                              {"d_op", 8},
                              {"d_sb", 8},
                              {"d_fsdata", 8}});
    kernel.declare("dentry_operations", {{"d_hash", 8}, {"d_dname", 8}});
    kernel.declare("inode", {{"i_sb", 8}, {"i_ino", 8}});
    kernel.declare("super_block", {{"s_dev", 4}, {"pad", 4}, {"s_type", 8}});
    kernel.declare("file_system_type", {{"name", 8}});
    kernel.declare("vfsmount", {{"mnt_root", 8}, {"mnt_sb", 8}});
    kernel.declare("mount", {{"mnt_hash", 8, 2},
                             {"mnt_parent", 8},
                             {"mnt_mountpoint", 8},
                             {"mnt", "vfsmount"}});
    kernel.declare("dma_buf", {{"size", 8}, {"name", 8}});
    if (withUserPath)
      kernel.declare("backing_file", {{"file", "file"}, {"user_path", "path"}});
    else
      kernel.declare("backing_file", {{"file", "file"}, {"real_path", "path"}});
  }

  VirtAddr make(const std::string &type) { return kernel.allocate(type); }

  VirtAddr superBlock(const std::string &fsType, uint32_t device) {
    VirtAddr type = make("file_system_type"), super = make("super_block");
    kernel.set(type, "file_system_type", "name", kernel.text(fsType));
    kernel.set(super, "super_block", "s_type", type);
    kernel.set(super, "super_block", "s_dev", device);
    return super;
  }
  VirtAddr inode(VirtAddr super, uint64_t number) {
    VirtAddr at = make("inode");
    kernel.set(at, "inode", "i_sb", super);
    kernel.set(at, "inode", "i_ino", number);
    return at;
  }
  /// Its own parent if none is given; hashed.
  VirtAddr dentry(const std::string &name, VirtAddr parent = VirtAddr(0)) {
    VirtAddr at = make("dentry");
    kernel.set(at, "dentry", "d_parent", parent.value ? parent : at);
    kernel.set(at, "dentry", "d_name.name", kernel.text(name));
    kernel.set(at, "dentry", "d_name.len", name.size());
    kernel.set(at, "dentry", "d_hash.pprev", at);
    return at;
  }
  /// The address of the vfsmount inside, as files have it. Mounted nowhere,
  /// that is on itself, if no mount point is given.
  VirtAddr mount(VirtAddr root, VirtAddr parentVfs = VirtAddr(0),
                 VirtAddr point = VirtAddr(0)) {
    VirtAddr at = make("mount");
    kernel.set(at, "mount", "mnt.mnt_root", root);
    kernel.set(at, "mount", "mnt_parent",
               parentVfs.value ? parentVfs - vfsOffset : at);
    kernel.set(at, "mount", "mnt_mountpoint", point.value ? point : root);
    return at + vfsOffset;
  }
  VirtAddr file(VirtAddr mount, VirtAddr dentry, VirtAddr inode,
                const std::string &type = "file") {
    VirtAddr at = make(type);
    kernel.set(at, "file", "f_path.mnt", mount);
    kernel.set(at, "file", "f_path.dentry", dentry);
    kernel.set(at, "file", "f_inode", inode);
    kernel.set(dentry, "dentry", "d_inode", inode);
    return at;
  }
  /// A file of a file system that makes up its names with \p function.
  VirtAddr pseudoFile(const std::string &fsType, const std::string &name,
                      uint64_t inodeNumber,
                      VirtAddr function = VirtAddr(0xffffffff81000000)) {
    VirtAddr super = superBlock(fsType, 1);
    VirtAddr at = dentry(name), operations = make("dentry_operations");
    kernel.set(operations, "dentry_operations", "d_dname", function);
    kernel.set(at, "dentry", "d_op", operations);
    kernel.set(at, "dentry", "d_sb", super);
    return file(mount(dentry("/")), at, inode(super, inodeNumber));
  }

  KernelObjects kernel;

private:
  static constexpr uint64_t vfsOffset = 32;
};

} // namespace vmpt::testing
