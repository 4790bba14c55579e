#include "kernel/context/VmcoreinfoCheck.h"

#include "support/Text.h"

namespace vmpt {

namespace {

struct Named {
  llvm::StringRef kind, name; ///< "OFFSET" and "page.flags"
};

std::optional<Named> parseKey(llvm::StringRef line) {
  auto [kind, rest] = line.split('=').first.split('(');
  if (!rest.consume_back(")") || rest.empty())
    return std::nullopt;
  return Named{kind, rest};
}

using MayBeAt = llvm::function_ref<bool(const Symbol &, VirtAddr)>;

/// Most NUMBER()s are macros, for which all of a kernel's enums would be looked
/// through.
bool isEnumerator(llvm::StringRef name) {
  return name.take_front(3) == "PG_" || name == "HUGETLB_PAGE_DTOR";
}

class Comparison {
public:
  Comparison(const Vmcoreinfo &info, const SymbolSource *symbols,
             const TypeSource *types, MayBeAt mayBeAt)
      : info_(info), symbols_(symbols), types_(types), mayBeAt_(mayBeAt) {}

  std::optional<std::string> run();

private:
  void compareSymbols(llvm::ArrayRef<llvm::StringRef> names);
  void comparePlace(const Named &key);
  void add(const llvm::Twine &key, const std::string &said,
           const std::string &other, const std::string &source) {
    if (!count_++)
      first_ = (key + " is " + said + ", and " + other + " in " + source).str();
  }
  void compare(const llvm::Twine &key, std::optional<uint64_t> said,
               std::optional<uint64_t> other) {
    if (said && other && *said != *other)
      add(key, std::to_string(*said), std::to_string(*other),
          types_->describe());
  }

  const Vmcoreinfo &info_;
  const SymbolSource *symbols_;
  const TypeSource *types_;
  const MayBeAt mayBeAt_;
  std::string first_;
  size_t count_ = 0;
};

void Comparison::compareSymbols(llvm::ArrayRef<llvm::StringRef> names) {
  auto found = symbols_->findAll(names);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::optional<uint64_t> said = info_.symbol(names[i]);
    if (found[i] && said && found[i]->address.value != *said &&
        !mayBeAt_(*found[i], VirtAddr(*said)))
      add("SYMBOL(" + names[i] + ")", hex(*said), hex(found[i]->address),
          symbols_->describe());
  }
}

void Comparison::comparePlace(const Named &key) {
  const std::string text = (key.kind + "(" + key.name + ")").str();
  if (key.kind == "SIZE")
    return compare(text, info_.size(key.name), types_->findSizeBytes(key.name));
  if (key.kind == "NUMBER" && isEnumerator(key.name))
    return compare(text, info_.number(key.name),
                   types_->findEnumConstant(key.name));
  auto [type, path] = key.name.split('.');
  if (key.kind != "OFFSET" || path.empty())
    return;
  if (auto member = types_->findMember(type, path))
    compare(text, info_.offset(key.name), member->offsetBytes());
}

std::optional<std::string> Comparison::run() {
  // Kernels have some 150; a crafted text may have any number.
  constexpr unsigned mostKeys = 500;
  unsigned asked = 0;
  std::vector<llvm::StringRef> names;
  llvm::StringRef rest = info_.text();
  while (!rest.empty() && asked < mostKeys) {
    auto [line, next] = rest.split('\n');
    rest = next;
    const std::optional<Named> key = parseKey(line);
    if (!key)
      continue;
    ++asked;
    if (key->kind == "SYMBOL")
      names.push_back(key->name);
    else if (types_)
      comparePlace(*key);
  }
  if (symbols_)
    compareSymbols(names);
  if (!count_)
    return std::nullopt;
  return "VMCOREINFO is not right: " + printable(first_) +
         (count_ > 1 ? "; " + std::to_string(count_ - 1) + " more differ" : "");
}

} // namespace

std::optional<std::string> findOtherValues(const Vmcoreinfo &info,
                                           const SymbolSource *symbols,
                                           const TypeSource *types,
                                           MayBeAt mayBeAt) {
  return Comparison(info, symbols, types, mayBeAt).run();
}

} // namespace vmpt
