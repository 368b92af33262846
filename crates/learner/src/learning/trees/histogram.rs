//! Sums of derivatives by bin.
//!
//! Must not know how splits are chosen.

use rayon::prelude::*;

use super::binning::Binned;

/// The sums of the samples of one node in each bin of each column: [`super::gradients::Quantised::outputs`], added up.
pub(super) type Histogram = Vec<i64>;

/// Parallel parts have at least this many samples.
const MIN_PART_SAMPLES: usize = 8_192;

/// The histogram of some samples, whose derivatives sum up to `sum`.
pub(super) fn histogram(binned: &Binned, packed: &[i64], samples: &[u32], sum: i64) -> Histogram {
    // Sums of integers do not depend on the parts.
    let part = MIN_PART_SAMPLES.max(samples.len().div_ceil(rayon::current_num_threads()));
    let mut sums = if samples.len() <= part {
        of_cells(binned, packed, samples)
    } else {
        let parts = samples.par_chunks(part).map(|samples| of_cells(binned, packed, samples));
        parts.reduce_with(added).unwrap_or_default()
    };
    // The samples of a column that are in no other bin are in its default bin.
    for column in &binned.columns {
        let bins = &mut sums[column.first..column.first + column.bins()];
        bins[usize::from(column.default_bin)] = sum - bins.iter().sum::<i64>();
    }
    sums
}

/// The sums outside of default bins.
fn of_cells(binned: &Binned, packed: &[i64], samples: &[u32]) -> Histogram {
    let mut sums = vec![0; binned.total];
    for &sample in samples {
        let gradient = packed[sample as usize];
        for &cell in binned.cells(sample) {
            sums[usize::from(cell)] += gradient;
        }
    }
    sums
}

fn added(mut sums: Histogram, others: Histogram) -> Histogram {
    sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
    sums
}

/// Turns the histogram of a node into that of one of its children, from the other child's.
pub(super) fn subtract(sums: &mut Histogram, others: &Histogram) {
    sums.iter_mut().zip(others).for_each(|(sum, other)| *sum -= other);
}
