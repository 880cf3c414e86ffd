//! Every odd, broken and hostile file of the samples comes to what the table says:
//! tests/fixtures/hostile/expected.csv, made by make.py there from what nibabel and
//! SimpleITK read, with a reason wherever the program differs by choice.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use voxplain::base::CancelToken;
use voxplain::io::{self, IoError, Opened};
use voxplain::volume::VoxelType;

/// Counts the memory that is held, and the most that ever was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(size: usize) {
    let held = HELD.fetch_add(size, Ordering::Relaxed) + size;
    MOST.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Deserialize)]
struct Row {
    file: String,
    /// `opens`, or the kind of error it must fail with.
    outcome: String,
    dims: String,
    frames: Option<usize>,
    #[serde(rename = "type")]
    voxel_type: String,
    affine: String,
    mean: Option<f64>,
    nibabel: String,
    simpleitk: String,
    reason: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Vec<Row> {
    let path = root().join("tests/fixtures/hostile/expected.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn numbers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    let parse = |word: &str| word.parse().ok();
    text.split(' ').filter_map(parse).collect()
}

fn type_code(t: VoxelType) -> &'static str {
    match t {
        VoxelType::U8 => "u8",
        VoxelType::I8 => "i8",
        VoxelType::U16 => "u16",
        VoxelType::I16 => "i16",
        VoxelType::U32 => "u32",
        VoxelType::I32 => "i32",
        VoxelType::U64 => "u64",
        VoxelType::I64 => "i64",
        VoxelType::F32 => "f32",
        VoxelType::F64 => "f64",
    }
}

/// The mean of all finite values.
fn mean(opened: &Opened) -> Option<f64> {
    let volume = &opened.volume;
    let (slope, intercept) = volume.value_scale();
    let values = (0..volume.grid().voxel_count())
        .filter_map(|i| volume.voxels().get(i))
        .map(|stored| stored * slope + intercept)
        .filter(|value| value.is_finite());
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// The name of the variant.
fn kind(error: &IoError) -> String {
    let text = format!("{error:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// What is wrong with the outcome, empty if it is the row's.
fn judge(row: &Row, path: &Path) -> Vec<String> {
    let held = HELD.load(Ordering::Relaxed);
    MOST.store(held, Ordering::Relaxed);
    let result = io::open_volume(path, &mut |_| {}, &CancelToken::new());
    let used = MOST.load(Ordering::Relaxed) - held;
    let mut wrong = Vec::new();
    let mut promised = 0;
    match &result {
        Err(error) => {
            let message = error.to_string();
            if message.contains('\n') || !message.contains(&*path.to_string_lossy()) {
                wrong.push(format!("not one line with the file's name: {message}"));
            }
            let remedies = ["again", "first", "put ", "check", "choose", "give "];
            if !remedies.iter().any(|remedy| message.contains(remedy)) {
                wrong.push(format!("says no remedy: {message}"));
            }
            let kind = kind(error);
            if row.outcome != kind {
                wrong.push(format!("must be {} and is {kind}: {message}", row.outcome));
            }
        }
        Ok(_) if row.outcome != "opens" => wrong.push(format!("opens; must be {}", row.outcome)),
        Ok(opened) => {
            promised = opened.volume.voxels().len() * opened.summary.voxel_type.size_bytes();
            wrong.extend(differences(row, opened));
        }
    }
    if used > 2 * promised + (64 << 20) {
        wrong.push(format!("took {used} bytes for {promised} bytes of voxels"));
    }
    wrong
}

fn differences(row: &Row, opened: &Opened) -> Vec<String> {
    let mut wrong = Vec::new();
    let s = &opened.summary;
    if s.dims.to_vec() != numbers::<usize>(&row.dims) || Some(s.frames) != row.frames {
        wrong.push(format!(
            "{:?} × {} is not {} × {:?}",
            s.dims, s.frames, row.dims, row.frames
        ));
    }
    if type_code(s.voxel_type) != row.voxel_type {
        wrong.push(format!("{:?} is not {}", s.voxel_type, row.voxel_type));
    }
    let m = opened.volume.grid().world_from_voxel();
    let columns = [
        m.matrix3.x_axis,
        m.matrix3.y_axis,
        m.matrix3.z_axis,
        m.translation,
    ];
    let affine = (0..12).map(|i| columns[i % 4][i / 4]);
    let wanted: Vec<f64> = numbers(&row.affine);
    let close = |(a, b): (f64, &f64)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    if wanted.len() != 12 || !affine.zip(&wanted).all(close) {
        wrong.push(format!("{m:?} is not {}", row.affine));
    }
    let same = match (mean(opened), row.mean) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1e-3),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !same {
        wrong.push(format!("the mean {:?} is not {:?}", mean(opened), row.mean));
    }
    wrong
}

#[test]
fn each_row_says_enough() {
    let rows = table();
    assert!(rows.len() > 80);
    for row in &rows {
        let opens = row.outcome == "opens";
        assert_eq!(
            opens,
            !row.dims.is_empty() && !row.affine.is_empty(),
            "{}",
            row.file
        );
        // Where the program is not what a peer is, somebody must have said why.
        let nibabel = opens == (row.nibabel == "opens");
        let simpleitk = row.simpleitk == if opens { "the same" } else { "fails" };
        let reason = !row.reason.is_empty();
        assert!(nibabel && simpleitk || reason, "{} has no reason", row.file);
    }
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn every_file_comes_to_what_the_table_says() {
    let samples = root().join("../shared/samples/hostile");
    let rows = table();
    let mut wrong = Vec::new();
    for row in &rows {
        let differences = judge(row, &samples.join(&row.file));
        wrong.extend(differences.iter().map(|d| format!("{}: {d}", row.file)));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );

    // No file without a row.
    for folder in ["derived", "real"] {
        for entry in std::fs::read_dir(samples.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            let file = format!("{folder}/{name}");
            assert!(
                name.ends_with(".md") || rows.iter().any(|row| row.file == file),
                "{file}"
            );
        }
    }
}
