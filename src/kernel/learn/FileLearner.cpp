#include "kernel/learn/FileLearner.h"

#include "kernel/learn/DentryShape.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>

namespace vmpt {

namespace {

constexpr uint64_t fileBytes = 320, inodeBytes = 192, superBytes = 256;
constexpr size_t maxFiles = 256;
constexpr unsigned maxMounts = 4096;
constexpr const char *filesInMemory = "files that processes have mapped";
/// linux v6.1 include/linux/fs.h: a mapped file has FMODE_READ and FMODE_OPENED
/// (4.19), but not FMODE_PATH. Then FMODE_NOACCOUNT.
constexpr uint64_t mappedMode = 0x80001, modeMask = mappedMode | 0x4000,
                   noAccountMode = 0x20000000;

class FileLearner {
public:
  FileLearner(const Kernel &kernel, const LearnedAreas &areas)
      : kernel_(kernel), reader_(kernel.reader()), areas_(areas),
        word_(reader_.wordBytes()), files_(reader_, fileBytes),
        inodes_(reader_, inodeBytes), supers_(reader_, superBytes) {}

  llvm::Expected<LearnedFiles> learn();

private:
  /// Where a file has its path, and what its dentry looks like.
  struct PathShape {
    uint64_t path = 0;
    DentryShape dentry;
    uint64_t inodeSuper = 0;
  };

  uint64_t wordAt(uint64_t at, uint64_t offset) const {
    return reader_.tryNumber(VirtAddr(at), Field{offset, word_}).value_or(0);
  }
  void takeFiles();
  std::vector<PathShape> findPaths() const;
  std::vector<uint64_t> findInodeSuper(uint64_t path,
                                       const DentryShape &shape) const;
  llvm::Error learnPath();
  llvm::Error learnFile();
  llvm::Error learnMount();
  void takeInodes();
  llvm::Error learnInode();
  bool isFsName(uint64_t at) const;
  llvm::Error learnSuper();
  llvm::Error learnMadeUpNames();
  llvm::Error learnBackingFiles();
  bool isPath(uint64_t mount, uint64_t dentry) const;
  void put(llvm::StringRef place, uint64_t offset, uint64_t bytes) {
    result_.places.put(place, offset, bytes);
  }

  const Kernel &kernel_;
  const StructReader &reader_;
  const LearnedAreas &areas_;
  const unsigned word_;
  Samples files_, inodes_, supers_;
  PathShape shape_;
  std::set<uint64_t> dentries_; ///< Those of the files, and their parents.
  uint64_t bound_ = fileBytes;  ///< struct file is no longer.
  std::optional<uint64_t> mode_;
  LearnedFiles result_;
};

void FileLearner::takeFiles() {
  const Samples &areas = areas_.areas;
  for (size_t i = 0; i < areas.size() && files_.size() < maxFiles; ++i)
    if (uint64_t file = areas.word(i, areas_.file))
      files_.add(VirtAddr(file));
  result_.fileCount = files_.size();
}

/// Where the inodes of all dentries have the superblock of the mount.
std::vector<uint64_t>
FileLearner::findInodeSuper(uint64_t path, const DentryShape &shape) const {
  return files_.find(0, inodeBytes, word_, [&](uint64_t at) {
    return files_.all([&](size_t i) {
      const uint64_t inode = wordAt(files_.word(i, path + word_), shape.inode);
      return inode && wordAt(inode, at) == wordAt(files_.word(i, path), word_);
    });
  });
}

/// {mnt, dentry}: struct vfsmount begins with its root's dentry and its
/// superblock.
std::vector<FileLearner::PathShape> FileLearner::findPaths() const {
  std::vector<PathShape> found;
  for (uint64_t path = 0; path + 2 * word_ <= files_.bound(); path += word_) {
    std::vector<std::pair<VirtAddr, uint64_t>> dentries;
    const bool canBe = files_.all([&](size_t i) {
      const uint64_t mount = files_.word(i, path),
                     dentry = files_.word(i, path + word_);
      if (!isObject(reader_, mount) || !isObject(reader_, dentry))
        return false;
      const uint64_t root = wordAt(mount, 0), super = wordAt(mount, word_);
      if (!isObject(reader_, root) || !isObject(reader_, super))
        return false;
      dentries.emplace_back(VirtAddr(dentry), super);
      dentries.emplace_back(VirtAddr(root), super);
      return true;
    });
    if (!canBe)
      continue;
    llvm::sort(dentries);
    dentries.erase(std::unique(dentries.begin(), dentries.end()),
                   dentries.end());
    for (const DentryShape &shape : findDentryShapes(reader_, dentries))
      for (uint64_t inodeSuper : findInodeSuper(path, shape))
        found.push_back({path, shape, inodeSuper});
  }
  return found;
}

llvm::Error FileLearner::learnPath() {
  const std::vector<PathShape> found = findPaths();
  // What comes behind the path of a file is that of the next one, or of what
  // the user opened (struct backing_file).
  if (found.empty() || llvm::any_of(found, [&](const PathShape &shape) {
        return !(shape.dentry == found.front().dentry) ||
               shape.inodeSuper != found.front().inodeSuper;
      }))
    return notShown(filesInMemory, "where struct file has its path",
                    found.size());
  shape_ = found.front();
  bound_ = files_.bound();
  if (found.size() > 1)
    bound_ = std::min(bound_, found[1].path - shape_.path);
  const DentryShape &dentry = shape_.dentry;
  put("file.f_path.mnt", shape_.path, word_);
  put("file.f_path.dentry", shape_.path + word_, word_);
  put("dentry.d_parent", dentry.parent, word_);
  put("dentry.d_name.name", dentry.name, word_);
  put("dentry.d_name.len", nameLengthBefore(reader_, dentry.name), 4);
  put("dentry.d_hash.pprev", dentry.hash(word_), word_);
  put("dentry.d_inode", dentry.inode, word_);
  put("dentry.d_op", dentry.operations, word_);
  put("dentry.d_sb", dentry.super, word_);
  put("inode.i_sb", shape_.inodeSuper, word_);
  put("vfsmount.mnt_root", 0, word_);
  put("vfsmount.mnt_sb", word_, word_);
  return llvm::Error::success();
}

/// f_inode is that of the dentry, but for files that overlayfs opened under
/// the path of another one (up to 6.7), which have FMODE_NOACCOUNT.
llvm::Error FileLearner::learnFile() {
  const auto modes = files_.find(0, bound_, 4, [&](uint64_t at) {
    return files_.all([&](size_t i) {
      // The upper half of a pointer is none.
      return (files_.number(i, at, 4) & modeMask) == mappedMode &&
             (word_ == 4 || !(files_.word(i, alignDown(at, 8)) >> 63));
    });
  });
  if (modes.size() == 1)
    mode_ = modes.front();
  const auto inodes = files_.find(0, bound_, word_, [&](uint64_t at) {
    bool isOwn = false;
    return files_.all([&](size_t i) {
      const uint64_t dentry = files_.word(i, shape_.path + word_);
      const bool same =
          files_.word(i, at) == wordAt(dentry, shape_.dentry.inode);
      isOwn |= same;
      return same || (mode_ && files_.number(i, *mode_, 4) & noAccountMode &&
                      isObject(reader_, files_.word(i, at)));
    }) && isOwn;
  });
  llvm::Expected<uint64_t> at =
      takeOnly(inodes, filesInMemory, "where struct file has its inode");
  if (!at)
    return at.takeError();
  put("file.f_inode", *at, word_);
  if (!mode_)
    return notShown(filesInMemory, "where struct file has its mode",
                    modes.size());
  put("file.f_mode", *mode_, 4);
  return llvm::Error::success();
}

/// struct mount has mnt_parent and mnt_mountpoint right before its vfsmount.
/// The topmost is its own parent, which shows how far apart the two are.
llvm::Error FileLearner::learnMount() {
  std::set<uint64_t> distances, mounts;
  for (size_t i = 0; i < files_.size(); ++i)
    mounts.insert(files_.word(i, shape_.path));
  for (uint64_t distance = 2 * word_; distance <= 16 * word_;
       distance += word_) {
    bool reachesTop = true;
    for (uint64_t mount : mounts) {
      uint64_t at = mount;
      bool isTop = false;
      for (unsigned i = 0; i < maxMounts && !isTop; ++i) {
        const uint64_t parent = wordAt(at - 2 * word_, 0) + distance,
                       point = wordAt(at - word_, 0);
        // A mount point is of the parent's file system.
        if (parent == distance || !isObject(reader_, parent) ||
            wordAt(point, shape_.dentry.super) != wordAt(parent, word_))
          break;
        isTop = parent == at;
        at = parent;
      }
      reachesTop &= isTop;
    }
    if (reachesTop)
      distances.insert(distance);
  }
  llvm::Expected<uint64_t> at =
      takeOnly(std::vector<uint64_t>(distances.begin(), distances.end()),
               "mounts in memory", "where struct mount has its parent");
  if (!at)
    return at.takeError();
  put("mount.mnt", *at, 4 * word_);
  put("mount.mnt_parent", *at - 2 * word_, word_);
  put("mount.mnt_mountpoint", *at - word_, word_);
  return llvm::Error::success();
}

void FileLearner::takeInodes() {
  for (size_t i = 0; i < files_.size(); ++i)
    for (uint64_t from : {files_.word(i, shape_.path + word_),
                          wordAt(files_.word(i, shape_.path), 0)})
      for (VirtAddr dentry :
           followParents(reader_, VirtAddr(from), shape_.dentry))
        dentries_.insert(dentry.value);
  result_.dentryCount = dentries_.size();
  for (uint64_t dentry : dentries_) {
    if (uint64_t inode = wordAt(dentry, shape_.dentry.inode))
      inodes_.add(VirtAddr(inode));
    if (uint64_t super = wordAt(dentry, shape_.dentry.super))
      supers_.add(VirtAddr(super));
  }
}

/// i_sb, i_mapping, with CONFIG_SECURITY i_security, i_ino. The numbers of a
/// file system differ (but for those of SYSV shared memory, which are its ids),
/// and are no addresses.
llvm::Error FileLearner::learnInode() {
  const uint64_t behind = shape_.inodeSuper + 2 * word_;
  const bool isSecurity = inodes_.all([&](size_t i) {
    const uint64_t value = inodes_.word(i, behind);
    return !value || isObject(reader_, value);
  });
  const uint64_t number = behind + (isSecurity ? word_ : 0);
  std::set<std::pair<uint64_t, uint64_t>> seen;
  const bool fits = inodes_.all([&](size_t i) {
    seen.insert({inodes_.word(i, shape_.inodeSuper), inodes_.word(i, number)});
    return isObject(reader_, inodes_.word(i, behind - word_)) &&
           !isObject(reader_, inodes_.word(i, number));
  });
  if (!fits || seen.size() * 4 < inodes_.size() * 3)
    return notShown("inodes in memory", "where struct inode has its number");
  put("inode.i_ino", number, word_);
  return llvm::Error::success();
}

bool FileLearner::isFsName(uint64_t at) const {
  llvm::Expected<std::string> text =
      reader_.memory().readString(VirtAddr(at), 64);
  if (!text) {
    llvm::consumeError(text.takeError());
    return false;
  }
  return text->size() >= 2 && llvm::all_of(*text, [](char c) {
           return llvm::isAlnum(c) || c == '_' || c == '.' || c == '-';
         });
}

/// s_dev stands before the size of a block, twice: as a power of two and as a
/// number. s_type, further on, begins with its name.
llvm::Error FileLearner::learnSuper() {
  const auto devices = supers_.find(0, supers_.bound(), 4, [&](uint64_t at) {
    return supers_.all([&](size_t i) {
      const uint64_t bits = supers_.number(i, at + 4, 1);
      return supers_.number(i, at, 4) && bits >= 9 && bits < 32 &&
             supers_.word(i, alignUp(at + 5, word_)) == bit(unsigned(bits));
    });
  });
  llvm::Expected<uint64_t> device =
      takeOnly(devices, "file systems in memory",
               "where struct super_block has its device");
  if (!device)
    return device.takeError();
  const auto types = supers_.find(
      *device + 8, *device + 8 + 6 * word_, word_, [&](uint64_t at) {
        return supers_.all([&](size_t i) {
          const uint64_t type = supers_.word(i, at);
          return isObject(reader_, type) && isFsName(wordAt(type, 0));
        });
      });
  llvm::Expected<uint64_t> type = takeOnly(
      types, "file systems in memory", "where struct super_block has its type");
  if (!type)
    return type.takeError();
  put("super_block.s_dev", *device, 4);
  put("super_block.s_type", *type, word_);
  put("file_system_type.name", 0, word_);
  return llvm::Error::success();
}

/// dentry_operations.d_dname is the tenth since 4.8 (linux
/// include/linux/dcache.h), and a function that is called so stands nowhere
/// else.
llvm::Error FileLearner::learnMadeUpNames() {
  const llvm::StringRef functions[] = {
      "simple_dname", "pipefs_dname",   "sockfs_dname", "anon_inodefs_dname",
      "ns_dname",     "dmabuffs_dname", "pidfs_dname"};
  constexpr unsigned slots = 16;
  const bool isNew = kernel_.image().version() >= KernelVersion{4, 8};
  const uint64_t place = (isNew ? 9 : 8) * word_;
  std::set<uint64_t> known;
  for (const auto &symbol : kernel_.symbols().findAll(functions))
    if (symbol)
      known.insert(symbol->address.value);
  std::set<uint64_t> operations;
  for (uint64_t dentry : dentries_)
    operations.insert(wordAt(dentry, shape_.dentry.operations));
  operations.erase(0);
  for (uint64_t table : operations)
    for (unsigned slot = 0; slot < slots; ++slot)
      if (slot * word_ != place && known.count(wordAt(table, slot * word_)))
        return notShown(filesInMemory, "where dentry_operations has d_dname");
  put("dentry_operations.d_dname", place, word_);
  return llvm::Error::success();
}

bool FileLearner::isPath(uint64_t mount, uint64_t dentry) const {
  if (!isObject(reader_, mount) || !isObject(reader_, dentry))
    return false;
  const uint64_t super = wordAt(mount, word_);
  return super && super == wordAt(dentry, shape_.dentry.super) &&
         wordAt(dentry, shape_.dentry.inode) &&
         readDentryName(reader_, VirtAddr(dentry), shape_.dentry.name);
}

/// Since 6.8 a file of overlayfs is mapped by a backing file, behind which is
/// the path that the user opened (linux fs/file_table.c).
llvm::Error FileLearner::learnBackingFiles() {
  if (!kernel_.symbols().find("backing_file_user_path"))
    return llvm::Error::success();
  Samples backing(reader_, fileBytes);
  for (size_t i = 0; i < files_.size(); ++i)
    if (files_.number(i, *mode_, 4) & noAccountMode)
      backing.add(files_.address(i));
  if (backing.empty())
    return llvm::Error::success();
  const auto found = backing.find(
      shape_.path + 2 * word_, fileBytes - word_, word_, [&](uint64_t at) {
        return backing.all([&](size_t i) {
          return isPath(backing.word(i, at), backing.word(i, at + word_));
        });
      });
  llvm::Expected<uint64_t> at =
      takeOnly(found, "backing files in memory", "the path that was opened");
  if (!at)
    return at.takeError();
  put("backing_file.user_path.mnt", *at, word_);
  put("backing_file.user_path.dentry", *at + word_, word_);
  return llvm::Error::success();
}

llvm::Expected<LearnedFiles> FileLearner::learn() {
  takeFiles();
  if (files_.empty())
    return llvm::make_error<LookupError>("no process has a file mapped");
  if (llvm::Error error = learnPath())
    return error;
  if (llvm::Error error = learnFile())
    return error;
  if (llvm::Error error = learnMount())
    return error;
  takeInodes();
  if (llvm::Error error = learnInode())
    return error;
  if (llvm::Error error = learnSuper())
    return error;
  if (llvm::Error error = learnMadeUpNames())
    return error;
  if (llvm::Error error = learnBackingFiles())
    return error;
  return std::move(result_);
}

} // namespace

llvm::Expected<LearnedFiles> learnFiles(const Kernel &kernel,
                                        const LearnedAreas &areas) {
  return FileLearner(kernel, areas).learn();
}

} // namespace vmpt
