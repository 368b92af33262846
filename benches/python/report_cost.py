"""Measures what the page report.html, its pictures and its figures take of an evaluation of ten iterations.

    cargo build --release && cp target/release/moodle-mlbackend /tmp/with
    # Now remove what exists for the page alone, in the places that benches/README.md lists.
    cargo build --release && cp target/release/moodle-mlbackend /tmp/without
    python3 benches/python/report_cost.py /tmp/without /tmp/with DATASET.csv [ROUNDS]
    python3 benches/python/report_cost.py /tmp/without /tmp/with DATASET.csv instructions

Both programs evaluate the dataset in turn on one core, so that the load of the machine affects both; the scores must agree. Prints
the processor time of both and the median of the ratios, or the instructions that Valgrind counts, which do not depend on the
load, but take fifty times as long. Needs Python 3.8, taskset and, for instructions, valgrind.
"""

import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

NAMES = ["without", "with"]


def evaluate(tool, program, csv, directory):
    """The processor seconds of the children, and the score."""
    output = directory / "run"
    command = ["taskset", "-c", "0", *tool, program, "evaluate", csv, "--iterations", "10", "--output", str(output)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 3 is a result that is not good enough.
    assert done.returncode in (0, 3), done.stderr
    with open(output / "report.json", encoding="utf-8") as report:
        score = json.load(report)["evaluation"]["mean"]["f1"]
    subprocess.run(["rm", "-r", str(output)], check=True)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, score


def instructions(program, csv, directory):
    counts = directory / "counts"
    counts.mkdir()
    # The program starts itself again with settings of malloc.
    tool = ["valgrind", "--quiet", "--trace-children=yes", "--tool=callgrind", f"--callgrind-out-file={counts}/%p"]
    evaluate(tool, program, csv, directory)
    lines = [line for file in counts.iterdir() for line in file.read_text().splitlines()]
    subprocess.run(["rm", "-r", str(counts)], check=True)
    return sum(int(line.split()[1]) for line in lines if line.startswith("totals:"))


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    programs, csv = dict(zip(NAMES, sys.argv[1:])), sys.argv[3]
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        if sys.argv[4:] == ["instructions"]:
            counts = {name: instructions(programs[name], csv, directory) for name in NAMES}
            added = counts["with"] - counts["without"]
            share = 100 * added / counts["without"]
            print(f"instructions: {counts['without']:,} without, {added:,} more with, {share:.1f} %")
            return
        ratios, seconds = [], {name: [] for name in NAMES}
        for number in range(int(sys.argv[4]) if len(sys.argv) > 4 else 10):
            scores = set()
            for name in NAMES if number % 2 == 0 else NAMES[::-1]:
                took, score = evaluate([], programs[name], csv, directory)
                seconds[name].append(took)
                scores.add(score)
            assert len(scores) == 1, scores
            ratios.append(seconds["with"][-1] / seconds["without"][-1])
        for name in NAMES:
            print(f"{name}: {statistics.median(seconds[name]):.3f} s, at least {min(seconds[name]):.3f} s")
        print(f"median of the ratios: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
