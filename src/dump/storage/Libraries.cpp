#include "dump/storage/Libraries.h"

#include <elfutils/version.h>
#include <libdeflate.h>
#include <lzo/lzoconf.h>
#include <snappy-stubs-public.h>
#include <zstd.h>

#define VMPT_TEXT_OF(x) #x
#define VMPT_TEXT(x) VMPT_TEXT_OF(x)

namespace vmpt {

std::vector<std::string> getDumpLibraries() {
  // _ELFUTILS_VERSION is 188 for 0.188.
  return {
      "elfutils 0." VMPT_TEXT(_ELFUTILS_VERSION) " (libelf, libdw)",
      "libdeflate " LIBDEFLATE_VERSION_STRING,
      std::string("lzo ") + lzo_version_string(),
      "snappy " VMPT_TEXT(SNAPPY_MAJOR) "." VMPT_TEXT(
          SNAPPY_MINOR) "." VMPT_TEXT(SNAPPY_PATCHLEVEL),
      std::string("zstd ") + ZSTD_versionString(),
  };
}

std::vector<std::string> getDumpFormats() {
  return {"ELF core (ELF32, ELF64)",
          "kdump-compressed (versions 0 to 6, whole or split; zlib, lzo, "
          "snappy, zstd)",
          "flattened kdump or ELF",
          "LiME",
          "AVML",
          "VMware .vmss, .vmsn and .vmem",
          "VirtualBox core",
          "Xen core (xl dump-core)",
          "QEMU migration stream (mapped-ram, libvirt save file)",
          "S/390 dump",
          "raw image"};
}

} // namespace vmpt
