//! The players of a study: supervoxels of its region.

use std::sync::Arc;

use crate::base::{CancelToken, GridError, VoxelBox};
use crate::engine::{DeviceRounds, EngineError, Scan, Segmentation, Study};
use crate::explain::maps::Refinement;
use crate::explain::relevance_mask::{PlayerAdjacency, RelevanceMask, SignedMaskRule};
use crate::explain::supervoxels::{self, PlayerFacts, Rounds, SupervoxelSettings};
use crate::explain::{Estimate, ExplainError};
use crate::gpu::GpuContext;
use crate::volume::LabelMap;

/// Supervoxels on the region's grid; label 1 is player 0, label 0 is no player.
#[derive(Debug, Clone)]
pub struct Players {
    pub labels: LabelMap,
    pub count: usize,
    /// Size and place of each player, player 0 first.
    pub facts: Vec<PlayerFacts>,
    pub settings: SupervoxelSettings,
    /// Voxels of the region that are air around the body, and so no players.
    pub air_voxels: usize,
    /// The scan that the supervoxels divide, and which of its voxels.
    pub scan: Arc<Scan>,
    pub part: VoxelBox,
    /// Which of them touch.
    pub adjacency: PlayerAdjacency,
}

/// How a study is to be divided.
#[derive(Debug, Clone)]
pub struct Division {
    pub study: Arc<Study>,
    /// What the methods that go by organs need.
    pub segmentation: Option<Arc<Segmentation>>,
    pub settings: SupervoxelSettings,
}

impl Division {
    pub fn find(&self, cancel: &CancelToken) -> Result<Players, EngineError> {
        self.find_on(None, cancel)
    }

    /// As [`find`](Self::find), on a graphics device where that is worth it.
    pub fn find_on(
        &self,
        gpu: Option<&GpuContext>,
        cancel: &CancelToken,
    ) -> Result<Players, EngineError> {
        let classes = self
            .segmentation
            .as_ref()
            .map(|found| found.labels.labels());
        let study = &self.study;
        let gpu = gpu.filter(|gpu| DeviceRounds::are_worth_it(gpu));
        if gpu.is_some() {
            let found = Players::find_on(
                gpu,
                &study.scan,
                study.part,
                classes,
                &self.settings,
                cancel,
            );
            // The processor can do what the device cannot.
            if !matches!(found, Err(EngineError::Explain(ExplainError::Rounds(_)))) {
                return found;
            }
        }
        Players::find_with_classes(&study.scan, study.part, classes, &self.settings, cancel)
    }
}

impl Players {
    /// The relevance mask that a rule cuts from an estimate for these players.
    ///
    /// Errors: an estimate for another number of players.
    pub fn mask(
        &self,
        rule: SignedMaskRule,
        estimate: &Estimate,
    ) -> Result<RelevanceMask, ExplainError> {
        rule.apply(estimate, &self.volumes_mm3())
    }

    /// One entry a player.
    pub fn volumes_mm3(&self) -> Vec<f64> {
        self.facts.iter().map(|facts| facts.volume_mm3).collect()
    }

    /// Divides a part of a scan by the values of its channels.
    pub fn find(
        scan: &Arc<Scan>,
        part: VoxelBox,
        settings: &SupervoxelSettings,
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        Self::find_with_classes(scan, part, None, settings, cancel)
    }

    /// As [`Players::find`], and by the classes of a segmentation where the method
    /// needs one: a class for every voxel of the part.
    pub fn find_with_classes(
        scan: &Arc<Scan>,
        part: VoxelBox,
        classes: Option<&[u16]>,
        settings: &SupervoxelSettings,
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        Self::find_on(None, scan, part, classes, settings, cancel)
    }

    /// As [`Players::find_with_classes`], with the rounds of SLIC on a graphics device if
    /// one is given.
    pub fn find_on(
        gpu: Option<&GpuContext>,
        scan: &Arc<Scan>,
        part: VoxelBox,
        classes: Option<&[u16]>,
        settings: &SupervoxelSettings,
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        let values = channels_of(scan, &part);
        let channels: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        let grid = scan.first()?.grid().crop(&part)?;
        let image = supervoxels::Image {
            channels: &channels,
            dims: grid.dims(),
            spacing_mm: grid.spacing_mm(),
        };
        let restriction = supervoxels::Restriction {
            include: None,
            classes,
        };
        let mut rounds = gpu.map(DeviceRounds::new);
        let rounds = rounds.as_mut().map(|rounds| rounds as &mut dyn Rounds);
        let found = supervoxels::find_with_rounds(&image, &restriction, settings, rounds, cancel)?;
        let facts = found.facts(&grid)?;
        let (count, air_voxels) = (found.count, found.air_voxels);
        let adjacency = PlayerAdjacency::of(&found.labels, grid.dims(), count)?;
        let labels = LabelMap::new(grid, found.labels).ok_or(GridError::OutsideScan)?;
        Ok(Self {
            adjacency,
            labels,
            count,
            facts,
            settings: *settings,
            air_voxels,
            scan: Arc::clone(scan),
            part,
        })
    }

    /// The same players with some of them split into about so many pieces each, and which
    /// piece is whose.
    ///
    /// Errors: more pieces than there can be players, cancelling.
    pub fn split(
        &self,
        cells: &[usize],
        pieces: usize,
        cancel: &CancelToken,
    ) -> Result<(Self, Refinement), EngineError> {
        let values = channels_of(&self.scan, &self.part);
        let channels: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        let grid = *self.labels.grid();
        let image = supervoxels::Image {
            channels: &channels,
            dims: grid.dims(),
            spacing_mm: grid.spacing_mm(),
        };
        let is_split = |label: u16| {
            let player = usize::from(label).checked_sub(1);
            player.is_some_and(|player| cells.contains(&player))
        };
        let labels = self.labels.labels();
        let include: Vec<bool> = labels.iter().map(|&label| is_split(label)).collect();
        let settings = SupervoxelSettings {
            method: supervoxels::Method::Slic,
            count: cells.len() * pieces,
            leave_out_air: false,
            ..self.settings
        };
        let restriction = supervoxels::Restriction {
            include: Some(&include),
            classes: None,
        };
        let found = supervoxels::find(&image, &restriction, &settings, cancel)?;
        let refinement = Refinement::new(labels, cells, &found.labels)?;
        let fine = supervoxels::Supervoxels {
            labels: refinement.labels.clone(),
            count: refinement.count,
            air_voxels: self.air_voxels,
        };
        let players = Self {
            facts: fine.facts(&grid)?,
            adjacency: PlayerAdjacency::of(&fine.labels, grid.dims(), fine.count)?,
            count: fine.count,
            labels: LabelMap::new(grid, fine.labels).ok_or(GridError::OutsideScan)?,
            settings,
            scan: Arc::clone(&self.scan),
            ..*self
        };
        Ok((players, refinement))
    }

    /// BLAKE3 of the label map, as hex: the same for the same division.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for label in self.labels.labels() {
            hasher.update(&label.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Whether these players divide the region of this study.
    pub fn belong_to(&self, study: &Study) -> bool {
        Arc::ptr_eq(&self.scan, &study.scan)
            && self.part == study.part
            && self.labels.grid().same_place(&study.region_grid)
    }

    /// The player at a world point.
    pub fn player_at(&self, world_mm: glam::DVec3) -> Option<usize> {
        let voxel = self.labels.grid().nearest_voxel(world_mm)?;
        usize::from(self.labels.label(voxel)?).checked_sub(1)
    }
}

/// The values of all channels in a part of a scan.
fn channels_of(scan: &Scan, part: &VoxelBox) -> Vec<Vec<f32>> {
    let channels = scan.channels.iter();
    channels.map(|channel| channel.crop_to_f32(part)).collect()
}
