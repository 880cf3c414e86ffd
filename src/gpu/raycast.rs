//! The volume rendering on the graphics device: `shaders/raycast.wgsl`.

use super::device::GpuContext;
use super::error::GpuError;
use super::matter::MatterStage;
use super::pass::{PicturePass, Target};
use super::scene::Scene;
use super::shaders::RAYCAST;
use super::uniform::RaycastUniform;
use super::view::RaycastView;

/// Draws volumes.
#[derive(Debug)]
pub struct RaycastPass(PicturePass);

impl RaycastPass {
    pub fn new(gpu: &GpuContext) -> Result<Self, GpuError> {
        let matter = MatterStage::layout(&gpu.device);
        PicturePass::new(gpu, RAYCAST, size_of::<RaycastUniform>(), &[&matter]).map(Self)
    }

    /// Draws the volume over the whole target, whatever `view.size_px` says.
    pub fn draw(&self, gpu: &GpuContext, scene: &Scene, view: &RaycastView, target: &Target) {
        let view = RaycastView {
            size_px: target.size_px(),
            ..*view
        };
        let uniform = RaycastUniform::new(&view, &scene.facts());
        self.draw_uniform(gpu, scene, &uniform, target);
    }

    /// Writes the work of each ray instead of its colour: samples in the first two
    /// bytes of a pixel (low first), leaps over empty blocks in the third.
    pub fn draw_work(&self, gpu: &GpuContext, scene: &Scene, view: &RaycastView, target: &Target) {
        let view = RaycastView {
            size_px: target.size_px(),
            ..*view
        };
        let uniform = RaycastUniform {
            report_work: 1,
            ..RaycastUniform::new(&view, &scene.facts())
        };
        self.draw_uniform(gpu, scene, &uniform, target);
    }

    fn draw_uniform(
        &self,
        gpu: &GpuContext,
        scene: &Scene,
        uniform: &RaycastUniform,
        target: &Target,
    ) {
        let (bytes, matter) = (bytemuck::bytes_of(uniform), scene.matter());
        self.0.draw(gpu, scene, bytes, Some(matter), target);
    }
}
