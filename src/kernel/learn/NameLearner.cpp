#include "kernel/learn/NameLearner.h"

#include "kernel/find/KernelArch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr unsigned operationSlots = 24;
constexpr uint64_t maxAnonName = 80; ///< ANON_VMA_NAME_MAX_LEN
constexpr const char *areasInMemory = "memory areas in memory";

class NameLearner {
public:
  NameLearner(const Kernel &kernel, const LearnedAreas &areas)
      : kernel_(kernel), reader_(kernel.reader()), learned_(areas),
        areas_(areas.areas), word_(reader_.wordBytes()) {}

  llvm::Expected<LearnedPlaces> learn();

private:
  uint64_t wordAt(uint64_t at, uint64_t offset) const {
    return reader_.tryNumber(VirtAddr(at), Field{offset, word_}).value_or(0);
  }
  llvm::Error learnSpecial();
  bool isAnonName(uint64_t at) const;
  bool fitsAnonName(uint64_t offset, bool isFileless) const;
  llvm::Error learnAnonNames();

  const Kernel &kernel_;
  const StructReader &reader_;
  const LearnedAreas &learned_;
  const Samples &areas_;
  const unsigned word_;
  LearnedPlaces places_{""};
};

/// The name of what special_mapping_name() names begins its struct, which is
/// the area's private data.
llvm::Error NameLearner::learnSpecial() {
  const auto function = kernel_.symbols().find("special_mapping_name");
  if (!function)
    return llvm::make_error<LookupError>(
        "no symbol 'special_mapping_name' (tried " +
        kernel_.symbols().describe() + ")");
  std::set<uint64_t> slots;
  bool hasNames = true;
  for (size_t i = 0; i < areas_.size(); ++i) {
    const uint64_t operations = areas_.word(i, learned_.operations);
    for (unsigned slot = 0; operations && slot < operationSlots; ++slot) {
      if (wordAt(operations, slot * word_) != function->address.value)
        continue;
      slots.insert(slot * word_);
      llvm::Expected<std::string> name = reader_.memory().readString(
          VirtAddr(wordAt(areas_.word(i, learned_.privateData), 0)), 256);
      hasNames &= name && llvm::StringRef(*name).take_front(1) == "[";
      if (!name)
        llvm::consumeError(name.takeError());
    }
  }
  if (!hasNames)
    return notShown(areasInMemory, "the names of special mappings");
  if (slots.size() != 1)
    return notShown(areasInMemory, "which of their functions tells the name",
                    slots.size());
  places_.put("vm_operations_struct.name", *slots.begin(), word_);
  places_.put("vm_special_mapping.name", 0, word_);
  return llvm::Error::success();
}

/// struct anon_vma_name: a count of its users, then the name.
bool NameLearner::isAnonName(uint64_t at) const {
  const auto users = reader_.tryNumber(VirtAddr(at), Field{0, 4});
  if (at % 4 || !users || !*users || *users > (1 << 24))
    return false;
  llvm::Expected<std::string> name =
      reader_.memory().readString(VirtAddr(at + 4), maxAnonName);
  if (!name) {
    llvm::consumeError(name.takeError());
    return false;
  }
  return llvm::all_of(*name, [](char c) { return llvm::isPrint(c); });
}

bool NameLearner::fitsAnonName(uint64_t offset, bool isFileless) const {
  return areas_.all([&](size_t i) {
    if (isFileless && areas_.word(i, learned_.file))
      return true;
    const uint64_t name = areas_.word(i, offset);
    return !name || isAnonName(name);
  });
}

/// Behind vm_private_data since 6.2; before behind vm_flags, shared with what
/// only files need.
llvm::Error NameLearner::learnAnonNames() {
  if (!kernel_.symbols().find("anon_vma_name_alloc"))
    return llvm::Error::success();
  const uint64_t own = learned_.privateData + word_,
                 shared = learned_.flags + word_;
  if (fitsAnonName(own, false)) {
    const bool isNew = kernel_.image().version() >= KernelVersion{6, 2};
    // Where both fit no area has a name.
    if (isNew || !fitsAnonName(shared, true)) {
      places_.put("vm_area_struct.anon_name", own, word_);
      places_.put("anon_vma_name.name", 4, 0);
      return llvm::Error::success();
    }
  }
  if (!fitsAnonName(shared, true))
    return notShown(areasInMemory, "where vm_area_struct has its anon_name");
  places_.put("vm_area_struct.anon_name", shared, word_);
  places_.put("vm_area_struct.shared", shared, 4 * word_);
  places_.put("anon_vma_name.name", 4, 0);
  return llvm::Error::success();
}

llvm::Expected<LearnedPlaces> NameLearner::learn() {
  if (llvm::Error error = learnSpecial())
    return error;
  if (llvm::Error error = learnAnonNames())
    return error;
  return std::move(places_);
}

} // namespace

llvm::Expected<LearnedPlaces> learnAreaNames(const Kernel &kernel,
                                             const LearnedAreas &areas) {
  return NameLearner(kernel, areas).learn();
}

} // namespace vmpt
