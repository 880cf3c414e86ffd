//! Views drawn by the shaders, into textures that egui shows as they are.

use std::sync::Arc;

use egui::TextureId;
use egui::mutex::RwLock;

use crate::gpu::transfer::TransferTable;
use crate::gpu::{
    ClassStyle, GpuContext, GpuError, LabelSlot, PlayerSample, RaycastPass, RaycastView, Scene,
    SlicePass, SliceView, Target,
};
use crate::volume::{LabelMap, Volume};

/// Draws on the window's own graphics device.
pub struct DevicePainter {
    gpu: GpuContext,
    egui: Arc<RwLock<egui_wgpu::Renderer>>,
    scene: Scene,
    slice_pass: SlicePass,
    raycast_pass: RaycastPass,
    slices: [Option<Shown>; 3],
    volume: Option<(Shown, bool)>,
}

/// A target that egui knows.
struct Shown {
    target: Target,
    id: TextureId,
}

impl DevicePainter {
    /// The longest side of a volume that the device draws whole.
    pub fn largest_volume_side(&self) -> usize {
        self.gpu.largest_volume_side()
    }

    pub fn new(gpu: GpuContext, egui: Arc<RwLock<egui_wgpu::Renderer>>) -> Result<Self, GpuError> {
        Ok(Self {
            scene: Scene::new(&gpu)?,
            slice_pass: SlicePass::new(&gpu)?,
            raycast_pass: RaycastPass::new(&gpu)?,
            gpu,
            egui,
            slices: [None, None, None],
            volume: None,
        })
    }

    pub fn uploaded_bytes(&self) -> u64 {
        self.scene.uploaded_bytes()
    }

    pub fn set_scan(&mut self, scan: &Volume) -> Result<(), GpuError> {
        self.scene.set_scan(Some(scan))
    }

    pub fn set_second_scan(&mut self, scan: Option<&Volume>) -> Result<(), GpuError> {
        self.scene.set_second_scan(scan)
    }

    pub fn set_labels(
        &mut self,
        slot: LabelSlot,
        labels: Option<&LabelMap>,
    ) -> Result<(), GpuError> {
        self.scene.set_labels(slot, labels)
    }

    pub fn set_label_colours(
        &mut self,
        slot: LabelSlot,
        styles: &[ClassStyle],
    ) -> Result<(), GpuError> {
        self.scene.set_label_colours(slot, styles)
    }

    pub fn set_segmentation(&mut self, labels: Option<&LabelMap>) -> Result<(), GpuError> {
        self.scene.set_segmentation(labels)
    }

    pub fn set_supervoxels(&mut self, labels: Option<&LabelMap>) -> Result<(), GpuError> {
        self.scene.set_supervoxels(labels)
    }

    pub fn set_players(&mut self, players: &[PlayerSample]) -> Result<(), GpuError> {
        self.scene.update_players(players)
    }

    pub fn set_classes(&mut self, classes: &[ClassStyle]) -> Result<(), GpuError> {
        self.scene.set_classes(classes)
    }

    pub fn set_transfer(&mut self, table: &TransferTable) -> Result<(), GpuError> {
        self.scene.set_transfer(table)
    }

    pub fn draw_slice(&mut self, index: usize, view: &SliceView) -> Result<(), GpuError> {
        if let Some(place) = self.slices.get_mut(index) {
            let shown = prepare(&self.gpu, &self.egui, place, view.size_px)?;
            self.slice_pass
                .draw(&self.gpu, &self.scene, view, &shown.target);
        }
        Ok(())
    }

    pub fn slice(&self, index: usize) -> Option<TextureId> {
        self.slices.get(index)?.as_ref().map(|shown| shown.id)
    }

    pub fn draw_volume(&mut self, view: &RaycastView, fine: bool) -> Result<(), GpuError> {
        let mut place = self.volume.take().map(|(shown, _)| shown);
        let drawn = prepare(&self.gpu, &self.egui, &mut place, view.size_px).map(|shown| {
            self.raycast_pass
                .draw(&self.gpu, &self.scene, view, &shown.target)
        });
        self.volume = place.map(|shown| (shown, fine));
        drawn
    }

    /// The volume's picture and whether it is a fine one.
    pub fn volume(&self) -> Option<(TextureId, bool)> {
        self.volume.as_ref().map(|(shown, fine)| (shown.id, *fine))
    }
}

/// A target of the right size that egui knows, in the given place.
fn prepare<'s>(
    gpu: &GpuContext,
    egui: &RwLock<egui_wgpu::Renderer>,
    place: &'s mut Option<Shown>,
    size_px: [u32; 2],
) -> Result<&'s Shown, GpuError> {
    let filter = wgpu::FilterMode::Linear;
    match place {
        Some(shown) => {
            if shown.target.resize(gpu, size_px)? {
                egui.write().update_egui_texture_from_wgpu_texture(
                    &gpu.device,
                    shown.target.view(),
                    filter,
                    shown.id,
                );
            }
            Ok(shown)
        }
        None => {
            let target = Target::new(gpu, size_px)?;
            let id = egui
                .write()
                .register_native_texture(&gpu.device, target.view(), filter);
            Ok(place.insert(Shown { target, id }))
        }
    }
}
