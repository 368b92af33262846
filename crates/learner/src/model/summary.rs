//! A summary of any ONNX file, of this backend or of another tool; nothing in it is run.
//!
//! Owns what is shown of such a file. Must not know how a model is checked or translated.

use std::collections::BTreeMap;

use serde::Serialize;
use tract_onnx::pb::{ModelProto, ValueInfoProto};

use super::decode::decode;
use crate::text::Untrusted;

/// Longer names are cut.
const MAX_NAME_CHARS: usize = 100;

/// The producer, the inputs and outputs, and the operators of an ONNX file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The tool that wrote it, with its version.
    pub producer: String,
    /// The names of its inputs.
    pub inputs: Vec<String>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// How often it uses each operator.
    pub operators: BTreeMap<String, usize>,
}

/// Summarises an ONNX file; `None` when the bytes are no ONNX file.
#[must_use]
pub fn summary(bytes: &[u8]) -> Option<Summary> {
    let proto = decode(bytes).ok()?;
    let graph = proto.graph.as_ref()?;
    let names = |values: &[ValueInfoProto]| values.iter().map(|value| shown(&value.name)).collect();
    let mut operators = BTreeMap::new();
    for node in &graph.node {
        let domain = if node.domain.is_empty() { String::new() } else { shown(&node.domain) + "." };
        *operators.entry(domain + &shown(&node.op_type)).or_insert(0) += 1;
    }
    Some(Summary {
        producer: shown(&producer(&proto)),
        inputs: names(&graph.input),
        outputs: names(&graph.output),
        operators,
    })
}

/// The name and version of the program that wrote a model; empty if unknown.
pub(super) fn producer(proto: &ModelProto) -> String {
    // A release of tf2onnx adds the commit that it was built from, which it does not know.
    let version = proto.producer_version.trim_end_matches(" None");
    format!("{} {version}", proto.producer_name).trim().to_owned()
}

fn shown(name: &str) -> String {
    Untrusted(name).line(MAX_NAME_CHARS)
}
