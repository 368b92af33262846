"""Reads and writes Moodle's datasets: two header lines, column names, one line per sample."""

import csv
import gzip
import json
from dataclasses import dataclass

import numpy as np


@dataclass
class Dataset:
    """Samples; an empty cell is NaN, `targets` are indices into `classes`, `ids` are Moodle's sample ids."""

    names: list
    classes: list
    features: np.ndarray
    targets: np.ndarray | None
    ids: list | None


def read(path):
    """Reads a dataset, also gzipped (.gz); one whose first column is sampleid has no targets."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, escapechar=None)
        keys, values, names = next(lines), next(lines), next(lines)
        rows = [line for line in lines if line]
    classes = json.loads(dict(zip(keys, values))["targetclasses"])
    ids = None
    if names[0] == "sampleid":
        ids = [row[0] for row in rows]
        names, rows = names[1:], [row[1:] for row in rows]
    # In single precision, as in the server.
    cells = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows], dtype=np.float32)
    if ids is not None:
        return Dataset(names, classes, cells.astype(np.float64), None, ids)
    place = {float(label): index for index, label in enumerate(classes)}
    targets = np.array([place[float(row[-1])] for row in rows])
    return Dataset(names[:-1], classes, cells[:, :-1].astype(np.float64), targets, None)


def write(path, features, targets, classes):
    """Writes a labelled dataset whose targets are indices."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        count = features.shape[1]
        lines.writerow(["nfeatures", "targetclasses"])
        lines.writerow([count, json.dumps(list(range(classes)))])
        lines.writerow([f"feature-{number}" for number in range(count)] + ["target"])
        for row, target in zip(features, targets):
            lines.writerow([repr(float(cell)) for cell in row] + [int(target)])
