#include "kernel/context/VmcoreinfoCheck.h"

#include <gtest/gtest.h>

using namespace vmpt;

namespace {

class Places final : public PlaceSource {
public:
  std::optional<uint64_t> findSizeBytes(llvm::StringRef name) const override {
    return name == "page" ? std::optional<uint64_t>(64) : std::nullopt;
  }
  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override {
    if (name != "page" || path != "flags")
      return std::nullopt;
    Member member;
    member.bitOffset = 8 * 8;
    return member;
  }
  std::string describe() const override { return "types"; }
};

class Names final : public SymbolSource {
public:
  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override {
    std::vector<std::optional<Symbol>> found;
    for (llvm::StringRef name : names)
      found.push_back(name == "mem_section" || name == "_stext"
                          ? std::optional(Symbol{name.str(), VirtAddr(0x1000)})
                          : std::nullopt);
    return found;
  }
  std::string describe() const override { return "symbols"; }
};

std::string check(llvm::StringRef text) {
  const Names names;
  const Places places;
  return findOtherValues(Vmcoreinfo::parse(text), &names, &places,
                         [](const Symbol &known, VirtAddr said) {
                           return known.name == "mem_section" &&
                                  said == VirtAddr(0x5000);
                         })
      .value_or("");
}

TEST(VmcoreinfoCheck, WhatIsAlikeOrUnknownIsRight) {
  EXPECT_EQ(check("OSRELEASE=6.1\nSIZE(page)=64\nOFFSET(page.flags)=8\n"
                  "OFFSET(page.other)=9\nSIZE(list_head)=16\nNUMBER(x)=1\n"
                  "SYMBOL(_stext)=1000\nSYMBOL(else)=2000\nLENGTH(page)=3\n"
                  "OFFSET(\nSIZE()=3\n=\n"),
            "");
}

TEST(VmcoreinfoCheck, NamesTheFirstThatIsNot) {
  EXPECT_EQ(
      check("OFFSET(page.flags)=16\nSIZE(page)=72\n"),
      "VMCOREINFO is not right: OFFSET(page.flags) is 16, and 8 in types; "
      "1 more differ");
  EXPECT_EQ(check("SYMBOL(_stext)=2000\n"),
            "VMCOREINFO is not right: SYMBOL(_stext) is 0x2000, and 0x1000 in "
            "symbols");
}

TEST(VmcoreinfoCheck, ASymbolMayBeElsewhere) {
  EXPECT_EQ(check("SYMBOL(mem_section)=5000\n"), "");
  EXPECT_NE(check("SYMBOL(mem_section)=5008\n"), "");
}

} // namespace
