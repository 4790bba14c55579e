#include "kernel/areas/VmapNodes.h"

namespace vmpt {

bool hasVmapNodes(const SymbolSources &symbols) {
  return symbols.find("vmap_nodes") || symbols.find("nr_vmap_nodes");
}

llvm::Expected<VmapNodeArray> findVmapNodes(const SymbolSources &symbols,
                                            const StructReader &reader) {
  VmapNodeArray nodes;
  if (auto pointer = symbols.find("vmap_nodes")) {
    llvm::Expected<uint64_t> first = reader.word(pointer->address);
    if (!first)
      return first.takeError();
    nodes.first = VirtAddr(*first);
  } else {
    llvm::Expected<Symbol> single = symbols.get("single");
    if (!single)
      return single.takeError();
    nodes.first = single->address;
  }
  llvm::Expected<Symbol> countAt = symbols.get("nr_vmap_nodes");
  llvm::Expected<uint64_t> count =
      countAt ? reader.number(countAt->address, Field{0, 4})
              : countAt.takeError();
  if (!count)
    return count.takeError();
  nodes.count = *count;
  return nodes;
}

} // namespace vmpt
