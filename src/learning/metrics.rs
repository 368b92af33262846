//! What a set of predictions is worth.

/// Figures of one set of predictions, or means over several.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Area under the ROC curve of the second class; two classes only.
    pub auc: Option<f64>,
    /// Mean over classes of the share of their samples that were recognised.
    pub balanced_accuracy: f64,
    /// Share of samples whose class was predicted.
    pub accuracy: f64,
    /// Precision per class, weighted with the class's share of the samples.
    pub precision: f64,
    /// Recall per class, weighted with the class's share of the samples.
    pub recall: f64,
    /// F1 per class, weighted with the class's share of the samples.
    pub f1: f64,
    /// Mean of −ln(probability given to the true class).
    pub log_loss: f64,
    /// Mean over samples of the squared distance between the probabilities and the truth, halved:
    /// 0 is perfect, for two classes it is the usual Brier score.
    pub brier: f64,
    /// Accuracy of always guessing the most frequent class.
    pub majority_accuracy: f64,
}

/// The ROC curve of one class against the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// Index of the class in the evaluation's classes.
    pub class: usize,
    /// (false positive rate, true positive rate), from (0, 0) to (1, 1), both ascending.
    pub points: Vec<(f64, f64)>,
    /// Area under it.
    pub auc: f64,
}
