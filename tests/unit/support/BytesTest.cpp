//===- BytesTest.cpp - pieces of zeros ------------------------------------===//
#include "support/Bytes.h"

#include "gmock/gmock.h"

using namespace vmpt;

namespace {

TEST(Zeros, OfAnyLengthAndAlignment) {
  const std::vector<uint8_t> zeros(300);
  for (size_t start = 0; start < 17; ++start)
    for (size_t size = 0; size < 200; ++size)
      EXPECT_TRUE(isZero(llvm::ArrayRef<uint8_t>(zeros).slice(start, size)));
}

TEST(Zeros, OneBitAnywhereIsNoZero) {
  std::vector<uint8_t> bytes(4096);
  for (size_t at = 0; at < bytes.size(); ++at)
    for (uint8_t bits : {0x01, 0x80}) {
      bytes[at] = bits;
      EXPECT_FALSE(isZero(bytes)) << at;
      // Only what is inside counts.
      EXPECT_TRUE(isZero(llvm::ArrayRef<uint8_t>(bytes).take_front(at)));
      EXPECT_TRUE(isZero(llvm::ArrayRef<uint8_t>(bytes).drop_front(at + 1)));
      bytes[at] = 0;
    }
}

TEST(Zeros, NorAreEqualBytes) {
  EXPECT_FALSE(isZero(std::vector<uint8_t>(4096, 0xff)));
  EXPECT_FALSE(isZero({1}));
  EXPECT_TRUE(isZero({}));
}

} // namespace
