//! An explanation as its folder keeps it, and how it comes back to life: with its scan and
//! its model, but without running the network for any of its evaluations again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::GridError;
use crate::engine::{
    Budget, EngineError, ExplainSettings, Explanation, JobControl, OpenOptions, Part, Players,
    Reading, Reference, RegionChoice, Scan, ScanFile, Segmentation, Slot, Study, Task, assets,
    explain, folder, journal,
};
use crate::explain::baseline::Baseline;
use crate::explain::log::CoalitionLog;
use crate::explain::relevance_mask::{PlayerAdjacency, SignedMaskRule};
use crate::explain::supervoxels::{SupervoxelSettings, Supervoxels};
use crate::explain::{Method, ValueFunction};
use crate::io;
use crate::model::{Bundle, SwinUnetr};
use crate::report::provenance;
use crate::volume::LabelMap;

/// A folder that [`folder::write`] wrote.
#[derive(Debug, Clone)]
pub struct SavedExplanation {
    pub folder: PathBuf,
    pub provenance: provenance::Explanation,
    pub log: Arc<CoalitionLog>,
}

/// Why a folder, its scan and its model do not make an explanation.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    #[error("there is no explanation in {}; give a folder that voxplain explain wrote", .0.display())]
    NoExplanation(PathBuf),
    #[error(
        "the folder has no {} with its evaluations, so nothing can be asked of it; explain again: {}",
        folder::LOG,
        .0.display()
    )]
    NoLog(PathBuf),
    #[error("the scan {name} was not found beside the folder or here; say where it is with --scan")]
    NoScan { name: String },
    #[error("the scan {name} has changed since it was explained; give the same file with --scan")]
    OtherScan { name: String },
    #[error(
        "the scan {name} was explained in part or in steps ({was:?} voxels, now {is:?}); give the same --crop and --stride"
    )]
    OtherSize {
        name: String,
        was: [usize; 3],
        is: [usize; 3],
    },
    #[error("the folder was made with the model {name:?} of other weights; give it with --model")]
    OtherModel { name: String },
    #[error("the folder explains a reference; give the same file with --reference")]
    NoReference,
    #[error("the folder's record says {what} is {got:?}, which this program does not know")]
    Unknown { what: &'static str, got: String },
}

impl SavedExplanation {
    /// Reads what is in a folder, without scan and model.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let record = folder.join("explanation.json");
        if !record.is_file() {
            return Err(SavedError::NoExplanation(folder.to_owned()).into());
        }
        let log = journal::read(&folder.join(folder::LOG))?
            .filter(|log| log.records().len() >= 2)
            .ok_or_else(|| SavedError::NoLog(folder.to_owned()))?;
        Ok(Self {
            folder: folder.to_owned(),
            provenance: provenance::Explanation::read(&record)?,
            log: Arc::new(log),
        })
    }

    /// The rule of its masks.
    pub fn mask_rule(&self) -> SignedMaskRule {
        let rule = self.provenance.parameters.mask_rule.as_deref();
        rule.and_then(|rule| rule.parse().ok())
            .unwrap_or(ExplainSettings::default().mask)
    }

    /// Where its scans are: those `given`, which may be files or folders, by their names;
    /// else in the folder, beside it, in the working folder or among the demonstration's.
    /// As many files as there are channels are taken as they are.
    ///
    /// Errors: a scan that is nowhere.
    pub fn find_scans(&self, given: &[PathBuf]) -> Result<Vec<ScanFile>, EngineError> {
        let inputs = &self.provenance.inputs;
        let files = given.iter().filter(|path| path.is_file()).count();
        if files == given.len() && files == inputs.len() {
            return Ok(given.iter().cloned().map(ScanFile::from).collect());
        }
        let mut places: Vec<PathBuf> = given.to_vec();
        if given.is_empty() {
            let beside = self.folder.parent().map(Path::to_owned);
            let demonstration = assets::demonstration_scan();
            places.push(self.folder.clone());
            places.extend(beside);
            places.push(PathBuf::from("."));
            places.extend(demonstration.parent().map(Path::to_owned));
        }
        let mut found: Vec<ScanFile> = Vec::new();
        for input in inputs {
            let path = places.iter().find_map(|place| {
                let inside = place.join(&input.name);
                let is_it = place.file_name().is_some_and(|name| name == &*input.name);
                if is_it && place.exists() {
                    Some(place.clone())
                } else {
                    inside.exists().then_some(inside)
                }
            });
            let path = path.ok_or_else(|| SavedError::NoScan {
                name: input.name.clone(),
            })?;
            let file = ScanFile::from(path);
            // One file with several frames is several inputs.
            if !found.contains(&file) {
                found.push(file);
            }
        }
        Ok(found)
    }

    /// The study that was explained: the same scan, model and region, or an error that
    /// names what differs.
    pub fn study(
        &self,
        scans: &[ScanFile],
        bundle: Arc<Bundle>,
        options: &OpenOptions,
        reading: &mut Reading<'_>,
    ) -> Result<Study, EngineError> {
        if bundle.weights_hash() != self.provenance.bundle.weights_blake3 {
            let name = self.provenance.bundle.name.clone();
            return Err(SavedError::OtherModel { name }.into());
        }
        let scan = Arc::new(Scan::open(scans, options, reading)?);
        let region = RegionChoice::Box(self.provenance.region_mm);
        let study = Study::new(scan, bundle, region)?;
        let now = study.scan.inputs.iter().zip(&study.scan.channels);
        for (was, (input, channel)) in self.provenance.inputs.iter().zip(now) {
            let name = was.name.clone();
            if was.blake3 != input.hash {
                return Err(SavedError::OtherScan { name }.into());
            }
            let is = channel.grid().dims();
            if was.dims != is {
                let was = was.dims;
                return Err(SavedError::OtherSize { name, was, is }.into());
            }
        }
        Ok(study)
    }

    /// The supervoxels, from the folder's map.
    fn players(&self, study: &Study) -> Result<Players, EngineError> {
        let path = self.folder.join("supervoxels.nii.gz");
        let cancel = crate::base::CancelToken::new();
        let opened = io::open_volume(&path, &mut |_| {}, &cancel)?;
        let map = LabelMap::from_volume(&opened.volume)?;
        let outside = || EngineError::Grid(GridError::OutsideScan);
        let labels = map.crop(&study.part).ok_or_else(outside)?;
        let found = Supervoxels {
            labels: labels.labels().to_vec(),
            count: self.log.header().players,
            air_voxels: 0,
        };
        let facts = found.facts(&study.region_grid)?;
        let said = &self.provenance.parameters.supervoxels;
        Ok(Players {
            adjacency: PlayerAdjacency::of(&found.labels, study.region_grid.dims(), found.count)?,
            count: found.count,
            air_voxels: 0,
            labels: LabelMap::new(study.region_grid, found.labels).ok_or_else(outside)?,
            facts,
            settings: SupervoxelSettings {
                method: said.method.parse()?,
                count: said.requested as usize,
                compactness: said.compactness,
                ..SupervoxelSettings::default()
            },
            scan: Arc::clone(&study.scan),
            part: study.part,
        })
    }

    /// The settings of the run, as far as its log goes.
    fn settings(&self, study: &Study) -> Result<ExplainSettings, EngineError> {
        let said = &self.provenance.parameters;
        let header = self.log.header();
        let unknown = |what, got: &str| SavedError::Unknown {
            what,
            got: got.to_owned(),
        };
        let value = ValueFunction::ALL
            .into_iter()
            .find(|value| value.label() == said.value_function)
            .ok_or_else(|| unknown("the value function", &said.value_function))?;
        let method = header.parameters.get("method").cloned().unwrap_or_default();
        let method: Method = serde_json::from_value(method.clone())
            .map_err(|_| unknown("the estimator", &method.to_string()))?;
        let measured = said
            .measured
            .parse()
            .map_err(|_| unknown("the measured part", &said.measured))?;
        let class = match said.classes.as_slice() {
            [only] => Some(study.class_index(only)?),
            _ => None,
        };
        let part = said.part.as_deref();
        let part: Option<Part> = part
            .map(|part| {
                part.parse()
                    .map_err(|_| unknown("the part of the class", part))
            })
            .transpose()?;
        Ok(ExplainSettings {
            class,
            part: part.unwrap_or_default(),
            baseline: said.baseline.parse::<Baseline>()?,
            value_function: value,
            method,
            measured,
            budget: Budget::Evaluations(self.log.records().len()),
            seed: header.seed,
            mask: self.mask_rule(),
        })
    }

    /// Whether the explanation is about a reference, which must then be given.
    pub fn explains_reference(&self) -> bool {
        let parameters = &self.log.header().parameters;
        parameters
            .get("reference_blake3")
            .is_some_and(|hash| !hash.is_null())
    }

    /// The explanation as it was when it was saved. Its evaluations come from the log; that
    /// they belong to this scan, model, segmentation and supervoxels is checked.
    pub fn restore(
        &self,
        study: &Arc<Study>,
        network: &Arc<SwinUnetr>,
        segmentation: &Arc<Segmentation>,
        reference: Option<Arc<Reference>>,
        job: &JobControl,
    ) -> Result<Explanation, EngineError> {
        let reference = match (self.explains_reference(), reference) {
            (true, None) => return Err(SavedError::NoReference.into()),
            (true, reference) => reference,
            (false, _) => None,
        };
        let settings = self.settings(study)?;
        let task = Task {
            reference,
            earlier: Some(Arc::clone(&self.log)),
            ..Task::new(
                Arc::clone(study),
                Arc::clone(segmentation),
                Arc::new(self.players(study)?),
                &settings,
            )
        };
        explain(&task, network, job, &Slot::default(), &mut |_| {})
    }
}
