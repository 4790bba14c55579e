#include "dump/formats/Dump.h"

namespace vmpt {

std::optional<std::string> Dump::describeFault() const {
  for (const auto &file : files)
    if (std::optional<std::string> fault = file->describeFault())
      return fault;
  return std::nullopt;
}

void nameTruncations(Dump &dump) {
  constexpr unsigned named = 8;
  unsigned count = 0;
  for (const MemoryRange &range : dump.memory->ranges())
    if (range.absence == Absence::Truncated && ++count <= named)
      dump.quirks.push_back("the file is truncated: physical memory from " +
                            hex(range.start) + " to " +
                            hex(range.start + range.size) + " is cut off");
  if (count > named)
    dump.quirks.push_back(
        "the file is truncated: " + std::to_string(count - named) +
        " more pieces of physical memory are cut off");
}

} // namespace vmpt
