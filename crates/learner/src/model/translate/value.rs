//! What flows through a foreign graph while it is translated: constants, and
//! values that the translated graph computes.

use std::rc::Rc;

use super::Done;
use super::refused;

/// One dimension of a value: `size`, times the number of samples when `batch`.
///
/// The number of samples is not known, so a shape holds it as this mark. Whatever would add up, mix or
/// count samples is refused: an answer must not depend on who else is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dim {
    pub size: usize,
    pub batch: bool,
}

impl Dim {
    pub(crate) const ONE: Self = Self { size: 1, batch: false };

    pub(crate) fn fixed(size: usize) -> Self {
        Self { size, batch: false }
    }
}

pub(crate) type Shape = Vec<Dim>;

/// A value of the foreign graph.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Known(Rc<Tensor>),
    Computed(Computed),
}

/// A value of the translated graph. All are 32-bit floats: whole numbers, and flags as 0 and 1, too.
#[derive(Debug, Clone)]
pub(crate) struct Computed {
    pub name: String,
    pub shape: Shape,
    /// Whether it may be NaN because a cell of the sample is missing.
    pub may_miss: bool,
    /// Whether it says where cells are missing.
    pub tells_missing: bool,
    /// Whether all its values are whole numbers.
    pub whole: bool,
}

/// A constant.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub dims: Vec<usize>,
    pub data: Data,
}

#[derive(Debug)]
pub(crate) enum Data {
    Floats(Vec<f32>),
    Whole(Vec<Whole>),
}

/// A whole number, times the number of samples when `batch`: part of what is computed about shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub number: i64,
    pub batch: bool,
}

impl Tensor {
    pub(crate) fn whole(dims: Vec<usize>, numbers: Vec<Whole>) -> Value {
        Value::Known(Rc::new(Self { dims, data: Data::Whole(numbers) }))
    }

    pub(crate) fn floats(dims: Vec<usize>, numbers: Vec<f32>) -> Value {
        Value::Known(Rc::new(Self { dims, data: Data::Floats(numbers) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(values) => values.len(),
            Data::Whole(values) => values.len(),
        }
    }

    /// Its values as floats, finite ones.
    pub(crate) fn numbers(&self) -> Done<Vec<f32>> {
        match &self.data {
            Data::Floats(values) => Ok(values.clone()),
            Data::Whole(values) if values.iter().any(|value| value.batch) => {
                refused("it calculates with the number of samples")
            }
            Data::Whole(values) => Ok(values.iter().map(|value| value.number as f32).collect()),
        }
    }

    /// Its values as whole numbers that do not depend on the number of samples.
    pub(crate) fn integers(&self) -> Done<Vec<i64>> {
        match &self.data {
            Data::Whole(values) if values.iter().all(|value| !value.batch) => {
                Ok(values.iter().map(|value| value.number).collect())
            }
            _ => refused("a position or an axis is not a constant whole number"),
        }
    }
}

impl Value {
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Known(tensor) => tensor.dims.iter().map(|&size| Dim::fixed(size)).collect(),
            Self::Computed(value) => value.shape.clone(),
        }
    }
}

/// The shape that two values have together, each dimension of 1 repeated as often as the other's says.
pub(crate) fn broadcast(a: &[Dim], b: &[Dim]) -> Done<Shape> {
    let rank = a.len().max(b.len());
    let dim =
        |shape: &[Dim], at: usize| (at + shape.len()).checked_sub(rank).map_or(Dim::ONE, |at| shape[at]);
    (0..rank)
        .map(|at| match (dim(a, at), dim(b, at)) {
            (x, y) if x == y => Ok(x),
            (Dim::ONE, x) | (x, Dim::ONE) => Ok(x),
            _ => refused("the shapes of two values do not fit each other"),
        })
        .collect()
}

/// An axis as an index, when it is one of a value of so many dimensions.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Done<usize> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match counted.and_then(|axis| usize::try_from(axis).ok()) {
        Some(axis) if axis < rank => Ok(axis),
        _ => refused("an axis is not one of its value"),
    }
}
