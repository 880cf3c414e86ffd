//! Weights of every container, precision and wrapper are the weights that were saved.

use std::path::Path;

use voxplain::model::{Checkpoint, MergeOrder, NetworkConfig, Weights, expected_tensors};

use crate::files::{
    Object, Precision, dict, key_list, network, training_state, write_safetensors, write_shapes,
    write_stream, write_zip,
};
use crate::support::{config, fixture, large_fixture, recipe_tensor};

const SEED: u64 = 1;

fn small() -> NetworkConfig {
    config(12, 3, MergeOrder::Legacy)
}

/// Every number is the recipe's; numbers of 8 bits only nearly.
fn assert_recipe(weights: &Weights, config: &NetworkConfig, precision: Precision) {
    for (key, shape) in expected_tensors(config) {
        let expected = recipe_tensor(&key, &shape, SEED);
        let (found_shape, found) = weights.tensor(&key).unwrap();
        assert_eq!(found_shape, shape, "{key}");
        for (a, b) in found.iter().zip(&expected) {
            let slack = if precision == Precision::Bf16 {
                b.abs() / 128.0
            } else {
                0.0
            };
            assert!((a - b).abs() <= slack, "{key}: {a} {b}");
        }
    }
}

#[test]
fn every_container_and_precision_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let config = small();
    for precision in Precision::ALL {
        let root = network(&config, SEED, "", precision);
        let (zip, stream, safetensors) = (
            folder.path().join("zip.pt"),
            folder.path().join("stream.pth"),
            folder.path().join("file.safetensors"),
        );
        write_zip(&zip, &root);
        write_stream(&stream, &root);
        let tensors: Vec<_> = expected_tensors(&config)
            .into_iter()
            .map(|(key, shape)| {
                let values = recipe_tensor(&key, &shape, SEED);
                (key, shape, values)
            })
            .collect();
        write_safetensors(&safetensors, &tensors, precision);
        for path in [zip, stream, safetensors] {
            let weights = Weights::read(&path).unwrap();
            assert_recipe(&weights, &config, precision);
            assert_eq!(weights.network_config(MergeOrder::Legacy).unwrap(), config);
        }
    }
}

#[test]
fn wrappers_and_prefixes_are_stripped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let config = small();
    let inner = |prefix: &str| network(&config, SEED, prefix, Precision::F16);
    let beside = |key: &str, object: Object| {
        let mut entries = training_state();
        entries.insert(2, (key.to_owned(), object));
        dict(entries)
    };
    for (root, prefix) in [
        (beside("state_dict", inner("module.")), "state_dict.module."),
        (beside("model", inner("")), "model."),
        (beside("net", inner("_orig_mod.")), "net._orig_mod."),
        (
            beside("model_state_dict", inner("module.model.backbone.")),
            "model_state_dict.module.model.backbone.",
        ),
        (beside("ema", inner("network.")), "ema.network."),
    ] {
        write_zip(&path, &root);
        let checkpoint = Checkpoint::open(&path).unwrap();
        assert_eq!(checkpoint.prefix(), prefix);
        assert!(checkpoint.notes().is_empty(), "{:?}", checkpoint.notes());
        assert_eq!(checkpoint.precision(), "16-bit floats");
        assert_recipe(&checkpoint.read().unwrap(), &config, Precision::F16);
    }
}

#[test]
fn of_two_networks_the_trained_one_is_read_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let config = small();
    let root = dict([
        ("ema", network(&config, 9, "", Precision::F16)),
        ("state_dict", network(&config, SEED, "", Precision::F16)),
    ]);
    write_zip(&path, &root);
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert!(
        checkpoint.notes()[0].contains("ema"),
        "{:?}",
        checkpoint.notes()
    );
    assert_recipe(&checkpoint.read().unwrap(), &config, Precision::F16);
}

/// The network that a list of MONAI's names and shapes belongs to.
fn detected(list: &Path) -> NetworkConfig {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shapes.safetensors");
    write_shapes(&path, &key_list(list));
    let checkpoint = Checkpoint::open(&path).unwrap();
    checkpoint.network_config(MergeOrder::Legacy).unwrap()
}

fn wanted(inputs: usize, outputs: usize, feature_size: usize, use_v2: bool) -> NetworkConfig {
    NetworkConfig {
        in_channels: inputs,
        use_v2,
        ..config(feature_size, outputs, MergeOrder::Legacy)
    }
}

#[test]
fn networks_are_known_by_their_shapes() {
    let list = |name: &str| fixture(&format!("keys/{name}.tsv"));
    assert_eq!(
        detected(&list("btcv_in1_out14_f48")),
        wanted(1, 14, 48, false)
    );
    assert_eq!(
        detected(&list("brats_in4_out3_f48")),
        wanted(4, 3, 48, false)
    );
    assert_eq!(detected(&list("in1_out3_f12_v2")), wanted(1, 3, 12, true));
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn all_published_networks_are_known_by_their_shapes() {
    let list = |name: &str| large_fixture(&format!("keys/{name}.tsv"));
    assert_eq!(
        detected(&list("btcv_in1_out14_f48")),
        wanted(1, 14, 48, false)
    );
    assert_eq!(
        detected(&list("brats_in4_out3_f48")),
        wanted(4, 3, 48, false)
    );
    assert_eq!(detected(&list("in1_out14_f48_v2")), wanted(1, 14, 48, true));
    assert_eq!(detected(&list("in1_out3_f24")), wanted(1, 3, 24, false));
    assert_eq!(detected(&list("in1_out3_f12")), wanted(1, 3, 12, false));
    assert_eq!(detected(&list("in1_out3_f12_v2")), wanted(1, 3, 12, true));
}

#[test]
#[ignore = "writes and reads files of 250 MB"]
fn networks_of_full_size_are_read_from_both_containers() {
    let folder = tempfile::tempdir().unwrap();
    for (inputs, outputs, use_v2) in [(1, 14, false), (4, 3, false), (1, 14, true)] {
        let config = wanted(inputs, outputs, 48, use_v2);
        let root = dict([(
            "state_dict",
            network(&config, SEED, "module.", Precision::F32),
        )]);
        for write in [write_zip, write_stream] {
            let path = folder.path().join("full.pt");
            write(&path, &root);
            assert_recipe(&Weights::read(&path).unwrap(), &config, Precision::F32);
        }
    }
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn a_checkpoint_of_torch_itself_equals_the_recipe() {
    let path = large_fixture("swin_unetr/v1_f12/weights_f16.pt");
    assert_recipe(&Weights::read(&path).unwrap(), &small(), Precision::F16);
}
