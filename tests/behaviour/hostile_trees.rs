//! Hostile trees: in models of other tools (`TreeEnsemble`, version 5), and in files that claim to be of this backend.

use moodle_mlbackend::dataset::Features;
use moodle_mlbackend::model::{self, MODEL, MODEL_JSON, Model, ModelFiles};
use prost::Message;
use rstest::rstest;
use serde_json::json;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto};

use crate::common::onnx::{floats, graph, integers, op, tensor, with};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 7, ints: ints.to_vec(), ..AttributeProto::default() }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 2, i, ..AttributeProto::default() }
}

fn tensors(name: &str, tensor: TensorProto) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 4, t: Some(tensor), ..AttributeProto::default() }
}

fn bytes(values: &[u8]) -> TensorProto {
    tensor("", &[values.len()], DataType::Uint8, values.to_vec())
}

fn trees(op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: "ai.onnx.ml".to_owned(), attribute, ..op(op_type, &["features"], "scores") }
}

/// Is the first feature one of -1, 0.5 and 1, or else the second at most 0? A leaf for yes, two for no.
fn version_5() -> NodeProto {
    trees(
        "TreeEnsemble",
        vec![
            int("n_targets", 2),
            ints("tree_roots", &[0]),
            ints("nodes_featureids", &[0, 1]),
            tensors("nodes_modes", bytes(&[6, 0])),
            tensors("nodes_splits", floats("", &[2], &[0.0, 0.0])),
            tensors("membership_values", floats("", &[4], &[-1.0, 0.5, 1.0, f32::NAN])),
            ints("nodes_truenodeids", &[0, 1]),
            ints("nodes_trueleafs", &[1, 1]),
            ints("nodes_falsenodeids", &[1, 2]),
            ints("nodes_falseleafs", &[0, 1]),
            ints("leaf_targetids", &[0, 1, 1]),
            tensors("leaf_weights", floats("", &[3], &[3.0, 1.0, 2.0])),
        ],
    )
}

/// A file whose logits are those of `node`.
fn import(node: NodeProto) -> Result<Vec<u8>, String> {
    let proto = ModelProto {
        graph: Some(graph("features", "y", vec![node, op("Identity", &["scores"], "y")], Vec::new())),
        ..ModelProto::default()
    };
    let description = br#"{"features": 2, "classes": [0, 1], "output": {"gives": "logits"}}"#;
    let files = ModelFiles::from([
        (MODEL.to_owned(), proto.encode_to_vec()),
        (MODEL_JSON.to_owned(), description.to_vec()),
    ]);
    model::import(files).map_err(|error| error.to_string())
}

fn changed(name: &str, change: impl FnOnce(&mut AttributeProto)) -> NodeProto {
    let mut node = version_5();
    change(node.attribute.iter_mut().find(|attribute| attribute.name == name).expect("the attribute"));
    node
}

#[test]
fn runs_trees_of_version_5_with_sets_of_members() {
    let model = Model::load(&import(version_5()).expect("a model")).expect("it runs");
    let columns = [vec![-1.0, 0.5, 1.0, 0.0, 0.0, f32::NAN], vec![1.0, 1.0, 1.0, -1.0, 1.0, f32::NAN]];
    let features = Features::of_columns(vec!["feature_1".to_owned(), "feature_2".to_owned()], &columns);
    let found: Vec<f64> = model.predict(features).expect("answers").column(0).to_vec();
    for (found, logit) in found.iter().zip([3.0_f64, 3.0, 3.0, -1.0, -2.0, -2.0]) {
        let expected = 1.0 / (1.0 + (-logit).exp());
        assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
    }
}

#[rstest]
#[case::a_circle("nodes_truenodeids", |list: &mut AttributeProto| list.ints[0] = 1, "nodes_trueleafs", "one node")]
#[case::no_roots("tree_roots", |list: &mut AttributeProto| list.ints.clear(), "", "circle")]
#[case::a_root_that_is_not_there("tree_roots", |list: &mut AttributeProto| list.ints[0] = 2, "", "root")]
#[case::a_root_below_another("tree_roots", |list: &mut AttributeProto| list.ints.push(1), "", "root")]
#[case::one_root_twice("tree_roots", |list: &mut AttributeProto| list.ints.push(0), "", "twice")]
#[case::a_leaf_that_is_not_there("nodes_falsenodeids", |list: &mut AttributeProto| list.ints[1] = 3, "", "not there")]
#[case::a_negative_child("nodes_falsenodeids", |list: &mut AttributeProto| list.ints[0] = -1, "", "not there")]
#[case::a_feature_that_is_not_there("nodes_featureids", |list: &mut AttributeProto| list.ints[0] = 2, "", "feature")]
#[case::lists_of_other_lengths("nodes_trueleafs", |list: &mut AttributeProto| list.ints.push(1), "", "one length")]
#[case::too_many_targets("n_targets", |number: &mut AttributeProto| number.i = 1_001, "", "1001 targets")]
#[case::a_target_that_is_not_there("leaf_targetids", |list: &mut AttributeProto| list.ints[0] = 2, "", "class")]
#[case::an_infinite_weight("leaf_weights", |list: &mut AttributeProto| list.t = Some(floats("", &[3], &[f32::INFINITY; 3])), "", "finite")]
#[case::weights_of_integers("leaf_weights", |list: &mut AttributeProto| list.t = Some(integers("", &[1, 2, 3])), "", "floats")]
#[case::a_threshold_that_is_no_number("nodes_splits", |list: &mut AttributeProto| list.t = Some(floats("", &[2], &[f32::NAN; 2])), "", "number")]
#[case::thresholds_of_impossible_size("nodes_splits", |list: &mut AttributeProto| list.t = Some(floats("", &[1 << 40], &[0.0; 2])), "", "size")]
#[case::modes_of_floats("nodes_modes", |list: &mut AttributeProto| list.t = Some(floats("", &[2], &[6.0, 0.0])), "", "bytes")]
#[case::an_unknown_mode("nodes_modes", |list: &mut AttributeProto| list.t = Some(bytes(&[6, 7])), "", "mode")]
#[case::no_members("membership_values", |list: &mut AttributeProto| list.t = Some(floats("", &[1], &[f32::NAN])), "", "members")]
#[case::more_members_than_nodes("membership_values", |list: &mut AttributeProto| list.t = Some(floats("", &[400_001], &vec![1.0; 400_001])), "", "400000")]
fn refuses_lists_of_version_5_that_do_not_describe_trees(
    #[case] name: &str,
    #[case] change: fn(&mut AttributeProto),
    #[case] no_leaf: &str,
    #[case] why: &str,
) {
    let mut node = changed(name, change);
    if let Some(list) = node.attribute.iter_mut().find(|attribute| attribute.name == no_leaf) {
        list.ints[0] = 0;
    }
    let refused = import(node).expect_err("refused");
    assert!(refused.contains(why) && refused.contains("ai.onnx.ml.TreeEnsemble "), "{refused}");
}

/// A file of this backend with a tree that asks whether the first feature is at most 0.
fn native(change: impl FnOnce(&mut NodeProto)) -> Result<(), String> {
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec()).to_vec();
    let floats = |name: &str, floats: &[f32]| AttributeProto {
        name: name.to_owned(),
        r#type: 6,
        floats: floats.to_vec(),
        ..AttributeProto::default()
    };
    let mut node = trees(
        "TreeEnsembleRegressor",
        vec![
            int("n_targets", 2),
            ints("nodes_treeids", &[0, 0, 0]),
            ints("nodes_nodeids", &[0, 1, 2]),
            ints("nodes_featureids", &[0, 0, 0]),
            AttributeProto {
                name: "nodes_modes".to_owned(),
                r#type: 8,
                strings: modes,
                ..AttributeProto::default()
            },
            floats("nodes_values", &[0.0, 0.0, 0.0]),
            ints("nodes_truenodeids", &[1, 0, 0]),
            ints("nodes_falsenodeids", &[2, 0, 0]),
            ints("target_treeids", &[0, 0]),
            ints("target_nodeids", &[1, 2]),
            ints("target_ids", &[0, 1]),
            floats("target_weights", &[1.0, 1.0]),
        ],
    );
    change(&mut node);
    let last = with(op("Softmax", &["scores"], "probabilities"), "axis", &[1]);
    let metadata = json!({
        "format": 1, "made_by": "a test", "features": ["a", "b"], "classes": [0, 1], "class_counts": [3, 4],
        "log_loss": null, "decisions": [], "top_features": [],
    });
    let proto = ModelProto {
        graph: Some(graph("features", "probabilities", vec![node, last], Vec::new())),
        metadata_props: vec![StringStringEntryProto {
            key: "moodle_mlbackend".to_owned(),
            value: metadata.to_string(),
        }],
        ..ModelProto::default()
    };
    let files = ModelFiles::from([(MODEL.to_owned(), proto.encode_to_vec())]);
    model::import(files).map(drop).map_err(|error| error.to_string())
}

fn list(node: &mut NodeProto, name: &str, at: usize, number: i64) {
    node.attribute.iter_mut().find(|attribute| attribute.name == name).expect("the list").ints[at] = number;
}

#[rstest]
#[case::a_feature_beyond_the_input(|node: &mut NodeProto| list(node, "nodes_featureids", 0, 2), "do not fit")]
#[case::a_negative_feature(|node: &mut NodeProto| list(node, "nodes_featureids", 0, -1), "feature")]
#[case::a_node_that_leads_to_itself(|node: &mut NodeProto| list(node, "nodes_truenodeids", 0, 0), "not there")]
#[case::a_child_that_is_not_there(|node: &mut NodeProto| list(node, "nodes_truenodeids", 0, i64::MAX), "not there")]
#[case::a_target_that_is_not_there(|node: &mut NodeProto| list(node, "target_ids", 0, 2), "class")]
#[case::two_roots(|node: &mut NodeProto| list(node, "nodes_falsenodeids", 0, 1), "root")]
#[case::a_tensor_in_an_attribute(|node: &mut NodeProto| node.attribute.push(tensors("nodes_values_as_tensor", floats("", &[1], &[0.0]))), "tensors")]
#[case::another_operator_for_trees(|node: &mut NodeProto| node.op_type = "TreeEnsembleClassifier".to_owned(), "not accepted")]
#[case::another_domain(|node: &mut NodeProto| node.domain = String::new(), "not accepted")]
#[case::an_unknown_attribute(|node: &mut NodeProto| node.attribute.push(int("post_transform", 1)), "not accepted")]
fn refuses_trees_in_a_file_of_this_backend_that_it_would_not_write(
    #[case] change: fn(&mut NodeProto),
    #[case] why: &str,
) {
    assert_eq!(native(|_| ()), Ok(()));
    let refused = native(change).expect_err("refused");
    assert!(refused.contains(why), "{refused}");
}
