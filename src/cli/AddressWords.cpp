#include "cli/AddressWords.h"

#include "support/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Process.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace vmpt {

llvm::Expected<VirtAddr> AddressWords::findSymbol(llvm::StringRef name) {
  auto known = known_.find(name);
  if (known != known_.end())
    return known->second;
  llvm::Expected<Symbol> symbol = symbols_.get(name);
  if (!symbol)
    return symbol.takeError();
  known_[name] = symbol->address;
  return symbol->address;
}

llvm::Expected<VirtAddr> AddressWords::parse(llvm::StringRef word) {
  if (!word.empty() && llvm::isDigit(word.front())) {
    llvm::Expected<uint64_t> number = parseNumber(word, "address");
    if (!number)
      return number.takeError();
    return VirtAddr(*number);
  }
  auto [name, distance] = word.rsplit('+');
  llvm::Expected<VirtAddr> symbol = findSymbol(name);
  if (!symbol || name.size() == word.size())
    return symbol;
  llvm::Expected<uint64_t> offset =
      parseNumber(distance, "distance from " + name);
  if (!offset)
    return offset.takeError();
  return *symbol + *offset;
}

llvm::Expected<AddressRange> parseRange(llvm::StringRef word,
                                        llvm::StringRef what) {
  auto [start, end] = word.split('-');
  if (start.empty() || end.empty() || end.front() == '-')
    return llvm::make_error<UsageError>(what + " '" + word + "' is not A-B");
  llvm::Expected<uint64_t> first = parseNumber(start, what);
  if (!first)
    return first.takeError();
  llvm::Expected<uint64_t> behind = parseNumber(end, what);
  if (!behind)
    return behind.takeError();
  if (*behind <= *first && (*behind || !*first))
    return llvm::make_error<UsageError>(
        what + " '" + word +
        "' is empty; B in A-B is the first address behind");
  return AddressRange{*first, *behind - 1};
}

void forEachInputLine(llvm::function_ref<bool(llvm::StringRef)> visit) {
  char *line = nullptr;
  size_t size = 0;
  for (ssize_t length; (length = ::getline(&line, &size, stdin)) >= 0;) {
    const llvm::StringRef text =
        trimBlanks(llvm::StringRef(line, size_t(length)));
    if (!text.empty() && !visit(text))
      break;
  }
  std::free(line);
}

llvm::Error checkHasWords(llvm::StringRef command, llvm::StringRef what,
                          llvm::ArrayRef<std::string> words) {
  if (!words.empty() || !llvm::sys::Process::StandardInIsUserInput())
    return llvm::Error::success();
  return llvm::make_error<UsageError>(command + " needs " + what +
                                      ", here or on standard input");
}

} // namespace vmpt
