//! Players that differ from channel to channel, against their definition in plain loops.

use std::sync::Arc;

use ndarray::{Array3, Array4, Axis, s};
use voxplain::base::CancelToken;
use voxplain::model::{
    Activation, Blend, ComputeDevice, Inference, MaskedNetwork, MergeOrder, ModelError,
    NetworkConfig, PlayerTable, SlidingWindow, SwinUnetr, TargetMasks,
};

use crate::support::{adapter_or_skip, recipe_weights};

const CHANNELS: usize = 3;
const CLASSES: usize = 2;
const LABELS: usize = 5;
/// Less than a window along x and z, so that there is padding, and two windows along y.
const DIMS: [usize; 3] = [27, 88, 30];

fn windows(device: &ComputeDevice) -> SlidingWindow {
    let config = NetworkConfig {
        in_channels: CHANNELS,
        out_channels: CLASSES,
        feature_size: 12,
        use_v2: false,
        merge_order: MergeOrder::Merging,
    };
    let network = SwinUnetr::new(config, &recipe_weights(&config, 3), device).unwrap();
    let inference = Inference {
        window: [32, 64, 32],
        overlap: 0.5,
        blend: Blend::Gaussian,
    };
    SlidingWindow::new(Arc::new(network), DIMS, &inference, 2).unwrap()
}

/// Values without any pattern, from -1 to 1.
fn image(seed: usize) -> Array4<f32> {
    let [nx, ny, nz] = DIMS;
    Array4::from_shape_fn((CHANNELS, nx, ny, nz), |(c, x, y, z)| {
        let at = ((c * nx + x) * ny + y) * nz + z + (seed << 24);
        ((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// Slabs along y, the first of no label.
fn labels() -> Array3<u16> {
    Array3::from_shape_fn((DIMS[0], DIMS[1], DIMS[2]), |(_, y, _)| {
        (y * (LABELS + 1) / DIMS[1]) as u16
    })
}

/// All kinds of players.
fn tables() -> [PlayerTable; 4] {
    [
        PlayerTable::supervoxels(LABELS),
        PlayerTable::channels(LABELS, CHANNELS),
        PlayerTable::supervoxels_by_channel(&[5, 2], LABELS, CHANNELS).unwrap(),
        PlayerTable::supervoxels_by_channel(&[], LABELS, CHANNELS).unwrap(),
    ]
}

/// Nobody, everybody, one at a time and every second.
fn coalitions(players: usize) -> Vec<Vec<bool>> {
    let one = (0..players).map(|one| (0..players).map(|p| p == one).collect());
    let all_but = (0..players).map(|one| (0..players).map(|p| p != one).collect());
    let halves = [0, 1].map(|rest| (0..players).map(|p| p % 2 == rest).collect());
    let ends = [vec![false; players], vec![true; players]];
    ends.into_iter()
        .chain(one)
        .chain(all_but)
        .chain(halves)
        .collect()
}

/// The masked image by its definition.
fn masked_image(table: &PlayerTable, present: &[bool]) -> Array4<f32> {
    let (mut shown, baseline, labels) = (image(0), image(1), labels());
    for ((c, x, y, z), value) in shown.indexed_iter_mut() {
        let player = table.player(c, usize::from(labels[[x, y, z]]));
        if player.is_some_and(|player| !present[player]) {
            *value = baseline[[c, x, y, z]];
        }
    }
    shown
}

fn masked(windows: &SlidingWindow, table: PlayerTable, targets: &TargetMasks) -> MaskedNetwork {
    MaskedNetwork::new(
        windows.clone(),
        image(0).view(),
        image(1).view(),
        &labels(),
        table,
        targets.clone(),
        Activation::Sigmoid,
    )
    .unwrap()
}

/// A box of the first class.
fn targets() -> TargetMasks {
    let mut masks = Array4::from_elem((CLASSES, DIMS[0], DIMS[1], DIMS[2]), false);
    masks.slice_mut(s![0, 5..20, 30..70, 9..22]).fill(true);
    TargetMasks::from_masks(&masks)
}

/// What a device shows of every coalition is the definition, bit for bit.
fn check_masked_inputs(device: &ComputeDevice) {
    let windows = windows(device);
    let targets = targets();
    for table in tables() {
        let masked = masked(&windows, table.clone(), &targets);
        assert_eq!(masked.players(), table.players());
        for present in coalitions(table.players()) {
            let shown = masked_image(&table, &present);
            assert_eq!(masked.masked_input(&present).unwrap(), shown);
        }
    }
}

/// What a device measures are the sums over the logits of the masked image by its
/// definition, label by label.
fn check_sums(device: &ComputeDevice, table: &PlayerTable, coalitions: &[Vec<bool>]) {
    let masked = masked(&windows(device), table.clone(), &targets());
    let expected = windows(&ComputeDevice::cpu());
    let cancel = CancelToken::new();
    let labels = labels();
    let runs = masked.evaluate(coalitions, &cancel).unwrap();
    for (present, run) in coalitions.iter().zip(&runs) {
        let shown = masked_image(table, present);
        let logits = expected.logits(shown.view(), &cancel, &mut |_, _| {});
        let logits = logits.unwrap();
        assert_eq!(run.players.len(), CLASSES * (LABELS + 1));
        for class in 0..CLASSES {
            for label in 0..=LABELS {
                let (mut logit_sum, mut hard) = (0.0, 0.0);
                for (&own, &logit) in labels.iter().zip(logits.index_axis(Axis(0), class)) {
                    if usize::from(own) == label {
                        logit_sum += f64::from(logit);
                        hard += f64::from(u8::from(logit > 0.0));
                    }
                }
                let found = &run.players[class * (LABELS + 1) + label];
                assert!(
                    (found.logit - logit_sum).abs() <= 1.0,
                    "{found:?} {logit_sum}"
                );
                assert!((found.hard - hard).abs() <= 3.0, "{found:?} {hard}");
            }
        }
    }
}

#[test]
fn masked_inputs_follow_the_players_of_each_channel() {
    check_masked_inputs(&ComputeDevice::cpu());
}

#[test]
fn sums_are_those_of_the_image_that_the_players_make() {
    for table in tables() {
        let coalitions = coalitions(table.players());
        let few: Vec<Vec<bool>> = coalitions.into_iter().step_by(4).collect();
        check_sums(&ComputeDevice::cpu(), &table, &few);
    }
}

/// All that is shown, and the sums of one coalition.
#[test]
fn players_by_channel_on_an_adapter() {
    if let Some(device) = adapter_or_skip() {
        check_masked_inputs(&device);
        let table = PlayerTable::supervoxels_by_channel(&[5, 2], LABELS, CHANNELS).unwrap();
        let half = (0..table.players()).map(|player| player % 2 == 0).collect();
        check_sums(&device, &table, &[half]);
    }
}

/// Coalitions that differ in the player of one channel are not taken for one another.
#[test]
fn windows_are_not_reused_where_a_channel_differs() {
    let windows = windows(&ComputeDevice::cpu());
    let cancel = CancelToken::new();
    let targets = targets();
    let table = PlayerTable::supervoxels_by_channel(&[LABELS], LABELS, CHANNELS).unwrap();
    let shared = masked(&windows, table.clone(), &targets);
    let players = table.players();
    let mut seen = Vec::new();
    for channel in 0..CHANNELS {
        let mut present = vec![true; players];
        present[table.player(channel, LABELS).unwrap()] = false;
        let sums = shared.evaluate(std::slice::from_ref(&present), &cancel);
        let alone = masked(&windows, table.clone(), &targets);
        let alone = alone.evaluate(&[present], &cancel).unwrap();
        assert_eq!(sums.unwrap(), alone);
        assert!(!seen.contains(&alone));
        seen.push(alone);
    }
    // The other window of two does not see the last label: it was run once.
    let statistics = shared.statistics();
    assert_eq!((statistics.run, statistics.reused), (4, 2));
}

#[test]
fn players_of_another_number_of_channels_are_refused() {
    let windows = windows(&ComputeDevice::cpu());
    let targets = targets();
    let error = MaskedNetwork::new(
        windows,
        image(0).view(),
        image(1).view(),
        &labels(),
        PlayerTable::channels(LABELS, CHANNELS + 1),
        targets,
        Activation::Sigmoid,
    )
    .unwrap_err();
    assert!(matches!(error, ModelError::Shape { .. }), "{error}");
}
