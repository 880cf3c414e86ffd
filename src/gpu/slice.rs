//! Slices on the graphics device: `shaders/slice.wgsl`.

use super::device::GpuContext;
use super::error::GpuError;
use super::pass::{PicturePass, Target};
use super::plane_layers::SliceUniform;
use super::scene::Scene;
use super::shaders::SLICE;
use super::view::SliceView;

/// Draws slices.
#[derive(Debug)]
pub struct SlicePass(PicturePass);

impl SlicePass {
    pub fn new(gpu: &GpuContext) -> Result<Self, GpuError> {
        PicturePass::new(gpu, SLICE, size_of::<SliceUniform>(), &[]).map(Self)
    }

    /// Draws a slice over the whole target, whatever `view.size_px` says.
    pub fn draw(&self, gpu: &GpuContext, scene: &Scene, view: &SliceView, target: &Target) {
        let view = SliceView {
            size_px: target.size_px(),
            ..*view
        };
        let uniform = SliceUniform::new(&view, &scene.facts());
        self.0
            .draw(gpu, scene, bytemuck::bytes_of(&uniform), None, target);
    }
}
