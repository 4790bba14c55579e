//===- LearnedPlaces.h - layouts told by what memory looks like -----------===//
#pragma once

#include "debuginfo/Types.h"

namespace vmpt {

/// Filled by whoever learns; the last of the sources.
class LearnedPlaces final : public PlaceSource {
public:
  explicit LearnedPlaces(std::string source) : source_(std::move(source)) {}

  /// \p place is "STRUCT.MEMBER".
  void put(llvm::StringRef place, uint64_t offset, uint64_t sizeBytes) {
    Member member;
    member.bitOffset = offset * 8;
    member.bitSize = sizeBytes * 8;
    places_[place] = member;
  }
  void putSize(llvm::StringRef type, uint64_t bytes) { sizes_[type] = bytes; }
  void putConstant(llvm::StringRef name, uint64_t value) {
    constants_[name] = value;
  }

  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override {
    auto known = places_.find((name + "." + path).str());
    return known == places_.end() ? std::nullopt
                                  : std::optional<Member>(known->second);
  }
  std::optional<uint64_t> findSizeBytes(llvm::StringRef name) const override {
    return find(sizes_, name);
  }
  std::optional<uint64_t>
  findEnumConstant(llvm::StringRef name) const override {
    return find(constants_, name);
  }
  std::string describe() const override { return source_; }

private:
  static std::optional<uint64_t> find(const llvm::StringMap<uint64_t> &map,
                                      llvm::StringRef name) {
    auto known = map.find(name);
    return known == map.end() ? std::nullopt
                              : std::optional<uint64_t>(known->second);
  }

  std::string source_;
  llvm::StringMap<Member> places_;
  llvm::StringMap<uint64_t> sizes_, constants_;
};

} // namespace vmpt
