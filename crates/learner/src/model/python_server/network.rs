//! A small network of dense layers, and its translation into a model file of this backend.
//!
//! Owns which layers form a network. Must not know the formats that it is read from.

use super::checkpoint::Weights;
use super::classifier::Classifier;
use super::keras::Activation;
use crate::dataset::Class;
use crate::model::graph::{Graph, ValueName};
use crate::model::metadata::{FORMAT, ModelMetadata};
use crate::model::to_onnx::{INPUT, file, outputs};

/// A remark for an administrator.
pub(crate) const BY_POSITION: &str =
    "Features are matched by their position: the Python server did not keep their names.";

/// A sequence of layers; the output of the last one is the probabilities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// The release that made it.
    pub(crate) made_by: String,
    /// The minimum number of features of a sample.
    pub(crate) features: usize,
    /// Whether samples may have more features.
    pub(crate) open_ended: bool,
    /// The positions of the features that it uses.
    pub(crate) columns: Vec<usize>,
    pub(crate) layers: Vec<Layer>,
    /// Remarks for an administrator.
    pub(crate) remarks: Vec<String>,
}

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) weights: Weights,
    pub(crate) activation: Activation,
}

impl Layer {
    /// Layers whose sizes fit each other.
    pub(crate) fn chain(weights: Vec<Weights>, activations: Vec<Activation>) -> Result<Vec<Self>, String> {
        if weights.len() != activations.len() {
            return Err(format!("it has {} layers, but {} are described", weights.len(), activations.len()));
        }
        if weights.windows(2).any(|pair| pair[0].units != pair[1].inputs) {
            return Err("the sizes of its layers do not fit each other".to_owned());
        }
        if activations.split_last().is_none_or(|(last, hidden)| {
            *last != Activation::Softmax || hidden.contains(&Activation::Softmax)
        }) {
            return Err("its last layer does not give probabilities".to_owned());
        }
        let finite = |weights: &Weights| weights.kernel.iter().chain(&weights.bias).all(|w| w.is_finite());
        if weights.iter().any(|weights| weights.units == 0 || !finite(weights)) {
            return Err("a weight is not finite, or a layer is empty".to_owned());
        }
        let layers = weights.into_iter().zip(activations);
        Ok(layers.map(|(weights, activation)| Self { weights, activation }).collect())
    }
}

impl Network {
    /// The network of a `classifier.pkl` and the layers beside it.
    pub(crate) fn of_classifier(classifier: Classifier, layers: Vec<Layer>) -> Result<Self, String> {
        let Classifier { classes, columns } = classifier;
        let (inputs, outputs) = ends(&layers).ok_or("there are no layers")?;
        if inputs != columns.len() || outputs != classes {
            return Err(format!(
                "it has {} columns and {classes} classes, the network beside it {inputs} and {outputs}",
                columns.len()
            ));
        }
        let features = columns.iter().max().map_or(1, |last| last + 1);
        let remarks = vec![
            format!(
                "Of the features, {} varied when it was trained, and only those are used.",
                columns.len()
            ),
            BY_POSITION.to_owned(),
        ];
        let made_by = "Moodle's Python server (Keras)".to_owned();
        Ok(Self { made_by, features, open_ended: true, columns, layers, remarks })
    }

    /// The network as a model file of this backend. Missing values become 0, as in the Python server.
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        // The Python server numbers classes from 0.
        let count = ends(&self.layers).map_or(0, |(_, outputs)| outputs);
        let classes: Vec<Class> = (0..count).filter_map(|class| Class::new(class as f64)).collect();
        let mut graph = Graph::new("python_server");
        let raw = graph.input(INPUT, self.features);
        let nothing_varied = self.columns.is_empty();
        let mut values = if nothing_varied { graph.zeros(&raw) } else { self.inputs(&mut graph, &raw) };
        for (at, layer) in self.layers.iter().enumerate() {
            // Where no feature varied, the first layer has no weights: its sums are its biases.
            if at > 0 || !nothing_varied {
                let Weights { inputs, units, kernel, .. } = &layer.weights;
                let kernel = graph.floats(&[*inputs, *units], kernel);
                values = graph.op("MatMul", &[&values, &kernel]);
            }
            values = layer.activated(&mut graph, &values);
        }
        outputs(&mut graph, &values, &classes);
        file(
            graph,
            &ModelMetadata {
                format: FORMAT,
                made_by: self.made_by.clone(),
                features: (1..=self.features).map(|number| format!("feature {number}")).collect(),
                open_ended: self.open_ended,
                classes,
                decisions: self.remarks.clone(),
                ..ModelMetadata::default()
            },
        )
    }

    fn inputs(&self, graph: &mut Graph, raw: &ValueName) -> ValueName {
        let used = graph.columns(raw, self.columns.iter().copied());
        let missing = graph.op("IsNaN", &[&used]);
        let zero = graph.scalar(0.0);
        graph.op("Where", &[&missing, &zero, &used])
    }
}

fn ends(layers: &[Layer]) -> Option<(usize, usize)> {
    Some((layers.first()?.weights.inputs, layers.last()?.weights.units))
}

impl Layer {
    fn activated(&self, graph: &mut Graph, product: &ValueName) -> ValueName {
        let bias = graph.floats(&[1, self.weights.units], &self.weights.bias);
        let sums = graph.op("Add", &[product, &bias]);
        match self.activation {
            Activation::Linear => sums,
            Activation::Relu => graph.op("Relu", &[&sums]),
            Activation::Tanh => graph.op("Tanh", &[&sums]),
            Activation::Sigmoid => graph.op("Sigmoid", &[&sums]),
            Activation::Softmax => graph.op_with("Softmax", &[&sums], &[("axis", 1)]),
        }
    }
}
