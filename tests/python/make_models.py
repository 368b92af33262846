"""Trains classifiers of many kinds and writes them as ONNX, with the predictions of their own framework.

    python make_models.py DIRECTORY

For each model there are NAME.onnx, NAME.json (its model.json), NAME.csv (a prediction dataset as Moodle
sends it) and NAME.expected.json: sample id → the probability of each class. Prints the names as JSON:
{"accepted": [...], "refused": {name: the operator that a refusal must name}}. Needs requirements.txt.
"""

import json
import pathlib
import sys
import warnings

import lightgbm
import numpy
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn import (
    calibration,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    impute,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.pipeline import make_pipeline

FEATURES = [f"\\core\\analytics\\indicator\\number_{at}" for at in range(6)]
OPSETS = {"": 17, "ai.onnx.ml": 3}


def data(classes):
    """Random values, few of them on the threshold of a tree; the same with a fifth missing; and classes."""
    random = numpy.random.default_rng(0)
    values = random.uniform(-1, 1, (400, len(FEATURES))).astype(numpy.float32)
    margin = values[:, 0] + values[:, 1] * values[:, 2] + 0.3 * random.normal(size=len(values))
    bounds = [0] if classes == 2 else [-0.4, 0.4]
    gaps = values.copy()
    gaps[random.random(values.shape) < 0.2] = numpy.nan
    return values, gaps, numpy.digitize(margin, bounds)


def logistic(*steps):
    return make_pipeline(*steps, linear_model.LogisticRegression())


def scikit_learn():
    """Name → (model, whether it accepts missing values, the operator that is not supported).

    Left out, because onnxruntime also differs from the library for their exports: LinearDiscriminantAnalysis of two
    classes, isotonic calibration, LightGBM's random forests, and trees and forests of scikit-learn that were trained
    with missing values (the export loses the direction of missing values).
    """
    p, e = preprocessing, ensemble
    columns = compose.ColumnTransformer([
        ("first", p.StandardScaler(), [0, 2]),
        ("second", p.MinMaxScaler(), [1]),
        ("rest", "passthrough", [3, 4, 5]),
    ])
    soft = e.VotingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())],
        voting="soft",
        flatten_transform=False,
    )
    stack = [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))]
    network = neural_network.MLPClassifier
    calibrated = calibration.CalibratedClassifierCV
    forest = e.RandomForestClassifier
    return {
        "logistic_regression": (logistic(), False, None),
        "standard_scaler": (logistic(p.StandardScaler()), False, None),
        "min_max_scaler": (logistic(p.MinMaxScaler()), False, None),
        "robust_scaler": (logistic(p.RobustScaler()), False, None),
        "simple_imputer": (logistic(impute.SimpleImputer(), p.StandardScaler()), True, None),
        "normalizer": (logistic(p.Normalizer()), False, None),
        "binarizer": (logistic(p.Binarizer()), False, None),
        "polynomial_features": (logistic(p.PolynomialFeatures(2)), False, None),
        "one_hot_encoder": (logistic(p.Binarizer(), p.OneHotEncoder(sparse_output=False)), False, None),
        "power_transformer": (logistic(p.PowerTransformer()), False, None),
        "imputed_power_transformer": (logistic(impute.SimpleImputer(), p.PowerTransformer()), True, None),
        "quantile_transformer": (logistic(p.QuantileTransformer(n_quantiles=20)), False, "Div"),
        "one_vs_one": (multiclass.OneVsOneClassifier(linear_model.LogisticRegression()), False, "Reshape"),
        "pca": (logistic(p.StandardScaler(), decomposition.PCA(3)), False, None),
        "column_transformer": (logistic(columns), False, None),
        "mlp_relu": (make_pipeline(p.StandardScaler(), network(8, max_iter=300)), False, None),
        "mlp_tanh": (network((8, 4), activation="tanh", max_iter=200), False, None),
        "mlp_logistic": (network(8, activation="logistic", max_iter=200), False, None),
        "decision_tree": (tree.DecisionTreeClassifier(), False, None),
        "random_forest": (forest(20, random_state=0), False, None),
        "extra_trees": (e.ExtraTreesClassifier(20, random_state=0), False, None),
        "gradient_boosting": (e.GradientBoostingClassifier(n_estimators=20), False, None),
        "hist_gradient_boosting": (e.HistGradientBoostingClassifier(max_iter=20), True, None),
        "ada_boost": (e.AdaBoostClassifier(n_estimators=10), False, None),
        "bagging": (e.BaggingClassifier(linear_model.LogisticRegression(), 5), False, None),
        "voting": (soft, False, None),
        "stacking": (e.StackingClassifier(stack), False, None),
        "gaussian_naive_bayes": (naive_bayes.GaussianNB(), False, None),
        "bernoulli_naive_bayes": (naive_bayes.BernoulliNB(), False, None),
        "calibrated_sigmoid": (calibrated(svm.LinearSVC(), cv=3), False, None),
        "one_vs_rest": (multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), False, None),
        "quadratic_discriminant": (discriminant_analysis.QuadraticDiscriminantAnalysis(), False, "Concat"),
        "sgd": (linear_model.SGDClassifier(loss="log_loss", random_state=0), False, None),
        "k_neighbors": (neighbors.KNeighborsClassifier(), False, "Scan"),
        "support_vectors": (svm.SVC(), False, "ai.onnx.ml.SVMClassifier"),
    }


def write(name, onnx, values, probabilities):
    description = {"features": FEATURES, "classes": list(range(probabilities.shape[1]))}
    if not onnx.producer_name:
        raise ValueError(f"{name}: no producer")
    ids = [f"{at}-0" for at in range(len(values))]
    rows = [",".join([id, *("" if numpy.isnan(cell) else repr(float(cell)) for cell in row)]) for id, row in zip(ids, values)]
    head = ["nfeatures,targetclasses,targettype", f'{len(FEATURES)},"{description["classes"]}",discrete']
    files = {
        ".json": json.dumps(description),
        ".csv": "\n".join([*head, ",".join(["sampleid", *FEATURES]), *rows]) + "\n",
        ".expected.json": json.dumps({id: row.astype(float).tolist() for id, row in zip(ids, probabilities)}),
    }
    directory = pathlib.Path(sys.argv[1])
    (directory / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    for ending, text in files.items():
        (directory / f"{name}{ending}").write_text(text, encoding="utf-8")


def main():
    warnings.filterwarnings("ignore")
    accepted, refused = [], {}
    for classes in (2, 3):
        values, gaps, targets = data(classes)
        for name, (model, accepts_gaps, operator) in scikit_learn().items():
            given = gaps if accepts_gaps else values
            model.fit(given, targets)
            name = f"{name}_{classes}"
            # Half of them with ZipMap, the default of skl2onnx.
            options = {id(model): {"zipmap": classes == 2}}
            onnx = to_onnx(model, given[:1], target_opset=OPSETS, options=options)
            samples = given[:80]
            if hasattr(model, "predict_proba"):
                probabilities = model.predict_proba(samples)
            else:
                probabilities = numpy.eye(classes)[model.predict(samples)]
            write(name, onnx, samples, probabilities)
            if name.startswith("standard_scaler"):
                # Converted otherwise, with the same probabilities: an output for each class, and raw scores.
                columns = to_onnx(model, given[:1], target_opset=OPSETS, options={id(model): {"zipmap": "columns"}})
                write(f"columns_{name}", columns, samples, probabilities)
                last = {id(model[-1]): {"zipmap": False, "raw_scores": True}}
                scores = to_onnx(model, given[:1], target_opset=OPSETS, options=last)
                write(f"scores_{name}", scores, samples, probabilities)
                accepted += [f"columns_{name}", f"scores_{name}"]
            if operator:
                refused[name] = operator
            else:
                accepted.append(name)
        kind = [("input", FloatTensorType([None, len(FEATURES)]))]
        boosted = {
            "lightgbm": (lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), convert_lightgbm),
            "xgboost": (xgboost.XGBClassifier(n_estimators=20, max_depth=4), convert_xgboost),
        }
        for name, (model, convert) in boosted.items():
            model.fit(gaps, targets)
            onnx = convert(model, initial_types=kind, target_opset=15)
            write(f"{name}_{classes}", onnx, gaps[:80], model.predict_proba(gaps[:80]))
            accepted.append(f"{name}_{classes}")
    print(json.dumps({"accepted": accepted, "refused": refused}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python make_models.py DIRECTORY")
    main()
