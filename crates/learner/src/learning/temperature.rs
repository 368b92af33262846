//! How much a model knows, apart from how sure of itself it is.

use ndarray::Array2;

use super::logistic::log_losses;
use super::metrics::mean_and_deviation;
use crate::dataset::Labelled;

/// The log-loss of `probabilities` (samples × classes) when all of them are made as much calmer as suits the
/// samples best, and its standard error.
///
/// Calmer means nearer to each other, with one temperature for all (Guo, Pleiss, Sun and Weinberger, "On
/// calibration of modern neural networks", 2017); which class is the most probable one stays.
#[must_use]
pub fn temperature_scaled_log_loss(samples: &Labelled, probabilities: &Array2<f64>) -> (f64, f64) {
    // As the figures of an evaluation have it, nothing is quite impossible.
    let margins = probabilities.mapv(|probability| probability.max(1e-15).ln());
    let targets: Vec<usize> = samples.targets().iter().map(|&target| target as usize).collect();
    // 1 to 64 in steps of a fifth.
    let temperatures = (0..=24).map(|step| 2_f64.powf(f64::from(step) / 4.0));
    let rated =
        temperatures.map(|temperature| mean_and_deviation(&log_losses(&(&margins / temperature), &targets)));
    let best = rated.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0.0));
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
    fn a_model_that_is_right_three_times_of_four_is_rated_by_that_however_sure_it_was() {
        let sure = Array2::from_shape_fn((4, 2), |(_, class)| if class == 1 { 1.0 - 1e-9 } else { 1e-9 });
        let (loss, error) = temperature_scaled_log_loss(&samples(&[1, 1, 1, 0]), &sure);
        let best = -(0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        assert!((loss - best).abs() < 0.01, "{loss}, {best}");
        assert!(error > 0.0);
    }

    #[test]
    fn a_calm_model_that_is_right_is_not_made_calmer() {
        let calm = Array2::from_shape_fn((4, 2), |(_, class)| [0.2, 0.8][class]);
        let (loss, error) = temperature_scaled_log_loss(&samples(&[1, 1, 1, 1]), &calm);
        assert!((loss + 0.8_f64.ln()).abs() < 1e-9 && error < 1e-9, "{loss} {error}");
    }
}
