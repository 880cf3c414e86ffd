//! Which voxels of an image are read: a box of it, or every so many.

use std::ops::Range;
use std::path::Path;

use glam::{DAffine3, DMat3, DVec3};

use super::{IoError, Opened, Request};
use crate::base::{Grid, MemoryLimit, VoxelBox};
use crate::volume::{Volume, VoxelType};

/// The voxels to take along each axis: a range, and every so many of it. The range
/// ends right behind the last voxel that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub picks: [Range<usize>; 3],
    pub stride: [usize; 3],
}

/// Voxels that lie one behind the other in a file, counted from the first voxel of
/// the image.
pub(super) struct Row {
    pub start: usize,
    pub len: usize,
}

impl Cut {
    /// What a request asks for of an image of `dims`.
    pub fn of(request: &Request, dims: [usize; 3], path: &Path) -> Result<Self, IoError> {
        let refuse = |why| {
            Err(IoError::BadPart {
                why,
                dims,
                path: path.into(),
            })
        };
        let VoxelBox { start, size } = request.part.unwrap_or(VoxelBox {
            start: [0; 3],
            size: dims,
        });
        let mut picks = [0..0, 0..0, 0..0];
        let mut strides = request.stride;
        for (axis, (pick, stride)) in picks.iter_mut().zip(&mut strides).enumerate() {
            if *stride == 0 {
                return refuse("every 0th voxel is none");
            }
            let end = start[axis].checked_add(size[axis]);
            let Some(end) = end.filter(|&end| size[axis] > 0 && end <= dims[axis]) else {
                return refuse("the part asked for lies outside the image");
            };
            // One voxel is taken at no distance from others, so it keeps its size.
            *stride = if *stride >= size[axis] { 1 } else { *stride };
            let last = if *stride == 1 && request.stride[axis] > 1 {
                start[axis]
            } else {
                start[axis] + (size[axis] - 1) / *stride * *stride
            };
            *pick = start[axis]..(last + 1).min(end);
        }
        Ok(Self {
            picks,
            stride: strides,
        })
    }

    /// Whether every voxel is taken.
    pub fn is_whole(&self, dims: [usize; 3]) -> bool {
        self.stride == [1; 3] && (0..3).all(|axis| self.picks[axis] == (0..dims[axis]))
    }

    /// The planes that are taken, if they are taken whole and without gaps.
    pub fn whole_planes(&self, dims: [usize; 3]) -> Option<Range<usize>> {
        let [x, y, z] = &self.picks;
        (self.stride == [1; 3] && *x == (0..dims[0]) && *y == (0..dims[1])).then(|| z.clone())
    }

    /// Dimensions of what is taken.
    pub fn dims(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.picks[axis].len().div_ceil(self.stride[axis]))
    }

    /// One more than the index of the last voxel that is taken.
    pub fn end(&self, dims: [usize; 3]) -> usize {
        let [x, y, z] = &self.picks;
        x.end + dims[0] * (y.end.saturating_sub(1) + dims[1] * z.end.saturating_sub(1))
    }

    /// Where the rows lie of which each gives every `stride[0]`th voxel, in the order
    /// of the file.
    pub fn rows(&self, dims: [usize; 3]) -> impl Iterator<Item = Row> + use<> {
        let Self {
            picks: [xs, ys, zs],
            stride,
        } = self.clone();
        zs.step_by(stride[2]).flat_map(move |z| {
            let xs = xs.clone();
            ys.clone().step_by(stride[1]).map(move |y| Row {
                start: xs.start + dims[0] * (y + dims[1] * z),
                len: xs.len(),
            })
        })
    }

    /// The grid of what is taken: the first voxel stays where it is in the body.
    pub fn grid(&self, grid: &Grid, path: &Path) -> Result<Grid, IoError> {
        let first = std::array::from_fn(|axis| self.picks[axis].start as f64);
        let stride = DVec3::from(self.stride.map(|n| n as f64));
        let world_from_voxel = DAffine3 {
            matrix3: grid.world_from_voxel().matrix3 * DMat3::from_diagonal(stride),
            translation: grid.world(first),
        };
        Grid::new(self.dims(), world_from_voxel).map_err(|source| IoError::Grid {
            source,
            path: path.into(),
        })
    }
}

/// Not worth asking the system about.
const ALWAYS_FREE_BYTES: u64 = 16 << 20;

/// Refuses what would take more memory than a request allows, or than there is.
/// `frames` volumes of the cut's size would be held at once.
pub(super) fn check_memory(
    request: &Request,
    cut: &Cut,
    voxel_type: VoxelType,
    frames: usize,
    path: &Path,
) -> Result<(), IoError> {
    let bytes = memory_bytes(cut.dims(), voxel_type, frames);
    let limit = match request.memory_limit {
        Some(bytes) => Some(bytes),
        None if bytes <= ALWAYS_FREE_BYTES => None,
        None => MemoryLimit::default().main_memory_bytes(),
    };
    let Some(limit) = limit.filter(|&limit| bytes > limit) else {
        return Ok(());
    };
    let thinned = |n: usize| cut.dims().map(|size| size.div_ceil(n));
    let most = cut.dims().into_iter().max().unwrap_or(1);
    let fits = (2..=most).find(|&n| memory_bytes(thinned(n), voxel_type, frames) <= limit);
    Err(IoError::TooLarge {
        bytes,
        limit,
        // Counted from every voxel of the file, as a request is.
        stride: fits.map(|n| n * request.stride.into_iter().max().unwrap_or(1)),
        path: path.into(),
    })
}

/// What voxels take in memory in their own type.
pub(super) fn memory_bytes(dims: [usize; 3], voxel_type: VoxelType, frames: usize) -> u64 {
    dims.into_iter()
        .chain([frames, voxel_type.size_bytes()])
        .fold(1_u64, |n, size| n.saturating_mul(size as u64))
}

/// Cuts an image that was read whole because its reader cannot pass over what is not
/// wanted. One that is cut already has other dimensions than its file and stays.
pub(super) fn cut_in_memory(
    opened: Opened,
    request: &Request,
    path: &Path,
) -> Result<Opened, IoError> {
    let grid = *opened.volume.grid();
    if grid.dims() != opened.summary.dims {
        return Ok(opened);
    }
    let cut = Cut::of(request, grid.dims(), path)?;
    if cut.is_whole(grid.dims()) {
        return Ok(opened);
    }
    let cut_grid = cut.grid(&grid, path)?;
    let volume = &opened.volume;
    let cut_volume = volume
        .voxels()
        .pick(grid.dims(), &cut.picks, cut.stride)
        .and_then(|voxels| Volume::new(cut_grid, voxels, volume.value_scale(), volume.name()));
    // Always some: the cut was made for this image.
    Ok(match cut_volume {
        Some(volume) => Opened { volume, ..opened },
        None => opened,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(start: [usize; 3], size: [usize; 3], stride: [usize; 3]) -> Request {
        Request {
            part: Some(VoxelBox { start, size }),
            stride,
            ..Request::default()
        }
    }

    fn cut(request: &Request) -> Result<Cut, IoError> {
        Cut::of(request, [10, 9, 8], Path::new("scan.nii"))
    }

    #[test]
    fn ranges_end_behind_the_last_voxel_taken() {
        let cut = cut(&request([1, 2, 3], [8, 7, 5], [3, 7, 1])).unwrap();
        assert_eq!((&cut.picks, cut.stride), (&[1..8, 2..3, 3..8], [3, 1, 1]));
        assert_eq!(cut.dims(), [3, 1, 5]);
        assert_eq!(cut.end([10, 9, 8]), 8 + 10 * (2 + 9 * 7));
        assert_eq!(cut.whole_planes([10, 9, 8]), None);
        let rows: Vec<_> = cut
            .rows([10, 9, 8])
            .map(|row| (row.start, row.len))
            .collect();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[1], (1 + 10 * (2 + 9 * 4), 7));
    }

    #[test]
    fn parts_outside_and_no_stride_are_one_line() {
        for bad in [
            request([3, 0, 0], [8, 1, 1], [1; 3]),
            request([0, 0, 0], [0, 1, 1], [1; 3]),
            request([usize::MAX, 0, 0], [2, 1, 1], [1; 3]),
            request([0, 0, 0], [1, 1, 1], [1, 0, 1]),
        ] {
            let message = cut(&bad).unwrap_err().to_string();
            assert!(message.contains("10 × 9 × 8"), "{message}");
            assert!(!message.contains('\n') && message.ends_with("scan.nii"));
        }
    }

    #[test]
    fn what_does_not_fit_is_offered_thinner() {
        let limited = Request {
            memory_limit: Some(400),
            ..Request::default()
        };
        let whole = cut(&limited).unwrap();
        let check = |request: &Request, cut: &Cut| {
            check_memory(request, cut, VoxelType::I16, 1, Path::new("scan.nii"))
        };
        let Err(IoError::TooLarge {
            bytes,
            limit,
            stride,
            ..
        }) = check(&limited, &whole)
        else {
            panic!("1440 bytes fit in 400");
        };
        // 5 × 5 × 4 voxels of two bytes are 200; every voxel would be 1440.
        assert_eq!((bytes, limit, stride), (1440, 400, Some(2)));
        let message = check(&limited, &whole).unwrap_err().to_string();
        assert!(message.contains("every 2nd voxel"), "{message}");
        let thinner = Request {
            stride: [2; 3],
            ..limited
        };
        check(&thinner, &cut(&thinner).unwrap()).unwrap();
        let hopeless = Request {
            memory_limit: Some(1),
            ..Request::default()
        };
        let message = check(&hopeless, &whole).unwrap_err().to_string();
        assert!(!message.contains("every"), "{message}");
    }
}
