"""Compares contributions of this backend with those of shap.

    python check_explanations.py MODEL.onnx SAMPLES.csv BACKGROUND.csv EXPLANATION.json

SAMPLES.csv and BACKGROUND.csv are prediction datasets without missing values, EXPLANATION.json is the output of
`moodle-mlbackend explain --json` for them. Needs the packages in requirements.txt. Two comparisons, both of log-odds (two
classes) or of the log-odds of each class against the first one:

- shap's exact explainer on the predictions of the file by onnxruntime;
- shap's interventional TreeExplainer on the trees, read from the file, plus the exact explainer on the rest of the model.

Prints {"samples": n, "trees": t, "exact": d, "with_trees": e} as JSON, where d and e are the largest differences; exits with
1 and a message on stderr when one is more than 1e-4.
"""

import csv
import json
import os
import sys

# Compiling the loops of shap takes longer than running them.
os.environ["NUMBA_DISABLE_JIT"] = "1"

import numpy
import onnx
import onnxruntime
import shap
from onnx import helper, numpy_helper

TOLERANCE = 1e-4
KEY = "moodle_mlbackend"


def read_samples(path, features):
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    order = [rows[2].index(feature) for feature in features]
    return numpy.array([[float(row[at]) for at in order] for row in rows[3:]], dtype=numpy.float32)


def session_of(model, outputs=()):
    """A session with further values of the graph as outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    return onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])


def against_first(values):
    """Log-odds of the second class, or of each class against the first one."""
    return values[:, 1:] - values[:, :1]


def exact(function, samples, background):
    """Interventional Shapley values by all coalitions: samples x features x outputs."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explained = shap.explainers.Exact(function, masker)(samples, max_evals=100_000)
    values = explained.values
    return values if values.ndim == 3 else values[:, :, None]


class Graph:
    """Looks values of a graph up by the nodes that compute them."""

    def __init__(self, graph):
        self.nodes = {node.output[0]: node for node in graph.node}
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def inputs(self, value, operator):
        node = self.nodes.get(value)
        if node is None or node.op_type != operator:
            raise ValueError(f"{value} is not computed by {operator}")
        return node.input

    def is_of(self, value, operator):
        return value in self.nodes and self.nodes[value].op_type == operator

    def margins(self, classes):
        """The values that are added up: the linear part and the forests."""
        softmax = self.inputs(self.inputs(self.inputs("probabilities", "Identity")[0], "Div")[0], "Max")[0]
        value = self.inputs(softmax, "Softmax")[0]
        if classes == 2:
            value = self.inputs(value, "Mul")[0]
        forests = []
        while self.inputs(value, "Add")[1] not in self.constants:
            value, forest = self.inputs(value, "Add")
            forests.append(forest)
        return value, forests

    def trees(self, forest):
        """The splits of each tree, the leaves of each tree and margin, and the value with the compared columns."""
        if self.is_of(forest, "Transpose"):
            sums, values = self.inputs(self.inputs(forest, "Transpose")[0], "MatMul")
            sums = self.constants[sums]
        else:
            values = self.inputs(self.inputs(forest, "Reshape")[0], "ReduceSum")[0]
            sums = None
        table, position = self.inputs(values, "Gather")
        number = self.inputs(self.inputs(position, "Cast")[0], "Add")[0]
        levels = []
        while not self.is_of(number, "Gather"):
            shifted, digit = self.inputs(number, "Add")
            levels.insert(0, self.inputs(digit, "Gather"))
            number = self.inputs(shifted, "Mul")[0]
        levels.insert(0, self.inputs(number, "Gather"))
        values, thresholds = self.inputs(self.inputs(levels[0][0], "Cast")[0], "Greater")
        both, columns = self.inputs(values, "Gather")
        left = self.inputs(self.inputs(self.inputs(both, "Transpose")[0], "Concat")[0], "Where")
        columns, thresholds = self.constants[columns], self.constants[thresholds].reshape(-1)
        splits = numpy.stack([self.constants[which] for _, which in levels], axis=1)
        leaves = self.constants[table].reshape(len(splits), 1 << len(levels), -1)
        if sums is not None:
            leaves = leaves * sums.T[:, None, :]
        return columns[splits], thresholds[splits], leaves, left[2]


def tree_explanations(columns, thresholds, leaves, samples, background):
    """Contributions to each margin by shap's TreeExplainer: samples x inputs x margins."""
    depth, inputs = columns.shape[1], samples.shape[1]
    inner, count = (1 << depth) - 1, (2 << depth) - 1
    left = numpy.array([2 * node + 1 if node < inner else -1 for node in range(count)])
    level = [(node + 1).bit_length() - 1 for node in range(inner)]
    out = []
    for margin in range(leaves.shape[2]):
        trees = []
        for tree in range(len(columns)):
            value = numpy.zeros((count, 1))
            value[inner:, 0] = leaves[tree, :, margin]
            feature, threshold = numpy.full(count, -2), numpy.full(count, -2.0)
            feature[:inner], threshold[:inner] = columns[tree, level] % inputs, thresholds[tree, level]
            trees.append({
                "children_left": left, "children_right": numpy.where(left < 0, -1, left + 1), "children_default": left,
                "features": feature, "thresholds": threshold, "values": value, "node_sample_weight": numpy.ones(count),
            })
        explainer = shap.TreeExplainer({"trees": trees}, data=background, feature_perturbation="interventional")
        out.append(numpy.asarray(explainer.shap_values(samples, check_additivity=False)).reshape(len(samples), inputs))
    return numpy.stack(out, axis=2)


def check(model, samples, background, explanation):
    model = onnx.load(model)
    metadata = json.loads(next(entry.value for entry in model.metadata_props if entry.key == KEY))
    features, classes = metadata["features"], len(metadata["classes"])
    samples, background = read_samples(samples, features), read_samples(background, features)
    with open(explanation, encoding="utf-8") as file:
        explanation = json.load(file)
    if explanation["method"] != "exact" or explanation["background"]["samples"] != len(background):
        raise ValueError("the explanation is of another kind")
    ours = numpy.zeros((len(samples), len(features), len(explanation["outputs"])))
    for row, sample in enumerate(explanation["explanations"]):
        for at, output in enumerate(sample["outputs"]):
            for one in output["contributions"]:
                ours[row, one["indicator"], at] = one["contribution"]
    if classes > 2:
        ours = ours[:, :, 1:] - ours[:, :, :1]

    whole = session_of(model)

    def predict(values):
        probabilities = whole.run(["probabilities"], {"features": values.astype(numpy.float32)})[0]
        return against_first(numpy.log(probabilities.astype(float)))

    found = {"exact": exact(predict, samples, background)}
    graph = Graph(model.graph)
    linear, forests = graph.margins(classes)
    part = session_of(model, [linear])

    def margins(values):
        out = part.run([linear], {"features": values.astype(numpy.float32)})[0].astype(float)
        return out if classes == 2 else against_first(out)

    found["with_trees"] = exact(margins, samples, background)
    trees = 0
    for forest in forests:
        columns, thresholds, leaves, standard = graph.trees(forest)
        trees += len(columns)
        inputs = session_of(model, [standard])
        prepared = [inputs.run([standard], {"features": values})[0] for values in (samples, background)]
        values = tree_explanations(columns, thresholds, leaves, *prepared)
        used = graph.constants[graph.inputs(used_columns(graph, standard), "Gather")[1]]
        found["with_trees"][:, used, :] += values if classes == 2 else values[:, :, 1:] - values[:, :, :1]
    differences = {name: float(numpy.abs(values - ours).max()) for name, values in found.items()}
    for name, difference in differences.items():
        if not difference <= TOLERANCE:  # also when it is NaN
            raise ValueError(f"{name}: a contribution differs by {difference} from that of shap")
    return {"samples": len(samples), "trees": trees, **differences}


def used_columns(graph, standard):
    """The value with the used columns of the input, from which the standardised ones are computed."""
    value = standard
    while not graph.is_of(value, "Where"):
        value = graph.nodes[value].input[0]
    return graph.inputs(value, "Where")[2]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python check_explanations.py MODEL.onnx SAMPLES.csv BACKGROUND.csv EXPLANATION.json")
    try:
        print(json.dumps(check(*sys.argv[1:])))
    except (ValueError, KeyError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
