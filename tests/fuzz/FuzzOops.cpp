// Input: the lines of a log, read with the sentences of every architecture.

#include "FuzzTarget.h"
#include "analysis/Oops.h"
#include "kernel/find/KernelArch.h"

using namespace vmpt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  std::vector<LogLine> lines;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    lines.push_back({0, line.str()});
    text = rest;
  }
  for (const KernelArch *arch : getKernelArchs()) {
    const OopsLog log = parseOopses(lines, arch->crash->oopsRules);
    for (const OopsEvent &event : log.events) {
      if (event.firstLine > event.lastLine || event.lastLine >= lines.size())
        __builtin_trap();
      if (event.code)
        (void)arch->crash->decodeCode(*event.code);
    }
  }
  return 0;
}
