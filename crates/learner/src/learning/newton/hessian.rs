//! The first matrix of the descent: an approximation of the second derivatives by one margin, and its inverse.
//!
//! Owns when it is a Gram matrix, and when only the diagonal of one: a Gram matrix of some thousand columns takes more memory
//! and time than the steps that it saves. Must not know how steps are taken.

use ndarray::{Array1, Array2, ArrayViewMut1};

use super::cholesky::Cholesky;
use super::products::Design;

/// The maximum number of cells of the Gram matrices of all margins.
const MAX_GRAM_CELLS: usize = 700_000;

/// Second derivatives of the loss, without penalty.
#[derive(Debug, Clone)]
pub(super) enum Hessian {
    /// The lower triangle.
    Gram(Array2<f64>),
    Diagonal(Array1<f64>),
}

/// The inverse of a [`Hessian`] with a penalty.
#[derive(Debug, Clone)]
pub(super) enum Inverse {
    Gram(Cholesky),
    /// One over the diagonal.
    Diagonal(Array1<f64>),
}

/// The square of the columns for each row up to which a decomposition, of width³/3 multiplications, costs no more than
/// about five steps, of 4 · rows · width.
const MAX_SQUARE_PER_ROW: usize = 60;

/// Whether Gram matrices of `margins` are small enough.
pub(super) fn has_gram(design: Design<'_>, margins: usize) -> bool {
    let square = design.width() * design.width();
    square <= MAX_SQUARE_PER_ROW * design.rows() && square * margins <= MAX_GRAM_CELLS
}

impl Hessian {
    /// Of a margin with these second derivatives by row; `None` if it is not finite.
    pub fn new(design: Design<'_>, curvatures: &[f64], margins: usize) -> Option<Self> {
        if has_gram(design, margins) {
            let gram = design.weighted_gram(curvatures);
            return gram.iter().all(|x| x.is_finite()).then_some(Self::Gram(gram));
        }
        let diagonal = design.weighted_squares(curvatures);
        diagonal.iter().all(|x| x.is_finite()).then_some(Self::Diagonal(diagonal))
    }

    /// The number of columns with the column of ones.
    pub fn width(&self) -> usize {
        match self {
            Self::Gram(gram) => gram.nrows(),
            Self::Diagonal(diagonal) => diagonal.len(),
        }
    }

    /// The inverse of it with the penalty added, which the last column, that of the bias, does not have.
    pub fn inverse(&self, alpha: f64) -> Option<Inverse> {
        let last = self.width() - 1;
        match self {
            Self::Gram(gram) => {
                let mean = gram.diag().sum() / self.width() as f64;
                // Products in f32 can make a singular matrix slightly indefinite.
                [0.0, 1e-6, 1e-4, 1e-2, 1.0].into_iter().find_map(|more| {
                    let mut sum = gram.clone();
                    sum.diag_mut().mapv_inplace(|x| x + alpha + more * mean);
                    sum[[last, last]] -= alpha;
                    Cholesky::new(sum).map(Inverse::Gram)
                })
            }
            Self::Diagonal(diagonal) => {
                let mut sum = diagonal + alpha;
                sum[last] -= alpha;
                // A column without a row of weight would get an infinite step.
                let least = 1e-6 * sum.mean().unwrap_or(1.0) + f64::MIN_POSITIVE;
                Some(Inverse::Diagonal(sum.mapv(|x| 1.0 / x.max(least))))
            }
        }
    }
}

impl Inverse {
    /// Replaces b with the solution.
    pub fn solve(&self, mut b: ArrayViewMut1<'_, f64>) {
        match self {
            Self::Gram(factor) => factor.solve(b),
            Self::Diagonal(inverse) => b *= inverse,
        }
    }
}
