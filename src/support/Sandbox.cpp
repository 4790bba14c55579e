#include "support/Sandbox.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vmpt {

namespace {

// Later than Debian 12's headers: linux include/uapi/linux/landlock.h.
struct RulesetAttributes {
  uint64_t fileRights = 0, networkRights = 0, scopes = 0;
};
constexpr uint64_t readFile = LANDLOCK_ACCESS_FS_READ_FILE,
                   writeFile = LANDLOCK_ACCESS_FS_WRITE_FILE |
                               uint64_t(1) << 14, // TRUNCATE
    readFolder = LANDLOCK_ACCESS_FS_READ_DIR,
                   makeAndRemove = LANDLOCK_ACCESS_FS_MAKE_REG |
                                   LANDLOCK_ACCESS_FS_REMOVE_FILE;

/// How many rights, from the lowest bit, each version of Landlock knows: 2
/// added REFER, 3 TRUNCATE, 5 IOCTL_DEV.
unsigned countFileRights(long version) {
  return version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;
}

void allow(int ruleset, const std::string &path, uint64_t fileRights,
           uint64_t folderRights) {
  landlock_path_beneath_attr rule = {};
  rule.parent_fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  struct stat status;
  if (rule.parent_fd < 0)
    return;
  if (::fstat(rule.parent_fd, &status) == 0) {
    rule.allowed_access = S_ISDIR(status.st_mode) ? folderRights : fileRights;
    ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
              0);
  }
  ::close(rule.parent_fd);
}

bool limitFiles(const SandboxRules &rules) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr,
                                 size_t(0), LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1)
    return false;
  RulesetAttributes attributes;
  attributes.fileRights = (uint64_t(1) << countFileRights(version)) - 1;
  attributes.networkRights = version >= 4 ? 3 : 0; // TCP: bind, connect
  attributes.scopes = version >= 6 ? 3 : 0;        // abstract sockets, signals
  const size_t size = version >= 6   ? sizeof attributes
                      : version >= 4 ? offsetof(RulesetAttributes, scopes)
                                     : sizeof attributes.fileRights;
  const int ruleset =
      int(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0)
    return false;
  for (const std::string &path : rules.files)
    allow(ruleset, path, readFile, readFolder);
  for (const std::string &path : rules.folders)
    allow(ruleset, path, readFile, readFile | readFolder);
  const uint64_t write = (readFile | writeFile) & attributes.fileRights;
  for (const std::string &path : rules.writable)
    allow(ruleset, path, write, write | makeAndRemove);
  const bool isDone = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return isDone;
}

#if defined(__x86_64__)
constexpr uint32_t nativeArch = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
constexpr uint32_t nativeArch = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr uint32_t nativeArch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t nativeArch = AUDIT_ARCH_RISCV64;
#else
constexpr uint32_t nativeArch = 0; // nobody looked at its calls
#endif

/// Answered with EPERM.
constexpr uint32_t deniedCalls[] = {
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept4,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kill,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_io_uring_setup, // does what other calls are denied
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_accept
    SYS_accept,
#endif
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
};

bool limitCalls() {
  constexpr uint32_t allowed = SECCOMP_RET_ALLOW,
                     denied = SECCOMP_RET_ERRNO | EPERM,
                     missing = SECCOMP_RET_ERRNO | ENOSYS;
  std::vector<sock_filter> program;
  auto load = [&](size_t offset) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, uint32_t(offset)));
  };
  // Goes on behind the answer unless the loaded word compares so.
  auto answerIf = [&](uint16_t comparison, uint32_t value, uint32_t answer) {
    program.push_back(
        BPF_JUMP(uint16_t(BPF_JMP | BPF_K | comparison), value, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
  };
  load(offsetof(seccomp_data, arch));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nativeArch, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, denied));
  load(offsetof(seccomp_data, nr));
#ifdef __x86_64__
  constexpr uint32_t x32Bit = 0x40000000; // the same calls by other numbers
  answerIf(BPF_JGE, x32Bit, denied);
#endif
  for (uint32_t call : deniedCalls)
    answerIf(BPF_JEQ, call, denied);
  // Its flags lie in memory; the C library then tries clone().
  answerIf(BPF_JEQ, SYS_clone3, missing);
  // Threads, but no processes. The flags come first.
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, allowed));
  load(offsetof(seccomp_data, args)); // the low half: all are little-endian
  answerIf(BPF_JSET, CLONE_THREAD, allowed);
  program.push_back(BPF_STMT(BPF_RET | BPF_K, denied));
  const sock_fprog filter = {uint16_t(program.size()), program.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

SandboxEffect enterSandbox(const SandboxRules &rules) {
  SandboxEffect effect;
  // Both want it, and there is no program to start that could gain any.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return effect;
  effect.limitsFiles = limitFiles(rules);
  effect.limitsCalls = nativeArch && limitCalls();
  return effect;
}

} // namespace vmpt
