//===- QemuStream.h - the RAM in a QEMU migration stream ------------------===//
//
// What `migrate "exec:cat > FILE"`, `savevm`, libvirt's save and managed save
// contain. The stream is a list of sections without lengths, so it is read up
// to the end of the "ram" section, which comes before the devices. Everything
// is big-endian. Sources: qemu 7.2 and 10.0 migration/{savevm.c,ram.c}, docs
// /devel/migration.
//
#pragma once

#include "support/Bytes.h"

#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// A RAMBlock: memory of the machine by its name. Where it lies in the
/// physical address space is the machine's business.
struct QemuBlock {
  struct Page {
    uint64_t number;
    const uint8_t *data; ///< Null for zeros.
  };
  /// mapped-ram: pages at fixed places, a clear bit is a page of zeros.
  struct Mapped {
    Bytes bitmap; ///< Little-endian words: every bit of [0, length) is there.
    Bytes pages;  ///< Page n at n * page size; may end early.
  };

  std::string name;
  uint64_t length = 0;
  /// By number, each once: a page that was sent again replaces the first.
  std::vector<Page> pages;
  std::optional<Mapped> mapped;
};

struct QemuStream {
  std::string machine; ///< "pc-q35-7.2"; empty without a configuration.
  std::vector<std::string> capabilities;
  unsigned pageBits = 12;
  std::vector<QemuBlock> blocks;
  /// Why the end of RAM was not reached; empty if it was.
  std::string cutShort;

  uint64_t pageSize() const { return uint64_t(1) << pageBits; }
};

/// Fails where not even the list of blocks is whole, and for streams that
/// hold pages in ways that cannot be read.
llvm::Expected<QemuStream> parseQemuStream(Bytes stream);

} // namespace vmpt
