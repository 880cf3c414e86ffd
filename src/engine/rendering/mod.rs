//! Pictures of the volume without a window: the same scene and the same march, on the
//! graphics device or its CPU twin.

mod annotations;
mod layers;

pub use annotations::annotated;
pub use layers::{EvidenceLayers, Layers};

use crate::gpu::transfer::TransferTable;
use crate::gpu::twin::{TwinScene, render_raycast};
use crate::gpu::{GpuContext, Mean, Picture, RaycastPass, RaycastView, Scene, Target, capture};

use super::EngineError;

/// Who draws, pictures and the window's views alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DrawOn {
    /// A graphics card where there is one, else the CPU.
    #[default]
    Automatic,
    /// The graphics device, whatever it is.
    Device,
    Cpu,
}

/// Draws pictures of one set of layers.
pub struct VolumePainter {
    painter: Painter,
    /// The device in words.
    pub device: String,
    /// What a viewer must know about the pictures.
    pub notes: Vec<String>,
}

enum Painter {
    Device(Box<DevicePainter>),
    Cpu(Box<TwinScene>),
}

struct DevicePainter {
    gpu: GpuContext,
    scene: Scene,
    pass: RaycastPass,
}

impl VolumePainter {
    pub fn new(layers: &Layers, draw_on: DrawOn) -> Result<Self, EngineError> {
        let gpu = match draw_on {
            DrawOn::Cpu => None,
            DrawOn::Device => Some(GpuContext::headless()?),
            // The twin is several times faster than a software adapter.
            DrawOn::Automatic => GpuContext::headless()
                .ok()
                .filter(|gpu| !gpu.tier.draws_on_cpu()),
        };
        match gpu {
            Some(gpu) => Self::on_device(layers, gpu),
            None => Ok(Self::on_cpu(layers)),
        }
    }

    fn on_cpu(layers: &Layers) -> Self {
        let mut scene = TwinScene::new();
        scene.set_scan(Some(&layers.scan));
        scene.set_segmentation(layers.segmentation.as_ref());
        scene.set_classes(&layers.classes);
        if let Some(evidence) = &layers.evidence {
            scene.set_supervoxels(Some(&evidence.supervoxels));
            scene.set_players(&evidence.players);
        }
        Self {
            painter: Painter::Cpu(Box::new(scene)),
            device: "CPU".to_owned(),
            notes: Vec::new(),
        }
    }

    fn on_device(layers: &Layers, gpu: GpuContext) -> Result<Self, EngineError> {
        let mut scene = Scene::new(&gpu)?;
        scene.set_scan(Some(&layers.scan))?;
        scene.set_segmentation(layers.segmentation.as_ref())?;
        scene.set_classes(&layers.classes)?;
        if let Some(evidence) = &layers.evidence {
            scene.set_supervoxels(Some(&evidence.supervoxels))?;
            scene.update_players(&evidence.players)?;
        }
        let stride = scene
            .facts()
            .scan
            .map_or([1; 3], |scan| scan.layer.stride)
            .into_iter()
            .max()
            .unwrap_or(1);
        let notes = if stride > 1 {
            vec![format!("3D thinned by {stride}")]
        } else {
            Vec::new()
        };
        Ok(Self {
            device: gpu.name.clone(),
            notes,
            painter: Painter::Device(Box::new(DevicePainter {
                pass: RaycastPass::new(&gpu)?,
                scene,
                gpu,
            })),
        })
    }

    /// Gives the scan colours and opacities.
    pub fn set_transfer(&mut self, table: &TransferTable) -> Result<(), EngineError> {
        match &mut self.painter {
            Painter::Cpu(scene) => scene.set_transfer(table),
            Painter::Device(painter) => painter.scene.set_transfer(table)?,
        }
        Ok(())
    }

    /// The mean of so many pictures with samples of their own: the more, the less grain and
    /// the smoother the edges. At least one is drawn.
    pub fn draw(&self, view: &RaycastView, samples: u32) -> Result<Picture, EngineError> {
        let mut mean = Mean::default();
        let mut picture = Picture::new(view.size_px);
        for frame in 0..samples.max(1) {
            picture = mean.with(self.draw_once(&RaycastView { frame, ..*view })?);
        }
        Ok(picture)
    }

    fn draw_once(&self, view: &RaycastView) -> Result<Picture, EngineError> {
        match &self.painter {
            Painter::Cpu(scene) => Ok(render_raycast(scene, view)),
            Painter::Device(painter) => {
                let DevicePainter { gpu, scene, pass } = &**painter;
                let target = Target::new(gpu, view.size_px)?;
                pass.draw(gpu, scene, view, &target);
                Ok(capture(gpu, &target)?)
            }
        }
    }
}
