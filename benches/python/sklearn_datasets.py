"""Writes scikit-learn's four small classification datasets in Moodle's format into a directory."""

import sys
from pathlib import Path

from sklearn import datasets

import moodle_csv

LOADERS = {
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
}


def main():
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, load in LOADERS.items():
        features, targets = load(return_X_y=True)
        moodle_csv.write(directory / f"{name}.csv", features, targets, len(set(targets)))


if __name__ == "__main__":
    main()
