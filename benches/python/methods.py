"""The methods of the comparison: each trains a model and returns a function that predicts probabilities.

Hyperparameters are the same for every dataset; the most important ones (the penalty, the number of trees) are chosen on
the training samples, the others are not tuned.
"""

import atexit
import os
import shutil
import tempfile
import warnings
from importlib.util import find_spec

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

SEED = 1
# The validation share of the training samples for early stopping, and its number of rounds without a gain.
VALIDATION_SHARE = 0.15
EARLY_STOPPING_ROUNDS = 50
MAX_ROUNDS = 2000
# The time for one training of AutoGluon, which searches and mixes models for as long as it may.
AUTOGLUON_SECONDS = 120
# With fewer cells than this, threads cost boosted trees more time than they save.
CELLS_FOR_THREADS = 1_000_000


def all_methods():
    """Functions by name; a text is the reason why a method is skipped."""
    methods = {
        "logistic regression": logistic,
        "random forest": random_forest,
        "HistGradientBoosting": hist_gradient_boosting,
    }
    optional = [
        ("LightGBM", "lightgbm", lightgbm),
        ("CatBoost", "catboost", catboost),
        ("EBM", "interpret", explainable_boosting),
        ("AutoGluon", "autogluon", autogluon),
    ]
    for name, package, method in optional:
        methods[name] = method if find_spec(package) else "not installed"
    return methods


def logistic(features, targets):
    """Missing cells flagged and filled with the mean, standardised; penalty by 5-fold log-loss."""
    prepare = [SimpleImputer(add_indicator=True), StandardScaler()]
    folds = min(5, np.bincount(targets).min())
    if folds < 2:
        last = LogisticRegression(max_iter=1000)
    else:
        last = LogisticRegressionCV(
            Cs=np.logspace(-4, 3, 15),
            cv=StratifiedKFold(folds, shuffle=True, random_state=SEED),
            l1_ratios=(0,),
            scoring="neg_log_loss",
            max_iter=1000,
            use_legacy_attributes=False,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(*prepare, last).fit(features, targets).predict_proba


def random_forest(features, targets):
    """500 trees with at least 2 samples in a leaf, otherwise scikit-learn's defaults."""
    model = RandomForestClassifier(500, min_samples_leaf=2, random_state=SEED, n_jobs=threads(features))
    return make_pipeline(SimpleImputer(add_indicator=True), model).fit(features, targets).predict_proba


def explainable_boosting(features, targets):
    """InterpretML's explainable boosting machine with its defaults."""
    from interpret.glassbox import ExplainableBoostingClassifier

    model = ExplainableBoostingClassifier(random_state=SEED, n_jobs=threads(features))
    return model.fit(features, targets).predict_proba


def autogluon(features, targets):
    """AutoGluon's defaults, tuned for log-loss, for AUTOGLUON_SECONDS on all cores."""
    from autogluon.tabular import TabularDataset, TabularPredictor

    columns = [f"f{at}" for at in range(features.shape[1])]
    frame = TabularDataset(features, columns=columns)
    frame["target"] = targets
    kept = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    predictor = TabularPredictor("target", eval_metric="log_loss", path=kept, verbosity=0)
    predictor.fit(frame, time_limit=AUTOGLUON_SECONDS)
    classes = range(targets.max() + 1)
    return lambda rows: predictor.predict_proba(TabularDataset(rows, columns=columns))[list(classes)].to_numpy()


def hist_gradient_boosting(features, targets):
    """scikit-learn's defaults: 100 trees, stopped early from 10,000 samples on."""
    model = HistGradientBoostingClassifier(random_state=SEED)
    with threadpool_limits(threads(features), user_api="openmp"):
        return model.fit(features, targets).predict_proba


def lightgbm(features, targets):
    """LightGBM's defaults but for a rate of 0.05 and early stopping."""
    from lightgbm import LGBMClassifier, early_stopping

    split = held_back(features, targets)
    fixed = {"random_state": SEED, "n_jobs": threads(features), "verbose": -1}
    if split is None:
        return LGBMClassifier(**fixed).fit(features, targets).predict_proba
    model = LGBMClassifier(n_estimators=MAX_ROUNDS, learning_rate=0.05, **fixed)
    train, stop, train_targets, stop_targets = split
    model.fit(
        train,
        train_targets,
        eval_X=(stop,),
        eval_y=(stop_targets,),
        callbacks=[early_stopping(EARLY_STOPPING_ROUNDS, verbose=False)],
    )
    return model.predict_proba


def catboost(features, targets):
    """CatBoost's defaults with early stopping."""
    from catboost import CatBoostClassifier

    split = held_back(features, targets)
    model = CatBoostClassifier(
        random_seed=SEED, thread_count=threads(features), verbose=False, allow_writing_files=False
    )
    if split is None:
        return model.fit(features, targets).predict_proba
    train, stop, train_targets, stop_targets = split
    model.fit(train, train_targets, eval_set=(stop, stop_targets), early_stopping_rounds=EARLY_STOPPING_ROUNDS)
    return model.predict_proba


def threads(features):
    """The number of threads of a boosted model."""
    return 1 if features.size < CELLS_FOR_THREADS else os.cpu_count()


def held_back(features, targets):
    """A stratified split to stop boosting on; None where it would lack a class."""
    classes = targets.max() + 1
    if np.bincount(targets).min() < 2 or len(targets) * VALIDATION_SHARE < classes:
        return None
    return train_test_split(features, targets, test_size=VALIDATION_SHARE, stratify=targets, random_state=SEED)
