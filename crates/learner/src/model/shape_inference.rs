//! The shape of every value in a model's graph, before tract sees it.
//!
//! A few nodes can ask for any amount of memory (a tensor beside itself, beside
//! itself, …), and an index outside of a tensor makes a runtime panic. With the
//! batch's size known all shapes are, so both are found out here.

mod rules;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;
use rules::{EXACT, FLOAT, axis, broadcast, elements, integers, ints, most, reduce, transpose};

/// Most elements of one value, for one batch: 80 MB.
const MAX_ELEMENTS: usize = 20_000_000;

/// Most elements of all values together.
const MAX_ELEMENTS_TOGETHER: usize = 200_000_000;

/// Most elements of all values that are there at one time: 200 MB.
const MAX_ELEMENTS_AT_ONCE: usize = 50_000_000;

/// Most multiplications in all matrix products together: twice those of a model whose largest file is all
/// weights, each used once.
const MAX_PRODUCTS: usize = 4_000_000_000;

/// Most dimensions of a value that is given a new shape.
const MAX_DIMENSIONS: usize = 8;

type Shape = Vec<usize>;

/// Infers all shapes for an input of `batch` × `features`; gives that of the output called `output`.
///
/// # Errors
/// [`ModelError::Refused`] where shapes or indices do not fit, or ask for too much memory.
pub(super) fn infer(
    graph: &GraphProto,
    batch: usize,
    features: usize,
    output: &str,
) -> Result<Shape, ModelError> {
    let mut values = Values::new(graph);
    for input in &graph.input {
        values.begin(&input.name, vec![batch, features])?;
    }
    for (at, node) in graph.node.iter().enumerate() {
        values.bound(node);
        let shape = values.of(node).ok_or_else(|| {
            let op: String = node.op_type.chars().take(20).collect();
            ModelError::Refused(format!("the inputs of a node {op} do not fit each other"))
        })?;
        values.add(node, shape)?;
        values.end(node, at);
    }
    let known = |name: &str| values.shapes.contains_key(name);
    if !graph.output.iter().all(|output| known(&output.name)) {
        return Err(ModelError::Refused("an output is not computed by any node".to_owned()));
    }
    let shape = values.shapes.get(output).cloned();
    shape.ok_or_else(|| ModelError::Refused(format!("it has no output called {output}")))
}

struct Values<'a> {
    shapes: HashMap<&'a str, Shape>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// For values that may become indices: none is below 0 or above this, or no number.
    most: HashMap<&'a str, f64>,
    /// Values that may be whole numbers, which some operators panic on.
    whole: HashSet<&'a str>,
    /// The last node that reads each value; none for what is an output.
    last_read: HashMap<&'a str, usize>,
    elements: usize,
    at_once: usize,
    products: usize,
}

impl<'a> Values<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        // Sizes were compared with the data before.
        let shape = |tensor: &TensorProto| tensor.dims.iter().map(|&dim| dim.max(0) as usize).collect();
        let shapes = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), shape(tensor))).collect();
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in graph.node.iter().enumerate() {
            last_read.extend(node.input.iter().map(|name| (name.as_str(), at)));
        }
        for output in &graph.output {
            last_read.remove(output.name.as_str());
        }
        let whole = constants.iter().filter(|(_, tensor)| tensor.data_type != FLOAT).map(|(name, _)| *name);
        let whole = whole.collect();
        Self {
            shapes,
            constants,
            most: HashMap::new(),
            whole,
            last_read,
            elements: 0,
            at_once: 0,
            products: 0,
        }
    }

    fn add(&mut self, node: &'a NodeProto, shape: Shape) -> Result<(), ModelError> {
        let [name] = node.output.as_slice() else {
            return Err(ModelError::Refused("a node has not exactly one output".to_owned()));
        };
        if self.is_whole(node) {
            if ["Div", "Pow"].contains(&node.op_type.as_str()) {
                return Err(ModelError::Refused("it divides whole numbers".to_owned()));
            }
            self.whole.insert(name);
        }
        if node.op_type == "MatMul" {
            let inner = self.input(node, 0).and_then(|shape| shape.last()).copied().unwrap_or(0);
            let products = elements(&shape).and_then(|elements| elements.checked_mul(inner));
            self.products = self.products.saturating_add(products.unwrap_or(usize::MAX));
        }
        if self.products > MAX_PRODUCTS {
            return Err(ModelError::Refused("it would take too much time to run".to_owned()));
        }
        self.begin(name, shape)
    }

    fn is_whole(&self, node: &NodeProto) -> bool {
        match node.op_type.as_str() {
            "ArgMax" => true,
            "Cast" => node.attribute.iter().any(|attribute| attribute.i != i64::from(FLOAT)),
            op => {
                // The others of these say where and not what.
                let values = match op {
                    "Reshape" | "Gather" | "Slice" | "ReduceSum" => node.input.get(..1),
                    "Where" => node.input.get(1..),
                    _ => Some(&*node.input),
                };
                values.into_iter().flatten().any(|name| self.whole.contains(name.as_str()))
            }
        }
    }

    /// A value is there from now on.
    fn begin(&mut self, name: &'a str, shape: Shape) -> Result<(), ModelError> {
        let elements = elements(&shape).unwrap_or(usize::MAX);
        self.elements = self.elements.saturating_add(elements);
        self.at_once = self.at_once.saturating_add(elements);
        let fits = elements <= MAX_ELEMENTS
            && self.elements <= MAX_ELEMENTS_TOGETHER
            && self.at_once <= MAX_ELEMENTS_AT_ONCE;
        if !fits {
            return Err(ModelError::Refused("it would take too much memory to run".to_owned()));
        }
        match self.shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => Err(ModelError::Refused("two values have one name".to_owned())),
        }
    }

    /// What nobody reads after a node is gone when it is done.
    fn end(&mut self, node: &NodeProto, at: usize) {
        let mut read: Vec<&str> = node.input.iter().map(String::as_str).collect();
        read.sort_unstable();
        read.dedup();
        for name in read {
            let gone = !self.constants.contains_key(name) && self.last_read.get(name) == Some(&at);
            if let Some(shape) = self.shapes.get(name).filter(|_| gone) {
                self.at_once = self.at_once.saturating_sub(elements(shape).unwrap_or(0));
            }
        }
    }

    /// The shape of a node's output; `None` when its inputs do not fit.
    fn of(&mut self, node: &'a NodeProto) -> Option<Shape> {
        match node.op_type.as_str() {
            "Identity" | "Cast" | "Clip" | "Cos" | "IsNaN" | "Relu" | "Abs" | "Erf" | "Exp" | "Floor"
            | "Log" | "Sigmoid" | "Sqrt" | "Tanh" => self.input(node, 0).cloned(),
            "Softmax" => {
                let shape = self.input(node, 0)?;
                axis(node, shape).map(|_| shape.clone())
            }
            "Add" | "Mul" | "Sub" | "Div" | "Pow" | "Max" | "Min" | "Greater" | "Equal" => {
                let both = broadcast(self.input(node, 0)?, self.input(node, 1)?);
                both.filter(|_| node.input.len() == 2)
            }
            "Where" => {
                let branches = broadcast(self.input(node, 1)?, self.input(node, 2)?)?;
                broadcast(self.input(node, 0)?, &branches)
            }
            "Transpose" => transpose(node, self.input(node, 0)?),
            "Reshape" => self.reshape(node),
            "ReduceSum" => {
                let axes = integers(self.constants.get(node.input.get(1)?.as_str())?)?;
                reduce(node, self.input(node, 0)?, &axes)
            }
            "ReduceMax" => reduce(node, self.input(node, 0)?, ints(node, "axes")?),
            "MatMul" => match (self.input(node, 0)?.as_slice(), self.input(node, 1)?.as_slice()) {
                ([rows, inner], [other, columns]) if inner == other => Some(vec![*rows, *columns]),
                _ => None,
            },
            "Concat" => self.concat(node),
            "Gather" => self.gather(node),
            "Slice" => self.slice(node),
            "ArgMax" => self.arg_max(node),
            _ => None,
        }
    }

    fn input(&self, node: &NodeProto, at: usize) -> Option<&Shape> {
        self.shapes.get(node.input.get(at)?.as_str())
    }

    /// Where all inputs of a node are bounded, so may be its output: leaves of trees are counted with
    /// these operators before they are looked up.
    fn bound(&mut self, node: &'a NodeProto) {
        let of = |at: usize| {
            let name = node.input.get(at)?.as_str();
            self.most.get(name).copied().or_else(|| most(self.constants.get(name)?))
        };
        let most = match node.op_type.as_str() {
            "Greater" | "Equal" | "IsNaN" => Some(1.0),
            "Cast" | "Gather" | "Identity" => of(0),
            "Add" => of(0).zip(of(1)).map(|(a, b)| a + b),
            "Mul" => of(0).zip(of(1)).map(|(a, b)| a * b),
            _ => None,
        };
        if let (Some(most), Some(name)) = (most.filter(|&most| most <= EXACT), node.output.first()) {
            self.most.insert(name, most);
        }
    }

    fn concat(&self, node: &NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let axis = axis(node, &shape)?;
        for at in 1..node.input.len() {
            let next = self.input(node, at)?;
            let fits = next.len() == shape.len()
                && next.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
            if !fits {
                return None;
            }
            shape[axis] = shape[axis].checked_add(next[axis])?;
        }
        Some(shape)
    }

    fn gather(&self, node: &NodeProto) -> Option<Shape> {
        let data = self.input(node, 0)?;
        let axis = axis(node, data)?;
        let name = node.input.get(1)?.as_str();
        let inside = match (self.constants.get(name), self.most.get(name)) {
            (Some(tensor), _) => integers(tensor)?.into_iter().all(|i| (0..data[axis] as i64).contains(&i)),
            (None, Some(&most)) => most < data[axis] as f64,
            (None, None) => false,
        };
        let mut shape = data[..axis].to_vec();
        shape.extend(self.input(node, 1)?);
        shape.extend(&data[axis + 1..]);
        inside.then_some(shape)
    }

    fn slice(&self, node: &NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let number = |at: usize| match integers(self.constants.get(node.input.get(at)?.as_str())?)?.as_slice()
        {
            [one] => usize::try_from(*one).ok(),
            _ => None,
        };
        let (from, to, axis) = (number(1)?, number(2)?, number(3)?);
        let fits = node.input.len() == 4 && from < to && to <= *shape.get(axis)?;
        shape[axis] = to.checked_sub(from)?;
        fits.then_some(shape)
    }

    /// A constant shape of sizes above 0, one of which may be -1: whatever is left.
    fn reshape(&self, node: &NodeProto) -> Option<Shape> {
        let elements = elements(self.input(node, 0)?)?;
        let target = integers(self.constants.get(node.input.get(1)?.as_str())?)?;
        let open = target.iter().filter(|&&size| size == -1).count();
        let fixed = target.iter().filter(|&&size| size != -1);
        let fixed = fixed.map(|&size| usize::try_from(size).ok().filter(|&size| size > 0));
        let fixed: Option<Shape> = fixed.collect();
        let known = rules::elements(&fixed?)?;
        let left = elements.checked_div(known)?;
        let fits = left.checked_mul(known) == Some(elements) && elements > 0;
        let fits = fits && (open == 1 || (open == 0 && left == 1)) && target.len() <= MAX_DIMENSIONS;
        let shape = target.iter().map(|&size| usize::try_from(size).unwrap_or(left));
        (fits && node.attribute.is_empty()).then(|| shape.collect())
    }

    fn arg_max(&mut self, node: &'a NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let axis = axis(node, &shape)?;
        let removed = shape.remove(axis);
        let dropped = node.attribute.iter().any(|attribute| attribute.name == "keepdims" && attribute.i == 0);
        self.most.insert(node.output.first()?, removed.saturating_sub(1) as f64);
        (dropped && removed > 0).then_some(shape)
    }
}

#[cfg(test)]
mod tests;
