//! How the numbers of a file become frames with x fastest.
//!
//! Files differ in which axis runs fastest and in where the frames (components, time
//! points) are: apart, one after the other, or interleaved voxel by voxel.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::early::Early;
use super::source::{Stored, Stream, reserved, with_type};
use super::{EarlySlice, IoError};
use crate::volume::{VoxelType, Voxels};

/// Numbers read at a time, before they go to their places.
const CHUNK: usize = 1 << 18;

/// What an axis of a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Voxels along x (0), y (1) or z (2).
    Space(usize),
    /// Frames. Of several such axes the one that runs faster counts faster.
    Frames,
}

/// One axis of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub size: usize,
    pub role: Role,
}

/// All axes of a file and the type of its numbers.
#[derive(Debug, Clone)]
pub(super) struct AxisLayout {
    /// Fastest first. A direction of space without an axis has one voxel.
    pub axes: Vec<Axis>,
    pub voxel_type: VoxelType,
    pub big_endian: bool,
}

/// Where a step along a file's axis leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    size: usize,
    frame: usize,
    voxel: usize,
}

impl AxisLayout {
    pub fn dims(&self) -> [usize; 3] {
        std::array::from_fn(|direction| {
            self.axes
                .iter()
                .find(|axis| axis.role == Role::Space(direction))
                .map_or(1, |axis| axis.size)
        })
    }

    pub fn frames(&self) -> usize {
        let sizes = self.axes.iter().filter(|axis| axis.role == Role::Frames);
        sizes.fold(1, |n, axis| n.saturating_mul(axis.size))
    }

    /// Bytes of all numbers, as far as a computer can count.
    pub fn bytes(&self) -> u64 {
        let start = self.voxel_type.size_bytes() as u64;
        let sizes = self.axes.iter().map(|axis| axis.size as u64);
        sizes.fold(start, u64::saturating_mul)
    }

    /// The numbers of the file, from the first to the last one that some frames need.
    fn span(&self, frames: &Range<usize>) -> Range<usize> {
        let apart = self.axes.iter().rev();
        let apart = apart.take_while(|axis| axis.role == Role::Frames).count();
        let together = self.axes.get(..self.axes.len() - apart).unwrap_or_default();
        let numbers: usize = together.iter().map(|axis| axis.size).product();
        let inner = together.iter().filter(|axis| axis.role == Role::Frames);
        let inner: usize = inner.map(|axis| axis.size).product();
        frames.start / inner * numbers..frames.end.div_ceil(inner) * numbers
    }

    /// Bytes from the first number of the file to the last one that some frames need.
    pub fn end_bytes(&self, frames: &Range<usize>) -> u64 {
        (self.span(frames).end * self.voxel_type.size_bytes()) as u64
    }

    /// Whether reading some frames goes to the end of the voxels.
    pub fn reaches_end(&self, frames: &Range<usize>) -> bool {
        let all: usize = self.axes.iter().map(|axis| axis.size).product();
        self.span(frames).end == all
    }

    fn steps(&self) -> Vec<Step> {
        let [nx, ny, _] = self.dims();
        let strides = [1, nx, nx * ny];
        let mut frame_stride = 1;
        let steps = self.axes.iter().map(|axis| match axis.role {
            Role::Space(direction) => Step {
                size: axis.size,
                frame: 0,
                voxel: strides.get(direction).copied().unwrap_or(0),
            },
            Role::Frames => {
                let frame = frame_stride;
                frame_stride *= axis.size;
                Step {
                    size: axis.size,
                    frame,
                    voxel: 0,
                }
            }
        });
        joined(steps)
    }

    /// Reads frames from a stream that stands at the first voxel. The caller has made
    /// sure that the file can hold all [`bytes`](Self::bytes).
    pub fn read<R: Read>(
        &self,
        stream: &mut Stream<'_, R>,
        frames: Range<usize>,
        slice: &mut dyn FnMut(EarlySlice),
    ) -> Result<Vec<Voxels>, IoError> {
        with_type!(self.voxel_type, T => self.read_as::<T, R>(stream, frames, slice))
    }

    fn read_as<T: Stored, R: Read>(
        &self,
        stream: &mut Stream<'_, R>,
        frames: Range<usize>,
        slice: &mut dyn FnMut(EarlySlice),
    ) -> Result<Vec<Voxels>, IoError> {
        let span = self.span(&frames);
        stream.skip_voxels((span.start * self.voxel_type.size_bytes()) as u64)?;
        let voxels: usize = self.dims().iter().product();
        let mut images = Vec::new();
        for _ in frames.clone() {
            images.push(room_for::<T>(voxels, stream.path)?);
        }
        let mut places = Places::new(self.steps(), span.start, frames.start);
        let slices = Slices::new(self, &frames);
        let mut early = Early::new(self.dims(), (1.0, 0.0), slice);
        let mut done = span.start;
        while done < span.end {
            let count = slices.first_numbers(done).unwrap_or(CHUNK);
            let count = count.min(CHUNK).min(span.end - done);
            let chunk = stream.vec::<T>(count, self.big_endian, &mut Early::none())?;
            places.fill(&chunk, &mut images);
            done += count;
            let there = images.first().and_then(|i| i.get(..slices.voxels(done)));
            early.offer(there.unwrap_or_default());
        }
        Ok(images.into_iter().map(<T as Stored>::voxels).collect())
    }
}

/// Neighbouring axes that are one longer axis in the image too become one.
fn joined(steps: impl Iterator<Item = Step>) -> Vec<Step> {
    let mut axes: Vec<Step> = Vec::new();
    for step in steps.filter(|step| step.size > 1) {
        match axes.last_mut() {
            Some(last)
                if step.frame == last.frame * last.size && step.voxel == last.voxel * last.size =>
            {
                last.size *= step.size;
            }
            _ => axes.push(step),
        }
    }
    if axes.is_empty() {
        axes.push(Step {
            size: 1,
            frame: 0,
            voxel: 1,
        });
    }
    axes
}

fn room_for<T: Stored>(count: usize, path: &Path) -> Result<Vec<T>, IoError> {
    let mut values = reserved(count, path)?;
    values.resize(count, T::zeroed());
    Ok(values)
}

/// The place in the images of each next number of the file.
struct Places {
    axes: Vec<Step>,
    /// Position along each axis.
    at: Vec<usize>,
    /// Frame that the first image holds.
    first_frame: usize,
}

impl Places {
    fn new(axes: Vec<Step>, start: usize, first_frame: usize) -> Self {
        let mut rest = start;
        let at = axes.iter().map(|axis| {
            let position = rest % axis.size;
            rest /= axis.size;
            position
        });
        Self {
            at: at.collect(),
            axes,
            first_frame,
        }
    }

    fn sum(&self, stride: impl Fn(&Step) -> usize) -> usize {
        let pairs = self.axes.iter().zip(&self.at);
        pairs.map(|(axis, at)| stride(axis) * at).sum()
    }

    /// Puts numbers where they belong; those of frames that are not wanted go nowhere.
    fn fill<T: Stored>(&mut self, mut numbers: &[T], images: &mut [Vec<T>]) {
        while let (Some(&fastest), Some(&at)) = (self.axes.first(), self.at.first()) {
            let (run, rest) = numbers.split_at((fastest.size - at).min(numbers.len()));
            if run.is_empty() {
                return;
            }
            let (mut frame, mut voxel) = (self.sum(|s| s.frame), self.sum(|s| s.voxel));
            if fastest.frame == 0 {
                let image = frame.checked_sub(self.first_frame);
                if let Some(image) = image.and_then(|i| images.get_mut(i)) {
                    place_run(run, image, voxel, fastest.voxel);
                }
            } else {
                for &number in run {
                    let image = frame.checked_sub(self.first_frame);
                    let image = image.and_then(|i| images.get_mut(i));
                    if let Some(place) = image.and_then(|image| image.get_mut(voxel)) {
                        *place = number;
                    }
                    frame += fastest.frame;
                    voxel += fastest.voxel;
                }
            }
            self.advance(run.len());
            numbers = rest;
        }
    }

    fn advance(&mut self, count: usize) {
        let mut carry = count;
        for (at, axis) in self.at.iter_mut().zip(&self.axes) {
            *at += carry;
            if *at < axis.size {
                return;
            }
            carry = *at / axis.size;
            *at %= axis.size;
        }
    }
}

fn place_run<T: Stored>(run: &[T], image: &mut [T], first: usize, stride: usize) {
    let Some(places) = image.get_mut(first..) else {
        return;
    };
    if stride == 1 {
        if let Some(places) = places.get_mut(..run.len()) {
            places.copy_from_slice(run);
        }
    } else {
        let places = places.iter_mut().step_by(stride.max(1));
        places.zip(run).for_each(|(place, &number)| *place = number);
    }
}

/// How far the slices of the first wanted frame are.
struct Slices {
    dims: [usize; 3],
    /// Number of the file behind slice 0, and numbers a slice; none if slices fill
    /// only at the end.
    every: Option<(usize, usize)>,
}

impl Slices {
    fn new(layout: &AxisLayout, frames: &Range<usize>) -> Self {
        let dims = layout.dims();
        let z = layout.axes.iter().position(|a| a.role == Role::Space(2));
        let every = z.and_then(|z| {
            let (faster, slower) = layout.axes.split_at_checked(z)?;
            if slower.iter().skip(1).any(|a| a.role != Role::Frames) {
                return None;
            }
            let numbers: usize = faster.iter().map(|axis| axis.size).product();
            let inner = faster.iter().filter(|axis| axis.role == Role::Frames);
            let inner: usize = inner.map(|axis| axis.size).product();
            let before = frames.start / inner * numbers * dims[2];
            Some((before + numbers, numbers))
        });
        Self { dims, every }
    }

    /// Numbers that lack to the first slice, while it is waited for.
    fn first_numbers(&self, done: usize) -> Option<usize> {
        let (first, _) = self.every?;
        first.checked_sub(done).filter(|&numbers| numbers > 0)
    }

    /// Voxels of whole slices after so many numbers of the file.
    fn voxels(&self, done: usize) -> usize {
        let [nx, ny, nz] = self.dims;
        let slices = match self.every {
            Some((first, numbers)) if done >= first => 1 + (done - first) / numbers,
            _ => 0,
        };
        slices.min(nz) * nx * ny
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CancelToken;

    /// Reads a file whose number at each position says which voxel of which frame it is.
    fn read(
        roles: &[(Role, usize)],
        frames: Range<usize>,
    ) -> (AxisLayout, Vec<Voxels>, Vec<EarlySlice>) {
        let axes = roles.iter().map(|&(role, size)| Axis { size, role });
        let layout = AxisLayout {
            axes: axes.collect(),
            voxel_type: VoxelType::U32,
            big_endian: false,
        };
        let [nx, ny, _] = layout.dims();
        let total: usize = layout.axes.iter().map(|axis| axis.size).product();
        let mut bytes = Vec::new();
        for number in 0..total {
            let (mut rest, mut value, mut stride) = (number, 0, 1);
            for axis in &layout.axes {
                let at = rest % axis.size;
                rest /= axis.size;
                value += match axis.role {
                    Role::Space(0) => at,
                    Role::Space(1) => at * nx,
                    Role::Space(_) => at * nx * ny,
                    Role::Frames => {
                        stride *= axis.size;
                        1000 * at * stride / axis.size
                    }
                };
            }
            bytes.extend((value as u32).to_le_bytes());
        }
        let cancel = CancelToken::new();
        let mut stream = Stream {
            reader: bytes.as_slice(),
            path: Path::new("x"),
            cancel: &cancel,
            progress: &mut |_| {},
            promised: layout.bytes(),
            found: 0,
            total: 0,
        };
        let mut slices = Vec::new();
        let images = layout.read(&mut stream, frames, &mut |s| slices.push(s));
        (layout, images.unwrap(), slices)
    }

    #[test]
    fn every_order_of_axes_comes_out_with_x_fastest() {
        use Role::{Frames, Space};
        let orders: [&[(Role, usize)]; 7] = [
            &[(Space(0), 3), (Space(1), 4), (Space(2), 5)],
            &[(Space(2), 5), (Space(1), 4), (Space(0), 3)],
            &[(Space(1), 4), (Space(0), 3)],
            &[(Frames, 2), (Space(0), 3), (Space(1), 4), (Space(2), 5)],
            &[(Space(0), 3), (Space(1), 4), (Frames, 2), (Space(2), 5)],
            &[
                (Frames, 2),
                (Space(2), 5),
                (Space(0), 3),
                (Space(1), 1),
                (Frames, 3),
            ],
            &[
                (Space(0), 3),
                (Space(1), 4),
                (Space(2), 5),
                (Frames, 2),
                (Frames, 2),
            ],
        ];
        for order in orders {
            let (layout, ..) = read(order, 0..1);
            let n: usize = layout.dims().iter().product();
            for first in 0..layout.frames() {
                for end in first + 1..=layout.frames() {
                    let (_, images, slices) = read(order, first..end);
                    assert_eq!(images.len(), end - first);
                    for (image, frame) in images.iter().zip(first..) {
                        let expected = (0..n).map(|i| (frame * 1000 + i) as u32).collect();
                        assert_eq!(image, &Voxels::U32(expected), "{order:?} {first}..{end}");
                    }
                    for slice in &slices {
                        let (z, plane) = (slice.index, n / layout.dims()[2]);
                        let start = first * 1000 + z * plane;
                        let expected = (start..start + plane).map(|i| i as u32).collect();
                        assert_eq!(slice.voxels, Voxels::U32(expected));
                    }
                }
            }
        }
        let slices = read(orders[3], 1..2).2;
        assert!(!slices.is_empty());
        assert!(read(orders[1], 0..1).2.is_empty());
    }
}
