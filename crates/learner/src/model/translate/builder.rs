//! Writes the translated graph: each method adds a few plain nodes and knows their shape.

use std::collections::HashMap;
use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;

use super::value::{Computed, Data, Dim, Shape, Tensor, Value, broadcast};
use super::{Done, refused};
use crate::model::graph::Graph;

/// Most elements of all constants together: as many floats as fit into a model file that may be imported, so
/// that an export of what was translated can be.
const MAX_ELEMENTS: usize = 7_000_000;
/// Most elements of one value for each sample, and of one that is the same for all: so many places may have to be
/// listed.
const MAX_OF_A_SAMPLE: usize = 100_000;
const MAX_OF_ALL: usize = 1 << 23;
/// Some below what a model file may have.
const MAX_NODES: usize = 9_900;

/// The translated graph under construction.
pub(crate) struct Emit {
    pub graph: Graph,
    /// Constants are written when they are used, and once.
    written: HashMap<*const Tensor, (Rc<Tensor>, Computed)>,
    elements: usize,
    nodes: usize,
    /// Whether something calculated with a missing value that need not give NaN: runtimes differ in what
    /// they make of NaN there.
    pub missing_lost: bool,
}

impl Emit {
    pub(crate) fn new() -> Self {
        Self {
            graph: Graph::new("moodle_mlbackend"),
            written: HashMap::new(),
            elements: 0,
            nodes: 0,
            missing_lost: false,
        }
    }

    fn count(&mut self, nodes: usize, elements: usize) -> Done<()> {
        self.nodes += nodes;
        self.elements = self.elements.saturating_add(elements);
        if self.nodes > MAX_NODES {
            return refused(format!("it takes more than {MAX_NODES} plain operators, a fixed limit"));
        }
        if self.elements > MAX_ELEMENTS {
            return refused(format!("its constants have more than {MAX_ELEMENTS} numbers, a fixed limit"));
        }
        Ok(())
    }

    /// Counts a node that may make more values than it reads.
    fn count_growing(&mut self, shape: &[Dim]) -> Done<()> {
        let most = if shape.iter().any(|dim| dim.batch) { MAX_OF_A_SAMPLE } else { MAX_OF_ALL };
        match elements(shape) {
            Some((size, _)) if size <= most => self.count(1, 0),
            _ => refused("it makes a value of an impossible size"),
        }
    }

    /// A value as the translated graph has it; constants are written first.
    pub(crate) fn computed(&mut self, value: &Value) -> Done<Computed> {
        let tensor = match value {
            Value::Computed(value) => return Ok(value.clone()),
            Value::Known(tensor) => tensor,
        };
        if let Some((_, written)) = self.written.get(&Rc::as_ptr(tensor)) {
            return Ok(written.clone());
        }
        let written = self.constant(&tensor.dims, &tensor.numbers()?)?;
        let written = Computed { whole: matches!(tensor.data, Data::Whole(_)), ..written };
        self.written.insert(Rc::as_ptr(tensor), (Rc::clone(tensor), written.clone()));
        Ok(written)
    }

    pub(crate) fn constant(&mut self, dims: &[usize], values: &[f32]) -> Done<Computed> {
        if !values.iter().all(|value| value.is_finite()) {
            return refused("a weight is not finite");
        }
        self.count(0, values.len())?;
        let name = self.graph.floats(dims, values);
        Ok(plain(name, dims.iter().map(|&size| Dim::fixed(size)).collect()))
    }

    pub(crate) fn scalar(&mut self, value: f32) -> Done<Computed> {
        self.constant(&[], &[value])
    }

    /// A row of values, to be combined with rows × columns.
    pub(crate) fn row(&mut self, values: &[f32]) -> Done<Computed> {
        self.constant(&[1, values.len()], values)
    }

    /// An operator that keeps the shape.
    pub(crate) fn unary(&mut self, op: &str, x: &Computed) -> Done<Computed> {
        self.missing_lost |= x.may_miss && !matches!(op, "Abs" | "IsNaN");
        self.count(1, 0)?;
        let name = self.graph.op(op, &[&x.name]);
        Ok(Computed { name, whole: false, tells_missing: false, ..x.clone() })
    }

    /// An operator on two values of shapes that fit.
    pub(crate) fn binary(&mut self, op: &str, a: &Computed, b: &Computed) -> Done<Computed> {
        let shape = broadcast(&a.shape, &b.shape)?;
        let keeps = matches!(op, "Add" | "Sub" | "Mul" | "Div");
        self.missing_lost |= (a.may_miss || b.may_miss) && !keeps;
        self.count_growing(&shape)?;
        let name = self.graph.op(op, &[&a.name, &b.name]);
        let whole = a.whole && b.whole && op != "Div" && op != "Pow";
        Ok(Computed { name, shape, may_miss: a.may_miss || b.may_miss, tells_missing: false, whole })
    }

    pub(crate) fn with_number(&mut self, op: &str, a: &Computed, number: f32) -> Done<Computed> {
        let number = self.scalar(number)?;
        self.binary(op, a, &number)
    }

    /// 1 where `a` compares so to `b`, else 0: `Greater` or `Equal`.
    pub(crate) fn compare(&mut self, op: &str, a: &Computed, b: &Computed) -> Done<Computed> {
        let truth = self.binary(op, a, b)?;
        self.as_flag(truth)
    }

    /// 1 where a value is missing, else 0.
    pub(crate) fn is_missing(&mut self, x: &Computed) -> Done<Computed> {
        let truth = self.unary("IsNaN", x)?;
        let flag = self.as_flag(truth)?;
        Ok(Computed { may_miss: false, tells_missing: true, ..flag })
    }

    fn as_flag(&mut self, truth: Computed) -> Done<Computed> {
        self.count(1, 0)?;
        let name = self.graph.op_with("Cast", &[&truth.name], &[("to", DataType::Float as i64)]);
        Ok(Computed { name, whole: true, ..truth })
    }

    /// 1 − a flag.
    pub(crate) fn not(&mut self, flag: &Computed) -> Done<Computed> {
        let one = self.scalar(1.0)?;
        let not = self.binary("Sub", &one, flag)?;
        Ok(Computed { whole: true, tells_missing: flag.tells_missing, ..not })
    }

    /// `yes` where a flag is set, else `no`.
    pub(crate) fn choose(&mut self, flag: &Computed, yes: &Computed, no: &Computed) -> Done<Computed> {
        let half = self.scalar(0.5)?;
        let truth = self.binary("Greater", flag, &half)?;
        let shape = broadcast(&broadcast(&yes.shape, &no.shape)?, &flag.shape)?;
        self.count_growing(&shape)?;
        let name = self.graph.op("Where", &[&truth.name, &yes.name, &no.name]);
        let may_miss = (yes.may_miss || no.may_miss || flag.may_miss) && !flag.tells_missing;
        Ok(Computed { name, shape, may_miss, tells_missing: false, whole: yes.whole && no.whole })
    }

    /// The same values in another shape, of the same number of elements.
    pub(crate) fn reshape(&mut self, x: &Computed, shape: Shape) -> Done<Computed> {
        if x.shape == shape {
            return Ok(x.clone());
        }
        let (before, after) = (rows_begin(&x.shape), rows_begin(&shape));
        if before != after || elements(&x.shape) != elements(&shape) {
            return refused("it changes the shape of a value in a way that mixes samples");
        }
        self.count(1, shape.len())?;
        let target: Vec<i64> = shape.iter().map(|dim| if dim.batch { -1 } else { dim.size as i64 }).collect();
        let target = self.graph.integers(&target);
        let name = self.graph.op("Reshape", &[&x.name, &target]);
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// Some places of an axis that is not the samples'.
    pub(crate) fn take(&mut self, x: &Computed, axis: usize, places: &[usize]) -> Done<Computed> {
        let dim = x.shape[axis];
        if dim.batch || places.iter().any(|&place| place >= dim.size) || places.is_empty() {
            return refused("it takes values that are not there, or some samples of all");
        }
        if places.len() == dim.size && places.iter().enumerate().all(|(at, &place)| at == place) {
            return Ok(x.clone());
        }
        let mut shape = x.shape.clone();
        shape[axis] = Dim::fixed(places.len());
        self.count_growing(&shape)?;
        self.count(0, 2 * places.len())?;
        let which = self.graph.indices(places.iter().copied());
        let name = self.graph.op_with("Gather", &[&x.name, &which], &[("axis", axis as i64)]);
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// Values beside each other along an axis.
    pub(crate) fn concat(&mut self, parts: &[Computed], axis: usize) -> Done<Computed> {
        let first = &parts[0];
        let mut shape = first.shape.clone();
        let fits = parts.iter().all(|part| {
            part.shape.len() == shape.len()
                && !part.shape[axis].batch
                && part.shape.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b)
        });
        if !fits {
            return refused("values that do not fit are put beside each other");
        }
        let size = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.shape[axis].size));
        shape[axis] = Dim::fixed(size.unwrap_or(usize::MAX));
        if parts.len() == 1 {
            return Ok(first.clone());
        }
        self.count_growing(&shape)?;
        let names: Vec<&String> = parts.iter().map(|part| &part.name).collect();
        let name = self.graph.op_with("Concat", &names, &[("axis", axis as i64)]);
        let may_miss = parts.iter().any(|part| part.may_miss);
        let tells_missing = parts.iter().all(|part| part.tells_missing);
        Ok(Computed { name, shape, may_miss, tells_missing, whole: parts.iter().all(|part| part.whole) })
    }

    pub(crate) fn mat_mul(&mut self, a: &Computed, b: &Computed) -> Done<Computed> {
        let shape = match (a.shape.as_slice(), b.shape.as_slice()) {
            ([rows, inner], [other, columns]) if inner == other && !inner.batch => vec![*rows, *columns],
            _ => return refused("it multiplies matrices that do not fit, or have more than two dimensions"),
        };
        self.missing_lost |= a.may_miss || b.may_miss;
        self.count_growing(&shape)?;
        let name = self.graph.op("MatMul", &[&a.name, &b.name]);
        Ok(Computed { name, shape, may_miss: a.may_miss || b.may_miss, tells_missing: false, whole: false })
    }

    pub(crate) fn transpose(&mut self, x: &Computed, order: &[usize]) -> Done<Computed> {
        self.count(1, order.len())?;
        let perm: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
        let name = self.graph.op_with_list("Transpose", &[&x.name], "perm", &perm);
        let shape = order.iter().map(|&axis| x.shape[axis]).collect();
        Ok(Computed { name, shape, ..x.clone() })
    }

    /// `ReduceSum` or `ReduceMax` over some axes, which stay with size 1.
    pub(crate) fn reduce(&mut self, op: &str, x: &Computed, axes: &[usize]) -> Done<Computed> {
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
        self.missing_lost |= x.may_miss;
        self.count(1, axes.len())?;
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let name = if op == "ReduceSum" {
            let axes = self.graph.integers(&axes);
            self.graph.op_with(op, &[&x.name, &axes], &[("keepdims", 1)])
        } else {
            self.graph.op_with_list(op, &[&x.name], "axes", &axes)
        };
        Ok(Computed { name, shape, tells_missing: false, ..x.clone() })
    }

    /// The place of the first largest value along an axis, which vanishes.
    pub(crate) fn arg_max(&mut self, x: &Computed, axis: usize) -> Done<Computed> {
        let mut shape = x.shape.clone();
        let dim = shape.remove(axis);
        if dim.batch || dim.size == 0 {
            return refused("it compares different samples");
        }
        self.missing_lost |= x.may_miss;
        self.count(2, 0)?;
        let attributes = [("axis", axis as i64), ("keepdims", 0)];
        let best = self.graph.op_with("ArgMax", &[&x.name], &attributes);
        let name = self.graph.op_with("Cast", &[&best], &[("to", DataType::Float as i64)]);
        Ok(Computed { name, shape, whole: true, tells_missing: false, ..x.clone() })
    }

    pub(crate) fn softmax(&mut self, x: &Computed, axis: usize) -> Done<Computed> {
        if x.shape[axis].batch {
            return refused("it compares different samples");
        }
        self.missing_lost |= x.may_miss;
        self.count(1, 0)?;
        let name = self.graph.op_with("Softmax", &[&x.name], &[("axis", axis as i64)]);
        Ok(Computed { name, whole: false, tells_missing: false, ..x.clone() })
    }
}

pub(crate) fn plain(name: String, shape: Shape) -> Computed {
    Computed { name, shape, may_miss: false, tells_missing: false, whole: false }
}

/// How many elements a shape has, apart from the number of samples.
fn elements(shape: &[Dim]) -> Option<(usize, usize)> {
    let size = shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size))?;
    Some((size, shape.iter().filter(|dim| dim.batch).count()))
}

/// How often all samples are gone through: the product of the dimensions before theirs.
fn rows_begin(shape: &[Dim]) -> Option<usize> {
    let at = shape.iter().position(|dim| dim.batch)?;
    shape[..at].iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size))
}
