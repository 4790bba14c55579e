#include "Limits.h"

#include <algorithm>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define VMPT_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VMPT_HAS_ASAN 1
#endif
#endif

#ifdef VMPT_HAS_ASAN
extern "C" {
size_t __sanitizer_get_allocated_size(const volatile void *);
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *,
                                                       size_t),
                                              void (*)(const volatile void *));
}
#endif

namespace vmpt::robust {

namespace {

uint64_t operations = 0;
int64_t liveBytes = 0, peakBytes = 0;
Cost limit;
bool isCounting = false;

[[noreturn]] void giveUp(Verdict verdict) { ::_exit(verdict); }

inline void countOperation() {
  if (++operations > limit.operations && isCounting && limit.operations)
    giveUp(TooManyOperations);
}

#ifdef VMPT_HAS_ASAN
void onMalloc(const volatile void *, size_t size) {
  if (!isCounting)
    return;
  liveBytes += int64_t(size);
  peakBytes = std::max(peakBytes, liveBytes);
  if (limit.bytes && peakBytes > int64_t(limit.bytes))
    giveUp(TooMuchMemory);
}

void onFree(const volatile void *at) {
  if (isCounting && at)
    liveBytes -= int64_t(__sanitizer_get_allocated_size(at));
}
#endif

} // namespace

bool countsOperations() { return operations != 0; }

bool countsMemory() {
#ifdef VMPT_HAS_ASAN
  return true;
#else
  return false;
#endif
}

void startCounting(const Cost &newLimit) {
#ifdef VMPT_HAS_ASAN
  static const bool installed =
      __sanitizer_install_malloc_and_free_hooks(onMalloc, onFree) != 0;
  (void)installed;
#endif
  operations = 0;
  liveBytes = peakBytes = 0;
  limit = newLimit;
  isCounting = true;
}

Cost stopCounting() {
  isCounting = false;
  return {operations, uint64_t(peakBytes)};
}

} // namespace vmpt::robust

// What the compiler calls before each comparison.
extern "C" {
#define VMPT_TRACE(name, type)                                                 \
  __attribute__((no_sanitize("all"))) void name(type, type);                   \
  void name(type, type) { vmpt::robust::countOperation(); }
VMPT_TRACE(__sanitizer_cov_trace_cmp1, uint8_t)
VMPT_TRACE(__sanitizer_cov_trace_cmp2, uint16_t)
VMPT_TRACE(__sanitizer_cov_trace_cmp4, uint32_t)
VMPT_TRACE(__sanitizer_cov_trace_cmp8, uint64_t)
VMPT_TRACE(__sanitizer_cov_trace_const_cmp1, uint8_t)
VMPT_TRACE(__sanitizer_cov_trace_const_cmp2, uint16_t)
VMPT_TRACE(__sanitizer_cov_trace_const_cmp4, uint32_t)
VMPT_TRACE(__sanitizer_cov_trace_const_cmp8, uint64_t)
#undef VMPT_TRACE
}
