//! Each building block on its own.

use burn::tensor::{Device, Tensor};
use voxplain::model::swin_unetr::TokenGrid;
use voxplain::model::swin_unetr::device::plain::attention::WindowAttention;
use voxplain::model::swin_unetr::device::plain::block::{PatchMerging, SwinBlock};
use voxplain::model::swin_unetr::device::plain::convolution::{ResidualBlock, UpBlock};
use voxplain::model::swin_unetr::window::{WindowLayout, relative_position, score_bias};
use voxplain::model::{MergeOrder, NetworkConfig, Weights, expected_tensors};

use crate::networks::{assert_close, tensor};
use crate::support::{config, fixture, npy, recipe_tensor};

pub fn file(name: &str) -> std::path::PathBuf {
    fixture(&format!("modules/{name}.npy"))
}

/// Recipe weights of tensors with these names (after `prefix`) and shapes.
pub fn weights(prefix: &str, seed: u64, tensors: &[(&str, &[usize])]) -> Weights {
    let mut weights = Weights::default();
    for (name, shape) in tensors {
        let key = format!("{prefix}.{name}");
        let values = recipe_tensor(&key, shape, seed);
        weights.insert(key, shape.to_vec(), values).unwrap();
    }
    weights
}

/// A channels-last fixture as rows of tokens.
fn tokens(name: &str, device: &Device) -> (TokenGrid, Tensor<2>) {
    let x: Tensor<5> = tensor(file(name), device);
    let [batch, d, h, w, c] = x.dims();
    let grid = TokenGrid {
        batch,
        dims: [d, h, w],
    };
    (grid, x.reshape([grid.tokens(), c]))
}

fn check_patch_merging(device: &Device) {
    let weights = weights(
        "pm",
        11,
        &[
            ("reduction.weight", &[10, 40]),
            ("norm.weight", &[40]),
            ("norm.bias", &[40]),
        ],
    );
    for (order, name) in [
        (MergeOrder::Legacy, "legacy"),
        (MergeOrder::Merging, "merging"),
        (MergeOrder::MergingV2, "mergingv2"),
    ] {
        let merging = PatchMerging::load(&weights, "pm", 5, order, device).unwrap();
        let (grid, x) = tokens("pm_in", device);
        let (merged, y) = merging.forward(x, grid);
        let [d, h, w] = merged.dims;
        let y: Tensor<5> = y.reshape([1, d, h, w, 10]);
        assert_close(name, y, file(&format!("pm_out_{name}")), 1e-4, 1e-5);
    }
}

fn attention_tensors() -> [(&'static str, &'static [usize]); 5] {
    [
        ("relative_position_bias_table", &[2197, 3]),
        ("qkv.weight", &[36, 12]),
        ("qkv.bias", &[36]),
        ("proj.weight", &[12, 12]),
        ("proj.bias", &[12]),
    ]
}

fn check_attention(device: &Device) {
    let weights = weights("attn", 12, &attention_tensors());
    let attention = WindowAttention::load(&weights, "attn", 12, 3, false, device).unwrap();
    // The batch of the fixture is a batch of images of one window each.
    for (n, dims) in [(343, [7, 7, 7]), (64, [4, 4, 4]), (48, [4, 6, 2])] {
        let x: Tensor<3> = tensor(file(&format!("attn_in_{n}")), device);
        let y = attention.forward(x.reshape([2 * n, 12]), TokenGrid { batch: 2, dims });
        let y: Tensor<3> = y.reshape([2, n, 12]);
        assert_close(
            &format!("attention {n}"),
            y,
            file(&format!("attn_out_{n}")),
            1e-4,
            1e-5,
        );
    }
}

fn check_blocks(device: &Device) {
    let mut list: Vec<(String, Vec<usize>)> = attention_tensors()
        .iter()
        .map(|(name, shape)| (format!("attn.{name}"), shape.to_vec()))
        .collect();
    for (name, shape) in [
        ("norm1.weight", vec![12]),
        ("norm1.bias", vec![12]),
        ("norm2.weight", vec![12]),
        ("norm2.bias", vec![12]),
        ("mlp.linear1.weight", vec![48, 12]),
        ("mlp.linear1.bias", vec![48]),
        ("mlp.linear2.weight", vec![12, 48]),
        ("mlp.linear2.bias", vec![12]),
    ] {
        list.push((name.into(), shape));
    }
    let list: Vec<(&str, &[usize])> = list
        .iter()
        .map(|(n, s)| (n.as_str(), s.as_slice()))
        .collect();
    let weights = weights("blk", 13, &list);
    for (name, shifted) in [("shift", true), ("noshift", false), ("clip", true)] {
        let block = SwinBlock::load(&weights, "blk", 12, 3, shifted, device).unwrap();
        let (grid, x) = tokens(&format!("block_{name}_in"), device);
        let [d, h, w] = grid.dims;
        let y: Tensor<5> = block.forward(x, grid).reshape([grid.batch, d, h, w, 12]);
        assert_close(name, y, file(&format!("block_{name}_out")), 1e-4, 1e-5);
    }
}

fn check_convolutions(device: &Device) {
    let residual = weights(
        "rb",
        14,
        &[
            ("layer.conv1.conv.weight", &[6, 4, 3, 3, 3]),
            ("layer.conv2.conv.weight", &[6, 6, 3, 3, 3]),
            ("layer.conv3.conv.weight", &[6, 4, 1, 1, 1]),
        ],
    );
    let block = ResidualBlock::load(&residual, "rb.layer", [4, 6], device).unwrap();
    let y = block.forward(tensor(file("rb_in"), device));
    assert_close("residual block", y, file("rb_out"), 1e-4, 1e-5);

    let up = weights(
        "ub",
        15,
        &[
            ("transp_conv.conv.weight", &[6, 4, 2, 2, 2]),
            ("conv_block.conv1.conv.weight", &[4, 8, 3, 3, 3]),
            ("conv_block.conv2.conv.weight", &[4, 4, 3, 3, 3]),
            ("conv_block.conv3.conv.weight", &[4, 8, 1, 1, 1]),
        ],
    );
    let block = UpBlock::load(&up, "ub", [6, 4], device).unwrap();
    let y = block.forward(
        tensor(file("ub_in"), device),
        tensor(file("ub_skip"), device),
    );
    assert_close("up block", y, file("ub_out"), 1e-4, 1e-5);
}

/// Every building block on one device.
pub fn check_all(device: &Device) {
    check_patch_merging(device);
    check_attention(device);
    check_blocks(device);
    check_convolutions(device);
}

#[test]
fn modules_as_plain_tensors() {
    check_all(&Device::flex());
}

#[test]
fn relative_position_index_is_monais() {
    let index = npy::<i32>(file("rel_pos_index_777"));
    for (at, &expected) in index.indexed_iter() {
        assert_eq!(relative_position(at[0], at[1]), expected as usize, "{at:?}");
    }
}

/// The mask of every window, found from the window's group and its tokens.
#[test]
fn shift_masks_are_monais() {
    for (dims, padded) in [([14, 14, 14], [14, 14, 14]), ([8, 14, 4], [14, 14, 4])] {
        let [d, h, w] = dims;
        let expected = npy::<u8>(file(&format!("mask_{d}x{h}x{w}")));
        let layout = WindowLayout::new(
            TokenGrid {
                batch: 1,
                dims: padded,
            },
            true,
        );
        let n = layout.tokens_per_window();
        let counts: [usize; 3] = std::array::from_fn(|a| padded[a] / layout.window[a]);
        let table = vec![0.0; 2197];
        let mut windows = 0;
        for group in &layout.groups {
            let bias = score_bias(&table, 1, layout.window, layout.shift, group.cut);
            for tokens in group.tokens.chunks(n) {
                // The first token of a window was at window · size + shift before the shift.
                let first = tokens[0].unwrap();
                let at = [
                    first / (padded[1] * padded[2]),
                    first / padded[2] % padded[1],
                    first % padded[2],
                ];
                let position: [usize; 3] = std::array::from_fn(|a| {
                    (at[a] + padded[a] - layout.shift[a]) % padded[a] / layout.window[a]
                });
                let window = (position[0] * counts[1] + position[1]) * counts[2] + position[2];
                for i in 0..n {
                    for j in 0..n {
                        let masked = bias[i * n + j] == -100.0;
                        assert_eq!(masked, expected[[window, i, j]] == 1, "{window} {i} {j}");
                    }
                }
                windows += 1;
            }
        }
        assert_eq!(windows, expected.shape()[0]);
    }
}

#[test]
fn tensor_names_and_shapes_are_monais() {
    for (name, config) in [
        (
            "in1_out3_f12_v2",
            NetworkConfig {
                use_v2: true,
                ..config(12, 3, MergeOrder::Merging)
            },
        ),
        (
            "brats_in4_out3_f48",
            NetworkConfig {
                in_channels: 4,
                ..config(48, 3, MergeOrder::Legacy)
            },
        ),
    ] {
        let text = std::fs::read_to_string(fixture(&format!("keys/{name}.tsv"))).unwrap();
        let mut expected: Vec<(String, String)> = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .filter(|fields| !fields[0].ends_with("relative_position_index"))
            .map(|fields| (fields[0].to_owned(), fields[2].to_owned()))
            .collect();
        let mut actual: Vec<(String, String)> = expected_tensors(&config)
            .into_iter()
            .map(|(key, shape)| (key, format!("{shape:?}")))
            .collect();
        expected.sort();
        actual.sort();
        assert_eq!(actual, expected);
    }
}
