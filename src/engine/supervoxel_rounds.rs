//! SLIC on a graphics device: the rounds of `explain`, done by `gpu`.

use crate::explain::supervoxels::{Rounds, RoundsCentres, RoundsVolume};
use crate::gpu::supervoxels::{Centres, Division, SupervoxelRounds};
use crate::gpu::{GpuContext, Tier};

/// Rounds on a graphics device.
#[derive(Debug)]
pub struct DeviceRounds {
    gpu: GpuContext,
    running: Option<SupervoxelRounds>,
}

impl DeviceRounds {
    pub fn new(gpu: &GpuContext) -> Self {
        Self {
            gpu: gpu.clone(),
            running: None,
        }
    }

    /// Whether a device does the rounds faster than the processor: a graphics card does, an
    /// adapter in software does not.
    pub fn are_worth_it(gpu: &GpuContext) -> bool {
        gpu.tier == Tier::Full
    }

    fn running(&self) -> Result<&SupervoxelRounds, String> {
        self.running
            .as_ref()
            .ok_or_else(|| "nothing was handed over".to_owned())
    }
}

fn narrow(numbers: [usize; 3]) -> [u32; 3] {
    numbers.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

impl Rounds for DeviceRounds {
    fn begin(&mut self, volume: &RoundsVolume<'_>) -> Result<(), String> {
        let division = Division {
            features: volume.features,
            steps: volume.steps,
            inside: volume.inside,
            dims: narrow(volume.dims),
            spacing_mm: volume.spacing_mm,
            tile: narrow(volume.tile),
            root_weight: volume.root_weight,
            window_mm: volume.window_mm,
        };
        let running = SupervoxelRounds::new(&self.gpu, &division);
        self.running = Some(running.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn assign(&mut self, centres: &RoundsCentres<'_>, stride: usize) -> Result<Vec<i64>, String> {
        let centres = Centres {
            centres_mm: centres.centres_mm,
            values: centres.values,
            box_edge_mm: centres.box_edge_mm,
            boxes: narrow(centres.boxes),
            box_starts: centres.box_starts,
            box_labels: centres.box_labels,
        };
        let stride = u32::try_from(stride).unwrap_or(1);
        let sums = self.running()?.assign(&centres, stride);
        sums.map_err(|error| error.to_string())
    }

    fn labels(&mut self) -> Result<Vec<u32>, String> {
        self.running()?.labels().map_err(|error| error.to_string())
    }
}
