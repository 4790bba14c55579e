// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes kernel_page_tables on an arm64 kernel (6.9 to 6.12) that is built
 * without PTDUMP_DEBUGFS, as Debian's are: DEBUG_WX links ptdump_walk() in. The
 * text goes to memory that is there beforehand; then the only CPU (-smp 1)
 * stands still, so a dump taken at "PTSNAP-READY" is of that very state. The
 * text lies in the dump after "PTSNAPSHOT1", five NULs and its length (u64).
 * The array is that of arch/arm64/mm/ptdump.c.
 */
#include <asm/fixmap.h>
#include <asm/memory.h>
#include <asm/ptdump.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>

struct snapshot {
	char magic[16];
	u64 length;
	char text[];
};

static struct addr_marker markers[13];
static struct ptdump_info info;
static struct seq_file seq;
static struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };

static void set_markers(u64 page_offset)
{
	struct addr_marker all[] = {
		{ PAGE_OFFSET, "Linear Mapping start" },
		{ PAGE_END, "Linear Mapping end" },
		{ MODULES_VADDR, "Modules start" },
		{ MODULES_END, "Modules end" },
		{ VMALLOC_START, "vmalloc() area" },
		{ VMALLOC_END, "vmalloc() end" },
		{ (u64)virt_to_page((void *)page_offset), "vmemmap start" },
		{ VMEMMAP_END, "vmemmap end" },
		{ PCI_IO_START, "PCI I/O start" },
		{ PCI_IO_END, "PCI I/O end" },
		{ FIXADDR_TOT_START, "Fixmap start" },
		{ FIXADDR_TOP, "Fixmap end" },
		{ -1, NULL },
	};

	memcpy(markers, all, sizeof(all));
}

static int __init ptsnap_init(void)
{
	unsigned long (*lookup)(const char *);
	void (*walk)(struct seq_file *, struct ptdump_info *);
	const size_t size = 1 << 20;
	struct snapshot *snapshot;

	if (register_kprobe(&probe) < 0)
		return -ENOENT;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	walk = (void *)lookup("ptdump_walk");
	info.mm = (void *)lookup("init_mm");
	snapshot = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
	if (!walk || !info.mm || !snapshot)
		return -ENOENT;

	info.base_addr = _PAGE_OFFSET(vabits_actual);
	set_markers(info.base_addr);
	info.markers = markers;
	mutex_init(&seq.lock);
	seq.buf = snapshot->text;
	seq.size = size - sizeof(*snapshot);
	walk(&seq, &info);
	snapshot->length = seq.count;
	memcpy(snapshot->magic, "PTSNAPSHOT", 10);
	snapshot->magic[10] = '1'; /* not in this module's own strings */
	pr_emerg("PTSNAP-READY\n");
	local_irq_disable();
	for (;;)
		cpu_relax();
}
module_init(ptsnap_init);
MODULE_LICENSE("GPL");
