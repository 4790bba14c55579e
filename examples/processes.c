/* processes.c - lists the processes of a dump, and what init's memory is
 *
 *   cc -o processes processes.c $(pkg-config --cflags --libs vmpt)
 *   ./processes vmcore
 *
 * Exit status as the program's: 0 all is there, 1 something lacks, 2 nothing.
 */
#include <vmpt.h>

#include <inttypes.h>
#include <stdio.h>

static int fail(vmpt_error *error) {
  fprintf(stderr, "processes: %s error: %s\n", vmpt_error_kind_name(error),
          vmpt_error_sentence(error));
  vmpt_error_free(&error);
  return 2;
}

static uint64_t number(const vmpt_value *record, const char *key) {
  return vmpt_value_number(vmpt_value_find(record, key));
}

static int print_task(void *user, const char *kind, const vmpt_value *task) {
  const char *comm = vmpt_value_text(vmpt_value_find(task, "comm"), NULL);
  (void)kind;
  ++*(unsigned *)user;
  printf("%6" PRIu64 "  %016" PRIx64 "  %8" PRIu64 " KiB of tables  %s\n",
         number(task, "pid"), number(task, "root"),
         number(task, "table_bytes") / 1024, comm ? comm : "?");
  return 0;
}

/* The findings of an answer: what it lacks, and why. */
static void print_findings(const vmpt_result *result) {
  const vmpt_value *findings =
      vmpt_value_find(vmpt_result_value(result), "findings");
  for (size_t i = 0; i < vmpt_value_count(findings); ++i) {
    const vmpt_value *finding = vmpt_value_at(findings, i);
    fprintf(stderr, "processes: %s: %s\n",
            vmpt_value_text(vmpt_value_find(finding, "severity"), NULL),
            vmpt_value_text(vmpt_value_find(finding, "sentence"), NULL));
  }
}

int main(int argc, char **argv) {
  vmpt_dump *dump = NULL;
  vmpt_space *kernel = NULL;
  vmpt_result *result = NULL;
  vmpt_error *error = NULL;
  uint64_t address = 0, physical = 0;
  unsigned count = 0;
  int status;

  if (argc != 2) {
    fprintf(stderr, "usage: processes DUMP\n");
    return 2;
  }
  if (vmpt_open(argv[1], NULL, &dump, &error) == VMPT_FAILED)
    return fail(error);

  status = vmpt_tasks(dump, 0, print_task, &count, &result, &error);
  if (status == VMPT_FAILED) {
    vmpt_close(&dump);
    return fail(error);
  }
  printf("%u processes\n", count);
  print_findings(result);
  vmpt_result_free(&result);

  /* Where a symbol lies, and where that is in physical memory. */
  if (vmpt_symbol(dump, "swapper_pg_dir", &address, &error) == VMPT_FAILED ||
      vmpt_kernel_space(dump, &kernel, &error) == VMPT_FAILED ||
      vmpt_translate_many(kernel, &address, 1, &physical, NULL, &error) ==
          VMPT_FAILED) {
    vmpt_space_close(&kernel);
    vmpt_close(&dump);
    return fail(error);
  }
  printf("swapper_pg_dir is at 0x%" PRIx64 ", physical 0x%" PRIx64 "\n", address,
         physical);
  vmpt_space_close(&kernel);
  vmpt_close(&dump);
  return status == VMPT_GAPS;
}
