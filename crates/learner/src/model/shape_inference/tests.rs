//! Refusals of graphs whose shapes do not fit, that need too much memory, or that read outside of a tensor.

use prost::Message;
use tract_onnx::pb::{AttributeProto, ModelProto};

use super::*;
use crate::model::Model;

const OURS: &[u8] = include_bytes!("../../../../../models/ours/model.onnx");

fn refusal(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut proto = ModelProto::decode(OURS).expect("a model");
    change(proto.graph.as_mut().expect("a graph"));
    match Model::load(&proto.encode_to_vec()) {
        Err(ModelError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn refuses_a_graph_that_doubles_a_tensor_repeatedly() {
    let why = refusal(|graph| {
        let name = |at: usize| if at == 0 { "features".to_owned() } else { format!("double_{at}") };
        let doubled = |at: usize| NodeProto {
            output: vec![name(at + 1)],
            ..node("Concat", &[&name(at), &name(at)], Some(("axis", &[1])))
        };
        graph.node.splice(0..0, (0..40).map(doubled));
    });
    assert!(why.contains("too much memory"), "{why}");
}

#[test]
fn refuses_an_index_outside_of_its_tensor() {
    let why = refusal(|graph| {
        let gather = graph.node.iter().find(|node| node.op_type == "Gather").expect("a gather").clone();
        let indices = graph.initializer.iter_mut().find(|tensor| tensor.name == gather.input[1]);
        let indices = indices.expect("constant indices");
        indices.raw_data[..8].copy_from_slice(&1_000_i64.to_le_bytes());
    });
    assert!(why.contains("Gather"), "{why}");
}

#[test]
fn refuses_a_graph_without_nodes() {
    let why = refusal(|graph| graph.node.clear());
    assert!(why.contains("not computed"), "{why}");
}

fn node(op: &str, inputs: &[&str], list: Option<(&str, &[i64])>) -> NodeProto {
    let attribute = list.map(|(name, ints)| AttributeProto {
        name: name.to_owned(),
        ints: ints.to_vec(),
        i: ints.first().copied().unwrap_or(0),
        r#type: 7,
        ..AttributeProto::default()
    });
    NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec!["more".to_owned()],
        attribute: attribute.into_iter().collect(),
        ..NodeProto::default()
    }
}

#[rstest::rstest]
#[case::an_axis_twice(node("Transpose", &["features"], Some(("perm", &[0, 0]))), &[])]
#[case::an_axis_too_few(node("Transpose", &["features"], Some(("perm", &[0]))), &[])]
#[case::an_axis_outside(node("Transpose", &["features"], Some(("perm", &[1, 2]))), &[])]
#[case::a_maximum_along_no_axis(node("ReduceMax", &["features"], None), &[])]
#[case::a_maximum_outside(node("ReduceMax", &["features"], Some(("axes", &[2]))), &[])]
#[case::a_maximum_from_behind(node("ReduceMax", &["features"], Some(("axes", &[-1]))), &[])]
#[case::a_sum_outside(node("ReduceSum", &["features", "list"], None), &[7])]
#[case::a_sum_along_what_is_computed(node("ReduceSum", &["features", "features"], None), &[])]
#[case::a_sum_that_drops_its_axis(node("ReduceSum", &["features", "list"], Some(("keepdims", &[0]))), &[1])]
#[case::two_open_sizes(node("Reshape", &["features", "list"], None), &[-1, -1])]
#[case::a_size_of_nothing(node("Reshape", &["features", "list"], None), &[0, -1])]
#[case::a_negative_size(node("Reshape", &["features", "list"], None), &[-2, -1])]
#[case::a_size_that_does_not_fit(node("Reshape", &["features", "list"], None), &[256, 30])]
#[case::sizes_that_overflow(node("Reshape", &["features", "list"], None), &[i64::MAX, i64::MAX, 2])]
#[case::too_many_dimensions(node("Reshape", &["features", "list"], None), &[1, 1, 1, 1, 1, 1, 1, 1, -1])]
#[case::shares_along_an_axis_outside(node("Softmax", &["features"], Some(("axis", &[2]))), &[])]
#[case::three_of_two(node("Max", &["features", "features", "features"], None), &[])]
#[case::one_of_two(node("Div", &["features"], None), &[])]
fn refuses_a_node_whose_inputs_do_not_fit(#[case] node: NodeProto, #[case] list: &[i64]) {
    let op = node.op_type.clone();
    let why = refusal(|graph| {
        graph.initializer.push(TensorProto {
            name: "list".to_owned(),
            dims: vec![list.len() as i64],
            data_type: tract_onnx::pb::tensor_proto::DataType::Int64 as i32,
            raw_data: list.iter().flat_map(|number| number.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        graph.node.insert(0, node);
    });
    assert!(why.contains(&format!("a node {op} do not fit")), "{why}");
}
