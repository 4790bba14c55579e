#include "session/GivenNames.h"

#include "support/Suggest.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

bool isAsked(llvm::StringRef name) {
  const llvm::ArrayRef<llvm::StringLiteral> names = getAskedNames();
  const auto *at = llvm::lower_bound(names, name);
  return at != names.end() && *at == name;
}

/// With \p outer in front of what is suggested.
std::string suggestAsked(llvm::StringRef name, llvm::StringRef outer = "") {
  std::vector<std::string> names;
  for (llvm::StringRef known : getAskedNames())
    names.push_back(known.str());
  std::string near = suggest(name, names);
  if (const size_t quote = near.find('\''); quote != std::string::npos)
    near.insert(quote + 1, outer.str());
  return near;
}

std::string explainUnused(const std::string &option, std::string near) {
  return option + " is no name that vmpt uses" +
         (near.empty() ? ", nor does the dump know it" : near);
}

} // namespace

std::optional<std::string> findUnusedName(const Kernel &kernel,
                                          const DebugInputs &given) {
  for (const auto &symbol : given.symbols.addresses()) {
    const llvm::StringRef name = symbol.first();
    if (!given.takesNames && !isAsked(name) && !kernel.hasOwnSymbol(name))
      return explainUnused("--symbol " + name.str(), suggestAsked(name));
  }
  for (const auto &place : given.places.places()) {
    const llvm::StringRef name = place.first();
    auto [type, path] = name.split('.');
    const bool isKnownType = isAsked(type);
    if (isAsked(name) || (isKnownType && isAsked(path)) ||
        kernel.hasOwnMember(type, path))
      continue;
    std::string near =
        isKnownType ? suggestAsked(path, type.str() + ".") : suggestAsked(name);
    if (near.empty() && !isKnownType)
      near = suggestAsked(type);
    return explainUnused("--offset " + name.str(), std::move(near));
  }
  return std::nullopt;
}

} // namespace vmpt
