#include "debuginfo/Symbols.h"

#include "support/Error.h"
#include "support/Text.h"

namespace vmpt {

SymbolSource::~SymbolSource() = default;

std::optional<Symbol> SymbolSource::find(llvm::StringRef name) const {
  return std::move(findAll(name).front());
}

SymbolQuery::SymbolQuery(llvm::ArrayRef<llvm::StringRef> names) {
  for (llvm::StringRef name : names) {
    auto [place, isNew] = index_.try_emplace(name, slots_.size());
    if (isNew) {
      slots_.emplace_back();
      lengths_[std::min(name.size(), maxLength)] = true;
      if (!name.empty())
        starts_[uint8_t(name.front())] = true;
    }
    order_.push_back(place->second);
  }
  open_ = slots_.size();
}

std::optional<Symbol> *SymbolQuery::findSlot(llvm::StringRef name) {
  auto place = index_.find(name);
  if (place == index_.end() || slots_[place->second])
    return nullptr;
  return &slots_[place->second];
}

void SymbolQuery::answer(std::optional<Symbol> *slot, Symbol symbol) {
  *slot = std::move(symbol);
  --open_;
}

std::vector<std::optional<Symbol>> SymbolQuery::takeAnswers() {
  std::vector<std::optional<Symbol>> answers;
  answers.reserve(order_.size());
  for (size_t slot : order_)
    answers.push_back(slots_[slot]);
  return answers;
}

llvm::Error GivenSymbols::add(llvm::StringRef text) {
  auto [name, number] = text.split('=');
  const std::string what = "--symbol '" + text.str() + "'";
  if (name.empty() || number.empty())
    return llvm::make_error<UsageError>(what + " is not NAME=ADDRESS");
  llvm::Expected<uint64_t> address = parseNumber(number, what);
  if (!address)
    return address.takeError();
  addresses_[name] = *address;
  return llvm::Error::success();
}

std::vector<std::optional<Symbol>>
GivenSymbols::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::vector<std::optional<Symbol>> found;
  for (llvm::StringRef name : names) {
    auto place = addresses_.find(name);
    found.push_back(place == addresses_.end()
                        ? std::nullopt
                        : std::optional<Symbol>(
                              Symbol{name.str(), VirtAddr(place->second)}));
  }
  return found;
}

std::vector<std::optional<Symbol>>
SymbolSources::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::vector<std::optional<Symbol>> answers(names.size());
  for (const SymbolSource *source : sources_) {
    std::vector<llvm::StringRef> missing;
    std::vector<size_t> places;
    for (size_t i = 0; i < names.size(); ++i)
      if (!answers[i]) {
        missing.push_back(names[i]);
        places.push_back(i);
      }
    if (missing.empty())
      break;
    auto found = source->findAll(missing);
    for (size_t i = 0; i < found.size(); ++i)
      answers[places[i]] = std::move(found[i]);
  }
  return answers;
}

std::string SymbolSources::describe() const {
  std::string text;
  for (const SymbolSource *source : sources_)
    text += (text.empty() ? "" : ", ") + source->describe();
  return text.empty() ? "nothing" : text;
}

llvm::Expected<Symbol> SymbolSources::get(llvm::StringRef name) const {
  if (auto symbol = find(name))
    return std::move(*symbol);
  return llvm::make_error<LookupError>("no symbol '" + name + "' (tried " +
                                       describe() +
                                       "); pass a vmlinux or System.map");
}

} // namespace vmpt
