"""Metrics of predicted probabilities, with the definitions of `examples/quality`."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

BINS = 10


def split_metrics(probabilities, targets):
    """The metrics of one split; `probabilities` is samples × classes."""
    predicted = probabilities.argmax(axis=1)
    truth = np.eye(probabilities.shape[1])[targets]
    of_target = np.maximum(probabilities[np.arange(len(targets)), targets], 1e-15)
    return {
        "accuracy": float((predicted == targets).mean()),
        "balanced_accuracy": float(balanced_accuracy_score(targets, predicted)),
        "f1": float(f1_score(targets, predicted, average="weighted", zero_division=0)),
        "auc": auc(probabilities, targets),
        "log_loss": float(-np.log(of_target).mean()),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean() / 2),
    }


def auc(probabilities, targets):
    """The area under the ROC curve: that of the second of two classes; of more, the mean of each against the rest."""
    classes = probabilities.shape[1]
    areas = [
        roc_auc_score(targets == index, probabilities[:, index])
        for index in ([1] if classes == 2 else range(classes))
        if 0 < (targets == index).sum() < len(targets)
    ]
    return float(np.mean(areas)) if areas else None


def outcomes(probabilities, targets):
    """Probabilities and whether each was correct: of two classes the second, of more the predicted one."""
    predicted = np.ones(len(targets), dtype=int) if probabilities.shape[1] == 2 else probabilities.argmax(axis=1)
    return probabilities[np.arange(len(targets)), predicted], predicted == targets


def expected_calibration_error(probabilities, correct):
    """Ten bins of equal mass; equal probabilities stay together, in the bin of their middle."""
    values, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(correct)
    bins = np.minimum((middle * BINS).astype(int), BINS - 1)[inverse]
    surplus = np.bincount(bins, weights=probabilities - correct, minlength=BINS)
    return float(np.abs(surplus).sum() / len(correct))
