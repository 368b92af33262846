//! The log-loss of margins and its derivatives, many samples at a time.
//!
//! All loops run over samples, so that the compiler vectorises them. Must not know trees.

/// The number of samples whose sums and products are computed together.
const BLOCK: usize = 64;

/// The classes of some samples, and what they are for.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    /// The class of each sample.
    pub classes: &'a [u32],
    /// 1 for training samples, 0 for others, which have no derivatives.
    pub train: &'a [f32],
    /// 1 for validation samples, whose loss is added up, and 0 for others.
    pub validation: &'a [f32],
}

impl Targets<'_> {
    fn part(self, start: usize, end: usize) -> Self {
        Self {
            classes: &self.classes[start..end],
            train: &self.train[start..end],
            validation: &self.validation[start..end],
        }
    }
}

/// Writes the derivatives of the log-loss by each margin, and returns the loss of the validation samples. `margins` and
/// `derivatives` have one slice for each margin, of all samples of `targets`; two classes have one margin.
pub(super) fn derive(margins: &[&[f32]], targets: Targets<'_>, derivatives: &mut [&mut [[f32; 2]]]) -> f64 {
    let samples = targets.classes.len();
    let mut loss = 0.0;
    for start in (0..samples).step_by(BLOCK) {
        let end = samples.min(start + BLOCK);
        let targets = targets.part(start, end);
        loss += if let ([margins], [derivatives]) = (margins, &mut *derivatives) {
            binary_block(&margins[start..end], targets, &mut derivatives[start..end])
        } else {
            block_of_classes(margins, start, targets, derivatives)
        };
    }
    loss
}

fn binary_block(margins: &[f32], targets: Targets<'_>, derivatives: &mut [[f32; 2]]) -> f64 {
    let mut linear = [0.0_f32; BLOCK];
    let mut factors = [1.0_f32; BLOCK];
    let classes = margins.iter().zip(targets.classes).zip(targets.train.iter().zip(targets.validation));
    let outputs = derivatives.iter_mut().zip(linear.iter_mut().zip(&mut factors));
    for (((&margin, &class), (&train, &validation)), (pair, (linear, factor))) in classes.zip(outputs) {
        // The margin against the sample's class: small probabilities keep their precision.
        let sign = if class == 1 { -1.0 } else { 1.0 };
        let against = sign * margin;
        let odds = exp(-against.abs());
        let wrong = if against >= 0.0 { 1.0 } else { odds } / (1.0 + odds);
        let curvature = (wrong * (1.0 - wrong)).max(1e-8);
        *pair = [sign * wrong * train, curvature * train];
        *linear = against.max(0.0) * validation;
        *factor = 1.0 + odds * validation;
    }
    sum(&linear) + log_of_product(&factors)
}

fn block_of_classes(
    margins: &[&[f32]],
    start: usize,
    targets: Targets<'_>,
    derivatives: &mut [&mut [[f32; 2]]],
) -> f64 {
    let samples = targets.classes.len();
    let block = |margin: usize| &margins[margin][start..start + samples];
    let mut highest = [f32::NEG_INFINITY; BLOCK];
    for margin in 0..margins.len() {
        for (highest, &value) in highest.iter_mut().zip(block(margin)) {
            *highest = highest.max(value);
        }
    }
    let mut total = [0.0_f32; BLOCK];
    for (margin, derivatives) in derivatives.iter_mut().enumerate() {
        let pairs = derivatives[start..start + samples].iter_mut();
        for ((pair, &value), (total, &highest)) in
            pairs.zip(block(margin)).zip(total.iter_mut().zip(&highest))
        {
            let odds = exp(value - highest);
            pair[0] = odds;
            *total += odds;
        }
    }
    let mut linear = [0.0_f32; BLOCK];
    for (margin, derivatives) in derivatives.iter_mut().enumerate() {
        let pairs = derivatives[start..start + samples].iter_mut();
        let inputs = targets.classes.iter().zip(targets.train).zip(total.iter().zip(&highest));
        for (((pair, &value), linear), ((&class, &train), (&total, &highest))) in
            pairs.zip(block(margin)).zip(&mut linear).zip(inputs)
        {
            let share = pair[0] / total;
            let truth = if class == margin as u32 { 1.0 } else { 0.0 };
            // The diagonal of softmax's Hessian, doubled as in XGBoost because the off-diagonal is left out.
            let curvature = (2.0 * share * (1.0 - share)).max(1e-8);
            *pair = [(share - truth) * train, curvature * train];
            *linear += (highest - value) * truth;
        }
    }
    let mut factors = [1.0_f32; BLOCK];
    let outputs = linear.iter_mut().zip(&mut factors);
    for ((linear, factor), (&total, &validation)) in outputs.zip(total.iter().zip(targets.validation)) {
        *linear *= validation;
        *factor = if validation > 0.0 { total } else { 1.0 };
    }
    sum(&linear) + log_of_product(&factors)
}

fn sum(values: &[f32; BLOCK]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum()
}

/// Σ ln: one logarithm for eight factors, each from 1 to the number of classes.
fn log_of_product(factors: &[f32; BLOCK]) -> f64 {
    let product = |factors: &[f32]| factors.iter().map(|&factor| f64::from(factor)).product::<f64>().ln();
    factors.chunks_exact(8).map(product).sum()
}

/// e^x with a relative error below 3e-7, by 2^n · 2^f with a polynomial for 2^f (Cody and Waite 1980 describe the method; the
/// coefficients are those of the Taylor series in f·ln 2). Without branches or calls, unlike that of the standard library,
/// and the same on every platform.
#[inline]
fn exp(value: f32) -> f32 {
    // Adding 1.5·2^23 rounds to an integer.
    const ROUNDING: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few digits, so that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let value = value.clamp(-87.0, 88.0);
    let shifted = value * std::f32::consts::LOG2_E + ROUNDING;
    let power = shifted - ROUNDING;
    let rest = value - power * LN_2_HIGH - power * LN_2_LOW;
    let series = 1.0 / 720.0;
    let series = series * rest + 1.0 / 120.0;
    let series = series * rest + 1.0 / 24.0;
    let series = series * rest + 1.0 / 6.0;
    let series = series * rest + 0.5;
    let series = series * rest + 1.0;
    let series = series * rest + 1.0;
    let scale = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    series * scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::logistic::{log_loss, probabilities};

    #[test]
    fn exp_is_that_of_the_standard_library() {
        for step in -8_700..=8_800_i16 {
            let value = f32::from(step) / 100.0;
            let expected = f64::from(value).exp();
            assert!((f64::from(exp(value)) / expected - 1.0).abs() < 3e-7, "{value}");
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
    }

    #[test]
    fn derivatives_and_loss_are_those_of_the_definition() {
        for width in [1_usize, 3, 26] {
            let samples = 150;
            let margin = |sample: usize, margin: usize| ((sample * 7 + margin * 13) % 41) as f32 / 4.0 - 5.0;
            let margins: Vec<Vec<f32>> =
                (0..width).map(|at| (0..samples).map(|sample| margin(sample, at)).collect()).collect();
            let classes: Vec<u32> = (0..samples as u32).map(|sample| sample % width.max(2) as u32).collect();
            let train: Vec<f32> = (0..samples).map(|sample| f32::from(u8::from(sample % 3 != 0))).collect();
            let validation: Vec<f32> = train.iter().map(|train| 1.0 - train).collect();
            let mut derivatives = vec![vec![[9.0; 2]; samples]; width];
            let margins: Vec<&[f32]> = margins.iter().map(Vec::as_slice).collect();
            let mut slices: Vec<&mut [[f32; 2]]> = derivatives.iter_mut().map(Vec::as_mut_slice).collect();
            let targets = Targets { classes: &classes, train: &train, validation: &validation };
            let loss = derive(&margins, targets, &mut slices);

            let mut expected_loss = 0.0;
            let mut shares = vec![0.0; width.max(2)];
            for sample in 0..samples {
                let row: Vec<f64> = margins.iter().map(|margins| f64::from(margins[sample])).collect();
                let class = classes[sample] as usize;
                if validation[sample] > 0.0 {
                    expected_loss += log_loss(row.as_slice().into(), class);
                }
                probabilities(row.as_slice().into(), &mut shares);
                for at in 0..width {
                    let (share, truth) =
                        if width == 1 { (shares[1], class == 1) } else { (shares[at], class == at) };
                    let curvature = share * (1.0 - share) * if width == 1 { 1.0 } else { 2.0 };
                    let used = f64::from(train[sample]);
                    let [first, second] = derivatives[at][sample].map(f64::from);
                    assert!((first - used * (share - f64::from(u8::from(truth)))).abs() < 1e-6);
                    assert!((second - used * curvature).abs() < 1e-6);
                }
            }
            assert!((loss - expected_loss).abs() < 1e-5 * expected_loss, "{loss} {expected_loss}");
        }
    }
}
