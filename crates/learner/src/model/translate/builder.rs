//! Builds the translated graph: each method adds a few nodes and knows their shape.
//!
//! Owns the limits on the size of a translated graph, and the rule that samples of a batch are never mixed. Must not
//! know the operators that are translated.

use std::collections::HashMap;
use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;

use super::error::{Result, refused};
use super::value::{Computed, Data, Dim, Shape, Tensor, Value, broadcast, elements};
use crate::model::graph::Graph;
use crate::model::tree_ensemble::{self, TreeEnsemble};

/// The maximum number of elements of all constants together: the floats that fit into a model file that can be
/// imported, so an export of a translated model can be imported again.
const MAX_ELEMENTS: usize = 7_000_000;
/// The maximum number of elements of one value per sample; an index may be needed for each.
const MAX_PER_SAMPLE: usize = 100_000;
/// The same for a value that does not depend on the sample.
const MAX_CONSTANT: usize = 1 << 23;
/// The maximum number of nodes, a little below the limit of the check of model files.
const MAX_NODES: usize = 9_900;

/// The translated graph under construction.
pub(crate) struct Builder {
    pub graph: Graph,
    /// The constants so far: each is written once, when it is used first.
    written: HashMap<*const Tensor, (Rc<Tensor>, Computed)>,
    elements: usize,
    nodes: usize,
    trees: tree_ensemble::Size,
    /// Whether an operator that need not give NaN for NaN read a missing value: runtimes differ in its output.
    pub missing_lost: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            graph: Graph::new("moodle_mlbackend"),
            written: HashMap::new(),
            elements: 0,
            nodes: 0,
            trees: tree_ensemble::Size::default(),
            missing_lost: false,
        }
    }

    fn count(&mut self, nodes: usize, elements: usize) -> Result<()> {
        self.nodes += nodes;
        self.elements = self.elements.saturating_add(elements);
        if self.nodes > MAX_NODES {
            return refused(format!("it takes more than {MAX_NODES} operators, a fixed limit"));
        }
        if self.elements > MAX_ELEMENTS {
            return refused(format!("its constants have more than {MAX_ELEMENTS} numbers, a fixed limit"));
        }
        Ok(())
    }

    /// Counts a node whose output may be larger than its inputs.
    fn count_growing(&mut self, shape: &[Dim]) -> Result<()> {
        let max = if shape.iter().any(|dim| dim.batch) { MAX_PER_SAMPLE } else { MAX_CONSTANT };
        match elements(shape) {
            Some(size) if size <= max => self.count(1, 0),
            _ => refused("it makes a value of an impossible size"),
        }
    }

    /// A value of the translated graph; a constant is added to it first.
    pub(crate) fn computed(&mut self, value: &Value) -> Result<Computed> {
        let tensor = match value {
            Value::Computed(value) => return Ok(value.clone()),
            Value::Known(tensor) => tensor,
        };
        if let Some((_, written)) = self.written.get(&Rc::as_ptr(tensor)) {
            return Ok(written.clone());
        }
        let written = self.constant(&tensor.dims, &tensor.numbers()?)?;
        let written = Computed { integers: matches!(tensor.data, Data::Integers(_)), ..written };
        self.written.insert(Rc::as_ptr(tensor), (Rc::clone(tensor), written.clone()));
        Ok(written)
    }

    pub(crate) fn constant(&mut self, dims: &[usize], values: &[f32]) -> Result<Computed> {
        if !values.iter().all(|value| value.is_finite()) {
            return refused("a weight is not finite");
        }
        self.count(0, values.len())?;
        let name = self.graph.floats(dims, values);
        Ok(Computed::new(name, dims.iter().map(|&size| Dim::fixed(size)).collect()))
    }

    pub(crate) fn scalar(&mut self, value: f32) -> Result<Computed> {
        self.constant(&[], &[value])
    }

    /// A row of values, to broadcast with rows × columns.
    pub(crate) fn row(&mut self, values: &[f32]) -> Result<Computed> {
        self.constant(&[1, values.len()], values)
    }

    /// An operator that keeps the shape.
    pub(crate) fn unary(&mut self, op: &str, x: &Computed) -> Result<Computed> {
        self.missing_lost |= x.may_be_missing && !matches!(op, "Abs" | "IsNaN");
        self.count(1, 0)?;
        let name = self.graph.op(op, &[&x.name]);
        let may_be_undefined = x.may_be_undefined || matches!(op, "Exp" | "Log" | "Sqrt");
        let done = Computed { name, may_be_undefined, integers: false, flags_missing: false, ..x.clone() };
        if matches!(op, "Relu" | "Sigmoid" | "Tanh") { self.keep_undefined(&[x], done) } else { Ok(done) }
    }

    /// NaN where an input is NaN by a calculation. The operators of ONNX compute NaN from NaN; tract's `Sigmoid`, for
    /// example, computes 0, which would be a confident class.
    fn keep_undefined(&mut self, inputs: &[&Computed], mut done: Computed) -> Result<Computed> {
        for input in inputs.iter().filter(|input| input.may_be_undefined) {
            self.count(1, 0)?;
            self.count_growing(&done.shape)?;
            let undefined = self.graph.op("IsNaN", &[&input.name]);
            done.name = self.graph.op("Where", &[&undefined, &input.name, &done.name]);
        }
        Ok(done)
    }

    /// An operator on two values whose shapes broadcast.
    pub(crate) fn binary(&mut self, op: &str, a: &Computed, b: &Computed) -> Result<Computed> {
        let shape = broadcast(&a.shape, &b.shape)?;
        let keeps = matches!(op, "Add" | "Sub" | "Mul" | "Div");
        self.missing_lost |= (a.may_be_missing || b.may_be_missing) && !keeps;
        self.count_growing(&shape)?;
        let name = self.graph.op(op, &[&a.name, &b.name]);
        let done = Computed::from_inputs(name, shape, [a, b]);
        let may_be_undefined = done.may_be_undefined || matches!(op, "Div" | "Pow");
        let integers = done.integers && !matches!(op, "Div" | "Pow");
        let done = Computed { may_be_undefined, integers, ..done };
        if matches!(op, "Max" | "Min") { self.keep_undefined(&[a, b], done) } else { Ok(done) }
    }

    pub(crate) fn with_number(&mut self, op: &str, a: &Computed, number: f32) -> Result<Computed> {
        let number = self.scalar(number)?;
        self.binary(op, a, &number)
    }

    /// 1 where the comparison of `a` and `b` holds, else 0: `Greater` or `Equal`.
    pub(crate) fn compare(&mut self, op: &str, a: &Computed, b: &Computed) -> Result<Computed> {
        let truth = self.binary(op, a, b)?;
        self.as_flag(truth)
    }

    /// 1 where a value is missing, else 0.
    pub(crate) fn is_missing(&mut self, x: &Computed) -> Result<Computed> {
        let truth = self.unary("IsNaN", x)?;
        let flag = self.as_flag(truth)?;
        Ok(Computed { may_be_missing: false, may_be_undefined: false, flags_missing: true, ..flag })
    }

    fn as_flag(&mut self, truth: Computed) -> Result<Computed> {
        self.count(1, 0)?;
        let name = self.graph.op_with("Cast", &[&truth.name], &[("to", DataType::Float as i64)]);
        Ok(Computed { name, integers: true, ..truth })
    }

    /// 1 − a flag.
    pub(crate) fn not(&mut self, flag: &Computed) -> Result<Computed> {
        let one = self.scalar(1.0)?;
        let not = self.binary("Sub", &one, flag)?;
        Ok(Computed { integers: true, flags_missing: flag.flags_missing, ..not })
    }

    /// `yes` where a flag is set, else `no`.
    pub(crate) fn choose(&mut self, flag: &Computed, yes: &Computed, no: &Computed) -> Result<Computed> {
        let half = self.scalar(0.5)?;
        let truth = self.binary("Greater", flag, &half)?;
        let shape = broadcast(&broadcast(&yes.shape, &no.shape)?, &flag.shape)?;
        self.count_growing(&shape)?;
        let name = self.graph.op("Where", &[&truth.name, &yes.name, &no.name]);
        let chosen = Computed::from_inputs(name, shape, [yes, no]);
        let may_be_missing = (chosen.may_be_missing || flag.may_be_missing) && !flag.flags_missing;
        Ok(Computed { may_be_missing, ..chosen })
    }

    /// The same values in another shape, of the same number of elements.
    pub(crate) fn reshape(&mut self, x: &Computed, shape: Shape) -> Result<Computed> {
        if x.shape == shape {
            return Ok(x.clone());
        }
        let sizes = |shape: &[Dim]| (elements(shape), batch_dimensions(shape), size_before_batch(shape));
        if sizes(&x.shape) != sizes(&shape) {
            return refused("it changes the shape of a value in a way that mixes samples");
        }
        self.count(1, shape.len())?;
        let sizes = shape.iter().map(|dim| if dim.batch { -1 } else { dim.size as i64 });
        let target = self.graph.integers(sizes);
        let name = self.graph.op("Reshape", &[&x.name, &target]);
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// Some positions of an axis that is not the batch.
    pub(crate) fn take(&mut self, x: &Computed, axis: usize, positions: &[usize]) -> Result<Computed> {
        let dim = x.shape[axis];
        if dim.batch || positions.iter().any(|&position| position >= dim.size) || positions.is_empty() {
            return refused("a position is outside of its input, or it selects some samples of the batch");
        }
        if positions.len() == dim.size && positions.iter().enumerate().all(|(at, &position)| at == position) {
            return Ok(x.clone());
        }
        let mut shape = x.shape.clone();
        shape[axis] = Dim::fixed(positions.len());
        self.count_growing(&shape)?;
        self.count(0, 2 * positions.len())?;
        let indices = self.graph.indices(positions.iter().copied());
        let name = self.graph.op_with("Gather", &[&x.name, &indices], &[("axis", axis as i64)]);
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// Values concatenated along an axis.
    pub(crate) fn concat(&mut self, parts: &[Computed], axis: usize) -> Result<Computed> {
        let first = &parts[0];
        let mut shape = first.shape.clone();
        let fits = parts.iter().all(|part| {
            part.shape.len() == shape.len()
                && !part.shape[axis].batch
                && part.shape.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b)
        });
        if !fits {
            return refused("the shapes of concatenated values do not fit");
        }
        let size = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.shape[axis].size));
        shape[axis] = Dim::fixed(size.unwrap_or(usize::MAX));
        if parts.len() == 1 {
            return Ok(first.clone());
        }
        self.count_growing(&shape)?;
        let names: Vec<&String> = parts.iter().map(|part| &part.name).collect();
        let name = self.graph.op_with("Concat", &names, &[("axis", axis as i64)]);
        let flags_missing = parts.iter().all(|part| part.flags_missing);
        Ok(Computed { flags_missing, ..Computed::from_inputs(name, shape, parts) })
    }

    pub(crate) fn mat_mul(&mut self, a: &Computed, b: &Computed) -> Result<Computed> {
        let shape = match (a.shape.as_slice(), b.shape.as_slice()) {
            ([rows, inner], [other, columns]) if inner == other && !inner.batch => vec![*rows, *columns],
            _ => return refused("it multiplies matrices that do not fit, or have more than two dimensions"),
        };
        self.missing_lost |= a.may_be_missing || b.may_be_missing;
        self.count_growing(&shape)?;
        let name = self.graph.op("MatMul", &[&a.name, &b.name]);
        Ok(Computed { integers: false, ..Computed::from_inputs(name, shape, [a, b]) })
    }

    pub(crate) fn transpose(&mut self, x: &Computed, order: &[usize]) -> Result<Computed> {
        self.count(1, order.len())?;
        let perm: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
        let name = self.graph.op_with_list("Transpose", &[&x.name], "perm", &perm);
        let shape = order.iter().map(|&axis| x.shape[axis]).collect();
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// The scores of an ensemble of trees: rows × scores. A missing value leads to a leaf, so none is missing.
    pub(crate) fn trees(&mut self, x: &Computed, ensemble: &TreeEnsemble) -> Result<Computed> {
        let shape = vec![x.shape[0], Dim::fixed(ensemble.scores())];
        self.trees.add(ensemble)?;
        self.count_growing(&shape)?;
        let name = self.graph.trees(&x.name, ensemble);
        Ok(Computed::new(name, shape))
    }

    /// `ReduceSum` or `ReduceMax` over some axes, which stay with size 1.
    pub(crate) fn reduce(&mut self, op: &str, x: &Computed, axes: &[usize]) -> Result<Computed> {
        let mut shape = x.shape.clone();
        for &axis in axes {
            if shape[axis].batch || shape[axis].size == 0 {
                return refused("it adds up or compares different samples");
            }
            shape[axis] = Dim::ONE;
        }
        if axes.is_empty() || x.shape == shape {
            return Ok(x.clone());
        }
        self.missing_lost |= x.may_be_missing;
        self.count(1, axes.len())?;
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let name = if op == "ReduceSum" {
            let axes = self.graph.integers(axes);
            self.graph.op_with(op, &[&x.name, &axes], &[("keepdims", 1)])
        } else {
            self.graph.op_with_list(op, &[&x.name], "axes", &axes)
        };
        Ok(Computed { name, shape, flags_missing: false, ..x.clone() })
    }

    /// The index of the first largest value along an axis, which is removed.
    pub(crate) fn arg_max(&mut self, x: &Computed, axis: usize) -> Result<Computed> {
        let mut shape = x.shape.clone();
        let dim = shape.remove(axis);
        if dim.batch || dim.size == 0 {
            return refused("it compares different samples");
        }
        self.missing_lost |= x.may_be_missing;
        self.count(2, 0)?;
        let attributes = [("axis", axis as i64), ("keepdims", 0)];
        let best = self.graph.op_with("ArgMax", &[&x.name], &attributes);
        let name = self.graph.op_with("Cast", &[&best], &[("to", DataType::Float as i64)]);
        Ok(Computed { name, shape, integers: true, flags_missing: false, ..x.clone() })
    }

    pub(crate) fn softmax(&mut self, x: &Computed, axis: usize) -> Result<Computed> {
        if x.shape[axis].batch {
            return refused("it compares different samples");
        }
        self.missing_lost |= x.may_be_missing;
        self.count(1, 0)?;
        let name = self.graph.op_with("Softmax", &[&x.name], &[("axis", axis as i64)]);
        Ok(Computed { name, integers: false, flags_missing: false, ..x.clone() })
    }
}

fn batch_dimensions(shape: &[Dim]) -> usize {
    shape.iter().filter(|dim| dim.batch).count()
}

/// The product of the dimensions before the batch. A reshape must keep it, or it would mix samples.
fn size_before_batch(shape: &[Dim]) -> Option<usize> {
    let at = shape.iter().position(|dim| dim.batch)?;
    elements(&shape[..at])
}
