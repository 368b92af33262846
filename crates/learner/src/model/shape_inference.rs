//! Infers the shape of every value in a model's graph, before the ONNX runtime (tract) reads it.
//!
//! Owns the walk through a graph and the limits on memory and time. A few nodes can need any amount of memory (a
//! tensor concatenated with itself repeatedly), and an index outside of a tensor makes the runtime panic. With a known
//! batch size all shapes are known, so both are found here. Must not know single operators: their rules are in
//! [`super::operators`].

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::error::{ModelError, refused};
use super::operators::shapes::{FLOAT, Inputs, Shape, elements};
use super::operators::{self, Integers, Operator};
use super::tree_ensemble;
use crate::text::Untrusted;

/// The maximum number of elements of one value, for one batch: 80 MB.
const MAX_ELEMENTS: usize = 20_000_000;

/// The maximum number of elements of all values together.
const MAX_ELEMENTS_TOGETHER: usize = 200_000_000;

/// The maximum number of elements of all values that are alive at one time: 200 MB.
const MAX_ELEMENTS_AT_ONCE: usize = 50_000_000;

/// The maximum number of multiplications in all matrix products, and of steps in all trees, together: twice those of a
/// model whose file is of the largest size and all weights, each used once.
const MAX_PRODUCTS: usize = 4_000_000_000;

/// Integers up to here are exact in single precision.
const MAX_EXACT: f64 = 16_777_216.0;

/// Infers all shapes for an input of `batch` × `features`; returns that of the output called `output`.
///
/// # Errors
/// [`ModelError::Refused`] when shapes or indices do not fit, or need too much memory.
pub(super) fn infer(
    graph: &GraphProto,
    batch: usize,
    features: usize,
    output: &str,
) -> Result<Shape, ModelError> {
    let mut inference = Inference::new(graph);
    for input in &graph.input {
        inference.define(&input.name, vec![batch, features])?;
    }
    for (at, node) in graph.node.iter().enumerate() {
        inference.node(node)?;
        inference.release(node, at);
    }
    let known = |name: &str| inference.shapes.contains_key(name);
    if !graph.output.iter().all(|output| known(&output.name)) {
        return refused("an output is not computed by any node");
    }
    let shape = inference.shapes.remove(output);
    shape.ok_or_else(|| ModelError::Refused(format!("it has no output called {output}")))
}

struct Inference<'a> {
    shapes: HashMap<&'a str, Shape>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// Upper bounds of values that may become indices; none of these is negative or NaN.
    max: HashMap<&'a str, f64>,
    /// Values that may be integers, on which some operators panic.
    integers: HashSet<&'a str>,
    /// The last node that reads each value; none for an output of the graph.
    last_read: HashMap<&'a str, usize>,
    elements: usize,
    elements_alive: usize,
    products: usize,
}

impl<'a> Inference<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        // The check of the file has compared sizes with data.
        let shape = |tensor: &TensorProto| tensor.dims.iter().map(|&dim| dim.max(0) as usize).collect();
        let shapes = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), shape(tensor))).collect();
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in graph.node.iter().enumerate() {
            last_read.extend(node.input.iter().map(|name| (name.as_str(), at)));
        }
        for output in &graph.output {
            last_read.remove(output.name.as_str());
        }
        let integers = constants.iter().filter(|(_, tensor)| tensor.data_type != FLOAT);
        let integers = integers.map(|(name, _)| *name).collect();
        Self {
            shapes,
            constants,
            max: HashMap::new(),
            integers,
            last_read,
            elements: 0,
            elements_alive: 0,
            products: 0,
        }
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<(), ModelError> {
        let inputs = Inputs { node, shapes: &self.shapes, constants: &self.constants, max: &self.max };
        let operator = operators::find(&node.op_type);
        let operator = operator.filter(|operator| operator.inputs.contains(&node.input.len()));
        let inferred = operator.and_then(|operator| Some((operator, (operator.shape)(&inputs)?)));
        let Some((operator, shape)) = inferred else {
            let name = Untrusted(&node.op_type).identifier(20);
            return refused(format!("the inputs of a node {name} do not fit each other"));
        };
        let max = (operator.max)(&inputs).filter(|&max| max <= MAX_EXACT);
        let [output] = node.output.as_slice() else {
            return refused("a node has not exactly one output");
        };
        if let Some(max) = max {
            self.max.insert(output, max);
        }
        self.count_integers(operator, node, output)?;
        self.count_products(node, &shape)?;
        self.define(output, shape)
    }

    fn count_integers(
        &mut self,
        operator: &Operator,
        node: &NodeProto,
        output: &'a str,
    ) -> Result<(), ModelError> {
        let any = |names: &[String]| names.iter().any(|name| self.integers.contains(name.as_str()));
        let integers = match &operator.integers {
            Integers::Always => true,
            Integers::ByAttribute => node.attribute.iter().any(|attribute| attribute.i != i64::from(FLOAT)),
            Integers::From(inputs) => {
                let end = inputs.end.min(node.input.len());
                any(node.input.get(inputs.start..end).unwrap_or_default())
            }
            Integers::Refused if any(&node.input) => return refused("it divides integers"),
            Integers::Refused => false,
        };
        if integers {
            self.integers.insert(output);
        }
        Ok(())
    }

    fn count_products(&mut self, node: &NodeProto, shape: &[usize]) -> Result<(), ModelError> {
        if node.op_type == "MatMul" {
            let inner = node.input.first().and_then(|name| self.shapes.get(name.as_str())?.last());
            let products = elements(shape).and_then(|elements| elements.checked_mul(*inner?));
            self.products = self.products.saturating_add(products.unwrap_or(usize::MAX));
        }
        if node.op_type == tree_ensemble::OPERATOR {
            let rows = shape.first().copied().unwrap_or(usize::MAX);
            self.products = self.products.saturating_add(rows.saturating_mul(tree_ensemble::steps(node)));
        }
        if self.products > MAX_PRODUCTS {
            return refused("it would take too much time to run");
        }
        Ok(())
    }

    /// Adds a value that is alive from now on.
    fn define(&mut self, name: &'a str, shape: Shape) -> Result<(), ModelError> {
        let elements = elements(&shape).unwrap_or(usize::MAX);
        self.elements = self.elements.saturating_add(elements);
        self.elements_alive = self.elements_alive.saturating_add(elements);
        let fits = elements <= MAX_ELEMENTS
            && self.elements <= MAX_ELEMENTS_TOGETHER
            && self.elements_alive <= MAX_ELEMENTS_AT_ONCE;
        if !fits {
            return refused("it would take too much memory to run");
        }
        match self.shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => refused("two values have one name"),
        }
    }

    /// Values that no later node reads are freed after a node.
    fn release(&mut self, node: &NodeProto, at: usize) {
        let read: HashSet<&str> = node.input.iter().map(String::as_str).collect();
        for name in read {
            let last = !self.constants.contains_key(name) && self.last_read.get(name) == Some(&at);
            if let Some(shape) = self.shapes.get(name).filter(|_| last) {
                self.elements_alive = self.elements_alive.saturating_sub(elements(shape).unwrap_or(0));
            }
        }
    }
}

#[cfg(test)]
mod tests;
