"""Rates other methods on the rows of a plan, and prints one JSON record a line.

The plan is what `quality run --plan DIRECTORY` wrote; the records have the form that `quality table`
reads. Usage: compare.py DIRECTORY/plan.json > theirs.jsonl
"""

import json
import sys
import time
import traceback
import warnings

import numpy as np

import moodle_csv
from figures import claims, expected_calibration_error, rated
from methods import all_methods

# Methods are given plain arrays on purpose.
warnings.filterwarnings("ignore", message="X does not have valid feature names")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    for task in plan:
        learn, rate = datasets(task)
        for name, method in all_methods().items():
            if isinstance(method, str):
                record = {"skipped": method}
            else:
                print(f"{task['task']}: {name}", file=sys.stderr)
                try:
                    record = measure(method, learn, rate, task["splits"])
                except Exception as error:  # one method's failure is a row of the table, not its end
                    traceback.print_exc()
                    record = {"skipped": f"failed: {error}"}
            print(json.dumps({"task": task["task"], "method": name, **record}), flush=True)


def datasets(task):
    """What is learnt from and what is rated; both have targets."""
    learn = moodle_csv.read(task["learn"])
    if task["rate"] is None:
        return learn, learn
    rate = moodle_csv.read(task["rate"])
    if task["answers"] is not None:
        with open(task["answers"], encoding="utf-8") as file:
            answers = json.load(file)
        rate.targets = np.array([learn.classes.index(answers[sample]) for sample in rate.ids])
    if rate.names != learn.names:
        rate.features = rate.features[:, [rate.names.index(name) for name in learn.names]]
    return learn, rate


def measure(method, learn, rate, splits):
    """Learns and rates each split."""
    records, stated, truths = [], [], []
    for split in splits:
        learnt_targets = learn.targets[split["learn"]]
        present, targets = np.unique(learnt_targets, return_inverse=True)
        begin = time.perf_counter()
        learnt_features = learn.features[split["learn"]]
        columns = Varying(learnt_features)
        answer = method(columns.of(learnt_features), targets)
        learnt = time.perf_counter()
        # A class that was not learnt has no probability.
        probabilities = np.zeros((len(split["rate"]), len(learn.classes)))
        probabilities[:, present] = answer(columns.of(rate.features[split["rate"]]))
        answered = time.perf_counter()
        rated_targets = rate.targets[split["rate"]]
        figures = rated(probabilities, rated_targets)
        records.append({**figures, "train_seconds": learnt - begin, "predict_seconds": answered - learnt})
        of, truth = claims(probabilities, rated_targets)
        stated.append(of)
        truths.append(truth)
    error = expected_calibration_error(np.concatenate(stated), np.concatenate(truths))
    return {"calibration_error": error, "splits": records}


class Varying:
    """The columns that vary among samples. In one of a single value and missing cells these become
    another value, which says as much: HistGradientBoosting stops at columns of a single value."""

    def __init__(self, features):
        missing = np.isnan(features)
        least = np.where(missing, np.inf, features).min(axis=0)
        most = np.where(missing, -np.inf, features).max(axis=0)
        single = (least == most) & missing.any(axis=0)
        self.used = np.flatnonzero((least < most) | single)
        self.instead = np.where(single, least - 1, np.nan)[self.used]

    def of(self, features):
        """These columns of some samples."""
        used = features[:, self.used]
        return np.where(np.isnan(used), self.instead, used)


if __name__ == "__main__":
    main()
