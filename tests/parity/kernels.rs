//! The network's own kernels on a graphics adapter, one by one and put together.

use std::path::PathBuf;

use ndarray::{ArrayD, IxDyn};
use voxplain::model::swin_unetr::device::attention::attention;
use voxplain::model::swin_unetr::device::convolution::{ResidualBlock, UpBlock, stored_channels};
use voxplain::model::swin_unetr::device::measure::{Measured, SetSums, VoxelSets, measure};
use voxplain::model::swin_unetr::device::norm::{channel_statistics, row_statistics};
use voxplain::model::swin_unetr::device::plain::PlainNetwork;
use voxplain::model::swin_unetr::device::product::{After, Matrix, Norm, Places, product};
use voxplain::model::swin_unetr::device::transformer::{PatchMerging, SwinBlock};
use voxplain::model::swin_unetr::device::{DeviceNetwork, Map, Precision, Queue};
use voxplain::model::{
    ComputeDevice, DeviceEvent, MergeOrder, ModelError, NetworkConfig, SwinUnetr,
};

use crate::modules::{file, weights};
use crate::support::adapter::adapter;
use crate::support::{
    adapter_or_skip, config, difference, fixture, npy, recipe_tensor, recipe_weights,
};

/// A channels-first array on the device.
pub fn map_of_image(queue: &Queue, image: &ArrayD<f32>) -> Map {
    let [n, c, d, h, w] = std::array::from_fn(|axis| image.shape()[axis]);
    let channels = stored_channels(c);
    let mut rows = ArrayD::zeros(IxDyn(&[n, d, h, w, channels]));
    rows.slice_each_axis_mut(|axis| {
        ndarray::Slice::from(..if axis.axis.index() == 4 { c } else { axis.len })
    })
    .assign(&image.view().permuted_axes(IxDyn(&[0, 2, 3, 4, 1])));
    map_of_rows(queue, &rows)
}

/// A channels-last array on the device.
pub fn map_of_rows(queue: &Queue, rows: &ArrayD<f32>) -> Map {
    let [images, d, h, w, channels] = std::array::from_fn(|axis| rows.shape()[axis]);
    let values: Vec<f32> = rows.iter().copied().collect();
    Map {
        buffer: queue.upload_stored(&values).unwrap(),
        images,
        dims: [d, h, w],
        channels,
    }
}

/// A map from the device, channels last.
pub fn rows_of_map(queue: &Queue, map: &Map) -> ArrayD<f32> {
    let [d, h, w] = map.dims;
    let count = map.images * map.voxels() * map.channels;
    let values = queue.read_stored(&map.buffer, count).unwrap();
    ArrayD::from_shape_vec(IxDyn(&[map.images, d, h, w, map.channels]), values).unwrap()
}

/// A map from the device, channels first.
pub fn image_of_map(queue: &Queue, map: &Map) -> ArrayD<f32> {
    rows_of_map(queue, map).permuted_axes(IxDyn(&[0, 4, 1, 2, 3]))
}

fn assert_array(what: &str, actual: &ArrayD<f32>, expected: &ArrayD<f32>, largest: f64) {
    assert_eq!(actual.shape(), expected.shape(), "{what}");
    let (actual, expected): (Vec<f32>, Vec<f32>) = (
        actual.iter().copied().collect(),
        expected.iter().copied().collect(),
    );
    let (worst, mean) = difference(&actual, &expected);
    println!("{what}: largest {worst:.2e}, mean {mean:.2e}");
    assert!(
        worst <= largest && mean <= largest / 10.0,
        "{what}: {worst:e} {mean:e}"
    );
}

fn check_blocks(queue: &Queue) {
    let shapes = [
        ("attn.relative_position_bias_table", vec![2197, 3]),
        ("attn.qkv.weight", vec![36, 12]),
        ("attn.qkv.bias", vec![36]),
        ("attn.proj.weight", vec![12, 12]),
        ("attn.proj.bias", vec![12]),
        ("norm1.weight", vec![12]),
        ("norm1.bias", vec![12]),
        ("norm2.weight", vec![12]),
        ("norm2.bias", vec![12]),
        ("mlp.linear1.weight", vec![48, 12]),
        ("mlp.linear1.bias", vec![48]),
        ("mlp.linear2.weight", vec![12, 48]),
        ("mlp.linear2.bias", vec![12]),
    ];
    let shapes = shapes
        .each_ref()
        .map(|(name, shape)| (*name, shape.as_slice()));
    let weights = weights("blk", 13, &shapes);
    for (name, shifted) in [("shift", true), ("noshift", false), ("clip", true)] {
        let block = SwinBlock::load(queue, &weights, "blk", 12, 3, shifted).unwrap();
        let tokens = map_of_rows(queue, &npy(file(&format!("block_{name}_in"))));
        let result = block.forward(queue, &tokens).unwrap();
        let expected = npy(file(&format!("block_{name}_out")));
        assert_array(name, &rows_of_map(queue, &result), &expected, 1e-4);
    }
}

/// Attention alone, on batches of one whole or clipped window.
fn check_attention(queue: &Queue) {
    let take = |name: &str, shape: &[usize]| -> ArrayD<f32> {
        let values = recipe_tensor(&format!("attn.{name}"), shape, 12);
        ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
    };
    let layer = |name: &str, outputs: usize| {
        let weight = take(&format!("{name}.weight"), &[outputs, 12]);
        let weight: Vec<f32> = weight.reversed_axes().iter().copied().collect();
        let bias = take(&format!("{name}.bias"), &[outputs]).into_raw_vec_and_offset();
        Matrix::new(queue, Places::own(), &weight, Some(&bias.0), 12).unwrap()
    };
    let table = take("relative_position_bias_table", &[2197, 3]).reversed_axes();
    let table: Vec<f32> = table.iter().copied().collect();
    let table = queue.upload(&table).unwrap();
    let bias = take("qkv.bias", &[36]).into_raw_vec_and_offset();
    let bias = queue.upload(&bias.0).unwrap();
    for (n, [d, h, w]) in [(343, [7, 7, 7]), (64, [4, 4, 4]), (48, [4, 6, 2])] {
        let x = npy::<f32>(file(&format!("attn_in_{n}")));
        let x = x.into_shape_with_order(IxDyn(&[2, d, h, w, 12])).unwrap();
        let plain = |map: &Map, matrix: &Matrix| {
            product(queue, map, None, matrix, Norm::None, After::default()).unwrap()
        };
        let projected = plain(&map_of_rows(queue, &x), &layer("qkv", 36));
        let attended = attention(queue, &projected, &bias, &table, 3, false).unwrap();
        let result = rows_of_map(queue, &plain(&attended, &layer("proj", 12)));
        let expected = npy::<f32>(file(&format!("attn_out_{n}")));
        let result = result.into_shape_with_order(expected.raw_dim()).unwrap();
        assert_array(&format!("attention {n}"), &result, &expected, 1e-4);
    }
}

fn check_convolutions(queue: &Queue) {
    // The fixtures' 6 channels are no whole vectors; the first block's inputs are, and its
    // results are compared with those of plain loops below.
    let up = weights(
        "ub",
        15,
        &[
            ("transp_conv.conv.weight", &[8, 4, 2, 2, 2]),
            ("conv_block.conv1.conv.weight", &[4, 8, 3, 3, 3]),
            ("conv_block.conv2.conv.weight", &[4, 4, 3, 3, 3]),
            ("conv_block.conv3.conv.weight", &[4, 8, 1, 1, 1]),
        ],
    );
    let block = UpBlock::load(queue, &up, "ub", [8, 4]).unwrap();
    let x = pattern(&[2, 8, 3, 2, 4]);
    let skip = pattern(&[2, 4, 6, 4, 8]);
    let result = block
        .forward(queue, &map_of_image(queue, &x), map_of_image(queue, &skip))
        .unwrap();
    let flex = ComputeDevice::cpu();
    let reference = voxplain::model::swin_unetr::device::plain::convolution::UpBlock::load(
        &up,
        "ub",
        [8, 4],
        flex.burn(),
    )
    .unwrap();
    let expected = reference.forward(to_tensor(&x, &flex), to_tensor(&skip, &flex));
    assert_array(
        "up block",
        &image_of_map(queue, &result),
        &from_tensor(expected),
        1e-4,
    );
    let residual = weights(
        "rb",
        14,
        &[
            ("layer.conv1.conv.weight", &[12, 4, 3, 3, 3]),
            ("layer.conv2.conv.weight", &[12, 12, 3, 3, 3]),
            ("layer.conv3.conv.weight", &[12, 4, 1, 1, 1]),
        ],
    );
    let block = ResidualBlock::load(queue, &residual, "rb.layer", [4, 12]).unwrap();
    let x = pattern(&[2, 4, 9, 7, 5]);
    let result = block.forward(queue, map_of_image(queue, &x)).unwrap();
    let reference = voxplain::model::swin_unetr::device::plain::convolution::ResidualBlock::load(
        &residual,
        "rb.layer",
        [4, 12],
        flex.burn(),
    )
    .unwrap();
    let expected = from_tensor(reference.forward(to_tensor(&x, &flex)));
    assert_array(
        "residual block",
        &image_of_map(queue, &result),
        &expected,
        1e-4,
    );
}

fn check_merging(queue: &Queue) {
    let weights = weights(
        "pm",
        11,
        &[
            ("reduction.weight", &[8, 32]),
            ("norm.weight", &[32]),
            ("norm.bias", &[32]),
        ],
    );
    let flex = ComputeDevice::cpu();
    for order in [
        MergeOrder::Legacy,
        MergeOrder::Merging,
        MergeOrder::MergingV2,
    ] {
        let merging = PatchMerging::load(queue, &weights, "pm", 4, order).unwrap();
        let x = pattern(&[2, 5, 4, 3, 4]);
        let result = merging.forward(queue, &map_of_rows(queue, &x)).unwrap();
        let reference = voxplain::model::swin_unetr::device::plain::block::PatchMerging::load(
            &weights,
            "pm",
            4,
            order,
            flex.burn(),
        )
        .unwrap();
        let grid = voxplain::model::swin_unetr::TokenGrid {
            batch: 2,
            dims: [5, 4, 3],
        };
        let tokens = to_tensor(&x, &flex).reshape([grid.tokens(), 4]);
        let (_, expected) = reference.forward(tokens, grid);
        let expected = from_tensor(expected.reshape([2, 3, 2, 2, 8]));
        assert_array("merging", &rows_of_map(queue, &result), &expected, 1e-4);
    }
}

/// Every variant of the product, split and not, against sums in double precision.
fn check_products(queue: &Queue) {
    for (dims, channels, columns) in [
        ([3, 2, 5], 12, 12),
        ([3, 2, 5], 24, 24),
        ([7, 9, 11], 24, 48),
        ([2, 2, 2], 96, 96),
        ([2, 1, 3], 192, 36),
    ] {
        let x = pattern(&[2, dims[0], dims[1], dims[2], channels]);
        let weights = pattern(&[27, channels, columns]).mapv(|v| v / 16.0);
        let values: Vec<f32> = weights.iter().copied().collect();
        let matrix = Matrix::new(queue, Places::around(), &values, None, channels).unwrap();
        let map = map_of_rows(queue, &x);
        let result = product(queue, &map, None, &matrix, Norm::None, After::default()).unwrap();
        let mut expected = ArrayD::<f32>::zeros(IxDyn(&[2, dims[0], dims[1], dims[2], columns]));
        for (at, value) in expected.indexed_iter_mut() {
            let mut sum = 0.0_f64;
            for (place, offset) in Places::around().offsets().iter().enumerate() {
                let from: [i64; 3] =
                    std::array::from_fn(|axis| at[axis + 1] as i64 + i64::from(offset[axis]));
                if (0..3).any(|axis| from[axis] < 0 || from[axis] >= dims[axis] as i64) {
                    continue;
                }
                for channel in 0..channels {
                    let x = x[[
                        at[0],
                        from[0] as usize,
                        from[1] as usize,
                        from[2] as usize,
                        channel,
                    ]];
                    sum += f64::from(x) * f64::from(weights[[place, channel, at[4]]]);
                }
            }
            *value = sum as f32;
        }
        let what = format!("product {channels} → {columns}");
        assert_array(&what, &rows_of_map(queue, &result), &expected, 2e-4);
    }
}

/// Norms of numbers far from zero, where single precision cancels.
fn check_norms(queue: &Queue) {
    let x = pattern(&[2, 40, 30, 20, 12]).mapv(|v| 1000.0 + v);
    let map = map_of_rows(queue, &x);
    let statistics = channel_statistics(queue, &map).unwrap();
    let statistics = queue.read(&statistics, 2 * 3 * 8).unwrap();
    for image in 0..2 {
        for channel in 0..12 {
            let part = x.index_axis(ndarray::Axis(0), image);
            let part = part.index_axis(ndarray::Axis(3), channel);
            let count = part.len() as f64;
            let mean = part.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
            let square = |&v: &f32| (f64::from(v) - mean).powi(2);
            let variance = part.iter().map(square).sum::<f64>() / count;
            let at = (image * 3 + channel / 4) * 8 + channel % 4;
            let actual = f64::from(statistics[at]);
            assert!((actual - mean).abs() < 1e-3, "{actual} {mean}");
            let expected = 1.0 / (variance + 1e-5).sqrt();
            let actual = f64::from(statistics[at + 4]);
            assert!(
                (actual / expected - 1.0).abs() < 1e-4,
                "{actual} {expected}"
            );
        }
    }
    let rows = row_statistics(queue, &map, &Places::own()).unwrap();
    let rows = queue.read(&rows, 4 * 2 * 24_000).unwrap();
    for (row, x) in x.rows().into_iter().enumerate().step_by(997) {
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / 12.0;
        assert!((f64::from(rows[4 * row]) - mean).abs() < 1e-3);
    }
}

/// Numbers between −2 and 2 that follow no pattern of their own.
pub fn pattern(shape: &[usize]) -> ArrayD<f32> {
    let mut state = 1_u32;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    })
}

fn to_tensor(array: &ArrayD<f32>, device: &ComputeDevice) -> burn::tensor::Tensor<5> {
    let shape: [usize; 5] = std::array::from_fn(|axis| array.shape()[axis]);
    let values: Vec<f32> = array.iter().copied().collect();
    burn::tensor::Tensor::from_data(burn::tensor::TensorData::new(values, shape), device.burn())
}

fn to_tensor_on(array: &ArrayD<f32>, queue: &Queue) -> burn::tensor::Tensor<5> {
    let shape: [usize; 5] = std::array::from_fn(|axis| array.shape()[axis]);
    let values: Vec<f32> = array.iter().copied().collect();
    burn::tensor::Tensor::from_data(burn::tensor::TensorData::new(values, shape), queue.device())
}

fn from_tensor(tensor: burn::tensor::Tensor<5>) -> ArrayD<f32> {
    let shape = tensor.dims();
    let values = tensor.try_into_vec_as::<f32>().unwrap();
    ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap()
}

fn check_network(queue: &Queue, config: NetworkConfig, seed: u64, [input, output]: [PathBuf; 2]) {
    let network =
        DeviceNetwork::new(config, &recipe_weights(&config, seed), queue.clone()).unwrap();
    let x = npy::<f32>(input);
    let map = map_of_image(queue, &x);
    let expected = npy::<f32>(output);
    let (worst, mean) = logits_difference(&network, &map, &expected);
    println!(
        "{config:?} {:?}: largest {worst:.2e}, mean {mean:.2e}",
        queue.precision()
    );
    let [largest, average] = match queue.precision() {
        Precision::Single => [1e-3, 5e-5],
        Precision::Half => [0.5, 0.05],
    };
    assert!(worst <= largest && mean <= average, "{worst:e} {mean:e}");
}

fn logits_difference(network: &DeviceNetwork, map: &Map, expected: &ArrayD<f32>) -> (f64, f64) {
    let logits = network.forward_map(map).unwrap();
    let logits = network.queue().read(&logits, expected.len()).unwrap();
    let expected: Vec<f32> = expected.iter().copied().collect();
    difference(&logits, &expected)
}

/// Maps of version 2, whose convolution blocks lie before the transformer's.
fn check_features(queue: &Queue) {
    let config = NetworkConfig {
        use_v2: true,
        ..config(12, 3, MergeOrder::Merging)
    };
    let file = |name: &str| fixture(&format!("swin_unetr/v2_f12/{name}_64x96x32.npy"));
    let network = DeviceNetwork::new(config, &recipe_weights(&config, 2), queue.clone()).unwrap();
    let features = network
        .features(&map_of_image(queue, &npy(file("in"))))
        .unwrap();
    for (map, name) in [(&features.hidden[1], "hs1"), (&features.hidden[4], "hs4")] {
        let map = image_of_map(queue, map);
        assert_array(&format!("version 2 {name}"), &map, &npy(file(name)), 1e-4);
    }
}

/// Every kernel on one device.
#[test]
fn kernels_on_an_adapter() {
    let Some(device) = adapter_or_skip() else {
        return;
    };
    let start = std::time::Instant::now();
    let queue = Queue::new(&device, Precision::Single).unwrap();
    let step = |what: &str| println!("{what} after {:.1} s", start.elapsed().as_secs_f64());
    check_products(&queue);
    step("products");
    check_norms(&queue);
    step("norms");
    check_attention(&queue);
    check_blocks(&queue);
    step("blocks");
    check_merging(&queue);
    step("merging");
    check_convolutions(&queue);
    step("convolutions");
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f12/{name}.npy"));
    let before = queue.work();
    check_network(
        &queue,
        config(12, 3, MergeOrder::Merging),
        1,
        [folder("in_64x32x32"), folder("out_64x32x32_merging")],
    );
    let after = queue.work();
    println!(
        "launches {}, MiB {}",
        after.launches - before.launches,
        (after.bytes - before.bytes) >> 20
    );
    check_network(
        &queue,
        config(24, 2, MergeOrder::Merging),
        4,
        ["in_32x64x32", "out_32x64x32_merging"]
            .map(|name| fixture(&format!("swin_unetr/v1_f24/{name}.npy"))),
    );
    check_features(&queue);
    step("networks");
    check_sums(&queue);
    check_batch(&queue);
    let network = SwinUnetr::new(
        config(12, 2, MergeOrder::Merging),
        &recipe_weights(&config(12, 2, MergeOrder::Merging), 1),
        &device,
    )
    .unwrap();
    network.prepare().unwrap();
    // No device binds a map of this window, and that is not a failure of the device.
    assert_eq!(network.largest_batch([1024; 3]), 0);
    step("sums and batches");
    let large = queue.largest_buffer();
    assert!(matches!(
        queue.empty(large + 1),
        Err(ModelError::OutOfMemory(_))
    ));
    let map = Map::empty(&queue, 1, [64, 64, 64], 4).unwrap();
    assert_eq!(map.buffer.bytes(), 4 << 20);
    if device.has_half_precision() {
        let queue = Queue::new(&device, Precision::Half).unwrap();
        check_network(
            &queue,
            config(12, 3, MergeOrder::Merging),
            1,
            [folder("in_64x32x32"), folder("out_64x32x32_merging")],
        );
        let config = config(12, 3, MergeOrder::Merging);
        let weights = recipe_weights(&config, 1);
        let input = npy(folder("in_64x32x32"));
        let half = device.clone().with_precision(Precision::Half).unwrap();
        let [single, half] =
            [&device, &half].map(|device| SwinUnetr::new(config, &weights, device).unwrap());
        let error = single.logit_error(&half, &input).unwrap();
        println!("half precision: {error:?}");
        assert!(error.largest > 0.0 && error.largest < 0.5);
        step("half precision");
    } else {
        println!("left out: {} has no half precision", device.label());
        assert!(matches!(
            device.clone().with_precision(Precision::Half),
            Err(ModelError::NoHalfPrecision(_))
        ));
        assert!(matches!(
            Queue::new(&device, Precision::Half),
            Err(ModelError::Device(_))
        ));
    }
}

/// A device that goes away is an error, not a panic, and not an endless wait.
#[test]
fn a_lost_device_is_an_error() {
    let Some(gpu) = adapter() else {
        return;
    };
    let wgpu_device = gpu.device.clone();
    let device =
        ComputeDevice::from_wgpu(gpu.instance, gpu.adapter, gpu.device, gpu.queue).unwrap();
    let (heard, hears) = std::sync::mpsc::channel();
    device.listen(move |event| {
        let _ = heard.send(matches!(event, DeviceEvent::Lost(_)));
    });
    let queue = Queue::new(&device, Precision::Single).unwrap();
    let buffer = queue.upload(&[1.0_f32, 2.0]).unwrap();
    assert_eq!(queue.read(&buffer, 2).unwrap(), [1.0, 2.0]);
    wgpu_device.destroy();
    let config = config(12, 2, MergeOrder::Merging);
    let network = DeviceNetwork::new(config, &recipe_weights(&config, 1), queue.clone());
    let result = network.and_then(|network| {
        let map = map_of_image(&queue, &pattern(&[1, 1, 64, 32, 32]));
        let logits = network.forward_map(&map)?;
        queue.read(&logits, 2 * 64 * 32 * 32)
    });
    println!("{result:?}");
    assert!(matches!(result, Err(ModelError::Device(_))));
    assert!(matches!(queue.wait(), Err(ModelError::Device(_))));
    assert!(hears.try_iter().count() > 0);
}

/// Sums of chosen logits: those of the device against sums in double precision.
fn check_sums(queue: &Queue) {
    let classes = 5;
    let voxels = 20_000;
    let logits = pattern(&[classes, voxels]).mapv(|v| 4.0 * v);
    let values: Vec<f32> = logits.iter().copied().collect();
    let buffer = queue.upload(&values).unwrap();
    let set_of_voxel = |voxel: usize| (voxel * voxel + voxel / 7) % 11;
    let members = (0..voxels).map(|voxel| (voxel, set_of_voxel(voxel)));
    let sets = VoxelSets::new(queue, members.clone(), 11, None).unwrap();
    let class_of_set: Vec<usize> = (0..11).map(|set| set % classes).collect();
    let own = VoxelSets::new(queue, members, 11, Some(&class_of_set)).unwrap();
    for softmax in [true, false] {
        let measured = Measured {
            logits: &buffer,
            voxels,
            classes,
            softmax,
        };
        let [of_all, of_own] = measure(queue, [&sets, &own], &measured).unwrap();
        let again = measure(queue, [&sets, &own], &measured).unwrap();
        assert_eq!(again, [of_all.clone(), of_own.clone()]);
        let mut worst = 0.0_f64;
        for set in 0..11 {
            for class in 0..classes {
                let mut sums = [0.0_f64; 3];
                let mut size = 0.0;
                for voxel in (0..voxels).filter(|&voxel| set_of_voxel(voxel) == set) {
                    let of_voxel: Vec<f64> = (0..classes)
                        .map(|c| f64::from(logits[[c, voxel]]))
                        .collect();
                    let total: f64 = of_voxel.iter().map(|z| z.exp()).sum();
                    let z = of_voxel[class];
                    let (p, hard) = if softmax {
                        (z.exp() / total, of_voxel.iter().all(|other| *other <= z))
                    } else {
                        (1.0 / (1.0 + (-z).exp()), z > 0.0)
                    };
                    for (sum, part) in sums.iter_mut().zip([p, z, f64::from(u8::from(hard))]) {
                        *sum += part;
                    }
                    size += z.abs();
                }
                let mut compare = |actual: &SetSums| {
                    worst = worst.max((actual.probability / sums[0] - 1.0).abs());
                    worst = worst.max((actual.logit - sums[1]).abs() / size);
                    assert_eq!(actual.hard, sums[2]);
                };
                compare(&of_all[class * 11 + set]);
                if class_of_set[set] == class {
                    compare(&of_own[set]);
                }
            }
        }
        println!("sums, softmax {softmax}: relative error {worst:.1e}");
        assert!(worst < 1e-6);
    }
}

/// The result for an image does not depend on the others of its batch.
fn check_batch(queue: &Queue) {
    let config = config(12, 2, MergeOrder::MergingV2);
    let config = NetworkConfig {
        in_channels: 5,
        use_v2: true,
        ..config
    };
    let network = DeviceNetwork::new(config, &recipe_weights(&config, 7), queue.clone()).unwrap();
    let images = pattern(&[2, 5, 32, 64, 32]);
    let batch = network.forward_map(&map_of_image(queue, &images)).unwrap();
    let count = 2 * 32 * 64 * 32;
    let batch = queue.read(&batch, 2 * count).unwrap();
    for (number, logits) in batch.chunks(count).enumerate() {
        let image = images.slice_each_axis(|axis| match axis.axis.index() {
            0 => ndarray::Slice::from(number..=number),
            _ => ndarray::Slice::from(..),
        });
        let alone = network
            .forward_map(&map_of_image(queue, &image.to_owned()))
            .unwrap();
        let alone = queue.read(&alone, count).unwrap();
        let (worst, _) = difference(logits, &alone);
        println!("image {number} of a batch: {worst:.1e}");
        assert!(worst < 1e-4);
    }
    let largest = network.largest_batch([32, 64, 32]);
    assert!(network.footprint(largest, [32, 64, 32]).largest <= queue.largest_buffer());
    assert!(largest >= 2);
    // The same numbers as burn's own operations give, in five channels and version 2.
    let flex = ComputeDevice::cpu();
    let plain = PlainNetwork::new(config, &recipe_weights(&config, 7), flex.burn()).unwrap();
    let expected = from_tensor(plain.forward(to_tensor(&images, &flex)));
    let expected: Vec<f32> = expected.iter().copied().collect();
    let (worst, mean) = difference(&batch, &expected);
    println!("version 2 of five channels: largest {worst:.1e}, mean {mean:.1e}");
    // The innermost maps have two voxels, whose norm makes much of little.
    assert!(worst < 5e-3 && mean < 2e-4);
    // In slices, as beside a view.
    queue.keep_pace(true);
    let sliced = network.forward_map(&map_of_image(queue, &images)).unwrap();
    assert_eq!(queue.read(&sliced, 2 * count).unwrap(), batch);
    queue.keep_pace(false);
    // Tensors go in and out without leaving the device.
    let tensor = network.forward(to_tensor_on(&images, queue)).unwrap();
    let values = tensor.try_into_vec_as::<f32>().unwrap();
    assert_eq!(values, batch);
}

/// A forward pass is few launches, and what it moves is bounded: what a card without a
/// measurement can be judged by. MONAI's operations one by one are more than a thousand.
#[test]
fn a_forward_pass_is_few_launches() {
    let Some(device) = adapter_or_skip() else {
        return;
    };
    let queue = Queue::new(&device, Precision::Single).unwrap();
    let config = config(12, 3, MergeOrder::Merging);
    let network = DeviceNetwork::new(config, &recipe_weights(&config, 1), queue.clone()).unwrap();
    let map = map_of_image(&queue, &pattern(&[1, 1, 64, 32, 32]));
    network.prepare().unwrap();
    let before = queue.work();
    network.forward_map(&map).unwrap();
    queue.wait().unwrap();
    let after = queue.work();
    let (launches, bytes) = (after.launches - before.launches, after.bytes - before.bytes);
    println!("{launches} launches, {} MiB", bytes >> 20);
    assert!((100..=200).contains(&launches), "{launches}");
    assert!((100..=240).contains(&(bytes >> 20)), "{bytes}");
}
