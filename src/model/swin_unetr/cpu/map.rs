//! Feature maps: images with the channels of a voxel side by side.

use super::matrix::Rows;
use super::simd::MAX_LANES;

/// Floats after the last of a map that a kernel may read with a whole vector, and never
/// uses.
const SLACK: usize = MAX_LANES;

/// A map of `dims` voxels, each of `channels` floats, with a border of one voxel of zeros
/// all around, or none.
#[derive(Debug, Clone)]
pub struct Map {
    values: Vec<f32>,
    pub dims: [usize; 3],
    pub channels: usize,
    pub border: usize,
}

impl Map {
    /// A map in a buffer that was used before, if there is one. Only the border is
    /// sure to be zero.
    pub fn new(pool: &mut Pool, dims: [usize; 3], channels: usize, border: usize) -> Self {
        assert!(border <= 1);
        let [d, h, w] = dims.map(|n| n + 2 * border);
        let count = d * h * w * channels + SLACK;
        let (mut values, fresh) = pool.take(count);
        let row = w * channels;
        if border > 0 && !fresh {
            let plane = h * row;
            for (z, plane) in values.chunks_mut(plane).take(d).enumerate() {
                if z == 0 || z == d - 1 {
                    plane.fill(0.0);
                    continue;
                }
                for (y, row) in plane.chunks_mut(row).enumerate() {
                    if y == 0 || y == h - 1 {
                        row.fill(0.0);
                    } else if let Some(last) = row.len().checked_sub(channels) {
                        row[..channels].fill(0.0);
                        row[last..].fill(0.0);
                    }
                }
            }
        }
        Self {
            values,
            dims,
            channels,
            border,
        }
    }

    /// Gives the buffer back.
    pub fn recycle(self, pool: &mut Pool) {
        pool.give(self.values);
    }

    /// The buffer of a map without a border: its voxels one after the other, and slack.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Floats from a voxel to the next along each axis.
    pub fn strides(&self) -> [usize; 3] {
        let [_, h, w] = self.dims.map(|n| n + 2 * self.border);
        [h * w * self.channels, w * self.channels, self.channels]
    }

    /// Where the first voxel inside the border starts.
    pub fn origin(&self) -> usize {
        self.strides().iter().sum::<usize>() * self.border
    }

    /// Where the row of voxels (d, h) starts.
    pub fn row(&self, d: usize, h: usize) -> usize {
        let [plane, row, _] = self.strides();
        self.origin() + d * plane + h * row
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// A row of voxels to read.
    pub fn read_row(&self, d: usize, h: usize) -> Rows<*const f32> {
        Rows::new(self.values[self.row(d, h)..].as_ptr(), self.channels)
    }

    /// The first float, of the border if there is one.
    pub fn as_ptr(&self) -> *const f32 {
        self.values.as_ptr()
    }

    /// The map for several threads to write, each other parts of it.
    pub fn target(&mut self) -> Target {
        Target {
            origin: self.origin(),
            strides: self.strides(),
            values: Shared::new(&mut self.values),
        }
    }
}

/// A map that several threads write, each other parts of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    values: Shared,
    /// Where the first voxel inside the border starts.
    origin: usize,
    /// Floats from a voxel to the next along each axis.
    pub strides: [usize; 3],
}

impl Target {
    /// The voxel (d, h, w).
    ///
    /// # Safety
    ///
    /// The voxel must be inside the map, and the map must live.
    #[inline(always)]
    pub unsafe fn voxel(&self, d: usize, h: usize, w: usize) -> *mut f32 {
        let [plane, row, voxel] = self.strides;
        // SAFETY: the caller's contract.
        unsafe {
            self.values
                .pointer()
                .add(self.origin + d * plane + h * row + w * voxel)
        }
    }

    /// A row of voxels, from its first on.
    ///
    /// # Safety
    ///
    /// As of [`voxel`](Self::voxel).
    #[inline(always)]
    pub unsafe fn row(&self, d: usize, h: usize) -> Rows<*mut f32> {
        // SAFETY: the caller's contract.
        Rows::new(unsafe { self.voxel(d, h, 0) }, self.strides[2])
    }
}

/// A buffer that several threads write, each other parts of it.
#[derive(Debug, Clone, Copy)]
pub struct Shared(*mut f32);

// SAFETY: a pointer alone; those who write through it keep their parts apart.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    pub fn pointer(self) -> *mut f32 {
        self.0
    }
}

/// Buffers that were used before: a forward pass asks for the same again and again.
#[derive(Debug, Default)]
pub struct Pool {
    free: Vec<Vec<f32>>,
}

impl Pool {
    /// A buffer of a length, with anything in it.
    pub fn buffer(&mut self, count: usize) -> Vec<f32> {
        self.take(count).0
    }

    /// A buffer of a length, and whether it is all zeros.
    fn take(&mut self, count: usize) -> (Vec<f32>, bool) {
        let best = self
            .free
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.capacity() >= count && buffer.capacity() / 4 <= count)
            .min_by_key(|(_, buffer)| buffer.capacity())
            .map(|(index, _)| index);
        match best {
            Some(index) => {
                let mut buffer = self.free.swap_remove(index);
                buffer.resize(count, 0.0);
                (buffer, false)
            }
            None => (vec![0.0; count], true),
        }
    }

    /// Takes a buffer back.
    pub fn give(&mut self, buffer: Vec<f32>) {
        self.free.push(buffer);
    }
}
