#include "kernel/learn/Samples.h"

namespace vmpt {

bool Samples::add(VirtAddr at) {
  constexpr uint64_t chunk = 64; // no object of interest is shorter
  if (!known_.insert(at.value).second)
    return false;
  Object object{at, std::vector<uint8_t>(bytes_)};
  for (uint64_t done = 0; done < bytes_; done += chunk)
    if (llvm::Error error = reader_.memory().read(
            at + done, llvm::MutableArrayRef<uint8_t>(object.bytes)
                           .slice(done, std::min(chunk, bytes_ - done)))) {
      llvm::consumeError(std::move(error));
      if (done == 0)
        return false;
      break;
    }
  objects_.push_back(std::move(object));
  return true;
}

uint64_t Samples::bound() const {
  uint64_t least = bytes_;
  for (auto at = known_.begin(); at != known_.end(); ++at)
    if (auto next = std::next(at); next != known_.end())
      least = std::min(least, *next - *at);
  return least;
}

uint64_t Samples::number(size_t i, uint64_t offset, unsigned bytes) const {
  const std::vector<uint8_t> &raw = objects_[i].bytes;
  if (!fits(offset, bytes, raw.size()))
    return 0;
  const ByteOrder order = reader_.memory().order();
  switch (bytes) {
  case 1:
    return raw[offset];
  case 2:
    return loadUnaligned<uint16_t>(raw.data() + offset, order);
  case 4:
    return loadUnaligned<uint32_t>(raw.data() + offset, order);
  default:
    return loadUnaligned<uint64_t>(raw.data() + offset, order);
  }
}

bool isObject(const StructReader &reader, uint64_t value) {
  // s390x maps from 0 on: a small number is a number.
  constexpr uint64_t lowest = 0x10000;
  return value >= lowest && value % reader.wordBytes() == 0 &&
         reader.memory().find(VirtAddr(value)).isMapped();
}

llvm::Error notShown(const llvm::Twine &objects, const llvm::Twine &what,
                     size_t fits) {
  if (fits)
    return llvm::make_error<LookupError>(
        "of " + what + ", " + llvm::Twine(fits) + " places fit all " + objects);
  return llvm::make_error<LookupError>(objects + " do not show " + what);
}

llvm::Expected<uint64_t> takeOnly(llvm::ArrayRef<uint64_t> found,
                                  const llvm::Twine &objects,
                                  const llvm::Twine &what) {
  if (found.size() == 1)
    return found.front();
  return notShown(objects, what, found.size());
}

} // namespace vmpt
