//===- KallsymsLoader.h - reads and judges the tables behind Kallsyms -----===//
#pragma once

#include "kernel/image/Kallsyms.h"

namespace vmpt {

/// Makes one Kallsyms. Private to Kallsyms::create.
class KallsymsLoader {
public:
  KallsymsLoader(VirtualReader read, const KallsymsMachine &machine)
      : read_(read), machine_(machine), result_(new Kallsyms) {}

  llvm::Expected<std::unique_ptr<Kallsyms>>
  load(const KallsymsNameTables &names,
       llvm::ArrayRef<KallsymsAddressTables> candidates);

private:
  /// What a walk over all names found.
  struct Walk {
    std::vector<uint32_t> markers;
    uint32_t end = 0;
  };

  llvm::Error readCount();
  llvm::Error readTokens();
  llvm::Error readNames();
  llvm::Error walkNames(bool wideLengths, Walk &walk);
  llvm::Error checkMarkers(const Walk &walk);
  /// Makes sure that the first \p size bytes of the names are there.
  llvm::Error growNames(uint64_t size);

  llvm::Error decodeAddresses(const KallsymsAddressTables &tables);
  bool tryEncoding(KallsymsEncoding encoding, Bytes table, VirtAddr place,
                   uint64_t base);
  /// False if the addresses contradict themselves or what is known.
  bool isBelievable() const;
  llvm::Expected<std::vector<uint8_t>> readBytes(VirtAddr at, uint64_t size,
                                                 const char *what) const;
  llvm::Error readBytes(VirtAddr at, llvm::MutableArrayRef<uint8_t> out,
                        const char *what) const;

  VirtualReader read_;
  KallsymsMachine machine_;
  std::unique_ptr<Kallsyms> result_;
  uint32_t count_ = 0;
};

} // namespace vmpt
