"""Made-up students for the scripts that make the models in this directory, and the writer of their files.

Each script trains a small model on them and writes to its own folder: model.onnx and model.json for import,
samples.csv, and expected.json with the probabilities from the framework itself.
"""

import json
import pathlib

import numpy

INDICATORS = [
    r"\core\analytics\indicator\any_write_action_in_course",
    r"\core\analytics\indicator\read_actions",
    r"\core\analytics\indicator\read_actions/mean",
    r"\core_course\analytics\indicator\completion_enabled",
    r"\core_course\analytics\indicator\no_teacher",
    r"\core_user\analytics\indicator\user_profile_set",
    r"\mod_assign\analytics\indicator\cognitive_depth",
    r"\mod_assign\analytics\indicator\social_breadth",
    r"\mod_forum\analytics\indicator\cognitive_depth",
    r"\mod_quiz\analytics\indicator\cognitive_depth",
]


def students(classes, count=800, seed=1):
    """Indicators, NaN where a value is missing, and classes from 0."""
    random = numpy.random.default_rng(seed)
    values = random.uniform(-1, 1, (count, len(INDICATORS))).round(2).astype(numpy.float32)
    flags = [0, 3, 4, 5]
    values[:, flags] = numpy.sign(values[:, flags]) + (values[:, flags] == 0)
    margin = values[:, 1] + 0.6 * values[:, 0] + values[:, 6] * (values[:, 3] > 0) + 0.4 * random.normal(size=count)
    gaps = random.random((count, len(INDICATORS))) < 0.25
    gaps[:, flags] = False
    values[gaps] = numpy.nan
    bounds = numpy.quantile(margin, [share / classes for share in range(1, classes)])
    return values, numpy.digitize(margin, bounds)


def write(script, onnx, samples, probabilities, **description):
    """Writes the four files beside `script`: `onnx` is the file's bytes."""
    folder = pathlib.Path(script).resolve().parent
    classes = list(range(probabilities.shape[1]))
    description = {"features": INDICATORS, "classes": classes, **description}
    (folder / "model.onnx").write_bytes(onnx)
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    lines = [
        "nfeatures,targetclasses,targettype",
        f'{len(INDICATORS)},"{json.dumps(classes)}",discrete',
        ",".join(["sampleid", *(f'"{name}"' for name in INDICATORS)]),
    ]
    ids = [f"{1000 + at}-0" for at in range(len(samples))]
    for id, row in zip(ids, samples):
        lines.append(",".join([id, *("" if numpy.isnan(cell) else f"{cell:.2f}" for cell in row)]))
    (folder / "samples.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    answers = {id: [float(share) for share in row] for id, row in zip(ids, probabilities)}
    lines = [f"  {json.dumps(id)}: {json.dumps(row)}" for id, row in answers.items()]
    (folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
