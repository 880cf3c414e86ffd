//! Sums of a run over sets of voxels, made on the device.
//!
//! Voxels are sorted by set once, on the host, and cut into chunks that lie within one
//! set. The device adds up a chunk in a fixed order, the host adds up chunks in double
//! precision: the same numbers on every run, and no sum grows long in single precision.

use bytemuck::{Pod, Zeroable};

use super::program::{MEASURE, Precision, Program};
use super::queue::{Access, Buffer, Queue, spread};
use crate::model::ModelError;

/// Most voxels of a chunk. Sixteen bytes a chunk and class come back.
const CHUNK: usize = 4096;

/// Stands for every class in the place of one.
const EVERY_CLASS: u32 = u32::MAX;

/// `Measure` of measure.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct MeasureParameters {
    pub voxels: u32,
    pub classes: u32,
    pub chunks: u32,
    pub softmax: u32,
    pub classes_per_chunk: u32,
    pub unused: [u32; 3],
}

/// Logits to measure, classes × voxels.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    pub logits: &'a Buffer,
    pub voxels: usize,
    pub classes: usize,
    /// Whether probabilities of a voxel exclude each other.
    pub softmax: bool,
}

/// Sets of voxels on the device.
#[derive(Debug)]
pub struct VoxelSets {
    list: Buffer,
    chunks: Buffer,
    set_of_chunk: Vec<usize>,
    sets: usize,
    /// Whether each set is measured for one class, its own.
    one_class: bool,
}

/// Sums over one set for one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SetSums {
    pub probability: f64,
    pub logit: f64,
    pub hard: f64,
    pub margin: f64,
}

impl VoxelSets {
    /// `members` names the set of each voxel, in any order; a voxel may be in several.
    /// Where there is a `class_of_set`, each set is measured for its own class only.
    pub fn new(
        queue: &Queue,
        members: impl Iterator<Item = (usize, usize)> + Clone,
        sets: usize,
        class_of_set: Option<&[usize]>,
    ) -> Result<Self, ModelError> {
        let mut first = vec![0_usize; sets + 1];
        for (_, set) in members.clone() {
            if let Some(count) = first.get_mut(set + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut first {
            sum += *count;
            *count = sum;
        }
        let mut next = first.clone();
        let mut list = vec![0_u32; sum];
        for (voxel, set) in members {
            if let Some(next) = next.get_mut(set)
                && let Some(place) = list.get_mut(*next)
            {
                *place = voxel as u32;
                *next += 1;
            }
        }
        let mut chunks: Vec<[u32; 4]> = Vec::new();
        let mut set_of_chunk = Vec::new();
        for (set, bounds) in first.windows(2).enumerate() {
            let &[begin, end] = bounds else { continue };
            let class = class_of_set
                .and_then(|classes| classes.get(set))
                .map_or(EVERY_CLASS, |&class| class as u32);
            for start in (begin..end).step_by(CHUNK) {
                chunks.push([start as u32, end.min(start + CHUNK) as u32, class, 0]);
                set_of_chunk.push(set);
            }
        }
        Ok(Self {
            list: queue.upload(&list)?,
            chunks: queue.upload(&chunks)?,
            set_of_chunk,
            sets,
            one_class: class_of_set.is_some(),
        })
    }

    fn classes_per_chunk(&self, classes: usize) -> usize {
        if self.one_class { 1 } else { classes }
    }

    /// Queues the sums of each chunk.
    fn launch(
        &self,
        queue: &Queue,
        measured: &Measured<'_>,
    ) -> Result<(Buffer, usize), ModelError> {
        let chunks = self.set_of_chunk.len();
        let classes_per_chunk = self.classes_per_chunk(measured.classes);
        let count = 4 * chunks * classes_per_chunk;
        let result = queue.single(count)?;
        queue.launch(
            // Logits are in single precision whatever maps are in.
            &Program::new(MEASURE, Precision::Single, [128, 1, 1]),
            spread(chunks, 1),
            &[
                (measured.logits, Access::Read),
                (&self.list, Access::Read),
                (&self.chunks, Access::Read),
                (&result, Access::Write),
            ],
            &MeasureParameters {
                voxels: measured.voxels as u32,
                classes: measured.classes as u32,
                chunks: chunks as u32,
                softmax: u32::from(measured.softmax),
                classes_per_chunk: classes_per_chunk as u32,
                unused: [0; 3],
            },
        )?;
        Ok((result, count))
    }

    /// Adds up chunks: classes × sets, or one a set where each has its own class.
    fn gather(&self, chunks: &[f32], classes: usize) -> Vec<SetSums> {
        let per_chunk = self.classes_per_chunk(classes).max(1);
        let mut sums = vec![SetSums::default(); per_chunk * self.sets];
        for (chunk, &set) in chunks.chunks_exact(4 * per_chunk).zip(&self.set_of_chunk) {
            for (class, part) in chunk.chunks_exact(4).enumerate() {
                if let (Some(sums), &[probability, logit, hard, margin]) =
                    (sums.get_mut(class * self.sets + set), part)
                {
                    sums.probability += f64::from(probability);
                    sums.logit += f64::from(logit);
                    sums.hard += f64::from(hard);
                    sums.margin += f64::from(margin);
                }
            }
        }
        sums
    }
}

/// Measures several groups of sets at once. For each group: classes × sets, or one a set
/// where each has its own class.
pub fn measure<const N: usize>(
    queue: &Queue,
    groups: [&VoxelSets; N],
    measured: &Measured<'_>,
) -> Result<[Vec<SetSums>; N], ModelError> {
    let mut launched = Vec::with_capacity(N);
    for group in groups {
        launched.push(group.launch(queue, measured)?);
    }
    let wanted: Vec<(&Buffer, usize)> = launched.iter().map(|(b, count)| (b, *count)).collect();
    let mut read = queue.read_all(&wanted)?.into_iter();
    Ok(groups.map(|group| group.gather(&read.next().unwrap_or_default(), measured.classes)))
}
