//! The operators that the files of this backend consist of, also those that it translates other tools' models to.
//!
//! Owns the one table of them: which inputs and attributes each may have, the shape of its output, and what is known
//! about its values. [`super::check`] and [`super::shape_inference`] read it; a new operator is one entry here. Those
//! of other tools' files are in [`super::translate`]. Must not know how a graph is walked.

pub(super) mod shapes;

use std::ops::{Range, RangeInclusive};

use shapes::{Inputs, Shape};

use super::tree_ensemble;

/// What is known about one operator.
pub(super) struct Operator {
    pub name: &'static str,
    /// The domain of its name; empty for the operators that every ONNX file may use.
    pub domain: &'static str,
    /// The number of inputs that it may have.
    pub inputs: RangeInclusive<usize>,
    /// The attributes that it may have.
    pub attributes: &'static [&'static str],
    /// The shape of its output; `None` when the inputs do not fit.
    pub shape: fn(&Inputs<'_>) -> Option<Shape>,
    /// Whether its output may be of integers.
    pub integers: Integers,
    /// An upper bound of its output, where none of the values is negative or NaN; `None` when there is none.
    pub max: fn(&Inputs<'_>) -> Option<f64>,
}

/// When an output is of integers.
pub(super) enum Integers {
    /// Always.
    Always,
    /// When the attribute `to` names another type than floats.
    ByAttribute,
    /// When one of these inputs is; the other inputs are positions, axes, shapes or conditions.
    From(Range<usize>),
    /// Never: the runtime panics on a division of integers.
    Refused,
}

impl Operator {
    const fn new(
        name: &'static str,
        inputs: RangeInclusive<usize>,
        shape: fn(&Inputs<'_>) -> Option<Shape>,
    ) -> Self {
        Self {
            name,
            domain: "",
            inputs,
            attributes: &[],
            shape,
            integers: Integers::From(0..usize::MAX),
            max: |_| None,
        }
    }

    /// One input and an output of the same shape.
    const fn unary(name: &'static str) -> Self {
        Self::new(name, 1..=1, shapes::same)
    }

    /// Two inputs that are broadcast to one shape.
    const fn binary(name: &'static str) -> Self {
        Self::new(name, 2..=2, shapes::binary)
    }

    const fn attributes(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    const fn integers(self, integers: Integers) -> Self {
        Self { integers, ..self }
    }

    const fn max(self, max: fn(&Inputs<'_>) -> Option<f64>) -> Self {
        Self { max, ..self }
    }
}

/// The table, in alphabetical order.
static OPERATORS: &[Operator] = &[
    Operator::unary("Abs"),
    // Leaves of trees are numbered with sums, products and comparisons before they are looked up.
    Operator::binary("Add").max(|of| Some(of.max(0)? + of.max(1)?)),
    Operator::new("ArgMax", 1..=1, shapes::arg_max)
        .attributes(&["axis", "keepdims"])
        .integers(Integers::Always)
        .max(shapes::last_index),
    Operator::unary("Cast").attributes(&["to"]).integers(Integers::ByAttribute).max(|of| of.max(0)),
    Operator::new("Clip", 1..=3, shapes::same),
    Operator::new("Concat", 1..=usize::MAX, shapes::concat).attributes(&["axis"]),
    Operator::unary("Cos"),
    Operator::binary("Div").integers(Integers::Refused),
    Operator::binary("Equal").max(|_| Some(1.0)),
    Operator::unary("Erf"),
    Operator::unary("Exp"),
    Operator::unary("Floor"),
    Operator::new("Gather", 2..=2, shapes::gather)
        .attributes(&["axis"])
        .integers(Integers::From(0..1))
        .max(|of| of.max(0)),
    Operator::binary("Greater").max(|_| Some(1.0)),
    Operator::unary("Identity").max(|of| of.max(0)),
    Operator::unary("IsNaN").max(|_| Some(1.0)),
    Operator::unary("Log"),
    Operator::new("MatMul", 2..=2, shapes::mat_mul),
    Operator::binary("Max"),
    Operator::binary("Min"),
    Operator::binary("Mul").max(|of| Some(of.max(0)? * of.max(1)?)),
    Operator::binary("Pow").integers(Integers::Refused),
    Operator::new("ReduceMax", 1..=1, |of| shapes::reduce(of, of.ints("axes")?))
        .attributes(&["axes", "keepdims"]),
    Operator::new("ReduceSum", 2..=2, |of| shapes::reduce(of, &of.integers(1)?))
        .attributes(&["keepdims"])
        .integers(Integers::From(0..1)),
    Operator::unary("Relu"),
    Operator::new("Reshape", 2..=2, shapes::reshape).integers(Integers::From(0..1)),
    Operator::unary("Sigmoid"),
    Operator::new("Slice", 4..=4, shapes::slice).integers(Integers::From(0..1)),
    Operator::new("Softmax", 1..=1, shapes::softmax).attributes(&["axis"]),
    Operator::unary("Sqrt"),
    Operator::binary("Sub"),
    Operator::unary("Tanh"),
    Operator::new("Transpose", 1..=1, shapes::transpose).attributes(&["perm"]),
    // Trees of other tools; `check` reads its lists.
    Operator {
        domain: tree_ensemble::DOMAIN,
        ..Operator::new(tree_ensemble::OPERATOR, 1..=1, tree_ensemble::shape)
            .attributes(tree_ensemble::ATTRIBUTES)
            .integers(Integers::From(0..0))
    },
    Operator::new("Where", 3..=3, shapes::choose).integers(Integers::From(1..3)),
];

/// The operator of this name.
pub(super) fn find(name: &str) -> Option<&'static Operator> {
    let at = OPERATORS.binary_search_by_key(&name, |operator| operator.name).ok()?;
    OPERATORS.get(at)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tract_onnx::pb::{AttributeProto, NodeProto};

    use super::*;

    #[test]
    fn operators_are_found_by_name() {
        for operator in OPERATORS {
            assert_eq!(find(operator.name).map(|found| found.name), Some(operator.name));
        }
        assert!(find("Loop").is_none());
    }

    /// A node that may be of each operator: rows of two features, and constants that a position, an axis, a shape or
    /// a list of axes may be.
    #[test]
    fn the_table_has_a_shape_rule_for_every_operator() {
        let known = [("x", vec![2, 2]), ("zero", vec![1]), ("one", vec![1]), ("all", vec![1])];
        let shapes = HashMap::from(known);
        let integer = |number: i64| tract_onnx::pb::TensorProto {
            dims: vec![1],
            data_type: 7,
            raw_data: number.to_le_bytes().to_vec(),
            ..Default::default()
        };
        let (zero, one, all) = (integer(0), integer(1), integer(-1));
        let constants = HashMap::from([("zero", &zero), ("one", &one), ("all", &all)]);
        for operator in OPERATORS {
            let inputs: &[&str] = match operator.name {
                "Gather" | "Slice" => &["x", "zero", "one", "one"],
                "ReduceSum" => &["x", "one"],
                "Reshape" => &["x", "all"],
                _ => &["x", "x", "x"],
            };
            let count = (*operator.inputs.end()).min(inputs.len());
            let attribute = operator.attributes.iter().map(|name| AttributeProto {
                name: (*name).to_owned(),
                i: i64::from(
                    matches!(*name, "axis" | "n_targets")
                        || (*name == "keepdims" && operator.name.starts_with("Reduce")),
                ),
                ints: if *name == "perm" { vec![1, 0] } else { vec![1] },
                ..Default::default()
            });
            let node = NodeProto {
                op_type: operator.name.to_owned(),
                input: inputs[..count].iter().map(|&name| name.to_owned()).collect(),
                attribute: attribute.collect(),
                ..Default::default()
            };
            let view = Inputs { node: &node, shapes: &shapes, constants: &constants, max: &HashMap::new() };
            assert!((operator.shape)(&view).is_some(), "{}", operator.name);
        }
    }
}
