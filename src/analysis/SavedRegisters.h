//===- SavedRegisters.h - struct pt_regs on a kernel stack ----------------===//
//
// An exception saves the registers of what it interrupts below the stack
// pointer of then. Where the notes have only the registers of the panic's last
// loop, these are those of the fault.
//
#pragma once

#include "kernel/context/Kernel.h"
#include "kernel/find/CrashArch.h"
#include "kernel/modules/AddressNames.h"

namespace vmpt {

struct SavedRegisters {
  VirtAddr at; ///< Of the struct pt_regs.
  VirtAddr ip, sp;
  std::optional<uint64_t> code;
  std::optional<VirtAddr> address;
  std::vector<uint64_t> general; ///< Where decodeAccess() wants them.
  /// Of the function below, where that tells the exception.
  Trap trap = Trap::None;
  std::string handler;
};

class SavedRegistersReader {
public:
  /// The LookupError names the member of struct pt_regs that is unknown.
  static llvm::Expected<SavedRegistersReader> create(const Kernel &kernel);

  /// Of code whose stack pointer was \p sp; nothing if none are there.
  std::optional<SavedRegisters> findBelow(VirtAddr sp) const;
  /// The same, where the function below tells the exception: without it what
  /// lies there may be anything.
  std::optional<SavedRegisters> findBelow(VirtAddr sp,
                                          AddressNames &names) const;
  /// All on the stack [\p from, \p end), the innermost first; \p names tells
  /// the functions that they lie above.
  std::vector<SavedRegisters> findAll(VirtAddr from, VirtAddr end,
                                      AddressNames &names) const;

private:
  explicit SavedRegistersReader(const Kernel &kernel) : kernel_(&kernel) {}
  std::optional<SavedRegisters> readAt(VirtAddr at) const;
  /// False if there is no such function where there must be one.
  bool addHandler(SavedRegisters &saved, AddressNames &names) const;

  const Kernel *kernel_;
  Field ip_, sp_, mode_;
  std::optional<Field> code_, address_, general_;
  uint64_t sizeBytes_ = 0;
};

/// Words of the stack that are return addresses, by name: as the kernel's own
/// trace where it cannot unwind, so some are leftovers. At most \p limit.
std::vector<std::string> readStackNames(const Kernel &kernel, VirtAddr from,
                                        VirtAddr end, AddressNames &names,
                                        size_t limit);

/// "panic" of "panic+0x310/0x364", and of "panic.cold+0x10/0x20".
inline llvm::StringRef functionOf(llvm::StringRef printed) {
  return printed.take_until([](char c) { return c == '+' || c == '.'; });
}
inline bool hasFunction(llvm::ArrayRef<std::string> printed,
                        llvm::ArrayRef<llvm::StringLiteral> wanted) {
  return llvm::any_of(printed, [&](const std::string &entry) {
    return llvm::is_contained(wanted, functionOf(entry));
  });
}

/// THREAD_SIZE: of thread_union, else 16 KiB, which \p isGuess says.
uint64_t readStackBytes(const Kernel &kernel, bool &isGuess);

} // namespace vmpt
