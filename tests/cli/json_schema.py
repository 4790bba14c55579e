#!/usr/bin/env python3
"""--format json and jsonl of every command, against docs/schema and the text.

For each bundled dump and each command that prints data: the document and each
line are what the command's schema says, both hold the same records, and they
say what the text says, with the same exit status.

Usage: json_schema.py VMPT SOURCE_ROOT [WORD...]     (prints TAP; WORDs choose dumps)
"""
import json
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cases import find_cases, find_dumps
from tap import Tap, run

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

# The name of a list in a document, and the "record" of its lines.
KINDS = {
    "tasks": "task", "maps": "area", "ranges": "range", "skipped": "skipped", "blocks": "block",
    "cpus": "cpu", "kernel": "kernel_fact", "kernels": "found_kernel", "sections": "section", "symbols": "symbol_fact",
    "vmcoreinfo": "entry", "addresses": "address", "findings": "finding", "memory": "bytes",
    "records": "log_record", "modules": "module", "pages": "page", "totals": "total", "areas": "vmalloc_area",
    "mappings": "mapping", "entries": "table_entry", "names": "symbol", "roots": "root",
    "audit": "audit_finding", "rules_not_judged": "rule_not_judged",
}
COMMANDS = [["kernel"], ["kernel", "--max-lines", "3"], ["kernel", "--phys"], ["kernel", "--only", "kernel,x", "--names"],
            ["kernel", "--range", "0xffffffff80000000-0", "--phys"], ["info"], ["info", "--verify"], ["vmcoreinfo"]]
TASK_COMMANDS = [["info", "--sources"], ["tasks"], ["tasks", "--threads"], ["task", "--pid", "1"], ["task", "--all"],
                 ["task", "--pid", "1", "--user-only"], ["task", "--all", "--only", "user,w", "--phys", "--names"], ["maps", "--pid", "1"], ["maps", "--pid", "2"],
                 ["maps", "--all", "--pages"], ["efi"], ["roots"], ["explain"], ["audit"], ["audit", "--rule", "rwx-mapping", "--fail-on", "info"], ["log"], ["modules"], ["vmalloc"],
                 ["translate", "swapper_pg_dir", "0", "0x123456789abcdef0"],
                 ["translate", "--brief", "swapper_pg_dir+0x10", "0x400000"],
                 ["translate", "--pid", "1", "0x400000", "0", "0xffffffffffffffff"],
                 ["rmap", "0-0x100000000", "--max-lines", "2000"], ["rmap", "--duplicates", "--max-lines", "1000"],
                 ["tree", "--levels", "2"], ["symbols", "swapper_pg_dir", "swapper_pg_dir+0x8", "nobody"], ["read", "--virtual", "swapper_pg_dir", "64"],
                 ["pages"], ["pages", "--list", "--raw"], ["pages", "--pid", "1", "--list-each", "--count"],
                 ["pages", "--pid", "1", "--pagemap", "--count"],
                 ["page", "1", "pfn:0x1000", "phys:0xfffffffff000"],
                 ["read", "--virtual", "swapper_pg_dir", "0x4000", "--zero-fill"], ["tree", "--pid", "1", "--max-lines", "3000"]]


def lines_of(scope, command, context):
    """The lines that jsonl has for a document, or for a group of it."""
    context = {**context, **{key: scope[key] for key in ("pid", "comm") if key in scope}}
    rest = {key: value for key, value in scope.items()
            if key not in ("schema", "command", "processes", *context) and value != []}
    count = 0
    for key in list(rest):
        if key in KINDS and isinstance(rest[key], list):
            for record in rest.pop(key):
                about = {} if key == "findings" else context
                yield {"schema": 1, "record": KINDS[key], **about, **record}
                count += 1
    for process in scope.get("processes", []):
        yield from lines_of(process, "process", {})
    if rest or (command == "process" and not count):
        yield {"schema": 1, "record": command, **context, **rest}


def canonical(records):
    return Counter(json.dumps(record, sort_keys=True) for record in records)


def listing_problem(text, ranges):
    """A record for each line of a listing, with its words and what they mean."""
    lines = [line for line in text.splitlines() if line.startswith("0x")]
    if len(lines) != len(ranges):
        return f"{len(ranges)} ranges, but {len(lines)} lines of text"
    for line, record in zip(lines, ranges):
        span, *words = re.split("  (?:symbol|module|vmalloc|area) ", line)[0].split()
        first, end = (int(word, 16) for word in span.split("-"))
        mask = 0xFFFFFFFF if len(span) == 21 else 0xFFFFFFFFFFFFFFFF
        is_power = end & 0xFFF == 0xFFF  # whose lines name the last byte, and no level
        end += is_power
        if int(record["first"], 16) != first or (int(record["last"], 16) + 1) & mask != end:
            return f"{line!r} is {record}"
        if "absent_table" in record:
            if record["absent_table"] not in words:
                return f"{line!r} is {record}"
            continue
        if "physical" in record:
            column = words.pop(0)
            if column.endswith("*") != record.get("repeats", False):
                return f"{line!r} is {record}"
            if (None if column == "-" else int(column.rstrip("*"), 16)) != \
                    (record["physical"] and int(record["physical"], 16)):
                return f"{line!r} is {record}"
        words = [word for word in words[1:] if word.strip(".")]
        if not is_power:
            words.remove(next(word for word in words if word.lower() == record["level"]))
        if words != record["attributes"] or not means(record, set(words)):
            return f"{line!r} is {record}"
    return None


def means(record, words):
    """Do the words of the columns say what the truths do?"""
    if "present" not in record:  # arm
        return (record["writable"], record["executable"], record["user"]) == (
            "RW" in words, "x" in words, "USR" in words)
    if words & {"SUC", "CC", "WUC"}:  # loongarch64; an entry that is not valid grants nothing
        valid = "V" in words
        expected = {"present": "P" in words, "writable": valid and "RW" in words, "executable": valid and "x" in words,
                    "dirty": valid and "D" in words, "accessed": valid}
    elif "pte" in words:  # ppc64le
        expected = {"present": bool({"valid", "present"} & words), "writable": "w" in words, "executable": "X" in words,
                    "user": "user" in words, "dirty": "dirty" in words, "accessed": "accessed" in words}
    elif "user" not in record:  # s390x
        expected = {"present": "I" not in words, "writable": "RW" in words, "executable": "X" in words}
    elif record["level"] and "V" in words or "D" in words and "x" not in words and "NX" not in words:  # riscv64
        expected = {"present": "V" in words, "writable": "W" in words, "executable": "X" in words,
                    "user": "U" in words, "global": "G" in words, "accessed": "A" in words, "dirty": "D" in words}
    elif "dirty" in record:  # x86
        expected = {"present": bool(words), "writable": "RW" in words, "executable": "x" in words,
                    "user": "USR" in words, "global": "GLB" in words}
    else:  # arm64
        expected = {"present": bool(words) and "F" not in words, "writable": "RW" in words, "user": "USR" in words,
                    "global": bool(words) and "NG" not in words, "accessed": "AF" in words,
                    "executable": "UXN" not in words and bool(words) if "USR" in words else "x" in words}
    return all(record[key] == (value and expected["present"]) for key, value in expected.items())


def text_problem(command, text, document):
    scopes = document.get("processes", [document])
    if "ranges" in scopes[0] and command[0] in ("kernel", "task", "efi"):
        return listing_problem(text, [record for scope in scopes for record in scope["ranges"]])
    if command[0] == "tasks":
        pids = [int(line.split()[0]) for line in text.splitlines()[1:]]
        if pids != [task["pid"] for task in document["tasks"]]:
            return "the text has other tasks"
    if command[0] == "maps" and "--pages" not in command:
        lines = [line for line in text.splitlines() if not line.startswith("===")]
        if len(lines) != sum(len(scope["maps"]) for scope in scopes):
            return "the text has another number of areas"
    if command[0] == "vmcoreinfo":
        lines = [entry["key"] + ("" if entry["value"] is None else "=" + entry["value"])
                 for entry in document["vmcoreinfo"]]
        if lines != [line for line in text.splitlines() if line]:
            return "the text has other lines"
    if command[0] == "read":
        dumped = "".join(line.split(": ", 1)[1].split("  ")[0].replace(" ", "") for line in text.splitlines())
        if dumped != "".join(record["hex"] for record in document["memory"]):
            return "the text has other bytes"
    return None


# What schemas ask of strings and numbers is alike for all of these.
ADDRESS = re.compile("0x(0|[1-9a-f][0-9a-f]{0,15})")


def shape_of(value):
    """The same for values that a schema does not tell apart: of addresses and large numbers, which one it is."""
    if isinstance(value, dict):
        return tuple((key, shape_of(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return ("list", *dict.fromkeys(shape_of(item) for item in value))
    if isinstance(value, str):
        return "an address" if ADDRESS.fullmatch(value) else ("text", value)
    if type(value) is int and 64 <= value < 1 << 64:
        return "a number"
    return type(value).__name__, value


def distinct(items):
    """The first of each shape."""
    return list({shape_of(item): item for item in reversed(items)}.values())[::-1]


def without_repeats(value):
    """Lists of records have one of each shape: to look at all of them says no more, and takes minutes."""
    if isinstance(value, dict):
        return {key: without_repeats(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [without_repeats(item) for item in distinct(value)]
    return value


def first_error(validator, instance):
    error = next(validator.iter_errors(instance), None)
    return error and f"{error.json_path}: {error.message[:300]}"


def command_problem(vmpt, dump, command, schemas):
    results = [run(vmpt, command[0], dump, *command[1:], "--format", word) for word in ("text", "json", "jsonl")]
    text, whole, lines = (result.stdout.decode(errors="replace") for result in results)
    if len({result.returncode for result in results}) != 1 or len({result.stderr for result in results}) != 1:
        return f"exit status or standard error differ: {results}"
    if results[0].returncode == 2:
        return "output in spite of status 2" if whole or lines else None
    document, records = json.loads(whole), [json.loads(line) for line in lines.splitlines()]
    validator, line_validator = schemas[command[0]]
    if error := first_error(validator, without_repeats(document)):
        return error
    for record in distinct(records):
        if error := first_error(line_validator, record):
            return f"{error} in {record}"
    expected, actual = canonical(lines_of(document, command[0], {})), canonical(records)
    if expected != actual:
        return f"only in the document: {expected - actual}\nonly in lines: {actual - expected}"[:2000]
    gaps = [finding for finding in document["findings"] if finding["severity"] == "gap"]
    if bool(gaps) != (results[0].returncode == 1):
        return f"exit status {results[0].returncode} with {len(gaps)} gaps"
    return text_problem(command, text, document)


def read_schemas(tap, folder):
    """{command: (validator of documents, validator of lines)}."""
    schemas, shared = {}, {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        line = {"$schema": schema["$schema"], "$ref": "#/$defs/line", "$defs": schema["$defs"]}
        schemas[path.stem] = Draft202012Validator(schema), Draft202012Validator(line)
        for name, definition in schema["$defs"].items():
            if name not in ("line", "process"):
                first = shared.setdefault(name, definition)
                tap.report(None if first == definition else "it differs from another schema's",
                           f"schema of {path.stem}: {name}")
    return schemas


def pages_of(vmpt, dump):
    """The first stretch of memory that the dump has, and one that it lacks."""
    info = json.loads(run(vmpt, "info", dump, "--format", "json").stdout)
    block = next(block for block in info["blocks"] if block["present_bytes"])
    return [["read", "--physical", block["first"], "100"], ["read", "--physical", "0xfffffffff000", "16"]]


def main():
    vmpt, source = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    tap = Tap()
    if Draft202012Validator is None:
        tap.skip("schemas", "python3-jsonschema is not installed")
        return tap.end()
    schemas = read_schemas(tap, source / "docs/schema")
    with tempfile.TemporaryDirectory(prefix="vmpt-json-") as folder:
        for kind, commands in (("kernels", COMMANDS), ("tasks", COMMANDS + TASK_COMMANDS)):
            for case in find_cases(source / "testdata" / kind):
                if sys.argv[3:] and not any(word in case.name for word in sys.argv[3:]):
                    continue
                for _, dump in find_dumps(case, Path(folder)):
                    for command in commands + pages_of(vmpt, dump):
                        tap.report(command_problem(vmpt, dump, command, schemas),
                                   f"{kind}/{case.name}: {' '.join(command)}")
    tap.end()


main()
