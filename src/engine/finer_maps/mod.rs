//! Further maps of a finished explanation: its density, the average over several divisions,
//! the strongest supervoxels split, a smoothed picture, and occlusion to hold it against.
//!
//! The mathematics is in `explain::maps`; here the runs are made and the maps written.

mod wish;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::evidence::Runs;
use super::explaining::explain;
use super::{
    Answer, Budget, EngineError, ExplainSettings, Explanation, JobControl, Players, Slot, Task,
};
use crate::base::GridError;
use crate::explain::evidence::correlation::spearman;
use crate::explain::maps::{self, Segmentation, SmoothSettings};
use crate::explain::solve::Effort;
use crate::explain::supervoxels::SupervoxelSettings;
use crate::explain::{Coalition, Estimate, Target};
use crate::io;
use crate::model::SwinUnetr;
use crate::volume;

pub use wish::MapWish;

/// Runs a supervoxel of the explanations that are made for a map, and at most as many as
/// the explanation itself had.
const RUNS_PER_PLAYER: f64 = 4.0;

/// Pieces of a supervoxel that is split.
const PIECES: usize = 8;

/// The numbers of supervoxels of further divisions, over those of the first: none a
/// multiple of another, so that their borders differ.
const COUNT_FACTORS: [f64; 9] = [1.13, 0.87, 1.27, 0.79, 1.41, 0.71, 1.07, 0.93, 1.19];

/// One map, a frame for each answer of the explanation.
#[derive(Debug, Clone, Serialize)]
pub struct FinerMap {
    /// The file's name without its ending.
    pub name: &'static str,
    /// What the map is, in a sentence, with the unit of its values.
    pub description: String,
    /// Runs of the network that it took.
    pub evaluations: usize,
    /// What can be said of each answer's frame: how well it agrees with the SHAP values,
    /// how far its divisions are apart.
    pub notes: Vec<String>,
    /// On the voxels of the explained region, x fastest.
    #[serde(skip)]
    pub frames: Vec<Vec<f32>>,
}

/// Makes maps from a finished explanation.
///
/// `progress` hears which map is being made, and runs made of how many. Errors: a device
/// failure, too many supervoxels, cancelling, which takes effect between runs.
pub fn finer_maps(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    explanation: &Arc<Explanation>,
    wishes: &[MapWish],
    job: &JobControl,
    progress: &mut dyn FnMut(&MapWish, usize, usize),
) -> Result<Vec<FinerMap>, EngineError> {
    let mut found = Vec::new();
    let divides = |wish: &MapWish| matches!(wish, MapWish::Average(_) | MapWish::Refined(_));
    if wishes.iter().any(divides) {
        check_any_division(&explanation.classes)?;
    }
    for wish in wishes {
        let mut maker = Maker {
            task,
            network,
            explanation,
            job,
            progress: &mut |done, total| progress(wish, done, total),
        };
        match *wish {
            MapWish::Density => found.push(maker.density()?),
            MapWish::Average(divisions) => found.extend(maker.average(divisions)?),
            MapWish::Refined(cells) => found.push(maker.refined(cells)?),
            MapWish::Smoothed(radius_mm) => found.push(maker.smoothed(radius_mm)?),
            MapWish::Occlusion => found.push(maker.occlusion()?),
        }
    }
    Ok(found)
}

/// Writes maps beside an explanation, on the scan's grid, and what is known of them as
/// `maps.json`.
pub fn write_finer_maps(
    explanation: &Explanation,
    maps: &[FinerMap],
    folder: &Path,
) -> Result<(), EngineError> {
    let study = &explanation.study;
    let (grid, part) = (study.first_channel().grid(), &study.part);
    for map in maps {
        let frames = map
            .frames
            .iter()
            .map(|frame| {
                volume::embed(frame, grid, part, 0.0)
                    .ok_or(EngineError::Grid(GridError::OutsideScan))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let frames: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let path = folder.join(format!("{}.nii.gz", map.name));
        io::nifti::write_value_frames(&path, grid, &frames)?;
    }
    let path = folder.join("maps.json");
    let text = serde_json::to_vec_pretty(maps).map_err(|error| EngineError::Write {
        what: "what is known of the maps",
        why: error.to_string(),
        path: path.clone(),
    })?;
    Ok(io::atomic::write_bytes(&path, &text)?)
}

struct Maker<'a> {
    task: &'a Task<'a>,
    network: &'a Arc<SwinUnetr>,
    explanation: &'a Arc<Explanation>,
    job: &'a JobControl,
    progress: &'a mut dyn FnMut(usize, usize),
}

impl Maker<'_> {
    fn voxel_volume_mm3(&self) -> f64 {
        self.explanation.players.labels.grid().voxel_volume_mm3()
    }

    fn class_name(&self, answer: &Answer) -> &str {
        self.explanation.study.class_name(answer.class)
    }

    fn unit(&self) -> &'static str {
        // Places have no overlap, so what is measured of them is not what was chosen.
        let first = self.explanation.classes.first();
        let chosen = self.explanation.settings.value_function;
        first
            .map_or(chosen, |answer| answer.question.value_function)
            .unit()
    }

    fn density(&self) -> Result<FinerMap, EngineError> {
        let frames = self.frames(|cells| Ok(cells.density(self.voxel_volume_mm3())?))?;
        Ok(FinerMap {
            name: "density",
            description: format!(
                "SHAP value of each supervoxel over its volume, {} per mm³: its sum over all \
                 voxels, times the volume of a voxel, is the sum of the SHAP values",
                self.unit()
            ),
            evaluations: 0,
            notes: Vec::new(),
            frames,
        })
    }

    fn smoothed(&self, radius_mm: f64) -> Result<FinerMap, EngineError> {
        let study = &self.explanation.study;
        let grid = self.explanation.players.labels.grid();
        let scan = study.first_channel().crop_to_f32(&study.part);
        let labels = self.explanation.players.labels.labels();
        let include: Vec<bool> = labels.iter().map(|&label| label > 0).collect();
        let settings = SmoothSettings {
            radius_mm,
            ..SmoothSettings::default()
        };
        let frames = self.frames(|cells| {
            let map = cells.constant()?;
            let (dims, spacing_mm) = (grid.dims(), grid.spacing_mm());
            Ok(maps::smooth(&map, &scan, &include, dims, spacing_mm, settings)?.values)
        })?;
        Ok(FinerMap {
            name: "smoothed",
            description: format!(
                "Smoothed for the eye, not a map of values: the SHAP values of the supervoxels \
                 fitted to the scan's edges within {radius_mm} mm, {}",
                self.unit()
            ),
            evaluations: 0,
            notes: Vec::new(),
            frames,
        })
    }

    /// One frame an answer from the explanation's own supervoxels.
    fn frames(
        &self,
        of: impl Fn(Segmentation<'_>) -> Result<Vec<f32>, EngineError>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let labels = self.explanation.players.labels.labels();
        let answers = self.explanation.classes.iter();
        answers
            .map(|answer| {
                let values = &values_of(&answer.solution.estimate);
                of(Segmentation { labels, values })
            })
            .collect()
    }

    /// The mean over divisions of different sizes, and how far they are apart.
    fn average(&mut self, divisions: usize) -> Result<[FinerMap; 2], EngineError> {
        let own = &self.explanation.players;
        let further = COUNT_FACTORS.iter().take(divisions.saturating_sub(1));
        let mut others = Vec::new();
        for factor in further {
            let settings = SupervoxelSettings {
                count: ((own.count as f64 * factor).round() as usize).max(2),
                ..own.settings
            };
            let players = Players::find_with_classes(
                &self.explanation.study.scan,
                self.explanation.study.part,
                Some(self.explanation.segmentation.labels.labels()),
                &settings,
                self.job.cancel_token(),
            )?;
            others.push(self.explain(Arc::new(players))?);
        }
        let (mut means, mut deviations, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for answer in &self.explanation.classes {
            let mut values = vec![values_of(&answer.solution.estimate)];
            for other in &others {
                let found = other.answer(&answer.question, Effort::Full)?;
                values.push(values_of(&found.solution.estimate));
            }
            let labels = std::iter::once(own).chain(others.iter().map(|other| &other.players));
            let cells: Vec<Segmentation<'_>> = labels
                .zip(&values)
                .map(|(players, values)| Segmentation {
                    labels: players.labels.labels(),
                    values,
                })
                .collect();
            let found = maps::average(&cells, self.voxel_volume_mm3())?;
            let deviation = found
                .standard_deviation
                .unwrap_or_else(|| vec![0.0; found.density.len()]);
            notes.push(format!(
                "{}: the divisions differ by {:.0} % of the largest density on average where it \
                 is at least half of that",
                self.class_name(answer),
                100.0 * spread_of_the_strong(&found.density, &deviation)
            ));
            means.push(found.density);
            deviations.push(deviation);
        }
        let counts: Vec<String> = std::iter::once(own.count)
            .chain(others.iter().map(|other| other.players.count))
            .map(|count| count.to_string())
            .collect();
        let evaluations = others.iter().map(|other| other.log.records().len()).sum();
        let unit = format!("{} per mm³", self.unit());
        Ok([
            FinerMap {
                name: "average",
                description: format!(
                    "Mean density over divisions into {} supervoxels, each explained by itself, \
                     {unit}",
                    counts.join(", ")
                ),
                evaluations,
                notes,
                frames: means,
            },
            FinerMap {
                name: "average_deviation",
                description: format!("Standard deviation of the density between them, {unit}"),
                evaluations: 0,
                notes: Vec::new(),
                frames: deviations,
            },
        ])
    }

    /// The strongest supervoxels of all answers split, their values shared among the pieces.
    fn refined(&mut self, cells: usize) -> Result<FinerMap, EngineError> {
        let own = &self.explanation.players;
        let mut split: Vec<usize> = self
            .explanation
            .classes
            .iter()
            .flat_map(|answer| {
                maps::worth_splitting(&values_of(&answer.solution.estimate), 1.0, cells)
            })
            .collect();
        split.sort_unstable();
        split.dedup();
        if split.is_empty() {
            return Ok(FinerMap {
                name: "refined",
                notes: vec!["no supervoxel has a value, so none is split".to_owned()],
                ..self.density()?
            });
        }
        let (players, refinement) = own.split(&split, PIECES, self.job.cancel_token())?;
        let players = Arc::new(players);
        let fine = self.explain(Arc::clone(&players))?;
        let (mut frames, mut notes) = (Vec::new(), Vec::new());
        for answer in &self.explanation.classes {
            let found = fine.answer(&answer.question, Effort::Full)?;
            let measured = values_of(&found.solution.estimate);
            let voxels: Vec<u32> = players
                .facts
                .iter()
                .map(|facts| u32::try_from(facts.voxels).unwrap_or(u32::MAX))
                .collect();
            let parents = values_of(&answer.solution.estimate);
            let shared = refinement.share(&parents, &measured, &voxels)?;
            let largest = |values: &[f64]| values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            notes.push(format!(
                "{}: the pieces were shifted by {:.0} % of the largest SHAP value at most to keep \
                 the sum of their supervoxel",
                self.class_name(answer),
                100.0 * largest(&shared.added) / largest(&parents).max(f64::MIN_POSITIVE)
            ));
            let cells = Segmentation {
                labels: players.labels.labels(),
                values: &shared.values,
            };
            frames.push(cells.density(self.voxel_volume_mm3())?);
        }
        Ok(FinerMap {
            name: "refined",
            description: format!(
                "Density where the {} strongest supervoxels are split into {} pieces that share \
                 their values, {} per mm³",
                split.len(),
                (players.count + split.len()).saturating_sub(own.count),
                self.unit()
            ),
            evaluations: fine.log.records().len(),
            notes,
            frames,
        })
    }

    /// What is lost where one supervoxel alone is taken away.
    fn occlusion(&mut self) -> Result<FinerMap, EngineError> {
        let mut runs = Runs::new(self.explanation, self.network)?;
        let players = self.explanation.players.count;
        let full = Coalition::full(players);
        let without = |player: usize| {
            let mut coalition = full.clone();
            coalition.remove(player);
            coalition
        };
        let wanted: Vec<Coalition> = std::iter::once(full.clone())
            .chain((0..players).map(without))
            .collect();
        let total = wanted.len();
        let progress = &mut *self.progress;
        runs.make(&wanted, self.job.cancel_token(), &mut |_, left| {
            progress(total - left, total);
            Ok(())
        })?;
        let labels = self.explanation.players.labels.labels();
        let (mut frames, mut notes) = (Vec::new(), Vec::new());
        for answer in &self.explanation.classes {
            let whole = runs.value(&answer.question, &full)?;
            let values = (0..players)
                .map(|player| Ok(whole - runs.value(&answer.question, &without(player))?))
                .collect::<Result<Vec<f64>, EngineError>>()?;
            let agreement = spearman(&values, &values_of(&answer.solution.estimate));
            notes.push(format!(
                "{}: occlusion ranks the supervoxels as the SHAP values do to {}",
                self.class_name(answer),
                agreement.map_or_else(|| "no known degree".to_owned(), |r| format!("{r:+.2}"))
            ));
            frames.push(
                Segmentation {
                    labels,
                    values: &values,
                }
                .constant()?,
            );
        }
        Ok(FinerMap {
            name: "occlusion",
            description: format!(
                "What is lost where one supervoxel alone is absent, {}; where several can stand \
                 in for each other it misses them all",
                self.unit()
            ),
            evaluations: runs.made().len(),
            notes,
            frames,
        })
    }

    /// Explains the same study over other supervoxels.
    fn explain(&mut self, players: Arc<Players>) -> Result<Explanation, EngineError> {
        let own = self.explanation;
        let per_player = own.log.records().len() as f64 / own.players.count.max(1) as f64;
        let settings = ExplainSettings {
            budget: Budget::PerPlayer(per_player.min(RUNS_PER_PLAYER)),
            ..self.task.settings.clone()
        };
        let task = Task {
            reference: own.reference.clone(),
            ..Task::new(
                Arc::clone(&own.study),
                Arc::clone(&own.segmentation),
                players,
                &settings,
            )
        };
        let progress = &mut *self.progress;
        explain(
            &task,
            self.network,
            self.job,
            &Slot::default(),
            &mut |snapshot| progress(snapshot.evaluations, snapshot.budget),
        )
    }
}

/// Whether questions mean the same over any supervoxels: those about places do not.
pub fn check_any_division(answers: &[Answer]) -> Result<(), EngineError> {
    let of_places = |answer: &Answer| matches!(answer.question.target, Target::Places { .. });
    if answers.iter().any(of_places) {
        return Err(EngineError::OfThisDivision);
    }
    Ok(())
}

fn values_of(estimate: &Estimate) -> Vec<f64> {
    let players = estimate.players.iter();
    players.map(|player| player.shap_value).collect()
}

/// The mean deviation over the largest size, where the size is at least half of that.
fn spread_of_the_strong(density: &[f32], deviation: &[f32]) -> f64 {
    let largest = density
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let strong = density.iter().zip(deviation);
    let strong: Vec<f64> = strong
        .filter(|(value, _)| largest > 0.0 && value.abs() >= 0.5 * largest)
        .map(|(_, deviation)| f64::from(*deviation))
        .collect();
    if strong.is_empty() {
        return 0.0;
    }
    strong.iter().sum::<f64>() / strong.len() as f64 / f64::from(largest)
}
