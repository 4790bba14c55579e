#include "kernel/learn/DentryShape.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t dentryBytes = 320;
constexpr uint64_t maxNameBytes = 255; ///< NAME_MAX
constexpr size_t maxDepth = 512;

class DentryLearner {
public:
  DentryLearner(const StructReader &reader,
                llvm::ArrayRef<std::pair<VirtAddr, uint64_t>> dentries)
      : reader_(reader), dentries_(dentries), word_(reader.wordBytes()) {}

  std::vector<DentryShape> find() const;

private:
  uint64_t wordAt(VirtAddr at, uint64_t offset) const {
    return reader_.tryNumber(at, Field{offset, word_}).value_or(0);
  }
  template <class Fits> bool all(Fits fits) const {
    return llvm::all_of(dentries_, [&](const auto &one) {
      return fits(one.first, one.second);
    });
  }
  bool fitsName(uint64_t name) const;
  bool fitsParent(const DentryShape &shape) const;
  bool fitsSuper(uint64_t at) const;

  const StructReader &reader_;
  llvm::ArrayRef<std::pair<VirtAddr, uint64_t>> dentries_;
  const unsigned word_;
};

bool DentryLearner::fitsName(uint64_t name) const {
  size_t inside = 0;
  return all([&](VirtAddr at, uint64_t) {
           inside += wordAt(at, name) - at.value < dentryBytes;
           return readDentryName(reader_, at, name).has_value();
         }) &&
         inside;
}

/// Up to a root; and what is hashed is pointed back to by its bucket, whose
/// lowest bit is a lock (linux include/linux/list_bl.h).
bool DentryLearner::fitsParent(const DentryShape &shape) const {
  size_t ofOther = 0;
  return all([&](VirtAddr at, uint64_t) {
           const uint64_t hash = wordAt(at, shape.hash(word_));
           if (hash && (wordAt(VirtAddr(hash), 0) & ~uint64_t(1)) !=
                           at.value + shape.hash(word_) - word_)
             return false;
           const size_t depth = followParents(reader_, at, shape).size();
           ofOther += depth > 1;
           return depth > 0;
         }) &&
         ofOther;
}

bool DentryLearner::fitsSuper(uint64_t at) const {
  return all([&](VirtAddr dentry, uint64_t super) {
    const uint64_t operations = wordAt(dentry, at - word_);
    return wordAt(dentry, at) == super &&
           (!operations || isObject(reader_, operations));
  });
}

std::vector<DentryShape> DentryLearner::find() const {
  std::vector<DentryShape> found;
  for (uint64_t name = 4 * word_; name < dentryBytes / 2; name += word_) {
    if (!fitsName(name))
      continue;
    // The first: what comes behind is of the next dentry.
    uint64_t super = name + 3 * word_;
    while (super < dentryBytes && !fitsSuper(super))
      super += word_;
    if (super >= dentryBytes)
      continue;
    // The hash and length of the name are 8 bytes, which may be aligned, and
    // d_name with them, whose end is then one, too (32-bit Arm).
    for (uint64_t gap : {0u, word_})
      for (uint64_t padding : {0u, 8 - word_}) {
        DentryShape shape;
        shape.name = name;
        shape.parent = name - 8 - word_ - gap;
        shape.inode = name + word_ + padding;
        shape.super = super;
        shape.operations = super - word_;
        if (shape.parent >= word_ && fitsParent(shape) &&
            !llvm::is_contained(found, shape))
          found.push_back(shape);
      }
  }
  return found;
}

} // namespace

uint64_t nameLengthBefore(const StructReader &reader, uint64_t name) {
  return name - (reader.memory().order() == ByteOrder::big ? 8 : 4);
}

std::optional<std::string> readDentryName(const StructReader &reader,
                                          VirtAddr dentry, uint64_t name) {
  const auto at = reader.tryNumber(dentry, Field{name, reader.wordBytes()});
  const auto length =
      reader.tryNumber(dentry, Field{nameLengthBefore(reader, name), 4});
  if (!at || !length || !*length || *length > maxNameBytes)
    return std::nullopt;
  llvm::Expected<std::string> text =
      reader.memory().readString(VirtAddr(*at), *length + 1);
  if (text && text->size() == *length)
    return std::move(*text);
  llvm::consumeError(text.takeError());
  return std::nullopt;
}

std::vector<VirtAddr> followParents(const StructReader &reader, VirtAddr dentry,
                                    const DentryShape &shape) {
  std::vector<VirtAddr> way;
  const Field parent{shape.parent, reader.wordBytes()};
  for (VirtAddr at = dentry; way.size() < maxDepth;) {
    if (!readDentryName(reader, at, shape.name))
      return {};
    way.push_back(at);
    const auto next = reader.tryNumber(at, parent);
    if (!next)
      return {};
    if (*next == at.value)
      return way;
    at = VirtAddr(*next);
  }
  return {};
}

std::vector<DentryShape>
findDentryShapes(const StructReader &reader,
                 llvm::ArrayRef<std::pair<VirtAddr, uint64_t>> dentries) {
  return DentryLearner(reader, dentries).find();
}

} // namespace vmpt
