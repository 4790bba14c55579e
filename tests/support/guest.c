/*
 * The guest of tests/support/guest.py: process 1 of a kernel that has nothing else.
 * No C library, so one compiler makes it for every architecture.
 *
 * It starts processes with areas of many kinds, says on the console where its
 * symbols and its `lab` are, and waits for a line. Then it writes down what
 * /proc says and calls getsid() for ever. There the host stops it, dumps memory,
 * and has the kernel print its page tables.
 */
typedef unsigned long Word;

/* The same on every architecture. */
enum { IoUring = 425, OpenTree = 428, MoveMount = 429, MountSetattr = 442, Secret = 447 };

#if defined(__x86_64__)
enum { Read = 0, Write = 1, Close = 3, Brk = 12, Clone = 56, Exit = 60, Prctl = 157, Mount = 165, Getdents = 217,
       Openat = 257, Mkdirat = 258, Unlinkat = 263, Ppoll = 271, Memfd = 319, Getsid = 124, Mlockall = 151, Mmap = 9, Getpid = 39,
       Ftruncate = 77, Umount = 166, Mprotect = 10 };
static inline __attribute__((always_inline)) long call(long number, Word a, Word b, Word c, Word d, Word e, Word f) {
  register Word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__i386__)
enum { Read = 3, Write = 4, Close = 6, Brk = 45, Clone = 120, Exit = 1, Prctl = 172, Mount = 21, Getdents = 220,
       Openat = 295, Mkdirat = 296, Unlinkat = 301, Ppoll = 309, Memfd = 356, Getsid = 147, Mlockall = 152, Mmap = 90, Getpid = 20,
       Ftruncate = 93, Umount = 52, Mprotect = 125 };
static inline __attribute__((always_inline)) long call(long number, Word a, Word b, Word c, Word d, Word e, Word f) {
  Word block[6] = {a, b, c, d, e, f}; /* what mmap takes; nothing else here has six arguments */
  long result;
  if (number == Mmap)
    a = (Word)block;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
}
#elif defined(__arm__)
enum { Read = 3, Write = 4, Close = 6, Brk = 45, Clone = 120, Exit = 1, Prctl = 172, Mount = 21, Getdents = 217,
       Openat = 322, Mkdirat = 323, Unlinkat = 328, Ppoll = 336, Memfd = 385, Getsid = 147, Mlockall = 152, Mmap = 192, Getpid = 20,
       Ftruncate = 93, Umount = 52, Mprotect = 125 };
static inline __attribute__((always_inline)) long call(long number, Word a, Word b, Word c, Word d, Word e, Word f) {
  register Word n __asm__("r7") = number, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c, r3 __asm__("r3") = d,
                r4 __asm__("r4") = e, r5 __asm__("r5") = number == Mmap ? f >> 12 : f; /* mmap2() counts in 4K */
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(n), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
  return r0;
}
#else
enum { Read = 63, Write = 64, Close = 57, Brk = 214, Clone = 220, Exit = 93, Prctl = 167, Mount = 40, Getdents = 61,
       Openat = 56, Mkdirat = 34, Unlinkat = 35, Ppoll = 73, Memfd = 279, Getsid = 156, Mlockall = 230, Mmap = 222, Getpid = 172,
       Ftruncate = 46, Umount = 39, Mprotect = 226 };
static inline __attribute__((always_inline)) long call(long number, Word a, Word b, Word c, Word d, Word e, Word f) {
#if defined(__aarch64__)
  register Word n __asm__("x8") = number, r0 __asm__("x0") = a, r1 __asm__("x1") = b, r2 __asm__("x2") = c, r3 __asm__("x3") = d,
                r4 __asm__("x4") = e, r5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(n), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
#else
  register Word n __asm__("a7") = number, r0 __asm__("a0") = a, r1 __asm__("a1") = b, r2 __asm__("a2") = c, r3 __asm__("a3") = d,
                r4 __asm__("a4") = e, r5 __asm__("a5") = f;
  __asm__ volatile("ecall" : "+r"(r0) : "r"(n), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
#endif
  return r0;
}
#endif

#define CALL(number, a, b, c, d, e) call(number, (Word)(a), (Word)(b), (Word)(c), (Word)(d), (Word)(e), 0)
#if defined(__x86_64__)
register Word stackPointer __asm__("rsp");
#elif defined(__i386__)
register Word stackPointer __asm__("esp");
#else
register Word stackPointer __asm__("sp");
#endif

enum { Here = -100, Create = 0102, Shared = 1, Private = 2, Fixed = 0x10, Anonymous = 0x20, R = 1, W = 2, X = 4,
       Unit = 1 << 16 }; /* of whole pages, whatever their size */

static char text[1 << 20], scratch[1 << 16];
/* The host finds these by their order. */
static volatile struct {
  Word text, length; /* what /proc said: "@ PATH SIZE\n" and the bytes, for each file */
  Word answer; /* of the last call: what the host called instead of getsid() */
} lab = {(Word)text, 0, 0};
static volatile int *ready; /* shared by all processes */

void *memcpy(void *to, const void *from, Word size) {
  for (Word i = 0; i < size; i++)
    ((volatile char *)to)[i] = ((const volatile char *)from)[i];
  return to;
}
void *memset(void *to, int byte, Word size) {
  for (Word i = 0; i < size; i++)
    ((volatile char *)to)[i] = byte;
  return to;
}
static Word length(const char *s) {
  Word n = 0;
  while (s[n])
    n++;
  return n;
}
static char *append(char *end, const char *s) {
  memcpy(end, s, length(s) + 1);
  return end + length(s);
}
static char *appendNumber(char *end, Word value, Word base, int digits) {
  for (int i = digits; i--; value /= base)
    end[i] = "0123456789abcdef"[value % base];
  end[digits] = 0;
  return end + digits;
}
static void say(const char *s) { CALL(Write, 1, s, length(s), 0, 0); }
static void sleepMs(Word ms) {
  Word time[2] = {ms / 1000, ms % 1000 * 1000000};
  CALL(Ppoll, 0, 0, time, 0, 0);
}
static char *map(Word size, int rights, int flags, long file, Word offset) {
  return (char *)call(Mmap, 0, size, rights, flags, file, offset);
}
static long openFile(const char *path, int flags) { return CALL(Openat, Here, path, flags, 0600, 0); }
static long readFile(const char *path, char *to, Word room) {
  long file = openFile(path, 0), got, size = 0;
  while (file >= 0 && (got = CALL(Read, file, to + size, room - size, 0, 0)) > 0)
    size += got;
  CALL(Close, file, 0, 0, 0, 0);
  return size;
}

/* --- processes with areas of many kinds ------------------------------------- */
static void named(const char *name) { CALL(Prctl, 15, name, 0, 0, 0); }
static void sleepForever(void) {
  for (;;)
    CALL(Ppoll, 0, 0, 0, 0, 0);
}
static void rest(void) {
  __sync_fetch_and_add(ready, 1);
  sleepForever();
}
/* [anon:NAME] from 5.17 on, [anon_shmem:NAME] from 6.2 on, where CONFIG_ANON_VMA_NAME is. */
static void name(char *area, Word size, const char *text) { CALL(Prctl, 0x53564d41, 0, area, size, text); }
static void names(void) {
  static const char odd[] = " !\"#%&'()*+,-./:;<=>?@^_{|}~ %s \x7e"; /* all that is allowed beside letters and digits */
  static char longest[80];
  named("names");
  char *area = map(8 * Unit, R | W, Private | Anonymous, -1, 0);
  name(area, 8 * Unit, "before a split");
  CALL(Mprotect, area + Unit, Unit, R, 0, 0);
  call(Mmap, (Word)area + 3 * Unit, Unit, R | W, Private | Anonymous | Fixed, -1, 0); /* without a name */
  name(area + 5 * Unit, Unit, "another");
  name(area + 6 * Unit, Unit, 0);
  name(map(Unit, R | W, Private | Anonymous, -1, 0), Unit, odd);
  name(map(Unit, R, Private | Anonymous, -1, 0), Unit, "");
  name(map(Unit, R | X, Private | Anonymous, -1, 0), Unit, "refused [name]");
  memset(longest, 'n', sizeof longest - 1);
  name(map(Unit, 0, Private | Anonymous, -1, 0), Unit, longest);
  area = map(4 * Unit, R | W, Shared | Anonymous, -1, 0);
  name(area, 4 * Unit, "shared, before a split");
  CALL(Mprotect, area + Unit, Unit, R, 0, 0);
  name(area + 3 * Unit, Unit, odd);
  Word end = (CALL(Brk, 0, 0, 0, 0, 0) + Unit - 1) & -Unit;
  CALL(Brk, end + 4 * Unit, 0, 0, 0, 0);
  name((char *)end + Unit, Unit, "in the heap");
  call(Mmap, end + 4 * Unit, Unit, R | X, Private | Anonymous | Fixed, -1, 0); /* where the heap ends */
  name((char *)end + 4 * Unit, Unit, "at the heap");
  name((char *)(stackPointer & -Unit), Unit, "the stack");
  name((char *)(stackPointer & -Unit) - Unit, Unit, "below the stack");
  rest();
}
static void anonymous(void) {
  named("odd (name) x");
  char *area = map(1 << 16, R | W, Private | Anonymous, -1, 0);
  memset(area, 1, 1 << 14);
  map(1 << 16, 0, Private | Anonymous, -1, 0);
  map(1 << 16, R | X, Private | Anonymous, -1, 0);
  Word end = CALL(Brk, 0, 0, 0, 0, 0);
  CALL(Brk, end + 0x10000, 0, 0, 0, 0);
  memset((char *)end, 2, 0x1000);
  rest();
}
static long newFile(const char *path) {
  long file = openFile(path, Create);
  for (int i = 0; i < 8; i++)
    CALL(Write, file, scratch, sizeof scratch, 0, 0);
  (void)*(volatile char *)map(1 << 16, R, Shared, file, 0);
  return file;
}
static void files(void) {
  static const char *const paths[] = {"/data/a file", "/data/new\nline", "/data/deleted"};
  named("files");
  for (int i = 0; i < 3; i++)
    map(1 << 17, R | W, Private, newFile(paths[i]), 1 << 16)[0] = 1;
  CALL(Unlinkat, Here, paths[2], 0, 0, 0);
  rest();
}
static long mount(const char *what, const char *where, int flags) {
  CALL(Mkdirat, Here, where, 0755, 0, 0);
  return CALL(Mount, what, where, what, flags, 0);
}
static void writeTo(const char *path, const char *line) {
  long file = openFile(path, 1);
  CALL(Write, file, line, length(line), 0, 0);
  CALL(Close, file, 0, 0, 0, 0);
}
/* A process in a user namespace of its own, of which `where` then has the owners; on a tmpfs from 6.3 on. */
static void mountWithOwners(const char *what, const char *where) {
  enum { Child = 17, NewOwners = 0x10000000, CopyTree = 1, EmptyPath = 0x1000, MapOwners = 0x100000, FromEmptyPath = 4 };
  static struct { unsigned long long set, clear, propagation, owners; } attributes = {MapOwners};
  static char folder[64], path[64];
  long child = CALL(Clone, Child | NewOwners, 0, 0, 0, 0);
  if (!child)
    sleepForever();
  if (child < 0)
    return;
  int digits = 1;
  for (long more = child; more >= 10; more /= 10)
    digits++;
  appendNumber(append(folder, "/proc/"), child, 10, digits);
  append(append(path, folder), "/uid_map");
  writeTo(path, "0 1000 9");
  append(append(path, folder), "/gid_map");
  writeTo(path, "0 1000 9");
  append(append(path, folder), "/ns/user");
  attributes.owners = openFile(path, 0);
  long tree = CALL(OpenTree, Here, what, CopyTree, 0, 0);
  if (CALL(MountSetattr, tree, "", EmptyPath, &attributes, sizeof attributes))
    return;
  CALL(Mkdirat, Here, where, 0755, 0, 0);
  CALL(MoveMount, tree, "", Here, where, FromEmptyPath);
}
static void places(void) {
  enum { Bind = 4096, Detach = 2 };
  named("places");
  mount("tmpfs", "/on a tmpfs", 0);
  newFile("/on a tmpfs/file");
  mountWithOwners("/on a tmpfs", "/other owners");
  map(Unit, R, Shared, openFile("/other owners/file", 0), 0);
  mount("/data", "/bound", Bind);
  newFile("/bound/file");
  mount("tmpfs", "/detached", 0);
  newFile("/detached/file");
  CALL(Umount, "/detached", Detach, 0, 0, 0);
  rest();
}
/* In namespaces of its own for mounts and processes. */
static void apart(void) {
  named("apart");
  mount("tmpfs", "/apart", 0);
  newFile("/apart/file");
  newFile("/data/shared");
  rest();
}
/* What a kernel does not have it does not map. */
static void touch(char *area) {
  if ((Word)area < -4096UL)
    area[0] = 1;
}
static void special(void) {
  enum { Ring = 120, Huge = 0x40000, HugeFile = 4, Size = 1 << 21 };
  named("special");
  long file = CALL(Secret, 0, 0, 0, 0, 0);
  CALL(Ftruncate, file, 1 << 16, 0, 0, 0);
  touch(map(1 << 16, R | W, Shared, file, 0));
  memset(scratch, 0, Ring);
  map(1 << 12, R | W, Shared, CALL(IoUring, 4, scratch, 0, 0, 0), 0);
  writeTo("/proc/sys/vm/nr_hugepages", "4");
  touch(map(Size, R | W, Private | Anonymous | Huge, -1, 0));
  file = CALL(Memfd, "huge", HugeFile, 0, 0, 0);
  CALL(Ftruncate, file, Size, 0, 0, 0);
  touch(map(Size, R | W, Shared, file, 0));
  if (!mount("hugetlbfs", "/huge pages", 0)) {
    file = openFile("/huge pages/file", Create);
    touch(map(Size, R | W, Shared, file, 0));
    map(Size, R, Private, file, 0);
  }
  rest();
}
static void shared(void) {
  named("shared");
  memset(map(1 << 16, R | W, Shared | Anonymous, -1, 0), 1, 1 << 15);
  long file = CALL(Memfd, "a memfd", 0, 0, 0, 0);
  CALL(Write, file, scratch, sizeof scratch, 0, 0);
  memset(map(1 << 16, R | W, Shared, file, 0), 1, 1 << 14);
  rest();
}
/* Does not return in the new thread: of the old stack it has this end alone, copied. */
static __attribute__((noinline)) void threads(int count, int leaderEnds) {
  enum { Vm = 0x100, Fs = 0x200, Files = 0x400, Handlers = 0x800, Thread = 0x10000, Copied = 256, Stack = 1 << 16 };
  static const char *const names[] = {"one", "two three", "fifteen-letters"};
  named(leaderEnds ? "leader" : "threads");
  for (int i = 0; i < count; i++) {
    char *stack = map(Stack, R | W, Private | Anonymous, -1, 0) + Stack - Copied;
    memcpy(stack, (void *)stackPointer, Copied);
    if (!CALL(Clone, Vm | Fs | Files | Handlers | Thread, stack, 0, 0, 0)) {
      named(names[i]);
      rest();
    }
  }
  if (leaderEnds)
    CALL(Exit, 0, 0, 0, 0, 0);
  rest();
}

/* --- what /proc says ---------------------------------------------------------- */
struct Entry {
  unsigned long long inode, offset;
  unsigned short size;
  unsigned char kind;
  char name[];
};
/* Calls with each entry of a folder that is a number; `room` holds the folder meanwhile. */
static void eachNumber(const char *folder, char *room, Word size, void (*use)(const char *, const char *)) {
  long file = openFile(folder, 0), got;
  while ((got = CALL(Getdents, file, room, size, 0, 0)) > 0)
    for (long at = 0; at < got; at += ((struct Entry *)(room + at))->size) {
      const char *name = ((struct Entry *)(room + at))->name;
      if (*name >= '0' && *name <= '9')
        use(folder, name);
    }
  CALL(Close, file, 0, 0, 0, 0);
}
static void take(const char *folder, const char *number, const char *file) {
  char path[64];
  append(append(append(append(path, folder), number), "/"), file);
  char *at = text + lab.length, *size = append(append(append(at, "@ "), path), " ");
  char *bytes = append(appendNumber(size, 0, 10, 8), "\n");
  Word got = readFile(path, bytes, text + sizeof text - bytes);
  appendNumber(size, got, 10, 8)[0] = '\n';
  lab.length = bytes + got - text;
}
static void takeThread(const char *folder, const char *number) { take(folder, number, "comm"); }
static void takeProcess(const char *folder, const char *number) {
  static char room[1 << 12], tasks[64];
  take(folder, number, "comm");
  take(folder, number, "stat");
  take(folder, number, "maps");
  append(append(append(tasks, folder), number), "/task/");
  eachNumber(tasks, room, sizeof room, takeThread);
}
static void takeAll(void) {
  lab.length = 0;
  eachNumber("/proc/", scratch, sizeof scratch, takeProcess);
}

/* Lines of kallsyms that the host needs; they come in pieces. */
static void saySymbols(void) {
  static char line[512];
  static const char *const wanted[] = {"sys_getsid\n", " init_mm\n", " ptdump_", " alloc_pages_exact"};
  long file = openFile("/proc/kallsyms", 0), got;
  Word used = 0;
  while ((got = CALL(Read, file, scratch, sizeof scratch, 0, 0)) > 0)
    for (long i = 0; i < got; i++) {
      line[used++] = scratch[i];
      if (scratch[i] != '\n' && used < sizeof line - 1)
        continue;
      line[used] = 0;
      for (int j = 0; j < 4; j++)
        for (Word k = 0; k < used; k++) {
          Word n = 0;
          while (wanted[j][n] && wanted[j][n] == line[k + n])
            n++;
          if (!wanted[j][n]) {
            say("@ ");
            say(line);
            break;
          }
        }
      used = 0;
    }
  CALL(Close, file, 0, 0, 0, 0);
}

static void start(int kind) {
  enum { Child = 17, NewMounts = 0x20000, NewProcesses = 0x20000000 };
  if (CALL(Clone, Child | (kind == 5 ? NewMounts | NewProcesses : 0), 0, 0, 0, 0))
    return;
  switch (kind) {
  case 0: anonymous();
  case 1: files();
  case 2: shared();
  case 3: threads(3, 0);
  case 4: threads(2, 1);
  case 5: apart();
  case 6: places();
  case 7: special();
  case 8: names();
  default: CALL(Exit, 0, 0, 0, 0, 0); /* a zombie */
  }
}

/* The host stops here to read `lab`; the kernel may not read a process's memory. */
static __attribute__((noinline)) void answered(void) { __asm__ volatile("" ::: "memory"); }

void _start(void) {
  enum { Everything = 3, Resting = 3 + 4 + 2 + 4, Kinds = 10 };
  if (CALL(Getpid, 0, 0, 0, 0, 0) != 1) /* not for a machine that somebody uses */
    CALL(Exit, 1, 0, 0, 0, 0);
  ready = (int *)map(1 << 16, R | W, Shared | Anonymous, -1, 0);
  CALL(Mkdirat, Here, "/proc", 0755, 0, 0);
  CALL(Mkdirat, Here, "/data", 0755, 0, 0);
  CALL(Mount, "proc", "/proc", "proc", 0, 0);
  memset(text, 1, sizeof text);
  for (int i = 0; i < Kinds; i++)
    start(i);
  while (*ready < Resting)
    sleepMs(20);
  CALL(Mlockall, Everything, 0, 0, 0, 0);
  saySymbols();
  char line[64];
  append(appendNumber(append(line, "@ "), (Word)&lab, 16, 2 * sizeof(Word)), " D lab\n");
  say(line);
  append(appendNumber(append(line, "@ "), (Word)answered, 16, 2 * sizeof(Word)), " T answered\n@ ready\n");
  say(line);
  CALL(Read, 0, line, sizeof line, 0, 0);
  takeAll();
  takeAll(); /* again, now that all is there that reading makes */
  for (;;) {
    answered();
    lab.answer = CALL(Getsid, 0, 0, 0, 0, 0);
  }
}
