//! Operators that move values without changing them.
//!
//! Owns their translation, and the calculation of constants among their inputs. Must not take some samples of a batch:
//! the builder refuses it.

use tract_onnx::pb::tensor_proto::DataType;

use super::builder::Builder;
use super::error::{Result, refused};
use super::node::{HALF_PRECISION, Node};
use super::translator::Translator;
use super::value::{Computed, Data, Dim, Integer, Tensor, Value, axis_of};

pub(crate) fn identity(translator: &mut Translator, node: Node) -> Result<Value> {
    translator.value(node, 0)
}

pub(crate) fn cast(translator: &mut Translator, node: Node) -> Result<Value> {
    let value = translator.value(node, 0)?;
    let to = i32::try_from(node.int("to", 0)).ok().and_then(|to| DataType::try_from(to).ok());
    match (to, value) {
        (Some(DataType::Float | DataType::Double), Value::Computed(value)) => {
            Ok(Value::Computed(Computed { integers: false, ..value }))
        }
        (Some(DataType::Float | DataType::Double), Value::Known(tensor)) => match &tensor.data {
            Data::Integers(values) if values.iter().all(|value| !value.batch) => {
                translator.fold(values.len())?;
                Ok(Tensor::floats_of(tensor.dims.clone(), tensor.numbers()?))
            }
            _ => Ok(Value::Known(tensor)),
        },
        (Some(DataType::Int64 | DataType::Int32), Value::Computed(value)) => {
            let integers = if value.integers { value } else { truncated(&mut translator.builder, &value)? };
            Ok(Value::Computed(integers))
        }
        (Some(DataType::Int64 | DataType::Int32), Value::Known(tensor)) => {
            let Data::Floats(values) = &tensor.data else { return Ok(Value::Known(tensor)) };
            translator.fold(values.len())?;
            let integers = values.iter().map(|&value| Integer { number: value as i64, batch: false });
            Ok(Tensor::integers_of(tensor.dims.clone(), integers.collect()))
        }
        (Some(DataType::Bool), value) => {
            let value = translator.builder.computed(&value)?;
            let zero = translator.builder.scalar(0.0)?;
            let none = translator.builder.compare("Equal", &value, &zero)?;
            translator.builder.not(&none).map(Value::Computed)
        }
        (Some(DataType::Float16 | DataType::Bfloat16), _) => refused(HALF_PRECISION),
        _ => refused("it converts to something else than numbers"),
    }
}

/// Rounded towards zero: the absolute value rounded down, times the sign.
fn truncated(builder: &mut Builder, x: &Computed) -> Result<Computed> {
    let missing_lost = builder.missing_lost;
    let zero = builder.scalar(0.0)?;
    let (above, below) = (builder.compare("Greater", x, &zero)?, builder.compare("Greater", &zero, x)?);
    let sign = builder.binary("Sub", &above, &below)?;
    let size = builder.unary("Abs", x)?;
    let size = builder.unary("Floor", &size)?;
    let truncated = builder.binary("Mul", &size, &sign)?;
    // A missing value stays missing: NaN times 0.
    builder.missing_lost = missing_lost;
    Ok(Computed { integers: true, ..truncated })
}

pub(crate) fn constant(translator: &mut Translator, node: Node) -> Result<Value> {
    if let Some(proto) = node.tensor("value") {
        return translator.known(proto);
    }
    let integers = |dims, values: &[i64]| {
        Tensor::integers_of(dims, values.iter().map(|&number| Integer { number, batch: false }).collect())
    };
    if node.has("value_float") {
        return Ok(Tensor::floats_of(Vec::new(), vec![node.float("value_float", 0.0)?]));
    }
    if node.has("value_int") {
        return Ok(integers(Vec::new(), &[node.int("value_int", 0)]));
    }
    if node.has("value_floats") {
        let values = node.floats("value_floats")?;
        return Ok(Tensor::floats_of(vec![values.len()], values.to_vec()));
    }
    if node.has("value_ints") {
        let values = node.ints("value_ints");
        translator.fold(values.len())?;
        return Ok(integers(vec![values.len()], values));
    }
    refused("its value is neither a number nor a tensor of numbers")
}

pub(crate) fn transpose(translator: &mut Translator, node: Node) -> Result<Value> {
    let x = translator.computed(node, 0)?;
    let rank = x.shape.len();
    let given = node.ints("perm");
    let order: Vec<usize> = if given.is_empty() {
        (0..rank).rev().collect()
    } else {
        given.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<_>>()?
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return refused("its perm is not a permutation of all axes");
    }
    translator.builder.transpose(&x, &order).map(Value::Computed)
}

pub(crate) fn concat(translator: &mut Translator, node: Node) -> Result<Value> {
    let values: Vec<Value> =
        (0..node.inputs()).map(|at| translator.value(node, at)).collect::<Result<_>>()?;
    let lists: Option<Vec<&[Integer]>> = values.iter().map(Value::integer_list).collect();
    if let Some(lists) = lists.filter(|lists| !lists.is_empty()) {
        translator.fold(lists.iter().map(|list| list.len()).sum())?;
        let all = lists.concat();
        return Ok(Tensor::integers_of(vec![all.len()], all));
    }
    let parts: Vec<Computed> =
        values.iter().map(|value| translator.builder.computed(value)).collect::<Result<_>>()?;
    let Some(first) = parts.first() else { return refused("it has no inputs") };
    let axis = axis_of(node.int("axis", 1), first.shape.len())?;
    translator.builder.concat(&parts, axis).map(Value::Computed)
}

fn positions(indices: &[i64], size: usize) -> Result<Vec<usize>> {
    indices.iter().map(|&index| axis_of(index, size)).collect()
}

pub(crate) fn gather(translator: &mut Translator, node: Node) -> Result<Value> {
    let data = translator.value(node, 0)?;
    let rank = data.shape().len();
    let axis = axis_of(node.int("axis", 0), rank)?;
    let indices = match translator.value(node, 1)? {
        Value::Known(indices) => indices,
        Value::Computed(index) => {
            return look_up(&mut translator.builder, &data, &index).map(Value::Computed);
        }
    };
    if let Some(values) = data.integer_list() {
        let positions = positions(&indices.integers()?, values.len())?;
        translator.fold(positions.len())?;
        let taken = positions.iter().map(|&position| values[position]).collect();
        return Ok(Tensor::integers_of(indices.dims.clone(), taken));
    }
    let data = translator.builder.computed(&data)?;
    let dim = data.shape[axis];
    if dim.batch {
        return refused("it selects some samples of the batch");
    }
    let taken = translator.builder.take(&data, axis, &positions(&indices.integers()?, dim.size)?)?;
    let mut shape = taken.shape.clone();
    shape.splice(axis..=axis, indices.dims.iter().map(|&size| Dim::fixed(size)));
    translator.builder.reshape(&taken, shape).map(Value::Computed)
}

/// Values of a constant list at computed positions.
pub(crate) fn look_up(builder: &mut Builder, table: &Value, index: &Computed) -> Result<Computed> {
    let Value::Known(table) = table else { return refused("both its data and its positions are computed") };
    let values = table.numbers()?;
    if table.dims.len() != 1 || values.is_empty() {
        return refused(
            "it looks up rows of a table by the value of a column, as an embedding of categories does; indicators are \
             numbers, so train the model without an embedding",
        );
    }
    let positions: Vec<f32> = (0..values.len()).map(|position| position as f32).collect();
    let done = map_values(builder, index, &positions, &values)?;
    Ok(Computed { integers: matches!(table.data, Data::Integers(_)), ..done })
}

/// Replaces each key by its value, and every other number by 0: the sum of all values, each times a flag that its key
/// matches.
pub(crate) fn map_values(
    builder: &mut Builder,
    x: &Computed,
    keys: &[f32],
    values: &[f32],
) -> Result<Computed> {
    let keys = builder.constant(&[keys.len()], keys)?;
    let values = builder.constant(&[values.len()], values)?;
    let matches = matches(builder, x, &keys)?;
    let parts = builder.binary("Mul", &matches, &values)?;
    let sum = builder.reduce("ReduceSum", &parts, &[x.shape.len()])?;
    builder.reshape(&sum, x.shape.clone())
}

/// A flag for each key of a list, along a new last axis: whether a value equals it.
pub(crate) fn matches(builder: &mut Builder, x: &Computed, keys: &Computed) -> Result<Computed> {
    let mut wide = x.shape.clone();
    wide.push(Dim::ONE);
    let wide = builder.reshape(x, wide)?;
    builder.compare("Equal", &wide, keys)
}

pub(crate) fn slice(translator: &mut Translator, node: Node) -> Result<Value> {
    let list = |at, name| translator.integers(node, at, name);
    let (starts, ends, axes) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?);
    let steps = list(4, "steps")?;
    let mut value = translator.value(node, 0)?;
    let rank = value.shape().len();
    let axes: Vec<i64> = if axes.is_empty() { (0..starts.len() as i64).collect() } else { axes };
    let fits = starts.len() == ends.len() && starts.len() == axes.len();
    if !fits || !(steps.is_empty() || steps.len() == starts.len()) {
        return refused("its lists are not of one length");
    }
    for at in 0..starts.len() {
        let axis = axis_of(axes[at], rank)?;
        let dim = value.shape()[axis];
        let step = steps.get(at).copied().unwrap_or(1);
        if dim.batch && starts[at] == 0 && ends[at] >= i64::from(i32::MAX) && step == 1 {
            continue;
        }
        let positions = range(starts[at], ends[at], step, dim.size)?;
        value = if let Some(values) = value.integer_list() {
            translator.fold(positions.len())?;
            let taken = positions.iter().map(|&position| values[position]).collect();
            Tensor::integers_of(vec![positions.len()], taken)
        } else {
            let x = translator.builder.computed(&value)?;
            Value::Computed(translator.builder.take(&x, axis, &positions)?)
        };
    }
    Ok(value)
}

/// The positions that a slice selects, by the rules of the ONNX operator reference.
fn range(start: i64, end: i64, step: i64, size: usize) -> Result<Vec<usize>> {
    let size = size as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    if step <= 0 {
        return refused("its step is not positive");
    }
    let (start, end) = (from_end(start).clamp(0, size), from_end(end).clamp(0, size));
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    Ok((start as usize..end as usize).step_by(step).collect())
}

pub(crate) fn split(translator: &mut Translator, node: Node) -> Result<Vec<Value>> {
    let x = translator.computed(node, 0)?;
    let axis = axis_of(node.int("axis", 0), x.shape.len())?;
    let outputs = node.proto.output.len();
    let sizes = translator.integers(node, 1, "split")?;
    let dim = x.shape[axis];
    let sizes: Vec<usize> = if sizes.is_empty() {
        let each = dim.size.div_ceil(outputs.max(1));
        (0..outputs).map(|at| each.min(dim.size.saturating_sub(at * each))).collect()
    } else {
        sizes.into_iter().map(|size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
    };
    let sum = sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
    if dim.batch || sizes.len() != outputs || sum != Some(dim.size) {
        return refused("its parts do not fit its input");
    }
    let mut from = 0;
    let mut parts = Vec::with_capacity(outputs);
    for size in sizes {
        let positions: Vec<usize> = (from..from + size).collect();
        parts.push(Value::Computed(translator.builder.take(&x, axis, &positions)?));
        from += size;
    }
    Ok(parts)
}
