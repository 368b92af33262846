//! The values of another tool's graph while it is translated: constants, and values that the translated graph
//! computes.
//!
//! Owns their shapes and types. Must not know operators.

use std::rc::Rc;

use super::error::{Result, refused};
use crate::model::operators::shapes;

/// One dimension of a value: `size`, times the number of samples when `batch`.
///
/// The number of samples is unknown during the translation, so a shape marks it. An operator that adds up, mixes or
/// counts samples is refused: a prediction must not depend on other samples of the batch.
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

/// The maximum number of dimensions of a value; the first are samples and features.
pub(crate) const MAX_DIMENSIONS: usize = 6;

pub(crate) type Shape = Vec<Dim>;

/// A value of the other tool's graph.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Known(Rc<Tensor>),
    Computed(Computed),
}

/// A value of the translated graph. All are 32-bit floats, also integers, and flags as 0 and 1.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(crate) struct Computed {
    pub name: String,
    pub shape: Shape,
    /// Whether it may be NaN because a cell of the sample is missing.
    pub may_be_missing: bool,
    /// Whether it may be NaN because of a calculation, such as the logarithm of a negative number.
    pub may_be_undefined: bool,
    /// Whether it is a flag for missing cells.
    pub flags_missing: bool,
    /// Whether all its values are integers.
    pub integers: bool,
}

impl Computed {
    pub(crate) fn new(name: String, shape: Shape) -> Self {
        Self {
            name,
            shape,
            may_be_missing: false,
            may_be_undefined: false,
            flags_missing: false,
            integers: false,
        }
    }

    /// A value calculated from `inputs`: missing or undefined where one of them may be, of integers when all are.
    pub(crate) fn from_inputs<'a>(
        name: String,
        shape: Shape,
        inputs: impl IntoIterator<Item = &'a Self> + Clone,
    ) -> Self {
        let may_be_missing = inputs.clone().into_iter().any(|input| input.may_be_missing);
        let may_be_undefined = inputs.clone().into_iter().any(|input| input.may_be_undefined);
        let integers = inputs.into_iter().all(|input| input.integers);
        Self { name, shape, may_be_missing, may_be_undefined, flags_missing: false, integers }
    }
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
    Integers(Vec<Integer>),
}

/// An integer, times the number of samples when `batch`: an element of a calculated shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub number: i64,
    pub batch: bool,
}

impl Tensor {
    pub(crate) fn integers_of(dims: Vec<usize>, numbers: Vec<Integer>) -> Value {
        Value::Known(Rc::new(Self { dims, data: Data::Integers(numbers) }))
    }

    pub(crate) fn floats_of(dims: Vec<usize>, numbers: Vec<f32>) -> Value {
        Value::Known(Rc::new(Self { dims, data: Data::Floats(numbers) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(values) => values.len(),
            Data::Integers(values) => values.len(),
        }
    }

    /// Its values as floats.
    pub(crate) fn numbers(&self) -> Result<Vec<f32>> {
        match &self.data {
            Data::Floats(values) => Ok(values.clone()),
            Data::Integers(values) if values.iter().any(|value| value.batch) => {
                refused("it calculates with the number of samples")
            }
            Data::Integers(values) => Ok(values.iter().map(|value| value.number as f32).collect()),
        }
    }

    /// Its values as integers that do not depend on the number of samples.
    pub(crate) fn integers(&self) -> Result<Vec<i64>> {
        match &self.data {
            Data::Integers(values) if values.iter().all(|value| !value.batch) => {
                Ok(values.iter().map(|value| value.number).collect())
            }
            _ => refused("a position or an axis is not a constant integer"),
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

    /// The elements of a constant list of integers.
    pub(crate) fn integer_list(&self) -> Option<&[Integer]> {
        let Self::Known(tensor) = self else { return None };
        match &tensor.data {
            Data::Integers(values) if tensor.dims.len() == 1 => Some(values),
            _ => None,
        }
    }
}

/// The number of elements per sample; `None` when it overflows.
pub(crate) fn elements(shape: &[Dim]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size))
}

/// The shape of two broadcast values: a dimension of 1 is repeated to the size of the other.
pub(crate) fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Shape> {
    let shape = shapes::broadcast(a, b, Dim::ONE);
    shape.map_or_else(|| refused("the shapes of two values do not fit each other"), Ok)
}

/// An axis as an index into `rank` dimensions.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let from_end = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match from_end.and_then(|axis| usize::try_from(axis).ok()) {
        Some(axis) if axis < rank => Ok(axis),
        _ => refused("an axis or a position is outside of its value"),
    }
}
