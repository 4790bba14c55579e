#include "kernel/image/AddressMarkers.h"

#include "kernel/image/ImageScan.h"
#include "support/Text.h"

namespace vmpt {

namespace {

/// More sections than any kernel has; longer names than any has.
constexpr size_t maxMarkers = 64;
constexpr size_t maxNameBytes = 64;

llvm::Expected<uint64_t> readWord(const AddressSpace &memory, VirtAddr at,
                                  unsigned bytes) {
  if (bytes == 8)
    return memory.readNumber<uint64_t>(at);
  llvm::Expected<uint32_t> word = memory.readNumber<uint32_t>(at);
  if (!word)
    return word.takeError();
  return uint64_t(*word);
}

/// The array at \p at, or nothing if any of it does not look like one. \p
/// broken: that it did up to there.
std::optional<MarkerArray> readArray(const AddressSpace &memory, VirtAddr at,
                                     const MarkerArrayShape &shape,
                                     std::string &broken) {
  MarkerArray array{at, {}};
  const auto breakOff = [&](const std::string &why) {
    // A relocation of the first name is followed by no second one.
    const size_t least = shape.firstStartIsZero ? 1 : 2;
    if (array.markers.size() >= least && broken.empty())
      broken = "address_markers[] at " + hex(at) + " is broken behind '" +
               escapeName(array.markers.back().name) + "': " + why;
    return std::nullopt;
  };
  const uint64_t endMark = lowBits(8 * shape.wordBytes);
  for (size_t i = 0; i < maxMarkers; ++i) {
    uint64_t words[3] = {};
    for (unsigned w = 0; w < shape.wordsPerEntry; ++w) {
      llvm::Expected<uint64_t> word =
          readWord(memory, at + (i * shape.wordsPerEntry + w) * shape.wordBytes,
                   shape.wordBytes);
      if (!word)
        return breakOff(llvm::toString(word.takeError()));
      words[w] = *word;
    }
    if (words[1] == 0 && words[0] == endMark && i >= 2)
      return array;
    if (words[0] < shape.lowestStart)
      return std::nullopt;
    llvm::Expected<std::string> name =
        memory.readString(VirtAddr(words[1]), maxNameBytes);
    if (!name)
      return breakOff(llvm::toString(name.takeError()));
    array.markers.push_back({words[0], *name, words[2]});
  }
  return breakOff("it has no end");
}

/// Is there an entry before the first one? Names differ between versions, and
/// what was the first in one is in the middle in another. Starts ascend, and
/// what else lies there is seldom the start of a page.
bool hasEntryBefore(const AddressSpace &memory, const MarkerArray &array,
                    const MarkerArrayShape &shape) {
  constexpr uint64_t pageBytes = 4096;
  llvm::Expected<uint64_t> start =
      readWord(memory, array.address - shape.wordsPerEntry * shape.wordBytes,
               shape.wordBytes);
  if (!start) {
    llvm::consumeError(start.takeError());
    return false;
  }
  return shape.lowestStart && *start >= shape.lowestStart &&
         *start <= array.markers.front().start && *start % pageBytes == 0;
}

/// The array whose first name \p pointer leads to.
std::optional<MarkerArray> readArrayAround(const AddressSpace &memory,
                                           VirtAddr pointer,
                                           const MarkerArrayShape &shape,
                                           std::string &broken) {
  const VirtAddr start = pointer - shape.wordBytes;
  if (shape.firstStartIsZero) {
    llvm::Expected<uint64_t> word = readWord(memory, start, shape.wordBytes);
    if (!word || *word != 0) {
      llvm::consumeError(word.takeError());
      return std::nullopt;
    }
  }
  std::optional<MarkerArray> array = readArray(memory, start, shape, broken);
  if (!array || !hasEntryBefore(memory, *array, shape))
    return array;
  if (broken.empty())
    broken = "address_markers[] begins before '" +
             escapeName(array->markers.front().name) + "' at " + hex(start) +
             ", with a name that is not known";
  return std::nullopt;
}

/// The array whose first name is one of the strings at \p names.
std::optional<MarkerArray> findArray(const AddressSpace &memory,
                                     llvm::ArrayRef<MappedRun> image,
                                     llvm::ArrayRef<VirtAddr> names,
                                     const MarkerArrayShape &shape,
                                     std::string &broken) {
  // Few words lead to a name; a hostile image can be full of them.
  constexpr unsigned maxTries = 64;
  unsigned tries = 0;
  std::optional<MarkerArray> array;
  for (VirtAddr name : names) {
    findWords(memory, image, name.value, shape.wordBytes,
              [&](VirtAddr pointer) {
                array = readArrayAround(memory, pointer, shape, broken);
                return !array && ++tries < maxTries;
              });
    if (array)
      break;
  }
  return array;
}

/// The array by names in \p strings and words in \p data.
std::optional<MarkerArray> findArrayIn(const AddressSpace &memory,
                                       llvm::ArrayRef<MappedRun> strings,
                                       llvm::ArrayRef<MappedRun> data,
                                       const MarkerArrayShape &shape,
                                       std::string &broken) {
  // With its end: the string is not the start of a longer one.
  const std::string text = shape.firstName.str() + '\0';
  std::vector<VirtAddr> names = findBytes(memory, strings, text, 1);
  std::optional<MarkerArray> array =
      findArray(memory, data, names, shape, broken);
  if (array || names.empty())
    return array;
  // The first one was not it. Looking for more costs another pass.
  names = findBytes(memory, strings, text);
  return findArray(memory, data, llvm::ArrayRef<VirtAddr>(names).drop_front(),
                   shape, broken);
}

std::vector<MappedRun> pick(llvm::ArrayRef<MappedRun> image, bool isWritable) {
  std::vector<MappedRun> runs;
  for (const MappedRun &run : image)
    if (!run.rights.executable && run.rights.writable == isWritable)
      runs.push_back(run);
  return runs;
}

} // namespace

std::optional<MarkerArray> findMarkerArray(const AddressSpace &memory,
                                           llvm::ArrayRef<MappedRun> image,
                                           const MarkerArrayShape &shape,
                                           std::string &broken) {
  // Where a kernel protects its image, texts are among the read-only data and
  // the array among what is written at boot; the code is most of the rest.
  if (auto array = findArrayIn(memory, pick(image, false), pick(image, true),
                               shape, broken))
    return array;
  return findArrayIn(memory, image, image, shape, broken);
}

} // namespace vmpt
