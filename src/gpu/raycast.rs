//! The volume rendering on the graphics device: `shaders/raycast.wgsl`.

use super::device::GpuContext;
use super::error::GpuError;
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
        PicturePass::new(gpu, RAYCAST, size_of::<RaycastUniform>()).map(Self)
    }

    /// Draws the volume over the whole target, whatever `view.size_px` says.
    pub fn draw(&self, gpu: &GpuContext, scene: &Scene, view: &RaycastView, target: &Target) {
        let view = RaycastView {
            size_px: target.size_px(),
            ..*view
        };
        let uniform = RaycastUniform::new(&view, &scene.facts());
        self.0
            .draw(gpu, scene, bytemuck::bytes_of(&uniform), target);
    }
}
