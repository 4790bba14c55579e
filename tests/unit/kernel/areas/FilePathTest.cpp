#include "kernel/areas/FilePath.h"

#include "support/FileObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

class FilePathTest : public ::testing::Test {
protected:
  FileIdentity describe(VirtAddr file) {
    auto paths = valueOf(FilePaths::create(
        files.kernel.types(), files.kernel.symbols, files.kernel.reader()));
    return paths.describe(file);
  }
  std::string pathOf(VirtAddr mount, VirtAddr dentry) {
    FileIdentity file =
        describe(files.file(mount, dentry, files.inode(super, 1)));
    EXPECT_EQ(file.problem, "");
    return file.path;
  }
  void SetUp() override {
    super = files.superBlock("ext4", 8 << 20 | 3);
    top = files.dentry("/");
    rootMount = files.mount(top);
  }

  FileObjects files;
  VirtAddr super, top, rootMount;
};

TEST_F(FilePathTest, NamesLeadUpToTheRoot) {
  VirtAddr usr = files.dentry("usr", top), bin = files.dentry("bin", usr);
  FileIdentity file = describe(files.file(rootMount, files.dentry("env", bin),
                                          files.inode(super, 4711)));
  EXPECT_EQ(file.path, "/usr/bin/env");
  EXPECT_EQ(file.device, 8u << 20 | 3);
  EXPECT_EQ(file.inode, 4711u);
  EXPECT_EQ(file.problem, "");
}

TEST_F(FilePathTest, MountsAreCrossed) {
  VirtAddr mnt = files.dentry("mnt", top);
  VirtAddr inner = files.dentry("/"), deepRoot = files.dentry("/");
  VirtAddr innerMount = files.mount(inner, rootMount, mnt);
  VirtAddr here = files.dentry("here", inner);
  VirtAddr deepMount = files.mount(deepRoot, innerMount, here);
  EXPECT_EQ(pathOf(deepMount, files.dentry("file", deepRoot)),
            "/mnt/here/file");
}

/// What is mounted can be a directory inside a file system: a bind mount.
TEST_F(FilePathTest, ABindMountHidesWhatIsAboveIt) {
  VirtAddr other = files.dentry("/"), data = files.dentry("data", other);
  VirtAddr bind = files.mount(data, rootMount, files.dentry("srv", top));
  EXPECT_EQ(pathOf(bind, files.dentry("x", data)), "/srv/x");
}

/// umount -l, and the root of another mount namespace: the mount is on itself,
/// and d_path() ends there (linux fs/d_path.c prepend_path()).
TEST_F(FilePathTest, ADetachedMountEndsThePath) {
  VirtAddr root = files.dentry("/"), bin = files.dentry("bin", root);
  EXPECT_EQ(pathOf(files.mount(root), files.dentry("t", bin)), "/bin/t");
}

/// An idmapped bind mount is another mount of the same dentries.
TEST_F(FilePathTest, AnIdmappedMountHasThePathOfItsOwnPlace) {
  VirtAddr home = files.dentry("home", top), file = files.dentry("f", home);
  VirtAddr mapped = files.mount(home, rootMount, files.dentry("mnt", top));
  EXPECT_EQ(pathOf(rootMount, file), "/home/f");
  EXPECT_EQ(pathOf(mapped, file), "/mnt/f");
}

TEST_F(FilePathTest, TheRootItselfIsASlash) {
  EXPECT_EQ(pathOf(rootMount, top), "/");
}

TEST_F(FilePathTest, AnUnhashedNameIsDeleted) {
  VirtAddr gone = files.dentry("gone", top);
  files.kernel.set(gone, "dentry", "d_hash.pprev", 0);
  EXPECT_EQ(pathOf(rootMount, gone), "/gone (deleted)");
}

/// IS_ROOT() dentries are never called deleted.
TEST_F(FilePathTest, AnUnhashedRootIsNot) {
  files.kernel.set(top, "dentry", "d_hash.pprev", 0);
  EXPECT_EQ(pathOf(rootMount, top), "/");
}

/// d_path() drops the names of a directory that has left its mount.
TEST_F(FilePathTest, WhatEscapedItsMountHasNoNames) {
  VirtAddr outside = files.dentry("/");
  EXPECT_EQ(pathOf(rootMount, files.dentry("x", outside)), "/");
}

TEST_F(FilePathTest, ANameEndsWithItsLength) {
  VirtAddr at = files.dentry("name-and-rubbish", top);
  files.kernel.set(at, "dentry", "d_name.len", 4);
  EXPECT_EQ(pathOf(rootMount, at), "/name");
}

TEST_F(FilePathTest, LineFeedsAreEscapedAndNothingElse) {
  EXPECT_EQ(escapeLineFeeds("/a\nb\\ c\t"), "/a\\012b\\ c\t");
}

struct MadeUp {
  const char *fsType, *name, *path;
};
class MadeUpNames : public FilePathTest,
                    public ::testing::WithParamInterface<MadeUp> {};

TEST_P(MadeUpNames, AreThoseOfTheFileSystem) {
  FileIdentity file =
      describe(files.pseudoFile(GetParam().fsType, GetParam().name, 77));
  EXPECT_EQ(file.path, GetParam().path);
  EXPECT_EQ(file.inode, 77u);
  EXPECT_EQ(file.problem, "");
}

INSTANTIATE_TEST_SUITE_P(
    FileSystems, MadeUpNames,
    ::testing::Values(
        MadeUp{"tmpfs", "memfd:lab", "/memfd:lab (deleted)"},
        MadeUp{"tmpfs", "SYSV0000002a", "/SYSV0000002a (deleted)"},
        MadeUp{"tmpfs", "dev/zero", "/dev/zero (deleted)"},
        MadeUp{"hugetlbfs", "anon_hugepage", "/anon_hugepage (deleted)"},
        MadeUp{"aio", "[aio]", "/[aio] (deleted)"},
        MadeUp{"secretmem", "secretmem", "/secretmem (deleted)"},
        MadeUp{"anon_inodefs", "[io_uring]", "anon_inode:[io_uring]"},
        MadeUp{"pipefs", "", "pipe:[77]"},
        MadeUp{"sockfs", "TCP", "socket:[77]"},
        MadeUp{"dmabuf", "heap", "/heap:"}),
    [](const auto &info) {
      return std::string(info.param.fsType) + std::to_string(info.index);
    });

TEST_F(FilePathTest, ADmaBufSaysItsOwnName) {
  VirtAddr file = files.pseudoFile("dmabuf", "heap", 5);
  VirtAddr buffer = files.make("dma_buf");
  files.kernel.set(buffer, "dma_buf", "name", files.kernel.text("camera"));
  VirtAddr dentry = valueOf(files.kernel.reader().pointer(
      file,
      valueOf(findField(files.kernel.types(), "file", {"f_path.dentry"}))));
  files.kernel.set(dentry, "dentry", "d_fsdata", buffer);
  EXPECT_EQ(describe(file).path, "/heap:camera");
}

TEST_F(FilePathTest, AnUnknownFileSystemIsNamedByItsFunction) {
  const VirtAddr simple(0xffffffff81234560);
  VirtAddr file = files.pseudoFile("novelfs", "x", 1, simple);
  FileIdentity unknown = describe(file);
  EXPECT_EQ(unknown.path, "(unreadable)");
  EXPECT_THAT(unknown.problem, HasSubstr("'novelfs'"));
  files.kernel.symbols.add("simple_dname", simple);
  EXPECT_EQ(describe(file).path, "/x (deleted)");
}

TEST_F(FilePathTest, ABackingFileShowsTheUsersPathAndInode) {
  VirtAddr lower = files.dentry("lower", top), merged = files.dentry("m", top);
  files.kernel.set(merged, "dentry", "d_inode", files.inode(super, 20));
  files.kernel.set(merged, "dentry", "d_sb", super);
  files.kernel.set(rootMount, "vfsmount", "mnt_sb", super);
  VirtAddr file =
      files.file(rootMount, lower, files.inode(super, 10), "backing_file");
  files.kernel.set(file, "backing_file", "user_path.mnt", rootMount);
  files.kernel.set(file, "backing_file", "user_path.dentry", merged);
  EXPECT_EQ(describe(file).path, "/lower") << "a file of the file table";
  // FMODE_BACKING is bit 25 up to 6.13, bit 24 since, also in stable series;
  // bit 25 is FMODE_NONOTIFY there. FMODE_NOACCOUNT is bit 29 in all.
  for (uint64_t mode : {bit(29) | bit(25), bit(29) | bit(24), bit(29)}) {
    files.kernel.set(file, "file", "f_mode", mode);
    FileIdentity shown = describe(file);
    EXPECT_EQ(shown.path, "/m") << hex(mode);
    EXPECT_EQ(shown.inode, 20u);
    EXPECT_EQ(shown.problem, "");
  }
  // A path has a mount and a dentry of one file system, and an inode.
  files.kernel.set(merged, "dentry", "d_sb", top);
  EXPECT_EQ(describe(file).path, "/lower");
  files.kernel.set(merged, "dentry", "d_sb", super);
  files.kernel.set(merged, "dentry", "d_inode", 0);
  EXPECT_EQ(describe(file).path, "/lower");
}

/// memfd, shared /dev/zero and SysV memory, hugetlb: FMODE_NONOTIFY.
TEST_F(FilePathTest, BitsOfOtherFilesDoNotMakeThemBackingFiles) {
  VirtAddr file = files.pseudoFile("tmpfs", "memfd:lab", 77);
  for (unsigned number : {24, 25, 26, 29}) {
    files.kernel.set(file, "file", "f_mode", bit(number));
    EXPECT_EQ(describe(file).path, "/memfd:lab (deleted)") << number;
  }
}

TEST_F(FilePathTest, AUserPathThatIsNotInTheDumpIsNoLowerPath) {
  VirtAddr file = files.file(rootMount, files.dentry("lower", top),
                             files.inode(super, 10), "backing_file");
  files.kernel.set(file, "backing_file", "user_path.mnt", rootMount);
  files.kernel.set(file, "file", "f_mode", bit(29) | bit(24));
  VirtAddr far = files.kernel.allocate(4096, 4096);
  files.kernel.set(file, "backing_file", "user_path.dentry", far);
  files.kernel.memory.setAbsent(files.kernel.physical(far), Absence::Excluded);
  FileIdentity shown = describe(file);
  EXPECT_EQ(shown.path, "(unreadable)");
  EXPECT_THAT(shown.problem, HasSubstr("excluded"));
}

/// 6.5 to 6.7: the file's own path is the user's, the inode is the real one.
TEST(FilePathBefore68, ABackingFileShowsItsOwnPath) {
  FileObjects files(false);
  VirtAddr super = files.superBlock("ext4", 1), top = files.dentry("/");
  VirtAddr file = files.file(files.mount(top), files.dentry("m", top),
                             files.inode(super, 10), "backing_file");
  files.kernel.set(file, "file", "f_mode", 1 << 25);
  auto paths = valueOf(FilePaths::create(
      files.kernel.types(), files.kernel.symbols, files.kernel.reader()));
  EXPECT_EQ(paths.describe(file).path, "/m");
  EXPECT_EQ(paths.describe(file).inode, 10u);
}

TEST_F(FilePathTest, ParentsInACircleEnd) {
  VirtAddr a = files.dentry("a", top), b = files.dentry("b", a);
  files.kernel.set(a, "dentry", "d_parent", b);
  FileIdentity file = describe(files.file(rootMount, b, files.inode(super, 1)));
  EXPECT_EQ(file.path, "(unreadable)/a/b");
  EXPECT_THAT(file.problem, HasSubstr("do not end"));
  EXPECT_EQ(file.inode, 1u);
}

TEST_F(FilePathTest, ABrokenParentLeavesTheNamesBelow) {
  VirtAddr lost = files.dentry("x", KernelObjects::nowhere());
  FileIdentity file =
      describe(files.file(rootMount, lost, files.inode(super, 1)));
  EXPECT_EQ(file.path, "(unreadable)/x");
  EXPECT_THAT(file.problem, HasSubstr("is not mapped"));
}

TEST_F(FilePathTest, AnEndlessNameIsRefused) {
  VirtAddr at = files.dentry("x", top);
  files.kernel.set(at, "dentry", "d_name.len", 0xffffffff);
  EXPECT_THAT(
      describe(files.file(rootMount, at, files.inode(super, 1))).problem,
      HasSubstr("name of 0xffffffff bytes"));
}

TEST_F(FilePathTest, AFileThatCannotBeReadSaysSo) {
  FileIdentity file = describe(KernelObjects::nowhere());
  EXPECT_EQ(file.path, "(unreadable)");
  EXPECT_THAT(file.problem, StartsWith("file 0xffff900000000000: "));
  EXPECT_FALSE(file.inode);
  EXPECT_FALSE(file.device);
}

} // namespace
