//! The sums of a run from its logits in main memory.

use ndarray::Axis;
use rayon::prelude::*;

use super::Scene;
use crate::model::Activation;
use crate::model::target::{RegionSums, RunSums};

/// Parts that the sums of a run are made of: a fixed number, so that the result does
/// not depend on the number of threads.
const PARTS: usize = 16;

/// Stands for the label of a voxel that is not measured. Labels have 16 bits.
const UNMEASURED: u32 = u32::MAX;

/// What each voxel of an image counts for.
#[derive(Debug)]
pub struct Regions {
    /// Voxel by voxel, the channels of a voxel side by side.
    component_of_voxel: Vec<u32>,
    /// [`UNMEASURED`] outside the measured part.
    label_of_voxel: Vec<u32>,
    labels: usize,
    classes: usize,
    channel_of_component: Vec<usize>,
    activation: Activation,
}

impl Regions {
    pub fn new(scene: &Scene<'_>) -> Self {
        let components = scene.targets.components().permuted_axes([1, 2, 3, 0]);
        Self {
            component_of_voxel: components.iter().copied().collect(),
            label_of_voxel: measured_labels(scene),
            labels: scene.players.labels(),
            classes: scene.targets.components().len_of(Axis(0)).max(1),
            channel_of_component: scene.targets.channel_of_component().to_vec(),
            activation: scene.activation,
        }
    }

    /// The sums of a run from its logits, voxel by voxel and classes side by side, in
    /// double precision.
    pub fn measure(&self, logits: &[f32]) -> RunSums {
        let classes = self.classes;
        let part = self.label_of_voxel.len().div_ceil(PARTS).max(1);
        let groups = self.labels + 1;
        let components = self.channel_of_component.len();
        let parts: Vec<(Vec<RegionSums>, Vec<RegionSums>)> = logits
            .par_chunks(part * classes)
            .zip(self.component_of_voxel.par_chunks(part * classes))
            .zip(self.label_of_voxel.par_chunks(part))
            .map(|((logits, component_of_voxel), label_of_voxel)| {
                let mut of_components = vec![RegionSums::default(); components];
                let mut of_labels = vec![RegionSums::default(); groups * classes];
                let mut probabilities = vec![0.0; classes];
                for ((logits, components), &label) in logits
                    .chunks_exact(classes)
                    .zip(component_of_voxel.chunks_exact(classes))
                    .zip(label_of_voxel)
                    .filter(|(_, label)| **label != UNMEASURED)
                {
                    let rivals = rivals(logits);
                    let winner = self.activation.channel_of_voxel(logits.iter().copied());
                    fill_probabilities(logits, self.activation, &mut probabilities);
                    for (class, ((&logit, &component), &probability)) in logits
                        .iter()
                        .zip(components)
                        .zip(&probabilities)
                        .enumerate()
                    {
                        let hard = match self.activation {
                            Activation::Softmax => winner == Some(class),
                            Activation::Sigmoid => logit > 0.0,
                        };
                        let sums = RegionSums {
                            probability,
                            logit: f64::from(logit),
                            margin: match self.activation {
                                Activation::Softmax => f64::from(logit - rivals.of(class)),
                                Activation::Sigmoid => f64::from(logit),
                            },
                            hard: f64::from(u8::from(hard)),
                        };
                        if let Some(own) = of_labels.get_mut(class * groups + label as usize) {
                            *own += sums;
                        }
                        // Component 0 stands for none.
                        if let Some(own) = (component as usize)
                            .checked_sub(1)
                            .and_then(|index| of_components.get_mut(index))
                        {
                            *own += sums;
                        }
                    }
                }
                (of_components, of_labels)
            })
            .collect();
        let mut of_components = vec![RegionSums::default(); components];
        let mut of_labels = vec![RegionSums::default(); groups * classes];
        for (components, labels) in parts {
            add_all(&mut of_components, components);
            add_all(&mut of_labels, labels);
        }
        RunSums::new(
            of_components,
            of_labels,
            &self.channel_of_component,
            classes,
        )
    }
}

fn measured_labels(scene: &Scene<'_>) -> Vec<u32> {
    scene
        .label_of_voxel
        .indexed_iter()
        .map(|((x, y, z), &label)| {
            if scene.targets.is_measured([x, y, z]) {
                u32::from(label)
            } else {
                UNMEASURED
            }
        })
        .collect()
}

fn add_all(total: &mut [RegionSums], part: Vec<RegionSums>) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

/// The largest logit of a voxel, whose it is, and the largest of the others.
struct Rivals {
    winner: usize,
    largest: f32,
    second: f32,
}

impl Rivals {
    /// The largest logit among the channels besides one; that channel's own rival is 0
    /// where there is no other.
    fn of(&self, channel: usize) -> f32 {
        let rival = if channel == self.winner {
            self.second
        } else {
            self.largest
        };
        if rival == f32::NEG_INFINITY {
            0.0
        } else {
            rival
        }
    }
}

fn rivals(logits: &[f32]) -> Rivals {
    let mut rivals = Rivals {
        winner: 0,
        largest: f32::NEG_INFINITY,
        second: f32::NEG_INFINITY,
    };
    for (channel, &logit) in logits.iter().enumerate() {
        if logit > rivals.largest {
            rivals = Rivals {
                winner: channel,
                largest: logit,
                second: rivals.largest,
            };
        } else {
            rivals.second = rivals.second.max(logit);
        }
    }
    rivals
}

fn fill_probabilities(logits: &[f32], activation: Activation, probabilities: &mut [f64]) {
    match activation {
        Activation::Softmax => {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for (p, logit) in probabilities.iter_mut().zip(logits) {
                *p = f64::from(logit - largest).exp();
                sum += *p;
            }
            for p in probabilities {
                *p /= sum;
            }
        }
        Activation::Sigmoid => {
            for (p, &logit) in probabilities.iter_mut().zip(logits) {
                *p = 1.0 / (1.0 + (-f64::from(logit)).exp());
            }
        }
    }
}
