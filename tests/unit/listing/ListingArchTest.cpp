#include "listing/ListingArch.h"

#include "paging/modes/Modes.h"
#include "support/BuiltListing.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class EveryListingArch : public ::testing::TestWithParam<Arch> {
protected:
  const ListingArch &listingArch = getListingArch(GetParam());

  /// Of a kernel that has its last page mapped, and its first.
  static BuiltListing build(const PagingMode &mode) {
    BuiltListing built(mode, "6.12.0");
    const unsigned last = mode.lastLevel();
    const uint64_t end =
        getTraits(mode.arch).wordBytes == 8 ? ~uint64_t(0) : lowBits(32);
    const uint64_t page = alignDown(end, mode.entrySpan(last));
    built.image.markers = {{0, "All"}};
    // Of a page that has nothing in any column, some print no line.
    const uint64_t columns =
        getListingArch(mode.arch).planKernel(built.image).rules.attributeMask;
    uint64_t bits = built.tables.leafBits(last);
    if (!(bits & columns))
      bits |= columns & -columns;
    for (uint64_t at : {page, uint64_t(0)})
      built.tables.map(VirtAddr(at), PhysAddr(0), bits, last);
    return built;
  }
};

TEST_P(EveryListingArch, PlansAndPrintsInEachMode) {
  ASSERT_NE(listingArch.planKernel, nullptr);
  for (const PagingMode *mode : getModes(GetParam())) {
    BuiltListing built = build(*mode);
    ListingPlan plan = listingArch.planKernel(built.image);
    EXPECT_EQ(plan.mode.name, mode->name);
    EXPECT_FALSE(plan.ranges.empty()) << mode->name.str();
    EXPECT_FALSE(plan.wording.fields.empty()) << mode->name.str();
    EXPECT_NE(plan.rules.attributeMask, 0u) << mode->name.str();
    EXPECT_THAT(built.text(), ::testing::HasSubstr("0x")) << mode->name.str();
  }
}

TEST_P(EveryListingArch, PlansEfisTableInEachMode) {
  for (const PagingMode *mode : getModes(GetParam())) {
    BuiltListing built = build(*mode);
    EXPECT_THAT(
        built.text(planEfiListing(built.image, built.memory, built.image.root)),
        ::testing::HasSubstr("0x0"))
        << mode->name.str();
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryListingArch, ::testing::ValuesIn(allArchs),
                         [](const auto &info) {
                           return getArchName(info.param).str();
                         });

} // namespace
