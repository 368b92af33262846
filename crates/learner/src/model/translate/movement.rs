//! Plain operators that move values without changing them.

use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;

use super::graph_walk::Translator;
use super::node::Node;
use super::value::{Computed, Data, Dim, Tensor, Value, Whole, axis_of};
use super::{Done, refused, shape_ops};

/// The results of such an operator; `None` for another.
pub(crate) fn translate(t: &mut Translator, node: Node) -> Done<Option<Vec<Value>>> {
    let op = node.proto.op_type.as_str();
    let done = match op {
        "Identity" | "Dropout" => t.value(node, 0)?,
        "Cast" => cast(t, node)?,
        "Constant" => constant(t, node)?,
        "Shape" => shape_ops::shape(t, node)?,
        "ConstantOfShape" => shape_ops::constant_of_shape(t, node)?,
        "Expand" => shape_ops::expand(t, node)?,
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => shape_ops::reshape(t, node)?,
        "Transpose" => transpose(t, node)?,
        "Concat" => concat(t, node)?,
        "Gather" => gather(t, node)?,
        "Slice" => slice(t, node)?,
        "Split" => return split(t, node).map(Some),
        _ => return Ok(None),
    };
    Ok(Some(vec![done]))
}

fn cast(t: &mut Translator, node: Node) -> Done<Value> {
    let value = t.value(node, 0)?;
    let to = i32::try_from(node.int("to", 0)).ok().and_then(|to| DataType::try_from(to).ok());
    match (to, value) {
        (Some(DataType::Float | DataType::Double), Value::Computed(value)) => {
            Ok(Value::Computed(Computed { whole: false, ..value }))
        }
        (Some(DataType::Float | DataType::Double), Value::Known(tensor)) => match &tensor.data {
            Data::Whole(values) if values.iter().any(|value| value.batch) => Ok(Value::Known(tensor)),
            Data::Whole(values) => {
                t.fold(values.len())?;
                Ok(Tensor::floats(tensor.dims.clone(), tensor.numbers()?))
            }
            Data::Floats(_) => Ok(Value::Known(tensor)),
        },
        (Some(DataType::Int64 | DataType::Int32), Value::Computed(value)) if value.whole => {
            Ok(Value::Computed(value))
        }
        (Some(DataType::Int64 | DataType::Int32), Value::Computed(value)) => {
            truncated(t, &value).map(Value::Computed)
        }
        (Some(DataType::Int64 | DataType::Int32), Value::Known(tensor)) => match &tensor.data {
            Data::Whole(_) => Ok(Value::Known(tensor)),
            Data::Floats(values) => {
                t.fold(values.len())?;
                let whole =
                    values.iter().map(|&value| Whole { number: value as i64, batch: false }).collect();
                Ok(Tensor::whole(tensor.dims.clone(), whole))
            }
        },
        (Some(DataType::Bool), value) => {
            let value = t.emit.computed(&value)?;
            let zero = t.emit.scalar(0.0)?;
            let none = t.emit.compare("Equal", &value, &zero)?;
            t.emit.not(&none).map(Value::Computed)
        }
        _ => refused("it makes something else than numbers of its input"),
    }
}

/// Rounded towards zero: the size rounded down, times the sign.
fn truncated(t: &mut Translator, x: &Computed) -> Done<Computed> {
    let zero = t.emit.scalar(0.0)?;
    let (above, below) = (t.emit.compare("Greater", x, &zero)?, t.emit.compare("Greater", &zero, x)?);
    let sign = t.emit.binary("Sub", &above, &below)?;
    let size = t.emit.unary("Abs", x)?;
    let size = t.emit.unary("Floor", &size)?;
    let truncated = t.emit.binary("Mul", &size, &sign)?;
    Ok(Computed { whole: true, ..truncated })
}

fn constant(t: &mut Translator, node: Node) -> Done<Value> {
    if let Some(proto) = node.tensor("value") {
        return t.known(proto);
    }
    let whole = |dims, values: &[i64]| {
        Tensor::whole(dims, values.iter().map(|&number| Whole { number, batch: false }).collect())
    };
    if node.has("value_float") {
        return Ok(Tensor::floats(Vec::new(), vec![node.float("value_float", 0.0)?]));
    }
    if node.has("value_int") {
        return Ok(whole(Vec::new(), &[node.int("value_int", 0)]));
    }
    if node.has("value_floats") {
        let values = node.floats("value_floats")?;
        return Ok(Tensor::floats(vec![values.len()], values.to_vec()));
    }
    if node.has("value_ints") {
        let values = node.ints("value_ints");
        t.fold(values.len())?;
        return Ok(whole(vec![values.len()], values));
    }
    refused("its value is of a kind that is not known")
}

fn transpose(t: &mut Translator, node: Node) -> Done<Value> {
    let x = t.computed(node, 0)?;
    let rank = x.shape.len();
    let given = node.ints("perm");
    let order: Vec<usize> = if given.is_empty() {
        (0..rank).rev().collect()
    } else {
        given.iter().map(|&axis| axis_of(axis, rank)).collect::<Done<_>>()?
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return refused("its axes are not all, each once");
    }
    t.emit.transpose(&x, &order).map(Value::Computed)
}

fn concat(t: &mut Translator, node: Node) -> Done<Value> {
    let values: Vec<Value> = (0..node.inputs()).map(|at| t.value(node, at)).collect::<Done<_>>()?;
    let wholes: Option<Vec<Rc<Tensor>>> = values
        .iter()
        .map(|value| match value {
            Value::Known(tensor) if tensor.dims.len() == 1 && matches!(tensor.data, Data::Whole(_)) => {
                Some(Rc::clone(tensor))
            }
            _ => None,
        })
        .collect();
    if let Some(parts) = wholes.filter(|parts| !parts.is_empty()) {
        let mut all = Vec::new();
        for part in parts {
            if let Data::Whole(values) = &part.data {
                t.fold(values.len())?;
                all.extend(values);
            }
        }
        return Ok(Tensor::whole(vec![all.len()], all));
    }
    let parts: Vec<Computed> = values.iter().map(|value| t.emit.computed(value)).collect::<Done<_>>()?;
    let Some(first) = parts.first() else { return refused("it has no inputs") };
    let axis = axis_of(node.int("axis", 1), first.shape.len())?;
    t.emit.concat(&parts, axis).map(Value::Computed)
}

fn places(indices: &[i64], size: usize) -> Done<Vec<usize>> {
    indices.iter().map(|&index| axis_of(index, size)).collect()
}

fn gather(t: &mut Translator, node: Node) -> Done<Value> {
    let data = t.value(node, 0)?;
    let rank = data.shape().len();
    let axis = axis_of(node.int("axis", 0), rank)?;
    let indices = match t.value(node, 1)? {
        Value::Known(indices) => indices,
        Value::Computed(index) => return look_up(t, &data, &index).map(Value::Computed),
    };
    if let Value::Known(tensor) = &data
        && let Data::Whole(values) = &tensor.data
        && rank == 1
    {
        let places = places(&indices.integers()?, values.len())?;
        t.fold(places.len())?;
        let taken = places.iter().map(|&place| values[place]).collect();
        return Ok(Tensor::whole(indices.dims.clone(), taken));
    }
    let data = t.emit.computed(&data)?;
    let dim = data.shape[axis];
    if dim.batch {
        return refused("it takes some samples of all");
    }
    let taken = t.emit.take(&data, axis, &places(&indices.integers()?, dim.size)?)?;
    let mut shape = taken.shape.clone();
    shape.splice(axis..=axis, indices.dims.iter().map(|&size| Dim::fixed(size)));
    t.emit.reshape(&taken, shape).map(Value::Computed)
}

/// Values of a constant list by computed positions: the sum of the list's values times "is it this one?".
pub(crate) fn look_up(t: &mut Translator, table: &Value, index: &Computed) -> Done<Computed> {
    let Value::Known(table) = table else { return refused("both what it reads and where are computed") };
    let values = table.numbers()?;
    if table.dims.len() != 1 || values.is_empty() {
        return refused("it looks up something else than single numbers");
    }
    let places: Vec<f32> = (0..values.len()).map(|place| place as f32).collect();
    let places = t.emit.constant(&[values.len()], &places)?;
    let values = t.emit.constant(&[values.len()], &values)?;
    let mut wide = index.shape.clone();
    wide.push(Dim::ONE);
    let wide = t.emit.reshape(index, wide)?;
    let this = t.emit.compare("Equal", &wide, &places)?;
    let parts = t.emit.binary("Mul", &this, &values)?;
    let sum = t.emit.reduce("ReduceSum", &parts, &[index.shape.len()])?;
    let done = t.emit.reshape(&sum, index.shape.clone())?;
    Ok(Computed { whole: matches!(table.data, Data::Whole(_)), ..done })
}

fn slice(t: &mut Translator, node: Node) -> Done<Value> {
    let list = |at: usize, name: &str| -> Done<Vec<i64>> {
        if node.has_input(at) { t.integers(node, at) } else { Ok(node.ints(name).to_vec()) }
    };
    let (starts, ends, axes) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?);
    let steps = list(4, "steps")?;
    let value = t.value(node, 0)?;
    let rank = value.shape().len();
    let axes: Vec<i64> = if axes.is_empty() { (0..starts.len() as i64).collect() } else { axes };
    let fits = starts.len() == ends.len() && starts.len() == axes.len();
    if !fits || !(steps.is_empty() || steps.len() == starts.len()) {
        return refused("its lists are not of one length");
    }
    let mut value = value;
    for at in 0..starts.len() {
        let axis = axis_of(axes[at], rank)?;
        let dim = value.shape()[axis];
        let step = steps.get(at).copied().unwrap_or(1);
        if dim.batch && starts[at] == 0 && ends[at] >= i64::from(i32::MAX) && step == 1 {
            continue;
        }
        let places = range(starts[at], ends[at], step, dim.size)?;
        value = match &value {
            Value::Known(tensor) if rank == 1 && matches!(tensor.data, Data::Whole(_)) => {
                let Data::Whole(values) = &tensor.data else { return refused("it is no list") };
                t.fold(places.len())?;
                Tensor::whole(vec![places.len()], places.iter().map(|&place| values[place]).collect())
            }
            _ => {
                let x = t.emit.computed(&value)?;
                Value::Computed(t.emit.take(&x, axis, &places)?)
            }
        };
    }
    Ok(value)
}

/// Which places a slice takes, by the rules of the ONNX operator reference.
fn range(start: i64, end: i64, step: i64, size: usize) -> Done<Vec<usize>> {
    let size = size as i64;
    let counted = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    if step <= 0 {
        return refused("it goes backwards");
    }
    let (start, end) = (counted(start).clamp(0, size), counted(end).clamp(0, size));
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    Ok((start as usize..end as usize).step_by(step).collect())
}

fn split(t: &mut Translator, node: Node) -> Done<Vec<Value>> {
    let x = t.computed(node, 0)?;
    let axis = axis_of(node.int("axis", 0), x.shape.len())?;
    let outputs = node.proto.output.len();
    let sizes = if node.has_input(1) { t.integers(node, 1)? } else { node.ints("split").to_vec() };
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
        let places: Vec<usize> = (from..from + size).collect();
        parts.push(Value::Computed(t.emit.take(&x, axis, &places)?));
        from += size;
    }
    Ok(parts)
}
