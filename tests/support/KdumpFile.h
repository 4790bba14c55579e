//===- KdumpFile.h - libkdumpfile as a second opinion ---------------------===//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/ArrayRef.h"

#include <fcntl.h>
#include <libkdumpfile/kdumpfile.h>
#include <string>
#include <unistd.h>

namespace vmpt::testing {

/// A dump as libkdumpfile reads it. One object per thread: `clone`.
class KdumpFile {
public:
  explicit KdumpFile(const std::string &path)
      : descriptor_(::open(path.c_str(), O_RDONLY)), context_(kdump_new()) {
    ok_ = context_ && kdump_open_fd(context_, descriptor_) == KDUMP_OK;
  }
  KdumpFile(const KdumpFile &original, int)
      : context_(kdump_clone(original.context_, 0)), ok_(context_) {}
  KdumpFile(const KdumpFile &) = delete;
  ~KdumpFile() {
    kdump_free(context_);
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }

  bool isOpen() const { return ok_; }
  /// What translates the kernel's virtual addresses; false if it cannot.
  bool getTranslation(addrxlat_ctx_t *&context, addrxlat_sys_t *&system) const {
    return kdump_set_string_attr(context_, KDUMP_ATTR_OSTYPE, "linux") ==
               KDUMP_OK &&
           kdump_get_addrxlat(context_, &context, &system) == KDUMP_OK;
  }
  std::string getError() const { return kdump_get_err(context_); }
  kdump_status read(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
    size_t size = out.size();
    return kdump_read(context_, KDUMP_MACHPHYSADDR, at.value, out.data(),
                      &size);
  }

private:
  int descriptor_ = -1;
  kdump_ctx_t *context_;
  bool ok_;
};

} // namespace vmpt::testing
