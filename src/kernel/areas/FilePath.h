//===- FilePath.h - the path of an open file, as d_path() tells it --------===//
//
// A dentry knows its name and its parent; at the root of a file system the
// mount knows where it is mounted. Files without a place in any directory
// (memfd, pipes, SYSV shared memory) get the name that their file system makes
// up. linux fs/d_path.c; fs/file_table.c for files behind an overlay.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "kernel/context/Structs.h"

#include <map>

namespace vmpt {

/// What /proc shows of a file.
struct FileIdentity {
  std::string path;               ///< Bytes as they are: any but NUL.
  std::optional<uint32_t> device; ///< dev_t: major << 20 | minor.
  std::optional<uint64_t> inode;
  /// Why something above is missing or cut; empty if all is well. A path that
  /// could not be followed to the top begins with "(unreadable)".
  std::string problem;
};

class FilePaths {
public:
  /// All three must outlive the object.
  static llvm::Expected<FilePaths> create(const TypeSources &types,
                                          const SymbolSource &symbols,
                                          const StructReader &reader);

  /// The identity of a `struct file`. Remembered, since a file has many areas.
  const FileIdentity &describe(VirtAddr file);

private:
  /// struct path.
  struct Place {
    VirtAddr mount; ///< struct vfsmount
    VirtAddr dentry;
  };
  struct Fields {
    Field fileMount, fileDentry, fileInode, fileMode;
    Field dentryParent, dentryName, dentryNameLength, dentryHash, dentryInode,
        dentryOperations, dentrySuper, dname;
    Field inodeSuper, inodeNumber, superType, superDevice, typeName;
    Field mountVfs, mountParent, mountPoint, mountRoot;
    std::optional<Field> userMount, userDentry; ///< struct backing_file
    std::optional<Field> mountSuper;
    std::optional<Field> dentryData, dmaBufName;
  };

  FilePaths(const SymbolSource &symbols, const StructReader &reader)
      : symbols_(&symbols), reader_(&reader) {}

  llvm::Error identify(VirtAddr file, FileIdentity &identity) const;
  llvm::Expected<Place> readPlace(VirtAddr file, const Field &mount,
                                  const Field &dentry) const;
  /// Of a file that stands behind one of another file system: the path that
  /// the user opened. Nothing for other files.
  llvm::Expected<std::optional<Place>> findUserPlace(VirtAddr file) const;
  llvm::Error readNumbers(VirtAddr inode, FileIdentity &identity) const;
  llvm::Expected<std::string> readName(VirtAddr dentry) const;
  /// The name that a file system makes up; nothing if it makes up none.
  llvm::Expected<std::optional<std::string>> makeUpName(Place place) const;
  llvm::Expected<std::string> formatName(VirtAddr dentry,
                                         VirtAddr function) const;
  llvm::Expected<std::string> readDmaBufName(VirtAddr dentry) const;
  llvm::Expected<std::string> readFsType(VirtAddr dentry) const;
  /// The path from the top; on trouble what was found so far, and the reason.
  std::string walkUp(Place place, std::string &problem) const;

  const SymbolSource *symbols_;
  const StructReader *reader_;
  Fields fields_;
  std::map<VirtAddr, FileIdentity> known_;
};

/// seq_path()'s way with a line feed: "\012". linux fs/seq_file.c
/// mangle_path().
std::string escapeLineFeeds(llvm::StringRef path);

} // namespace vmpt
