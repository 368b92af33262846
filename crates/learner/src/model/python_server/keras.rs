//! Keras' `keras_metadata.pb`: the layers of a network in their order, and their activations. A protobuf message
//! (`saved_metadata.proto` of Keras) with one JSON text per object.
//!
//! Owns that format. Must not know the weights.

use prost::Message;
use serde::Deserialize;

use crate::text::Untrusted;

/// The activation of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Activation {
    Relu,
    Tanh,
    Sigmoid,
    Linear,
    Softmax,
}

/// The Python server's activations for `layers` layers, for models without a `keras_metadata.pb`.
pub(crate) fn default_activations(layers: usize) -> Vec<Activation> {
    (1..=layers).map(|layer| if layer < layers { Activation::Relu } else { Activation::Softmax }).collect()
}

/// The activation of each dense layer.
pub(crate) fn activations(metadata: &[u8]) -> Result<Vec<Activation>, String> {
    let saved = SavedMetadata::decode(metadata).map_err(|_| "it cannot be read".to_owned())?;
    let is_network = |node: &&SavedObject| {
        matches!(node.identifier.as_str(), "_tf_keras_network" | "_tf_keras_model" | "_tf_keras_sequential")
    };
    let network = saved.nodes.iter().find(is_network).ok_or("it describes no network")?;
    let network: KerasModel = serde_json::from_str(&network.metadata)
        .map_err(|_| "it describes a network that the Python server does not make".to_owned())?;
    let dense = network.config.layers.into_iter().filter_map(|layer| match layer.class_name.as_str() {
        "InputLayer" => None,
        "Dense" => Some(layer.config.activation.ok_or_else(|| "a layer has no activation".to_owned())),
        other => {
            let class = Untrusted(other).identifier(40);
            Some(Err(format!("it has a layer of the class {class}, which the Python server does not make")))
        }
    });
    dense.collect()
}

#[derive(Clone, PartialEq, Message)]
struct SavedMetadata {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<SavedObject>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedObject {
    #[prost(string, tag = "4")]
    identifier: String,
    #[prost(string, tag = "5")]
    metadata: String,
}

#[derive(Deserialize)]
struct KerasModel {
    config: ModelConfig,
}

#[derive(Deserialize)]
struct ModelConfig {
    layers: Vec<LayerNode>,
}

#[derive(Deserialize)]
struct LayerNode {
    class_name: String,
    config: LayerConfig,
}

#[derive(Deserialize)]
struct LayerConfig {
    activation: Option<Activation>,
}
