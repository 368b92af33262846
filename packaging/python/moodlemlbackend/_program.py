"""Finds the program of this wheel, and becomes it."""

import os
import sys
import sysconfig

NAME = "moodle-mlbackend"


def candidates():
    """Where pip puts programs: of this environment, of ``pip install --user``, of ``pip install --target``."""
    package = os.path.dirname(os.path.abspath(__file__))
    yield sysconfig.get_path("scripts")
    yield os.path.join(os.path.dirname(package), "bin")
    for scheme in ("posix_user", "posix_local", "posix_prefix"):
        if scheme in sysconfig.get_scheme_names():
            yield sysconfig.get_path("scripts", scheme)
    # .../lib/python3.x/site-packages/moodlemlbackend -> .../bin
    yield os.path.join(package, *[os.pardir] * 4, "bin")


def find():
    """The path of the program, or None. The search path of the shell is not used: it may have an older one."""
    for directory in candidates():
        path = os.path.join(directory, NAME)
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    return None


def run(module):
    """Replaces this process by the program, so that output, signals and the exit code are the program's own."""
    path = find()
    if path is None:
        sys.exit("The program %s of this Python package is missing: install the package again." % NAME)
    os.execv(path, [path, "-m", "moodlemlbackend." + module] + sys.argv[1:])
