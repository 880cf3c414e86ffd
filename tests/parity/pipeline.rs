//! From a scan to logits with the demonstration bundle, and with parts removed.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array3, Array4, Axis, Ix5, s};
use voxplain::base::{CancelToken, MemoryLimit, VoxelBox};
use voxplain::model::{
    Activation, Blend, Bundle, BundleError, ClassSums, ComputeDevice, Inference, MaskedNetwork,
    MergeOrder, ModelError, Prepared, RunSums, SlidingWindow, SwinUnetr, TargetMasks, prepare,
    window_bytes,
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
        for (class, sums) in sums.classes.iter().enumerate() {
            let hard = labels.iter().filter(|&&l| usize::from(l) == class).count();
            assert_eq!(sums.hard_total, hard as f64);
        }
        let total: f64 = sums.classes.iter().map(|s| s.probability_total).sum();
        assert!((total - labels.len() as f64).abs() < 1e-6);
    }
    let full: &[ClassSums] = &sums[0].classes;
    for (class, count) in targets.voxel_counts().into_iter().enumerate() {
        assert_eq!(full[class].hard_in_target, count as f64);
        assert_eq!(full[class].hard_total, count as f64);
        assert!(full[class].probability_in_target > 0.5 * count as f64);
        let expected: f64 = targets
            .components()
            .index_axis(Axis(0), class)
            .iter()
            .zip(logits.index_axis(Axis(0), class))
            .map(|(&m, &z)| if m > 0 { f64::from(z) } else { 0.0 })
            .sum();
        assert!((full[class].logit_in_target - expected).abs() < 1e-6 * expected.abs().max(1.0));
    }
    assert!(sums[2].classes[1].probability_in_target < full[1].probability_in_target);

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

/// A chain of coalitions that differ in one player: windows that do not see it are not run
/// again, and nothing changes by that.
#[test]
fn windows_known_from_earlier_runs_change_nothing() {
    let (bundle, prepared, windows) = hippocampus(2);
    let activation = bundle.description().activation;
    let input = prepared.input.view();
    let cancel = CancelToken::new();
    let logits = windows.logits(input, &cancel, &mut |_, _| {}).unwrap();
    let targets = TargetMasks::from_logits(logits.view(), activation);
    let baseline = input.mapv(|v| 0.5 * v);
    // Slabs of two voxels: the outermost are seen by one window of two along x.
    let [x, y, z] = prepared.grid.dims();
    let players = Array3::from_shape_fn((x, y, z), |(x, _, _)| 1 + (x / 2) as u16);
    let count = x.div_ceil(2);
    let masked = |targets: &TargetMasks| {
        MaskedNetwork::new(
            windows.clone(),
            input,
            baseline.view(),
            &players,
            count,
            targets.clone(),
            activation,
        )
        .unwrap()
    };
    let shared = masked(&targets);
    let mut pairs = Vec::new();
    let mut present = vec![false; count];
    for player in [3, 0, count - 1, 5] {
        pairs.push([present.clone(), present.iter().map(|p| !p).collect()]);
        present[player] = true;
    }
    for pair in &pairs {
        let sums = shared.evaluate(pair, &cancel).unwrap();
        let alone = masked(&targets).evaluate(pair, &cancel).unwrap();
        assert_eq!(sums, alone);
        // The parts add up to the classes.
        for run in &sums {
            let classes = run.classes.len();
            assert_eq!(run.players.len(), classes * (count + 1));
            for (class, players) in run.classes.iter().zip(run.players.chunks(count + 1)) {
                let hard: f64 = players.iter().map(|p| p.hard).sum();
                assert_eq!(class.hard_total, hard);
            }
            assert_eq!(run.components.len(), targets.component_sizes().len());
        }
    }
    let statistics = shared.statistics();
    let windows_of_all = (2 * pairs.len() * windows.window_count()) as u64;
    assert_eq!(statistics.run + statistics.reused, windows_of_all);
    assert!(statistics.reused > 0, "{statistics:?}");

    // The same coalition again costs nothing.
    let last = pairs.last().unwrap();
    shared.evaluate(last, &cancel).unwrap();
    assert_eq!(shared.statistics().run, statistics.run);
}

/// Where only a box around a target is measured, windows that do not reach it are not run,
/// and what is measured inside the target is the same.
#[test]
fn windows_that_cannot_reach_the_target_are_not_run() {
    let (bundle, prepared, windows) = hippocampus(1);
    let activation = bundle.description().activation;
    let input = prepared.input.view();
    let cancel = CancelToken::new();
    let dims = prepared.grid.dims();
    let classes = bundle.description().classes.len();
    let mut masks = Array4::from_elem((classes, dims[0], dims[1], dims[2]), false);
    masks[[1, 0, 0, 0]] = true;
    let everywhere = TargetMasks::from_masks(&masks);
    let around = everywhere.clone().measured_around(&[1], 2);
    assert_eq!(around.measured(), &[0..3, 0..3, 0..3]);
    let baseline = input.mapv(|_| 0.0);
    let [everywhere, around] = [everywhere, around].map(|targets| {
        let masked = MaskedNetwork::new(
            windows.clone(),
            input,
            baseline.view(),
            &octants(dims),
            8,
            targets,
            activation,
        )
        .unwrap();
        let sums = masked.evaluate(&[vec![true; 8]], &cancel).unwrap();
        (masked.windows_per_run(), masked.statistics().run, sums)
    });
    assert_eq!(everywhere.0, windows.window_count());
    assert!(around.0 < everywhere.0, "{} {}", around.0, everywhere.0);
    assert_eq!(around.1, around.0 as u64);
    let (all, part) = (&everywhere.2[0], &around.2[0]);
    assert_eq!(all.components, part.components);
    let voxels: f64 = part.classes.iter().map(|class| class.hard_total).sum();
    assert_eq!(voxels, 27.0);
}

#[test]
fn memory_is_planned_before_a_run() {
    let bundle = Bundle::open(&bundle_folder()).unwrap();
    let description = bundle.description();
    let one = window_bytes(&description.network, description.inference.window);
    let windows = |limit: u64, batch| {
        let device = ComputeDevice::cpu().with_memory_limit(MemoryLimit::of_bytes(limit));
        let network = Arc::new(bundle.load_network(&device).unwrap());
        SlidingWindow::new(network, [64, 64, 64], &description.inference, batch)
    };
    let roomy = windows(100 * one, 4).unwrap().memory();
    assert_eq!((roomy.batch, roomy.kept_per_window), (4, 4));
    let tight = windows(3 * one, 4).unwrap().memory();
    assert!(
        tight.batch < 3 && tight.needed_bytes <= 3 * one,
        "{tight:?}"
    );
    let error = windows(one / 2, 4).unwrap_err();
    assert!(matches!(error, ModelError::MemoryLimit { .. }), "{error}");
    assert!(error.to_string().contains("--memory-limit"), "{error}");
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
    // All is measured, or a box around the targets of a class.
    for (activation, around) in [
        (Activation::Softmax, None),
        (Activation::Sigmoid, None),
        (Activation::Softmax, Some(2)),
    ] {
        let [own, expected] = [device, &ComputeDevice::cpu()].map(|device| {
            let network = SwinUnetr::new(config, &recipe_weights(&config, 1), device).unwrap();
            let windows = SlidingWindow::new(Arc::new(network), dims, &inference, 1).unwrap();
            let logits = npy::<f32>(fixture("swin_unetr/v1_f12/out_64x32x32_merging.npy"));
            let logits = logits.into_dimensionality::<Ix5>().unwrap();
            let logits = logits.index_axis(Axis(0), 0);
            let targets = match around {
                // A few voxels of the class in a corner of the image.
                Some(class) => {
                    let mut masks = Array4::from_elem(logits.dim(), false);
                    masks.slice_mut(s![class, 2..5, 3..9, 20..31]).fill(true);
                    TargetMasks::from_masks(&masks).measured_around(&[class], 3)
                }
                None => TargetMasks::from_logits(logits, activation),
            };
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
        for (own, expected) in own.iter().zip(&expected) {
            assert_eq!(own.components.len(), expected.components.len());
            assert_eq!(own.players.len(), 3 * 9);
            let regions = |run: &RunSums| [run.components.clone(), run.players.clone()].concat();
            for (own, expected) in regions(own).iter().zip(&regions(expected)) {
                assert!((own.probability - expected.probability).abs() < 0.1);
                assert!((own.logit - expected.logit).abs() < 1.0);
                assert!((own.margin - expected.margin).abs() < 1.0);
                assert!((own.hard - expected.hard).abs() < 4.0);
            }
        }
        let classes = |runs: &[RunSums]| -> Vec<ClassSums> {
            runs.iter().flat_map(|run| run.classes.clone()).collect()
        };
        for (own, expected) in classes(&own).iter().zip(&classes(&expected)) {
            println!("{own:?}\n{expected:?}");
            for (a, b, slack) in [
                (
                    own.probability_in_target,
                    expected.probability_in_target,
                    0.1,
                ),
                (own.probability_total, expected.probability_total, 0.1),
                (own.logit_in_target, expected.logit_in_target, 1.0),
                (own.margin_in_target, expected.margin_in_target, 1.0),
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
