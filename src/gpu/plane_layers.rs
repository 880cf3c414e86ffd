//! Layers that slices alone show: label maps beside the segmentation, and a second scan.
//! Each has a grid of its own and meets the scan in the world.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;

use super::texels::LayerFacts;
use super::uniform::{LayerUniform, ScanFacts, SceneFacts, SceneUniform, colour, vec4};
use super::view::{Interpolation, SliceView, Window};
use crate::base::WorldBox;

/// A place for a label map beside the segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LabelSlot {
    /// What someone drew.
    Reference,
    /// What the network segments where it sees the relevance mask alone.
    Kept,
    /// What it segments where it sees all but the mask.
    Removed,
}

impl LabelSlot {
    pub const ALL: [Self; 3] = [Self::Reference, Self::Kept, Self::Removed];

    pub fn index(self) -> usize {
        self as usize
    }
}

/// A layer above the scan on a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceLayer {
    SecondScan,
    Heatmap,
    /// The lines between supervoxels.
    Supervoxels,
    Mask,
    Segmentation,
    Labels(LabelSlot),
}

impl SliceLayer {
    /// In the order of their numbers in the shader, which is how they lie at first: from
    /// the bottom to the top.
    pub const ALL: [Self; 8] = [
        Self::SecondScan,
        Self::Heatmap,
        Self::Supervoxels,
        Self::Mask,
        Self::Segmentation,
        Self::Labels(LabelSlot::Reference),
        Self::Labels(LabelSlot::Kept),
        Self::Labels(LabelSlot::Removed),
    ];

    fn number(self) -> u32 {
        match self {
            Self::SecondScan => 0,
            Self::Heatmap => 1,
            Self::Supervoxels => 2,
            Self::Mask => 3,
            Self::Segmentation => 4,
            Self::Labels(slot) => 5 + slot as u32,
        }
    }
}

/// How a label map lies on a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelStyle {
    /// Opacities of areas and of their outlines; 0 is not drawn.
    pub fill: f32,
    pub outline: f32,
    /// Length of a dash of the outline with its gap, in pixels; 0 for an unbroken line.
    pub dash_px: f32,
}

/// How the layers lie on a slice. What has no opacity is not drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneLayers {
    /// In the order of [`LabelSlot::ALL`].
    pub labels: [LabelStyle; 3],
    /// All layers from the bottom to the top.
    pub order: [SliceLayer; 8],
    pub second_scan_opacity: f32,
    pub second_scan_window: Window,
}

impl Default for PlaneLayers {
    fn default() -> Self {
        let hidden = LabelStyle {
            fill: 0.0,
            outline: 0.0,
            dash_px: 0.0,
        };
        Self {
            labels: [hidden; 3],
            order: SliceLayer::ALL,
            second_scan_opacity: 0.0,
            second_scan_window: Window {
                low: 0.0,
                high: 1.0,
            },
        }
    }
}

/// What the shader needs to know of these layers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlaneFacts {
    /// In the order of [`LabelSlot::ALL`].
    pub labels: [Option<LayerFacts>; 3],
    /// First colour and number of colours of each, in the table of label colours.
    pub colours: [[u32; 2]; 3],
    pub second_scan: Option<ScanFacts>,
}

/// A label map, as `shaders/lib/plane_layers.wgsl` has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LabelLayerUniform {
    pub layer: LayerUniform,
    pub fill: f32,
    pub outline: f32,
    pub dash_px: f32,
    pub slot: u32,
    pub first_colour: u32,
    pub colour_count: u32,
    pub unused: [u32; 2],
}

/// The second scan, as `shaders/lib/plane_layers.wgsl` has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SecondScanUniform {
    pub layer: LayerUniform,
    /// Texel values drawn as black and as white; opacity; then unused.
    pub window: [f32; 4],
}

/// The uniform block of `shaders/slice.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SliceUniform {
    pub scene: SceneUniform,
    /// World place of the picture's middle.
    pub center: [f32; 4],
    /// World steps of one pixel to the right and one pixel down.
    pub right_step: [f32; 4],
    pub down_step: [f32; 4],
    pub background: [f32; 4],
    /// Corners of the region box; `region_low.w` is 1 if there is one.
    pub region_low: [f32; 4],
    pub region_high: [f32; 4],
    pub size_px: [f32; 2],
    /// 0 nearest, 1 linear, 2 cubic.
    pub interpolate: u32,
    pub dim_outside_region: f32,
    /// In the order of [`LabelSlot::ALL`].
    pub labels: [LabelLayerUniform; 3],
    pub second_scan: SecondScanUniform,
    /// Numbers of the layers above the scan, from the bottom.
    pub order: [[u32; 4]; 2],
}

impl LabelLayerUniform {
    fn new(slot: LabelSlot, layers: &PlaneLayers, facts: &PlaneFacts) -> Self {
        let (style, layer) = (
            layers.labels[slot.index()],
            facts.labels[slot.index()].as_ref(),
        );
        let [first_colour, colour_count] = facts.colours[slot.index()];
        let mut block = LayerUniform::new(layer);
        if style.fill <= 0.0 && style.outline <= 0.0 {
            // Nothing of a hidden layer is read.
            block.dims[3] = 0.0;
        }
        Self {
            layer: block,
            fill: style.fill,
            outline: style.outline,
            dash_px: style.dash_px,
            slot: slot as u32,
            first_colour,
            colour_count,
            unused: [0; 2],
        }
    }
}

impl SecondScanUniform {
    fn new(layers: &PlaneLayers, facts: &PlaneFacts) -> Self {
        let scan = facts.second_scan;
        let fraction = |value| scan.map_or(value, |scan| scan.fraction(value)) as f32;
        let mut layer = LayerUniform::new(scan.map(|scan| scan.layer).as_ref());
        if layers.second_scan_opacity <= 0.0 {
            layer.dims[3] = 0.0;
        }
        let Window { low, high } = layers.second_scan_window;
        Self {
            layer,
            window: [
                fraction(low),
                fraction(high),
                layers.second_scan_opacity,
                0.0,
            ],
        }
    }
}

impl SliceUniform {
    pub fn new(view: &SliceView, facts: &SceneFacts) -> Self {
        let region = view.region.unwrap_or(WorldBox {
            min: [0.0; 3],
            max: [0.0; 3],
        });
        let steps = |direction: DVec3| vec4(direction * view.mm_per_pixel, 0.0);
        Self {
            scene: SceneUniform::new(facts, view.window, &view.overlay),
            center: vec4(view.center_mm, 0.0),
            right_step: steps(view.right),
            down_step: steps(-view.up),
            background: colour(view.background),
            region_low: vec4(
                region.min.into(),
                f64::from(u8::from(view.region.is_some())),
            ),
            region_high: vec4(region.max.into(), 0.0),
            size_px: view.size_px.map(|n| n as f32),
            interpolate: match view.interpolation {
                Interpolation::Nearest => 0,
                Interpolation::Linear => 1,
                Interpolation::Cubic => 2,
            },
            dim_outside_region: view.dim_outside_region,
            labels: LabelSlot::ALL
                .map(|slot| LabelLayerUniform::new(slot, &view.layers, &facts.plane)),
            second_scan: SecondScanUniform::new(&view.layers, &facts.plane),
            order: {
                let [a, b, c, d, e, f, g, h] = view.layers.order.map(SliceLayer::number);
                [[a, b, c, d], [e, f, g, h]]
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_numbered_as_they_lie_at_first() {
        let numbers = SliceLayer::ALL.map(SliceLayer::number);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
