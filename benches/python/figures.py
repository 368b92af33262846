"""What probabilities are worth: the same definitions as in `examples/quality`."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

BINS = 10


def rated(probabilities, targets):
    """The figures of one split; `probabilities` is samples × classes."""
    predicted = probabilities.argmax(axis=1)
    truth = np.eye(probabilities.shape[1])[targets]
    given = np.maximum(probabilities[np.arange(len(targets)), targets], 1e-15)
    return {
        "accuracy": float((predicted == targets).mean()),
        "balanced_accuracy": float(balanced_accuracy_score(targets, predicted)),
        "f1": float(f1_score(targets, predicted, average="weighted", zero_division=0)),
        "auc": area(probabilities, targets),
        "log_loss": float(-np.log(given).mean()),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean() / 2),
    }


def area(probabilities, targets):
    """Of two classes the second's area under the ROC curve, of more the mean of each against the rest."""
    classes = probabilities.shape[1]
    curves = [
        roc_auc_score(targets == index, probabilities[:, index])
        for index in ([1] if classes == 2 else range(classes))
        if 0 < (targets == index).sum() < len(targets)
    ]
    return float(np.mean(curves)) if curves else None


def claims(probabilities, targets):
    """Probabilities and whether it was true: of two classes the second, of more the predicted one."""
    of = np.ones(len(targets), dtype=int) if probabilities.shape[1] == 2 else probabilities.argmax(axis=1)
    return probabilities[np.arange(len(targets)), of], of == targets


def expected_calibration_error(probabilities, truths):
    """Ten bins of equal mass; equal probabilities stay together, in the bin of their middle."""
    values, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(truths)
    bins = np.minimum((middle * BINS).astype(int), BINS - 1)[inverse]
    surplus = np.bincount(bins, weights=probabilities - truths, minlength=BINS)
    return float(np.abs(surplus).sum() / len(truths))
