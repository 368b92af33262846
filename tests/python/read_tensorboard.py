"""Reads the TensorBoard event files below a directory with TensorBoard's own reader.

    python read_tensorboard.py DIR

Needs `tensorboard==2.21.0`.
Prints {"<folder relative to DIR>": {"<tag>": [[step, value], ...]}} as JSON, and under "curves" of the folder what its last
step has: "histograms" ({"<tag>": number of samples}), "images" ({"<tag>": [width, height]}) and "pr_curves" ({"<tag>": [precision
at each threshold, recall at each]}), the latter as TensorBoard's plugin reads them. Exits
with 1 and a message on stderr when there is nothing to read or a record is damaged.
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.util import tensor_util


def scalars(folder):
    """Every scalar of one run's folder, by tag."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    return {tag: [[event.step, event.value] for event in accumulator.Scalars(tag)] for tag in tags}


def curves(folder):
    """The histograms, images and precision-recall curves of one run's folder."""
    accumulator = EventAccumulator(str(folder), size_guidance={"histograms": 0, "images": 0, "tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    read = {}
    for tag in tags["tensors"]:
        plugin = accumulator.SummaryMetadata(tag).plugin_data
        if plugin.plugin_name != pr_curve_metadata.PLUGIN_NAME:
            continue
        version = pr_curve_metadata.parse_plugin_metadata(plugin.content)
        values = tensor_util.make_ndarray(accumulator.Tensors(tag)[-1].tensor_proto)
        assert values.shape == (6, version.num_thresholds), values.shape
        read[tag] = [values[4].tolist(), values[5].tolist()]
    return {
        "histograms": {tag: accumulator.Histograms(tag)[-1].histogram_value.num for tag in tags["histograms"]},
        "images": {
            tag: [accumulator.Images(tag)[-1].width, accumulator.Images(tag)[-1].height] for tag in tags["images"]
        },
        "pr_curves": read,
    }


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
    for folder in runs:
        runs[folder]["curves"] = curves(root / folder)
    print(json.dumps(runs, indent=2))
    return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python read_tensorboard.py DIR")
    sys.exit(main(sys.argv[1]))
