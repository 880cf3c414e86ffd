//! Weights alone with a preset, and our own bundles with PyTorch weights.

use ndarray::{Array3, Axis};
use voxplain::base::colour::Rgb;
use voxplain::engine::assets;
use voxplain::model::{
    Bundle, BundleError, ComputeDevice, MergeOrder, ModelSource, NetworkConfig, Preset,
    expected_tensors,
};

use crate::files::{Precision, network, write_shapes, write_zip};
use crate::support::{config, fixture, npy};

fn shapes_file(folder: &std::path::Path, inputs: usize, outputs: usize) -> std::path::PathBuf {
    let path = folder.join(format!("in{inputs}_out{outputs}.safetensors"));
    let config = NetworkConfig {
        in_channels: inputs,
        ..config(12, outputs, MergeOrder::Legacy)
    };
    write_shapes(&path, &expected_tensors(&config));
    path
}

fn with_preset(path: std::path::PathBuf, preset: &str) -> ModelSource {
    ModelSource {
        preset: Some(preset.to_owned()),
        ..ModelSource::at(path)
    }
}

#[test]
fn weights_alone_ask_for_the_preset_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    for (inputs, outputs, advice) in [
        (1, 14, "say --preset btcv"),
        (4, 3, "say --preset brats21"),
        (1, 3, "no preset fits"),
    ] {
        let path = shapes_file(folder.path(), inputs, outputs);
        let error = Bundle::open(&path).unwrap_err();
        assert!(matches!(error, BundleError::PresetNeeded { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(advice) && text.ends_with(path.to_str().unwrap()),
            "{text}"
        );
    }
    let path = shapes_file(folder.path(), 4, 3);
    let misfit = Bundle::open_source(&with_preset(path.clone(), "btcv")).unwrap_err();
    assert!(
        matches!(misfit, BundleError::PresetMisfit { .. }),
        "{misfit}"
    );
    let unknown = Bundle::open_source(&with_preset(path, "btvc")).unwrap_err();
    assert!(unknown.to_string().contains("btcv, brats21"), "{unknown}");
    let folder = with_preset(assets::demonstration_bundle(), "btcv");
    let error = Bundle::open_source(&folder).unwrap_err();
    assert!(
        matches!(error, BundleError::PresetForFolder { .. }),
        "{error}"
    );
}

#[test]
fn a_preset_says_which_merge_order_it_assumes() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = with_preset(shapes_file(folder.path(), 1, 14), "btcv");
    let bundle = Bundle::open_source(&source).unwrap();
    let network = bundle.description().network;
    assert_eq!(network, config(12, 14, MergeOrder::Legacy));
    let [note] = bundle.notes() else {
        panic!("{:?}", bundle.notes());
    };
    assert!(
        note.contains("legacy") && note.contains("assumed"),
        "{note}"
    );

    source.merge_order = Some(MergeOrder::Merging);
    let bundle = Bundle::open_source(&source).unwrap();
    assert_eq!(
        bundle.description().network.merge_order,
        MergeOrder::Merging
    );
    let [note] = bundle.notes() else {
        panic!("{:?}", bundle.notes());
    };
    assert!(note.contains("merging was asked for"), "{note}");
}

#[test]
fn a_bundle_of_ours_may_hold_a_checkpoint_and_need_not_say_the_merge_order() {
    let folder = tempfile::tempdir().unwrap();
    let own = assets::demonstration_bundle().join("bundle.json");
    let text = std::fs::read_to_string(own).unwrap();
    let text = text.replace("weights.safetensors", "model.pt");
    let merging = ",\n    \"merge_order\": \"merging\"";
    assert!(text.contains(merging));
    let root = network(
        &config(12, 3, MergeOrder::Legacy),
        1,
        "module.",
        Precision::F32,
    );
    write_zip(&folder.path().join("model.pt"), &root);
    std::fs::write(folder.path().join("bundle.json"), &text).unwrap();
    let bundle = Bundle::open(folder.path()).unwrap();
    assert!(bundle.notes().is_empty(), "{:?}", bundle.notes());
    let loaded = bundle.load_network(&ComputeDevice::cpu()).unwrap();
    assert_eq!(loaded.config().merge_order, MergeOrder::Merging);

    std::fs::write(folder.path().join("bundle.json"), text.replace(merging, "")).unwrap();
    let bundle = Bundle::open(folder.path()).unwrap();
    assert_eq!(bundle.description().network.merge_order, MergeOrder::Legacy);
    assert!(bundle.notes()[0].contains("the bundle does not say it"));
    // The file itself names the same bundle.
    let file = Bundle::open(&folder.path().join("bundle.json")).unwrap();
    assert_eq!(file.description(), bundle.description());
}

/// Labels of BraTS become the channels TC, WT and ET and come back, as MONAI has both.
#[test]
fn brats_channels_become_its_labels() {
    let preset = Preset::named("brats21").unwrap().description;
    let channels = npy::<u8>(fixture("preproc/brats_label_tc_wt_et.npy"));
    let labels = npy::<u8>(fixture("preproc/brats_label.npy"));
    let channels = channels.into_dimensionality::<ndarray::Ix4>().unwrap();
    let logits = channels.mapv(|inside| if inside > 0 { 3.0 } else { -0.5 });
    let found = preset.labels(logits.view());
    let expected = labels.into_dimensionality::<ndarray::Ix3>().unwrap();
    assert_eq!(found, expected.mapv(u16::from));
    for (class, inside) in channels.axis_iter(Axis(0)).enumerate() {
        let voxels: Array3<u16> = preset.class_voxels(logits.view(), class);
        assert_eq!(voxels, inside.mapv(u16::from));
    }
    // Not the most probable one, but the one drawn last.
    let logits = ndarray::Array4::from_shape_vec((3, 1, 1, 2), vec![0.1, 0.2, 9.0, 9.0, 0.1, -0.1]);
    let found = preset.labels(logits.unwrap().view());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [4, 1]);
}

/// sRGB in linear light, 0 to 1.
fn linear(Rgb(bytes): Rgb) -> [f64; 3] {
    bytes.map(|byte| {
        let c = f64::from(byte) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    })
}

fn times(matrix: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
}

/// CIE L*a*b* of linear sRGB.
fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let xyz = times(
        [
            [0.4124, 0.3576, 0.1805],
            [0.2126, 0.7152, 0.0722],
            [0.0193, 0.1192, 0.9505],
        ],
        rgb.map(|c| c.clamp(0.0, 1.0)),
    );
    let white = [0.95047, 1.0, 1.08883];
    let f: [f64; 3] = std::array::from_fn(|i| {
        let t = xyz[i] / white[i];
        if t > 0.008856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    });
    [
        116.0 * f[1] - 16.0,
        500.0 * (f[0] - f[1]),
        200.0 * (f[1] - f[2]),
    ]
}

/// Every two structures of a preset differ to every eye: normal, and without the cones
/// for red, green or blue (Viénot, Brettel and Mollon 1999).
#[test]
fn colours_are_told_apart_by_everyone() {
    let eyes = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.11238, 0.88762, 0.0],
            [0.11238, 0.88762, 0.0],
            [0.00401, -0.00401, 1.0],
        ],
        [
            [0.29275, 0.70725, 0.0],
            [0.29275, 0.70725, 0.0],
            [-0.02234, 0.02234, 1.0],
        ],
        [
            [1.0, 0.1446, -0.1446],
            [0.0, 0.8592, 0.1408],
            [0.0, 0.8592, 0.1408],
        ],
    ];
    for preset in Preset::all().unwrap() {
        let classes = &preset.description.classes;
        for eye in eyes {
            for (i, one) in classes.iter().enumerate() {
                for other in &classes[..i] {
                    let (a, b) = (
                        lab(times(eye, linear(one.colour))),
                        lab(times(eye, linear(other.colour))),
                    );
                    let difference: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                    assert!(
                        difference.sqrt() >= 15.0,
                        "{}: {} and {}: {:.1}",
                        preset.name,
                        one.name,
                        other.name,
                        difference.sqrt()
                    );
                }
            }
        }
    }
}
