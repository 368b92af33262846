use tract_onnx::pb::NodeProto;

use super::ensemble::MAX_NODES;
use super::*;

/// The scores of one feature.
fn scores(ensemble: &TreeEnsemble, values: &[f32]) -> Vec<f32> {
    ensemble.evaluate(values, 1)
}

/// One branch on the first feature, with weights 1 for yes and 2 for no.
fn stump(mode: Mode, value: f32, missing_yes: bool) -> TreeEnsemble {
    let branch = RawBranch { feature: 0, value, mode, missing_yes, yes: 1, no: 2 };
    let raw = [RawNode::Branch(branch), RawNode::Leaf(0), RawNode::Leaf(1)];
    let weights = [1.0, 2.0].map(|value| Weight { score: 0, value });
    let weights = [(0, weights[0]), (1, weights[1])];
    TreeEnsemble::arranged(&raw, &[0], 2, &weights, vec![0.0], Aggregate::Sum).expect("a tree")
}

#[test]
fn compares_as_the_mode_says_and_missing_values_as_onnxruntime() {
    let values = [-1.0, 0.5, 1.0, f32::NAN, f32::INFINITY];
    let cases = [
        (Mode::AtMost, [1, 1, 2, 2, 2]),
        (Mode::Below, [1, 2, 2, 2, 2]),
        (Mode::AtLeast, [2, 1, 1, 2, 1]),
        (Mode::Above, [2, 2, 1, 2, 1]),
        (Mode::Equal, [2, 1, 2, 2, 2]),
        (Mode::Unequal, [1, 2, 1, 1, 1]),
    ];
    for (mode, expected) in cases {
        let mut expected = expected.map(|score: u8| f32::from(score));
        assert_eq!(scores(&stump(mode, 0.5, false), &values), expected, "{mode:?}");
        expected[3] = 1.0;
        assert_eq!(
            scores(&stump(mode, 0.5, true), &values),
            expected,
            "{mode:?}, missing values lead to yes"
        );
    }
}

/// Two trees of a leaf each; the first has weights for both scores.
fn leaves(aggregate: Aggregate) -> TreeEnsemble {
    let weight = |score, value| Weight { score, value };
    let weights = [(0, weight(0, 3.0)), (0, weight(1, -1.0)), (1, weight(0, 5.0))];
    let raw = [RawNode::Leaf(0), RawNode::Leaf(1)];
    TreeEnsemble::arranged(&raw, &[0, 1], 2, &weights, vec![10.0, 20.0], aggregate).expect("trees")
}

#[test]
fn combines_the_weights_of_trees_and_adds_base_values() {
    for (aggregate, expected) in [
        (Aggregate::Sum, [18.0, 19.0]),
        (Aggregate::Average, [14.0, 19.5]),
        (Aggregate::Min, [13.0, 19.0]),
        (Aggregate::Max, [15.0, 19.0]),
    ] {
        assert_eq!(scores(&leaves(aggregate), &[0.0]), expected, "{aggregate:?}");
    }
}

#[test]
fn the_node_of_an_ensemble_is_read_as_the_same_ensemble() {
    // Both answers "yes" lead to one leaf, as in a set of categories.
    let branch = |value, yes, no| {
        RawNode::Branch(RawBranch { feature: 3, value, mode: Mode::Equal, missing_yes: value < 2.0, yes, no })
    };
    let raw = [RawNode::Leaf(1), branch(1.0, 0, 2), branch(2.0, 0, 3), RawNode::Leaf(0)];
    let weights = [(1, Weight { score: 1, value: 0.5 }), (0, Weight { score: 0, value: -2.0 })];
    let set = TreeEnsemble::arranged(&raw, &[1], 2, &weights, vec![0.0; 2], Aggregate::Sum).expect("a tree");
    assert_eq!(set.evaluate(&[0.0, 0.0, 0.0, 2.0], 4), [0.0, 0.5]);
    for ensemble in
        [set, leaves(Aggregate::Average), leaves(Aggregate::Max), stump(Mode::Above, f32::INFINITY, true)]
    {
        let node = NodeProto { attribute: ensemble.attributes(), ..NodeProto::default() };
        let read = of_node(&node).expect("trees");
        // Leaves may be numbered in another order.
        for value in [-1.0, 0.0, 1.0, 2.0, f32::INFINITY, f32::NAN] {
            let row = [value; 4];
            assert_eq!(read.evaluate(&row, 4), ensemble.evaluate(&row, 4), "{value}");
        }
        assert!(node.attribute.iter().all(|attribute| ATTRIBUTES.contains(&attribute.name.as_str())));
    }
}

#[test]
fn refuses_nodes_that_are_not_trees() {
    let branch = |yes, no| {
        RawNode::Branch(RawBranch { feature: 0, value: 0.0, mode: Mode::AtMost, missing_yes: false, yes, no })
    };
    let leaf = RawNode::Leaf(0);
    let cases: [(&[RawNode], &[usize]); 6] = [
        // No answer, and one that leads to itself or back.
        (&[], &[]),
        (&[branch(0, 1), leaf], &[0]),
        (&[branch(1, 2), branch(0, 3), leaf, leaf], &[0]),
        // A circle beside a tree.
        (&[leaf, branch(2, 3), branch(1, 4), leaf, leaf], &[0]),
        // Two answers "no" to one node, and a node of two trees.
        (&[branch(1, 2), branch(3, 2), leaf, leaf], &[0]),
        (&[branch(2, 3), branch(2, 4), leaf, leaf, leaf], &[0, 1]),
    ];
    for (raw, roots) in cases {
        let arranged = TreeEnsemble::arranged(raw, roots, 1, &[], vec![0.0], Aggregate::Sum);
        assert!(arranged.is_err(), "{raw:?}");
    }
}

#[test]
fn limits_the_nodes_of_all_ensembles_together() {
    let raw: Vec<RawNode> = (0..MAX_NODES / 2).map(RawNode::Leaf).collect();
    let roots: Vec<usize> = (0..raw.len()).collect();
    let half =
        TreeEnsemble::arranged(&raw, &roots, raw.len(), &[], vec![0.0], Aggregate::Sum).expect("trees");
    let mut size = Size::default();
    assert!(size.add(&half).is_ok() && size.add(&half).is_ok());
    let error = size.add(&half).expect_err("too many").to_string();
    assert!(error.contains("600000 nodes") && error.contains("400000"), "{error}");
}
