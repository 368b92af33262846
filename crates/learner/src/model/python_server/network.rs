//! A small network of dense layers, and the same as a model file of this backend.

use super::checkpoint::Weights;
use super::classifier::Classifier;
use super::keras::Activation;
use crate::dataset::Class;
use crate::model::graph::{Graph, Value};
use crate::model::metadata::{FORMAT, ModelMetadata};
use crate::model::to_onnx::{INPUT, file, outputs};

/// Layers on top of each other; the last one gives the probabilities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// The release that made it, for people.
    pub(crate) made_by: String,
    /// How many features its samples have at least.
    pub(crate) features: usize,
    /// Whether they may have more.
    pub(crate) open_ended: bool,
    /// The features that it looks at.
    pub(crate) columns: Vec<usize>,
    pub(crate) layers: Vec<Layer>,
    /// What an administrator should know.
    pub(crate) remarks: Vec<String>,
}

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) weights: Weights,
    pub(crate) activation: Activation,
}

impl Layer {
    /// Layers that fit onto each other.
    pub(crate) fn chain(weights: Vec<Weights>, activations: Vec<Activation>) -> Result<Vec<Self>, String> {
        if weights.len() != activations.len() {
            return Err(format!("it has {} layers, but {} are described", weights.len(), activations.len()));
        }
        if weights.windows(2).any(|pair| pair[0].units != pair[1].inputs) {
            return Err("its layers do not fit onto each other".to_owned());
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
                "Of the features, {} varied when it was trained, and only those are looked at.",
                columns.len()
            ),
            "Features are matched by their position: the Python server did not keep their names.".to_owned(),
        ];
        let made_by = "Moodle's Python server (Keras)".to_owned();
        Ok(Self { made_by, features, open_ended: true, columns, layers, remarks })
    }

    /// The network as a model file of this backend. A missing value is taken for 0, as the Python server
    /// takes it.
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        let classes: Vec<Class> = self.classes();
        let mut graph = Graph::new("python_server");
        let raw = graph.input(INPUT, self.features);
        let nothing_varied = self.columns.is_empty();
        let mut values = if nothing_varied { graph.zeros(&raw) } else { self.inputs(&mut graph, &raw) };
        for (at, layer) in self.layers.iter().enumerate() {
            // Where nothing varied the first layer has no weights: its sums are its biases.
            if at > 0 || !nothing_varied {
                values = layer.product(&mut graph, &values);
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
                named: false,
                open_ended: self.open_ended,
                classes,
                class_counts: Vec::new(),
                log_loss: None,
                decisions: self.remarks.clone(),
                top_features: Vec::new(),
            },
        )
    }

    /// The Python server tells classes by their number, from 0 on.
    fn classes(&self) -> Vec<Class> {
        let count = ends(&self.layers).map_or(0, |(_, outputs)| outputs);
        (0..count).filter_map(|class| Class::new(class as f64)).collect()
    }

    fn inputs(&self, graph: &mut Graph, raw: &Value) -> Value {
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
    fn product(&self, graph: &mut Graph, below: &Value) -> Value {
        let Weights { inputs, units, kernel, .. } = &self.weights;
        let kernel = graph.floats(&[*inputs, *units], kernel);
        graph.op("MatMul", &[below, &kernel])
    }

    fn activated(&self, graph: &mut Graph, product: &Value) -> Value {
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
