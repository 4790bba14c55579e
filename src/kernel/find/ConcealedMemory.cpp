#include "kernel/find/ConcealedMemory.h"

#include <algorithm>
#include <array>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096;
/// Fewer pages say nothing of the whole.
constexpr uint64_t pagesThatTell = 64;
using Page = std::array<uint8_t, pageBytes>;

/// Are all values of a byte as frequent as in random numbers? Pearson's chi
/// squared of 256 values has the mean 255 and the deviation 23; six of those
/// either way let no page of code, text, tables or pattern pass.
bool looksRandom(const Page &page) {
  std::array<uint64_t, 256> counts = {};
  for (uint8_t byte : page)
    ++counts[byte];
  constexpr uint64_t expected = pageBytes / 256;
  uint64_t squares = 0;
  for (uint64_t count : counts)
    squares += count * count;
  const uint64_t chiSquared = squares / expected - pageBytes;
  return squares / expected >= pageBytes && chiSquared > 115 &&
         chiSquared < 395;
}

/// More is missing than there is: what is left is not like the whole.
bool isCutOff(const PhysicalMemory &memory) {
  uint64_t present = 0, truncated = 0;
  for (const MemoryRange &range : memory.ranges())
    if (!range.absence)
      present += range.size;
    else if (range.absence == Absence::Truncated)
      truncated += range.size;
  return truncated > present;
}

struct Sample {
  uint64_t pages = 0, zero = 0, random = 0;

  void look(const Page &page) {
    ++pages;
    if (isZero(page))
      ++zero;
    else if (looksRandom(page))
      ++random;
  }
};

Sample takeSample(const PhysicalMemory &memory) {
  uint64_t total = 0;
  for (const MemoryRange &range : memory.ranges())
    if (!range.absence)
      total += range.size / pageBytes;
  const uint64_t step = std::max<uint64_t>(1, total / 1024);
  Sample sample;
  uint64_t next = 0; // Pages of the ranges to come before the next look.
  Page page;
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence)
      continue;
    const uint64_t pages = range.size / pageBytes;
    for (; next < pages; next += step)
      if (!memory.tryRead(range.start + next * pageBytes, page))
        sample.look(page);
    next -= pages;
  }
  return sample;
}

std::string countText(uint64_t count, uint64_t of) {
  return std::to_string(count) + " of " + std::to_string(of) +
         " pages looked at";
}

} // namespace

std::optional<ConcealedMemory>
describeConcealedMemory(const PhysicalMemory &memory) {
  if (isCutOff(memory))
    return ConcealedMemory{
        "the file is cut off: most of the memory is not in it"};
  const Sample sample = takeSample(memory.forScanning());
  static constexpr char advice[] =
      "; take the dump inside the guest (kdump, AVML, LiME)";
  const uint64_t written = sample.pages - sample.zero;
  if (written >= pagesThatTell && sample.random * 10 >= written * 9)
    return ConcealedMemory{
        "the memory looks like ciphertext (" +
            countText(sample.random, sample.pages) +
            " are as random): a guest protected by SEV or TDX as its host sees "
            "it, or a file that is encrypted or compressed as a whole" +
            advice,
        /*isCiphertext=*/true};
  if (sample.pages >= pagesThatTell && sample.zero * 100 >= sample.pages * 99)
    return ConcealedMemory{
        "nearly all of the memory is zeros (" +
        countText(sample.zero, sample.pages) +
        "), as where the host cannot read a guest protected by "
        "SEV-SNP or TDX" +
        advice};
  return std::nullopt;
}

} // namespace vmpt
