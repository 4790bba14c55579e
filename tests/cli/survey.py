#!/usr/bin/env python3
"""vmpt survey as its users see it: records, resuming, limits, interruptions.

Usage: survey.py VMPT SOURCE_ROOT       (prints TAP)
"""
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_cases, find_dumps
from tap import Tap, is_root, run, sound_messages

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

NOBODY = 65534


class Survey:
    """One run: its status, its records, what it said."""

    def __init__(self, vmpt, *words, out=None, **settings):
        result = run(vmpt, "survey", *words, *(["-o", out] if out else []), **settings)
        self.status, self.said = result.returncode, result.stderr.decode(errors="replace")
        text = out.read_bytes() if out and out.is_file() else result.stdout
        self.lines = text.decode().splitlines()
        self.records = [json.loads(line) for line in self.lines]
        self.sound = sound_messages(result.stderr)

    def problem(self, status, statuses, said=()):
        """`statuses`: {name of a file: status}; None, or what is other."""
        if self.sound:
            return self.sound
        if self.status != status:
            return f"exit status {self.status}, expected {status}: {self.said}"
        got = {Path(record["path"]).name: record["status"] for record in self.records}
        if got != statuses or len(got) != len(self.records):
            return f"records {got}, expected {statuses}"
        return next((f"standard error lacks {text!r}: {self.said}" for text in said if not re.search(text, self.said)), None)


def vary(dump, path, number):
    """A dump of another machine: bytes at the end of its memory differ."""
    content = bytearray(dump.read_bytes())
    content[-8:] = number.to_bytes(8, "little")
    path.write_bytes(content)
    return path


def without_cost(record):
    return {key: value for key, value in record.items() if key != "cost"}


def check_record(tap, vmpt, dump, schema, name):
    """What the commands say is what the record says."""
    survey = Survey(vmpt, dump)
    record = survey.records[0] if survey.records else {}
    problems = [survey.sound] if survey.sound else []
    if schema:
        problems += [f"{error.json_path}: {error.message[:200]}" for error in schema.iter_errors(record)]

    def document(command):
        result = run(vmpt, command, dump, "--format", "json")
        return json.loads(result.stdout) if result.stdout else {}

    info, explain, audit = (document(command) for command in ("info", "explain", "audit"))
    for key in ("container", "memory"):
        if record.get(key) != info.get(key):
            problems.append(f"{key} is not that of info")
    for command, whole in (("explain", explain), ("audit", audit)):
        mine = record.get(command) or {}
        for key, value in whole.items():
            if key not in ("schema", "command", "findings") and mine.get(key) != value:
                problems.append(f"{key} is not that of {command}: {mine.get(key)} {value}")
    facts = {fact["name"]: fact["value"] for fact in info.get("kernel", [])}
    for key, fact in (("arch", "architecture"), ("release", "kernel release"), ("paging_mode", "paging mode")):
        if record.get(key) != facts.get(fact):
            problems.append(f"{key} is {record.get(key)}, info says {facts.get(fact)}")
    if record.get("verdict") != explain.get("kind"):
        problems.append("verdict is not that of explain")
    gaps = any(f["severity"] == "gap" for document in (explain, audit) for f in document.get("findings", []))
    if record.get("status") != ("gaps" if gaps else "complete") or survey.status != int(gaps):
        problems.append(f"status {record.get('status')}, exit status {survey.status}, gaps: {gaps}")
    tap.report("\n".join(problems) or None, f"a record: {name}")


def check_broken(tap, vmpt, dump, folder):
    files = folder / "broken"
    (files / "deep/er").mkdir(parents=True)
    shutil.copy(dump, files / "deep/good")
    content = dump.read_bytes()
    (files / "cut").write_bytes(content[:len(content) // 2])
    (files / "header").write_bytes(bytes(64) + content[64:])
    (files / "empty").touch()
    (files / "text").write_text("no dump\n")
    (files / "name\nwith \x1b[31m").write_bytes(b"\x7fELF")
    os.symlink("../..", files / "deep/er/loop")
    os.symlink("deep", files / "again")
    os.symlink("nowhere", files / "dangling")
    os.symlink("self", files / "self")
    os.mkfifo(files / "pipe")
    survey = Survey(vmpt, files)
    statuses = {"good": "gaps", "empty": "failed", "text": "failed", "name\nwith \x1b[31m": "failed", "dangling": "failed", "self": "failed"}
    got = {Path(record["path"]).name: record["status"] for record in survey.records}
    # What is left of these may be found without a header.
    statuses.update((name, got.get(name)) for name in ("cut", "header"))
    problem = survey.problem(1, statuses, ["2 links to folders are not followed", "1 pipes, sockets and devices",
                                           r"empty': .*empty", "dangling': .*No such file"])
    if not {got.get("cut"), got.get("header")} <= {"gaps", "failed"}:
        problem = f"damaged dumps are {got}"
    if any(record["status"] == "failed" and not record["error"] for record in survey.records):
        problem = "an error has no sentence"
    tap.report(problem, "a folder with broken dumps, loops and a pipe")
    missing = Survey(vmpt, files / "missing", files / "pipe")
    tap.report(missing.problem(1, {"missing": "failed", "pipe": "failed"}, ["missing': .*No such file"]),
               "what is named and not there")
    tap.report(None if [r["content_id"] for r in missing.records] == [None, None] else "a content id", "they have no content id")
    secret, settings = folder / "secret/dump", {}
    secret.parent.mkdir()
    shutil.copy(dump, secret)
    secret.chmod(0)
    if is_root():
        folder.chmod(0o755)
        vmpt = shutil.copy(vmpt, folder / "vmpt")
        settings = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    tap.report(Survey(vmpt, secret.parent, **settings).problem(1, {"dump": "failed"}, ["Permission denied"]), "a file that may not be read")
    secret.parent.chmod(0)
    tap.report(Survey(vmpt, secret.parent, **settings).problem(1, {}, ["the folder cannot be read: Permission denied"]),
               "a folder that may not be read")
    secret.parent.chmod(0o755)


def check_words(tap, vmpt, dump, folder):
    other = vary(dump, folder / "other", 1)
    copy = shutil.copy(dump, folder / "copy")
    same = {Path(dump).name: "gaps"}
    tap.report(Survey(vmpt, dump, dump).problem(1, same), "a path twice")
    tap.report(Survey(vmpt, dump, copy).problem(1, same, [f"1 dump .*have the content of another .*copy' is '"]), "a copy")
    both = {Path(dump).name: "gaps", "other": "gaps"}
    for name, text in (("lines", f"{dump}\n\n{other}\n"), ("no last line feed", f"{dump}\n{other}"), ("NULs", f"{dump}\0{other}\0")):
        tap.report(Survey(vmpt, "-", stdin=None, input=text.encode()).problem(1, both), f"a list: {name}")
    empty, byte = folder / "nothing", folder / "byte"
    empty.mkdir()
    byte.write_bytes(b"x")
    for name, words in (("an empty list", ["-"]), ("an empty folder", [empty])):
        tap.report(Survey(vmpt, *words).problem(0, {}, ["there is no file to survey"]), name)
    for name, words, said in (
            ("no word", [], "no dump is named"), ("no jobs", [dump, "--jobs", 0], "--jobs 0 is not from 1"),
            ("no time", [dump, "--time-limit", "0"], "--time-limit '0' is no time"),
            ("an odd time", [dump, "--time-limit", "5 parsecs"], "is no time"),
            ("an odd severity", [dump, "--fail-on", "bad"], "bad"),
            ("an output that is the dump", [dump, "-o", dump], "is no survey's result"),
            ("an output without a name", [dump, "-o", ""], "--output names no file"),
            ("a database on standard output", [dump, "--sqlite", "-"], "--sqlite '-' is no file that a database"),
            ("a database of one byte", [dump, "--sqlite", byte], "is no database"),
            ("a database in a pipe", [dump, "--sqlite", "/dev/stdout"], "'/dev/stdout': is no regular file"),
            ("a database that is the output", [dump, "-o", folder / "one", "--sqlite", folder / "one"],
             "is named by --output and by --sqlite"),
            ("an output in no folder", [dump, "-o", folder / "no/where"], "No such file")):
        before = dump.read_bytes()
        survey = Survey(vmpt, *words)
        tap.report(survey.problem(2, {}, [said]) or (None if dump.read_bytes() == before else "the dump is lost"), name)


def check_own_output(tap, vmpt, folder):
    """`survey * -o result`, in the folder of the result."""
    result = folder / "nothing-yet"
    result.touch()
    for turn in ("empty", "again"):
        survey = Survey(vmpt, result, "-o", result)
        tap.report(survey.problem(0, {}, ["is what the survey writes, and not surveyed", "there is no file to survey"])
                   or (None if result.stat().st_size == 0 else "it was written to"), f"the output among the words, {turn}")


def check_limits(tap, vmpt, dump, folder):
    out = folder / "limits.jsonl"
    name = Path(dump).name
    tap.report(Survey(vmpt, dump, "--time-limit", "1ms", out=out).problem(1, {name: "timeout"}, ["took longer than 1ms"]), "--time-limit")
    tap.report(Survey(vmpt, dump, out=out).problem(1, {name: "timeout"}, ["1 dump failed before"]), "a limit that was reached is done")
    tap.report(Survey(vmpt, dump, "--retry", out=out).problem(1, {name: "gaps"}), "--retry tries again")
    if b"__asan_init" in Path(vmpt).read_bytes():
        tap.skip("--memory-limit", "a sanitizer needs memory")
        return
    tap.report(Survey(vmpt, dump, "--memory-limit", "1M").problem(1, {name: "out_of_memory"}, ["needs more than 1048576 bytes"]),
               "--memory-limit")
    tap.report(Survey(vmpt, dump, "--memory-limit", "0").problem(1, {name: "gaps"}), "no memory limit")


def check_resume(tap, vmpt, dump, folder):
    files, out = folder / "many", folder / "many/survey.jsonl"
    files.mkdir()
    names = [f"dump{number}" for number in range(6)]
    for number, name in enumerate(names):
        vary(dump, files / name, number)
    all_ = dict.fromkeys(names, "gaps")
    whole = Survey(vmpt, files, out=out)
    tap.report(whole.problem(1, all_), "the output lies among the dumps")
    before = out.read_bytes()
    tap.report(Survey(vmpt, files, out=out).problem(1, all_) or (None if out.read_bytes() == before else "the file changed"),
               "nothing is done twice")
    (files / "dump0").rename(files / "moved")
    tap.report(None if Survey(vmpt, files, out=out).lines == whole.lines else "it is done again", "a dump that was moved is done")
    out.write_bytes(before[:-100])
    again = Survey(vmpt, files, out=out)
    tap.report(None if sorted(r["content_id"] for r in again.records) == sorted(r["content_id"] for r in whole.records)
               else f"{len(again.records)} records", "a line that was cut off is done again")
    out.write_bytes(b"important\n")
    refused = Survey(vmpt, files, "-o", out)
    tap.report(None if refused.status == 2 and out.read_bytes() == b"important\n" else f"{refused.status} {refused.said}",
               "another file is not touched")
    out.unlink()
    for name in ("SIGTERM", "SIGINT", "SIGKILL"):
        check_signal(tap, vmpt, files, folder / f"{name}.jsonl", name, all_)
    with open(folder / "lock.jsonl", "wb") as file:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX)
        busy = Survey(vmpt, files, "-o", file.name)
        tap.report(busy.problem(2, {}, ["another survey is writing"]), "one survey at a time")


def check_signal(tap, vmpt, files, out, name, expected):
    process = subprocess.Popen([vmpt, "survey", files, "-o", out, "--jobs", "1"], stderr=subprocess.PIPE)
    for _ in range(3000):
        if out.exists() and out.read_bytes().count(b"\n"):
            break
        time.sleep(0.01)
    process.send_signal(signal.Signals[name])
    said = process.communicate(timeout=60)[1].decode()
    lines = out.read_bytes().decode().split("\n")
    problem = None
    if name != "SIGKILL" and (process.returncode != 1 or lines[-1] or
                              (len(lines) <= len(expected) and "interrupted: " not in said)):
        problem = f"exit status {process.returncode}, {len(lines)} lines: {said}"
    again = Survey(vmpt, files, out=out)
    got = sorted(record["status"] for record in again.records)
    if again.status != 1 or got != sorted(expected.values()):
        problem = f"resumed: {again.status}, {got}: {again.said}"
    tap.report(problem, f"{name}: goes on where it ended")


def check_full_disk(tap, vmpt, dump, folder):
    out = folder / "full.jsonl"
    first = Survey(vmpt, dump, out=out)
    limit = out.stat().st_size + 100

    def limit_size():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    other = vary(dump, folder / "full-other", 77)
    full = Survey(vmpt, other, "-o", out, preexec_fn=limit_size)
    tap.report(full.problem(2, {}, ["cannot be written: File too large"]) or
               (None if out.read_text().splitlines() == first.lines else "the file changed"), "a full disk leaves whole records")
    tap.report(Survey(vmpt, other, out=out).problem(1, {Path(dump).name: "gaps", "full-other": "gaps"}), "and it goes on")
    for name, words in (("-o", ["-o", "/dev/full"]), ("--sqlite", ["--sqlite", "/dev/full"])):
        tap.report(Survey(vmpt, dump, *words).problem(2, {}), f"{name} /dev/full")
    with open("/dev/full", "wb") as device:
        result = run(vmpt, "survey", dump, other, "--jobs", 1, stdout=device)
    tap.report(None if result.returncode == 2 and b"cannot write the output" in result.stderr else repr(result), "standard output is full")


def count_rows(path, table):
    with sqlite3.connect(path) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def check_tables(tap, vmpt, source, dump, folder):
    if b"SQLite" not in run(vmpt, "--version").stdout:
        tap.report(Survey(vmpt, dump, "--sqlite", folder / "x.db").problem(2, {}, ["built without SQLite"]), "--sqlite is named")
        return
    out, path = folder / "tables.jsonl", folder / "tables.db"
    other, none = vary(dump, folder / "tables-other", 5), folder / "tables-none"
    none.write_text("none")
    survey = Survey(vmpt, dump, other, none, "--sqlite", path, out=out)
    database = sqlite3.connect(path)
    rows = sorted(row[0] for row in database.execute("SELECT record FROM dumps"))
    tap.report(None if rows == sorted(survey.lines) else f"{len(rows)} rows", "--sqlite has the same records")
    listed = sum(len(record["findings"]) for record in survey.records)
    judged = sum(len(record["audit"]["rules_not_judged"]) for record in survey.records if record["audit"])
    found = sum(len(record["audit"]["audit"]) for record in survey.records if record["audit"])
    counts = [count_rows(path, table) for table in ("findings", "rules_not_judged", "audit_findings")]
    tap.report(None if counts == [listed, judged, found] else f"{counts}, not {[listed, judged, found]}", "--sqlite has their parts")
    database.close()
    path.unlink()
    again = Survey(vmpt, dump, other, none, "--sqlite", path, out=out)
    tap.report(None if again.lines == survey.lines and count_rows(path, "dumps") == 3 else "other rows", "a file's records become tables")
    alone = Survey(vmpt, dump, other, none, "--sqlite", path)
    tap.report(alone.problem(1, {}, ["1 dump failed before"]), "tables alone say what is done")
    text = folder / "text.db"
    text.write_text("important\n" * 100)
    refused = Survey(vmpt, dump, "--sqlite", text)
    tap.report(refused.problem(2, {}, ["text.db"]) or (None if text.read_text() == "important\n" * 100 else "it is lost"),
               "no other file becomes a database")
    check_questions(tap, source, path)


def check_questions(tap, source, path):
    """The SQL of docs/fleet.md is what SQLite takes."""
    questions = re.findall(r"```sql\n(.*?)```", (source / "docs/fleet.md").read_text(), re.S)
    database = sqlite3.connect(path)
    for question in questions:
        try:
            for statement in filter(str.strip, question.split(";")):
                database.execute(statement).fetchall()
            problem = None
        except sqlite3.Error as error:
            problem = f"{error}: {question}"
        tap.report(problem, f"a question of docs/fleet.md: {question.splitlines()[0]}")
    tap.report(None if len(questions) > 3 else "there are none", "docs/fleet.md has questions")


def check_alarm(tap, vmpt, dump):
    worst = Survey(vmpt, dump).records[0]["audit"]["severity"]
    name = {Path(dump).name: "gaps"}
    if worst is None:
        tap.skip("--fail-on", "the dump has no findings")
    else:
        tap.report(Survey(vmpt, dump, "--fail-on", worst).problem(3, name, [f"1 dump with findings that are {worst}"]), "--fail-on")


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    tap = Tap()
    schema = None
    if Draft202012Validator:
        schema = Draft202012Validator(json.loads((source / "docs/schema/survey.json").read_text()))
    with tempfile.TemporaryDirectory(prefix="vmpt-survey-") as name:
        folder = Path(name)
        chosen = None
        for kind in ("kernels", "tasks"):
            for case in find_cases(source / "testdata" / kind):
                for _, dump in find_dumps(case, folder):
                    check_record(tap, vmpt, Path(dump), schema, f"{kind}/{case.name}")
                    if case.name == "x86_64-6.1-lab-4level-pti":
                        chosen = folder / "chosen.elf"
                        shutil.copy(dump, chosen)
        check_broken(tap, vmpt, chosen, folder)
        check_words(tap, vmpt, chosen, folder)
        check_own_output(tap, vmpt, folder)
        check_limits(tap, vmpt, chosen, folder)
        check_resume(tap, vmpt, chosen, folder)
        check_full_disk(tap, vmpt, chosen, folder)
        check_tables(tap, vmpt, source, chosen, folder)
        check_alarm(tap, vmpt, chosen)
    tap.end()


main()
