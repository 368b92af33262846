//! Hostile ONNX files of other tools: they are refused or become a model that runs; nothing panics.

use std::fs;
use std::path::Path;

use moodle_mlbackend::model::{self, MODEL, MODEL_JSON, Model, ModelFiles};
use proptest::prelude::*;
use prost::Message;
use rstest::rstest;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};

use crate::common::onnx::{graph, integers, op, with};

const FOLDERS: [&str; 5] = ["scikit-learn", "lightgbm", "xgboost", "keras", "pytorch"];

fn file(folder: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder).join(name)).expect("a file")
}

/// Imports a model; an accepted one must run.
fn import(onnx: Vec<u8>, description: Vec<u8>) -> Result<(), String> {
    let files = ModelFiles::from([(MODEL.to_owned(), onnx), (MODEL_JSON.to_owned(), description)]);
    let bytes = model::import(files).map_err(|error| error.to_string())?;
    Model::load(&bytes).expect("an accepted model runs");
    Ok(())
}

/// The refusal of a shipped model after a change.
fn refusal(folder: &str, change: impl FnOnce(&mut GraphProto)) -> String {
    changed(folder, change).expect_err("refused")
}

/// Imports a shipped model after a change.
fn changed(folder: &str, change: impl FnOnce(&mut GraphProto)) -> Result<(), String> {
    let mut proto = ModelProto::decode(&file(folder, MODEL)[..]).expect("a model");
    change(proto.graph.as_mut().expect("a graph"));
    import(proto.encode_to_vec(), file(folder, MODEL_JSON))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn refuses_or_runs_a_model_with_changed_bytes(
        folder in prop::sample::select(FOLDERS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut onnx = file(folder, MODEL);
        for (at, byte) in changes {
            let at = at.index(onnx.len());
            onnx[at] = byte;
        }
        let _ = import(onnx, file(folder, MODEL_JSON));
    }

    #[test]
    fn refuses_or_runs_a_model_with_removed_or_inserted_bytes(
        folder in prop::sample::select(FOLDERS.to_vec()),
        (from, to) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut onnx = file(folder, MODEL);
        let from = from.index(onnx.len());
        let to = from + to.index((onnx.len() - from).min(50));
        onnx.splice(from..to, more);
        let _ = import(onnx, file(folder, MODEL_JSON));
    }

    #[test]
    fn refuses_any_bytes_as_model_json(description in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(import(file("keras", MODEL), description).is_err());
    }

    #[test]
    fn refuses_or_runs_trees_with_any_numbers_in_their_lists(
        list in prop::sample::select(vec![
            "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids",
            "class_treeids", "class_nodeids", "class_ids",
        ]),
        at in any::<prop::sample::Index>(),
        number in prop_oneof![-2_i64..20, any::<i64>()],
    ) {
        let mut proto = ModelProto::decode(&file("xgboost", MODEL)[..]).expect("a model");
        let list = attribute(proto.graph.as_mut().expect("a graph"), list);
        let at = at.index(list.ints.len());
        list.ints[at] = number;
        let _ = import(proto.encode_to_vec(), file("xgboost", MODEL_JSON));
    }
}

fn attribute<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut AttributeProto {
    let nodes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    nodes.into_iter().find(|attribute| attribute.name == name).expect("the attribute")
}

#[rstest]
#[case("nodes_truenodeids", 0, "leads to")]
#[case("nodes_truenodeids", 1_000_000, "not there")]
#[case("nodes_truenodeids", -1, "not there")]
#[case("nodes_featureids", 10, "not there")]
#[case("nodes_featureids", -1, "not there")]
#[case("nodes_nodeids", 1, "one number")]
#[case("class_ids", 7, "class that is not there")]
#[case("class_nodeids", 1_000_000, "no leaf")]
fn refuses_lists_that_do_not_describe_trees(#[case] list: &str, #[case] number: i64, #[case] why: &str) {
    let refused = refusal("xgboost", |graph| attribute(graph, list).ints[0] = number);
    assert!(refused.contains(why) && refused.contains("TreeEnsembleClassifier"), "{refused}");
}

#[test]
fn refuses_trees_with_cycles() {
    // The second node leads back to the first, so that no root reaches them.
    let refused = refusal("xgboost", |graph| {
        let first_tree = attribute(graph, "nodes_treeids").ints.iter().filter(|&&tree| tree == 0).count();
        let list = attribute(graph, "nodes_truenodeids");
        let second = list.ints[..first_tree].iter().position(|&child| child > 0 && child != list.ints[0]);
        list.ints[second.expect("another branch")] = 0;
    });
    assert!(refused.contains("circle") || refused.contains("lead to one node"), "{refused}");
}

#[test]
fn refuses_trees_of_a_million_nodes() {
    let refused = refusal("xgboost", |graph| {
        let many: Vec<i64> = (0..1_000_000).collect();
        attribute(graph, "nodes_nodeids").ints = many.clone();
        attribute(graph, "nodes_treeids").ints = many;
    });
    assert!(refused.contains("1000000 nodes"), "{refused}");
}

#[test]
fn runs_a_very_deep_tree() {
    const DEEP: i64 = 20_000;
    let changed = changed("xgboost", |graph| {
        let mut list = |name: &str, numbers: Vec<i64>| attribute(graph, name).ints = numbers;
        list("nodes_treeids", vec![0; 2 * DEEP as usize + 1]);
        list("nodes_nodeids", (0..=2 * DEEP).collect());
        list("nodes_featureids", vec![0; 2 * DEEP as usize + 1]);
        list("nodes_missing_value_tracks_true", vec![0; 2 * DEEP as usize + 1]);
        // Even nodes but the last branch to the next two; odd ones are leaves.
        let child =
            |more: i64| (0..=2 * DEEP).map(move |at| if at % 2 == 0 { at + more } else { 0 }).collect();
        list("nodes_truenodeids", child(1));
        list("nodes_falsenodeids", child(2));
        list("class_treeids", vec![0]);
        list("class_nodeids", vec![1]);
        list("class_ids", vec![0]);
        attribute(graph, "class_weights").floats = vec![1.0];
        attribute(graph, "nodes_values").floats = vec![0.0; 2 * DEEP as usize + 1];
        let modes = (0..=2 * DEEP).map(|at| if at % 2 == 0 && at < 2 * DEEP { "BRANCH_LT" } else { "LEAF" });
        attribute(graph, "nodes_modes").strings = modes.map(|mode| mode.as_bytes().to_vec()).collect();
    });
    assert_eq!(changed, Ok(()));
}

fn weights(graph: &mut GraphProto) -> &mut TensorProto {
    let tensors = graph.initializer.iter_mut();
    tensors.into_iter().find(|tensor| tensor.data_type == DataType::Float as i32).expect("weights")
}

fn move_weights_to_another_file(graph: &mut GraphProto) {
    let location = StringStringEntryProto { key: "location".to_owned(), value: "/etc/passwd".to_owned() };
    let tensor = weights(graph);
    tensor.external_data = vec![location];
    tensor.raw_data.clear();
}

#[rstest]
#[case("xgboost", |graph: &mut GraphProto| attribute(graph, "nodes_values").floats[0] = f32::NAN, "not a number")]
#[case("scikit-learn", |graph: &mut GraphProto| attribute(graph, "coefficients").floats[0] = f32::INFINITY, "not finite")]
#[case("scikit-learn", |graph: &mut GraphProto| attribute(graph, "coefficients").floats.truncate(3), "coefficient")]
#[case("keras", |graph: &mut GraphProto| weights(graph).dims = vec![1 << 40, 1 << 40], "size")]
#[case("keras", |graph: &mut GraphProto| weights(graph).dims = vec![-1], "size")]
#[case("keras", |graph: &mut GraphProto| weights(graph).data_location = Some(1), "another file")]
#[case("keras", move_weights_to_another_file, "another file")]
fn refuses_weights_that_are_not_finite_or_missing(
    #[case] folder: &str,
    #[case] change: fn(&mut GraphProto),
    #[case] reason: &str,
) {
    let refused = refusal(folder, change);
    assert!(refused.contains(reason), "{refused}");
}

/// Imports a graph from x to y with the constants `given`.
fn import_graph(nodes: Vec<NodeProto>, given: Vec<TensorProto>) -> Result<(), String> {
    let graph = graph("x", "y", nodes, given);
    let proto = ModelProto { graph: Some(graph), ..ModelProto::default() };
    import(proto.encode_to_vec(), br#"{"features": 2, "classes": [0, 1]}"#.to_vec())
}

#[test]
fn imports_a_small_graph() {
    import_graph(vec![op("Softmax", &["x"], "y")], vec![]).expect("a model");
}

#[rstest]
#[case::an_unknown_operator(vec![op("Loop", &["x"], "y")], vec![], "operator Loop cannot")]
#[case::a_cycle(vec![op("Add", &["x", "b"], "a"), op("Add", &["a", "x"], "b"), op("Add", &["a", "b"], "y")], vec![], "before it")]
#[case::one_name_twice(vec![op("Relu", &["x"], "a"), op("Tanh", &["x"], "a"), op("Add", &["a", "a"], "y")], vec![], "one name")]
#[case::itself(vec![op("Add", &["x", "y"], "y")], vec![], "before it")]
#[case::no_nodes(vec![], vec![], "no")]
#[case::a_huge_shape(vec![op("Expand", &["x", "s"], "y")], vec![integers("s", &[1 << 40, 1 << 40])], "impossible size")]
#[case::a_large_shape(vec![op("Expand", &["x", "s"], "y")], vec![integers("s", &[1, 1 << 30])], "impossible size")]
#[case::a_negative_shape(vec![op("ConstantOfShape", &["s"], "y")], vec![integers("s", &[-5])], "negative")]
#[case::a_new_shape_of_other_size(vec![op("Reshape", &["x", "s"], "y")], vec![integers("s", &[-1, 3])], "impossible shape")]
#[case::two_open_sizes(vec![op("Reshape", &["x", "s"], "y")], vec![integers("s", &[-1, -1])], "impossible shape")]
#[case::samples_mixed_by_shape(vec![op("Reshape", &["x", "s"], "a"), op("Softmax", &["a"], "y")], vec![integers("s", &[2, -1])], "mixes samples")]
#[case::samples_summed_up(vec![with(op("ReduceSum", &["x"], "s"), "axes", &[0]), op("Div", &["x", "s"], "y")], vec![], "different samples")]
#[case::samples_compared(vec![with(op("Softmax", &["x"], "y"), "axis", &[0])], vec![], "")]
#[case::samples_multiplied(vec![op("Transpose", &["x"], "t"), op("MatMul", &["x", "t"], "y")], vec![], "mixes samples")]
#[case::some_samples(vec![op("Gather", &["x", "i"], "y")], vec![integers("i", &[0])], "some samples")]
#[case::a_place_outside(vec![with(op("Gather", &["x", "i"], "y"), "axis", &[1])], vec![integers("i", &[2, 0])], "axis")]
#[case::an_axis_outside(vec![with(op("Concat", &["x", "x"], "y"), "axis", &[i64::MIN])], vec![], "axis")]
#[case::no_inputs(vec![op("Concat", &[], "y")], vec![], "Concat")]
#[case::inputs_left_out(vec![op("Gemm", &["x"], "y")], vec![], "absent")]
#[case::a_constant_answer(vec![op("Identity", &["s"], "y")], vec![integers("s", &[1, 2])], "constant")]
#[case::a_split_that_does_not_fit(vec![with(op("Split", &["x"], "y"), "axis", &[1]), ], vec![], "")]
fn refuses_invalid_graphs(#[case] nodes: Vec<NodeProto>, #[case] given: Vec<TensorProto>, #[case] why: &str) {
    let refused = import_graph(nodes, given);
    if !why.is_empty() {
        let refused = refused.expect_err("refused");
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn refuses_a_value_that_doubles_repeatedly() {
    let name = |at: usize| match at {
        0 => "x".to_owned(),
        60 => "y".to_owned(),
        _ => format!("v{at}"),
    };
    let nodes = (0..60).map(|at| with(op("Concat", &[&name(at), &name(at)], &name(at + 1)), "axis", &[1]));
    let refused = import_graph(nodes.collect(), vec![]).expect_err("refused");
    assert!(!refused.is_empty());
}

#[test]
fn refuses_too_many_calculations_about_shapes() {
    let name = |at: usize| format!("s{at}");
    let mut nodes: Vec<NodeProto> =
        (0..60).map(|at| with(op("Concat", &[&name(at), &name(at)], &name(at + 1)), "axis", &[0])).collect();
    nodes.push(op("Reshape", &["x", "s60"], "y"));
    let refused = import_graph(nodes, vec![integers("s0", &[1, 1])]).expect_err("refused");
    assert!(refused.contains("too much about shapes"), "{refused}");
}
