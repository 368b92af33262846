"""Computes the metrics of predictions with scikit-learn.

    python sklearn_metrics.py PREDICTIONS.json

PREDICTIONS.json has "probabilities" (a list for each sample, with the probability of each class) and "targets" (labels as text).
Prints {"<metric>": value} as JSON, under the names of report.json. Needs scikit-learn.
"""

import json
import sys

import numpy
from sklearn import metrics


def calibration_error(probabilities, targets):
    """As docs/report.md defines it: ten parts of about equally many samples, equal probabilities in the part of their middle."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    chosen = numpy.ones_like(predicted) if classes == 2 else predicted
    values = probabilities[numpy.arange(len(targets)), chosen]
    hits = chosen == targets
    error, before = {}, 0
    for value in numpy.unique(values):
        equal = values == value
        part = min(int((before + equal.sum() / 2) / len(values) * 10), 9)
        error[part] = error.get(part, 0.0) + (values[equal].sum() - hits[equal].sum())
        before += equal.sum()
    return sum(abs(part) for part in error.values()) / len(values)


def main(predictions):
    with open(predictions, encoding="utf-8") as file:
        data = json.load(file)
    targets = numpy.array([int(target) for target in data["targets"]])
    probabilities = numpy.array(data["probabilities"])
    # Single precision: the sums differ from 1 by a ten-millionth.
    exact = probabilities / probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    average = {"average": "weighted", "zero_division": 0}
    truth = numpy.eye(probabilities.shape[1])[targets]
    found = {
        "accuracy": metrics.accuracy_score(targets, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, predicted),
        "precision": metrics.precision_score(targets, predicted, **average),
        "recall": metrics.recall_score(targets, predicted, **average),
        "f1": metrics.f1_score(targets, predicted, **average),
        "mcc": metrics.matthews_corrcoef(targets, predicted),
        "log_loss": metrics.log_loss(targets, exact),
        "brier": ((probabilities - truth) ** 2).sum(axis=1).mean() / 2,
        "calibration_error": calibration_error(probabilities, targets),
    }
    if probabilities.shape[1] == 2:
        found["brier"] = metrics.brier_score_loss(targets, probabilities[:, 1])
        found["auc"] = metrics.roc_auc_score(targets, probabilities[:, 1])
        found["average_precision"] = metrics.average_precision_score(targets, probabilities[:, 1])
    print(json.dumps({name: float(value) for name, value in found.items()}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python sklearn_metrics.py PREDICTIONS.json")
    main(sys.argv[1])
