#include "kernel/tasks/EfiMm.h"

#include "kernel/context/FieldTable.h"
#include "kernel/image/ImageScan.h"
#include "kernel/tasks/TaskList.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

struct MmFields {
  Field pgd, users, count, list;
  /// What only an mm of a process has.
  std::vector<Field> ofProcesses;

  static llvm::Expected<MmFields> find(const TypeSources &types) {
    MmFields fields;
    const WantedField wanted[] = {
        {&fields.pgd, "mm_struct", {"pgd"}},
        {&fields.users, "mm_struct", {"mm_users"}},
        {&fields.count, "mm_struct", {"mm_count"}},
        {&fields.list, "mm_struct", {"mmlist"}},
    };
    if (llvm::Error error = findFields(types, wanted))
      return error;
    for (const char *name : {"mmap_base", "total_vm", "map_count", "start_code",
                             "start_stack", "start_brk"})
      if (std::optional<Field> field =
              findOptionalField(types, "mm_struct", {name}))
        fields.ofProcesses.push_back(*field);
    return fields;
  }
};

/// A mm_struct of the kernel's data as its initializer left it. mm_count may
/// have grown: kernel threads that run on it count.
bool isStaticMm(const StructReader &reader, const MmFields &fields,
                VirtAddr mm) {
  constexpr uint64_t initialUsers = 2, maxReferences = 1 << 16;
  const uint64_t users = reader.tryNumber(mm, fields.users).value_or(0),
                 count = reader.tryNumber(mm, fields.count).value_or(0);
  return users == initialUsers && count && count < maxReferences &&
         llvm::all_of(fields.ofProcesses, [&](const Field &field) {
           return reader.tryNumber(mm, field) == 0u;
         });
}

enum class TableKind : uint8_t { None, Own, Other };

/// None: as of an efi_mm without runtime services. Own: not the kernel's.
TableKind judgeTable(const Kernel &kernel, const MmFields &fields,
                     VirtAddr mm) {
  std::optional<uint64_t> table = kernel.reader().tryNumber(
      mm, Field{fields.pgd.offset, kernel.reader().wordBytes()});
  if (table && !*table)
    return TableKind::None;
  if (!table)
    return TableKind::Other;
  llvm::Expected<PhysAddr> root = rootBehind(kernel, VirtAddr(*table));
  if (root)
    return *root == kernel.image().root ? TableKind::Other : TableKind::Own;
  llvm::consumeError(root.takeError());
  return TableKind::Other;
}

} // namespace

llvm::Expected<VirtAddr> findEfiMm(const Kernel &kernel) {
  if (std::optional<Symbol> symbol = kernel.symbols().find("efi_mm"))
    return symbol->address;
  llvm::Expected<MmFields> fields = MmFields::find(kernel.types());
  if (!fields) {
    llvm::consumeError(fields.takeError());
    return kernel.address("efi_mm").takeError();
  }
  constexpr size_t maxFound = 16;
  std::vector<VirtAddr> found, withoutTable;
  findEmptyLists(
      kernel.memory(), kernel.image().imageRuns, kernel.reader().wordBytes(),
      [&](VirtAddr list) {
        const VirtAddr mm = list - fields->list.offset;
        if (!isStaticMm(kernel.reader(), *fields, mm))
          return true;
        const TableKind kind = judgeTable(kernel, *fields, mm);
        if (kind != TableKind::Other)
          (kind == TableKind::Own ? found : withoutTable).push_back(mm);
        return found.size() + withoutTable.size() < maxFound;
      });
  // A table is the better witness.
  if (found.empty())
    found = std::move(withoutTable);
  if (found.size() == 1)
    return found.front();
  return llvm::make_error<LookupError>(
      "no symbol 'efi_mm' (tried " + kernel.symbols().describe() + "), and " +
      llvm::Twine(found.size()) +
      " mm_structs in the kernel's data look like it; pass --vmlinux, "
      "--system-map or --symbol");
}

llvm::Expected<PhysAddr> readEfiRoot(const Kernel &kernel) {
  llvm::Expected<VirtAddr> mm = findEfiMm(kernel);
  if (!mm)
    return mm.takeError();
  llvm::Expected<Field> pgd = findField(kernel.types(), "mm_struct", {"pgd"});
  if (!pgd)
    return pgd.takeError();
  llvm::Expected<VirtAddr> table = kernel.reader().pointer(*mm, *pgd);
  if (table && !table->value)
    return llvm::make_error<LookupError>(
        "no EFI page tables: efi_mm.pgd is null, so the machine runs without "
        "EFI runtime services");
  return table ? rootBehind(kernel, *table) : table.takeError();
}

} // namespace vmpt
