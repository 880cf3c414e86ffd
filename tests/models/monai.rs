//! Bundles of MONAI: what their configuration says is what is run, and what is not
//! understood is said.

use std::path::Path;

use serde_json::{Value, json};
use voxplain::model::{
    Activation, Blend, Bundle, BundleError, ComputeDevice, ForegroundCrop, Inference, Intensity,
    MergeOrder, ModelOrientation, ModelSource, Preprocessing,
};

use crate::files::{Precision, dict, network, write_zip};
use crate::support::config;

/// A configuration that uses the language as published bundles do.
fn inference() -> Value {
    json!({
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "image_key": "image",
        "spacing": "$(1.5, 1.5, 2.0)",
        "size": 96,
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": {
            "_target_": "SwinUNETR",
            "spatial_dims": 3,
            "img_size": "@size",
            "in_channels": 1,
            "out_channels": 3,
            "feature_size": 12,
            "use_checkpoint": true
        },
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                { "_target_": "LoadImaged", "keys": "@image_key" },
                { "_target_": "EnsureChannelFirstd", "keys": "image" },
                { "_target_": "monai.transforms.Orientationd", "keys": "image", "axcodes": "RAS" },
                { "_target_": "Spacingd", "keys": "image", "pixdim": "@spacing", "mode": "bilinear" },
                {
                    "_target_": "ScaleIntensityRanged", "keys": "image",
                    "a_min": -175, "a_max": 250, "b_min": 0.0, "b_max": 1.0, "clip": true
                },
                { "_target_": "RandFlipd", "keys": "image", "_disabled_": true },
                { "_target_": "EnsureTyped", "keys": "image" }
            ]
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": "$[@size, @size, 64]",
            "sw_batch_size": 4,
            "overlap": 0.5
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                { "_target_": "Activationsd", "keys": "pred", "softmax": true },
                {
                    "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing",
                    "orig_keys": "image", "nearest_interp": false
                },
                { "_target_": "AsDiscreted", "keys": "pred", "argmax": true },
                { "_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir" }
            ]
        }
    })
}

fn metadata() -> Value {
    json!({
        "name": "Organs",
        "version": "0.4.3",
        "monai_version": "1.3.0",
        "authors": "Someone",
        "copyright": "Some licence",
        "network_data_format": {
            "inputs": { "image": {
                "modality": "CT", "num_channels": 1, "channel_def": { "0": "image" }
            } },
            "outputs": { "pred": {
                "num_channels": 3,
                "channel_def": { "0": "background", "1": "liver", "2": "spleen" }
            } }
        }
    })
}

fn write_bundle(folder: &Path, inference: &Value, metadata: &Value) {
    for part in ["configs", "models"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    std::fs::write(folder.join("configs/inference.json"), inference.to_string()).unwrap();
    std::fs::write(folder.join("configs/metadata.json"), metadata.to_string()).unwrap();
    let path = folder.join("models/model.pt");
    if !path.exists() {
        let config = config(12, 3, MergeOrder::Legacy);
        write_zip(
            &path,
            &dict([("model", network(&config, 1, "", Precision::F16))]),
        );
    }
}

/// The bundle after changes at JSON pointers; `null` takes the entry out.
fn opened(changes: &[(&str, Value)]) -> Result<Bundle, BundleError> {
    let folder = tempfile::tempdir().unwrap();
    let (mut inference, mut metadata) = (inference(), metadata());
    for (pointer, value) in changes {
        let (root, pointer) = match pointer.strip_prefix("metadata") {
            Some(pointer) => (&mut metadata, pointer),
            None => (&mut inference, *pointer),
        };
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match root.pointer_mut(parent).unwrap() {
            Value::Object(map) if value.is_null() => {
                map.remove(key);
            }
            Value::Object(map) => {
                map.insert(key.to_owned(), value.clone());
            }
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            other => panic!("{other}"),
        }
    }
    write_bundle(folder.path(), &inference, &metadata);
    Bundle::open(folder.path())
}

fn refused(changes: &[(&str, Value)]) -> String {
    let error = opened(changes).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, BundleError::Monai { .. }), "{text}");
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn a_bundle_is_run_as_it_is_configured() {
    let bundle = opened(&[]).unwrap();
    let description = bundle.description();
    assert_eq!(description.name, "Organs 0.4.3");
    assert_eq!(description.licence, "Some licence");
    assert_eq!(description.network, config(12, 3, MergeOrder::Legacy));
    assert_eq!(
        description.preprocessing,
        Preprocessing {
            orientation: ModelOrientation::ras(),
            spacing_mm: Some([1.5, 1.5, 2.0]),
            intensity: Intensity::Range {
                from: [-175.0, 250.0],
                to: [0.0, 1.0],
                clip: true
            },
            crop_foreground: None,
        }
    );
    assert_eq!(
        description.inference,
        Inference {
            window: [96, 96, 64],
            overlap: 0.5,
            blend: Blend::Constant
        }
    );
    assert_eq!(description.activation, Activation::Softmax);
    assert_eq!(description.channels, ["CT"]);
    let classes: Vec<&str> = description
        .classes
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(classes, ["background", "liver", "spleen"]);
    let [note] = bundle.notes() else {
        panic!("{:?}", bundle.notes());
    };
    assert!(
        note.contains("legacy is assumed") && note.contains("MONAI 1.3"),
        "{note}"
    );
}

#[test]
fn the_network_of_a_bundle_is_built() {
    let folder = tempfile::tempdir().unwrap();
    write_bundle(folder.path(), &inference(), &metadata());
    let bundle = Bundle::open(folder.path()).unwrap();
    let network = bundle.load_network(&ComputeDevice::cpu()).unwrap();
    assert_eq!(*network.config(), bundle.description().network);
    let source = ModelSource {
        merge_order: Some(MergeOrder::MergingV2),
        ..ModelSource::at(folder.path())
    };
    let bundle = Bundle::open_source(&source).unwrap();
    assert_eq!(
        bundle.description().network.merge_order,
        MergeOrder::MergingV2
    );
    assert!(bundle.notes().iter().any(|n| n.contains("was asked for")));
}

#[test]
fn yaml_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write_bundle(folder.path(), &inference(), &metadata());
    let expected = Bundle::open(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("configs/inference.json")).unwrap();
    let yaml = "\
image_key: image
size: 96
network_def:
  _target_: SwinUNETR
  spatial_dims: 3
  in_channels: 1
  out_channels: 3
  feature_size: 12
preprocessing:
  _target_: Compose
  transforms:
  - _target_: LoadImaged
    keys: '@image_key'
  - {_target_: Orientationd, keys: '@image_key', axcodes: RAS}
  - _target_: Spacingd
    keys: '@image_key'
    pixdim: [1.5, 1.5, 2]
    mode: bilinear
  - _target_: ScaleIntensityRanged
    keys: '@image_key'
    a_min: -175
    a_max: 250
    b_min: 0
    b_max: 1
    clip: true
inferer:
  _target_: SlidingWindowInferer
  roi_size: ['@size', 96, 64]
  overlap: 0.5
postprocessing:
- _target_: Activationsd
  keys: pred
  softmax: true
";
    std::fs::write(folder.path().join("configs/inference.yaml"), yaml).unwrap();
    let found = Bundle::open(folder.path()).unwrap();
    assert_eq!(found.description(), expected.description());
}

#[test]
fn every_known_setting_is_taken_over() {
    let transforms = "/preprocessing/transforms";
    let step = |index: usize| format!("{transforms}/{index}");
    let bundle = opened(&[
        (&step(3), json!({ "_target_": "Spacingd", "keys": ["image", "label"], "pixdim": 1, "mode": ["bilinear", "nearest"] })),
        (&step(4), json!({ "_target_": "NormalizeIntensityd", "keys": "image", "nonzero": true, "channel_wise": true })),
        (&step(5), json!({ "_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": 5, "k_divisible": [32, 32, 32] })),
        ("/inferer/mode", json!("gaussian")),
        ("/inferer/overlap", json!(0.625)),
        ("/inferer/roi_size", json!([64, 64, 64])),
        ("/network_def/downsample", json!("mergingv2")),
        ("/postprocessing/transforms/0", json!({ "_target_": "Activationsd", "keys": "pred", "sigmoid": true })),
        ("/postprocessing/transforms/2", json!({ "_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5 })),
    ])
    .unwrap();
    let description = bundle.description();
    assert_eq!(description.network.merge_order, MergeOrder::MergingV2);
    let preprocessing = &description.preprocessing;
    assert_eq!(preprocessing.spacing_mm, Some([1.0; 3]));
    assert_eq!(preprocessing.intensity, Intensity::ZScoreNonzero {});
    assert_eq!(
        preprocessing.crop_foreground,
        Some(ForegroundCrop {
            margin_voxels: 5,
            divisible_by: 32,
            stay_inside: false
        })
    );
    assert_eq!(description.inference.blend, Blend::Gaussian);
    assert_eq!(description.inference.overlap, 0.625);
    assert_eq!(description.activation, Activation::Sigmoid);
    assert!(bundle.notes().is_empty(), "{:?}", bundle.notes());
}

#[test]
fn what_changes_little_is_a_note() {
    let step = |index: usize| format!("/preprocessing/transforms/{index}");
    for (changes, said) in [
        (
            vec![(
                step(0),
                json!({ "_target_": "CropForegroundd", "keys": "image", "source_key": "image" }),
            )],
            "CropForeground before Orientation",
        ),
        (
            vec![(
                step(5),
                json!({ "_target_": "SpatialPadd", "keys": "image", "spatial_size": [96, 96, 96] }),
            )],
            "SpatialPad is left out",
        ),
        (
            vec![(step(2), json!({ "_target_": "Identityd", "keys": "image" }))],
            "in the order of the file",
        ),
        (
            vec![(
                "/postprocessing/transforms/3".to_owned(),
                json!({ "_target_": "KeepLargestConnectedComponentd", "keys": "pred" }),
            )],
            "KeepLargestConnectedComponent after the network is left out",
        ),
        (
            vec![("metadata/monai_version".to_owned(), json!("1.5.1"))],
            "merging is assumed, because the bundle was made for MONAI 1.5",
        ),
    ] {
        let changes: Vec<(&str, Value)> = changes
            .iter()
            .map(|(p, v)| (p.as_str(), v.clone()))
            .collect();
        let bundle = opened(&changes).unwrap();
        assert!(
            bundle.notes().iter().any(|n| n.contains(said)),
            "{said}: {:?}",
            bundle.notes()
        );
    }
}

#[test]
fn what_is_not_understood_is_named() {
    let step = |index: usize| format!("/preprocessing/transforms/{index}");
    for (pointer, value, said) in [
        (
            "/network_def/_target_".into(),
            json!("monai.networks.nets.UNet"),
            "UNet",
        ),
        ("/network_def/in_channels".into(), json!(2), "in_channels"),
        (
            "/network_def/out_channels".into(),
            json!(14),
            "out_channels",
        ),
        ("/network_def/normalize".into(), json!(false), "normalize"),
        ("/network_def/norm_name".into(), json!("batch"), "batch"),
        ("/network_def".into(), json!(null), "network_def"),
        (
            step(4),
            json!({ "_target_": "ScaleIntensityd", "keys": "image" }),
            "ScaleIntensity",
        ),
        (step(4), json!("$monai.transforms.Foo()"), "$monai"),
        (
            step(3),
            json!({ "_target_": "Spacingd", "keys": "image", "pixdim": "$[1.5] * 3" }),
            "[1.5] * 3",
        ),
        (
            step(3),
            json!({ "_target_": "Spacingd", "keys": "image", "pixdim": [1, 1] }),
            "pixdim",
        ),
        (
            step(3),
            json!({ "_target_": "Spacingd", "keys": "image", "pixdim": "@nothing" }),
            "leads nowhere",
        ),
        (
            step(3),
            json!({ "_target_": "Spacingd", "keys": "image", "pixdim": [1, 1, 1], "mode": "nearest" }),
            "bilinear",
        ),
        (
            step(2),
            json!({ "_target_": "Orientationd", "keys": "image", "axcodes": "RAR" }),
            "RAR",
        ),
        (
            step(5),
            json!({ "_target_": "Orientationd", "keys": "image", "axcodes": "RAS" }),
            "comes twice",
        ),
        (
            "/inferer".into(),
            json!({ "_target_": "SimpleInferer" }),
            "SimpleInferer",
        ),
        (
            "/inferer/roi_size".into(),
            json!([96, 96, 50]),
            "multiple of 32",
        ),
        ("/inferer/roi_size".into(), json!([-1, 96, 96]), "roi_size"),
        (
            "/inferer/roi_size".into(),
            json!("@inferer::roi_size"),
            "circle",
        ),
        (step(5), json!("@preprocessing"), "hold themselves"),
        (
            "/postprocessing/transforms".into(),
            json!([]),
            "neither softmax nor sigmoid",
        ),
        (
            "metadata/network_data_format/outputs/pred/channel_def".into(),
            json!({ "0": "a" }),
            "output channels",
        ),
    ] {
        let text = refused(&[(&pointer, value)]);
        assert!(text.contains(said), "{pointer} {said}: {text}");
    }
}

/// References that multiply end soon.
#[test]
fn references_do_not_multiply() {
    let mut changes: Vec<(String, Value)> = (0..40)
        .map(|i| {
            let next = format!("$[@r{0}, @r{0}, @r{0}]", i + 1);
            (format!("/r{i}"), json!(next))
        })
        .collect();
    changes.push(("/r40".into(), json!(1)));
    changes.push(("/inferer/roi_size".into(), json!("@r0")));
    let by_name = |changes: &[(String, Value)]| -> String {
        let changes: Vec<(&str, Value)> = changes
            .iter()
            .map(|(pointer, value)| (pointer.as_str(), value.clone()))
            .collect();
        refused(&changes)
    };
    assert!(by_name(&changes).contains("not understood"));
    let mut nested: Vec<(String, Value)> = (0..40)
        .map(|i| {
            let next = format!("@t{}", i + 1);
            let compose = json!({ "_target_": "Compose", "transforms": [next, next] });
            (format!("/t{i}"), compose)
        })
        .collect();
    nested.push(("/t40".into(), json!([])));
    nested.push(("/preprocessing".into(), json!("@t0")));
    assert!(by_name(&nested).contains("too many"));
}

#[test]
fn missing_weights_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    write_bundle(folder.path(), &inference(), &metadata());
    let models = folder.path().join("models");
    std::fs::rename(models.join("model.pt"), models.join("model.ts")).unwrap();
    let text = Bundle::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("TorchScript"), "{text}");
    std::fs::remove_file(models.join("model.ts")).unwrap();
    let text = Bundle::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("no model.pt"), "{text}");
}
