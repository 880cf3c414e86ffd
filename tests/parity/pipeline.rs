//! From a scan to logits with the demonstration bundle, and with parts removed.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array3, Axis, Ix5};
use voxplain::base::{CancelToken, VoxelBox};
use voxplain::model::{
    Activation, Blend, Bundle, BundleError, ClassSums, ComputeDevice, Inference, MaskedNetwork,
    MergeOrder, ModelError, Prepared, SlidingWindow, SwinUnetr, TargetMasks, prepare,
};

use crate::preprocessing::read_nifti;
use crate::support::{config, difference, fixture, npy, recipe_weights};

fn bundle_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/models/hippocampus")
}

fn hippocampus(batch: usize) -> (Bundle, Prepared, SlidingWindow) {
    let bundle = Bundle::open(&bundle_folder()).unwrap();
    let scan = read_nifti(fixture("hippocampus_001/image.nii.gz"));
    let region = VoxelBox::whole(scan.grid());
    let description = bundle.description();
    let prepared = prepare(&[&scan], &region, &description.preprocessing).unwrap();
    let network = Arc::new(bundle.load_network(&ComputeDevice::cpu()).unwrap());
    let windows =
        SlidingWindow::new(network, prepared.grid.dims(), &description.inference, batch).unwrap();
    (bundle, prepared, windows)
}

#[test]
fn hippocampus_logits_are_monais() {
    let (bundle, prepared, windows) = hippocampus(1);
    let logits = windows
        .logits(prepared.input.view(), &CancelToken::new(), &mut |_, _| {})
        .unwrap();
    let expected = npy::<f32>(fixture("hippocampus_001/logits.npy"));
    assert_eq!(logits.shape(), expected.shape());
    let actual: Vec<f32> = logits.iter().copied().collect();
    let expected: Vec<f32> = expected.into_iter().collect();
    let (largest, mean) = difference(&actual, &expected);
    println!("hippocampus: largest {largest:.2e}, mean {mean:.2e}");
    assert!(largest <= 1e-3 && mean <= 5e-5);

    let labels = bundle.description().activation.labels(logits.view());
    let map = prepared.labels_to_region(&labels).unwrap();
    assert!(
        map.volume_ml(1) > 0.5 && map.volume_ml(2) > 0.5,
        "{:?}",
        map.counts()
    );
}

/// Players: the eight octants of the image.
fn octants(dims: [usize; 3]) -> Array3<u16> {
    Array3::from_shape_fn((dims[0], dims[1], dims[2]), |(x, y, z)| {
        let half = |v: usize, n: usize| u16::from(v >= n / 2);
        1 + half(x, dims[0]) + 2 * half(y, dims[1]) + 4 * half(z, dims[2])
    })
}

#[test]
fn masked_runs_show_the_scan_where_players_are_present() {
    let (bundle, prepared, windows) = hippocampus(3);
    let activation = bundle.description().activation;
    let input = prepared.input.view();
    let cancel = CancelToken::new();
    let logits = windows.logits(input, &cancel, &mut |_, _| {}).unwrap();
    let targets = TargetMasks::from_logits(logits.view(), activation);
    let baseline = input.mapv(|_| -0.5);
    let mut players = octants(prepared.grid.dims());
    players[[0, 0, 0]] = 0;
    let masked = MaskedNetwork::new(
        windows.clone(),
        input,
        baseline.view(),
        &players,
        8,
        targets.clone(),
        activation,
    )
    .unwrap();

    // Everything present is the scan itself, bit for bit, and so are its logits.
    assert_eq!(masked.masked_input(&[true; 8]).unwrap(), prepared.input);
    assert_eq!(masked.logits(&[true; 8], &cancel).unwrap(), logits);
    let none = masked.masked_input(&[false; 8]).unwrap();
    assert_eq!(none[[0, 0, 0, 0]], input[[0, 0, 0, 0]]);
    assert!(none.iter().skip(1).all(|&v| v == -0.5));
    let mut some = [false; 8];
    some[3] = true;
    let shown = masked.masked_input(&some).unwrap();
    for ((c, x, y, z), &value) in shown.indexed_iter() {
        let present = matches!(players[[x, y, z]], 0 | 4);
        assert_eq!(value, if present { input[[c, x, y, z]] } else { -0.5 });
    }

    // Batches mix coalitions (4 windows each, 3 at a time) without changing results.
    let coalitions = vec![vec![true; 8], some.to_vec(), vec![false; 8]];
    let sums = masked.evaluate(&coalitions, &cancel).unwrap();
    for (coalition, sums) in coalitions.iter().zip(&sums) {
        let own = masked.logits(coalition, &cancel).unwrap();
        let labels = activation.labels(own.view());
        assert_eq!(labels, masked.segment(coalition, &cancel).unwrap());
        for (class, sums) in sums.iter().enumerate() {
            let hard = labels.iter().filter(|&&l| usize::from(l) == class).count();
            assert_eq!(sums.hard_total, hard as f64);
        }
        let total: f64 = sums.iter().map(|s| s.probability_total).sum();
        assert!((total - labels.len() as f64).abs() < 1e-6);
    }
    let full: &[ClassSums] = &sums[0];
    for (class, count) in targets.voxel_counts().into_iter().enumerate() {
        assert_eq!(full[class].hard_in_target, count as f64);
        assert_eq!(full[class].hard_total, count as f64);
        assert!(full[class].probability_in_target > 0.5 * count as f64);
        let expected: f64 = targets
            .masks()
            .index_axis(Axis(0), class)
            .iter()
            .zip(logits.index_axis(Axis(0), class))
            .map(|(&m, &z)| if m { f64::from(z) } else { 0.0 })
            .sum();
        assert!((full[class].logit_in_target - expected).abs() < 1e-6 * expected.abs().max(1.0));
    }
    assert!(sums[2][1].probability_in_target < full[1].probability_in_target);

    // Wrong questions are named.
    let error = masked.evaluate(&[vec![true; 7]], &cancel).unwrap_err();
    assert!(matches!(
        error,
        ModelError::Shape {
            what: "coalition",
            ..
        }
    ));
    cancel.cancel();
    let error = masked.evaluate(&coalitions, &cancel).unwrap_err();
    assert!(matches!(error, ModelError::Cancelled(_)));
    let error = MaskedNetwork::new(
        windows,
        input,
        baseline.view(),
        &players,
        7,
        targets,
        activation,
    )
    .unwrap_err();
    assert!(matches!(
        error,
        ModelError::UnknownPlayer { id: 8, players: 7 }
    ));
}

/// Masked sums of the smallest reference network on a device equal those on the CPU.
pub fn check_masked_sums(device: &ComputeDevice, input: PathBuf) {
    let config = config(12, 3, MergeOrder::Merging);
    let input = npy::<f32>(input).into_dimensionality::<Ix5>().unwrap();
    let input = input.index_axis(Axis(0), 0);
    let dims = [64, 32, 32];
    let inference = Inference {
        window: dims,
        overlap: 0.5,
        blend: Blend::Gaussian,
    };
    let players = octants(dims);
    let baseline = input.mapv(|v| 0.25 * v);
    let coalitions = [
        vec![true; 8],
        (0..8).map(|p| p % 3 == 0).collect(),
        vec![false; 8],
    ];
    for activation in [Activation::Softmax, Activation::Sigmoid] {
        let [own, expected] = [device, &ComputeDevice::cpu()].map(|device| {
            let network = SwinUnetr::new(config, &recipe_weights(&config, 1), device).unwrap();
            let windows = SlidingWindow::new(Arc::new(network), dims, &inference, 1).unwrap();
            let logits = npy::<f32>(fixture("swin_unetr/v1_f12/out_64x32x32_merging.npy"));
            let logits = logits.into_dimensionality::<Ix5>().unwrap();
            let targets = TargetMasks::from_logits(logits.index_axis(Axis(0), 0), activation);
            let masked = MaskedNetwork::new(
                windows,
                input,
                baseline.view(),
                &players,
                8,
                targets,
                activation,
            )
            .unwrap();
            assert_eq!(masked.masked_input(&[true; 8]).unwrap(), input);
            masked.evaluate(&coalitions, &CancelToken::new()).unwrap()
        });
        for (own, expected) in own.iter().flatten().zip(expected.iter().flatten()) {
            println!("{own:?}\n{expected:?}");
            for (a, b, slack) in [
                (
                    own.probability_in_target,
                    expected.probability_in_target,
                    0.1,
                ),
                (own.probability_total, expected.probability_total, 0.1),
                (own.logit_in_target, expected.logit_in_target, 1.0),
                (own.hard_in_target, expected.hard_in_target, 3.0),
                (own.hard_total, expected.hard_total, 3.0),
            ] {
                assert!((a - b).abs() <= slack, "{own:?} {expected:?}");
            }
        }
    }
}

#[test]
fn broken_bundles_are_named_errors() {
    let text = std::fs::read_to_string(bundle_folder().join("bundle.json")).unwrap();
    let open = |text: &str, weights: bool| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bundle.json"), text).unwrap();
        if weights {
            std::fs::write(folder.path().join("weights.safetensors"), b"not weights").unwrap();
        }
        let bundle = Bundle::open(folder.path())?;
        bundle.load_network(&ComputeDevice::cpu()).map(|_| ())
    };
    let invalid = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        match open(&text.replace(from, to), true) {
            Err(BundleError::Invalid { field, .. }) => field,
            other => panic!("{from} to {to}: {other:?}"),
        }
    };
    assert_eq!(
        invalid("\"weights.safetensors\"", "\"../weights.safetensors\""),
        "weights"
    );
    assert_eq!(
        invalid("\"feature_size\": 12", "\"feature_size\": 13"),
        "network"
    );
    assert_eq!(invalid("[32, 64, 32]", "[32, 32, 32]"), "inference");
    assert_eq!(
        invalid("[1.0, 1.0, 1.0]", "[1.0, 0.0, 1.0]"),
        "preprocessing"
    );
    assert_eq!(
        invalid("\"out_channels\": 3", "\"out_channels\": 4"),
        "classes"
    );
    assert_eq!(invalid("[\"T1\"]", "[\"T1\", \"T2\"]"), "channels");
    assert_eq!(
        invalid("posterior hippocampus", "anterior hippocampus"),
        "classes"
    );
    assert_eq!(invalid("\"min\": [-43", "\"min\": [43"), "region_mm");

    let unknown = text.replace("\"activation\"", "\"colour\": 1, \"activation\"");
    assert!(matches!(
        open(&unknown, true),
        Err(BundleError::Malformed { .. })
    ));
    assert!(matches!(
        open("{", true),
        Err(BundleError::Malformed { .. })
    ));
    assert!(matches!(
        open(&text, false),
        Err(BundleError::Unreadable { .. })
    ));
    let error = open(&text, true).unwrap_err();
    assert!(
        matches!(
            &error,
            BundleError::Network {
                error: ModelError::UnreadableWeights { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn weights_of_another_network_are_refused() {
    let text = std::fs::read_to_string(bundle_folder().join("bundle.json")).unwrap();
    let load = |from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bundle.json"), text.replace(from, to)).unwrap();
        std::fs::copy(
            bundle_folder().join("weights.safetensors"),
            folder.path().join("weights.safetensors"),
        )
        .unwrap();
        let bundle = Bundle::open(folder.path()).unwrap();
        match bundle.load_network(&ComputeDevice::cpu()) {
            Err(BundleError::Network { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    };
    let error = load("\"use_v2\": false", "\"use_v2\": true");
    assert!(
        matches!(error, ModelError::MissingWeights { count: 8, .. }),
        "{error}"
    );
    let error = load("\"feature_size\": 12", "\"feature_size\": 24");
    assert!(matches!(error, ModelError::WeightShape { .. }), "{error}");
}
