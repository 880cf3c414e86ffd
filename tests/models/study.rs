//! Several channels in any order and on different grids, and scans with voxels that are
//! no numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::{DAffine3, DMat3, DVec3};
use voxplain::base::{CancelToken, Grid};
use voxplain::engine::{
    Compute, ComputeOptions, DeviceChoice, Engine, EngineError, Event, ModelSource, OpenOptions,
    Reading, RegionChoice, Scan, ScanFile, Study, assets,
};
use voxplain::io::nifti::write_value_frames;
use voxplain::model::{Bundle, MergeOrder, NetworkConfig, expected_tensors};

use crate::files::write_shapes;
use crate::support::config;

/// A bundle with four channels; its weights are all 0.
fn bundle(folder: &Path) -> Arc<Bundle> {
    let path = folder.join("weights.safetensors");
    let config = NetworkConfig {
        in_channels: 4,
        ..config(12, 3, MergeOrder::Legacy)
    };
    write_shapes(&path, &expected_tensors(&config));
    let source = ModelSource {
        preset: Some("brats21".into()),
        ..ModelSource::at(path)
    };
    Arc::new(Bundle::open_source(&source).unwrap())
}

fn grid(dims: [usize; 3], spacing_mm: f64, angle: f64, origin: DVec3) -> Grid {
    let matrix3 = DMat3::from_rotation_z(angle) * spacing_mm;
    Grid::new(
        dims,
        DAffine3 {
            matrix3,
            translation: origin,
        },
    )
    .unwrap()
}

/// A value that grows steadily through the body, times a factor that tells channels
/// apart.
fn field(world: DVec3, factor: f64) -> f64 {
    factor * (100.0 + 2.0 * world.x - world.y + 0.5 * world.z)
}

fn write(path: &Path, grid: &Grid, factor: f64) {
    let values: Vec<f32> = (0..grid.voxel_count())
        .map(|i| field(grid.world(grid.position(i).map(|v| v as f64)), factor) as f32)
        .collect();
    write_value_frames(path, grid, &[&values]).unwrap();
}

fn open(files: &[ScanFile]) -> Arc<Scan> {
    Arc::new(
        Scan::open(
            files,
            &OpenOptions::default(),
            &mut Reading {
                progress: &mut |_| {},
                slice: &mut |_| {},
                cancel: &CancelToken::new(),
            },
        )
        .unwrap(),
    )
}

#[test]
fn channels_come_in_any_order_and_on_any_grid() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    assert_eq!(
        bundle.description().channels,
        ["FLAIR", "T1 post contrast", "T1", "T2"]
    );
    let own = grid([20, 18, 16], 2.0, 0.0, DVec3::new(-20.0, -18.0, -16.0));
    let finer = grid([44, 40, 36], 1.0, 0.1, DVec3::new(-20.0, -22.0, -17.0));
    let names = ["p_t1.nii", "p_t1ce.nii", "p_t2.nii", "p_flair.nii"];
    let files: Vec<ScanFile> = names
        .iter()
        .zip([(own, 3.0), (finer, 2.0), (own, 4.0), (own, 1.0)])
        .map(|(name, (grid, factor))| {
            let path = folder.path().join(name);
            write(&path, &grid, factor);
            path.into()
        })
        .collect();
    let study = Study::new(open(&files), Arc::clone(&bundle), RegionChoice::Whole).unwrap();
    let found: Vec<&str> = study.scan.channels.iter().map(|c| c.name()).collect();
    assert_eq!(found, ["p_flair", "p_t1ce", "p_t1", "p_t2"]);
    let inputs: Vec<&str> = study
        .scan
        .inputs
        .iter()
        .map(|i| i.file_name.as_str())
        .collect();
    assert_eq!(
        inputs,
        ["p_flair.nii", "p_t1ce.nii", "p_t1.nii", "p_t2.nii"]
    );
    for (channel, factor) in study.scan.channels.iter().zip([1.0, 2.0, 3.0, 4.0]) {
        assert!(channel.grid().same_place(&own));
        for voxel in [[8, 8, 8], [10, 9, 7], [12, 6, 5]] {
            let expected = field(own.world(voxel.map(|v| v as f64)), factor);
            let found = channel.value(voxel).unwrap();
            assert!(
                (found - expected).abs() < 1e-3,
                "{} {found} {expected}",
                channel.name()
            );
        }
    }
    let notes = study.notes();
    assert!(
        notes.iter().any(|n| n.contains("FLAIR is p_flair.nii")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|n| n.starts_with("p_t1ce lies on another grid than p_flair")),
        "{notes:?}"
    );
    // Looking elsewhere changes nothing about the scan.
    let moved = study.with_region(study.region).unwrap();
    assert!(Arc::ptr_eq(&moved.scan, &study.scan));

    // What the user says goes before names.
    let mut said = files.clone();
    said[0].channel = Some("t2".into());
    said[2].channel = Some("T1".into());
    let study = Study::new(open(&said), Arc::clone(&bundle), RegionChoice::Whole).unwrap();
    let found: Vec<&str> = study.scan.channels.iter().map(|c| c.name()).collect();
    assert_eq!(found, ["p_flair", "p_t1ce", "p_t2", "p_t1"]);

    let too_few = Study::new(open(&files[..3]), Arc::clone(&bundle), RegionChoice::Whole);
    assert!(matches!(too_few, Err(EngineError::Channels { got: 3, .. })));
    let far = grid([8; 3], 1.0, 0.0, DVec3::splat(500.0));
    let path = folder.path().join("p_far_t1.nii");
    write(&path, &far, 1.0);
    let mut apart = files;
    apart[0] = path.into();
    let error = Study::new(open(&apart), bundle, RegionChoice::Whole).unwrap_err();
    assert!(matches!(error, EngineError::Apart { .. }), "{error}");
}

fn not_finite(folder: &Path) -> PathBuf {
    let path = folder.join("holes.nii");
    let grid = grid([32, 40, 32], 1.0, 0.0, DVec3::ZERO);
    let mut values: Vec<f32> = (0..grid.voxel_count()).map(|i| (i % 97) as f32).collect();
    values[100] = f32::NAN;
    values[2000] = f32::INFINITY;
    write_value_frames(&path, &grid, &[&values]).unwrap();
    path
}

/// The scan stays open, and what went wrong is said.
#[test]
fn voxels_that_are_no_numbers_are_said_and_the_study_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let compute = Compute::alone(DeviceChoice::Cpu, ComputeOptions::default());
    let mut engine = Engine::start(compute, Arc::new(|| {})).unwrap();
    engine.open(
        vec![not_finite(folder.path())],
        assets::demonstration_bundle(),
        RegionChoice::Whole,
    );
    let start = Instant::now();
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Idle)) {
        assert!(start.elapsed() < Duration::from_secs(120));
        events.extend(engine.next_event());
        std::thread::sleep(Duration::from_millis(2));
    }
    let Some(Event::Opened(study)) = events.first() else {
        panic!("{events:?}");
    };
    let text = events.iter().find_map(|event| match event {
        Event::Failed(text) => Some(text.clone()),
        _ => None,
    });
    let text = text.unwrap();
    assert!(
        text.contains("holes") && text.contains("not finite"),
        "{text}"
    );
    // It can still be divided into supervoxels, and looked at elsewhere.
    engine.find_supervoxels(voxplain::engine::Division {
        study: Arc::clone(study),
        segmentation: None,
        settings: Default::default(),
    });
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(120));
        match engine.next_event() {
            Some(Event::Players(players)) => break assert!(players.count > 0),
            Some(Event::Failed(text)) => panic!("{text}"),
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
