"""Reads the TensorBoard event files below a directory with TensorBoard's own reader.

    python read_tensorboard.py DIR

Needs `tensorboard==2.21.0`.
Prints {"<folder relative to DIR>": {"<tag>": [[step, value], ...]}} as JSON; exits
with 1 and a message on stderr when there is nothing to read or a record is damaged.
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader


def scalars(folder):
    """Every scalar of one run's folder, by tag."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    return {tag: [[event.step, event.value] for event in accumulator.Scalars(tag)] for tag in tags}


def is_complete(file):
    """Whether the reader reaches the end of the file: it stops silently at a damaged record."""
    framing = 8 + 4 + 4  # length, its checksum, the data's checksum
    read = sum(len(record) + framing for record in RawEventFileLoader(str(file)).Load())
    return read == file.stat().st_size


def main(directory):
    files = sorted(pathlib.Path(directory).rglob("*tfevents*"))
    if not files:
        return f"there are no event files below {directory}"
    for file in files:
        if not is_complete(file):
            return f"{file} has a damaged record"
    root = pathlib.Path(directory)
    runs = {str(folder.relative_to(root)): scalars(folder) for folder in sorted({file.parent for file in files})}
    for folder, tags in runs.items():
        for tag, points in tags.items():
            if not all(math.isfinite(value) for _, value in points):
                return f"{folder} has a value of {tag} that is not finite"
    print(json.dumps(runs, indent=2))
    return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python read_tensorboard.py DIR")
    sys.exit(main(sys.argv[1]))
