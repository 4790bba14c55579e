/* vmpt.h - page tables, memory and kernel of a Linux memory dump
 *
 * docs/library.md is the manual. In short:
 *
 * Functions return VMPT_OK, VMPT_GAPS or VMPT_STOPPED, or VMPT_FAILED and, if
 * `error` is not NULL, an error that the caller frees. A wrong argument (NULL
 * where something is needed) is an error of kind VMPT_ERROR_USAGE. What a
 * function gives through a pointer is set to NULL or 0 where it fails.
 *
 * Answers are records: values under the keys of docs/json.md, which come and
 * stay as the JSON of the program does. So no struct of this header grows.
 *
 * Addresses, sizes and lengths are in bytes; `last` is the last byte of a
 * range. Text is NUL-terminated; text from a dump may be any bytes.
 *
 * Threads: a dump, and what was opened from it, may be used by several threads
 * at once. Questions to a dump take turns; so do those to a space, but several
 * spaces work side by side. A callback runs in the thread that asked, and may
 * ask the same dump. Options, results and errors belong to one thread at a
 * time, and freeing is for whoever used it last.
 *
 * The library writes to no stream, handles no signal, and reads files instead
 * of mapping them. It starts threads only where the option "threads" says so,
 * and none outlives the call. No exception leaves it.
 */
#ifndef VMPT_H
#define VMPT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VMPT_API __attribute__((visibility("default")))
#else
#define VMPT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return. */
enum {
  VMPT_OK = 0,      /* All that was asked for. */
  VMPT_GAPS = 1,    /* An answer that lacks something: see its findings. */
  VMPT_STOPPED = 2, /* The callback wanted no more. */
  VMPT_FAILED = -1  /* No answer. */
};

typedef struct vmpt_options vmpt_options; /* How to open a dump. */
typedef struct vmpt_dump vmpt_dump;       /* An opened dump. */
typedef struct vmpt_space vmpt_space;     /* The addresses under one table. */
typedef struct vmpt_result vmpt_result;   /* An answer, with its findings. */
typedef struct vmpt_value vmpt_value;     /* A part of a result. */
typedef struct vmpt_error vmpt_error;

/* "0.1.0" */
VMPT_API const char *vmpt_version(void);

/* ---- Errors ---------------------------------------------------------- */

enum {
  VMPT_ERROR_USAGE = 1,  /* The call, an option, or a file that cannot be
                            opened: the caller's to mend. */
  VMPT_ERROR_FORMAT = 2, /* The file contradicts its own format. */
  VMPT_ERROR_MEMORY = 3, /* Bytes are not in the dump: see the absence. */
  VMPT_ERROR_LOOKUP = 4, /* A name, task or type is unknown. */
  VMPT_ERROR_UNSUPPORTED = 5,
  VMPT_ERROR_SYSTEM = 6,  /* No memory left, a disk that fails. */
  VMPT_ERROR_INTERNAL = 7 /* A mistake in the library. */
};

/* Why bytes of physical memory are not in the dump. */
enum {
  VMPT_ABSENCE_NONE = 0,
  VMPT_ABSENCE_OUTSIDE_RAM = 1,
  VMPT_ABSENCE_EXCLUDED = 2,  /* A filter left the page out. */
  VMPT_ABSENCE_TRUNCATED = 3, /* The file ends before it. */
  VMPT_ABSENCE_CORRUPT = 4,   /* It cannot be decoded. */
  VMPT_ABSENCE_UNMAPPED = 5   /* Virtual memory: no page is mapped. */
};

/* VMPT_ERROR_...; 0 for NULL. */
VMPT_API int vmpt_error_kind(const vmpt_error *error);
/* "usage", "format", "memory", ...; "" for NULL. */
VMPT_API const char *vmpt_error_kind_name(const vmpt_error *error);
/* One sentence, lower case, without a full stop; "" for NULL. */
VMPT_API const char *vmpt_error_sentence(const vmpt_error *error);
/* Of VMPT_ERROR_MEMORY: VMPT_ABSENCE_..., and the first byte that is not
 * there, as an address of the kind that was asked for. */
VMPT_API int vmpt_error_absence(const vmpt_error *error);
VMPT_API uint64_t vmpt_error_address(const vmpt_error *error);
/* Frees it and makes the pointer NULL, as all functions of that form do. */
VMPT_API void vmpt_error_free(vmpt_error **error);

/* ---- Opening --------------------------------------------------------- */

VMPT_API vmpt_options *vmpt_options_new(void);
VMPT_API void vmpt_options_free(vmpt_options **options);
/* Names and values are those of the program's options, without dashes:
 * "part", "map", "raw-base", "layout"; "arch", "root", "levels", "va-bits",
 * "granule", "phys-base", "vmcoreinfo", "kernel", "force"; "vmlinux",
 * "force-vmlinux", "system-map", "btf", "symbol", "offset"; "threads". "part",
 * "map", "symbol" and "offset" may be set several times. The value of "force"
 * and "force-vmlinux" is "yes" or "no". "threads" is how many may work at a
 * question that takes long, the one that asked among them: 1, unless set. */
VMPT_API int vmpt_options_set(vmpt_options *options, const char *name,
                              const char *value, vmpt_error **error);

/* Opens the dump at `path`; `options` may be NULL. Nothing of the kernel in it
 * is looked for yet: a function that needs it says why there is none. `path`
 * is NULL where the option "map" is all of the memory. */
VMPT_API int vmpt_open(const char *path, const vmpt_options *options,
                       vmpt_dump **dump, vmpt_error **error);
/* Spaces that are open go on working. */
VMPT_API void vmpt_close(vmpt_dump **dump);

/* ---- Values ---------------------------------------------------------- */

enum {
  VMPT_NULL = 0, /* Unknown, or does not apply. Also the type of NULL. */
  VMPT_TRUTH = 1,
  VMPT_NUMBER = 2,
  VMPT_ADDRESS = 3, /* An address or raw bits: "0x..." in JSON. */
  VMPT_TEXT = 4,
  VMPT_ARRAY = 5,
  VMPT_RECORD = 6
};

VMPT_API int vmpt_value_type(const vmpt_value *value);
/* Of a truth (0 or 1), a number or an address; else 0. */
VMPT_API uint64_t vmpt_value_number(const vmpt_value *value);
/* Of a text, else NULL. `length` may be NULL; NULs may be inside. */
VMPT_API const char *vmpt_value_text(const vmpt_value *value, size_t *length);
/* Elements of an array, members of a record; else 0. */
VMPT_API size_t vmpt_value_count(const vmpt_value *value);
/* One of these; NULL if there is none. */
VMPT_API const vmpt_value *vmpt_value_at(const vmpt_value *value, size_t index);
/* The key of a record's member; NULL if there is none. */
VMPT_API const char *vmpt_value_key(const vmpt_value *value, size_t index);
/* The member under `key`; NULL if there is none. */
VMPT_API const vmpt_value *vmpt_value_find(const vmpt_value *value,
                                           const char *key);
/* As JSON on one line. */
VMPT_API int vmpt_value_json(const vmpt_value *value, char **text,
                             vmpt_error **error);
VMPT_API void vmpt_text_free(char **text);

/* A whole answer, a record: what `vmpt COMMAND --format json` prints. It lives
 * as long as the result. */
VMPT_API const vmpt_value *vmpt_result_value(const vmpt_result *result);
VMPT_API void vmpt_result_free(vmpt_result **result);

/* Takes the records of an answer's lists as they come, instead of the result,
 * which then has the rest. `kind` is what lines of JSONL have under "record".
 * The record lives as long as the call. Other than 0 ends the delivery. No
 * exception may leave it. */
typedef int (*vmpt_record_fn)(void *user, const char *kind,
                              const vmpt_value *record);

/* ---- Questions ------------------------------------------------------- */
/* `result` may be NULL where a callback takes the records. `on_record` may be
 * NULL; then the result has them. */

/* What was noticed when the dump was opened and its kernel found. */
VMPT_API int vmpt_findings(vmpt_dump *dump, vmpt_result **result,
                           vmpt_error **error);

enum {
  VMPT_INFO_SOURCES = 1,  /* Also where symbols and layouts come from. */
  VMPT_INFO_EVIDENCE = 2, /* Also all that was tried. */
  VMPT_INFO_VERIFY = 4    /* Also what reading each page gives. */
};
/* Every fact with its source: `vmpt info`. */
VMPT_API int vmpt_info(vmpt_dump *dump, unsigned flags, vmpt_result **result,
                       vmpt_error **error);

enum { VMPT_TASKS_THREADS = 1, VMPT_TASKS_IDLE = 2 };
/* `vmpt tasks` */
VMPT_API int vmpt_tasks(vmpt_dump *dump, unsigned flags,
                        vmpt_record_fn on_record, void *user,
                        vmpt_result **result, vmpt_error **error);

enum { VMPT_AREAS_PAGES = 1 /* A census of the pages of each area. */ };
/* Memory areas of a process: `vmpt maps --pid`. */
VMPT_API int vmpt_areas(vmpt_dump *dump, uint32_t pid, unsigned flags,
                        vmpt_record_fn on_record, void *user,
                        vmpt_result **result, vmpt_error **error);

/* Who maps physical memory [first, last]: `vmpt rmap`. */
VMPT_API int vmpt_rmap(vmpt_dump *dump, uint64_t first, uint64_t last,
                       vmpt_record_fn on_record, void *user,
                       vmpt_result **result, vmpt_error **error);

/* All that is known of page frame number `frame`: `vmpt page pfn:N`. */
VMPT_API int vmpt_page(vmpt_dump *dump, uint64_t frame, vmpt_result **result,
                       vmpt_error **error);

enum {
  VMPT_FRAME_NO_PAGE = 0, /* The kernel has no struct page for it. */
  VMPT_FRAME_KNOWN = 1,
  VMPT_FRAME_ABSENT = 2 /* The struct page is not in the dump. */
};
/* The entries of /proc/kpageflags and /proc/kpagecount of `count` frames, and
 * VMPT_FRAME_...; each array may be NULL. VMPT_GAPS if one is absent. */
VMPT_API int vmpt_page_flags(vmpt_dump *dump, uint64_t frame, size_t count,
                             uint64_t *flags, uint64_t *counts, uint8_t *states,
                             vmpt_error **error);

/* Why the kernel died: `vmpt explain`. */
VMPT_API int vmpt_explain(vmpt_dump *dump, vmpt_result **result,
                          vmpt_error **error);

/* `vmpt audit`; by `count` rules of docs/audit.md, or all if that is 0. */
VMPT_API int vmpt_audit(vmpt_dump *dump, const char *const *rules, size_t count,
                        vmpt_result **result, vmpt_error **error);

/* The virtual address of a kernel symbol. */
VMPT_API int vmpt_symbol(vmpt_dump *dump, const char *name, uint64_t *address,
                         vmpt_error **error);

/* The kernel's VMCOREINFO text, from a note or found by scanning memory. */
VMPT_API int vmpt_vmcoreinfo(vmpt_dump *dump, char **text, vmpt_error **error);

/* ---- Memory ---------------------------------------------------------- */

/* A range of physical memory, and VMPT_ABSENCE_NONE or why it is not there.
 * Other than 0 ends the delivery. */
typedef int (*vmpt_range_fn)(void *user, uint64_t first, uint64_t last,
                             int absence);
/* Ascending. What no range covers is outside of RAM. */
VMPT_API int vmpt_ranges(vmpt_dump *dump, vmpt_range_fn on_range, void *user,
                         vmpt_error **error);

/* Copies `size` bytes of physical memory. Where one is absent, an error of kind
 * VMPT_ERROR_MEMORY says which and why; `*done`, which may be NULL, is how many
 * bytes in front of it were copied. */
VMPT_API int vmpt_read_physical(vmpt_dump *dump, uint64_t address, void *buffer,
                                size_t size, size_t *done, vmpt_error **error);

/* The addresses of the kernel, of a task, or under the table at the physical
 * address `root`. */
VMPT_API int vmpt_kernel_space(vmpt_dump *dump, vmpt_space **space,
                               vmpt_error **error);
VMPT_API int vmpt_task_space(vmpt_dump *dump, uint32_t pid, vmpt_space **space,
                             vmpt_error **error);
VMPT_API int vmpt_root_space(vmpt_dump *dump, uint64_t root, vmpt_space **space,
                             vmpt_error **error);
VMPT_API void vmpt_space_close(vmpt_space **space);

/* The same of virtual memory. What the tables do not map is absent, too. */
VMPT_API int vmpt_read_virtual(vmpt_space *space, uint64_t address,
                               void *buffer, size_t size, size_t *done,
                               vmpt_error **error);

/* How the way of an address through the tables ends. */
enum {
  VMPT_PAGE = 0,
  VMPT_NO_ENTRY = 1, /* The last entry is zero, or its table is. */
  VMPT_PROT_NONE = 2,
  VMPT_SWAPPED = 3,
  VMPT_MIGRATING = 4,
  VMPT_HWPOISON = 5,
  VMPT_DEVICE = 6,
  VMPT_UFFD_MARKER = 7,
  VMPT_GUARD_MARKER = 8,
  VMPT_POISON_MARKER = 9,
  VMPT_NOT_PRESENT = 10, /* A hole that holds something else. */
  VMPT_RESERVED_BITS = 11,
  VMPT_NOT_CANONICAL = 12,
  VMPT_NOT_COVERED = 13,  /* This table does not translate such addresses. */
  VMPT_TABLE_ABSENT = 14, /* A table on the way is not in the dump. */
  VMPT_BEYOND_LIMIT = 15  /* This table has too few levels for it (s390x). */
};
/* "page", "no_entry", ...: the words of docs/json.md; NULL for another number.
 */
VMPT_API const char *vmpt_ending_name(int ending);

/* The way of one address in full: `vmpt translate`. */
VMPT_API int vmpt_translate(vmpt_space *space, uint64_t address,
                            vmpt_result **result, vmpt_error **error);
/* The physical addresses of `count` virtual ones (~0 where there is none), and
 * how each ended. VMPT_GAPS if a table that is absent is on the way of one.
 * `endings` may be NULL. */
VMPT_API int vmpt_translate_many(vmpt_space *space, const uint64_t *addresses,
                                 size_t count, uint64_t *physical,
                                 uint8_t *endings, vmpt_error **error);

enum {
  VMPT_LIST_PHYSICAL = 1,  /* With physical addresses: a line for each piece. */
  VMPT_LIST_NAMES = 2,     /* With what the range belongs to. */
  VMPT_LIST_USER_ONLY = 4, /* Of a task or a root: the user half alone. */
  VMPT_LIST_USER_PGD = 8   /* x86 PTI: the table that user code runs on. */
};
/* The lines of the kernel's own page-table listing in [first, last]:
 * `vmpt kernel` and `vmpt task`. */
VMPT_API int vmpt_list(vmpt_space *space, uint64_t first, uint64_t last,
                       unsigned flags, vmpt_record_fn on_record, void *user,
                       vmpt_result **result, vmpt_error **error);

/* Takes text piece by piece. Other than 0 ends the delivery. */
typedef int (*vmpt_text_fn)(void *user, const char *text, size_t length);
/* The same as the kernel's text, byte for byte. `result`, which may be NULL,
 * has the findings. */
VMPT_API int vmpt_list_text(vmpt_space *space, uint64_t first, uint64_t last,
                            unsigned flags, vmpt_text_fn on_text, void *user,
                            vmpt_result **result, vmpt_error **error);

#ifdef __cplusplus
}
#endif

#endif
