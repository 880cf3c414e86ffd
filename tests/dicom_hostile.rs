//! Broken DICOM files open or fail in one line, without a panic and without taking
//! more memory than the files can fill.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use voxplain::base::CancelToken;
use voxplain::io::{dicom, open_channels};

/// Remembers the largest piece of memory that any thread asked for: slices are
/// decoded on several.
struct Watching;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Most that one piece may take for files of a few kilobytes.
const MOST_BYTES: usize = 64 << 20;

/// Two slices of each fixture; one of them will be broken.
fn fixtures() -> Vec<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dicom");
    let names = [
        "shuffled",
        "implicit",
        "big_endian",
        "deflated",
        "rle",
        "jpeg2000",
        "jpeg_lossless",
        "jpeg_baseline",
        "enhanced",
        "enhanced_in_time",
        "enhanced_rle",
        "no_preamble",
        "float",
        "two_series",
        "gantry_tilt",
    ];
    let slices = names.iter().map(|name| {
        let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "dcm"))
            .collect();
        files.sort();
        files
            .iter()
            .take(2)
            .map(|file| std::fs::read(file).unwrap())
            .collect()
    });
    slices.collect()
}

/// Overwrites, cuts, repeats or removes bytes; most often where the header is.
fn broken(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..12) {
            0 => bytes.truncate(at.max(1)),
            1 => {
                let end = (at + random.random_range(1..40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 if bytes.len() > 64 => {
                let end = (at + random.random_range(1..40)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => bytes[at] = 0xFF,
            4 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
            5 => bytes[at] ^= 1 << random.random_range(0..8),
            _ => bytes[at] = random.random(),
        }
    }
    bytes
}

fn open_broken_files(count: usize, seed: u64) {
    let fixtures = fixtures();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    let (first, second) = (folder.path().join("a.dcm"), folder.path().join("b.dcm"));
    let mut opened = 0;
    for number in 0..count {
        let slices = &fixtures[random.random_range(0..fixtures.len())];
        std::fs::write(&first, broken(&slices[0], &mut random)).unwrap();
        match slices.get(1) {
            Some(slice) => std::fs::write(&second, slice).unwrap(),
            None => drop(std::fs::remove_file(&second)),
        }
        for path in [folder.path(), &first] {
            match open_channels(path, &mut |_| {}, &cancel) {
                Ok(frames) => {
                    opened += 1;
                    for frame in frames {
                        let volume = &frame.volume;
                        assert_eq!(volume.voxels().len(), volume.grid().voxel_count());
                        assert!(volume.grid().world_bounds().size_mm().is_finite());
                    }
                }
                Err(error) => {
                    let line = error.to_string();
                    assert!(
                        !line.contains('\n') && line.len() < 2000,
                        "{number}: {line}"
                    );
                }
            }
            let _ = dicom::series_in(path, &cancel);
            let _ = dicom::patient_facts(path);
        }
        let largest = LARGEST.load(Ordering::Relaxed);
        assert!(
            largest < MOST_BYTES,
            "{number}: {largest} bytes in one piece"
        );
    }
    // Both outcomes were seen.
    assert!(
        opened > count / 8 && opened < 2 * count,
        "{opened} of {count}"
    );
}

#[test]
fn three_hundred_broken_files() {
    open_broken_files(300, 1);
}

#[test]
#[ignore = "takes a minute"]
fn ten_thousand_broken_files() {
    open_broken_files(10_000, 2);
}
