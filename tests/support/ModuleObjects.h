//===- ModuleObjects.h - modules of a kernel, built in a test -------------===//
#pragma once

#include "KernelObjects.h"

namespace vmpt::testing {

/// Declarations come first, objects later: `kernel` takes further
/// declarations until the first module is added.
class ModuleObjects {
public:
  /// \p hasParts: mem[] of 6.4 and later; else core_layout and init_layout.
  explicit ModuleObjects(bool hasParts) {
    kernel.declare("list_head", {{"next", 8}, {"prev", 8}});
    kernel.declare("atomic_t", {{"counter", 4}});
    kernel.declare("module_layout", {{"base", 8},
                                     {"size", 4},
                                     {"text_size", 4},
                                     {"ro_size", 4},
                                     {"ro_after_init_size", 4}});
    kernel.declare("module_memory", {{"base", 8}, {"size", 4}, {"pad", 4}});
    kernel.declare(
        "mod_kallsyms",
        {{"symtab", 8}, {"num_symtab", 4}, {"pad", 4}, {"strtab", 8}});
    kernel.declare("module_use", {{"source_list", "list_head"},
                                  {"target_list", "list_head"},
                                  {"source", 8},
                                  {"target", 8}});
    std::vector<KernelObjects::Part> parts = {{"state", 4},
                                              {"pad", 4},
                                              {"list", "list_head"},
                                              {"name", 1, 56},
                                              {"taints", 8},
                                              {"kallsyms", 8},
                                              {"source_list", "list_head"},
                                              {"refcnt", "atomic_t"},
                                              {"pad2", 4},
                                              {"init", 8},
                                              {"exit", 8}};
    if (hasParts) {
      parts.push_back({"mem", 8, 14}); // seven times struct module_memory
    } else {
      parts.push_back({"core_layout", "module_layout"});
      parts.push_back({"init_layout", "module_layout"});
    }
    kernel.declare("module", parts);
    kernel.declareEnum("mod_mem_type", {{"MOD_TEXT", 0},
                                        {"MOD_DATA", 1},
                                        {"MOD_RODATA", 2},
                                        {"MOD_RO_AFTER_INIT", 3},
                                        {"MOD_INIT_TEXT", 4},
                                        {"MOD_INIT_DATA", 5},
                                        {"MOD_INIT_RODATA", 6}});
  }

  VirtAddr add(const std::string &name, uint32_t references) {
    VirtAddr at = kernel.allocate("module");
    kernel.memory.writeString(kernel.physical(at + offsetOf("name")), name);
    set(at, "refcnt.counter", references + 1);
    setUsers(at, {});
    return at;
  }
  void set(VirtAddr module, llvm::StringRef member, uint64_t value) {
    kernel.set(module, "module", member, value);
  }
  void setPart(VirtAddr module, unsigned index, uint64_t base, uint32_t size) {
    const VirtAddr at = module + offsetOf("mem") + 16 * index;
    kernel.setWord(at, base);
    kernel.setWord(at + 8, size);
  }
  struct Sizes {
    uint32_t all, text, ro, roAfterInit;
  };
  void setLayout(VirtAddr module, uint64_t base, Sizes sizes) {
    set(module, "core_layout.base", base);
    set(module, "core_layout.size", sizes.all);
    set(module, "core_layout.text_size", sizes.text);
    set(module, "core_layout.ro_size", sizes.ro);
    set(module, "core_layout.ro_after_init_size", sizes.roAfterInit);
  }
  void setUsers(VirtAddr module, const std::vector<VirtAddr> &users) {
    std::vector<VirtAddr> links;
    for (VirtAddr user : users) {
      links.push_back(kernel.allocate("module_use"));
      kernel.set(links.back(), "module_use", "source", user);
    }
    ring(module + offsetOf("source_list"), links);
  }
  void link(const std::vector<VirtAddr> &modules) {
    std::vector<VirtAddr> links;
    for (VirtAddr module : modules)
      links.push_back(linkOf(module));
    ring(headAt(), links);
  }
  VirtAddr linkOf(VirtAddr module) { return module + offsetOf("list"); }

  /// Symbols as struct elf64_sym; the first is the empty one.
  void setSymbols(VirtAddr module,
                  const std::vector<std::pair<std::string, uint64_t>> &list) {
    VirtAddr names = kernel.allocate(1024), next = names + 1,
             table = kernel.allocate(24 * (list.size() + 1)),
             kallsyms = kernel.allocate("mod_kallsyms");
    for (size_t i = 0; i < list.size(); ++i) {
      const auto &[name, value] = list[i];
      const VirtAddr entry = table + 24 * (i + 1);
      kernel.memory.writeString(kernel.physical(next), name);
      kernel.setWord(entry, (next - names) | uint64_t(1) << 48); // shndx 1
      kernel.setWord(entry + 8, value);
      next += name.size() + 1;
    }
    kernel.set(kallsyms, "mod_kallsyms", "symtab", table);
    kernel.set(kallsyms, "mod_kallsyms", "num_symtab", list.size() + 1);
    kernel.set(kallsyms, "mod_kallsyms", "strtab", names);
    set(module, "kallsyms", kallsyms.value);
  }

  KernelObjects kernel;
  VirtAddr head; ///< Of the list; made with the first link().

private:
  VirtAddr headAt() {
    if (!head.value)
      head = kernel.allocate(16);
    return head;
  }
  uint64_t offsetOf(llvm::StringRef member) {
    return valueOf(kernel.types().getOffsetBytes("module", member));
  }
  void ring(VirtAddr start, const std::vector<VirtAddr> &members) {
    VirtAddr last = start;
    for (VirtAddr member : members) {
      kernel.setWord(last, member.value);
      kernel.setWord(member + 8, last.value);
      last = member;
    }
    kernel.setWord(last, start.value);
    kernel.setWord(start + 8, last.value);
  }
};

} // namespace vmpt::testing
