//! Products of a design matrix: with vectors, and with itself.
//!
//! `matrixmultiply`, which ndarray uses, packs both factors first: for a product with one vector that costs more than the
//! product, so loops over blocks of rows do that. Must not know what the products are for.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Axis, Ix2, RawData, ShapeBuilder, Slice};

/// Rows of a block: its part of a vector stays in the first-level cache. Also the number of products that are added in
/// `f32` before they are added to an `f64`.
const ROWS: usize = 1_024;

/// Columns of a tile of the Gram matrix.
const TILE: usize = 64;

/// From this many vectors on, packing pays.
const MIN_TO_PACK: usize = 3;

/// A design of rows × columns in column-major order, to which a last column of ones is added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Design<'a> {
    x: ArrayView2<'a, f64>,
    /// The memory of `x`.
    values: &'a [f64],
}

impl<'a> Design<'a> {
    /// `None` if `x` is not column-major.
    pub fn new(x: &'a Array2<f64>) -> Option<Self> {
        let values = x.t().to_slice()?;
        Some(Self { x: x.view(), values })
    }

    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// The number of columns with the column of ones.
    pub fn width(&self) -> usize {
        self.x.ncols() + 1
    }

    fn column(&self, at: usize) -> &'a [f64] {
        &self.values[at * self.rows()..(at + 1) * self.rows()]
    }

    /// The product with `weights` (width × vectors): rows × vectors, column-major.
    pub fn times(&self, weights: &Array2<f64>) -> Array2<f64> {
        let (rows, columns) = self.x.dim();
        let mut out = Array2::zeros((rows, weights.ncols()).f());
        for (mut out, weights) in out.columns_mut().into_iter().zip(weights.columns()) {
            out.fill(weights[columns]);
        }
        if weights.ncols() >= MIN_TO_PACK {
            general_mat_mul(1.0, &self.x, &rows_of(weights.view(), 0..columns), 1.0, &mut out);
            return out;
        }
        for (mut out, weights) in out.columns_mut().into_iter().zip(weights.columns()) {
            let out = out.as_slice_mut().expect("columns of a column-major matrix are contiguous");
            for (block, out) in out.chunks_mut(ROWS).enumerate() {
                let len = out.len();
                let column = |at: usize| &self.column(at)[block * ROWS..][..len];
                let mut at = 0;
                while at + 4 <= columns {
                    let four = [0, 1, 2, 3].map(|next| column(at + next));
                    let factors = [0, 1, 2, 3].map(|next| weights[at + next]);
                    for (row, out) in out.iter_mut().enumerate() {
                        *out += (factors[0] * four[0][row] + factors[1] * four[1][row])
                            + (factors[2] * four[2][row] + factors[3] * four[3][row]);
                    }
                    at += 4;
                }
                for at in at..columns {
                    out.iter_mut().zip(column(at)).for_each(|(out, x)| *out += weights[at] * x);
                }
            }
        }
        out
    }

    /// The product of the transposed design with `vectors` (rows × vectors, column-major): width × vectors.
    pub fn transposed_times(&self, vectors: &Array2<f64>) -> Array2<f64> {
        let columns = self.x.ncols();
        let mut out = Array2::zeros((self.width(), vectors.ncols()));
        if vectors.ncols() >= MIN_TO_PACK {
            general_mat_mul(1.0, &self.x.t(), vectors, 0.0, &mut rows_of(out.view_mut(), 0..columns));
        } else {
            for (mut out, vector) in out.columns_mut().into_iter().zip(vectors.columns()) {
                let vector = vector.to_slice().expect("columns of a column-major matrix are contiguous");
                for (block, vector) in vector.chunks(ROWS).enumerate() {
                    for at in 0..columns {
                        out[at] += dot(&self.column(at)[block * ROWS..][..vector.len()], vector);
                    }
                }
            }
        }
        for (mut out, vector) in out.columns_mut().into_iter().zip(vectors.columns()) {
            out[columns] = vector.sum();
        }
        out
    }

    /// The diagonal of [`Design::weighted_gram`].
    pub fn weighted_squares(&self, weights: &[f64]) -> Array1<f64> {
        let of_column = |at| self.column(at).iter().zip(weights).map(|(x, weight)| weight * x * x).sum();
        let ones = std::iter::once(weights.iter().sum());
        (0..self.x.ncols()).map(of_column).chain(ones).collect()
    }

    /// `XᵀWX` of the design X with its column of ones, where W is diagonal: the lower triangle of width × width.
    ///
    /// Products are `f32`, which is twice as fast as `f64` and exact enough for a direction of descent.
    pub fn weighted_gram(&self, weights: &[f64]) -> Array2<f64> {
        let width = self.width();
        let roots: Vec<f64> = weights.iter().map(|weight| weight.max(0.0).sqrt()).collect();
        let mut gram = Array2::zeros((width, width));
        let mut block = Array2::<f32>::zeros((ROWS.min(self.rows()), width).f());
        let mut tile = Array2::<f32>::zeros((TILE, TILE));
        for (number, roots) in roots.chunks(ROWS).enumerate() {
            for at in 0..width - 1 {
                let column = &self.column(at)[number * ROWS..][..roots.len()];
                let scaled = column.iter().zip(roots).map(|(x, root)| (x * root) as f32);
                block.column_mut(at).iter_mut().zip(scaled).for_each(|(out, x)| *out = x);
            }
            block.column_mut(width - 1).iter_mut().zip(roots).for_each(|(out, &root)| *out = root as f32);
            add_gram(rows_of(block.view(), 0..roots.len()), &mut tile, &mut gram);
        }
        gram
    }
}

/// Adds the lower triangle of `block`ᵀ·`block`.
fn add_gram(block: ArrayView2<'_, f32>, tile: &mut Array2<f32>, gram: &mut Array2<f64>) {
    let width = block.ncols();
    for first in (0..width).step_by(TILE) {
        let rows = first..(first + TILE).min(width);
        let left = columns_of(block, rows.clone());
        for second in (0..=first).step_by(TILE) {
            let columns = second..(second + TILE).min(width);
            let right = columns_of(block, columns.clone());
            let mut tile = columns_of(rows_of(tile.view_mut(), 0..rows.len()), 0..columns.len());
            general_mat_mul(1.0, &left.t(), &right, 0.0, &mut tile);
            let mut sums = columns_of(rows_of(gram.view_mut(), rows.clone()), columns);
            sums.zip_mut_with(&tile, |sum, &product| *sum += f64::from(product));
        }
    }
}

/// Some rows of a view.
pub(super) fn rows_of<S: RawData>(mut view: ArrayBase<S, Ix2>, rows: Range<usize>) -> ArrayBase<S, Ix2> {
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view
}

/// Some columns of a view.
pub(super) fn columns_of<S: RawData>(
    mut view: ArrayBase<S, Ix2>,
    columns: Range<usize>,
) -> ArrayBase<S, Ix2> {
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// The scalar product. Eight sums, which the compiler keeps in vector registers; their order is fixed.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for at in 0..8 {
            sums[at] += a[at] * b[at];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        let value = |(row, column)| ((row * 7 + column * 131) as f64).sin();
        let mut out = Array2::zeros((rows, columns).f());
        out.indexed_iter_mut().for_each(|(at, out)| *out = value(at));
        out
    }

    /// With the column of ones.
    fn with_ones(x: &Array2<f64>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), x.ncols() + 1), |at| x.get(at).copied().unwrap_or(1.0))
    }

    fn assert_close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
        assert_eq!(a.dim(), b.dim());
        let error = a.iter().zip(b).fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
        assert!(error < tolerance, "{error}");
    }

    #[test]
    fn products_are_those_of_the_whole_matrix() {
        for (rows, columns, vectors) in [(1, 1, 1), (5, 3, 2), (ROWS + 3, 9, 1), (2 * ROWS, 6, 4)] {
            let x = matrix(rows, columns);
            let design = Design::new(&x).expect("the matrix is column-major");
            let (weights, residuals) = (matrix(columns + 1, vectors), matrix(rows, vectors));
            assert_close(&design.times(&weights), &with_ones(&x).dot(&weights), 1e-10);
            assert_close(&design.transposed_times(&residuals), &with_ones(&x).t().dot(&residuals), 1e-10);
        }
    }

    #[test]
    fn the_gram_matrix_is_that_of_weighted_rows() {
        let x = matrix(ROWS + 50, TILE + 9);
        let weights: Vec<f64> = (0..x.nrows()).map(|row| 0.25 * (row as f64).cos().abs()).collect();
        let gram = Design::new(&x).expect("the matrix is column-major").weighted_gram(&weights);
        let ones = with_ones(&x);
        let weighted = Array2::from_shape_fn(ones.dim(), |(row, column)| weights[row] * ones[[row, column]]);
        let expected = ones.t().dot(&weighted);
        for ((row, column), &value) in gram.indexed_iter().filter(|((row, column), _)| column <= row) {
            assert!((value - expected[[row, column]]).abs() < 1e-3, "{row} {column} {value}");
        }
        let design = Design::new(&x).expect("the matrix is column-major");
        for (at, value) in design.weighted_squares(&weights).into_iter().enumerate() {
            assert!((value - expected[[at, at]]).abs() < 1e-10, "{at} {value}");
        }
    }
}
