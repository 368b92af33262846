//! The operators of classical machine learning (`ai.onnx.ml`), apart from trees.
//!
//! Owns their translation, and what they share with trees: scores of classes and `post_transform`. Must not know the
//! graph around them.

use super::builder::Builder;
use super::error::{Result, refused};
use super::movement;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Dim, Tensor, Value, elements};

/// The maximum number of categories of a column; Moodle's columns have fewer.
const MAX_CATEGORIES: usize = 4_096;

pub(crate) fn binarizer(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let threshold = builder.scalar(node.float("threshold", 0.0)?)?;
    builder.compare("Greater", x, &threshold)
}

pub(crate) fn feature_vectorizer(translator: &mut Translator, node: Node) -> Result<Computed> {
    let parts: Vec<Computed> =
        (0..node.inputs()).map(|at| translator.computed(node, at)).collect::<Result<_>>()?;
    if parts.is_empty() || parts.iter().any(|part| part.shape.len() != 2) {
        return refused("its inputs are not of rows and columns");
    }
    translator.builder.concat(&parts, 1)
}

pub(crate) fn linear_regressor(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let targets = usize::try_from(node.int("targets", 1)).unwrap_or(0);
    let scores = linear(builder, node, x, targets)?;
    transformed(builder, &scores, node)
}

/// The number of columns of a value of rows and columns.
pub(crate) fn columns(x: &Computed) -> Result<usize> {
    match x.shape.as_slice() {
        [_, columns] if !columns.batch => Ok(columns.size),
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

pub(crate) fn scaler(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let columns = columns(x)?;
    let offsets = per_column(node.floats("offset")?, columns)?;
    let scales = per_column(node.floats("scale")?, columns)?;
    let (offsets, scales) = (builder.row(&offsets)?, builder.row(&scales)?);
    let centred = builder.binary("Sub", x, &offsets)?;
    builder.binary("Mul", &centred, &scales)
}

pub(crate) fn imputer(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let columns = columns(x)?;
    let integers = node.has("imputed_value_int64s");
    let values: Vec<f32> = if integers {
        node.ints("imputed_value_int64s").iter().map(|&value| value as f32).collect()
    } else {
        node.floats("imputed_value_floats")?.to_vec()
    };
    let values = per_column(&values, columns)?;
    let values = builder.row(&values)?;
    let replaced = if integers {
        node.int("replaced_value_int64", 0) as f32
    } else {
        // Usually NaN.
        node.number("replaced_value_float", 0.0)
    };
    let flag = if replaced.is_nan() {
        builder.is_missing(x)?
    } else if replaced.is_infinite() {
        // skl2onnx's PowerTransformer replaces infinity in the branch that the sign of a value does not choose, and
        // multiplies it by 0. Runtimes differ in what 0 times infinity is, so that negative infinity is replaced too.
        let size = builder.unary("Abs", x)?;
        let max = builder.scalar(f32::MAX)?;
        builder.compare("Greater", &size, &max)?
    } else {
        let replaced = builder.scalar(replaced)?;
        builder.compare("Equal", x, &replaced)?
    };
    builder.choose(&flag, &values, x)
}

pub(crate) fn normalizer(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    columns(x)?;
    normalized(builder, x, node.text("norm"))
}

/// Each row divided by its norm; a row of zeros stays.
pub(crate) fn normalized(builder: &mut Builder, x: &Computed, norm: &str) -> Result<Computed> {
    let size = match norm {
        "L1" => {
            let sizes = builder.unary("Abs", x)?;
            builder.reduce("ReduceSum", &sizes, &[1])?
        }
        "L2" => {
            let squares = builder.binary("Mul", x, x)?;
            let sum = builder.reduce("ReduceSum", &squares, &[1])?;
            builder.unary("Sqrt", &sum)?
        }
        // Runtimes divide by the largest value, scikit-learn by the largest absolute value.
        _ => return refused("its norm is neither L1 nor L2; tools disagree about the meaning of MAX"),
    };
    let (zero, one) = (builder.scalar(0.0)?, builder.scalar(1.0)?);
    let empty = builder.compare("Equal", &size, &zero)?;
    let size = builder.choose(&empty, &one, &size)?;
    builder.binary("Div", x, &size)
}

pub(crate) fn one_hot(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let categories: Vec<f32> = node.ints("cats_int64s").iter().map(|&value| value as f32).collect();
    if categories.is_empty() || categories.len() > MAX_CATEGORIES {
        return refused(format!("its categories are texts, or more than {MAX_CATEGORIES}, a fixed limit"));
    }
    // With zeros = 0, a runtime fails on an unknown category. A prediction must not fail for all samples because of one,
    // so that it counts as none of the known ones, as with handle_unknown="ignore" in scikit-learn. So does a missing one.
    let categories = builder.constant(&[categories.len()], &categories)?;
    let missing_lost = builder.missing_lost;
    let matches = movement::matches(builder, x, &categories)?;
    builder.missing_lost = missing_lost;
    Ok(Computed { may_be_missing: false, ..matches })
}

pub(crate) fn label_encoder(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
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
    let sum = movement::map_values(builder, x, &keys, &differences)?;
    builder.with_number("Add", &sum, other)
}

/// Some positions of the last axis.
pub(crate) fn extract(translator: &mut Translator, node: Node) -> Result<Computed> {
    let value = translator.value(node, 0)?;
    let indices = match translator.value(node, 1)? {
        Value::Known(indices) => indices.integers()?,
        Value::Computed(index) => return extract_computed(translator, &value, &index),
    };
    let x = translator.builder.computed(&value)?;
    let Some((last, rest)) = x.shape.split_last() else { return refused("it reads a single number") };
    if last.batch {
        return refused("it selects some samples of the batch");
    }
    let position = |&index: &i64| usize::try_from(index).ok().filter(|&index| index < last.size);
    let Some(positions) = indices.iter().map(position).collect::<Option<Vec<usize>>>() else {
        return refused("a position is outside of its input");
    };
    let taken = translator.builder.take(&x, rest.len(), &positions)?;
    if !rest.is_empty() {
        return Ok(taken);
    }
    translator.builder.reshape(&taken, vec![Dim::ONE, Dim::fixed(positions.len())])
}

fn extract_computed(translator: &mut Translator, table: &Value, index: &Computed) -> Result<Computed> {
    let Value::Known(tensor) = table else { return refused("both its data and its positions are computed") };
    let flat = match tensor.dims.as_slice() {
        [_] => table.clone(),
        [1, count] => {
            translator.fold(*count)?;
            Tensor::floats_of(vec![*count], tensor.numbers()?)
        }
        _ => return refused("it reads a table by computed positions"),
    };
    let found = movement::look_up(&mut translator.builder, &flat, index)?;
    let Some(size) = elements(&found.shape) else { return refused("its positions are too many") };
    let batch = found.shape.iter().any(|dim| dim.batch);
    translator.builder.reshape(&found, vec![Dim::ONE, Dim { size, batch }])
}

fn linear(builder: &mut Builder, node: Node, x: &Computed, outputs: usize) -> Result<Computed> {
    let columns = columns(x)?;
    let weights = node.floats("coefficients")?;
    let intercepts = node.floats("intercepts")?;
    if outputs == 0 || outputs.checked_mul(columns) != Some(weights.len()) {
        return refused("it has not one coefficient for each column and class");
    }
    let mut transposed = vec![0.0; weights.len()];
    for (at, &weight) in weights.iter().enumerate() {
        transposed[at % columns * outputs + at / columns] = weight;
    }
    let transposed = builder.constant(&[columns, outputs], &transposed)?;
    let mut scores = builder.mat_mul(x, &transposed)?;
    if !intercepts.is_empty() {
        let intercepts = per_column(intercepts, outputs)?;
        let intercepts = builder.row(&intercepts)?;
        scores = builder.binary("Add", &scores, &intercepts)?;
    }
    Ok(scores)
}

pub(crate) fn linear_classifier(translator: &mut Translator, node: Node) -> Result<Computed> {
    let classes = node.ints("classlabels_ints").len().max(node.strings("classlabels_strings").len());
    let x = translator.computed(node, 0)?;
    let builder = &mut translator.builder;
    let columns = columns(&x)?;
    let outputs = node.floats("coefficients")?.len() / columns.max(1);
    let scores = linear(builder, node, &x, outputs)?;
    if outputs == 1 && classes == 2 {
        return two_sided(builder, &scores, node, false);
    }
    transformed(builder, &scores, node)
}

/// The scores of both classes from that of the second, as the ONNX operator reference and onnxruntime define it:
/// `share` when the score is that class's share of all.
pub(crate) fn two_sided(
    builder: &mut Builder,
    score: &Computed,
    node: Node,
    share: bool,
) -> Result<Computed> {
    let logistic = node.text("post_transform") == "LOGISTIC";
    let second = if logistic { builder.unary("Sigmoid", score)? } else { score.clone() };
    let first = if logistic || share {
        let one = builder.scalar(1.0)?;
        builder.binary("Sub", &one, &second)?
    } else {
        builder.with_number("Mul", &second, -1.0)?
    };
    let both = builder.concat(&[first, second], 1)?;
    if logistic { Ok(both) } else { transformed(builder, &both, node) }
}

/// Scores after `post_transform`.
pub(crate) fn transformed(builder: &mut Builder, scores: &Computed, node: Node) -> Result<Computed> {
    post_transformed(builder, scores, node.text("post_transform"))
}

/// Scores after the transformation of this name.
pub(crate) fn post_transformed(builder: &mut Builder, scores: &Computed, name: &str) -> Result<Computed> {
    match name {
        "" | "NONE" => Ok(scores.clone()),
        "LOGISTIC" => builder.unary("Sigmoid", scores),
        "SOFTMAX" => builder.softmax(scores, 1),
        _ => refused("its post_transform is neither NONE, LOGISTIC nor SOFTMAX"),
    }
}
