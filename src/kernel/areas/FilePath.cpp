#include "kernel/areas/FilePath.h"

#include "kernel/context/FieldTable.h"

#include "llvm/Support/ErrorHandling.h"

#include <set>

namespace vmpt {

namespace {

/// FMODE_NOACCOUNT, which has kept its place since 4.19 (linux
/// include/linux/fs.h). Every backing file has it: fs/file_table.c
/// alloc_empty_backing_file().
constexpr uint64_t noAccountMode = uint64_t(1) << 29;
/// Names on disk are at most 255 bytes; made-up ones are kstrdup()ed freely.
constexpr uint64_t maxNameBytes = 4096;
/// PATH_MAX bounds what can be opened, but not how deep a path can lie.
constexpr size_t maxPathBytes = 1 << 16;
constexpr unsigned maxSteps = 1 << 15;
constexpr llvm::StringLiteral deleted = " (deleted)";
constexpr llvm::StringLiteral unreadable = "(unreadable)";

/// How a file system with dentry_operations.d_dname makes up names.
enum class NameStyle : uint8_t {
  Deleted,   ///< "/NAME (deleted)": simple_dname().
  AnonInode, ///< "anon_inode:NAME"
  Inode,     ///< "TYPE:[INODE]"
  DmaBuf,    ///< "/NAME:BUFFER"
};
struct NameRule {
  llvm::StringLiteral fsType;
  NameStyle style;
  llvm::StringLiteral prefix = "";
};
/// By the name in struct file_system_type. linux fs/anon_inodes.c, fs/pipe.c,
/// net/socket.c, drivers/dma-buf/dma-buf.c; simple_dname(): mm/shmem.c,
/// fs/hugetlbfs/inode.c, and all that is made with alloc_file_pseudo().
constexpr NameRule nameRules[] = {
    {"tmpfs", NameStyle::Deleted},
    {"hugetlbfs", NameStyle::Deleted},
    {"aio", NameStyle::Deleted},
    {"secretmem", NameStyle::Deleted},
    {"anon_inodefs", NameStyle::AnonInode, "anon_inode:"},
    {"pipefs", NameStyle::Inode, "pipe"},
    {"sockfs", NameStyle::Inode, "socket"},
    {"dmabuf", NameStyle::DmaBuf},
};

} // namespace

std::string escapeLineFeeds(llvm::StringRef path) {
  std::string text;
  for (char c : path)
    if (c == '\n')
      text += "\\012";
    else
      text += c;
  return text;
}

llvm::Expected<FilePaths> FilePaths::create(const TypeSources &types,
                                            const SymbolSource &symbols,
                                            const StructReader &reader) {
  FilePaths paths(symbols, reader);
  Fields &f = paths.fields_;
  const WantedField wanted[] = {
      {&f.fileMount, "file", {"f_path.mnt"}},
      {&f.fileDentry, "file", {"f_path.dentry"}},
      {&f.fileInode, "file", {"f_inode"}},
      {&f.fileMode, "file", {"f_mode"}},
      {&f.dentryParent, "dentry", {"d_parent"}},
      {&f.dentryName, "dentry", {"d_name.name"}},
      {&f.dentryNameLength, "dentry", {"d_name.len"}},
      {&f.dentryHash, "dentry", {"d_hash.pprev"}},
      {&f.dentryInode, "dentry", {"d_inode"}},
      {&f.dentryOperations, "dentry", {"d_op"}},
      {&f.dentrySuper, "dentry", {"d_sb"}},
      {&f.dname, "dentry_operations", {"d_dname"}},
      {&f.inodeSuper, "inode", {"i_sb"}},
      {&f.inodeNumber, "inode", {"i_ino"}},
      {&f.superType, "super_block", {"s_type"}},
      {&f.superDevice, "super_block", {"s_dev"}},
      {&f.typeName, "file_system_type", {"name"}},
      {&f.mountVfs, "mount", {"mnt"}},
      {&f.mountParent, "mount", {"mnt_parent"}},
      {&f.mountPoint, "mount", {"mnt_mountpoint"}},
      {&f.mountRoot, "vfsmount", {"mnt_root"}},
  };
  if (llvm::Error error = findFields(types, wanted))
    return error;
  // Before 6.8 a backing file's own path is the user's.
  f.userMount = findOptionalField(types, "backing_file", {"user_path.mnt"});
  f.userDentry = findOptionalField(types, "backing_file", {"user_path.dentry"});
  f.mountSuper = findOptionalField(types, "vfsmount", {"mnt_sb"});
  f.dentryData = findOptionalField(types, "dentry", {"d_fsdata"});
  f.dmaBufName = findOptionalField(types, "dma_buf", {"name"});
  return paths;
}

const FileIdentity &FilePaths::describe(VirtAddr file) {
  auto [slot, isNew] = known_.try_emplace(file);
  FileIdentity &identity = slot->second;
  if (!isNew)
    return identity;
  if (llvm::Error error = identify(file, identity))
    identity.problem = llvm::toString(std::move(error));
  if (!identity.problem.empty())
    identity.problem = "file " + hex(file) + ": " + identity.problem;
  if (identity.path.empty())
    identity.path = unreadable.str();
  return identity;
}

llvm::Error FilePaths::identify(VirtAddr file, FileIdentity &identity) const {
  llvm::Expected<std::optional<Place>> user = findUserPlace(file);
  if (!user)
    return user.takeError();
  llvm::Expected<Place> place =
      *user ? llvm::Expected<Place>(**user)
            : readPlace(file, fields_.fileMount, fields_.fileDentry);
  if (!place)
    return place.takeError();
  llvm::Expected<std::optional<std::string>> madeUp = makeUpName(*place);
  if (!madeUp)
    return madeUp.takeError();
  identity.path =
      *madeUp ? std::move(**madeUp) : walkUp(*place, identity.problem);
  // file_user_inode(): a backing file shows the user's inode, not its own.
  llvm::Expected<VirtAddr> inode =
      *user ? reader_->pointer(place->dentry, fields_.dentryInode)
            : reader_->pointer(file, fields_.fileInode);
  if (!inode)
    return inode.takeError();
  return readNumbers(*inode, identity);
}

llvm::Expected<FilePaths::Place>
FilePaths::readPlace(VirtAddr file, const Field &mount,
                     const Field &dentry) const {
  llvm::Expected<VirtAddr> mountAt = reader_->pointer(file, mount);
  if (!mountAt)
    return mountAt.takeError();
  llvm::Expected<VirtAddr> dentryAt = reader_->pointer(file, dentry);
  if (!dentryAt)
    return dentryAt.takeError();
  return Place{*mountAt, *dentryAt};
}

/// FMODE_BACKING moved from bit 25 to 24, in 6.14 and in stable series, and
/// others took its place; so what stands behind the file tells: a path, whose
/// mount and dentry are of one file system. Behind any other file is the next
/// object or nothing.
llvm::Expected<std::optional<FilePaths::Place>>
FilePaths::findUserPlace(VirtAddr file) const {
  const std::optional<Place> none;
  if (!fields_.userMount || !fields_.userDentry || !fields_.mountSuper)
    return none;
  llvm::Expected<uint64_t> mode = reader_->number(file, fields_.fileMode);
  if (!mode)
    return mode.takeError();
  if (!(*mode & noAccountMode))
    return none;
  llvm::Expected<Place> place =
      readPlace(file, *fields_.userMount, *fields_.userDentry);
  if (!place)
    return place.takeError();
  // What is mapped must be read: a dentry that is not in the dump is no
  // reason to show the lower file.
  using Outcome = Translation::Outcome;
  for (VirtAddr at : {place->mount, place->dentry})
    if (Outcome found = reader_->memory().find(at).outcome;
        found != Outcome::Mapped && found != Outcome::TableAbsent)
      return none;
  llvm::Expected<VirtAddr> ofMount =
      reader_->pointer(place->mount, *fields_.mountSuper);
  if (!ofMount)
    return ofMount.takeError();
  llvm::Expected<VirtAddr> ofDentry =
      reader_->pointer(place->dentry, fields_.dentrySuper);
  if (!ofDentry)
    return ofDentry.takeError();
  llvm::Expected<VirtAddr> inode =
      reader_->pointer(place->dentry, fields_.dentryInode);
  if (!inode)
    return inode.takeError();
  const bool isPath = ofMount->value && *ofMount == *ofDentry && inode->value;
  return isPath ? std::optional<Place>(*place) : none;
}

llvm::Error FilePaths::readNumbers(VirtAddr inode,
                                   FileIdentity &identity) const {
  llvm::Expected<uint64_t> number = reader_->number(inode, fields_.inodeNumber);
  if (!number)
    return number.takeError();
  llvm::Expected<VirtAddr> super = reader_->pointer(inode, fields_.inodeSuper);
  if (!super)
    return super.takeError();
  llvm::Expected<uint64_t> device =
      reader_->number(*super, fields_.superDevice);
  if (!device)
    return device.takeError();
  identity.inode = *number;
  identity.device = uint32_t(*device);
  return llvm::Error::success();
}

llvm::Expected<std::string> FilePaths::readName(VirtAddr dentry) const {
  llvm::Expected<VirtAddr> at = reader_->pointer(dentry, fields_.dentryName);
  if (!at)
    return at.takeError();
  llvm::Expected<uint64_t> length =
      reader_->number(dentry, fields_.dentryNameLength);
  if (!length)
    return length.takeError();
  if (*length > maxNameBytes)
    return llvm::make_error<LookupError>(
        "dentry " + hex(dentry) + " has a name of " + hex(*length) + " bytes");
  std::vector<uint8_t> raw(*length);
  if (llvm::Error error = reader_->memory().read(*at, raw))
    return error;
  // As prepend_name(): up to the length, but not beyond a NUL.
  return Bytes(raw).text().take_until([](char c) { return c == '\0'; }).str();
}

llvm::Expected<std::string> FilePaths::readFsType(VirtAddr dentry) const {
  llvm::Expected<VirtAddr> super =
      reader_->pointer(dentry, fields_.dentrySuper);
  if (!super)
    return super.takeError();
  llvm::Expected<VirtAddr> type = reader_->pointer(*super, fields_.superType);
  if (!type)
    return type.takeError();
  llvm::Expected<VirtAddr> name = reader_->pointer(*type, fields_.typeName);
  if (!name)
    return name.takeError();
  return reader_->memory().readString(*name, 64);
}

/// Buffers need no name.
llvm::Expected<std::string> FilePaths::readDmaBufName(VirtAddr dentry) const {
  std::optional<uint64_t> buffer =
      reader_->tryNumber(dentry, fields_.dentryData);
  if (!buffer || !*buffer)
    return "";
  std::optional<uint64_t> name =
      reader_->tryNumber(VirtAddr(*buffer), fields_.dmaBufName);
  if (!name || !*name)
    return "";
  return reader_->memory().readString(VirtAddr(*name), 64);
}

llvm::Expected<std::optional<std::string>>
FilePaths::makeUpName(Place place) const {
  llvm::Expected<VirtAddr> operations =
      reader_->pointer(place.dentry, fields_.dentryOperations);
  if (!operations)
    return operations.takeError();
  if (!operations->value)
    return std::nullopt;
  llvm::Expected<VirtAddr> function =
      reader_->pointer(*operations, fields_.dname);
  if (!function)
    return function.takeError();
  if (!function->value)
    return std::nullopt;
  // A directory at the top of a mount has a path in spite of d_dname.
  llvm::Expected<VirtAddr> parent =
      reader_->pointer(place.dentry, fields_.dentryParent);
  if (!parent)
    return parent.takeError();
  llvm::Expected<VirtAddr> mountRoot =
      reader_->pointer(place.mount, fields_.mountRoot);
  if (!mountRoot)
    return mountRoot.takeError();
  if (*parent == place.dentry && *mountRoot == place.dentry)
    return std::nullopt;

  llvm::Expected<std::string> name = formatName(place.dentry, *function);
  if (!name)
    return name.takeError();
  return std::optional<std::string>(std::move(*name));
}

llvm::Expected<std::string> FilePaths::formatName(VirtAddr dentry,
                                                  VirtAddr function) const {
  llvm::Expected<std::string> type = readFsType(dentry);
  if (!type)
    return type.takeError();
  llvm::Expected<std::string> name = readName(dentry);
  if (!name)
    return name.takeError();
  const NameRule *rule = llvm::find_if(
      nameRules, [&](const NameRule &r) { return r.fsType == *type; });
  NameStyle style = NameStyle::Deleted;
  if (rule != std::end(nameRules)) {
    style = rule->style;
  } else {
    std::optional<Symbol> simple = symbols_->find("simple_dname");
    if (!simple || simple->address != function)
      return llvm::make_error<UnsupportedError>(
          "files of '" + *type + "' have names of their own kind, by " +
          hex(function) + "; this one is '" + *name + "'");
  }
  switch (style) {
  case NameStyle::Deleted:
    return "/" + *name + deleted.str();
  case NameStyle::AnonInode:
    return rule->prefix.str() + *name;
  case NameStyle::Inode: {
    llvm::Expected<VirtAddr> inode =
        reader_->pointer(dentry, fields_.dentryInode);
    if (!inode)
      return inode.takeError();
    llvm::Expected<uint64_t> number =
        reader_->number(*inode, fields_.inodeNumber);
    if (!number)
      return number.takeError();
    return rule->prefix.str() + ":[" + std::to_string(*number) + "]";
  }
  case NameStyle::DmaBuf: {
    llvm::Expected<std::string> buffer = readDmaBufName(dentry);
    if (!buffer)
      return buffer.takeError();
    return "/" + *name + ":" + *buffer;
  }
  }
  llvm_unreachable("all styles are handled");
}

std::string FilePaths::walkUp(Place place, std::string &problem) const {
  // Built backwards; names are few, so prepending is fine.
  std::string path, tail;
  auto fail = [&](const llvm::Twine &why) {
    problem = why.str();
    return unreadable.str() + path + tail;
  };
  llvm::Expected<VirtAddr> parent =
      reader_->pointer(place.dentry, fields_.dentryParent);
  if (!parent)
    return fail(llvm::toString(parent.takeError()));
  llvm::Expected<VirtAddr> hash =
      reader_->pointer(place.dentry, fields_.dentryHash);
  if (!hash)
    return fail(llvm::toString(hash.takeError()));
  if (!hash->value && *parent != place.dentry)
    tail = deleted.str();

  VirtAddr dentry = place.dentry;
  VirtAddr mount = place.mount - fields_.mountVfs.offset; // struct mount
  std::set<std::pair<VirtAddr, VirtAddr>> seen;
  while (seen.insert({mount, dentry}).second && seen.size() <= maxSteps) {
    llvm::Expected<VirtAddr> root =
        reader_->pointer(mount + fields_.mountVfs.offset, fields_.mountRoot);
    if (!root)
      return fail(llvm::toString(root.takeError()));
    if (dentry == *root) {
      llvm::Expected<VirtAddr> above =
          reader_->pointer(mount, fields_.mountParent);
      if (!above)
        return fail(llvm::toString(above.takeError()));
      if (*above == mount)
        return (path.empty() ? "/" : path) + tail;
      llvm::Expected<VirtAddr> point =
          reader_->pointer(mount, fields_.mountPoint);
      if (!point)
        return fail(llvm::toString(point.takeError()));
      mount = *above;
      dentry = *point;
      continue;
    }
    llvm::Expected<VirtAddr> next =
        reader_->pointer(dentry, fields_.dentryParent);
    if (!next)
      return fail(llvm::toString(next.takeError()));
    // A directory that was moved out of what is mounted: d_path() gives up
    // the names that it has.
    if (*next == dentry)
      return "/" + tail;
    llvm::Expected<std::string> name = readName(dentry);
    if (!name)
      return fail(llvm::toString(name.takeError()));
    path = "/" + *name + path;
    if (path.size() > maxPathBytes)
      return fail("the path is longer than " + llvm::Twine(maxPathBytes) +
                  " bytes");
    dentry = *next;
  }
  return fail("the directories above do not end: dentry " + hex(dentry) +
              " comes again, or is one too many");
}

} // namespace vmpt
