//===- FileLearner.h - from a struct file to its path, learned ------------===//
//
// A mapped file, its dentry, inode, superblock and mount point at each other in
// so many ways that a wrong place does not survive: the file and its dentry
// have the same inode; dentry, inode and mount the same superblock; a dentry
// has its short names in itself, and a length beside; parents end at one that
// is its own.
//
// linux v5.10, v6.1, v6.12 include/linux/fs.h, include/linux/dcache.h,
// include/linux/mount.h, fs/mount.h.
//
#pragma once

#include "kernel/learn/AreaLearner.h"

namespace vmpt {

struct LearnedFiles {
  LearnedPlaces places{""};
  size_t fileCount = 0, dentryCount = 0;
};

llvm::Expected<LearnedFiles> learnFiles(const Kernel &kernel,
                                        const LearnedAreas &areas);

} // namespace vmpt
