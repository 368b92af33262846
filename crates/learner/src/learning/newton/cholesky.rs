//! The Cholesky decomposition of a symmetric positive definite matrix, and solutions with it.
//!
//! linfa-linalg has one, too: a recurrence of single products. This one leaves most of the work to matrix products, which use
//! vector registers and caches. Must not know what is solved.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut1, Axis};

use super::products::{columns_of, dot, rows_of};

/// Columns of a panel.
const PANEL: usize = 48;

/// Rows of the trailing matrix that are updated together: what is above the diagonal is computed in vain.
const TRAILING: usize = 192;

/// The lower triangle L of A = L·Lᵀ.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Decomposes `a`, of which only the lower triangle is read; `None` if it is not positive definite.
    pub fn new(a: Array2<f64>) -> Option<Self> {
        let mut lower = if a.is_standard_layout() { a } else { a.as_standard_layout().into_owned() };
        let n = lower.nrows();
        for start in (0..n).step_by(PANEL) {
            let end = (start + PANEL).min(n);
            factor_panel(&mut lower, start, end)?;
            for first in (end..n).step_by(TRAILING) {
                let last = (first + TRAILING).min(n);
                let (panel, trailing) = lower.view_mut().split_at(Axis(1), end);
                let rows = columns_of(rows_of(panel.view(), first..last), start..end);
                let columns = columns_of(rows_of(panel.view(), end..last), start..end);
                let mut trailing = columns_of(rows_of(trailing, first..last), 0..last - end);
                general_mat_mul(-1.0, &rows, &columns.t(), 1.0, &mut trailing);
            }
        }
        Some(Self { lower })
    }

    /// Replaces b with the solution of A·x = b.
    pub fn solve(&self, mut b: ArrayViewMut1<'_, f64>) {
        let n = self.lower.nrows();
        let mut x = b.to_vec();
        for at in 0..n {
            let row = self.row(at);
            x[at] = (x[at] - dot(&row[..at], &x[..at])) / row[at];
        }
        for at in (0..n).rev() {
            let row = self.row(at);
            let value = x[at] / row[at];
            x[at] = value;
            x[..at].iter_mut().zip(row).for_each(|(x, l)| *x -= value * l);
        }
        b.iter_mut().zip(x).for_each(|(b, x)| *b = x);
    }

    fn row(&self, at: usize) -> &[f64] {
        let n = self.lower.ncols();
        &self.lower.as_slice().expect("the matrix is row-major")[at * n..(at + 1) * n]
    }
}

/// Factors the columns from `start` to `end`, from which the products of earlier columns are subtracted.
fn factor_panel(lower: &mut Array2<f64>, start: usize, end: usize) -> Option<()> {
    let n = lower.nrows();
    let values = lower.as_slice_mut().expect("the matrix is row-major");
    for row in start..n {
        let (above, current) = values.split_at_mut(row * n);
        for column in start..end.min(row) {
            let other = &above[column * n..][..=column];
            let product = dot(&current[start..column], &other[start..column]);
            current[column] = (current[column] - product) / other[column];
        }
        if row < end {
            let pivot = current[row] - dot(&current[start..row], &current[start..row]);
            // Not `pivot <= 0.0`: also false for NaN.
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            current[row] = pivot.sqrt();
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    #[test]
    fn solves_systems_that_are_smaller_and_larger_than_a_panel() {
        for n in [1, 7, PANEL, PANEL + 1, TRAILING + 2 * PANEL + 5] {
            let b = Array2::from_shape_fn((n, n), |(i, j)| ((i * 31 + j * 17) as f64).sin());
            let a = b.dot(&b.t()) + Array2::<f64>::eye(n);
            let x = Array1::from_shape_fn(n, |at| (at as f64).cos());
            let mut found = a.dot(&x);
            Cholesky::new(a).expect("the matrix is positive definite").solve(found.view_mut());
            let error = (&found - &x).fold(0.0_f64, |max, error| max.max(error.abs()));
            assert!(error < 1e-9, "{n} {error}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_decomposition() {
        let mut a = Array2::<f64>::eye(PANEL + 3);
        a[[PANEL + 1, PANEL + 1]] = -1.0;
        assert!(Cholesky::new(a.clone()).is_none());
        a[[PANEL + 1, PANEL + 1]] = f64::NAN;
        assert!(Cholesky::new(a).is_none());
    }
}
