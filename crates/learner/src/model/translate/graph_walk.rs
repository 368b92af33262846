//! The walk through another tool's graph, node by node.
//!
//! Owns which nodes are translated and in which order. Must not know single operators: they are in
//! [`super::operators`].

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto};

use super::error::{Result, name_operator, refused};
use super::node::Node;
use super::operators;
use super::translator::Translator;
use super::value::{Computed, Value};

/// Translates the nodes that the outputs called `outputs` depend on. Missing cells are NaN, or `missing`.
pub(crate) fn translate<'a>(
    proto: &'a ModelProto,
    graph: &'a GraphProto,
    outputs: &[String],
    width: usize,
    missing: Option<f32>,
) -> Result<(Translator<'a>, Vec<Computed>)> {
    let mut translator = Translator::new(graph, width, missing)?;
    let needed = needed(graph, outputs)?;
    let version = |domain: &str| {
        let set = proto.opset_import.iter().find(|set| canonical_domain(&set.domain) == domain);
        set.map_or(1, |set| set.version)
    };
    let versions = HashMap::from([("", version("")), ("ai.onnx.ml", version("ai.onnx.ml"))]);
    for (at, proto) in graph.node.iter().enumerate() {
        if !needed.contains(&at) {
            continue;
        }
        let version = versions.get(canonical_domain(&proto.domain)).copied().unwrap_or(1);
        translate_node(&mut translator, Node { proto, version })
            .map_err(|error| name_operator(proto, error))?;
    }
    let mut values = Vec::with_capacity(outputs.len());
    for output in outputs {
        let Value::Computed(value) = translator.named(output)? else {
            return refused("its output is a constant");
        };
        values.push(value);
    }
    Ok((translator, values))
}

fn canonical_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// The nodes that outputs depend on.
pub(crate) fn needed(graph: &GraphProto, outputs: &[String]) -> Result<HashSet<usize>> {
    let mut made_by: HashMap<&str, usize> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if made_by.insert(name, at).is_some() {
                return refused("two values have one name");
            }
        }
    }
    let mut needed = HashSet::new();
    let mut open: Vec<usize> =
        outputs.iter().filter_map(|output| made_by.get(output.as_str()).copied()).collect();
    while let Some(at) = open.pop() {
        if needed.insert(at) {
            open.extend(graph.node[at].input.iter().filter_map(|name| made_by.get(name.as_str())));
        }
    }
    Ok(needed)
}

/// Translates one node.
fn translate_node<'a>(translator: &mut Translator<'a>, node: Node<'a>) -> Result<()> {
    for name in node.proto.input.iter().filter(|name| !name.is_empty()) {
        translator.named(name)?;
    }
    let Some(rule) = operators::find(canonical_domain(&node.proto.domain), &node.proto.op_type) else {
        return refused("it is not supported");
    };
    let values = rule.translate(translator, node)?;
    for (name, value) in node.proto.output.iter().zip(values) {
        let Some(value) = value.filter(|_| !name.is_empty()) else { continue };
        translator.define(name, value)?;
    }
    Ok(())
}
