//! The `model.json` of an export of the TensorFlow 1 releases (2.0 to 2.6.0): the weights of a network with
//! one hidden layer, as numbers in JSON. Its output is softmax(tanh(x·W1 + b1)·W2 + b2), of all features.
//!
//! Owns that format. Must not know how a network becomes a model file.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use super::checkpoint::Weights;
use super::keras::Activation;
use super::network::{BY_POSITION, Layer, Network};
use crate::text::Untrusted;

#[derive(Deserialize)]
struct TensorFlow1Model {
    #[serde(rename = "initialise-vars/input-to-hidden-weights")]
    hidden: Matrix,
    #[serde(rename = "initialise-vars/hidden-bias")]
    hidden_bias: Vec<f32>,
    #[serde(rename = "initialise-vars/hidden-to-output-weights")]
    output: Matrix,
    #[serde(rename = "initialise-vars/output-bias")]
    output_bias: Vec<f32>,
    n_features: usize,
    n_classes: usize,
}

pub(crate) fn read(json: &[u8]) -> Result<Network, String> {
    let model: TensorFlow1Model = serde_json::from_slice(json).map_err(|error| {
        format!("it is no model of the TensorFlow 1 releases ({})", Untrusted(&error.to_string()).line(200))
    })?;
    let hidden = model.hidden.with(model.hidden_bias)?;
    let output = model.output.with(model.output_bias)?;
    if hidden.inputs != model.n_features || output.units != model.n_classes || model.n_classes < 2 {
        return Err("the numbers of its weights do not match its features and classes".to_owned());
    }
    let layers = Layer::chain(vec![hidden, output], vec![Activation::Tanh, Activation::Softmax])?;
    Ok(Network {
        made_by: "Moodle's Python server (TensorFlow 1)".to_owned(),
        features: model.n_features,
        open_ended: false,
        columns: (0..model.n_features).collect(),
        layers,
        remarks: vec![BY_POSITION.to_owned()],
    })
}

/// Rows of equal length in one list: a list per row would take many times the memory of the text.
#[derive(Default)]
struct Matrix {
    rows: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn with(self, bias: Vec<f32>) -> Result<Weights, String> {
        if self.rows == 0 || bias.is_empty() || self.values.len() / self.rows != bias.len() {
            return Err("its weights and biases do not fit each other".to_owned());
        }
        Ok(Weights { inputs: self.rows, units: bias.len(), kernel: self.values, bias })
    }
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Rows)
    }
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = Matrix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Matrix, A::Error> {
        let mut matrix = Matrix::default();
        let mut width = None;
        while let Some(row) = rows.next_element::<Vec<f32>>()? {
            if row.is_empty() || *width.get_or_insert(row.len()) != row.len() {
                return Err(A::Error::custom("rows of different lengths"));
            }
            matrix.rows += 1;
            matrix.values.extend(row);
        }
        Ok(matrix)
    }
}
