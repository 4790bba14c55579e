#include "kernel/arch/Arm64Layout.h"

#include "support/Bits.h"

namespace vmpt::arm64 {

namespace {

constexpr uint64_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

/// -(1 << bits): where an upper half of that many bits starts.
constexpr uint64_t upperHalf(unsigned bits) { return -bit(bits); }

unsigned log2Ceil(uint64_t value) {
  unsigned shift = 0;
  while (shift < 63 && bit(shift) < value)
    ++shift;
  return shift;
}

/// All that the arrays of all versions name.
struct Layout {
  uint64_t linearStart = 0, linearEnd = 0;
  uint64_t modulesStart = 0, modulesEnd = 0;
  uint64_t vmallocStart = 0, vmallocEnd = 0;
  uint64_t vmemmapStart = 0, vmemmapEnd = 0;
  uint64_t pciStart = 0, pciEnd = 0;
  uint64_t fixmapTop = 0;
};

constexpr uint64_t pciBytes = 16 * MiB;

/// VA_BITS_MIN: what hardware without LVA or LPA2 can do.
unsigned minimumBits(const LayoutNumbers &n) {
  if (n.configuredBits <= 48)
    return n.configuredBits;
  return n.pageShift == 14 ? 47 : 48;
}

/// linux v6.9 to v7.3 arch/arm64/include/asm/memory.h, pgtable.h
Layout layoutOf6_9(const LayoutNumbers &n) {
  Layout l;
  l.linearStart = upperHalf(n.configuredBits);
  l.linearEnd = upperHalf(minimumBits(n) - 1);
  l.modulesStart = l.linearEnd;
  l.modulesEnd = l.vmallocStart = l.modulesStart + 2 * GiB;
  l.vmemmapEnd = -GiB;
  auto structPages = [&](uint64_t bytes) {
    return (bytes >> n.pageShift) * n.structPageBytes;
  };
  uint64_t fullStart = n.vmemmapStart.value_or(
      l.vmemmapEnd - structPages(l.linearEnd - l.linearStart));
  // Struct pages of what the hardware cannot address are left to vmalloc; the
  // listing's vmemmap starts after them.
  l.vmemmapStart =
      fullStart + structPages(upperHalf(n.usedBits) - l.linearStart);
  l.vmallocEnd = l.vmemmapStart - 8 * MiB;
  l.pciStart = -GiB + 8 * MiB;
  l.pciEnd = l.pciStart + pciBytes;
  l.fixmapTop = -(8 * MiB);
  return l;
}

/// linux v5.11 to v6.8
Layout layoutOf5_11(const LayoutNumbers &n) {
  const unsigned shift = n.pageShift - log2Ceil(n.structPageBytes);
  Layout l;
  l.linearStart = upperHalf(n.configuredBits);
  l.linearEnd = upperHalf(minimumBits(n) - 1);
  l.modulesStart = l.linearEnd;
  l.modulesEnd = l.vmallocStart =
      l.modulesStart + (n.version >= KernelVersion{6, 5} ? 2 * GiB : 128 * MiB);
  l.vmemmapStart = n.vmemmapStart.value_or(-bit(n.configuredBits - shift));
  l.vmemmapEnd = l.vmemmapStart + ((l.linearEnd - l.linearStart) >> shift);
  l.vmallocEnd = l.vmemmapStart - 256 * MiB;
  l.pciEnd = l.vmemmapStart - 8 * MiB;
  l.pciStart = l.pciEnd - pciBytes;
  l.fixmapTop = l.vmemmapStart - 32 * MiB;
  return l;
}

/// PUD_SIZE, with the levels folded as configured.
uint64_t pudBytes(const LayoutNumbers &n) {
  const unsigned indexBits = n.pageShift - 3;
  const unsigned levels = (n.configuredBits - 4) / indexBits;
  return bit(std::min(levels - 1, 2u) * indexBits + n.pageShift);
}

/// linux v5.4 to v5.10; before, the linear map was the upper half of it all.
Layout layoutOf5_4(const LayoutNumbers &n) {
  const bool linearLast = n.version < KernelVersion{5, 4};
  const unsigned shift = n.pageShift - log2Ceil(n.structPageBytes);
  Layout l;
  l.linearStart = linearLast ? upperHalf(n.configuredBits - 1)
                             : upperHalf(n.configuredBits);
  l.linearEnd = linearLast ? 0 : upperHalf(n.usedBits - 1);
  l.modulesStart =
      linearLast ? upperHalf(n.configuredBits) : upperHalf(minimumBits(n) - 1);
  // The BPF JIT region stands before the modules from 5.1 on.
  if (n.version >= KernelVersion{5, 1})
    l.modulesStart += 128 * MiB;
  l.modulesEnd = l.vmallocStart = l.modulesStart + 128 * MiB;
  const uint64_t covered = linearLast
                               ? bit(n.configuredBits - 1)
                               : upperHalf(minimumBits(n) - 1) - l.linearStart;
  const uint64_t top = linearLast ? l.linearStart : uint64_t(0) - 2 * MiB;
  l.vmemmapStart = top - (covered >> shift);
  l.vmemmapEnd = top;
  l.vmallocEnd = (linearLast ? l.linearStart : uint64_t(0)) - pudBytes(n) -
                 (covered >> shift) - 64 * KiB;
  l.pciEnd = l.vmemmapStart - 2 * MiB;
  l.pciStart = l.pciEnd - pciBytes;
  l.fixmapTop = l.pciStart - 2 * MiB;
  return l;
}

/// FIXADDR_START; FIXADDR_TOT_START from 6.4 on. enum fixed_addresses.
uint64_t fixmapStart(const LayoutNumbers &n, uint64_t top) {
  const uint64_t pageBytes = bit(n.pageShift);
  // Up to 6.3 the device tree's window is 4 MiB, later 2 MiB and two pages.
  const bool all = n.version >= KernelVersion{6, 4};
  uint64_t slots = all ? 2 * MiB / pageBytes + 3 : 4 * MiB / pageBytes + 1;
  slots += 10; // early console, text poke, GHES and SDEI, KPTI's trampoline
  if (all) {
    // early_ioremap(): "Allow 256K early_ioremap() at any offset" added a page
    // in 7.2 and 6.12.111.
    const bool anyOffset = n.version >= KernelVersion{7, 2} ||
                           (n.version >= KernelVersion{6, 12, 111} &&
                            n.version < KernelVersion{6, 13});
    slots += (256 * KiB / pageBytes + anyOffset) * 7;
    slots += n.version >= KernelVersion{6, 9} ? 5 : 4; // pte, pmd, pud, pgd
  }
  return top - slots * pageBytes;
}

} // namespace

std::vector<AddressMarker> computeMarkers(const LayoutNumbers &n) {
  Layout l = n.version >= KernelVersion{6, 9}    ? layoutOf6_9(n)
             : n.version >= KernelVersion{5, 11} ? layoutOf5_11(n)
                                                 : layoutOf5_4(n);
  l.modulesStart = n.modulesStart.value_or(l.modulesStart);
  l.modulesEnd = n.modulesEnd.value_or(l.modulesEnd);
  l.vmallocStart = n.vmallocStart.value_or(l.vmallocStart);
  l.vmallocEnd = n.vmallocEnd.value_or(l.vmallocEnd);
  l.vmemmapEnd = n.vmemmapEnd.value_or(l.vmemmapEnd);

  std::vector<AddressMarker> markers;
  auto add = [&](const char *name, uint64_t start) {
    markers.push_back({start, name});
  };
  auto addPair = [&](const std::string &name, uint64_t start, uint64_t end) {
    markers.push_back({start, name + " start"});
    markers.push_back({end, name + " end"});
  };
  const bool linearFirst = n.version >= KernelVersion{5, 4};
  if (linearFirst)
    addPair("Linear Mapping", l.linearStart, l.linearEnd);
  if (n.version >= KernelVersion{5, 6} && n.version < KernelVersion{5, 15})
    addPair("BPF", l.modulesStart - 128 * MiB, l.modulesStart);
  addPair("Modules", l.modulesStart, l.modulesEnd);
  add(linearFirst ? "vmalloc() area" : "vmalloc() Area", l.vmallocStart);
  add(linearFirst ? "vmalloc() end" : "vmalloc() End", l.vmallocEnd);
  const bool vmemmapFirst = n.version >= KernelVersion{6, 9};
  if (vmemmapFirst) {
    addPair("vmemmap", l.vmemmapStart, l.vmemmapEnd);
    addPair("PCI I/O", l.pciStart, l.pciEnd);
  }
  addPair("Fixmap", fixmapStart(n, l.fixmapTop), l.fixmapTop);
  if (!vmemmapFirst) {
    addPair("PCI I/O", l.pciStart, l.pciEnd);
    addPair("vmemmap", l.vmemmapStart, l.vmemmapEnd);
  }
  if (!linearFirst)
    add("Linear Mapping", l.linearStart);
  return markers;
}

} // namespace vmpt::arm64
