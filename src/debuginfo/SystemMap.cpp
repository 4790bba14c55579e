#include "debuginfo/SystemMap.h"

namespace vmpt {

namespace {

struct Line {
  llvm::StringRef digits;
  uint64_t address = 0;
  char type = '?';
  llvm::StringRef name;
};

std::optional<Line> parseLine(llvm::StringRef text) {
  Line line;
  std::tie(line.digits, text) = text.split(' ');
  auto [type, name] = text.split(' ');
  if ((line.digits.size() != 8 && line.digits.size() != 16) ||
      line.digits.getAsInteger(16, line.address) || type.size() != 1 ||
      name.rtrim('\r').empty())
    return std::nullopt;
  line.type = type.front();
  line.name = name.rtrim('\r');
  return line;
}

} // namespace

bool SystemMap::looksRight(llvm::StringRef text) {
  return parseLine(text.substr(0, 1024).split('\n').first).has_value();
}

llvm::Expected<std::unique_ptr<SystemMap>>
SystemMap::create(std::vector<uint8_t> file, std::string description) {
  if (!looksRight(Bytes(file).text()))
    return llvm::make_error<FormatError>(
        "the first line is not 'ADDRESS TYPE NAME'; is it a System.map?");
  std::unique_ptr<SystemMap> result(new SystemMap);
  result->file_ = std::move(file);
  result->description_ = std::move(description);
  return result;
}

std::vector<std::optional<Symbol>>
SystemMap::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  SymbolQuery query(names);
  llvm::StringRef rest = this->text();
  while (!rest.empty() && !query.done()) {
    llvm::StringRef text;
    std::tie(text, rest) = rest.split('\n');
    auto line = parseLine(text);
    if (!line)
      continue;
    auto *slot = query.findSlot(line->name);
    if (!slot)
      continue;
    query.answer(slot,
                 {line->name.str(),
                  relocation_.apply(line->address, (line->type | 0x20) == 'a',
                                    line->digits.size() == 16),
                  line->type, 0});
  }
  return query.takeAnswers();
}

} // namespace vmpt
