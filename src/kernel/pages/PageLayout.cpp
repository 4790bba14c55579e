#include "kernel/pages/PageLayout.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

struct FlagName {
  PageBit bit;
  std::initializer_list<llvm::StringLiteral> names; ///< Newest first.
  bool isOfEveryKernel;
};

/// Flags that stable_page_flags() copies as they are.
const FlagName flagNames[] = {
    {KpfLocked, {"PG_locked"}, true},
    {KpfError, {"PG_error"}, false}, // gone in 6.12
    {KpfReferenced, {"PG_referenced"}, true},
    {KpfUptodate, {"PG_uptodate"}, true},
    {KpfDirty, {"PG_dirty"}, true},
    {KpfLru, {"PG_lru"}, true},
    {KpfActive, {"PG_active"}, true},
    {KpfWriteback, {"PG_writeback"}, true},
    {KpfReclaim, {"PG_reclaim"}, true},
    {KpfSwapBacked, {"PG_swapbacked"}, true},
    {KpfUnevictable, {"PG_unevictable"}, true},
    {KpfHwPoison, {"PG_hwpoison"}, false},
    {KpfIdle, {"PG_idle"}, false},
    {KpfReserved, {"PG_reserved"}, true},
    {KpfMlocked, {"PG_mlocked"}, false},
    {KpfOwner2, {"PG_owner_2", "PG_mappedtodisk"}, true},
    {KpfPrivate, {"PG_private"}, true},
    {KpfPrivate2, {"PG_private_2"}, true},
    {KpfOwnerPrivate, {"PG_owner_priv_1"}, true},
    {KpfArch, {"PG_arch_1"}, true},
    {KpfUncached, {"PG_uncached"}, false},
    {KpfArch2, {"PG_arch_2"}, false},
    {KpfArch3, {"PG_arch_3"}, false},
};

/// `enum pageflags` as far as no configuration option moves its members:
/// linux include/linux/page-flags.h. Only used where nothing has the
/// enumerators, and where all that VMCOREINFO says agrees.
struct FlagOrder {
  llvm::StringLiteral versions;
  std::initializer_list<llvm::StringLiteral> names; ///< From bit 0 on.
};

const FlagOrder flagOrders[] = {
    {"6.12", {"PG_locked",  "PG_writeback",  "PG_referenced",   "PG_uptodate",
              "PG_dirty",   "PG_lru",        "PG_head",         "PG_waiters",
              "PG_active",  "PG_workingset", "PG_owner_priv_1", "PG_owner_2",
              "PG_arch_1",  "PG_reserved",   "PG_private",      "PG_private_2",
              "PG_reclaim", "PG_swapbacked", "PG_unevictable",  "PG_mlocked"}},
    {"6.10 and 6.11",
     {"PG_locked",       "PG_writeback",  "PG_referenced", "PG_uptodate",
      "PG_dirty",        "PG_lru",        "PG_head",       "PG_waiters",
      "PG_active",       "PG_workingset", "PG_error",      "PG_owner_priv_1",
      "PG_arch_1",       "PG_reserved",   "PG_private",    "PG_private_2",
      "PG_mappedtodisk", "PG_reclaim",    "PG_swapbacked", "PG_unevictable",
      "PG_mlocked"}},
    {"6.6 to 6.9",
     {"PG_locked",       "PG_writeback",    "PG_referenced", "PG_uptodate",
      "PG_dirty",        "PG_lru",          "PG_head",       "PG_waiters",
      "PG_active",       "PG_workingset",   "PG_error",      "PG_slab",
      "PG_owner_priv_1", "PG_arch_1",       "PG_reserved",   "PG_private",
      "PG_private_2",    "PG_mappedtodisk", "PG_reclaim",    "PG_swapbacked",
      "PG_unevictable",  "PG_mlocked"}},
    {"4.20 to 6.5",
     {"PG_locked",      "PG_referenced",   "PG_uptodate",     "PG_dirty",
      "PG_lru",         "PG_active",       "PG_workingset",   "PG_waiters",
      "PG_error",       "PG_slab",         "PG_owner_priv_1", "PG_arch_1",
      "PG_reserved",    "PG_private",      "PG_private_2",    "PG_writeback",
      "PG_head",        "PG_mappedtodisk", "PG_reclaim",      "PG_swapbacked",
      "PG_unevictable", "PG_mlocked"}},
    {"4.10 to 4.19",
     {"PG_locked",       "PG_error",        "PG_referenced", "PG_uptodate",
      "PG_dirty",        "PG_lru",          "PG_active",     "PG_waiters",
      "PG_slab",         "PG_owner_priv_1", "PG_arch_1",     "PG_reserved",
      "PG_private",      "PG_private_2",    "PG_writeback",  "PG_head",
      "PG_mappedtodisk", "PG_reclaim",      "PG_swapbacked", "PG_unevictable",
      "PG_mlocked"}},
};

class LayoutMaker {
public:
  LayoutMaker(const Kernel &kernel, PageLayout &layout)
      : kernel_(kernel), types_(kernel.types()),
        vmcoreinfo_(kernel.image().vmcoreinfo),
        version_(kernel.image().version()), layout_(layout) {}

  llvm::Error make() {
    if (llvm::Error error = placeMembers())
      return error;
    placeCompound();
    findFlags();
    findTypes();
    findOrders();
    return llvm::Error::success();
  }

private:
  std::optional<uint64_t> constant(llvm::StringRef name) const {
    llvm::Expected<uint64_t> value = types_.getEnumConstant(name);
    if (value)
      return *value;
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }

  std::optional<uint64_t> offset(llvm::StringRef type,
                                 std::initializer_list<llvm::StringRef> names) {
    std::optional<Field> field = findOptionalField(types_, type, names);
    return field ? std::optional<uint64_t>(field->offset) : std::nullopt;
  }

  /// The bit's number; VMCOREINFO has a few of them.
  int8_t flagBit(llvm::StringRef name) const {
    std::optional<uint64_t> value = vmcoreinfo_.number(name);
    if (!value)
      value = constant(name);
    if (!value && guessed_.count(name))
      value = guessed_.lookup(name);
    return value && *value < 8 * layout_.wordBytes ? int8_t(*value) : -1;
  }

  /// Does all that VMCOREINFO says of flags fit the order? The four that it
  /// always has must be among them.
  bool fits(const FlagOrder &order) const {
    unsigned number = 0, agreed = 0;
    for (llvm::StringRef name : order.names) {
      std::optional<uint64_t> said = vmcoreinfo_.number(name);
      if (name == "PG_head")
        if (auto mask = vmcoreinfo_.number("PG_head_mask"))
          said = isPowerOfTwo(*mask) ? __builtin_ctzll(*mask) : 64;
      if (said && *said != number)
        return false;
      agreed += said ? 1 : 0;
      ++number;
    }
    return agreed >= 4;
  }

  /// Numbers of flags that no enumerator tells.
  void guessFlags() {
    for (const FlagOrder &order : flagOrders) {
      if (!fits(order))
        continue;
      unsigned next = 0;
      for (llvm::StringRef name : order.names)
        guessed_[name] = next++;
      guessConfigured(next);
      // Aliases of the second page of a compound page.
      guessed_["PG_large_rmappable"] = guessed_.lookup("PG_workingset");
      guessed_["PG_double_map"] = guessed_.lookup("PG_workingset");
      return;
    }
  }

  /// What follows in the order, each if it was configured.
  void guessConfigured(unsigned next) {
    const auto poison = vmcoreinfo_.number("PG_hwpoison");
    const KernelArch *arch = findKernelArch(kernel_.image().mode.arch);
    std::string open;
    if (arch->hasUncachedPageFlag && version_ < KernelVersion{6, 12}) {
      // CONFIG_X86_PAT; PG_hwpoison stands behind it.
      if (poison && *poison == next + 1)
        guessed_["PG_uncached"] = next++;
      else if (!poison)
        open += "PG_uncached, ";
    }
    if (poison)
      next = unsigned(std::min<uint64_t>(*poison, 60)) + 1;
    // CONFIG_PAGE_IDLE_FLAG, for itself or for DAMON; the flags of arm64's
    // MTE, of which 64-bit kernels before 6.2 have one in any case.
    const std::vector<std::optional<Symbol>> code =
        kernel_.symbols().findAll({"vfs_read", "page_idle_bitmap_read",
                                   "damon_ptep_mkold", "mte_sync_tags"});
    if (!code[0])
      open += "PG_idle, PG_arch_2, PG_arch_3, ";
    if (code[0] && (code[1] || code[2]) && layout_.wordBytes == 8) {
      guessed_["PG_idle"] = next + 1;
      next += 2;
    }
    if (code[3]) {
      guessed_["PG_arch_2"] = next++;
      if (version_ >= KernelVersion{6, 2})
        guessed_["PG_arch_3"] = next++;
    }
    if (!open.empty())
      layout_.problems.push_back(
          "no enumerators of page flags: these are not shown, if the kernel "
          "was configured with them: " +
          llvm::StringRef(open).drop_back(2).str() +
          "; pass --vmlinux or --btf");
  }

  llvm::Error placeMembers() {
    llvm::Expected<uint64_t> size = types_.getSizeBytes("page");
    if (!size)
      return size.takeError();
    // 32 bytes on small 32-bit kernels, 64 nearly everywhere, more with
    // KMSAN or LAST_CPUPID_NOT_IN_PAGE_FLAGS.
    if (*size < 8 || *size > 1024)
      return llvm::make_error<LookupError>(
          "struct page has " + hex(*size) +
          " bytes, which cannot be; expected 32 to 128");
    layout_.sizeBytes = *size;
    const struct {
      uint64_t *place;
      std::initializer_list<llvm::StringRef> names;
    } wanted[] = {
        {&layout_.flags, {"flags"}},
        {&layout_.head, {"compound_info", "compound_head"}},
        {&layout_.mapping, {"mapping"}},
        {&layout_.mapCount, {"_mapcount"}},
        {&layout_.refCount, {"_refcount", "_count"}},
    };
    for (const auto &[place, names] : wanted) {
      llvm::Expected<Field> field = findField(types_, "page", names);
      if (!field)
        return field.takeError();
      *place = field->offset;
    }
    layout_.headMayBeMask = types_.hasMember("page", "compound_info");
    layout_.privateData = offset("page", {"private"});
    layout_.index = offset("page", {"__folio_index", "index"});
    layout_.memcg = offset("page", {"memcg_data", "mem_cgroup"});
    const uint64_t limit = layout_.sizeBytes - layout_.wordBytes;
    for (uint64_t *place : {&layout_.flags, &layout_.head, &layout_.mapping})
      if (*place > limit)
        return outside(*place);
    for (uint64_t *place : {&layout_.mapCount, &layout_.refCount})
      if (*place > layout_.sizeBytes - 4)
        return outside(*place);
    for (auto *place : {&layout_.privateData, &layout_.index, &layout_.memcg})
      if (*place && **place > limit)
        place->reset();
    return llvm::Error::success();
  }

  llvm::Error outside(uint64_t offset) const {
    return llvm::make_error<LookupError>("a member of struct page at offset " +
                                         hex(offset) + " lies outside its " +
                                         hex(layout_.sizeBytes) + " bytes");
  }

  /// A member that has a meaning in a compound page's second page: up to 6.1
  /// or so in struct page, then in struct folio.
  std::optional<uint64_t>
  fromHead(std::initializer_list<llvm::StringRef> pageNames,
           std::initializer_list<llvm::StringRef> folioNames) {
    std::optional<uint64_t> place;
    if (pageNames.size())
      if ((place = offset("page", pageNames)))
        *place += layout_.sizeBytes;
    if (!place && folioNames.size())
      place = offset("folio", folioNames);
    if (place && *place > 4 * layout_.sizeBytes - 4)
      place.reset();
    return place;
  }

  void placeCompound() {
    layout_.compoundOrder = fromHead({"compound_order"}, {"_folio_order"});
    layout_.compoundDestructor = fromHead({"compound_dtor"}, {"_folio_dtor"});
    layout_.entireMapCount =
        fromHead({"compound_mapcount"}, {"_entire_mapcount"});
    layout_.pagesMapped = fromHead({"subpages_mapcount"}, {"_nr_pages_mapped"});
    layout_.largeMapCount = fromHead({}, {"_large_mapcount"});
    layout_.orderIsInFlags = !layout_.compoundOrder;
    std::optional<uint64_t> hugetlb = vmcoreinfo_.number("HUGETLB_PAGE_DTOR");
    if (!hugetlb)
      hugetlb = constant("HUGETLB_PAGE_DTOR");
    layout_.hugetlbDestructor = unsigned(hugetlb.value_or(2));
    if (!layout_.entireMapCount && !layout_.largeMapCount)
      placeCompoundByVersion();
  }

  /// Where no types tell: in the second page, behind two words. linux
  /// include/linux/mm_types.h from 4.14 to 6.14.
  void placeCompoundByVersion() {
    const uint64_t third = layout_.sizeBytes + 2 * layout_.wordBytes;
    if (version_ < KernelVersion{4, 14} || version_ >= KernelVersion{6, 15}) {
      layout_.problems.push_back(
          "struct page has no known member for the mappings of a compound page "
          "(tried " +
          types_.describe() + "); pass --vmlinux or --btf");
      return;
    }
    layout_.entireMapCount = third + 4;
    if (version_ >= KernelVersion{6, 2})
      layout_.pagesMapped = third + 8;
    if (version_ >= KernelVersion{6, 10})
      layout_.largeMapCount = third;
  }

  void findFlags() {
    layout_.bits.fill(-1);
    if (!constant("PG_locked"))
      guessFlags();
    std::string missing;
    for (const FlagName &flag : flagNames) {
      for (llvm::StringRef name : flag.names)
        if (layout_.bits[flag.bit] < 0)
          layout_.bits[flag.bit] = flagBit(name);
      if (layout_.bits[flag.bit] < 0 && flag.isOfEveryKernel)
        missing += (missing.empty() ? "" : ", ") + flag.names.begin()->str();
    }
    if (!missing.empty())
      layout_.problems.push_back(
          "page flags of which no bit is known, and which are not shown: " +
          missing + " (tried VMCOREINFO, " + types_.describe() +
          "); pass --vmlinux or --btf");
    // A number below 64 is a bit of page->flags; page types are larger.
    layout_.bits[KpfSlab] = flagBit("PG_slab");
    layout_.headBit = flagBit("PG_head");
    if (std::optional<uint64_t> mask = vmcoreinfo_.number("PG_head_mask"))
      if (isPowerOfTwo(*mask))
        layout_.headBit = int8_t(__builtin_ctzll(*mask));
    layout_.swapCacheBit = flagBit("PG_swapcache");
    layout_.doubleMapBit = flagBit("PG_double_map");
    layout_.largeRmappableBit = flagBit("PG_large_rmappable");
    layout_.hugetlbBit = flagBit("PG_hugetlb");
    // 4.10 made it an alias of PG_owner_priv_1.
    layout_.swapCacheNeedsSwapBacked =
        layout_.bits[KpfOwnerPrivate] < 0 ||
        layout_.bits[KpfOwnerPrivate] == layout_.swapCacheBit;
  }

  /// A kind's number as the scheme compares it.
  uint32_t kind(llvm::StringRef vmcoreinfoName, llvm::StringRef topByteName,
                llvm::StringRef bitName, uint32_t otherwise) const {
    using Scheme = PageTypeRules::Scheme;
    std::optional<uint64_t> value;
    switch (layout_.types.scheme) {
    case Scheme::Value:
      return otherwise;
    case Scheme::TopByte:
      value = constant(topByteName);
      return value ? uint32_t(*value) : otherwise;
    case Scheme::ClearedBits:
      break;
    }
    if ((value = vmcoreinfo_.number(vmcoreinfoName)))
      return ~uint32_t(*value);
    value = constant(bitName);
    return value && *value >= 64 ? uint32_t(*value) : otherwise;
  }

  void findTypes() {
    using Scheme = PageTypeRules::Scheme;
    PageTypeRules &rules = layout_.types;
    std::optional<uint64_t> buddy =
        vmcoreinfo_.number("PAGE_BUDDY_MAPCOUNT_VALUE");
    const uint32_t value = uint32_t(buddy.value_or(0));
    if (constant("PGTY_buddy") || (buddy && !(value & 0xffffff)))
      rules.scheme = Scheme::TopByte;
    else if (buddy ? value == uint32_t(-128)
                   : !types_.hasMember("page", "page_type") &&
                         version_ < KernelVersion{4, 18})
      rules.scheme = Scheme::Value;
    switch (rules.scheme) {
    case Scheme::Value: // linux v4.9 include/linux/page-flags.h
      rules.buddy = uint32_t(-128);
      rules.offline = uint32_t(-256); // balloon
      return;
    case Scheme::TopByte: // linux v6.12 include/linux/page-flags.h
      rules.buddy = kind("", "PGTY_buddy", "", 0xf0);
      rules.offline = kind("", "PGTY_offline", "", 0xf1);
      rules.table = kind("", "PGTY_table", "", 0xf2);
      rules.hugetlb = kind("", "PGTY_hugetlb", "", 0xf4);
      rules.slab = kind("", "PGTY_slab", "", 0xf5);
      return;
    case Scheme::ClearedBits:
      break;
    }
    rules.buddy = kind("PAGE_BUDDY_MAPCOUNT_VALUE", "", "PG_buddy", 0x80);
    rules.offline =
        kind("PAGE_OFFLINE_MAPCOUNT_VALUE", "", "PG_offline", 0x100);
    // "mm: memcontrol: remove PageKmemcg page type" (5.11) moved it.
    rules.table = kind("", "", "PG_table",
                       rules.buddy != 0x80               ? rules.buddy >> 2
                       : version_ < KernelVersion{5, 11} ? 0x400
                                                         : 0x200);
    if (!layout_.compoundDestructor && layout_.hugetlbBit < 0)
      rules.hugetlb =
          kind("PAGE_HUGETLB_MAPCOUNT_VALUE", "", "PG_hugetlb", 0x800);
    if (layout_.bits[KpfSlab] < 0)
      rules.slab = kind("PAGE_SLAB_MAPCOUNT_VALUE", "", "PG_slab", 0);
    // 6.11 has the kinds in the high bits, under one bit of base.
    if (rules.buddy > 0xffff)
      rules.base = 0x80000000;
  }

  void findOrders() {
    std::optional<uint64_t> count =
        vmcoreinfo_.decimal("LENGTH(zone.free_area)");
    if (!count) {
      llvm::Expected<Member> area = types_.getMember("zone", "free_area");
      if (area && area->elementSizeBytes)
        count = area->sizeBytes() / area->elementSizeBytes;
      else if (!area)
        llvm::consumeError(area.takeError());
    }
    if (count && *count >= 1 && *count <= 32)
      layout_.maxOrderCount = unsigned(*count);
  }

  const Kernel &kernel_;
  const TypeSources &types_;
  const Vmcoreinfo &vmcoreinfo_;
  const KernelVersion version_;
  PageLayout &layout_;
  llvm::StringMap<unsigned> guessed_;
};

} // namespace

bool PageTypeRules::is(uint32_t mapCount, uint32_t kind) const {
  if (!kind)
    return false;
  switch (scheme) {
  case Scheme::Value:
    return mapCount == kind;
  case Scheme::ClearedBits:
    return (mapCount & (base | kind)) == base;
  case Scheme::TopByte:
    return mapCount >> 24 == kind;
  }
  return false;
}

llvm::Expected<PageLayout> PageLayout::create(const Kernel &kernel) {
  PageLayout layout;
  layout.wordBytes = kernel.image().wordBytes();
  layout.order = kernel.memory().order();
  if (llvm::Error error = LayoutMaker(kernel, layout).make())
    return error;
  return layout;
}

} // namespace vmpt
