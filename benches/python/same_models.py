"""Trains the same datasets with two binaries and compares the models that they write.

    python3 benches/python/same_models.py OLD_BINARY NEW_BINARY [DATASET.csv[.gz] ...]

For a change that must not change models: the same samples must give the same bytes. Compared is the
graph of each model.onnx (nodes and weights), without the sentences and the version in its metadata. Datasets are
generated here so that every candidate learner is tried (linear, hinges, random features, trees of every
depth; two classes and more); you can name more. Hashes are not stored, because matrix kernels differ from processor to
processor. Exit code 1 when a model differs. Needs Python 3.8 and nothing else.
"""

import concurrent.futures
import gzip
import hashlib
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile


def generated(name, rows, columns, classes, levels, missing=0.0, constant=0):
    """One dataset in Moodle's format; the seed is its name, so every run makes the same one."""
    draw = random.Random(name)
    weights = [draw.gauss(0, 1) for _ in range(columns)]
    lines = [
        "timesplitting,nfeatures,targetclasses",
        f'"\\core\\time_splitting\\quarters",{columns + constant},"[{",".join(map(str, range(classes)))}]"',
        ",".join([f"f{i}" for i in range(columns + constant)] + ["target"]),
    ]
    for row in range(rows):
        cells = [round(draw.randrange(levels) / (levels - 1) * 2 - 1, 2) for _ in range(columns)]
        score = sum(w * c for w, c in zip(weights, cells)) + 2 * math.cos(3 * cells[0]) * cells[-1]
        score = score / math.sqrt(columns) + draw.gauss(0, 0.5)
        target = row % classes if row < 2 * classes else min(classes - 1, max(0, int((score + 2) / 4 * classes)))
        shown = ["" if draw.random() < missing else repr(cell) for cell in cells] + ["0"] * constant
        lines.append(",".join([*shown, str(target)]))
    return "\n".join(lines) + "\n"


GENERATED = [
    ("few", 30, 4, 2, 21),
    ("small", 200, 8, 2, 201),
    ("small-three-classes", 240, 6, 3, 21),
    ("shallow-trees", 900, 12, 2, 41),
    ("missing", 1_200, 30, 2, 5, 0.5, 20),
    ("trees", 3_000, 20, 2, 21),
    ("four-classes", 2_500, 10, 4, 21),
    ("two-levels", 1_000, 40, 2, 2),
    ("deep-trees", 12_000, 25, 2, 201, 0.1),
]


def graph_of(model):
    """The bytes of `ModelProto.graph` (field 7) of an ONNX file."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = model[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(model):
        key = varint()
        length = varint()
        if key & 7 == 2:
            if key >> 3 == 7:
                return model[at : at + length]
            at += length
    raise ValueError("the file holds no graph")


def trained(binary, dataset, folder):
    """Hash of the graph, and the size of the file; or the output of the binary when there is no model."""
    folder.mkdir()
    command = [binary, "-m", "moodlemlbackend.training", "m", str(folder), str(dataset)]
    done = subprocess.run(command, capture_output=True, text=True)
    models = list(folder.glob("classifier/*/model.onnx"))
    if len(models) != 1:
        return f"no model: {(done.stdout or done.stderr).strip()[-200:]}"
    onnx = models[0].read_bytes()
    return f"{hashlib.sha256(graph_of(onnx)).hexdigest()[:16]} {len(graph_of(onnx))} bytes"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    old, new, *named = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        datasets = []
        for name, *shape in GENERATED:
            path = temporary / f"{name}.csv"
            path.write_text(generated(name, *shape))
            datasets.append((name, path))
        for path in map(pathlib.Path, named):
            name = re.sub(r"\.csv(\.gz)?$", "", path.name)
            if path.suffix == ".gz":
                plain = temporary / f"{name}.csv"
                plain.write_bytes(gzip.decompress(path.read_bytes()))
                path = plain
            datasets.append((name, path))
        differing = 0
        for at, (name, path) in enumerate(datasets):
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                one, two = pool.map(
                    lambda pair: trained(pair[1], path, temporary / f"{at}-{pair[0]}"), [("old", old), ("new", new)]
                )
            same = one == two and not one.startswith("no model")
            differing += not same
            print(f"{'same' if same else 'DIFFERENT':9} {name}: {one}" + ("" if same else f" | {two}"), flush=True)
        print(f"{len(datasets) - differing} of {len(datasets)} models are the same")
        sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
