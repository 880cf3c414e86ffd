//! The layers over the scan: which there are, and how the user looks at each.

use crate::gpu::{LabelSlot, LabelStyle, PlaneLayers, SliceLayer, Window};

/// A layer with an eye of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    SecondScan,
    /// SHAP values or their standard errors.
    Heatmap,
    Supervoxels,
    Mask,
    Segmentation,
    Reference,
    Kept,
    Removed,
}

impl Layer {
    /// From the bottom to the top, as they lie on a slice at first.
    pub const ALL: [Self; 8] = [
        Self::SecondScan,
        Self::Heatmap,
        Self::Supervoxels,
        Self::Mask,
        Self::Segmentation,
        Self::Reference,
        Self::Kept,
        Self::Removed,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::SecondScan => "Second scan",
            Self::Supervoxels => "Supervoxels",
            Self::Heatmap => "Heatmap",
            Self::Mask => "Relevance mask",
            Self::Segmentation => "Segmentation",
            Self::Reference => "Reference",
            Self::Kept => "Mask kept",
            Self::Removed => "Mask removed",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::SecondScan => "Another scan, by its place in the body",
            Self::Supervoxels => "Lines between the supervoxels",
            Self::Heatmap => "SHAP value of each supervoxel, or its standard error",
            Self::Mask => "The supervoxels that the rule of the mask holds",
            Self::Segmentation => "What the network segments in the scan",
            Self::Reference => "A label map that was added, by its place in the body",
            Self::Kept => "What the network segments where it sees the mask alone",
            Self::Removed => "What the network segments where it sees all but the mask",
        }
    }

    /// The layer of a slice that this is.
    fn on_slice(self) -> SliceLayer {
        match self {
            Self::SecondScan => SliceLayer::SecondScan,
            Self::Heatmap => SliceLayer::Heatmap,
            Self::Supervoxels => SliceLayer::Supervoxels,
            Self::Mask => SliceLayer::Mask,
            Self::Segmentation => SliceLayer::Segmentation,
            Self::Reference => SliceLayer::Labels(LabelSlot::Reference),
            Self::Kept => SliceLayer::Labels(LabelSlot::Kept),
            Self::Removed => SliceLayer::Labels(LabelSlot::Removed),
        }
    }

    /// The slot of a label map beside the segmentation.
    pub fn slot(self) -> Option<LabelSlot> {
        match self {
            Self::Reference => Some(LabelSlot::Reference),
            Self::Kept => Some(LabelSlot::Kept),
            Self::Removed => Some(LabelSlot::Removed),
            _ => None,
        }
    }

    /// Whether areas and outlines can be drawn apart.
    pub fn has_areas(self) -> bool {
        matches!(self, Self::Mask | Self::Segmentation) || self.slot().is_some()
    }
}

/// What of an area is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    FillAndOutline,
    Outline,
    Fill,
}

impl Drawn {
    pub const ALL: [Self; 3] = [Self::FillAndOutline, Self::Outline, Self::Fill];

    pub fn label(self) -> &'static str {
        match self {
            Self::FillAndOutline => "Both",
            Self::Outline => "Outline",
            Self::Fill => "Fill",
        }
    }

    /// Opacities of area and outline where the layer has one opacity.
    pub fn parts(self, opacity: f32) -> (f32, f32) {
        match self {
            Self::FillAndOutline => (opacity, (opacity * 2.0).min(1.0)),
            Self::Outline => (0.0, opacity),
            Self::Fill => (opacity, 0.0),
        }
    }
}

/// What the heatmap shows of each supervoxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeatShown {
    #[default]
    Value,
    StandardError,
}

impl HeatShown {
    pub const ALL: [Self; 2] = [Self::Value, Self::StandardError];

    pub fn label(self) -> &'static str {
        match self {
            Self::Value => "SHAP value",
            Self::StandardError => "Standard error",
        }
    }
}

/// How one layer is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerLook {
    pub visible: bool,
    /// Not used by layers whose opacity is part of [`super::state::Look`].
    pub opacity: f32,
    pub drawn: Drawn,
}

/// How the layers are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerLooks {
    looks: [LayerLook; Layer::ALL.len()],
    /// The only layer that is shown over the scan.
    pub solo: Option<Layer>,
    pub heat: HeatShown,
    pub second_scan_window: Window,
    /// All layers from the bottom to the top, as they lie on a slice.
    pub order: [Layer; Layer::ALL.len()],
}

impl Default for LayerLooks {
    fn default() -> Self {
        let look = |opacity, drawn| LayerLook {
            visible: true,
            opacity,
            drawn,
        };
        Self {
            looks: Layer::ALL.map(|layer| match layer {
                Layer::SecondScan => look(0.5, Drawn::Fill),
                Layer::Segmentation => look(0.35, Drawn::FillAndOutline),
                _ => look(1.0, Drawn::Outline),
            }),
            solo: None,
            heat: HeatShown::Value,
            second_scan_window: Window {
                low: 0.0,
                high: 1.0,
            },
            order: Layer::ALL,
        }
    }
}

impl LayerLooks {
    pub fn of(&self, layer: Layer) -> &LayerLook {
        &self.looks[layer as usize]
    }

    pub fn of_mut(&mut self, layer: Layer) -> &mut LayerLook {
        &mut self.looks[layer as usize]
    }

    /// Whether a layer is drawn: its eye is open, and no other is shown alone.
    pub fn shows(&self, layer: Layer) -> bool {
        match self.solo {
            Some(only) => only == layer,
            None => self.of(layer).visible,
        }
    }

    pub fn toggle(&mut self, layer: Layer) {
        // A closed eye opens where another layer is shown alone: that ends.
        let shown = self.shows(layer);
        self.solo = None;
        self.of_mut(layer).visible = !shown;
    }

    pub fn toggle_solo(&mut self, layer: Layer) {
        self.solo = (self.solo != Some(layer)).then_some(layer);
    }

    /// Draws a layer over the next one above it that `counts`, as one that is not there
    /// cannot be seen to be passed.
    pub fn raise(&mut self, layer: Layer, counts: impl Fn(Layer) -> bool) {
        let Some(at) = self.order.iter().position(|&other| other == layer) else {
            return;
        };
        let above = self
            .order
            .iter()
            .skip(at + 1)
            .position(|&other| counts(other));
        if let Some(part) = above.and_then(|above| self.order.get_mut(at..=at + 1 + above)) {
            part.rotate_left(1);
        }
    }

    /// The layers that slices alone show, as the shader wants them.
    pub fn plane_layers(&self) -> PlaneLayers {
        let style = |layer: Layer| {
            let look = self.of(layer);
            let opacity = if self.shows(layer) { look.opacity } else { 0.0 };
            let (fill, outline) = look.drawn.parts(opacity);
            LabelStyle {
                fill: fill * 0.6,
                outline,
                // Colour is not the only thing that tells the maps apart.
                dash_px: match layer {
                    Layer::Reference => 8.0,
                    Layer::Removed => 4.0,
                    _ => 0.0,
                },
            }
        };
        let second = self.of(Layer::SecondScan);
        PlaneLayers {
            labels: [Layer::Reference, Layer::Kept, Layer::Removed].map(style),
            order: self.order.map(Layer::on_slice),
            second_scan_opacity: if self.shows(Layer::SecondScan) {
                second.opacity
            } else {
                0.0
            },
            second_scan_window: self.second_scan_window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_hides_the_others_until_an_eye_is_used() {
        let mut looks = LayerLooks::default();
        looks.toggle_solo(Layer::Reference);
        assert!(looks.shows(Layer::Reference) && !looks.shows(Layer::Segmentation));
        assert_eq!(looks.plane_layers().second_scan_opacity, 0.0);
        looks.toggle(Layer::Segmentation);
        assert!(looks.shows(Layer::Segmentation) && looks.solo.is_none());
        looks.toggle(Layer::Segmentation);
        assert!(!looks.shows(Layer::Segmentation) && looks.shows(Layer::Reference));
    }

    #[test]
    fn a_raised_layer_lies_above_the_next_that_is_there() {
        let mut looks = LayerLooks::default();
        let there = |layer| layer != Layer::Supervoxels;
        looks.raise(Layer::Heatmap, there);
        let order = [
            Layer::SecondScan,
            Layer::Supervoxels,
            Layer::Mask,
            Layer::Heatmap,
            Layer::Segmentation,
        ];
        assert_eq!(looks.order[..5], order);
        looks.raise(Layer::Removed, there);
        assert_eq!(looks.order[7], Layer::Removed, "nothing is above it");
        for _ in 0..9 {
            looks.raise(Layer::SecondScan, there);
        }
        assert_eq!(looks.order[7], Layer::SecondScan);
        assert_eq!(looks.plane_layers().order[7], SliceLayer::SecondScan);
    }
}
