#include "output/Packed.h"

#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <limits>

using namespace vmpt;

namespace {

std::vector<uint8_t> bytesOf(uint64_t number) {
  PackedBytes packed;
  packed.add(number);
  return packed.bytes();
}

TEST(PackedTest, NumbersAreAsLongAsTheyNeed) {
  EXPECT_EQ(bytesOf(0), (std::vector<uint8_t>{0}));
  EXPECT_EQ(bytesOf(127), (std::vector<uint8_t>{127}));
  EXPECT_EQ(bytesOf(128), (std::vector<uint8_t>{0x80, 1}));
  EXPECT_EQ(bytesOf(~uint64_t(0)).size(), 10u);
}

TEST(PackedTest, SmallNumbersOfEitherSignAreShort) {
  PackedBytes packed;
  for (int64_t number : {0, -1, 1, -2, 63, -64})
    packed.addSigned(number);
  EXPECT_EQ(packed.bytes().vec(), (std::vector<uint8_t>{0, 1, 2, 3, 126, 127}));
  packed.clear();
  packed.addSigned(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(packed.size(), 10u);
}

TEST(PackedTest, PackedBytesAreNothingButLettersAndDigits) {
  std::vector<uint8_t> bytes;
  for (unsigned i = 0; i < 100'000; ++i)
    bytes.push_back(uint8_t(i * i >> 5));
  const std::string text = pack(bytes);
  EXPECT_LT(text.size(), bytes.size());
  for (char c : text)
    EXPECT_TRUE(llvm::isAlnum(c) || c == '+' || c == '/' || c == '=') << c;
}

TEST(PackedTest, NothingCanBePacked) {
  EXPECT_EQ(pack({}).substr(0, 1), "e"); // zlib's header 0x78.
}

} // namespace
