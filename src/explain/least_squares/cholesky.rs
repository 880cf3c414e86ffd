//! Dense Cholesky factorisation of the normal equations.

use ndarray::{Array1, Array2, s};

/// The lower triangle L with A = L Lᵀ.
pub(super) struct Cholesky {
    lower: Array2<f64>,
}

/// A pivot below this share of the largest diagonal entry means a singular matrix.
const SMALLEST_PIVOT: f64 = 1e-12;

impl Cholesky {
    /// `None` if the symmetric matrix is not positive definite to working precision.
    pub fn new(mut matrix: Array2<f64>) -> Option<Self> {
        let n = matrix.nrows();
        let floor = SMALLEST_PIVOT * matrix.diag().iter().fold(0.0, |a: f64, &b| a.max(b));
        for j in 0..n {
            let (above, mut below) = matrix.view_mut().split_at(ndarray::Axis(0), j + 1);
            let finished = above.slice(s![j, ..j]);
            let pivot = above[[j, j]] - finished.dot(&finished);
            if pivot.is_nan() || pivot <= floor {
                return None;
            }
            let pivot = pivot.sqrt();
            for mut row in below.outer_iter_mut() {
                row[j] = (row[j] - row.slice(s![..j]).dot(&finished)) / pivot;
            }
            matrix[[j, j]] = pivot;
        }
        Some(Self { lower: matrix })
    }

    /// The x with A x = b.
    pub fn solve(&self, mut b: Array1<f64>) -> Array1<f64> {
        for i in 0..b.len() {
            let row = self.lower.slice(s![i, ..i]);
            b[i] = (b[i] - row.dot(&b.slice(s![..i]))) / self.lower[[i, i]];
        }
        for i in (0..b.len()).rev() {
            b[i] /= self.lower[[i, i]];
            let (value, row) = (b[i], self.lower.slice(s![i, ..i]));
            b.slice_mut(s![..i]).scaled_add(-value, &row);
        }
        b
    }

    pub fn inverse(&self) -> Array2<f64> {
        let mut inverse = Array2::eye(self.lower.nrows());
        for mut row in inverse.outer_iter_mut() {
            // Symmetric, so a row is as good as a column.
            let solution = self.solve(row.to_owned());
            row.assign(&solution);
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn solves_and_inverts() {
        let matrix = array![[4.0, 2.0, -2.0], [2.0, 10.0, 4.0], [-2.0, 4.0, 9.0]];
        let factor = Cholesky::new(matrix.clone()).unwrap();
        let x = array![1.0, -2.0, 3.0];
        assert!(
            (factor.solve(matrix.dot(&x)) - &x)
                .iter()
                .all(|d| d.abs() < 1e-13)
        );
        let unit = matrix.dot(&factor.inverse());
        assert!(
            (unit - Array2::<f64>::eye(3))
                .iter()
                .all(|d| d.abs() < 1e-13)
        );
    }

    #[test]
    fn singular_matrices_are_noticed() {
        assert!(Cholesky::new(array![[1.0, 1.0], [1.0, 1.0]]).is_none());
        assert!(Cholesky::new(array![[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(Cholesky::new(array![[f64::NAN]]).is_none());
    }
}
