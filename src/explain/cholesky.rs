//! Solving with symmetric positive definite matrices.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

/// The inverse W = L⁻¹ of the Cholesky factor of A = L Lᵀ, so that A⁻¹ = Wᵀ W.
///
/// Computed by halves, so that nearly all the work is matrix products; explicit
/// inverses are accurate enough for the regularised matrices of this floor.
pub(super) struct Cholesky {
    inverse_factor: Array2<f64>,
}

/// A pivot below this share of the largest diagonal entry means a singular matrix.
const SMALLEST_PIVOT: f64 = 1e-12;
/// Matrices up to this size are factorised entry by entry.
const LEAF: usize = 24;

impl Cholesky {
    /// `None` if the symmetric matrix is not positive definite to working precision.
    pub fn new(matrix: ArrayView2<f64>) -> Option<Self> {
        let largest = matrix.diag().iter().fold(0.0, |a: f64, &b| a.max(b));
        let inverse_factor = inverse_factor(matrix, SMALLEST_PIVOT * largest)?;
        Some(Self { inverse_factor })
    }

    /// The x with A x = b.
    pub fn solve(&self, b: &Array1<f64>) -> Array1<f64> {
        self.inverse_factor.t().dot(&self.inverse_factor.dot(b))
    }

    pub fn inverse(&self) -> Array2<f64> {
        self.inverse_factor.t().dot(&self.inverse_factor)
    }

    /// The diagonal of the inverse.
    pub fn inverse_diagonal(&self) -> Array1<f64> {
        let mut diagonal = Array1::zeros(self.inverse_factor.ncols());
        for row in self.inverse_factor.outer_iter() {
            diagonal.zip_mut_with(&row, |sum, &w| *sum += w * w);
        }
        diagonal
    }
}

/// The rows of W up to the diagonal, one after the other: half the memory, for
/// factors that are kept.
#[derive(Debug, Clone)]
pub(super) struct PackedFactor {
    size: usize,
    entries: Vec<f64>,
    inverse_diagonal: Array1<f64>,
}

impl PackedFactor {
    pub fn new(factor: &Cholesky) -> Self {
        let size = factor.inverse_factor.nrows();
        let mut entries = Vec::with_capacity(size * (size + 1) / 2);
        for (index, row) in factor.inverse_factor.outer_iter().enumerate() {
            entries.extend(row.iter().take(index + 1));
        }
        Self {
            size,
            entries,
            inverse_diagonal: factor.inverse_diagonal(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        let mut rest = self.entries.as_slice();
        (1..=self.size).map(move |length| {
            let (row, after) = rest.split_at(length);
            rest = after;
            row
        })
    }

    /// The x with A x = b.
    pub fn solve(&self, b: &Array1<f64>) -> Array1<f64> {
        let mut x = Array1::zeros(self.size);
        for (index, row) in self.rows().enumerate() {
            let row = ArrayView1::from(row);
            let y = row.dot(&b.slice(s![..=index]));
            x.slice_mut(s![..=index]).scaled_add(y, &row);
        }
        x
    }

    /// W B: A⁻¹ is its transpose times itself for B = 1.
    pub fn whiten(&self, b: &Array2<f64>) -> Array2<f64> {
        let mut factor = Array2::zeros((self.size, self.size));
        for (mut to, row) in factor.outer_iter_mut().zip(self.rows()) {
            to.slice_mut(s![..row.len()]).assign(&ArrayView1::from(row));
        }
        factor.dot(b)
    }

    /// The diagonal of the inverse.
    pub fn inverse_diagonal(&self) -> &Array1<f64> {
        &self.inverse_diagonal
    }
}

fn inverse_factor(matrix: ArrayView2<f64>, floor: f64) -> Option<Array2<f64>> {
    let n = matrix.nrows();
    if n <= LEAF {
        return inverse_factor_of_leaf(matrix, floor);
    }
    let half = n / 2;
    let first = inverse_factor(matrix.slice(s![..half, ..half]), floor)?;
    let below = matrix.slice(s![half.., ..half]).dot(&first.t());
    let rest = &matrix.slice(s![half.., half..]) - &below.dot(&below.t());
    let second = inverse_factor(rest.view(), floor)?;
    let mut whole = Array2::zeros((n, n));
    whole
        .slice_mut(s![half.., ..half])
        .assign(&-second.dot(&below.dot(&first)));
    whole.slice_mut(s![..half, ..half]).assign(&first);
    whole.slice_mut(s![half.., half..]).assign(&second);
    Some(whole)
}

fn inverse_factor_of_leaf(matrix: ArrayView2<f64>, floor: f64) -> Option<Array2<f64>> {
    let n = matrix.nrows();
    let mut lower = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let done: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            let rest = matrix[[i, j]] - done;
            if i == j {
                if rest.is_nan() || rest <= floor {
                    return None;
                }
                lower[[i, i]] = rest.sqrt();
            } else {
                lower[[i, j]] = rest / lower[[j, j]];
            }
        }
    }
    let mut inverse = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        inverse[[j, j]] = 1.0 / lower[[j, j]];
        for i in j + 1..n {
            let sum: f64 = (j..i).map(|k| lower[[i, k]] * inverse[[k, j]]).sum();
            inverse[[i, j]] = -sum / lower[[i, i]];
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn solves_and_inverts_at_every_size() {
        for n in [1, 2, LEAF, LEAF + 1, 117] {
            // A Kac-Murdock-Szegő matrix: positive definite, with a known structure.
            let matrix = Array2::from_shape_fn((n, n), |(i, j)| 0.7_f64.powi(i.abs_diff(j) as i32));
            let factor = Cholesky::new(matrix.view()).unwrap();
            let x = Array1::from_shape_fn(n, |i| (i as f64).sin());
            let solved = factor.solve(&matrix.dot(&x));
            assert!((solved - &x).iter().all(|d| d.abs() < 1e-12), "{n}");
            let inverse = factor.inverse();
            let unit = matrix.dot(&inverse);
            assert!(
                (unit - Array2::<f64>::eye(n))
                    .iter()
                    .all(|d| d.abs() < 1e-12),
                "{n}"
            );
            let diagonal = factor.inverse_diagonal();
            assert!(
                (diagonal - inverse.diag()).iter().all(|d| d.abs() < 1e-12),
                "{n}"
            );
            let packed = PackedFactor::new(&factor);
            assert!(
                (packed.solve(&x) - factor.solve(&x))
                    .iter()
                    .all(|d| d.abs() < 1e-12)
            );
            let whitened = packed.whiten(&Array2::eye(n));
            let difference = whitened.t().dot(&whitened) - &inverse;
            assert!(difference.iter().all(|d| d.abs() < 1e-12), "{n}");
        }
    }

    #[test]
    fn singular_matrices_are_noticed() {
        assert!(Cholesky::new(array![[1.0, 1.0], [1.0, 1.0]].view()).is_none());
        assert!(Cholesky::new(array![[1.0, 2.0], [2.0, 1.0]].view()).is_none());
        assert!(Cholesky::new(array![[f64::NAN]].view()).is_none());
        assert!(Cholesky::new(Array2::ones((60, 60)).view()).is_none());
    }
}
