//! Odd, broken and hostile files open or fail in one line, without a panic and
//! without taking more memory than the file can fill.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use glam::DVec3;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use voxplain::base::CancelToken;
use voxplain::io::{GeometryWarning, IoError, Opened, describe, open_channels, open_volume};

/// Counts the memory that each thread, so each test, holds, and remembers the most and
/// the largest piece it asked for.
struct Watching;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// Below zero where a thread frees what others gave it.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(size: usize, freed: usize) {
    LARGEST.with(|largest| largest.set(largest.get().max(size)));
    LIVE.with(|live| {
        live.set(live.get() + size as isize - freed as isize);
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
    });
}

/// What an action gives, and the most memory it held at once.
fn measured<T>(action: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = action();
    (result, (PEAK.get() - before) as usize)
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn open(path: &Path) -> Result<Opened, IoError> {
    open_volume(path, &mut |_| {}, &CancelToken::new())
}

/// What opening may hold besides twice what the header promises.
const SLACK_BYTES: usize = 64 << 20;

/// Opens a file both ways and asks what it is; panics if what comes out is not as
/// promised.
fn open_and_judge(path: &Path) -> Result<Opened, IoError> {
    let (described, peak) = measured(|| describe(path));
    assert!(peak < SLACK_BYTES, "{peak} bytes for a header");
    let (frames, frames_peak) = measured(|| open_channels(path, &mut |_| {}, &CancelToken::new()));
    let (first, first_peak) = measured(|| open(path));
    let promised = match &described {
        Ok(described) => described.memory_bytes as usize,
        Err(_) => frames.iter().flatten().map(held_bytes).sum(),
    };
    let peak = frames_peak.max(first_peak);
    assert!(
        peak <= promised.saturating_mul(2).saturating_add(SLACK_BYTES),
        "{peak} bytes for {promised} that were promised"
    );
    match (&frames, &first) {
        (Ok(frames), Ok(first)) => {
            assert!(!frames.is_empty() && frames.len() == first.summary.frames);
            for opened in frames.iter().chain([first]) {
                let volume = &opened.volume;
                assert_eq!(volume.voxels().len(), volume.grid().voxel_count());
                assert!(volume.value([0; 3]).is_some());
                assert!(volume.grid().world_bounds().size_mm().is_finite());
                for warning in &opened.warnings {
                    assert!(!warning.to_string().contains('\n'));
                }
            }
        }
        // Later frames of a damaged file are seen only by who asks for them.
        (Err(_), Ok(first)) => assert!(first.summary.frames > 1),
        (Ok(_), Err(e)) => panic!("{e}"),
        (Err(_), Err(_)) => {}
    }
    for error in [
        described.err().map(|e| e.to_string()),
        frames.err().map(|e| e.to_string()),
        first.as_ref().err().map(|e| e.to_string()),
    ] {
        let Some(message) = error else { continue };
        assert!(!message.contains('\n'), "{message}");
        // The file, or the other of two that make an image.
        let named = message.rsplit_once(": ").map(|(_, name)| Path::new(name));
        let folder = named.and_then(Path::parent);
        assert!(folder == path.parent(), "{message}");
    }
    first
}

fn held_bytes(opened: &Opened) -> usize {
    let voxels = opened.volume.voxels();
    voxels.len() * voxels.voxel_type().size_bytes()
}

#[test]
fn held_memory_is_counted() {
    let (kept, peak) = measured(|| {
        let kept = vec![1_u8; 1 << 20];
        drop(vec![1_u8; 3 << 20]);
        drop(vec![1_u8; 2 << 20]);
        kept
    });
    assert_eq!((kept.len(), peak), (1 << 20, 4 << 20));
}

#[test]
fn what_is_no_scan_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        open_and_judge(&path).unwrap_err().to_string()
    };
    let mut dicom = vec![0; 400];
    dicom[128..132].copy_from_slice(b"DICM");
    assert!(message("a.dcm", &dicom).starts_with("the DICOM file cannot be read"));
    assert!(message("a.nii", b"\x89PNG\r\n\x1a\n").starts_with("this is a PNG picture"));
    assert!(message("b.nii", b"").starts_with("the file is empty"));
    assert!(message("c.nii.gz", b"\x1f\x8b").starts_with("the file is empty"));
    assert!(message("d.nii.gz", &[0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]).contains("damaged"));
    assert!(message("e.nii", &348_i32.to_le_bytes()).contains("promises 348 bytes of header"));

    let missing = folder.path().join("none.nii");
    assert!(
        open_and_judge(&missing)
            .unwrap_err()
            .to_string()
            .starts_with("there is no such file")
    );
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let is_folder = open_and_judge(&empty).unwrap_err().to_string();
    assert!(
        is_folder.starts_with("there is no DICOM image here"),
        "{is_folder}"
    );
    let odd = folder.path().join("two\nlines.nii");
    assert!(!open(&odd).unwrap_err().to_string().contains('\n'));
}

/// A small file that opens, and the others of its image that have to lie beside it.
struct Seed {
    name: String,
    /// Inflated, if the file is gzip data.
    bytes: Vec<u8>,
    beside: Vec<(String, Vec<u8>)>,
}

/// All small images under tests/fixtures, whatever their format.
fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for format in ["nifti", "formats", "dicom"] {
        let folder = root().join("tests/fixtures").join(format);
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.metadata()
                    .is_ok_and(|m| m.is_file() && m.len() < 1 << 16)
            })
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, std::fs::read(&path).unwrap())
            })
            .filter(|(name, _)| {
                ![".json", ".md", ".py"]
                    .iter()
                    .any(|end| name.ends_with(end))
            })
            .collect();
        files.sort();
        for (name, bytes) in &files {
            let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
            let beside = files
                .iter()
                .filter(|(other, _)| other != name && stem(other) == stem(name));
            let mut inflated = Vec::new();
            let packed = flate2::read::MultiGzDecoder::new(bytes.as_slice())
                .read_to_end(&mut inflated)
                .is_ok();
            seeds.push(Seed {
                name: name.clone(),
                bytes: if packed { inflated } else { bytes.clone() },
                beside: beside.cloned().collect(),
            });
        }
    }
    assert!(seeds.len() >= 20);
    seeds
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// What is done to a seed.
#[derive(Debug, Clone)]
struct Mutation {
    seed: usize,
    changes: Vec<(usize, u8)>,
    cut: Option<usize>,
    insert: Option<(usize, Vec<u8>)>,
    compress: bool,
    damage: Option<(usize, u8)>,
}

fn mutations(seeds: usize) -> impl Strategy<Value = Mutation> {
    // Bytes that make extreme numbers, or other numbers in a text, are as likely as all
    // others together.
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![0, 1, 0x7f, 0x80, 0xff]),
        prop::sample::select(b"019-. :=\n".to_vec())
    ];
    // Headers are what is believed, so most changes hit them.
    let place = prop_oneof![3 => 0..560_usize, 1 => 0..4096_usize];
    (
        0..seeds,
        prop::collection::vec((place.clone(), byte), 0..6),
        prop::option::weighted(0.2, 0..1100_usize),
        prop::option::weighted(0.1, (place, prop::collection::vec(any::<u8>(), 1..40))),
        any::<bool>(),
        prop::option::weighted(0.2, (0..500_usize, any::<u8>())),
    )
        .prop_map(|(seed, changes, cut, insert, compress, damage)| Mutation {
            seed,
            changes,
            cut,
            insert,
            compress,
            damage,
        })
}

impl Mutation {
    fn apply(&self, seed: &Seed) -> Vec<u8> {
        let mut bytes = seed.bytes.clone();
        for &(at, byte) in &self.changes {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        if let Some((at, more)) = &self.insert {
            let at = (*at).min(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        bytes.truncate(self.cut.unwrap_or(usize::MAX));
        if self.compress {
            bytes = gzip(&bytes);
            if let Some((at, byte)) = self.damage
                && let Some(slot) = bytes.get_mut(at)
            {
                *slot = byte;
            }
        }
        bytes
    }
}

/// A folder of its own for a case, because writing over a file waits for the disk; in
/// memory, where the system has such a place.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Opens mutated seeds; how many opened and how many were refused.
fn break_files(cases: u32, random: u8) -> (usize, usize) {
    let seeds = seeds();
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[random; 32]);
    let mut runner = TestRunner::new_with_rng(config, random);
    let (opened, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let result = runner.run(&mutations(seeds.len()), |mutation| {
        let folder = fast_folder();
        let seed = &seeds[mutation.seed];
        for (name, bytes) in &seed.beside {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let path = folder.path().join(&seed.name);
        std::fs::write(&path, mutation.apply(seed)).unwrap();
        let counter = if open_and_judge(&path).is_ok() {
            &opened
        } else {
            &refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    result.unwrap();
    (opened.into_inner(), refused.into_inner())
}

#[test]
fn two_thousand_broken_files() {
    let (opened, refused) = break_files(2000, 1);
    // Both ends of the readers were exercised.
    assert!(opened > 200 && refused > 200, "{opened} {refused}");
    let largest = LARGEST.get();
    assert!(
        largest < 8 << 20,
        "{largest} bytes for a file of a few hundred"
    );
}

#[test]
#[ignore = "takes a minute"]
fn a_hundred_thousand_broken_files() {
    let threads =
        [2, 3, 4, 5].map(|random| std::thread::spawn(move || break_files(25_000, random)));
    for thread in threads {
        let (opened, refused) = thread.join().unwrap();
        assert!(opened > 2500 && refused > 2500, "{opened} {refused}");
    }
}

fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("../shared/samples/hostile").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn every_odd_file_opens_or_says_why() {
    let mut opened = Vec::new();
    for path in samples("derived").into_iter().chain(samples("real")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match open_and_judge(&path) {
            Ok(scan) => {
                let s = &scan.summary;
                println!("{name}: {:?} {} {:?}", s.dims, s.orientation, scan.warnings);
                opened.push(name);
            }
            Err(e) => println!("{name}: {e}"),
        }
    }
    println!(
        "{} opened, largest allocation {}",
        opened.len(),
        LARGEST.get()
    );
    assert!(LARGEST.get() < 64 << 20);
    let has = |name: &str| opened.iter().any(|n| n == name);
    for name in [
        "all_nan.nii.gz",
        "big_endian.nii.gz",
        "gz_named_nii.nii",
        "nii_named_gz.nii.gz",
        "gzip_bomb_like.nii.gz",
        "nifti2.nii.gz",
        "two_d.nii.gz",
        "single_voxel.nii.gz",
        "shape_4d_last1.nii.gz",
        "nibabel__tests__data__functional.nii",
        "nifti_rs__27__uint64.nii",
        "nifti_reader_js__5D_small.nii",
        "pair.hdr",
        "pair.img",
        "nifti_rs__rgb__3D.nii",
        "nifti_rs__rgba__4D.nii",
        "nifti_reader_js__air.hdr.gz",
        "nifti_rs__minimal.img",
    ] {
        assert!(has(name), "{name} must open");
    }
    for name in [
        "truncated_mid_gzip.nii.gz",
        "truncated_voxels.nii",
        "header_only.nii",
        "huge_dims.nii",
        "negative_dim.nii",
        "ndim9.nii",
        "vox_offset_1e9.nii",
        "vox_offset_nan.nii",
        "bad_datatype.nii",
        "bad_magic.nii",
        "sform_all_zero_code1.nii",
        "nifti_rs__avg152T1_LR_nifti.hdr.gz",
        "niivue_repo__images__complex_image.nii.gz",
        "nifti_reader_js__not-nifti.nii",
    ] {
        assert!(!has(name), "{name} must be refused");
    }
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn derived_files_hold_the_same_scan() {
    let folder = root().join("../shared/samples/hostile/derived");
    let plain = open(&folder.join("gz_named_nii.nii")).unwrap().volume;
    let voxels = [[0, 0, 0], [60, 50, 15], [121, 100, 29], [30, 80, 7]];
    for name in [
        "big_endian.nii.gz",
        "nifti2.nii.gz",
        "scl_nan_inf.nii",
        "units_metre.nii.gz",
        "shape_4d_last1.nii.gz",
    ] {
        let other = open(&folder.join(name)).unwrap().volume;
        for voxel in voxels {
            assert_eq!(other.value(voxel), plain.value(voxel), "{name} {voxel:?}");
            let at = voxel.map(|v| v as f64);
            assert!(
                other.grid().world(at).distance(plain.grid().world(at)) < 1e-3,
                "{name}"
            );
        }
    }
    let scaled = open(&folder.join("scl_half_minus1024.nii.gz"))
        .unwrap()
        .volume;
    for voxel in voxels {
        let stored = plain.value(voxel).unwrap();
        assert_eq!(scaled.value(voxel), Some(stored * 0.5 - 1024.0));
    }
    let bomb = open(&folder.join("gzip_bomb_like.nii.gz")).unwrap();
    assert_eq!(bomb.warnings, [GeometryWarning::TrailingData]);
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn forty_eight_orientations_show_one_body() {
    let files = samples("orientations");
    assert_eq!(files.len(), 48);
    let reference = open(&files[0]).unwrap().volume;
    let bounds = reference.grid().world_bounds();
    let points: Vec<DVec3> = (0..400)
        .map(|i| {
            // A fixed scatter of points (golden-ratio steps), away from the rim.
            let t = |k: f64| 0.05 + 0.9 * (f64::from(i) * k).fract();
            DVec3::from(bounds.min) + bounds.size_mm() * DVec3::new(t(0.618), t(0.755), t(0.57))
        })
        .collect();
    for path in &files {
        let opened = open(path).unwrap();
        let letters = opened.summary.orientation.as_str();
        assert_eq!(
            path.file_name().unwrap().to_string_lossy(),
            format!("{letters}.nii.gz")
        );
        let grid = opened.volume.grid();
        for &point in &points {
            // Take the reference's voxel centre, so that rounding cannot choose another.
            let voxel = reference.grid().nearest_voxel(point).unwrap();
            let centre = reference.grid().world(voxel.map(|v| v as f64));
            let here = grid.nearest_voxel(centre).unwrap();
            assert!(
                grid.world(here.map(|v| v as f64)).distance(centre) < 1e-2,
                "{letters}"
            );
            assert_eq!(
                opened.volume.value(here),
                reference.value(voxel),
                "{letters} {centre}"
            );
        }
    }
}
