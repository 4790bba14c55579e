//===- SparseTables.h - dumps with up to 1 GiB of page tables -------------===//
//
// An ELF vmcore of x86-64 whose RAM is page tables of the last level, and the
// few above them; all else is a hole of the file. It takes seconds, and as much
// of the disk as there are tables.
//
#pragma once

#include "paging/modes/X86_64.h"

#include <algorithm>
#include <cstdio>
#include <elf.h>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace vmpt::testing {

struct SparseTables {
  enum class Entries {
    Alike,    ///< Every page is like all others: one line.
    Differing ///< Every page differs from its neighbours: a line each.
  };
  /// Each maps 2 MiB; 512 * 512 of them fill the one entry of the root.
  uint64_t tableCount = 256;
  bool isShuffled = false; ///< Address order is not that of RAM.
  Entries entries = Entries::Alike;

  static constexpr VirtAddr start{0xffff888000000000};
  static constexpr PhysAddr root{0x1000};
  static constexpr uint64_t tableBytes = 4096, entryCount = 512;
  static constexpr uint64_t table = 0x63, page = uint64_t(1) << 63 | 0x163,
                            cacheDisable = 0x10;

  /// Writes the file; false if the disk does not take it.
  bool write(const std::string &path) const;

private:
  static constexpr uint64_t dataOffset = 4096;
  static PhysAddr pmdTable(uint64_t i) { return root + (2 + i) * tableBytes; }
  static constexpr PhysAddr firstTable{0x1000000};
};

inline bool SparseTables::write(const std::string &path) const {
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(
      std::fopen(path.c_str(), "wb"), std::fclose);
  if (!file)
    return false;
  bool isWritten = true;
  auto put = [&](uint64_t offset, const void *bytes, size_t size) {
    isWritten &= ::fseeko(file.get(), off_t(offset), SEEK_SET) == 0 &&
                 std::fwrite(bytes, size, 1, file.get()) == 1;
  };
  const bool differs = entries == Entries::Differing;
  const uint64_t ramBytes = firstTable.value + tableCount * tableBytes;
  struct {
    Elf64_Ehdr file = {};
    Elf64_Phdr ram = {};
  } head;
  std::copy_n(ELFMAG, SELFMAG, head.file.e_ident);
  head.file.e_ident[EI_CLASS] = ELFCLASS64;
  head.file.e_ident[EI_DATA] = ELFDATA2LSB;
  head.file.e_ident[EI_VERSION] = EV_CURRENT;
  head.file.e_type = ET_CORE;
  head.file.e_machine = EM_X86_64;
  head.file.e_version = EV_CURRENT;
  head.file.e_phoff = sizeof head.file;
  head.file.e_ehsize = sizeof head.file;
  head.file.e_phentsize = sizeof head.ram;
  head.file.e_phnum = 1;
  head.ram.p_type = PT_LOAD;
  head.ram.p_offset = dataOffset;
  head.ram.p_filesz = head.ram.p_memsz = ramBytes;
  put(0, &head, sizeof head);

  std::vector<uint64_t> places(tableCount);
  std::iota(places.begin(), places.end(), 0);
  if (isShuffled)
    std::shuffle(places.begin(), places.end(), std::mt19937_64(1));
  auto putTable = [&](PhysAddr at, const std::vector<uint64_t> &entries) {
    put(dataOffset + at.value, entries.data(), entries.size() * 8);
  };
  std::vector<uint64_t> pgd(entryCount), pud(entryCount), pmd(entryCount);
  pgd[x86_64::fourLevel.indexOf(start, 0)] = (root + tableBytes).value | table;
  putTable(root, pgd);
  for (uint64_t i = 0; i * entryCount < tableCount; ++i) {
    pud[i] = pmdTable(i).value | table;
    for (uint64_t j = 0; j < entryCount; ++j)
      pmd[j] =
          i * entryCount + j < tableCount
              ? (firstTable.value + places[i * entryCount + j] * tableBytes) |
                    table
              : 0;
    putTable(pmdTable(i), pmd);
  }
  putTable(root + tableBytes, pud);

  // In the order of RAM, so that the file is written from end to end.
  std::vector<uint64_t> numbers(tableCount), ptes(entryCount);
  for (uint64_t i = 0; i < tableCount; ++i)
    numbers[places[i]] = i;
  for (uint64_t place = 0; place < tableCount; ++place) {
    const uint64_t firstPage = numbers[place] * entryCount;
    for (uint64_t i = 0; i < entryCount; ++i)
      ptes[i] =
          (firstPage + i) << 12 | page | (differs && i % 2 ? cacheDisable : 0);
    putTable(firstTable + place * tableBytes, ptes);
  }
  return isWritten && std::fflush(file.get()) == 0;
}

} // namespace vmpt::testing
