"""What a real dump has to say of its tasks and their areas."""
import json

from tap import first_difference, run

# Names that changed between the guest's last look and the dump, one by one:
# {(case, tid): (name in the guest's files, name in the dump)}. All are kworkers
# that took another work item meanwhile; wq_worker_comm() shows the last one's
# workqueue, worker->desc.
CHANGED = {
    ("arm64-5.10-4k-va48-nokaslr-novmcoreinfo", 19): ("kworker/0:1-events", "kworker/0:1-mm_percpu_wq"),
    ("arm64-6.1-4k-va48-novmcoreinfo", 15): ("kworker/0:1-events", "kworker/0:1-mm_percpu_wq"),
    ("arm64-6.12-64k-va52", 8): ("kworker/0:0-events", "kworker/0:0-mm_percpu_wq"),
    ("i386-6.1-debian-pae-pti", 17): ("kworker/0:1-events_power_efficient", "kworker/0:1-events"),
    ("ppc64le-6.12-4k-radix", 8): ("kworker/0:0-mm_percpu_wq", "kworker/0:0-events"),
    ("ppc64le-6.12-4k-radix", 37): ("kworker/u10:1-kvfree_rcu_reclaim", "kworker/u10:1-events_unbound"),
    ("riscv64-6.1-sv39", 6): ("kworker/0:0-mm_percpu_wq", "kworker/0:0-events"),
    ("s390x-6.12", 25): ("kworker/u9:0-kvfree_rcu_reclaim", "kworker/u9:0-events_unbound"),
    ("x86_64-6.1-debian-4level-pti", 17): ("kworker/0:1-events_freezable", "kworker/0:1-events"),
    ("x86_64-6.1-debian-4level-pti", 28): ("kworker/1:1-events", "kworker/1:1-events_power_efficient"),
    ("x86_64-6.12-debian-4level-pti", 9): ("kworker/0:0-events_power_efficient", "kworker/0:0-pm"),
}

# Of a 32-bit process of x86-64, which has none: mm_struct.context is not learned.
NO_GATE = "whether the process has [vsyscall] is not known"


def listing_problem(expected, result):
    problem = first_difference(expected.read_bytes(), result.stdout)
    if problem is None and result.returncode == 0:
        return None
    return f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}\n{problem or ''}"


def maps_problem(vmpt, dump, types, process, may_miss=None):
    """None, or how `vmpt maps` differs from proc/PID/maps. It may end with 1 where it says `may_miss`."""
    result = run(vmpt, "maps", dump, *types, "--pid", process.name)
    if may_miss and result.returncode == 1 and may_miss in result.stderr.decode():
        return first_difference((process / "maps").read_bytes(), result.stdout)
    return listing_problem(process / "maps", result)


def read_processes(case):
    """{pid: comm} of proc/PID/comm, and {tid: (tgid, parent, comm)}."""
    processes = {int(path.parent.name): path.read_text().rstrip("\n")
                 for path in case.glob("proc/*/comm")}
    # PID (COMM) STATE PPID ...; there may be anything in COMM.
    parents = {pid: int((case / f"proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
               for pid in processes}
    threads = {}  # tid: (tgid, comm)
    for path in case.glob("proc/*/tasks"):
        for line in path.read_text().splitlines():
            tid, comm = line.split(" ", 1)
            threads[int(tid)] = (int(path.parent.name), comm)
    for line in (case / "ps.txt").read_text().splitlines() if not threads else []:
        if not line.startswith("#"):  # pid tid ppid state comm exe
            tgid, tid, _, _, rest = line.split(" ", 4)
            threads[int(tid)] = (int(tgid), rest.rsplit(" ", 1)[0])
    return processes, {tid: (tgid, parents[tgid], processes[tid] if tid == tgid else comm)
                       for tid, (tgid, comm) in threads.items()}


def with_changes(case, tid, comm):
    """The name to expect in the dump, or what is wrong with the table."""
    known = CHANGED.get((case.name, tid))
    if known is None:
        return comm
    return known[1] if comm == known[0] else f"{comm}, but the table of changes has {known[0]}"


def list_tasks(vmpt, dump, types, *options):
    """({pid: task}, None) or (None, problem)."""
    result = run(vmpt, "tasks", dump, *types, *options, "--format", "json")
    if result.returncode:
        return None, f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}"
    listing = json.loads(result.stdout)
    # Idle tasks, which /proc does not have, are pid 0, one a CPU that idles.
    listed = [task for task in listing["tasks"] if task["pid"]]
    tasks = {task["pid"]: task for task in listed}
    if len(tasks) != len(listed):
        return None, "a pid is listed twice"
    return tasks, None


def compare(wanted, got):
    """None, or a line for each number that only one has or that differs."""
    lines = [f"{number}: the guest has {wanted.get(number)}, vmpt {got.get(number)}"
             for number in sorted(wanted.keys() | got.keys())
             if wanted.get(number) != got.get(number)]
    return "\n".join(lines) or None


def names_problem(vmpt, dump, types, case):
    processes, _ = read_processes(case)
    tasks, problem = list_tasks(vmpt, dump, types)
    wanted = {pid: with_changes(case, pid, comm) for pid, comm in processes.items()}
    return problem or compare(wanted, {pid: t["comm"] for pid, t in tasks.items()})


def threads_problem(vmpt, dump, types, case):
    _, threads = read_processes(case)
    tasks, problem = list_tasks(vmpt, dump, types, "--threads")
    wanted = {tid: (tgid, ppid, with_changes(case, tid, comm))
              for tid, (tgid, ppid, comm) in threads.items()}
    return problem or compare(wanted, {pid: (t["tgid"], t["ppid"], t["comm"])
                                       for pid, t in tasks.items()})
