//! Whole networks: every merge order, both versions, several widths and shapes.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::ArrayD;
use voxplain::model::swin_unetr::cpu::{CpuNetwork, InstructionSet};
use voxplain::model::swin_unetr::device::plain::PlainNetwork;
use voxplain::model::{ComputeDevice, MergeOrder, ModelError, NetworkConfig, SwinUnetr, Weights};

use crate::support::adapter::adapter;
use crate::support::{
    adapter_or_skip, config, difference, fixture, large_fixture, npy, recipe_weights, shape_of,
};

const ORDERS: [(MergeOrder, &str); 3] = [
    (MergeOrder::Legacy, "legacy"),
    (MergeOrder::Merging, "merging"),
    (MergeOrder::MergingV2, "mergingv2"),
];

pub fn tensor<const D: usize>(path: PathBuf, device: &Device) -> Tensor<D> {
    let array = npy::<f32>(path);
    let shape: [usize; D] = shape_of(&array);
    Tensor::from_data(
        TensorData::new(array.into_iter().collect::<Vec<_>>(), shape),
        device,
    )
}

pub fn assert_close<const D: usize>(
    what: &str,
    actual: Tensor<D>,
    expected: PathBuf,
    largest: f64,
    mean: f64,
) {
    let expected = npy::<f32>(expected);
    assert_eq!(actual.dims(), shape_of::<_, D>(&expected), "{what}");
    let actual = actual.try_into_vec_as::<f32>().unwrap();
    assert_values_close(what, &actual, expected, largest, mean);
}

fn assert_values_close(what: &str, actual: &[f32], expected: ArrayD<f32>, largest: f64, mean: f64) {
    let expected: Vec<f32> = expected.into_iter().collect();
    let (worst, average) = difference(actual, &expected);
    println!("{what}: largest {worst:.2e}, mean {average:.2e}");
    assert!(
        worst <= largest && average <= mean,
        "{what}: {worst:e} {average:e}"
    );
}

fn check_output(
    config: NetworkConfig,
    weights: &Weights,
    device: &ComputeDevice,
    input: PathBuf,
    output: PathBuf,
) {
    let network = SwinUnetr::new(config, weights, device).unwrap();
    let logits = network.forward_array(npy(input)).unwrap();
    let what = format!("{:?} {}", config.merge_order, output.display());
    let expected = npy::<f32>(output);
    assert_eq!(logits.shape(), expected.shape(), "{what}");
    let logits: Vec<f32> = logits.into_iter().collect();
    assert_values_close(&what, &logits, expected, 1e-3, 5e-5);
}

#[test]
fn smallest_network_in_every_merge_order() {
    let device = ComputeDevice::cpu();
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f12/{name}.npy"));
    for (order, name) in ORDERS {
        let config = config(12, 3, order);
        let weights = recipe_weights(&config, 1);
        let output = folder(&format!("out_64x32x32_{name}"));
        check_output(config, &weights, &device, folder("in_64x32x32"), output);
    }
}

/// Every set of instructions that this processor has gives the same network.
#[test]
fn smallest_network_with_every_instruction_set() {
    let config = config(12, 3, MergeOrder::Merging);
    let file = |name: &str| npy::<f32>(fixture(&format!("swin_unetr/v1_f12/{name}.npy")));
    let image: Vec<f32> = file("in_64x32x32").into_iter().collect();
    // Voxel by voxel, as the network gives them.
    let expected = file("out_64x32x32_merging").permuted_axes(vec![0, 2, 3, 4, 1]);
    let expected = expected.as_standard_layout().into_owned();
    for set in InstructionSet::available() {
        let weights = recipe_weights(&config, 1);
        let network = CpuNetwork::for_instruction_set(config, &weights, set).unwrap();
        for pass in 0..2 {
            let logits = network.forward(&image, [64, 32, 32]).unwrap();
            let what = format!("{set:?}, pass {pass}");
            assert_values_close(&what, &logits, expected.clone(), 1e-3, 5e-5);
        }
        assert!(matches!(
            network.forward(&image, [64, 64, 32]),
            Err(ModelError::Shape { .. })
        ));
    }
}

#[test]
fn features_of_the_smallest_network() {
    let device = Device::flex();
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f12/{name}_64x32x32.npy"));
    for (order, name) in ORDERS {
        let config = config(12, 3, order);
        let network = PlainNetwork::new(config, &recipe_weights(&config, 1), &device).unwrap();
        let features = network.forward_features(tensor(folder("in"), &device));
        let [h0, h1, h2, h3, h4] = features.hidden;
        let suffix = if name == "merging" {
            String::new()
        } else {
            format!("_{name}")
        };
        for (map, key) in [(h1, "hs1"), (h4, "hs4")] {
            let path = fixture(&format!("swin_unetr/v1_f12/{key}_64x32x32{suffix}.npy"));
            assert_close(key, map, path, 1e-4, 1e-5);
        }
        if name == "merging" {
            for (map, key) in [
                (h0, "hs0"),
                (h2, "hs2"),
                (h3, "hs3"),
                (features.encoder3, "encoder3"),
                (features.encoder4, "encoder4"),
                (features.encoder10, "encoder10"),
            ] {
                assert_close(key, map, folder(key), 1e-3, 5e-5);
            }
        }
    }
}

#[test]
fn wider_network() {
    let config = config(24, 2, MergeOrder::Merging);
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f24/{name}.npy"));
    check_output(
        config,
        &recipe_weights(&config, 4),
        &ComputeDevice::cpu(),
        folder("in_32x64x32"),
        folder("out_32x64x32_merging"),
    );
}

#[test]
fn features_of_version_2() {
    let device = Device::flex();
    let config = NetworkConfig {
        use_v2: true,
        ..config(12, 3, MergeOrder::Merging)
    };
    let folder = |name: &str| fixture(&format!("swin_unetr/v2_f12/{name}_64x96x32.npy"));
    let network = PlainNetwork::new(config, &recipe_weights(&config, 2), &device).unwrap();
    let features = network.forward_features(tensor(folder("in"), &device));
    let [_, h1, _, _, h4] = features.hidden;
    assert_close("v2 hs1", h1, folder("hs1"), 1e-3, 5e-5);
    assert_close("v2 hs4", h4, folder("hs4"), 1e-3, 5e-5);
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn every_large_case() {
    check_large_cases(&ComputeDevice::cpu());
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn every_large_case_on_wgpu() {
    if let Some(device) = adapter_or_skip() {
        check_large_cases(&device);
    }
}

fn check_large_cases(device: &ComputeDevice) {
    let all = ORDERS.map(|(order, _)| order);
    let (legacy, merging, v2) = (all[0], all[1], all[2]);
    for (folder, in_channels, use_v2, seed, shape, orders) in [
        ("v1_f12", 1, false, 1, "64x64x64", vec![merging]),
        ("v1_f12", 1, false, 1, "64x96x32", vec![legacy, merging]),
        ("v2_f12", 1, true, 2, "64x96x32", vec![merging, v2]),
        ("c4_f12", 4, false, 3, "64x64x64", vec![merging]),
    ] {
        for order in orders {
            let config = NetworkConfig {
                in_channels,
                use_v2,
                ..config(12, 3, order)
            };
            let file = |name: String| large_fixture(&format!("swin_unetr/{folder}/{name}.npy"));
            let name = ORDERS.iter().find(|(o, _)| *o == order).unwrap().1;
            check_output(
                config,
                &recipe_weights(&config, seed),
                device,
                file(format!("in_{shape}")),
                file(format!("out_{shape}_{name}")),
            );
        }
    }
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn weights_from_a_file_equal_the_recipe() {
    let config = config(12, 3, MergeOrder::Merging);
    let path = large_fixture("swin_unetr/v1_f12/weights_f16.safetensors");
    let weights = Weights::read(&path).unwrap();
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f12/{name}.npy"));
    check_output(
        config,
        &weights,
        &ComputeDevice::cpu(),
        folder("in_64x32x32"),
        folder("out_64x32x32_merging"),
    );
}

/// The device that the views draw on is fit for the network: it was made with every
/// feature that kernels may be chosen by.
#[test]
fn one_device_serves_view_and_network() {
    let Some(gpu) = adapter() else {
        return;
    };
    let shared = ComputeDevice::from_wgpu(gpu.instance, gpu.adapter, gpu.device, gpu.queue);
    assert!(!shared.unwrap().is_cpu());
}

/// The network and masked runs as the program uses them. The kernels one by one are in
/// `kernels`.
#[test]
fn parity_on_wgpu() {
    let Some(device) = adapter_or_skip() else {
        return;
    };
    let config = config(12, 3, MergeOrder::Merging);
    let folder = |name: &str| fixture(&format!("swin_unetr/v1_f12/{name}.npy"));
    check_output(
        config,
        &recipe_weights(&config, 1),
        &device,
        folder("in_64x32x32"),
        folder("out_64x32x32_merging"),
    );
    crate::pipeline::check_masked_sums(&device, folder("in_64x32x32"));
}
