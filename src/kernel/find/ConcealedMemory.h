//===- ConcealedMemory.h - memory in which no kernel can be found ---------===//
#pragma once

#include "memory/PhysicalMemory.h"

#include <optional>
#include <string>

namespace vmpt {

struct ConcealedMemory {
  std::string reason; ///< "the memory looks like ciphertext (...)"
  bool isCiphertext = false;
};

/// Looks at pages all over the memory, about a thousand of them. A reason if
/// it may be that nothing can be found in it, because it is
/// - cut off: more is truncated than there is;
/// - ciphertext: the private memory of an SEV guest, read by the host
///   ([amd/vol2] 15.34), or a file that is encrypted or compressed as a whole;
/// - nearly all zeros, perhaps: what the host has where the private memory of
///   a guest lies elsewhere (SEV-SNP and TDX: linux v6.12
///   Documentation/virt/kvm/api.rst, KVM_CREATE_GUEST_MEMFD).
std::optional<ConcealedMemory>
describeConcealedMemory(const PhysicalMemory &memory);

} // namespace vmpt
