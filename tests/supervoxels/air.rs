//! The air around the body, on made-up scans and on real ones.

use std::path::{Path, PathBuf};

use voxplain::base::CancelToken;
use voxplain::explain::supervoxels::{
    Image, Restriction, SupervoxelSettings, background_air, find,
};
use voxplain::io::open_volume;

const DIMS: [usize; 3] = [40, 36, 32];

/// Noise between 0 and 1, the same for a voxel whenever it is asked.
fn noise(index: usize) -> f32 {
    let bits = (index as u32).wrapping_mul(2_654_435_761);
    ((bits ^ bits >> 15).wrapping_mul(2_246_822_519) >> 8) as f32 / (1 << 24) as f32
}

/// A ball of radius 13 about the middle, with a dark ball of radius 4 in it.
fn scan(air: impl Fn(usize) -> f32, dark: f32, body: f32) -> Vec<f32> {
    (0..DIMS.iter().product())
        .map(|index| match radius(index) {
            r if r < 4.0 => dark,
            r if r < 13.0 => body + 0.1 * body.abs() * noise(index),
            _ => air(index),
        })
        .collect()
}

fn radius(index: usize) -> f64 {
    let voxel = [index % 40, index / 40 % 36, index / 1440];
    let off = |axis: usize| voxel[axis] as f64 - DIMS[axis] as f64 / 2.0;
    (off(0).powi(2) + off(1).powi(2) + off(2).powi(2)).sqrt()
}

#[test]
fn air_around_is_found_and_dark_organs_are_not() {
    let scans = [
        ("MR, constant background", scan(|_| 0.0, 0.0, 500.0)),
        ("MR, noise", scan(|i| 40.0 * noise(i), 5.0, 500.0)),
        ("CT", scan(|i| -1010.0 + 40.0 * noise(i), -1000.0, 40.0)),
        (
            "CT, padded",
            scan(|i| if i % 40 < 9 { -2048.0 } else { -1000.0 }, -950.0, 60.0),
        ),
    ];
    for (name, values) in scans {
        let air = background_air(&[&values], DIMS).unwrap_or_else(|| panic!("{name}: no air"));
        let wrong = (0..values.len())
            .filter(|&index| air[index] != (radius(index) >= 13.0))
            .count();
        assert!(wrong < values.len() / 500, "{name}: {wrong} voxels");
        let inside = (0..values.len()).filter(|&index| radius(index) < 12.0);
        assert!(
            inside.into_iter().all(|index| !air[index]),
            "{name}: inside"
        );
    }
}

#[test]
fn what_only_reaches_two_faces_is_no_air() {
    // A windpipe from the top of the image to its bottom, in a body that fills it.
    let pipe =
        |index: usize| (17..23).contains(&(index % 40)) && (9..27).contains(&(index / 40 % 36));
    let values: Vec<f32> = (0..DIMS.iter().product())
        .map(|index| {
            if pipe(index) {
                -1000.0
            } else {
                40.0 + noise(index)
            }
        })
        .collect();
    assert!(values.iter().filter(|&&v| v < 0.0).count() > values.len() / 20);
    assert!(background_air(&[&values], DIMS).is_none());
}

#[test]
fn no_air_without_reason() {
    let texture: Vec<f32> = (0..DIMS.iter().product())
        .map(|i| 100.0 + noise(i))
        .collect();
    assert!(background_air(&[&texture], DIMS).is_none());
    assert!(background_air(&[&vec![0.0; texture.len()]], DIMS).is_none());
    assert!(background_air(&[&vec![f32::NAN; texture.len()]], DIMS).is_none());
    assert!(background_air(&[&[]], [0, 3, 3]).is_none());
    assert!(background_air(&[], DIMS).is_none());
    assert!(background_air(&[&texture[1..]], DIMS).is_none());
    // Dark in one channel, but not in the other: tissue.
    let one = scan(|_| 0.0, 0.0, 500.0);
    assert!(background_air(&[&one, &texture], DIMS).is_none());
    // A constant channel has no say.
    assert!(background_air(&[&one, &vec![3.0; one.len()]], DIMS).is_some());
}

#[test]
fn air_is_no_player_and_is_counted() {
    let values = scan(|i| 40.0 * noise(i), 5.0, 500.0);
    let image = Image {
        channels: &[&values],
        dims: DIMS,
        spacing_mm: [1.0, 1.0, 1.5],
    };
    let cut = |leave_out_air| {
        let settings = SupervoxelSettings {
            count: 40,
            leave_out_air,
            ..Default::default()
        };
        find(
            &image,
            &Restriction::default(),
            &settings,
            &CancelToken::new(),
        )
        .unwrap()
    };
    let found = cut(true);
    assert_eq!(found.count, 40);
    assert!(found.air_voxels > values.len() / 2);
    let players = found.labels.iter().filter(|&&label| label > 0).count();
    assert_eq!(players + found.air_voxels, values.len());
    let found = cut(false);
    assert!(found.air_voxels == 0 && !found.labels.contains(&0));
}

/// A file of the sample scans beside the project.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/samples")
        .join(name)
}

/// Needs the sample scans beside the project, which are too large to be part of it.
#[test]
#[ignore = "needs the sample scans in ../shared"]
fn real_scans() {
    // The scan, the share of its voxels that is air, and labels that must hold none.
    let mni = "mr_t1_mni152_nilearn/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz";
    let scans = [
        (
            "ct_torso_totalseg/example_ct_sm.nii.gz",
            [0.2, 0.8],
            Some("ct_torso_totalseg/example_seg.nii.gz"),
        ),
        (
            "mr_abdomen_totalseg/example_mr_sm.nii.gz",
            [0.1, 0.8],
            Some("mr_abdomen_totalseg/example_seg_mr.nii.gz"),
        ),
        (mni, [0.3, 0.8], None),
        (
            "mr_glioma_4ch_brats2021_00002/BraTS2021_00002_flair.nii.gz",
            [0.5, 0.9],
            Some("mr_glioma_4ch_brats2021_00002/BraTS2021_00002_seg.nii.gz"),
        ),
        // An eighth of its lesion mask lies where the image was cut off to exactly 0.
        ("mr_flair_oblique_niivue/FLAIR.nii.gz", [0.5, 0.7], None),
        (
            "mr_hippocampus_msd_3cases/image_hippocampus_001.nii.gz",
            [0.0, 0.0],
            None,
        ),
    ];
    for (name, [least, most], labels) in scans {
        let open = |name: &str| {
            open_volume(&sample(name), &mut |_| {}, &CancelToken::new())
                .unwrap()
                .volume
        };
        let scan = open(name);
        let values = scan.to_f32();
        let air = background_air(&[&values], scan.grid().dims());
        let count = air.iter().flatten().filter(|&&air| air).count();
        let share = count as f64 / values.len() as f64;
        println!("{name}: {share:.3} air");
        assert!((least..=most).contains(&share), "{name}: {share}");
        let labels = labels.map(|labels| open(labels).to_f32());
        if let (Some(labels), Some(air)) = (labels, air)
            && labels.len() == air.len()
        {
            let in_both = air
                .iter()
                .zip(&labels)
                .filter(|(air, l)| **air && **l > 0.0)
                .count();
            let labelled = labels.iter().filter(|&&label| label > 0.0).count();
            println!("  {in_both} of {labelled} labelled voxels are in the air");
            assert!(in_both * 1000 <= labelled, "{name}: {in_both}");
        }
    }
}
