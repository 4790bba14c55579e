#include "Mutation.h"

#include "support/Bytes.h"

#include <cstring>

namespace vmpt::robust {

uint64_t Random::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

namespace {

/// A number in the place of a number of up to eight bytes.
std::vector<uint8_t> changeNumber(llvm::ArrayRef<uint8_t> old, Random &random) {
  uint64_t value = 0;
  std::memcpy(&value, old.data(), std::min<size_t>(old.size(), 8));
  static constexpr uint64_t edges[] = {1,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0xfff,
                                       0x1000,
                                       0x7fffffff,
                                       0x80000000,
                                       uint64_t(1) << 47,
                                       uint64_t(1) << 63,
                                       ~uint64_t(0) - 4095,
                                       0xffff800000000000};
  switch (random.below(5)) {
  case 0:
    value += 1 + random.below(16);
    break;
  case 1:
    value -= 1 + random.below(16);
    break;
  case 2:
    value += (random.below(64) - 32) << 12;
    break;
  case 3:
    value = random.next();
    break;
  default:
    value = random.pick(edges);
  }
  std::vector<uint8_t> bytes(old.begin(), old.end());
  std::memcpy(bytes.data(), &value, std::min<size_t>(bytes.size(), 8));
  return bytes;
}

} // namespace

std::string mutate(DumpFile &file, const Target &target,
                   llvm::ArrayRef<Target> donors, Random &random) {
  std::vector<uint8_t> bytes(file.data() + target.offset,
                             file.data() + target.offset + target.size);
  const char *what = "";
  switch (random.below(7)) {
  case 0:
  case 1:
    what = "flip";
    bytes[random.below(bytes.size())] ^= uint8_t(1 << random.below(8));
    break;
  case 2:
    what = "zero";
    std::fill(bytes.begin(), bytes.end(), 0);
    break;
  case 3:
    what = "ones";
    std::fill(bytes.begin(), bytes.end(), 0xff);
    break;
  case 4:
    what = "number";
    bytes = changeNumber(bytes, random);
    break;
  case 5:
    what = "noise";
    for (uint8_t &byte : bytes)
      byte = uint8_t(random.next());
    break;
  default: {
    what = "splice";
    const Target &donor = donors.empty() ? target : random.pick(donors);
    std::memcpy(bytes.data(), file.data() + donor.offset,
                std::min(bytes.size(), size_t(donor.size)));
  }
  }
  if (!std::memcmp(bytes.data(), file.data() + target.offset, bytes.size())) {
    what = "flip"; // else it were no mutant
    bytes[random.below(bytes.size())] ^= uint8_t(1 << random.below(8));
  }
  file.write(target.offset, bytes);
  return what + (" " + hex(target.offset)) + "+" + hex(target.size);
}

FileDamage mutateFile(DumpFile &file, llvm::ArrayRef<Target> pages,
                      Random &random) {
  const uint64_t size = file.size();
  const uint64_t at = random.below(size), length = 1 + random.below(8192);
  auto copyOf = [&](uint64_t offset, uint64_t count) {
    count = std::min(count, size - offset);
    return std::vector<uint8_t>(file.data() + offset,
                                file.data() + offset + count);
  };
  if (!pages.empty() && random.below(2)) {
    const Target &a = random.pick(pages), &b = random.pick(pages);
    std::vector<uint8_t> first = copyOf(a.offset, a.size),
                         second = copyOf(b.offset, b.size);
    file.write(a.offset, second);
    const bool isSwap = random.below(2);
    if (isSwap)
      file.write(b.offset, first);
    return {(isSwap ? "swap pages " : "double page ") + hex(a.offset) + " " +
                hex(b.offset),
            true};
  }
  switch (random.below(3)) {
  case 0:
    file.truncate(at);
    return {"truncate at " + hex(at), false};
  case 1:
    file.write(at, copyOf(std::min(at + length, size - 1), size));
    return {"cut out " + hex(at) + "+" + hex(length), true};
  default:
    file.write(std::min(at + length, size - 1), copyOf(at, size));
    return {"double " + hex(at) + "+" + hex(length), true};
  }
}

} // namespace vmpt::robust
