#!/usr/bin/env python3
"""Installs the wheel into a fresh environment and runs each module as Moodle's local mode does.

Usage: wheel.py WHEEL [PYTHON]

Checks exit codes and the last line of the output against those of the program itself. Must not know how the
program works.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINING = os.path.join(HERE, "training.csv")
PREDICTION = os.path.join(HERE, "prediction.csv")


def main(wheel, base):
    with tempfile.TemporaryDirectory() as work:
        python = install(wheel, base, os.path.join(work, "environment"))
        # Neither the search path nor the directory of the repository helps to find the program or the package.
        check = Modules(python, os.path.join(work, "models"))
        check.run()
        subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "moodle-mlbackend"], check=True)
        gone = run(python, "version")
        assert gone.returncode != 0, "the package is gone after it was uninstalled"
    print("the wheel works in a fresh environment of", subprocess.getoutput(base + " --version"))


def install(wheel, base, directory):
    """A fresh environment, first with a package of the Python server's name, as sites have it."""
    subprocess.run([base, "-m", "venv", directory], check=True)
    python = os.path.join(directory, "bin", "python3")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(pip + ["uninstall", "--yes", "moodlemlbackend"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(pip + ["install", "--no-index", wheel], check=True)
    return python


def run(python, module, *arguments):
    return subprocess.run(
        [python, "-m", "moodlemlbackend." + module, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        cwd="/", env={"PATH": "/usr/bin:/bin"},
    )


class Modules:
    """Each module, through Python and directly."""

    def __init__(self, python, directory):
        self.python = python
        self.directory = directory
        self.program = os.path.join(os.path.dirname(python), "moodle-mlbackend")

    def run(self):
        model, exported, copy = (os.path.join(self.directory, name) for name in ("model", "exported", "copy"))
        for directory in (model, exported, copy):
            os.makedirs(directory)
        self.expect("version", [], 0, "3.0.5")
        self.expect("export", ["m", model, exported], 1, None)
        self.expect("prediction", ["m", model, PREDICTION], 2, {"status": 2})
        self.expect("training", ["m", model, TRAINING], 0, {"status": 0})
        self.expect("prediction", ["m", model, PREDICTION], 0, {"status": 0})
        evaluation = ["m", os.path.join(self.directory, "evaluated"), TRAINING, "0.6", "0.05", "3"]
        self.expect("evaluation", evaluation, None, {"min_score": 0.6})
        self.expect("export", ["m", model, exported], 0, exported)
        self.expect("import", ["m", copy, exported], 0, "Ok")
        self.expect("prediction", ["m", copy, PREDICTION], 0, {"status": 0})
        self.expect("training", ["m", model], 1, {"status": 1})
        self.expect("training", ["m", model, "/nowhere.csv"], 1, {"status": 1})

    def expect(self, module, arguments, code, last):
        """`last` is the last line, or some keys of its JSON object; without a code, it is the status in it."""
        through_python = run(self.python, module, *arguments)
        shown = "%s %s: %r" % (module, arguments, through_python)
        line = (through_python.stdout.splitlines() or [None])[-1]
        if isinstance(last, dict):
            reply = json.loads(line)
            assert {key: reply[key] for key in last} == last, shown
            code = reply["status"] if code is None else code
        else:
            assert line == last, shown
        assert through_python.returncode == code, shown
        direct = subprocess.run(
            [self.program, "-m", "moodlemlbackend." + module, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        )
        assert direct.returncode == code, "the program itself: %r" % direct
        if module not in ("evaluation", "training"):
            assert direct.stdout == through_python.stdout, "the program itself: %r" % direct


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else sys.executable)
