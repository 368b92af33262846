//! Tree ensembles of other tools.
//!
//! Owns their translation into the one operator for trees in our files, and what runtimes do with its scores. Must not know
//! how the lists of an operator are stored: [`super::ensemble`] reads them.

use std::borrow::Cow;

use super::ensemble::{lists, version_5};
use super::error::{Result, refused};
use super::ml_ops::{columns, post_transformed, transformed, two_sided};
use super::node::Node;
use super::translator::Translator;
use super::value::Computed;
use crate::model::tree_ensemble::{Aggregate, MAX_SCORES, aggregate};

/// The names of `post_transform`, by their numbers in version 5.
const POST_TRANSFORMS: [&str; 5] = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"];

/// The scores of a `TreeEnsembleClassifier`.
pub(crate) fn classifier(translator: &mut Translator, node: Node) -> Result<Computed> {
    let classes = node.ints("classlabels_int64s").len().max(node.strings("classlabels_strings").len());
    if !(1..=MAX_SCORES).contains(&classes) {
        return refused(format!("it has {classes} classes; the limit is 1 to {MAX_SCORES}"));
    }
    let x = translator.computed(node, 0)?;
    let features = columns(&x)?;
    let mut lists = lists(node, "class", Aggregate::Sum)?;
    // Two classes may have one score; in onnxruntime it is that of the second class.
    let scored = lists.weight_scores.first().copied();
    let same = lists.weight_scores.iter().all(|&score| Some(score) == scored);
    let one_sided = classes == 2 && same && scored.is_some_and(|score| (0..2).contains(&score));
    if !one_sided {
        let ensemble = lists.read(features, classes)?;
        let scores = translator.builder.trees(&x, &ensemble)?;
        return transformed(&mut translator.builder, &scores, node);
    }
    lists.weight_scores = Cow::Owned(vec![0; lists.weight_scores.len()]);
    let last = lists.base.last().copied();
    lists.base = Cow::Owned(last.into_iter().collect());
    let share = lists.weights.iter().all(|&weight| weight >= 0.0);
    let ensemble = lists.read(features, 1)?;
    let score = translator.builder.trees(&x, &ensemble)?;
    two_sided(&mut translator.builder, &score, node, share)
}

/// The targets of a `TreeEnsembleRegressor`.
pub(crate) fn regressor(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let aggregate = match node.text("aggregate_function") {
        "" => Some(Aggregate::Sum),
        name => aggregate(name.as_bytes()),
    };
    let Some(aggregate) = aggregate else { return refused("its aggregate_function is unknown") };
    let ensemble = lists(node, "target", aggregate)?.read(columns(&x)?, targets(node, 1)?)?;
    let scores = translator.builder.trees(&x, &ensemble)?;
    transformed(&mut translator.builder, &scores, node)
}

/// The targets of a `TreeEnsemble` (version 5).
pub(crate) fn ensemble(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let post_transform = usize::try_from(node.int("post_transform", 0)).ok();
    let Some(name) = post_transform.and_then(|number| POST_TRANSFORMS.get(number)) else {
        return refused("its post_transform is unknown");
    };
    let ensemble = version_5(node, columns(&x)?, targets(node, 0)?)?;
    let scores = translator.builder.trees(&x, &ensemble)?;
    post_transformed(&mut translator.builder, &scores, name)
}

fn targets(node: Node, default: i64) -> Result<usize> {
    let targets = node.int("n_targets", default);
    match usize::try_from(targets) {
        Ok(targets) if (1..=MAX_SCORES).contains(&targets) => Ok(targets),
        _ => refused(format!("it has {targets} targets; the limit is 1 to {MAX_SCORES}")),
    }
}
