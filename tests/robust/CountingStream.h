//===- CountingStream.h - output that nobody reads ------------------------===//
#pragma once

#include "llvm/Support/raw_ostream.h"

#include <cstdint>

namespace vmpt::robust {

/// Takes everything and keeps nothing but a hash of it.
class CountingStream final : public llvm::raw_ostream {
public:
  /// More ends the process with this exit status.
  static constexpr uint64_t maxBytes = uint64_t(256) << 20;
  static constexpr int tooMuchOutput = 72;

  CountingStream() { SetBufferSize(1 << 16); }
  ~CountingStream() override { flush(); }
  uint64_t hash();
  /// The most that a stream has taken so far.
  static uint64_t most();

private:
  void write_impl(const char *data, size_t size) override;
  uint64_t current_pos() const override { return position_; }

  uint64_t position_ = 0, hash_ = 0xcbf29ce484222325;
};

} // namespace vmpt::robust
