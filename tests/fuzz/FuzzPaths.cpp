// Input: patches (Patches.h) of files, dentries, mounts and inodes.

#include "Patches.h"
#include "kernel/areas/FilePath.h"
#include "support/FileObjects.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

struct Files {
  Files() {
    const VirtAddr super = objects.superBlock("ext4", 8 << 20 | 3);
    const VirtAddr top = objects.dentry("/"), root = objects.mount(top);
    const VirtAddr mnt = objects.dentry("mnt", top),
                   inner = objects.dentry("/");
    const VirtAddr mounted = objects.mount(inner, root, mnt);
    const VirtAddr folder = objects.dentry("folder", inner);
    all.push_back(objects.file(mounted, objects.dentry("file", folder),
                               objects.inode(super, 4711)));
    all.push_back(objects.file(root, objects.dentry("other", top),
                               objects.inode(super, 4712)));
    for (const char *type : {"pipefs", "sockfs", "tmpfs", "dmabuf", "proc"})
      all.push_back(objects.pseudoFile(type, "name", 7));
    used = usedBytesOf(objects.kernel);
    (void)objects.kernel.types();
  }

  FileObjects objects;
  std::vector<VirtAddr> all;
  uint64_t used;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Files *files = new Files;
  KernelObjects &kernel = files->objects.kernel;
  Patches patches(kernel, files->used, data, size);
  // It remembers; each input has its own.
  FilePaths paths = valueOf(
      FilePaths::create(kernel.types(), kernel.symbols, kernel.reader()));
  constexpr size_t maxBytes = 64 << 10;
  for (VirtAddr file : files->all) {
    const FileIdentity &identity = paths.describe(file);
    if (identity.path.size() > maxBytes)
      std::abort();
    (void)escapeLineFeeds(identity.path);
  }
  return 0;
}
