//===- KernelObjects.h - kernel structs in memory, built in a test --------===//
//
//   KernelObjects kernel;
//   kernel.declare("mm_struct", {{"map_count", 4}, {"mmap", 8}});
//   VirtAddr mm = kernel.allocate("mm_struct");
//   kernel.set(mm, "mm_struct", "map_count", 1);
//   VmaReader::create(kernel.types(), kernel.reader());
//
// Layouts are what the test declares; they reach the code under test as BTF.
// All declarations come before the first object.
//
#pragma once

#include "BtfBuilder.h"
#include "Expected.h"
#include "PageTableBuilder.h"
#include "debuginfo/BtfTypes.h"
#include "debuginfo/Symbols.h"
#include "kernel/context/Structs.h"
#include "paging/modes/X86_64.h"

#include "llvm/ADT/StringMap.h"

namespace vmpt::testing {

/// Symbols that a test names.
class FakeSymbols final : public SymbolSource {
public:
  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override {
    std::vector<std::optional<Symbol>> found;
    for (llvm::StringRef name : names) {
      auto known = known_.find(name);
      found.push_back(known == known_.end() ? std::nullopt
                                            : std::optional<Symbol>(Symbol{
                                                  name.str(), known->second}));
    }
    return found;
  }
  std::string describe() const override { return "a test"; }
  void add(llvm::StringRef name, VirtAddr at) { known_[name] = at; }

private:
  llvm::StringMap<VirtAddr> known_;
};

class KernelObjects {
public:
  /// A member: bytes of an integer, or the name of a declared struct.
  struct Part {
    Part(const char *memberName, uint32_t bytes)
        : name(memberName), sizeBytes(bytes) {}
    Part(const char *memberName, uint32_t elementBytes, uint32_t elements)
        : name(memberName), sizeBytes(elementBytes), count(elements) {}
    Part(const char *memberName, const char *structName)
        : name(memberName), type(structName) {}
    std::string name;
    uint32_t sizeBytes = 0, count = 0;
    std::string type;
  };

  /// \p mode has 4K pages, and `base` in the half that it covers.
  explicit KernelObjects(const PagingMode &mode = x86_64::fourLevel)
      : tables_(memory, mode) {
    tables_.mapRange(base, PhysAddr(firstFrame), tables_.leafBits(3), 3,
                     objectBytes / 4096);
    memory.addZeros(PhysAddr(firstFrame), objectBytes);
    virtual_.emplace(memory, mode, tables_.root());
    reader_.emplace(*virtual_);
  }

  /// Members follow each other without padding. A union has all at 0.
  void declare(const std::string &name, const std::vector<Part> &parts,
               bool isUnion = false) {
    std::vector<BtfBuilder::BtfMember> members;
    uint32_t size = 0, end = 0;
    for (const Part &part : parts) {
      uint32_t id, bytes;
      if (!part.type.empty()) {
        auto [structId, structBytes] = structs_.lookup(part.type);
        id = structId;
        bytes = structBytes;
      } else {
        id = integer(part.sizeBytes);
        bytes = part.sizeBytes;
        if (part.count) {
          id = btf_.array(id, part.count);
          bytes *= part.count;
        }
      }
      members.push_back({part.name, id, isUnion ? 0 : end * 8});
      end += bytes;
      size = isUnion ? std::max(size, bytes) : end;
    }
    uint32_t id = isUnion ? btf_.unionOf(name, size, members)
                          : btf_.structure(name, size, members);
    structs_[name] = {id, size};
  }
  void
  declareEnum(const std::string &name,
              const std::vector<std::pair<std::string, uint32_t>> &values) {
    btf_.enumeration(name, values);
  }

  const TypeSources &types() {
    if (!btfTypes_) {
      btfTypes_ = valueOf(BtfTypes::create(btf_.build(), "a test"));
      types_.add(*btfTypes_);
    }
    return types_;
  }
  const StructReader &reader() const { return *reader_; }

  /// Zeroed bytes.
  VirtAddr allocate(uint64_t bytes, uint64_t alignment = 64) {
    next_ = alignUp(next_, alignment);
    VirtAddr at = base + next_;
    next_ += bytes;
    EXPECT_LE(next_, objectBytes);
    return at;
  }
  VirtAddr allocate(const std::string &type) {
    return allocate(std::max(1u, structs_.lookup(type).second));
  }
  /// Text with its NUL.
  VirtAddr text(const std::string &words) {
    VirtAddr at = allocate(words.size() + 1, 1);
    memory.writeString(physical(at), words);
    return at;
  }
  void set(VirtAddr object, llvm::StringRef type, llvm::StringRef path,
           uint64_t value) {
    llvm::Expected<Member> member = types().getMember(type, path);
    ASSERT_TRUE(bool(member)) << llvm::toString(member.takeError());
    if (member->sizeBytes() == 4)
      memory.writeNumber<uint32_t>(physical(object + member->offsetBytes()),
                                   uint32_t(value));
    else
      setWord(object + member->offsetBytes(), value);
  }
  void set(VirtAddr object, llvm::StringRef type, llvm::StringRef path,
           VirtAddr value) {
    set(object, type, path, value.value);
  }
  void setWord(VirtAddr at, uint64_t value) {
    memory.writeNumber<uint64_t>(physical(at), value);
  }
  /// Where nothing is mapped.
  static VirtAddr nowhere() { return VirtAddr(0xffff900000000000); }
  PhysAddr physical(VirtAddr at) const {
    return PhysAddr(firstFrame + (at - base));
  }

  PhysAddr root() const { return tables_.root(); }
  /// All objects, as a piece of the kernel's image.
  static MappedRun run() {
    return {base, PhysAddr(firstFrame), objectBytes, 0};
  }
  /// More pages than those of the objects, zeroed.
  void mapPages(VirtAddr at, PhysAddr frame, uint64_t count) {
    tables_.mapRange(at, frame, tables_.leafBits(3), 3, count);
    memory.addZeros(frame, count * 4096);
  }

  SparseMemory memory;
  FakeSymbols symbols;

private:
  static constexpr VirtAddr base{0xffff888000000000};
  static constexpr uint64_t firstFrame = 0x10000000, objectBytes = 1 << 20;

  uint32_t integer(uint32_t bytes) {
    auto [known, isNew] = integers_.try_emplace(bytes, 0);
    if (isNew)
      known->second = btf_.integer("int" + std::to_string(bytes * 8), bytes);
    return known->second;
  }

  PageTableBuilder tables_;
  std::optional<AddressSpace> virtual_;
  std::optional<StructReader> reader_;
  BtfBuilder btf_;
  std::map<uint32_t, uint32_t> integers_;
  llvm::StringMap<std::pair<uint32_t, uint32_t>> structs_; ///< id, bytes
  std::unique_ptr<BtfTypes> btfTypes_;
  TypeSources types_;
  uint64_t next_ = 64;
};

} // namespace vmpt::testing
