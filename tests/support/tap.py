"""What the Python tests share: results as TAP, and texts compared."""
import os
import subprocess
import sys


class Tap:
    """Prints each result as it comes, the plan at the end."""

    def __init__(self):
        self.count = 0

    def report(self, problem, name):
        """`problem` is None if all is well, else text that says what is not."""
        self.count += 1
        print(f"{'not ok' if problem else 'ok'} {self.count} - {name}")
        for line in (problem or "").splitlines():
            print(f"# {line}")
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")

    def end(self):
        print(f"1..{self.count}")


def run(vmpt, *arguments, **settings):
    """The finished process, output as bytes. A hang ends the test."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                "timeout": 300, **settings}
    return subprocess.run([vmpt, *map(str, arguments)], **settings)


def first_difference(expected, actual):
    """None, or the first line where two texts part, both shown."""
    if expected == actual:
        return None
    wanted, got = expected.splitlines(True), actual.splitlines(True)
    number = next((i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1]),
                  min(len(wanted), len(got)))

    def show(lines):
        return repr(lines[number]) if number < len(lines) else "(the text ends)"

    return (f"line {number + 1} of {len(wanted)} expected, {len(got)} printed\n"
            f"expected {show(wanted)}\nprinted  {show(got)}")


def sound_messages(stderr):
    """None if each line is a message of vmpt's."""
    for line in stderr.decode(errors="backslashreplace").splitlines():
        if not line.startswith(("vmpt: error: ", "vmpt: warning: ")):
            return f"standard error has the line {line!r}"
    return None


def is_root():
    return os.geteuid() == 0
