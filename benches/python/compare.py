"""Tests other methods on the rows of a plan, and prints one JSON record per line.

`quality run --plan DIRECTORY` writes the plan; `quality table` reads the records.
Usage: compare.py DIRECTORY/plan.json [METHOD…] > theirs.jsonl
"""

import json
import sys
import time
import traceback
import warnings

import numpy as np

import moodle_csv
from metrics import expected_calibration_error, outcomes, split_metrics
from methods import all_methods

# Methods get plain arrays without names on purpose.
warnings.filterwarnings("ignore", message="X does not have valid feature names")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    wanted = sys.argv[2:]
    methods = {name: method for name, method in all_methods().items() if name in wanted or not wanted}
    for task in plan:
        train, test = datasets(task)
        for name, method in methods.items():
            if isinstance(method, str):
                record = {"skipped": method}
            else:
                print(f"{task['task']}: {name}", file=sys.stderr)
                try:
                    record = measure(method, train, test, task["splits"])
                except Exception as error:  # the failure of one method is a row of the table
                    traceback.print_exc()
                    record = {"skipped": f"failed: {error}"}
            print(json.dumps({"task": task["task"], "method": name, **record}), flush=True)


def datasets(task):
    """The training and the test dataset; both have targets."""
    train = moodle_csv.read(task["train"])
    if task["test"] is None:
        return train, train
    test = moodle_csv.read(task["test"])
    if task["answers"] is not None:
        with open(task["answers"], encoding="utf-8") as file:
            answers = json.load(file)
        test.targets = np.array([train.classes.index(answers[sample]) for sample in test.ids])
    if test.names != train.names:
        test.features = test.features[:, [test.names.index(name) for name in train.names]]
    return train, test


def measure(method, train, test, splits):
    """Trains and tests on each split."""
    records, all_predicted, all_correct = [], [], []
    for split in splits:
        present, targets = np.unique(train.targets[split["train"]], return_inverse=True)
        start = time.perf_counter()
        features = train.features[split["train"]]
        columns = Varying(features)
        predict = method(columns.of(features), targets)
        trained = time.perf_counter()
        # A class without a training sample has no probability.
        probabilities = np.zeros((len(split["test"]), len(train.classes)))
        probabilities[:, present] = predict(columns.of(test.features[split["test"]]))
        predicted = time.perf_counter()
        test_targets = test.targets[split["test"]]
        metrics = split_metrics(probabilities, test_targets)
        records.append({**metrics, "train_seconds": trained - start, "predict_seconds": predicted - trained})
        probability, correct = outcomes(probabilities, test_targets)
        all_predicted.append(probability)
        all_correct.append(correct)
    error = expected_calibration_error(np.concatenate(all_predicted), np.concatenate(all_correct))
    return {"calibration_error": error, "splits": records}


class Varying:
    """The columns that vary among samples. In a column of a single value and missing cells, these become another value,
    which has the same information: HistGradientBoosting fails on columns of a single value."""

    def __init__(self, features):
        missing = np.isnan(features)
        lowest = np.where(missing, np.inf, features).min(axis=0)
        highest = np.where(missing, -np.inf, features).max(axis=0)
        single = (lowest == highest) & missing.any(axis=0)
        self.used = np.flatnonzero((lowest < highest) | single)
        self.replacement = np.where(single, lowest - 1, np.nan)[self.used]

    def of(self, features):
        """These columns of some samples."""
        used = features[:, self.used]
        return np.where(np.isnan(used), self.replacement, used)


if __name__ == "__main__":
    main()
