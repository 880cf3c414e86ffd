//! Attention inside windows: scores, exponentials and weighted sums row by row, so that
//! no table of scores is ever in memory.
//!
//! Keys and values of a window and head are laid out with the places side by side, and
//! the scores of two queries are made at a time. Exponents are to base 2: queries and
//! biases carry the factor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::map::Shared;
use super::simd::{InstructionSet, Simd, kernel};
use crate::model::swin_unetr::window::{
    MASKED_SCORE, TokenGrid, WindowLayout, part, relative_position,
};

/// Windows of one task: they share the rows of the bias while those are near.
const WINDOWS: usize = 8;

/// Queries of a window taken one after the other while the bias' rows are near.
const QUERIES: usize = 16;

/// Score of a place that fills up a vector: its exponential is 0.
const NOTHING: f32 = -1e30;

/// Multi-head attention among the tokens of each window, without its linear layers.
#[derive(Debug)]
pub struct WindowAttention {
    set: InstructionSet,
    heads: usize,
    head_width: usize,
    shifted: bool,
    /// Relative position bias, `POSITIONS × heads`.
    table: Vec<f32>,
    /// For each size of grid.
    plans: Mutex<BTreeMap<[usize; 3], Arc<Plan>>>,
    /// For each number of tokens in a window.
    biases: Mutex<BTreeMap<usize, Arc<Vec<f32>>>>,
}

/// What depends on the size of the grid.
#[derive(Debug)]
struct Plan {
    /// Tokens of a window.
    n: usize,
    /// The same, filled up to whole vectors.
    row: usize,
    /// heads × n × row, shared by all windows.
    bias: Arc<Vec<f32>>,
    groups: Vec<GroupPlan>,
}

/// Windows that the shift cuts alike.
#[derive(Debug)]
struct GroupPlan {
    /// For each place of a window, which side of the cuts it lies on.
    parts: Vec<usize>,
    /// For each side, what is added to the scores of the places: 8 × row. Empty where
    /// nothing is cut.
    masks: Vec<f32>,
    /// For each window and place the token, or `None` for padding.
    tokens: Vec<Option<usize>>,
}

impl WindowAttention {
    /// `table` is `POSITIONS × heads`.
    pub fn new(
        set: InstructionSet,
        table: Vec<f32>,
        heads: usize,
        width: usize,
        shifted: bool,
    ) -> Self {
        Self {
            set,
            heads,
            head_width: width / heads,
            shifted,
            table,
            plans: Mutex::default(),
            biases: Mutex::default(),
        }
    }

    /// Writes the attended tokens (tokens × width). `projected` holds a row of queries,
    /// keys and values (3 × width) for each token, and after the last token one for
    /// padding.
    pub fn attend(&self, projected: &[f32], grid: [usize; 3], attended: &mut [f32]) {
        let plan = self.plan(grid);
        let plan = plan.as_ref();
        let tokens: usize = grid.iter().product();
        let width = self.heads * self.head_width;
        assert_eq!(projected.len(), (tokens + 1) * 3 * width);
        assert!(attended.len() >= tokens * width);
        let tasks: Vec<(usize, &GroupPlan, &[Option<usize>])> = (0..self.heads)
            .flat_map(|head| {
                plan.groups.iter().flat_map(move |group| {
                    group
                        .tokens
                        .chunks(WINDOWS * plan.n)
                        .map(move |tokens| (head, group, tokens))
                })
            })
            .collect();
        let target = Shared::new(attended);
        tasks
            .into_par_iter()
            .for_each_init(Vec::new, |scratch, (head, group, tokens)| {
                // SAFETY: the sizes were asserted; every token is in one window, so that
                // each task writes its head's part of its own tokens.
                unsafe {
                    attend_windows(
                        self.set, self, plan, group, head, tokens, projected, target, scratch,
                    );
                }
            });
    }

    fn plan(&self, dims: [usize; 3]) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans
            .entry(dims)
            .or_insert_with(|| Arc::new(self.make_plan(dims)));
        plan.clone()
    }

    /// Relative position bias of windows of `n` tokens: MONAI takes the first n rows and
    /// columns of the full window's index, whatever the window's shape.
    fn bias(&self, n: usize, row: usize) -> Arc<Vec<f32>> {
        let mut biases = self.biases.lock().unwrap_or_else(PoisonError::into_inner);
        let bias = biases.entry(n).or_insert_with(|| {
            let mut bias = vec![NOTHING; self.heads * n * row];
            for (line, bias) in bias.chunks_exact_mut(row).enumerate() {
                let (head, i) = (line / n, line % n);
                for (j, bias) in bias.iter_mut().take(n).enumerate() {
                    let entry = self.table[relative_position(i, j) * self.heads + head];
                    *bias = entry * std::f32::consts::LOG2_E;
                }
            }
            Arc::new(bias)
        });
        Arc::clone(bias)
    }

    fn make_plan(&self, dims: [usize; 3]) -> Plan {
        let layout = WindowLayout::new(TokenGrid { batch: 1, dims }, self.shifted);
        let n = layout.tokens_per_window();
        let row = n.next_multiple_of(self.set.lanes());
        let groups = layout
            .groups
            .iter()
            .map(|group| {
                let parts: Vec<usize> = (0..n)
                    .map(|place| part(place, layout.window, layout.shift, group.cut))
                    .collect();
                let masks = if group.cut.contains(&true) {
                    let mask = |own: usize, place: usize| match parts.get(place) {
                        Some(&part) if part != own => MASKED_SCORE * std::f32::consts::LOG2_E,
                        _ => 0.0,
                    };
                    (0..8)
                        .flat_map(|own| (0..row).map(move |place| (own, place)))
                        .map(|(own, place)| mask(own, place))
                        .collect()
                } else {
                    Vec::new()
                };
                GroupPlan {
                    parts,
                    masks,
                    tokens: group.tokens.clone(),
                }
            })
            .collect();
        Plan {
            n,
            row,
            bias: self.bias(n, row),
            groups,
        }
    }
}

kernel! {
    /// Attends one head in some windows.
    ///
    /// # Safety
    ///
    /// The plan was made for the set. `projected` has 3 × width floats for every token
    /// and one row more, `attended` width floats for every token; no other thread uses
    /// the head's part of these tokens.
    unsafe fn attend_windows<S>(
        attention: &WindowAttention,
        plan: &Plan,
        group: &GroupPlan,
        head: usize,
        tokens: &[Option<usize>],
        projected: &[f32],
        attended: Shared,
        scratch: &mut Vec<f32>,
    ) {
        let (n, row, d) = (plan.n, plan.row, attention.head_width);
        let width = attention.heads * d;
        let windows = tokens.len() / n;
        // For each window: queries n × d, keys d × row, values d × row; then two rows of
        // scores.
        let window_size = n * d + 2 * d * row;
        scratch.clear();
        scratch.resize(windows * window_size + 2 * row, 0.0);
        let (prepared, scores) = scratch.split_at_mut(windows * window_size);
        let padding = projected.len() / (3 * width) - 1;
        let scale = (d as f32).sqrt().recip() * std::f32::consts::LOG2_E;
        for (prepared, tokens) in prepared.chunks_exact_mut(window_size).zip(tokens.chunks_exact(n)) {
            let (queries, rest) = prepared.split_at_mut(n * d);
            let (keys, values) = rest.split_at_mut(d * row);
            for (place, token) in tokens.iter().enumerate() {
                let line = &projected[token.unwrap_or(padding) * 3 * width..][..3 * width];
                let (query, key, value) = (
                    &line[head * d..],
                    &line[width + head * d..],
                    &line[2 * width + head * d..],
                );
                for i in 0..d {
                    queries[place * d + i] = query[i] * scale;
                    keys[i * row + place] = key[i];
                    values[i * row + place] = value[i];
                }
            }
        }
        let bias = &plan.bias[head * n * row..][..n * row];
        for first in (0..n).step_by(QUERIES) {
            for (prepared, tokens) in prepared.chunks_exact(window_size).zip(tokens.chunks_exact(n)) {
                for place in (first..n.min(first + QUERIES)).step_by(2) {
                    // The last query of an odd number is computed twice.
                    let places = [place, (place + 1).min(n - 1)];
                    let rows = places.map(|place| QueryRow {
                        query: prepared[place * d..].as_ptr(),
                        bias: bias[place * row..].as_ptr(),
                        mask: (!group.masks.is_empty())
                            .then(|| group.masks[group.parts[place] * row..].as_ptr()),
                        // Padding asks for nothing.
                        result: tokens[place].map(|token| unsafe {
                            attended.pointer().add(token * width + head * d)
                        }),
                    });
                    if rows.iter().all(|row| row.result.is_none()) {
                        continue;
                    }
                    let keys = prepared[n * d..].as_ptr();
                    // SAFETY: the rows and tables have the sizes of the plan.
                    unsafe {
                        attend_rows::<S>(rows, keys, keys.add(d * row), d, row, scores.as_mut_ptr());
                    }
                }
            }
        }
    }
}

/// A query and what belongs to it.
#[derive(Clone, Copy)]
struct QueryRow {
    query: *const f32,
    bias: *const f32,
    mask: Option<*const f32>,
    result: Option<*mut f32>,
}

/// `result = softmax(query · keys + bias + mask) · values` for two queries. Keys and
/// values are d × row; `scores` has two rows.
#[inline(always)]
unsafe fn attend_rows<S: Simd>(
    rows: [QueryRow; 2],
    keys: *const f32,
    values: *const f32,
    d: usize,
    row: usize,
    scores: *mut f32,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut largest = [S::splat(NOTHING); 2];
        let mut first = 0;
        while first < row {
            if first + 4 * S::LANES <= row {
                score_vectors::<S, 4>(rows, keys, d, row, first, scores, &mut largest);
                first += 4 * S::LANES;
            } else {
                score_vectors::<S, 1>(rows, keys, d, row, first, scores, &mut largest);
                first += S::LANES;
            }
        }
        let largest = [
            S::splat(S::largest(largest[0])),
            S::splat(S::largest(largest[1])),
        ];
        // Exponentials and the first four sums in one go, then four sums at a time.
        let mut totals = [S::splat(0.0); 2];
        let mut sums = [[S::splat(0.0); 4]; 2];
        for first in (0..row).step_by(S::LANES) {
            let at = [scores.add(first), scores.add(row + first)];
            let powers = [
                S::exp2(S::sub(S::load(at[0]), largest[0])),
                S::exp2(S::sub(S::load(at[1]), largest[1])),
            ];
            for line in 0..2 {
                totals[line] = S::add(totals[line], powers[line]);
                if d > 4 {
                    S::store(at[line], powers[line]);
                }
            }
            add_values::<S>(&mut sums, powers, values.add(first), row);
        }
        let shares = [S::sum(totals[0]).recip(), S::sum(totals[1]).recip()];
        write_results::<S>(rows, 0, sums, shares);
        for i in (4..d).step_by(4) {
            let mut sums = [[S::splat(0.0); 4]; 2];
            for first in (0..row).step_by(S::LANES) {
                let powers = [S::load(scores.add(first)), S::load(scores.add(row + first))];
                add_values::<S>(&mut sums, powers, values.add(i * row + first), row);
            }
            write_results::<S>(rows, i, sums, shares);
        }
    }
}

/// Adds to the sums of two queries a vector of four values, weighted by their powers.
#[inline(always)]
unsafe fn add_values<S: Simd>(
    sums: &mut [[S::Vector; 4]; 2],
    powers: [S::Vector; 2],
    values: *const f32,
    row: usize,
) {
    let [near, far] = sums;
    for (step, (near, far)) in near.iter_mut().zip(far).enumerate() {
        // SAFETY: the caller vouches for four rows of values.
        unsafe {
            let value = S::load(values.add(step * row));
            *near = S::mul_add(powers[0], value, *near);
            *far = S::mul_add(powers[1], value, *far);
        }
    }
}

#[inline(always)]
unsafe fn write_results<S: Simd>(
    rows: [QueryRow; 2],
    first: usize,
    sums: [[S::Vector; 4]; 2],
    shares: [f32; 2],
) {
    for ((row, sums), share) in rows.into_iter().zip(sums).zip(shares) {
        let Some(result) = row.result else { continue };
        for (step, sum) in sums.into_iter().enumerate() {
            // SAFETY: a result has as many numbers as the head is wide.
            unsafe { *result.add(first + step) = S::sum(sum) * share };
        }
    }
}

/// The scores of `V` vectors of places for two queries.
#[inline(always)]
unsafe fn score_vectors<S: Simd, const V: usize>(
    rows: [QueryRow; 2],
    keys: *const f32,
    d: usize,
    row: usize,
    first: usize,
    scores: *mut f32,
    largest: &mut [S::Vector; 2],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; 2];
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (v, sum) in sums.iter_mut().enumerate() {
                let at = first + v * S::LANES;
                *sum = S::load(row.bias.add(at));
                if let Some(mask) = row.mask {
                    *sum = S::add(*sum, S::load(mask.add(at)));
                }
            }
        }
        for i in 0..d {
            let queries = [
                S::splat(*rows[0].query.add(i)),
                S::splat(*rows[1].query.add(i)),
            ];
            for v in 0..V {
                let key = S::load(keys.add(i * row + first + v * S::LANES));
                for (sums, query) in sums.iter_mut().zip(queries) {
                    sums[v] = S::mul_add(query, key, sums[v]);
                }
            }
        }
        for (line, (sums, largest)) in sums.into_iter().zip(largest).enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                *largest = S::max(*largest, sum);
                S::store(scores.add(line * row + first + v * S::LANES), sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::swin_unetr::POSITIONS;
    use crate::model::swin_unetr::cpu::test_numbers;
    use crate::model::swin_unetr::window::score_bias;

    /// Softmax attention of every window by its definition, in double precision.
    fn defined(attention: &WindowAttention, projected: &[f32], dims: [usize; 3]) -> Vec<f64> {
        let (heads, d) = (attention.heads, attention.head_width);
        let width = heads * d;
        let layout = WindowLayout::new(TokenGrid { batch: 1, dims }, attention.shifted);
        let n = layout.tokens_per_window();
        let tokens: usize = dims.iter().product();
        let mut result = vec![f64::NAN; tokens * width];
        for group in &layout.groups {
            let bias = score_bias(
                &attention.table,
                heads,
                layout.window,
                layout.shift,
                group.cut,
            );
            for window in group.tokens.chunks_exact(n) {
                let part = |token: Option<usize>, part: usize, head: usize| {
                    let row = token.unwrap_or(tokens);
                    &projected[row * 3 * width + part * width + head * d..][..d]
                };
                for (i, token) in window.iter().enumerate() {
                    let Some(own) = *token else { continue };
                    for head in 0..heads {
                        let query = part(*token, 0, head);
                        let weights: Vec<f64> = window
                            .iter()
                            .enumerate()
                            .map(|(j, other)| {
                                let key = part(*other, 1, head);
                                let product: f64 = query
                                    .iter()
                                    .zip(key)
                                    .map(|(&q, &k)| f64::from(q) * f64::from(k))
                                    .sum();
                                let bias = f64::from(bias[(head * n + i) * n + j]);
                                (product / (d as f64).sqrt() + bias).exp()
                            })
                            .collect();
                        let total: f64 = weights.iter().sum();
                        for c in 0..d {
                            result[own * width + head * d + c] = window
                                .iter()
                                .zip(&weights)
                                .map(|(other, weight)| {
                                    weight / total * f64::from(part(*other, 2, head)[c])
                                })
                                .sum();
                        }
                    }
                }
            }
        }
        result
    }

    #[test]
    fn equals_the_definition() {
        for set in InstructionSet::available() {
            // Padding, a shift, a clipped window, and odd numbers of places.
            for (dims, heads, d, shifted) in [
                ([7, 7, 7], 1, 4, false),
                ([9, 8, 7], 2, 8, true),
                ([4, 9, 3], 3, 4, true),
                ([3, 3, 1], 1, 12, false),
            ] {
                let width = heads * d;
                let tokens: usize = dims.iter().product();
                let table = test_numbers(POSITIONS * heads, 7);
                let attention = WindowAttention::new(set, table, heads, width, shifted);
                let projected = test_numbers((tokens + 1) * 3 * width, 8);
                let mut attended = vec![f32::NAN; tokens * width];
                attention.attend(&projected, dims, &mut attended);
                let expected = defined(&attention, &projected, dims);
                for (actual, expected) in attended.into_iter().zip(expected) {
                    let error = (f64::from(actual) - expected).abs();
                    assert!(error < 1e-6, "{set:?} {dims:?}: {actual} {expected}");
                }
            }
        }
    }
}
