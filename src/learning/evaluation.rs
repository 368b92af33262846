//! Rates a way of learning: repeated stratified 80/20 splits.

use super::metrics::{Figures, RocCurve};

/// What an evaluation measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The labels of the classes, as Moodle wrote them.
    pub classes: Vec<String>,
    /// One entry per split; exactly one when a trained model was rated.
    pub iterations: Vec<Iteration>,
    /// Means over the iterations.
    pub mean: Figures,
    /// Population standard deviation of the AUC over the iterations; two classes only.
    pub auc_deviation: Option<f64>,
    /// Population standard deviation of the score (weighted F1) over the iterations.
    pub score_deviation: f64,
}

/// One split of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// Samples trained on; 0 when a trained model was rated.
    pub trained_on: usize,
    /// Samples rated.
    pub rated_on: usize,
    /// What they were worth.
    pub figures: Figures,
    /// One curve for two classes (the second class's), one per class for more; a class without a
    /// sample among those rated has none.
    pub roc: Vec<RocCurve>,
    /// Rows: true class; columns: predicted class; counts of samples.
    pub confusion: Vec<Vec<usize>>,
    /// What the learner decided, in sentences for an administrator.
    pub decisions: Vec<String>,
}
