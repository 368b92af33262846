//! The log-loss of margins, with its first derivatives and the weights of its second.
//!
//! Must not know where margins come from.

use ndarray::{Array2, ShapeBuilder};

/// The log-loss at some margins.
#[derive(Debug, Clone)]
pub(super) struct Losses {
    /// The sum over the samples.
    pub sum: f64,
    /// The derivatives by the margins: samples × margins, column-major.
    pub residuals: Array2<f64>,
}

/// Second derivatives are at least this: those of separated samples vanish.
const MIN_WEIGHT: f64 = 1e-10;

impl Losses {
    /// Of margins (samples × margins, column-major; one margin for two classes), for the class of each sample.
    pub fn of(margins: &Array2<f64>, targets: &[usize]) -> Self {
        if margins.ncols() == 1 {
            Self::binary(margins, targets)
        } else {
            Self::multinomial(margins, targets)
        }
    }

    fn binary(margins: &Array2<f64>, targets: &[usize]) -> Self {
        let mut sum = 0.0;
        let mut residuals = margins.clone();
        for (residual, &target) in residuals.iter_mut().zip(targets) {
            let margin = *residual;
            let odds = (-margin.abs()).exp();
            let likely = 1.0 / (1.0 + odds);
            let against = if target == 1 { -margin } else { margin };
            sum += against.max(0.0) + odds.ln_1p();
            // The probability of the other class, with the sign of the derivative.
            let wrong = if against > 0.0 { likely } else { odds * likely };
            *residual = if target == 1 { -wrong } else { wrong };
        }
        Self { sum, residuals }
    }

    fn multinomial(margins: &Array2<f64>, targets: &[usize]) -> Self {
        let (samples, classes) = margins.dim();
        let mut residuals = Array2::zeros((samples, classes).f());
        let mut max = vec![f64::NEG_INFINITY; samples];
        for column in margins.columns() {
            max.iter_mut().zip(column).for_each(|(max, &margin)| *max = max.max(margin));
        }
        let mut sums = vec![0.0; samples];
        for (mut out, column) in residuals.columns_mut().into_iter().zip(margins.columns()) {
            for (((out, &margin), max), sum) in out.iter_mut().zip(column).zip(&max).zip(&mut sums) {
                *out = (margin - max).exp();
                *sum += *out;
            }
        }
        let mut sum = 0.0;
        for (sample, &target) in targets.iter().enumerate() {
            sum += sums[sample].ln() + max[sample] - margins[[sample, target]];
            sums[sample] = 1.0 / sums[sample];
        }
        for mut out in residuals.columns_mut() {
            out.iter_mut().zip(&sums).for_each(|(out, factor)| *out *= factor);
        }
        for (sample, &target) in targets.iter().enumerate() {
            residuals[[sample, target]] -= 1.0;
        }
        Self { sum, residuals }
    }

    /// The second derivative by one of the margins, for each sample.
    pub fn curvatures(&self, margin: usize, targets: &[usize]) -> Vec<f64> {
        let multinomial = self.residuals.ncols() > 1;
        let residuals = self.residuals.column(margin);
        let probability = |(residual, &target): (&f64, &usize)| {
            if multinomial && target == margin { 1.0 + residual } else { residual.abs() }
        };
        residuals.iter().zip(targets).map(probability).map(|p| (p * (1.0 - p)).max(MIN_WEIGHT)).collect()
    }
}
