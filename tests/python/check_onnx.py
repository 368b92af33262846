"""Runs a model of this backend with onnxruntime and compares its probabilities with the expected ones.

    python check_onnx.py MODEL.onnx SAMPLES.csv EXPECTED.json [TOLERANCE]

SAMPLES.csv is a prediction dataset as Moodle sends it; EXPECTED.json maps each sample id to the
probability of each class. Needs the packages in requirements.txt. Prints {"samples": n,
"largest_difference": d} as JSON; exits with 1 and a message on stderr when a probability differs by
more than TOLERANCE (1e-5), or the model lacks its metadata.
"""

import csv
import json
import sys

import numpy
import onnxruntime

KEY = "moodle_mlbackend"


def read_samples(path, features):
    """Sample ids, and their raw values in the order of `features`: NaN where a cell is empty."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    names, samples = rows[2], rows[3:]
    if names[0] != "sampleid":
        raise ValueError("the first column is not sampleid")
    if sorted(names[1:]) != sorted(features):
        raise ValueError("the samples' features are not the model's")
    order = [names.index(feature) for feature in features]
    cells = [[float(row[at]) if row[at].strip() else numpy.nan for at in order] for row in samples]
    return [row[0] for row in samples], numpy.array(cells, dtype=numpy.float32).reshape(len(samples), len(features))


def predict(session, values):
    """The probabilities and labels of samples."""
    return session.run(["probabilities", "label"], {"features": values})


def check(model, samples, expected, tolerance):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    metadata = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    ids, values = read_samples(samples, metadata["features"])
    with open(expected, encoding="utf-8") as file:
        expected = json.load(file)
    if sorted(ids) != sorted(expected):
        raise ValueError("the samples are not those of EXPECTED.json")

    probabilities, labels = predict(session, values)
    wanted = numpy.array([expected[id] for id in ids])
    if probabilities.shape != wanted.shape:
        raise ValueError(f"probabilities of shape {probabilities.shape} where {wanted.shape} is expected")
    worst = float(numpy.abs(probabilities - wanted).max())
    if not worst <= tolerance:  # also when it is NaN
        at = int(numpy.abs(probabilities - wanted).max(axis=1).argmax())
        raise ValueError(f"sample {ids[at]}: {probabilities[at]} where {wanted[at]} is expected")
    if numpy.abs(probabilities.sum(axis=1) - 1).max() > 1e-5:
        raise ValueError("the probabilities of a sample do not sum to 1")
    classes = numpy.array(metadata["classes"])
    if not (labels == classes[probabilities.argmax(axis=1)]).all():
        raise ValueError("a label is not the most probable class")

    alone, _ = predict(session, values[:1])
    if numpy.abs(alone[0] - probabilities[0]).max() > tolerance:
        raise ValueError("a sample alone has other probabilities than in a batch")
    return {"samples": len(ids), "largest_difference": worst}


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: python check_onnx.py MODEL.onnx SAMPLES.csv EXPECTED.json [TOLERANCE]")
    try:
        print(json.dumps(check(*sys.argv[1:4], float(sys.argv[4]) if len(sys.argv) == 5 else 1e-5)))
    except (ValueError, KeyError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
