//! Attention inside windows, with relative position bias.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Int, Tensor, TensorData, module};

use super::layers::{Linear, upload};
use crate::model::swin_unetr::window::{POSITIONS, TokenGrid, WindowLayout, score_bias};
use crate::model::{ModelError, Weights};

/// Upper bound of one tensor of attention scores. Software graphics adapters bind at
/// most 128 MiB, and a backend may hold a score tensor next to its exponentials.
const SCORE_BYTES: usize = 64 << 20;

/// Multi-head attention among the tokens of each window (MONAI's `WindowAttention`
/// with the window handling of `SwinTransformerBlock`).
#[derive(Debug)]
pub struct WindowAttention {
    qkv: Linear,
    projection: Linear,
    /// Relative position bias, `POSITIONS × heads`.
    table: Vec<f32>,
    heads: usize,
    shifted: bool,
    /// Everything that depends on the input's shape alone.
    plans: Mutex<BTreeMap<TokenGrid, Arc<Plan>>>,
}

/// Index and bias tensors for one shape of input.
#[derive(Debug)]
struct Plan {
    chunks: Vec<Chunk>,
    tokens_per_window: usize,
    /// For each token and head: its row in the chunks' results, stacked.
    rows_from_windows: Tensor<1, Int>,
}

/// Windows that are computed together.
#[derive(Debug)]
struct Chunk {
    windows: usize,
    /// Rows of `head_dim` numbers for queries, keys and values, in the order
    /// (window, head, place).
    query_rows: Tensor<1, Int>,
    key_rows: Tensor<1, Int>,
    value_rows: Tensor<1, Int>,
    /// 1 × heads × n × n, shared by all windows.
    bias: Tensor<4>,
}

impl WindowAttention {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        width: usize,
        heads: usize,
        shifted: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let linear = |name: &str, shape| {
            Linear::load(weights, &format!("{prefix}.{name}"), shape, true, device)
        };
        let table = format!("{prefix}.relative_position_bias_table");
        Ok(Self {
            qkv: linear("qkv", [width, 3 * width])?,
            projection: linear("proj", [width, width])?,
            table: weights.take(&table, [POSITIONS, heads])?,
            heads,
            shifted,
            plans: Mutex::default(),
        })
    }

    /// Attention over normalised tokens (tokens × width), same shape out.
    pub fn forward(&self, tokens: Tensor<2>, grid: TokenGrid) -> Tensor<2> {
        let device = tokens.device();
        let [_, width] = tokens.dims();
        // A padding token is zero after the norm and takes part in attention, so its
        // query, key and value are the bias: one row of zeros stands for all of them.
        let padded = Tensor::cat(vec![tokens, Tensor::zeros([1, width], &device)], 0);
        let projected = self.qkv.forward(padded);
        let plan = self.plan(grid, &device.without_autodiff());
        let attended = plan.attend(projected, self.heads);
        self.projection.forward(attended)
    }

    fn plan(&self, grid: TokenGrid, device: &Device) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans.entry(grid).or_insert_with(|| {
            let layout = WindowLayout::new(grid, self.shifted);
            Arc::new(Plan::new(&self.table, self.heads, grid, &layout, device))
        });
        plan.clone()
    }
}

impl Plan {
    fn new(
        table: &[f32],
        heads: usize,
        grid: TokenGrid,
        layout: &WindowLayout,
        device: &Device,
    ) -> Self {
        let n = layout.tokens_per_window();
        let windows_at_once = (SCORE_BYTES / (heads * n * n * size_of::<f32>())).max(1);
        let index = |rows: Vec<usize>| {
            let rows: Vec<i64> = rows.into_iter().map(|row| row as i64).collect();
            let count = rows.len();
            Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), device)
        };

        let mut chunks = Vec::new();
        let mut rows_from_windows = vec![0; grid.tokens() * heads];
        let mut windows_before = 0;
        for group in &layout.groups {
            let bias = score_bias(table, heads, layout.window, layout.shift, group.cut);
            let bias = upload(bias, [1, heads, n, n], device);
            for tokens in group.tokens.chunks(windows_at_once * n) {
                let mut query_rows = Vec::with_capacity(tokens.len() * heads);
                for (window, tokens) in tokens.chunks(n).enumerate() {
                    for head in 0..heads {
                        let first = ((windows_before + window) * heads + head) * n;
                        for (place, token) in tokens.iter().enumerate() {
                            // The row for padding comes after the last token.
                            let token_row = token.unwrap_or(grid.tokens());
                            query_rows.push(token_row * 3 * heads + head);
                            if let Some(token) = token {
                                rows_from_windows[token * heads + head] = first + place;
                            }
                        }
                    }
                }
                let windows = tokens.len() / n;
                windows_before += windows;
                let offset = |by: usize| index(query_rows.iter().map(|row| row + by).collect());
                chunks.push(Chunk {
                    windows,
                    key_rows: offset(heads),
                    value_rows: offset(2 * heads),
                    query_rows: index(query_rows.clone()),
                    bias: bias.clone(),
                });
            }
        }
        Self {
            chunks,
            tokens_per_window: n,
            rows_from_windows: index(rows_from_windows),
        }
    }

    /// Attended tokens (tokens × width) from projected ones: rows of queries, keys and
    /// values (3 × width), a row for each token and one for padding.
    fn attend(&self, projected: Tensor<2>, heads: usize) -> Tensor<2> {
        let [rows, width3] = projected.dims();
        let width = width3 / 3;
        let head_dim = width / heads;
        let parts = projected.reshape([rows * 3 * heads, head_dim]);
        let results = self
            .chunks
            .iter()
            .map(|chunk| {
                let shape = [chunk.windows, heads, self.tokens_per_window, head_dim];
                let gather =
                    |index: &Tensor<1, Int>| parts.clone().select(0, index.clone()).reshape(shape);
                module::attention(
                    gather(&chunk.query_rows),
                    gather(&chunk.key_rows),
                    gather(&chunk.value_rows),
                    None,
                    Some(chunk.bias.clone()),
                    AttentionModuleOptions::default(),
                )
                .reshape([chunk.windows * heads * self.tokens_per_window, head_dim])
            })
            .collect();
        Tensor::cat(results, 0)
            .select(0, self.rows_from_windows.clone())
            .reshape([rows - 1, width])
    }
}
