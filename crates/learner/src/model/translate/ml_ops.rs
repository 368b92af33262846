//! The operators of classical machine learning (`ai.onnx.ml`), apart from trees.

use super::graph_walk::Translator;
use super::node::Node;
use super::value::{Computed, Dim, Value};
use super::{Done, movement, refused, trees};

/// More categories than a column of Moodle's has.
const MAX_CATEGORIES: usize = 4_096;

/// The results of such an operator, `None` for what nobody may read (labels); `None` for another operator.
pub(crate) fn translate(t: &mut Translator, node: Node) -> Done<Option<Vec<Option<Value>>>> {
    let one = |value: Computed| Some(vec![Some(Value::Computed(value))]);
    let scored = |scores: Computed| Some(vec![None, Some(Value::Computed(scores))]);
    Ok(match node.proto.op_type.as_str() {
        "Scaler" => one(scaler(t, node)?),
        "Imputer" => one(imputer(t, node)?),
        "Normalizer" => one(normalizer(t, node)?),
        "Binarizer" => {
            let x = t.computed(node, 0)?;
            let threshold = t.emit.scalar(node.float("threshold", 0.0)?)?;
            one(t.emit.compare("Greater", &x, &threshold)?)
        }
        "OneHotEncoder" => one(one_hot(t, node)?),
        "LabelEncoder" => one(label_encoder(t, node)?),
        "ArrayFeatureExtractor" => one(extract(t, node)?),
        "FeatureVectorizer" => {
            let parts: Vec<Computed> =
                (0..node.inputs()).map(|at| t.computed(node, at)).collect::<Done<_>>()?;
            if parts.is_empty() || parts.iter().any(|part| part.shape.len() != 2) {
                return refused("its inputs are not of rows and columns");
            }
            one(t.emit.concat(&parts, 1)?)
        }
        "ZipMap" => Some(vec![Some(t.value(node, 0)?)]),
        "LinearClassifier" => scored(linear_classifier(t, node)?),
        "LinearRegressor" => {
            let scores = linear(t, node, node.int("targets", 1))?;
            one(transformed(t, &scores, node)?)
        }
        "TreeEnsembleClassifier" => scored(trees::classifier(t, node)?),
        "TreeEnsembleRegressor" => one(trees::regressor(t, node)?),
        _ => None,
    })
}

/// A value of rows and columns, and its number of columns.
pub(crate) fn rows(t: &mut Translator, node: Node) -> Done<(Computed, usize)> {
    let x = t.computed(node, 0)?;
    match x.shape.as_slice() {
        [_, columns] if !columns.batch => {
            let columns = columns.size;
            Ok((x, columns))
        }
        _ => refused("its input is not of rows and columns"),
    }
}

/// One number a column, from a list of one for all or of one each.
fn each(values: &[f32], columns: usize) -> Done<Vec<f32>> {
    match values {
        [one] => Ok(vec![*one; columns]),
        all if all.len() == columns => Ok(all.to_vec()),
        _ => refused("it has not one number a column"),
    }
}

fn scaler(t: &mut Translator, node: Node) -> Done<Computed> {
    let (x, columns) = rows(t, node)?;
    let offsets = each(node.floats("offset")?, columns)?;
    let scales = each(node.floats("scale")?, columns)?;
    let (offsets, scales) = (t.emit.row(&offsets)?, t.emit.row(&scales)?);
    let centred = t.emit.binary("Sub", &x, &offsets)?;
    t.emit.binary("Mul", &centred, &scales)
}

fn imputer(t: &mut Translator, node: Node) -> Done<Computed> {
    let (x, columns) = rows(t, node)?;
    let whole = node.has("imputed_value_int64s");
    let values: Vec<f32> = if whole {
        node.ints("imputed_value_int64s").iter().map(|&value| value as f32).collect()
    } else {
        node.floats("imputed_value_floats")?.to_vec()
    };
    let values = each(&values, columns)?;
    let values = t.emit.row(&values)?;
    let replaced = if whole {
        node.int("replaced_value_int64", 0) as f32
    } else {
        // NaN is what it mostly looks for.
        node.number("replaced_value_float", 0.0)
    };
    let flag = if replaced.is_nan() {
        t.emit.is_missing(&x)?
    } else {
        let replaced = t.emit.scalar(replaced)?;
        t.emit.compare("Equal", &x, &replaced)?
    };
    t.emit.choose(&flag, &values, &x)
}

fn normalizer(t: &mut Translator, node: Node) -> Done<Computed> {
    let (x, _) = rows(t, node)?;
    normalized(t, &x, node.text("norm"))
}

/// Each row divided by its size; a row of zeros stays.
pub(crate) fn normalized(t: &mut Translator, x: &Computed, norm: &str) -> Done<Computed> {
    let size = match norm {
        "L1" => {
            let sizes = t.emit.unary("Abs", x)?;
            t.emit.reduce("ReduceSum", &sizes, &[1])?
        }
        "L2" => {
            let squares = t.emit.binary("Mul", x, x)?;
            let sum = t.emit.reduce("ReduceSum", &squares, &[1])?;
            t.emit.unary("Sqrt", &sum)?
        }
        // Runtimes divide by the largest value, scikit-learn by the largest size.
        _ => return refused("tools do not agree on what its norm MAX means"),
    };
    let (zero, one) = (t.emit.scalar(0.0)?, t.emit.scalar(1.0)?);
    let nothing = t.emit.compare("Equal", &size, &zero)?;
    let size = t.emit.choose(&nothing, &one, &size)?;
    t.emit.binary("Div", x, &size)
}

fn one_hot(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let categories: Vec<f32> = node.ints("cats_int64s").iter().map(|&value| value as f32).collect();
    if categories.is_empty() || categories.len() > MAX_CATEGORIES || node.int("zeros", 1) == 0 {
        return refused("its categories are texts, too many, or must all be known");
    }
    let categories = t.emit.constant(&[categories.len()], &categories)?;
    let mut wide = x.shape.clone();
    wide.push(Dim::ONE);
    let wide = t.emit.reshape(&x, wide)?;
    t.emit.compare("Equal", &wide, &categories)
}

fn label_encoder(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let numbers = |floats: &str, ints: &str| -> Done<Vec<f32>> {
        let values = node.floats(floats)?.to_vec();
        Ok(if values.is_empty() { node.ints(ints).iter().map(|&v| v as f32).collect() } else { values })
    };
    let keys = numbers("keys_floats", "keys_int64s")?;
    let values = numbers("values_floats", "values_int64s")?;
    if keys.is_empty() || keys.len() != values.len() || keys.len() > MAX_CATEGORIES {
        return refused("its keys or values are texts, too many, or not as many as each other");
    }
    let other = if node.has("values_floats") {
        node.float("default_float", 0.0)?
    } else {
        node.int("default_int64", -1) as f32
    };
    let differences: Vec<f32> = values.iter().map(|value| value - other).collect();
    let keys = t.emit.constant(&[keys.len()], &keys)?;
    let differences = t.emit.constant(&[differences.len()], &differences)?;
    let mut wide = x.shape.clone();
    wide.push(Dim::ONE);
    let wide = t.emit.reshape(&x, wide)?;
    let this = t.emit.compare("Equal", &wide, &keys)?;
    let parts = t.emit.binary("Mul", &this, &differences)?;
    let sum = t.emit.reduce("ReduceSum", &parts, &[x.shape.len()])?;
    let sum = t.emit.reshape(&sum, x.shape.clone())?;
    t.emit.with_number("Add", &sum, other)
}

/// Some places of the last axis.
fn extract(t: &mut Translator, node: Node) -> Done<Computed> {
    let value = t.value(node, 0)?;
    let indices = match t.value(node, 1)? {
        Value::Known(indices) => indices.integers()?,
        Value::Computed(index) => return extract_computed(t, &value, &index),
    };
    let x = t.emit.computed(&value)?;
    let Some((last, rest)) = x.shape.split_last() else { return refused("it reads a single number") };
    if last.batch {
        return refused("it takes some samples of all");
    }
    let places: Option<Vec<usize>> =
        indices.iter().map(|&index| usize::try_from(index).ok().filter(|&index| index < last.size)).collect();
    let Some(places) = places else { return refused("it takes values that are not there") };
    let flat = rest.is_empty();
    let taken = t.emit.take(&x, rest.len(), &places)?;
    if flat { t.emit.reshape(&taken, vec![Dim::ONE, Dim::fixed(places.len())]) } else { Ok(taken) }
}

fn extract_computed(t: &mut Translator, table: &Value, index: &Computed) -> Done<Computed> {
    let Value::Known(tensor) = table else { return refused("both what it reads and where are computed") };
    let flat = match tensor.dims.as_slice() {
        [_] => table.clone(),
        [1, many] => {
            t.fold(*many)?;
            super::value::Tensor::floats(vec![*many], tensor.numbers()?)
        }
        _ => return refused("it reads a table by computed positions"),
    };
    let found = movement::look_up(t, &flat, index)?;
    let size = found.shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
    let Some(size) = size else { return refused("its positions are too many") };
    let batch = found.shape.iter().any(|dim| dim.batch);
    t.emit.reshape(&found, vec![Dim::ONE, Dim { size, batch }])
}

fn linear(t: &mut Translator, node: Node, outputs: i64) -> Done<Computed> {
    let (x, columns) = rows(t, node)?;
    let weights = node.floats("coefficients")?;
    let intercepts = node.floats("intercepts")?;
    let outputs = usize::try_from(outputs).unwrap_or(0);
    if outputs == 0 || outputs.checked_mul(columns) != Some(weights.len()) {
        return refused("it has not one coefficient for each column and class");
    }
    let mut turned = vec![0.0; weights.len()];
    for (at, &weight) in weights.iter().enumerate() {
        turned[at % columns * outputs + at / columns] = weight;
    }
    let turned = t.emit.constant(&[columns, outputs], &turned)?;
    let mut scores = t.emit.mat_mul(&x, &turned)?;
    if !intercepts.is_empty() {
        let intercepts = each(intercepts, outputs)?;
        let intercepts = t.emit.row(&intercepts)?;
        scores = t.emit.binary("Add", &scores, &intercepts)?;
    }
    Ok(scores)
}

fn linear_classifier(t: &mut Translator, node: Node) -> Done<Computed> {
    let classes = node.ints("classlabels_ints").len().max(node.strings("classlabels_strings").len());
    let (_, columns) = rows(t, node)?;
    let outputs = node.floats("coefficients")?.len() / columns.max(1);
    let scores = linear(t, node, outputs as i64)?;
    if outputs == 1 && classes == 2 {
        return two_sided(t, &scores, node, false);
    }
    transformed(t, &scores, node)
}

/// The scores of both classes from that of the second, as the ONNX operator reference and onnxruntime
/// have it: `share` when the score is that class's share of all.
pub(crate) fn two_sided(t: &mut Translator, score: &Computed, node: Node, share: bool) -> Done<Computed> {
    let logistic = node.text("post_transform") == "LOGISTIC";
    let second = if logistic { t.emit.unary("Sigmoid", score)? } else { score.clone() };
    let first = if logistic || share {
        let one = t.emit.scalar(1.0)?;
        t.emit.binary("Sub", &one, &second)?
    } else {
        t.emit.with_number("Mul", &second, -1.0)?
    };
    let both = t.emit.concat(&[first, second], 1)?;
    if logistic { Ok(both) } else { transformed(t, &both, node) }
}

/// What `post_transform` makes of scores.
pub(crate) fn transformed(t: &mut Translator, scores: &Computed, node: Node) -> Done<Computed> {
    match node.text("post_transform") {
        "" | "NONE" => Ok(scores.clone()),
        "LOGISTIC" => t.emit.unary("Sigmoid", scores),
        "SOFTMAX" => t.emit.softmax(scores, 1),
        _ => refused("its post_transform is neither NONE, LOGISTIC nor SOFTMAX"),
    }
}
