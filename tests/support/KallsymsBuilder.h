//===- KallsymsBuilder.h - kernel images with kallsyms, for tests ---------===//
#pragma once

#include "kernel/image/Kallsyms.h"
#include "support/BtfBuilder.h"

#include <cctype>
#include <set>

namespace vmpt::testing {

/// Kernel memory at a virtual address; remembers which pages were read.
struct KernelImage {
  VirtAddr start;
  std::vector<uint8_t> data;
  std::set<uint64_t> absentPages;
  std::set<uint64_t> pagesRead;

  auto reader() {
    return [this](VirtAddr at,
                  llvm::MutableArrayRef<uint8_t> out) -> llvm::Error {
      uint64_t offset = at - start;
      if (offset > data.size() || out.size() > data.size() - offset)
        return llvm::make_error<LookupError>("virtual address " + hex(at) +
                                             " is not mapped");
      for (uint64_t page = at.value >> 12;
           page <= (at.value + out.size() - 1) >> 12; ++page) {
        pagesRead.insert(page);
        if (absentPages.count(page))
          return llvm::make_error<LookupError>("page is absent");
      }
      std::copy_n(data.begin() + ptrdiff_t(offset), out.size(), out.begin());
      return llvm::Error::success();
    };
  }
};

/// What scripts/kallsyms.c of some version would have written.
struct KallsymsBuilder {
  std::vector<Symbol> symbols; ///< Ascending.
  KallsymsEncoding encoding = KallsymsEncoding::BaseRelative;
  unsigned wordBytes = 8;
  unsigned alignment = 8;
  unsigned countBytes = 4, markerBytes = 4; ///< 8 in 4.9 to 4.19.
  bool wideLengths = false;
  bool addressesFirst = true; ///< Until 6.3.
  bool seqsOfNames = false;
  ByteOrder order = ByteOrder::little;
  VirtAddr tablesStart{0xffffffff81800000};
  unsigned lead = 64; ///< Bytes of something else before and after the tables.

  // Where build() put them.
  KallsymsTables tables;
  uint64_t markersStart = 0;

  /// Many symbols with the odd ones between them: aliases, a long name.
  void addSymbols(uint64_t text, unsigned count, size_t longName = 0) {
    if (encoding == KallsymsEncoding::AbsolutePercpu) {
      add("__per_cpu_start", 0, 'A');
      add("cpu_number", 0x1c100, 'A');
    }
    add("_stext", text);
    add("_text", text); // an alias
    for (unsigned i = 0; i < count; ++i)
      add((i % 3 ? "sys_call_" : "do_page_fault.part.") + std::to_string(i),
          text + 16 + (i / 2) * 32, i % 5 ? 'T' : 't');
    if (longName)
      add(std::string(longName, 'Q'), text + count * 32);
    add("_end", text + count * 32 + 64, 'B');
  }
  void add(std::string name, uint64_t address, char type = 'T') {
    symbols.push_back({std::move(name), VirtAddr(address), type, 0});
  }

  KernelImage build() {
    ByteWriter out(order);
    out.out.assign(lead, 0xcc);
    if (addressesFirst)
      writeAddresses(out);
    writeNames(out);
    if (!addressesFirst)
      writeAddresses(out);
    if (seqsOfNames && !addressesFirst)
      writeSeqs(out);
    out.bytes(std::vector<uint8_t>(lead, 0xcc));
    return {tablesStart, std::move(out.out), {}, {}};
  }

private:
  VirtAddr here(ByteWriter &out) {
    out.align(alignment);
    return tablesStart + out.out.size();
  }

  static void word(ByteWriter &out, uint64_t value, unsigned bytes) {
    bytes == 8 ? out.u64(value) : out.u32(uint32_t(value));
  }

  void writeAddresses(ByteWriter &out) {
    using enum KallsymsEncoding;
    uint64_t base = 0;
    for (const Symbol &symbol : symbols)
      if (symbol.name == "_stext")
        base = symbol.address.value;
    VirtAddr start = here(out);
    if (encoding == Absolute) {
      tables.addresses = {.addresses = start};
      for (const Symbol &symbol : symbols)
        word(out, symbol.address.value, wordBytes);
      return;
    }
    tables.addresses = {.offsets = start};
    for (size_t i = 0; i < symbols.size(); ++i) {
      uint64_t address = symbols[i].address.value;
      switch (encoding) {
      case AbsolutePercpu:
        out.u32(uint32_t(address < base ? address : base - 1 - address));
        break;
      case PlaceRelative:
        out.u32(uint32_t(address - (start.value + i * 4)));
        break;
      case Offset32:
        out.u32(uint32_t(address));
        break;
      default:
        out.u32(uint32_t(address - base));
      }
    }
    if (encoding != BaseRelative && encoding != AbsolutePercpu)
      return;
    out.align(wordBytes); // .balign, as for each label
    tables.addresses.relativeBase = here(out);
    word(out, base, wordBytes);
  }

  void writeSeqs(ByteWriter &out) {
    here(out);
    for (uint32_t i = 0; i < symbols.size(); ++i) {
      uint32_t seq = uint32_t((i * 7919u) % symbols.size());
      out.u8(uint8_t(seq >> 16)).u8(uint8_t(seq >> 8)).u8(uint8_t(seq));
    }
  }

  void writeNames(ByteWriter &out) {
    // Characters are tokens of themselves; some that no name uses stand for
    // frequent pieces.
    std::vector<std::string> tokens(256);
    for (unsigned c = 0x20; c < 0x7f; ++c)
      tokens[c] = std::string(1, char(c));
    tokens[1] = "sys_";
    tokens[2] = "call";
    tokens[3] = "Tsys_";
    tokens[0xff] = "fault";

    tables.names.symbolCount = here(out);
    word(out, symbols.size(), countBytes);
    tables.names.names = here(out);
    size_t start = out.out.size();
    std::vector<uint64_t> markers;
    for (size_t i = 0; i < symbols.size(); ++i) {
      if (i % 256 == 0)
        markers.push_back(out.out.size() - start);
      std::vector<uint8_t> packed =
          pack(symbols[i].type + symbols[i].name, tokens);
      if (wideLengths && packed.size() > 0x7f)
        out.u8(uint8_t(packed.size() | 0x80)).u8(uint8_t(packed.size() >> 7));
      else
        out.u8(uint8_t(packed.size()));
      out.bytes(packed);
    }
    markersStart = here(out) - tablesStart;
    for (uint64_t marker : markers)
      word(out, marker, markerBytes);
    if (seqsOfNames && addressesFirst)
      writeSeqs(out);
    tables.names.tokenTable = here(out);
    std::vector<uint16_t> index;
    for (const std::string &token : tokens) {
      index.push_back(
          uint16_t(tablesStart + out.out.size() - tables.names.tokenTable));
      out.bytes(
          {reinterpret_cast<const uint8_t *>(token.c_str()), token.size() + 1});
    }
    tables.names.tokenIndex = here(out);
    for (uint16_t place : index)
      out.u16(place);
  }

  static std::vector<uint8_t> pack(llvm::StringRef text,
                                   const std::vector<std::string> &tokens) {
    std::vector<uint8_t> packed;
    while (!text.empty()) {
      uint8_t best = uint8_t(text.front());
      for (unsigned token = 0; token < 256; ++token)
        if (tokens[token].size() > tokens[best].size() &&
            text.substr(0, tokens[token].size()) == tokens[token])
          best = uint8_t(token);
      packed.push_back(best);
      text = text.drop_front(tokens[best].size());
    }
    return packed;
  }
};

} // namespace vmpt::testing
