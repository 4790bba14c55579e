#!/usr/bin/env python3
"""scripts/fleet.sbatch on a Slurm of one node, made here for the test.

Skipped where Slurm (Debian: slurm-wlm, munge) is not installed, or to anybody
but root, whom its daemons want.

Usage: slurm.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, is_root

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo", "scancel"]
SHARDS, DUMPS = 3, 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


class Slurm:
    """Daemons of our own; their processes are ended with the object."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        host = socket.gethostname().split(".")[0]
        (folder / "slurm.conf").write_text("\n".join([
            "ClusterName=vmpt", f"SlurmctldHost={host}(localhost)", "SlurmUser=root", "SlurmdUser=root",
            f"SlurmctldPort={free_port()}", f"SlurmdPort={free_port()}",
            "AuthType=auth/munge", "CredType=cred/munge", f"AuthInfo=socket={folder}/munge.socket",
            f"StateSaveLocation={folder}/state", f"SlurmdSpoolDir={folder}/spool",
            f"SlurmctldPidFile={folder}/slurmctld.pid", f"SlurmdPidFile={folder}/slurmd.pid",
            f"SlurmctldLogFile={folder}/slurmctld.log", f"SlurmdLogFile={folder}/slurmd.log",
            "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SwitchType=switch/none", "MpiDefault=none",
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU", "ReturnToService=2", "KillWait=5",
            "AccountingStorageType=accounting_storage/none", "JobAcctGatherType=jobacct_gather/none",
            f"NodeName={host} NodeAddr=localhost CPUs={os.cpu_count()} State=UNKNOWN",
            "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP", ""]))
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self):
        folder = self.folder
        self.daemon("munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket",
                    f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed")
        for _ in range(100):
            if (folder / "munge.socket").exists():
                break
            time.sleep(0.1)
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D")
        for _ in range(300):
            if "idle" in self.run("sinfo", "-h", "-o", "%T").stdout:
                return
            time.sleep(0.2)
        raise RuntimeError("the node does not become idle: " + (folder / "slurmctld.log").read_text()[-2000:])

    def daemon(self, *words):
        self.daemons.append(subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def run(self, *words, **settings):
        return subprocess.run([*map(str, words)], env={**self.environment, **settings}, capture_output=True, text=True, timeout=300)

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()


def make_dumps(source, folder):
    """As many as DUMPS, and the list of their paths."""
    base = (source / "testdata/kernels/i386-6.1-debian-2level/dump.elf").read_bytes()
    paths = []
    for number in range(DUMPS):
        path = folder / f"dump {number}"
        path.write_bytes(base[:-8] + number.to_bytes(8, "little"))
        paths.append(path)
    (folder / "list").write_text("".join(f"{path}\n" for path in paths))
    return paths


def read_shards(out):
    return {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in sorted(out.glob("*.jsonl"))}


def submit(slurm, vmpt, source, folder, array, *options):
    return slurm.run("sbatch", "--wait", f"--array={array}", "-c", "1", "-o", folder / "log-%a", source / "scripts/fleet.sbatch",
                     folder / "list", folder / "out", SHARDS, *options, VMPT=str(vmpt))


def check(tap, slurm, vmpt, source, folder):
    paths = make_dumps(source, folder)
    done = submit(slurm, vmpt, source, folder, f"0-{SHARDS - 1}")
    shards = read_shards(folder / "out")
    got = sorted(record["path"] for records in shards.values() for record in records)
    problem = None
    if got != sorted(map(str, paths)) or sorted(shards) != [f"shard-{i}-of-{SHARDS}.jsonl" for i in range(SHARDS)]:
        problem = f"{done.stdout}{done.stderr}{ {name: len(records) for name, records in shards.items()} }" + \
                  "".join(path.read_text() for path in folder.glob("log-*"))
    tap.report(problem, "an array of jobs surveys each dump once")
    # A cut dump of a kernel alone has gaps: the job's status is that of vmpt.
    tap.report(None if done.returncode == 1 else f"status {done.returncode}: {done.stderr}", "the status of a job is that of its survey")

    before = {path.name: path.read_bytes() for path in (folder / "out").glob("*")}
    submit(slurm, vmpt, source, folder, f"0-{SHARDS - 1}")
    after = {path.name: path.read_bytes() for path in (folder / "out").glob("*")}
    tap.report(None if after == before else "the files changed", "submitted again, nothing is done again")

    lost = folder / f"out/shard-1-of-{SHARDS}.jsonl"
    lost.write_bytes(before[lost.name][:-50])
    with open(folder / "list", "a") as file:
        late = shutil.copy(paths[0], folder / "late")
        with open(late, "ab") as dump:
            dump.write(b"late")
        file.write(f"{late}\n")
    submit(slurm, vmpt, source, folder, f"1,{DUMPS % SHARDS}")
    shards = read_shards(folder / "out")
    got = sorted(record["path"] for records in shards.values() for record in records)
    tap.report(None if got == sorted(map(str, [*paths, late])) else f"{got}", "single shards go on, and lists may grow")
    outside = submit(slurm, vmpt, source, folder, f"{SHARDS}")
    tap.report(None if outside.returncode == 2 else repr(outside), "there are no more shards than there are")


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    tap = Tap()
    missing = [name for name in PROGRAMS if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing or not is_root():
        tap.skip("a Slurm of one node", f"not installed: {', '.join(missing)}" if missing else "only root may start it")
        return tap.end()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with tempfile.TemporaryDirectory(prefix="vmpt-slurm-") as name:
        slurm = Slurm(Path(name))
        try:
            slurm.start()
            check(tap, slurm, vmpt, source, Path(name))
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            tap.report(str(error), "a Slurm of one node")
        finally:
            slurm.stop()
    tap.end()


main()
