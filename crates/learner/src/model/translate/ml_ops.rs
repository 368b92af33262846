//! The operators of classical machine learning (`ai.onnx.ml`), apart from trees.
//!
//! Owns their translation, and what they share with trees: scores of classes and `post_transform`. Must not know the
//! graph around them.

use super::error::{Result, refused};
use super::movement;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Dim, Tensor, Value};

/// The maximum number of categories of a column; Moodle's columns have fewer.
const MAX_CATEGORIES: usize = 4_096;

pub(crate) fn binarizer(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let threshold = t.builder.scalar(node.float("threshold", 0.0)?)?;
    t.builder.compare("Greater", &x, &threshold)
}

pub(crate) fn feature_vectorizer(t: &mut Translator, node: Node) -> Result<Computed> {
    let parts: Vec<Computed> = (0..node.inputs()).map(|at| t.computed(node, at)).collect::<Result<_>>()?;
    if parts.is_empty() || parts.iter().any(|part| part.shape.len() != 2) {
        return refused("its inputs are not of rows and columns");
    }
    t.builder.concat(&parts, 1)
}

pub(crate) fn linear_regressor(t: &mut Translator, node: Node) -> Result<Computed> {
    let scores = linear(t, node, node.int("targets", 1))?;
    transformed(t, &scores, node)
}

/// A value of rows and columns, and its number of columns.
pub(crate) fn rows(t: &mut Translator, node: Node) -> Result<(Computed, usize)> {
    let x = t.computed(node, 0)?;
    match x.shape.as_slice() {
        [_, columns] if !columns.batch => {
            let columns = columns.size;
            Ok((x, columns))
        }
        _ => refused("its input is not of rows and columns"),
    }
}

/// One number per column, from a list of one number for all or one for each.
fn per_column(values: &[f32], columns: usize) -> Result<Vec<f32>> {
    match values {
        [one] => Ok(vec![*one; columns]),
        all if all.len() == columns => Ok(all.to_vec()),
        _ => refused("it has not one number per column"),
    }
}

pub(crate) fn scaler(t: &mut Translator, node: Node) -> Result<Computed> {
    let (x, columns) = rows(t, node)?;
    let offsets = per_column(node.floats("offset")?, columns)?;
    let scales = per_column(node.floats("scale")?, columns)?;
    let (offsets, scales) = (t.builder.row(&offsets)?, t.builder.row(&scales)?);
    let centred = t.builder.binary("Sub", &x, &offsets)?;
    t.builder.binary("Mul", &centred, &scales)
}

pub(crate) fn imputer(t: &mut Translator, node: Node) -> Result<Computed> {
    let (x, columns) = rows(t, node)?;
    let integers = node.has("imputed_value_int64s");
    let values: Vec<f32> = if integers {
        node.ints("imputed_value_int64s").iter().map(|&value| value as f32).collect()
    } else {
        node.floats("imputed_value_floats")?.to_vec()
    };
    let values = per_column(&values, columns)?;
    let values = t.builder.row(&values)?;
    let replaced = if integers {
        node.int("replaced_value_int64", 0) as f32
    } else {
        // Usually NaN.
        node.number("replaced_value_float", 0.0)
    };
    let flag = if replaced.is_nan() {
        t.builder.is_missing(&x)?
    } else {
        let replaced = t.builder.scalar(replaced)?;
        t.builder.compare("Equal", &x, &replaced)?
    };
    t.builder.choose(&flag, &values, &x)
}

pub(crate) fn normalizer(t: &mut Translator, node: Node) -> Result<Computed> {
    let (x, _) = rows(t, node)?;
    normalized(t, &x, node.text("norm"))
}

/// Each row divided by its norm; a row of zeros stays.
pub(crate) fn normalized(t: &mut Translator, x: &Computed, norm: &str) -> Result<Computed> {
    let size = match norm {
        "L1" => {
            let sizes = t.builder.unary("Abs", x)?;
            t.builder.reduce("ReduceSum", &sizes, &[1])?
        }
        "L2" => {
            let squares = t.builder.binary("Mul", x, x)?;
            let sum = t.builder.reduce("ReduceSum", &squares, &[1])?;
            t.builder.unary("Sqrt", &sum)?
        }
        // Runtimes divide by the largest value, scikit-learn by the largest absolute value.
        _ => return refused("its norm is neither L1 nor L2; tools disagree about the meaning of MAX"),
    };
    let (zero, one) = (t.builder.scalar(0.0)?, t.builder.scalar(1.0)?);
    let empty = t.builder.compare("Equal", &size, &zero)?;
    let size = t.builder.choose(&empty, &one, &size)?;
    t.builder.binary("Div", x, &size)
}

pub(crate) fn one_hot(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let categories: Vec<f32> = node.ints("cats_int64s").iter().map(|&value| value as f32).collect();
    if categories.is_empty() || categories.len() > MAX_CATEGORIES || node.int("zeros", 1) == 0 {
        return refused("its categories are texts, too many, or its zeros is 0");
    }
    let categories = t.builder.constant(&[categories.len()], &categories)?;
    let mut wide = x.shape.clone();
    wide.push(Dim::ONE);
    let wide = t.builder.reshape(&x, wide)?;
    t.builder.compare("Equal", &wide, &categories)
}

pub(crate) fn label_encoder(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let numbers = |floats: &str, ints: &str| -> Result<Vec<f32>> {
        let values = node.floats(floats)?.to_vec();
        Ok(if values.is_empty() { node.ints(ints).iter().map(|&v| v as f32).collect() } else { values })
    };
    let keys = numbers("keys_floats", "keys_int64s")?;
    let values = numbers("values_floats", "values_int64s")?;
    if keys.is_empty() || keys.len() != values.len() || keys.len() > MAX_CATEGORIES {
        return refused("its keys or values are texts, too many, or of different numbers");
    }
    let other = if node.has("values_floats") {
        node.float("default_float", 0.0)?
    } else {
        node.int("default_int64", -1) as f32
    };
    let differences: Vec<f32> = values.iter().map(|value| value - other).collect();
    let keys = t.builder.constant(&[keys.len()], &keys)?;
    let differences = t.builder.constant(&[differences.len()], &differences)?;
    let mut wide = x.shape.clone();
    wide.push(Dim::ONE);
    let wide = t.builder.reshape(&x, wide)?;
    let matches = t.builder.compare("Equal", &wide, &keys)?;
    let parts = t.builder.binary("Mul", &matches, &differences)?;
    let sum = t.builder.reduce("ReduceSum", &parts, &[x.shape.len()])?;
    let sum = t.builder.reshape(&sum, x.shape.clone())?;
    t.builder.with_number("Add", &sum, other)
}

/// Some positions of the last axis.
pub(crate) fn extract(t: &mut Translator, node: Node) -> Result<Computed> {
    let value = t.value(node, 0)?;
    let indices = match t.value(node, 1)? {
        Value::Known(indices) => indices.integers()?,
        Value::Computed(index) => return extract_computed(t, &value, &index),
    };
    let x = t.builder.computed(&value)?;
    let Some((last, rest)) = x.shape.split_last() else { return refused("it reads a single number") };
    if last.batch {
        return refused("it selects some samples of the batch");
    }
    let positions: Option<Vec<usize>> =
        indices.iter().map(|&index| usize::try_from(index).ok().filter(|&index| index < last.size)).collect();
    let Some(positions) = positions else { return refused("a position is outside of its input") };
    let flat = rest.is_empty();
    let taken = t.builder.take(&x, rest.len(), &positions)?;
    if flat { t.builder.reshape(&taken, vec![Dim::ONE, Dim::fixed(positions.len())]) } else { Ok(taken) }
}

fn extract_computed(t: &mut Translator, table: &Value, index: &Computed) -> Result<Computed> {
    let Value::Known(tensor) = table else { return refused("both its data and its positions are computed") };
    let flat = match tensor.dims.as_slice() {
        [_] => table.clone(),
        [1, count] => {
            t.fold(*count)?;
            Tensor::floats_of(vec![*count], tensor.numbers()?)
        }
        _ => return refused("it reads a table by computed positions"),
    };
    let found = movement::look_up(t, &flat, index)?;
    let size = found.shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
    let Some(size) = size else { return refused("its positions are too many") };
    let batch = found.shape.iter().any(|dim| dim.batch);
    t.builder.reshape(&found, vec![Dim::ONE, Dim { size, batch }])
}

fn linear(t: &mut Translator, node: Node, outputs: i64) -> Result<Computed> {
    let (x, columns) = rows(t, node)?;
    let weights = node.floats("coefficients")?;
    let intercepts = node.floats("intercepts")?;
    let outputs = usize::try_from(outputs).unwrap_or(0);
    if outputs == 0 || outputs.checked_mul(columns) != Some(weights.len()) {
        return refused("it has not one coefficient for each column and class");
    }
    let mut transposed = vec![0.0; weights.len()];
    for (at, &weight) in weights.iter().enumerate() {
        transposed[at % columns * outputs + at / columns] = weight;
    }
    let transposed = t.builder.constant(&[columns, outputs], &transposed)?;
    let mut scores = t.builder.mat_mul(&x, &transposed)?;
    if !intercepts.is_empty() {
        let intercepts = per_column(intercepts, outputs)?;
        let intercepts = t.builder.row(&intercepts)?;
        scores = t.builder.binary("Add", &scores, &intercepts)?;
    }
    Ok(scores)
}

pub(crate) fn linear_classifier(t: &mut Translator, node: Node) -> Result<Computed> {
    let classes = node.ints("classlabels_ints").len().max(node.strings("classlabels_strings").len());
    let (_, columns) = rows(t, node)?;
    let outputs = node.floats("coefficients")?.len() / columns.max(1);
    let scores = linear(t, node, outputs as i64)?;
    if outputs == 1 && classes == 2 {
        return two_sided(t, &scores, node, false);
    }
    transformed(t, &scores, node)
}

/// The scores of both classes from that of the second, as the ONNX operator reference and onnxruntime define it:
/// `share` when the score is that class's share of all.
pub(crate) fn two_sided(t: &mut Translator, score: &Computed, node: Node, share: bool) -> Result<Computed> {
    let logistic = node.text("post_transform") == "LOGISTIC";
    let second = if logistic { t.builder.unary("Sigmoid", score)? } else { score.clone() };
    let first = if logistic || share {
        let one = t.builder.scalar(1.0)?;
        t.builder.binary("Sub", &one, &second)?
    } else {
        t.builder.with_number("Mul", &second, -1.0)?
    };
    let both = t.builder.concat(&[first, second], 1)?;
    if logistic { Ok(both) } else { transformed(t, &both, node) }
}

/// Scores after `post_transform`.
pub(crate) fn transformed(t: &mut Translator, scores: &Computed, node: Node) -> Result<Computed> {
    match node.text("post_transform") {
        "" | "NONE" => Ok(scores.clone()),
        "LOGISTIC" => t.builder.unary("Sigmoid", scores),
        "SOFTMAX" => t.builder.softmax(scores, 1),
        _ => refused("its post_transform is neither NONE, LOGISTIC nor SOFTMAX"),
    }
}
