//! Products of rows with a matrix that was packed for it.

use super::simd::{InstructionSet, Simd};

/// Vectors side by side that a product is made of at once, at most.
const PANEL_VECTORS: usize = 3;

/// A matrix (inputs × outputs) in panels of neighbouring columns, each row by row.
/// Columns are filled up with zeros to whole vectors.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    pub inputs: usize,
    pub outputs: usize,
    pub panels: Vec<Panel>,
    values: Vec<f32>,
    /// One a column, padded like the columns; empty for none.
    bias: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
pub struct Panel {
    pub first_column: usize,
    /// Columns that are not filling.
    pub columns: usize,
    pub vectors: usize,
    /// Where its values start.
    start: usize,
}

/// What becomes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Written over what is there.
    Store,
    /// Added to what is there.
    Add,
    /// Its Gaussian error linear unit is written.
    Gelu,
}

/// Rows that are read or written: the first, and how far apart they are.
#[derive(Debug, Clone, Copy)]
pub struct Rows<P> {
    pub first: P,
    pub stride: usize,
}

impl PackedMatrix {
    /// Packs a matrix given by the value at (input, output).
    pub fn new(
        set: InstructionSet,
        inputs: usize,
        outputs: usize,
        value: impl Fn(usize, usize) -> f32,
        bias: Option<&[f32]>,
    ) -> Self {
        let lanes = set.lanes();
        let mut panels = Vec::new();
        let mut values = Vec::new();
        let mut vectors_left = outputs.div_ceil(lanes);
        let mut first_column = 0;
        while vectors_left > 0 {
            // Panels of equal width are better than a wide and a narrow one.
            let vectors = if vectors_left == PANEL_VECTORS + 1 {
                2
            } else {
                vectors_left.min(PANEL_VECTORS)
            };
            let columns = (vectors * lanes).min(outputs - first_column);
            panels.push(Panel {
                first_column,
                columns,
                vectors,
                start: values.len(),
            });
            for input in 0..inputs {
                values.extend((0..vectors * lanes).map(|column| {
                    if column < columns {
                        value(input, first_column + column)
                    } else {
                        0.0
                    }
                }));
            }
            first_column += columns;
            vectors_left -= vectors;
        }
        let bias = bias.map_or_else(Vec::new, |bias| {
            let mut bias = bias.to_vec();
            bias.resize(outputs.next_multiple_of(lanes), 0.0);
            bias
        });
        Self {
            inputs,
            outputs,
            panels,
            values,
            bias,
        }
    }

    /// One number for each output; empty if there is no bias.
    pub fn bias(&self) -> &[f32] {
        self.bias.get(..self.outputs).unwrap_or_default()
    }

    /// The values of a panel, row by row.
    pub fn panel_values(&self, panel: &Panel) -> *const f32 {
        self.values[panel.start..].as_ptr()
    }

    /// `to = finish(from · matrix + bias)` for a number of rows.
    ///
    /// # Safety
    ///
    /// `from` must be valid for `rows` rows of `inputs` floats, `to` for rows of
    /// `outputs` floats, and both may not overlap. `S` must be the set that the matrix
    /// was packed for.
    #[inline(always)]
    pub unsafe fn multiply<S: Simd>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
        finish: Finish,
    ) {
        // SAFETY: the caller's contract.
        unsafe { self.multiply_columns::<S, false>(from, to, rows, finish) };
    }

    /// [`multiply`](Self::multiply) into rows that are filled up to whole vectors, the
    /// filling too.
    ///
    /// # Safety
    ///
    /// As of [`multiply`](Self::multiply), with room for the filling in `to`.
    #[inline(always)]
    pub unsafe fn multiply_padded<S: Simd>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
    ) {
        // SAFETY: the caller's contract.
        unsafe { self.multiply_columns::<S, true>(from, to, rows, Finish::Store) };
    }

    #[inline(always)]
    unsafe fn multiply_columns<S: Simd, const PADDED: bool>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
        finish: Finish,
    ) {
        for panel in &self.panels {
            // SAFETY: the panel's values and bias are whole vectors; the rest is the
            // caller's contract.
            unsafe {
                let weights = self.values.as_ptr().add(panel.start);
                let bias = if self.bias.is_empty() {
                    std::ptr::null()
                } else {
                    self.bias.as_ptr().add(panel.first_column)
                };
                let to = Rows {
                    first: to.first.add(panel.first_column),
                    stride: to.stride,
                };
                let job = Job {
                    inputs: self.inputs,
                    weights,
                    bias,
                    columns: if PADDED {
                        panel.vectors * S::LANES
                    } else {
                        panel.columns
                    },
                    finish,
                };
                match (panel.vectors, S::REGISTERS >= 32) {
                    (1, true) => job.run::<S, 16, 1, PADDED>(from, to, rows),
                    (1, false) => job.run::<S, 12, 1, PADDED>(from, to, rows),
                    (2, true) => job.run::<S, 12, 2, PADDED>(from, to, rows),
                    (2, false) => job.run::<S, 6, 2, PADDED>(from, to, rows),
                    (_, true) => job.run::<S, 8, 3, PADDED>(from, to, rows),
                    (_, false) => job.run::<S, 4, 3, PADDED>(from, to, rows),
                }
            }
        }
    }
}

/// The product of rows with one panel.
struct Job {
    inputs: usize,
    weights: *const f32,
    bias: *const f32,
    columns: usize,
    finish: Finish,
}

impl Job {
    #[inline(always)]
    unsafe fn run<S: Simd, const R: usize, const V: usize, const PADDED: bool>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
    ) {
        let mut row = 0;
        // SAFETY: rows stay below `rows`.
        unsafe {
            while row + R <= rows {
                self.tile::<S, R, V, PADDED>(from.at(row), to.at(row));
                row += R;
            }
            while row + 4 <= rows {
                self.tile::<S, 4, V, PADDED>(from.at(row), to.at(row));
                row += 4;
            }
            while row < rows {
                self.tile::<S, 1, V, PADDED>(from.at(row), to.at(row));
                row += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize, const PADDED: bool>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
    ) {
        // SAFETY: the caller's contract of `multiply`.
        unsafe {
            let mut sums = [[S::splat(0.0); V]; R];
            if !self.bias.is_null() {
                for sums in &mut sums {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = S::load(self.bias.add(v * S::LANES));
                    }
                }
            }
            accumulate::<S, R, V>(&mut sums, from, self.weights, self.inputs);
            for (row, sums) in sums.into_iter().enumerate() {
                let to = to.first.add(row * to.stride);
                for (v, sum) in sums.into_iter().enumerate() {
                    let left = self.columns.saturating_sub(v * S::LANES).min(S::LANES);
                    let to = to.add(v * S::LANES);
                    if PADDED {
                        S::store(to, sum);
                        continue;
                    }
                    let value = match self.finish {
                        Finish::Store => sum,
                        Finish::Add => S::add(sum, S::load_first(to, left)),
                        Finish::Gelu => gelu::<S>(sum),
                    };
                    S::store_first(to, value, left);
                }
            }
        }
    }
}

/// Adds to `R` rows of sums the products of `R` rows of `inputs` floats with a panel.
///
/// # Safety
///
/// `from` must be valid for `R` rows of `inputs` floats, `weights` for `inputs` rows of
/// `V` vectors.
#[inline(always)]
pub unsafe fn accumulate<S: Simd, const R: usize, const V: usize>(
    sums: &mut [[S::Vector; V]; R],
    from: Rows<*const f32>,
    weights: *const f32,
    inputs: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        // One address for four rows: more do not fit in the processor's registers.
        let mut groups = [from.first; MAX_ROWS / 4];
        for (group, first) in groups.iter_mut().enumerate().take(R.div_ceil(4)) {
            *first = from.first.add(4 * group * from.stride);
        }
        let mut weights = weights;
        for _ in 0..inputs / 4 {
            for step in 0..4 {
                multiply_add::<S, R, V>(
                    sums,
                    &groups,
                    from.stride,
                    step,
                    weights.add(step * V * S::LANES),
                );
            }
            for group in &mut groups {
                *group = group.wrapping_add(4);
            }
            weights = weights.add(4 * V * S::LANES);
        }
        for step in 0..inputs % 4 {
            multiply_add::<S, R, V>(
                sums,
                &groups,
                from.stride,
                step,
                weights.add(step * V * S::LANES),
            );
        }
    }
}

/// Rows of one product, at most.
const MAX_ROWS: usize = 16;

#[inline(always)]
unsafe fn multiply_add<S: Simd, const R: usize, const V: usize>(
    sums: &mut [[S::Vector; V]; R],
    groups: &[*const f32; MAX_ROWS / 4],
    stride: usize,
    input: usize,
    weights: *const f32,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut line = [S::splat(0.0); V];
        for (v, line) in line.iter_mut().enumerate() {
            *line = S::load(weights.add(v * S::LANES));
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = S::splat(*groups[row / 4].add(row % 4 * stride + input));
            for (sum, line) in sums.iter_mut().zip(line) {
                *sum = S::mul_add(value, line, *sum);
            }
        }
    }
}

impl<P> Rows<P> {
    pub fn new(first: P, stride: usize) -> Self {
        Self { first, stride }
    }
}

impl Rows<*const f32> {
    /// The rows from one on.
    ///
    /// # Safety
    ///
    /// The row must be inside what the first row's pointer is valid for.
    #[inline(always)]
    pub unsafe fn at(self, row: usize) -> Self {
        // SAFETY: the caller's contract.
        Self::new(unsafe { self.first.add(row * self.stride) }, self.stride)
    }
}

impl Rows<*mut f32> {
    /// The rows from one on.
    ///
    /// # Safety
    ///
    /// The row must be inside what the first row's pointer is valid for.
    #[inline(always)]
    pub unsafe fn at(self, row: usize) -> Self {
        // SAFETY: the caller's contract.
        Self::new(unsafe { self.first.add(row * self.stride) }, self.stride)
    }
}

/// `x · Φ(x)`, with the error function of Abramowitz and Stegun 7.1.26, whose absolute
/// error is 1.5e-7.
#[inline(always)]
unsafe fn gelu<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: arithmetic alone.
    unsafe {
        let z = S::mul(S::abs(x), S::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = S::div(
            S::splat(1.0),
            S::mul_add(z, S::splat(0.327_591_1), S::splat(1.0)),
        );
        let mut p = S::splat(1.061_405_4);
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = S::mul_add(p, t, S::splat(coefficient));
        }
        let exponent = S::mul(S::mul(z, z), S::splat(-std::f32::consts::LOG2_E));
        let tail = S::mul(S::mul(p, t), S::exp2(exponent));
        let erf = S::with_sign(S::sub(S::splat(1.0), tail), x);
        let half = S::mul(x, S::splat(0.5));
        S::mul_add(half, erf, half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::swin_unetr::cpu::simd::kernel;
    use crate::model::swin_unetr::cpu::test_numbers;

    kernel! {
        /// # Safety
        ///
        /// As of [`PackedMatrix::multiply`].
        unsafe fn multiply<S>(
            matrix: &PackedMatrix,
            from: Rows<*const f32>,
            to: Rows<*mut f32>,
            rows: usize,
            finish: Finish,
        ) {
            // SAFETY: the caller's contract.
            unsafe { matrix.multiply::<S>(from, to, rows, finish) };
        }
    }

    /// x · Φ(x) in double precision, from the error function's series.
    fn exact_gelu(x: f64) -> f64 {
        let z = x / 2.0_f64.sqrt();
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        0.5 * x * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
    }

    #[test]
    fn products_equal_the_definition() {
        for set in InstructionSet::available() {
            for (inputs, outputs) in [(1, 3), (12, 12), (5, 36), (24, 100), (7, 64), (48, 81)] {
                for rows in [1, 3, 16, 29] {
                    // Rows lie apart, and what is between them stays as it is.
                    let (from_stride, to_stride) = (inputs + 2, outputs + 3);
                    let weights: Vec<f32> = test_numbers(inputs * outputs, 1)
                        .into_iter()
                        .map(|weight| 0.5 * weight)
                        .collect();
                    let bias = test_numbers(outputs, 2);
                    let from = test_numbers(rows * from_stride, 3);
                    let before = test_numbers(rows * to_stride, 4);
                    let matrix = PackedMatrix::new(
                        set,
                        inputs,
                        outputs,
                        |i, o| weights[i * outputs + o],
                        Some(&bias),
                    );
                    for finish in [Finish::Store, Finish::Add, Finish::Gelu] {
                        let mut to = before.clone();
                        let target = Rows::new(to.as_mut_ptr(), to_stride);
                        let source = Rows::new(from.as_ptr(), from_stride);
                        // SAFETY: both hold the rows.
                        unsafe { multiply(set, &matrix, source, target, rows, finish) };
                        for (at, &actual) in to.iter().enumerate() {
                            let (row, column) = (at / to_stride, at % to_stride);
                            if column >= outputs {
                                assert_eq!(actual, before[at]);
                                continue;
                            }
                            let product: f64 = (0..inputs)
                                .map(|i| {
                                    f64::from(from[row * from_stride + i])
                                        * f64::from(weights[i * outputs + column])
                                })
                                .sum::<f64>()
                                + f64::from(bias[column]);
                            let expected = match finish {
                                Finish::Store => product,
                                Finish::Add => product + f64::from(before[at]),
                                Finish::Gelu => exact_gelu(product),
                            };
                            let error = (f64::from(actual) - expected).abs();
                            assert!(
                                error < 3e-6,
                                "{set:?} {inputs}×{outputs} {finish:?} {error}"
                            );
                        }
                    }
                }
            }
        }
    }
}
