//! Log-loss after temperature scaling: compares models independently of their confidence.
//!
//! Must not know which model predicted.

use ndarray::Array2;

use super::logistic::log_losses;
use super::metrics::mean_and_deviation;
use crate::dataset::Labelled;

/// The lowest mean log-loss of `probabilities` (samples × classes) over temperatures from 1 to 64, and its standard error.
///
/// Temperature scaling (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017) makes all
/// predictions less confident by one factor; the most probable class of each sample stays the same.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
/// use learner::learning::temperature_scaled_log_loss;
/// use ndarray::array;
///
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.0; 4]]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let samples = Labelled::new(features, vec![1, 1, 1, 0], classes);
/// // Overconfident: right in three cases of four.
/// let probabilities = array![[0.01, 0.99], [0.01, 0.99], [0.01, 0.99], [0.01, 0.99]];
/// let (log_loss, _) = temperature_scaled_log_loss(&samples, &probabilities);
/// assert!(log_loss < 0.6); // 1.16 without scaling
/// ```
#[must_use]
pub fn temperature_scaled_log_loss(samples: &Labelled, probabilities: &Array2<f64>) -> (f64, f64) {
    // The same lower bound as in the log-loss of an evaluation.
    let margins = probabilities.mapv(|probability| probability.max(1e-15).ln());
    let targets: Vec<usize> = samples.targets().iter().map(|&target| target as usize).collect();
    // 1 to 64 in steps of a fifth.
    let temperatures = (0..=24).map(|step| 2_f64.powf(f64::from(step) / 4.0));
    let losses =
        temperatures.map(|temperature| mean_and_deviation(&log_losses(&(&margins / temperature), &targets)));
    let best = losses.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0.0));
    (best.0, best.1 / (targets.len().max(1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Features};

    fn samples(targets: &[u32]) -> Labelled {
        let features = Features::of_columns(vec!["a".to_owned()], &[vec![0.0; targets.len()]]);
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        Labelled::new(features, targets.to_vec(), classes)
    }

    #[test]
    fn an_overconfident_model_gets_the_log_loss_of_its_accuracy() {
        let overconfident =
            Array2::from_shape_fn((4, 2), |(_, class)| if class == 1 { 1.0 - 1e-9 } else { 1e-9 });
        let (loss, error) = temperature_scaled_log_loss(&samples(&[1, 1, 1, 0]), &overconfident);
        let best = -(0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        assert!((loss - best).abs() < 0.01, "{loss}, {best}");
        assert!(error > 0.0);
    }

    #[test]
    fn a_model_that_is_not_overconfident_is_not_scaled() {
        let cautious = Array2::from_shape_fn((4, 2), |(_, class)| [0.2, 0.8][class]);
        let (loss, error) = temperature_scaled_log_loss(&samples(&[1, 1, 1, 1]), &cautious);
        assert!((loss + 0.8_f64.ln()).abs() < 1e-9 && error < 1e-9, "{loss} {error}");
    }
}
