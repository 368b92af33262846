//! What an ONNX file consists of, whoever made it; nothing of it is run.

use std::collections::BTreeMap;

use serde::Serialize;
use tract_onnx::pb::ValueInfoProto;

use super::decode::decode;

/// What an ONNX file consists of.
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

/// Looks into an ONNX file; `None` when the bytes are none.
#[must_use]
pub fn summary(bytes: &[u8]) -> Option<Summary> {
    let proto = decode(bytes).ok()?;
    let graph = proto.graph?;
    let names = |values: &[ValueInfoProto]| values.iter().map(|value| plain(&value.name)).collect();
    let mut operators = BTreeMap::new();
    for node in &graph.node {
        let domain = if node.domain.is_empty() { String::new() } else { plain(&node.domain) + "." };
        *operators.entry(domain + &plain(&node.op_type)).or_insert(0) += 1;
    }
    Some(Summary {
        producer: plain(format!("{} {}", proto.producer_name, proto.producer_version).trim()),
        inputs: names(&graph.input),
        outputs: names(&graph.output),
        operators,
    })
}

/// A name in a file that anybody may have written, fit for a terminal.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}
