//! Window attention on the CPU: scores, softmax and weighted sum of one window stay
//! in the cache, and padding, shift and partition are index look-ups.
//!
//! The mathematics is that of `attention`; the exponential is a polynomial that
//! differs from the exact one by less than 2e-7 of its value.

use rayon::prelude::*;

use super::layers::TokenGrid;
use super::window::{WindowLayout, score_bias};

/// Numbers handled side by side; rows of scores are padded to a multiple of it.
const LANES: usize = 16;

/// Added to the scores of the padding of a row, whose exponential is then nothing.
const NOTHING: f32 = -1e30;

/// Index and bias tables for one shape of input.
#[derive(Debug)]
pub struct CpuPlan {
    heads: usize,
    tokens_per_window: usize,
    /// Windows that share a bias, in the layout's order.
    groups: Vec<Group>,
    /// For each token its place among those of all windows.
    place_of_token: Vec<usize>,
}

#[derive(Debug)]
struct Group {
    /// Rows of the projected tokens, window by window. Padding reads the row after the
    /// last token.
    rows: Vec<usize>,
    /// `heads × n × padded n`.
    bias: Vec<f32>,
}

impl CpuPlan {
    pub fn new(table: &[f32], heads: usize, grid: TokenGrid, shifted: bool) -> Self {
        let layout = WindowLayout::new(grid, shifted);
        let n = layout.tokens_per_window();
        let mut place_of_token = vec![0; grid.tokens()];
        let mut place = 0;
        let groups = layout
            .groups
            .iter()
            .map(|group| {
                for token in &group.tokens {
                    if let Some(token) = *token {
                        place_of_token[token] = place;
                    }
                    place += 1;
                }
                let bias = score_bias(table, heads, layout.window, layout.shift, group.cut);
                let mut padded = Vec::with_capacity(heads * n * n.next_multiple_of(LANES));
                for row in bias.chunks_exact(n) {
                    padded.extend_from_slice(row);
                    padded.resize(padded.len().next_multiple_of(LANES), NOTHING);
                }
                let rows = group
                    .tokens
                    .iter()
                    .map(|t| t.unwrap_or(grid.tokens()))
                    .collect();
                Group { rows, bias: padded }
            })
            .collect();
        Self {
            heads,
            tokens_per_window: n,
            groups,
            place_of_token,
        }
    }

    /// Attended tokens (tokens × width) from projected ones: rows of queries, keys and
    /// values (3 × width), a row for each token and one for padding.
    pub fn attend(&self, projected: &[f32], width: usize) -> Vec<f32> {
        let n = self.tokens_per_window;
        let mut places = vec![0.0; self.groups.iter().map(|g| g.rows.len()).sum::<usize>() * width];
        let mut rest = places.as_mut_slice();
        for group in &self.groups {
            let (own, others) = rest.split_at_mut(group.rows.len() * width);
            rest = others;
            own.par_chunks_exact_mut(n * width)
                .zip(group.rows.par_chunks_exact(n))
                .for_each_init(
                    || Scratch::new(n, width / self.heads),
                    |scratch, (result, rows)| {
                        for head in 0..self.heads {
                            scratch.load(projected, rows, head, width);
                            let row = n.next_multiple_of(LANES);
                            let bias = &group.bias[head * n * row..(head + 1) * n * row];
                            scratch.attend(bias);
                            scratch.store(result, head, width);
                        }
                    },
                );
        }
        let mut tokens = vec![0.0; self.place_of_token.len() * width];
        tokens
            .par_chunks_exact_mut(width)
            .with_min_len(1024)
            .zip(&self.place_of_token)
            .for_each(|(token, &place)| {
                token.copy_from_slice(&places[place * width..(place + 1) * width]);
            });
        tokens
    }
}

/// One head of one window.
struct Scratch {
    n: usize,
    head_dim: usize,
    /// n × head_dim, already scaled.
    queries: Vec<f32>,
    /// head_dim × padded n.
    keys: Vec<f32>,
    values: Vec<f32>,
    /// One row of scores, padded.
    scores: Vec<f32>,
    /// n × head_dim.
    results: Vec<f32>,
}

impl Scratch {
    fn new(n: usize, head_dim: usize) -> Self {
        let row = n.next_multiple_of(LANES);
        Self {
            n,
            head_dim,
            queries: vec![0.0; n * head_dim],
            keys: vec![0.0; head_dim * row],
            values: vec![0.0; head_dim * row],
            scores: vec![0.0; row],
            results: vec![0.0; n * head_dim],
        }
    }

    fn load(&mut self, projected: &[f32], rows: &[usize], head: usize, width: usize) {
        let (d, padded) = (self.head_dim, self.scores.len());
        let scale = 1.0 / (d as f32).sqrt();
        for (place, &row) in rows.iter().enumerate() {
            let first = row * 3 * width + head * d;
            let query = &projected[first..first + d];
            let key = &projected[first + width..first + width + d];
            let value = &projected[first + 2 * width..first + 2 * width + d];
            for i in 0..d {
                self.queries[place * d + i] = query[i] * scale;
                self.keys[i * padded + place] = key[i];
                self.values[i * padded + place] = value[i];
            }
        }
    }

    fn store(&self, result: &mut [f32], head: usize, width: usize) {
        let d = self.head_dim;
        for (place, values) in self.results.chunks_exact(d).enumerate() {
            let first = place * width + head * d;
            result[first..first + d].copy_from_slice(values);
        }
    }

    /// `results = softmax(queries · keysᵀ + bias) · values`.
    fn attend(&mut self, bias: &[f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both features, as just asked.
            return unsafe { self.attend_avx2(bias) };
        }
        self.attend_with::<{ cfg!(target_arch = "aarch64") }>(bias);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn attend_avx2(&mut self, bias: &[f32]) {
        self.attend_with::<true>(bias);
    }

    /// `FUSED`: the processor multiplies and adds in one instruction.
    #[inline(always)]
    fn attend_with<const FUSED: bool>(&mut self, bias: &[f32]) {
        let (row, d) = (self.scores.len(), self.head_dim);
        let scores = &mut self.scores;
        for place in 0..self.n {
            scores.copy_from_slice(&bias[place * row..(place + 1) * row]);
            let query = &self.queries[place * d..(place + 1) * d];
            for (query, keys) in query.chunks_exact(4).zip(self.keys.chunks_exact(4 * row)) {
                add_scores::<FUSED>(scores, query, keys);
            }
            let share = 1.0 / exponentials::<FUSED>(scores);
            let result = &mut self.results[place * d..(place + 1) * d];
            for (result, values) in result
                .chunks_exact_mut(4)
                .zip(self.values.chunks_exact(4 * row))
            {
                let sums = weighted_sums::<FUSED>(scores, values);
                for (result, sum) in result.iter_mut().zip(sums) {
                    *result = sum * share;
                }
            }
        }
    }
}

/// Adds to each score four products of a query and its key. Four at a time, here and
/// in [`weighted_sums`], keep the processor's adders busy; head widths are multiples
/// of four.
#[inline(always)]
fn add_scores<const FUSED: bool>(scores: &mut [f32], query: &[f32], keys: &[f32]) {
    let (a, rest) = keys.split_at(scores.len());
    let (b, rest) = rest.split_at(scores.len());
    let (c, d) = rest.split_at(scores.len());
    for ((((score, &a), &b), &c), &d) in scores.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let first = multiply_add::<FUSED>(query[0], a, *score);
        let second = multiply_add::<FUSED>(query[1], b, first);
        let third = multiply_add::<FUSED>(query[2], c, second);
        *score = multiply_add::<FUSED>(query[3], d, third);
    }
}

/// Replaces scores by their exponentials, the largest becoming 1, and returns the sum.
#[inline(always)]
fn exponentials<const FUSED: bool>(scores: &mut [f32]) -> f32 {
    let mut largest = [NOTHING; LANES];
    for chunk in scores.chunks_exact(LANES) {
        for (m, &score) in largest.iter_mut().zip(chunk) {
            *m = if score > *m { score } else { *m };
        }
    }
    let largest = largest.into_iter().fold(NOTHING, f32::max);
    let mut sum = [0.0; LANES];
    for chunk in scores.chunks_exact_mut(LANES) {
        for (s, score) in sum.iter_mut().zip(chunk) {
            *score = exponential::<FUSED>(*score - largest);
            *s += *score;
        }
    }
    sum.into_iter().sum()
}

/// Sums of four rows of values, weighted by the scores.
#[inline(always)]
fn weighted_sums<const FUSED: bool>(scores: &[f32], values: &[f32]) -> [f32; 4] {
    let row = scores.len();
    let mut sums = [[0.0; LANES]; 4];
    for first in (0..row).step_by(LANES) {
        let scores = &scores[first..first + LANES];
        for (sum, values) in sums.iter_mut().zip(values.chunks_exact(row)) {
            let values = &values[first..first + LANES];
            for lane in 0..LANES {
                sum[lane] = multiply_add::<FUSED>(scores[lane], values[lane], sum[lane]);
            }
        }
    }
    sums.map(|sum| sum.into_iter().sum())
}

#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ for x ≤ 0, and 0 below −87, where the exact value is less than 2e-38: smaller
/// numbers than that are slow to compute with.
///
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial in r, and k put into the
/// exponent's bits (Cephes' `expf`).
#[inline(always)]
fn exponential<const FUSED: bool>(x: f32) -> f32 {
    /// Adding this number rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, so that r keeps its precision.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUND);
    let k = rounded - ROUND;
    let r = multiply_add::<FUSED>(k, -LN_2_HIGH, x);
    let r = multiply_add::<FUSED>(k, -LN_2_LOW, r);
    let mut p = 1.987_569_2e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = multiply_add::<FUSED>(p, r, coefficient);
    }
    let e = multiply_add::<FUSED>(p, r * r, r + 1.0);
    let power = rounded.to_bits().wrapping_add(127).wrapping_shl(23);
    if x > -87.0 {
        e * f32::from_bits(power)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_close_over_its_range() {
        for step in 0..870_000 {
            let x = -(step as f32) * 1e-4;
            for value in [exponential::<true>(x), exponential::<false>(x)] {
                let exact = f64::from(x).exp();
                assert!(
                    (f64::from(value) - exact).abs() <= 2e-7 * exact,
                    "{x}: {value}"
                );
            }
        }
        assert_eq!(exponential::<true>(0.0), 1.0);
        assert_eq!(exponential::<true>(NOTHING), 0.0);
    }

    #[test]
    fn both_builds_of_the_kernel_agree() {
        let (n, d) = (10, 4);
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut scratch = Scratch::new(n, d);
        scratch.queries.fill_with(&mut random);
        for place in 0..n {
            for i in 0..d {
                scratch.keys[i * LANES + place] = random();
                scratch.values[i * LANES + place] = random();
            }
        }
        let bias: Vec<f32> = (0..n * LANES)
            .map(|i| if i % LANES < n { random() } else { NOTHING })
            .collect();
        scratch.attend(&bias);
        let fast = scratch.results.clone();
        scratch.attend_with::<false>(&bias);
        for place in 0..n {
            let weight: Vec<f64> = (0..n)
                .map(|j| {
                    let dot: f32 = (0..d)
                        .map(|i| scratch.queries[place * d + i] * scratch.keys[i * LANES + j])
                        .sum();
                    f64::from(dot + bias[place * LANES + j]).exp()
                })
                .collect();
            let total: f64 = weight.iter().sum();
            for i in 0..d {
                let exact: f64 = (0..n)
                    .map(|j| weight[j] / total * f64::from(scratch.values[i * LANES + j]))
                    .sum();
                for value in [fast[place * d + i], scratch.results[place * d + i]] {
                    assert!((f64::from(value) - exact).abs() < 1e-6);
                }
            }
        }
    }
}
