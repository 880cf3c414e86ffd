//! Parts of images, early slices, memory, maps and hashes.

use std::io::Write;
use std::path::Path;

use glam::DAffine3;
use voxplain::base::{CancelToken, Grid, Progress, VoxelBox};
use voxplain::io::nifti::write_volume;
use voxplain::io::{EarlySlice, Frames, IoError, Opened, Reading, Request, describe, file_hash};
use voxplain::volume::{Volume, Voxels};

use crate::fixture;
use crate::frames::open_asked;

fn part(start: [usize; 3], size: [usize; 3], stride: [usize; 3]) -> Request {
    Request {
        part: Some(VoxelBox { start, size }),
        stride,
        frames: Frames::All,
        ..Request::default()
    }
}

#[test]
fn a_part_is_what_the_whole_has_there() {
    let asked = [
        part([0, 0, 1], [5, 4, 2], [1; 3]),
        part([1, 1, 0], [3, 2, 3], [1; 3]),
        part([0; 3], [5, 4, 3], [2; 3]),
        part([1, 0, 1], [4, 4, 2], [3, 2, 1]),
        part([4, 3, 2], [1; 3], [7; 3]),
    ];
    for name in [
        "sform_and_qform_f32_big.nii",
        "four_d_i32.nii.gz",
        "nifti2_qform_f64.nii",
        "pair_i16.hdr",
        "rgb_two_images.nii",
        "rgba.nii.gz",
        "vector_5d_f32.nii.gz",
        "analyze_i16.img",
    ] {
        let whole = open_asked(
            &fixture(name),
            &Request {
                frames: Frames::All,
                ..Request::default()
            },
        )
        .unwrap();
        for asked in &asked {
            let parts = open_asked(&fixture(name), asked).unwrap();
            assert_eq!(parts.len(), whole.len());
            for (part, whole) in parts.iter().zip(&whole) {
                assert_eq!(part.summary, whole.summary);
                compare(&part.volume, &whole.volume, asked, name);
            }
        }
    }
}

/// Every voxel of the part has the value and the place that it has in the whole.
fn compare(part: &Volume, whole: &Volume, asked: &Request, name: &str) {
    let VoxelBox { start, size } = asked.part.unwrap();
    let expected: [usize; 3] = std::array::from_fn(|a| size[a].div_ceil(asked.stride[a]));
    assert_eq!(part.grid().dims(), expected, "{name}");
    for index in 0..part.grid().voxel_count() {
        let voxel = part.grid().position(index);
        let there = std::array::from_fn(|a| start[a] + voxel[a] * asked.stride[a]);
        assert_eq!(part.value(voxel), whole.value(there), "{name} {voxel:?}");
        let place = |grid: &Grid, v: [usize; 3]| grid.world(v.map(|x| x as f64));
        let distance = place(part.grid(), voxel).distance(place(whole.grid(), there));
        assert!(distance < 1e-9, "{name} {voxel:?}");
    }
}

#[test]
fn what_is_too_large_is_refused_with_a_way_out() {
    let path = fixture("sform_and_qform_f32_big.nii");
    let limited = |bytes, stride| Request {
        memory_limit: Some(bytes),
        stride,
        ..Request::default()
    };
    assert_eq!(describe(&path).unwrap().memory_bytes, 240);
    assert!(open_asked(&path, &limited(240, [1; 3])).is_ok());
    let error = open_asked(&path, &limited(239, [1; 3])).unwrap_err();
    let IoError::TooLarge {
        stride: Some(n), ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(error.to_string().contains("every 2nd voxel"), "{error}");
    assert!(open_asked(&path, &limited(239, [n; 3])).is_ok());
}

#[test]
fn the_hash_comes_with_the_voxels() {
    for name in [
        "sform_and_qform_f32_big.nii",
        "four_d_i32.nii.gz",
        "pair_big_f32.hdr.gz",
        "analyze_i16.img",
        "../../../assets/demo/mni152_2009a_t1.nii.gz",
    ] {
        let path = fixture(name);
        let wanted = file_hash(&path).unwrap();
        let mut request = Request {
            hash: true,
            ..Request::default()
        };
        let hash = |request: &Request| open_asked(&path, request).unwrap().remove(0).file_hash;
        assert_eq!(hash(&request), Some(wanted.clone()), "{name}");
        // Also where most of the file is not needed.
        request.part = Some(VoxelBox {
            start: [0; 3],
            size: [2, 2, 1],
        });
        assert_eq!(hash(&request), Some(wanted), "{name}");
        request.hash = false;
        assert_eq!(hash(&request), None, "{name}");
    }
}

/// Writes `n` slices of 512 × 512 voxels that hold their own number.
fn numbered_slices(path: &Path, n: usize) -> Volume {
    let grid = Grid::new([512, 512, n], DAffine3::IDENTITY).unwrap();
    let voxels = (0..n).flat_map(|z| std::iter::repeat_n(z as i16, 512 * 512));
    let volume = Volume::new(grid, Voxels::I16(voxels.collect()), (1.0, 0.0), "n").unwrap();
    write_volume(path, &volume).unwrap();
    volume
}

fn watch(path: &Path, request: &Request) -> (Opened, Vec<EarlySlice>, Vec<Progress>) {
    let (mut slices, mut steps) = (Vec::new(), Vec::new());
    let mut opened = voxplain::io::open(
        path,
        request,
        &mut Reading {
            progress: &mut |p| steps.push(p),
            slice: &mut |s| slices.push(s),
            cancel: &CancelToken::new(),
        },
    )
    .unwrap();
    (opened.remove(0), slices, steps)
}

#[test]
fn slices_are_shown_before_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request::default();
    for name in ["n.nii.gz", "n.nii"] {
        let path = folder.path().join(name);
        let volume = numbered_slices(&path, 24);
        let (opened, slices, steps) = watch(&path, &request);
        assert_eq!(opened.volume.voxels(), volume.voxels());
        for slice in &slices {
            assert_eq!(slice.dims, [512, 512, 24]);
            assert_eq!(
                slice.voxels,
                Voxels::I16(vec![slice.index as i16; 512 * 512])
            );
        }
        let first = if name == "n.nii" { 12 } else { 0 };
        assert_eq!(slices[0].index, first, "{name}");
        assert_eq!(steps.last().unwrap().fraction(), Some(1.0));
    }
}

#[test]
fn large_plain_files_stay_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.nii");
    // 64 MiB and a little, nearly all of it a hole in the file.
    numbered_slices(&path, 1);
    let mut header = std::fs::read(&path).unwrap();
    header[46..48].copy_from_slice(&130_i16.to_le_bytes());
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&header[..352]).unwrap();
    file.set_len(352 + 130 * 512 * 512 * 2).unwrap();
    write_at(&mut file, 352 + 65 * 512 * 512 * 2, &[7; 512 * 512 * 2]);

    let seven = i16::from_le_bytes([7, 7]);
    let mut request = Request {
        hash: true,
        ..Request::default()
    };
    let (mapped, slices, _) = watch(&path, &request);
    assert!(matches!(mapped.volume.voxels(), Voxels::Shared(_)));
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].index, 65);
    assert_eq!(slices[0].voxels, Voxels::I16(vec![seven; 512 * 512]));
    assert_eq!(mapped.file_hash, Some(file_hash(&path).unwrap()));
    assert_eq!(mapped.volume.value([3, 3, 65]), Some(f64::from(seven)));

    request.map_files = false;
    let (read, slices, _) = watch(&path, &request);
    assert!(matches!(read.volume.voxels(), Voxels::I16(_)));
    assert_eq!(slices[0].index, 65);
    assert_eq!(read.volume, mapped.volume);

    // What has to be swapped is read whatever was asked.
    request.map_files = true;
    let big: Vec<u8> = header[..352].to_vec();
    let mut swapped = big.clone();
    for (start, size, count) in [
        (0, 4, 1),
        (40, 2, 8),
        (68, 2, 3),
        (76, 4, 13),
        (252, 2, 2),
        (256, 4, 18),
    ] {
        for field in 0..count {
            swapped[start + field * size..start + (field + 1) * size].reverse();
        }
    }
    write_at(&mut file, 0, &swapped);
    let (foreign, ..) = watch(&path, &request);
    assert!(foreign.summary.big_endian);
    assert!(matches!(foreign.volume.voxels(), Voxels::I16(_)));
    assert_eq!(foreign.volume.value([3, 3, 65]), Some(f64::from(seven)));
}

fn write_at(file: &mut std::fs::File, at: u64, bytes: &[u8]) {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}
