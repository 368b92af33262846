//! How far probabilities are from what then happened.

use ndarray::Array2;

/// Samples are sorted by probability and cut into so many parts of equal size.
const BINS: usize = 10;

/// Probabilities and whether what they are of was true. Of two classes it is the second; of more,
/// the predicted one.
pub fn claims(probabilities: &Array2<f64>, targets: &[u32]) -> Vec<(f64, bool)> {
    let claim = |(row, &target): (ndarray::ArrayView1<f64>, &u32)| {
        let class = if row.len() == 2 {
            1
        } else {
            let last_best = |best, at| if row[at] > row[best] { at } else { best };
            (0..row.len()).fold(0, last_best)
        };
        (row[class], class == target as usize)
    };
    probabilities.outer_iter().zip(targets).map(claim).collect()
}

/// The expected calibration error: the distance between mean probability and share of truth in each
/// bin, weighted with the bin's size. Equal probabilities stay together, in the bin of their middle.
pub fn expected_error(claims: &mut [(f64, bool)]) -> f64 {
    let n = claims.len() as f64;
    claims.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut surplus = [0.0; BINS];
    let mut before = 0.0;
    for equal in claims.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()) {
        let size = equal.len() as f64;
        let bin = ((before + size / 2.0) / n * BINS as f64) as usize;
        let sum: f64 = equal.iter().map(|&(p, truth)| p - f64::from(u8::from(truth))).sum();
        surplus[bin.min(BINS - 1)] += sum;
        before += size;
    }
    surplus.iter().map(|sum| sum.abs()).sum::<f64>() / n.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn probabilities_that_come_true_have_no_error() {
        let mut claims: Vec<(f64, bool)> = (0..10).map(|at| (0.3, at < 3)).collect();
        assert!(expected_error(&mut claims) < 1e-12);
    }

    #[test]
    fn too_much_in_one_half_and_too_little_in_the_other_do_not_cancel() {
        let mut claims = vec![(0.1, false); 10];
        claims.extend(vec![(0.9, true); 10]);
        assert!((expected_error(&mut claims) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn of_three_classes_the_predicted_one_is_judged() {
        let p = array![[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]];
        assert_eq!(claims(&p, &[1, 2]), [(0.5, true), (0.6, false)]);
    }
}
