//! The uniform blocks of the shaders, as the GPU sees them, and how they are made
//! from a view and the facts of a scene.
//!
//! The layouts are those of `shaders/lib/layers.wgsl`, `shaders/slice.wgsl` and
//! `shaders/raycast.wgsl`; a test compares every size and offset. The CPU twins read
//! the same blocks, so both start from the same rounded numbers.

use bytemuck::{Pod, Zeroable};
use glam::{DVec3, DVec4};

use crate::base::WorldBox;
use crate::base::colour::Rgb;

use super::plane_layers::PlaneFacts;
use super::texels::{LayerFacts, ScanTexels};
use super::view::{EvidenceSign, OverlayStyle, RaycastView, Window};

/// A ray never takes more samples than this, whatever its step.
pub const MAX_STEPS: u32 = 4096;

/// What the shaders need to know of the layers of a scene.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SceneFacts {
    pub scan: Option<ScanFacts>,
    pub segmentation: Option<LayerFacts>,
    pub supervoxels: Option<LayerFacts>,
    pub player_count: u32,
    pub class_count: u32,
    pub plane: PlaneFacts,
}

/// Where the scan is and which values its texels stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanFacts {
    pub layer: LayerFacts,
    /// The scan values of a texel of 0 and of 1.
    pub value_low: f64,
    pub value_high: f64,
}

impl From<&ScanTexels> for ScanFacts {
    fn from(texels: &ScanTexels) -> Self {
        Self {
            layer: texels.facts,
            value_low: texels.value_low,
            value_high: texels.value_high,
        }
    }
}

impl ScanFacts {
    /// A scan value as a texel value.
    pub fn fraction(&self, value: f64) -> f64 {
        (value - self.value_low) / (self.value_high - self.value_low)
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LayerUniform {
    /// Columns of a 4×4 matrix.
    pub texel_from_world: [[f32; 4]; 4],
    /// Texels along each axis; w is 1 if the layer is there, else 0.
    pub dims: [f32; 4],
    /// The box of texel cells that hold anything.
    pub occupied_low: [f32; 4],
    pub occupied_high: [f32; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct OverlayUniform {
    pub segmentation_fill: f32,
    pub segmentation_outline: f32,
    pub boundary_opacity: f32,
    pub heatmap_opacity: f32,
    pub heat_scale: f32,
    pub mask_threshold: f32,
    /// 0 no mask, 1 players for, 2 against, 3 either way.
    pub mask_sign: u32,
    pub hatch_undecided: u32,
    pub player_count: u32,
    pub class_count: u32,
    pub selected_supervoxel: u32,
    pub hovered_supervoxel: u32,
    pub mask_fill: f32,
    pub mask_outline: f32,
    pub heat_of_error: u32,
    pub mask_certain: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SceneUniform {
    pub scan: LayerUniform,
    pub segmentation: LayerUniform,
    pub supervoxels: LayerUniform,
    pub overlay: OverlayUniform,
    /// Texel values drawn as black and as white; then unused.
    pub window: [f32; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct RaycastUniform {
    pub scene: SceneUniform,
    pub eye: [f32; 4],
    /// Unit world directions; `right` and `up` in w: half the picture's width and
    /// height at a depth of 1 mm (perspective) or at any depth (orthographic).
    pub forward: [f32; 4],
    pub right: [f32; 4],
    pub up: [f32; 4],
    /// Unit world direction toward the light.
    pub light: [f32; 4],
    pub background_top: [f32; 4],
    pub background_bottom: [f32; 4],
    /// Corners of the region box; w of low: opacity of its edges.
    pub region_low: [f32; 4],
    pub region_high: [f32; 4],
    /// Corners of the box that the scan is drawn in; w of low: 1 if there is one.
    pub crop_low: [f32; 4],
    pub crop_high: [f32; 4],
    /// Planes that take away what is farther along their normal than w. None has a
    /// normal of zero.
    pub clip_planes: [[f32; 4]; 3],
    /// A point on all planes of the cut-away; w is the number of planes.
    pub cut_point: [f32; 4],
    pub cut_normals: [[f32; 4]; 3],
    /// Where its lines meet; w is their opacity.
    pub crosshair: [f32; 4],
    pub size_px: [f32; 2],
    /// Where in a pixel its ray passes, from the middle.
    pub pixel_shift: [f32; 2],
    pub step_mm: f32,
    /// Added to where in a step the first sample lies, as a share of the step.
    pub step_shift: f32,
    /// Width of a pixel in the world: at a depth of 1 mm, or anywhere.
    pub pixel_mm: f32,
    pub haze_per_mm: f32,
    /// Texel values between which a cut face becomes opaque.
    pub face_clear: f32,
    pub face_full: f32,
    pub tint: f32,
    pub shell: f32,
    pub crosshair_reach: f32,
    pub orthographic: u32,
    pub max_steps: u32,
    /// 1 to write the numbers of samples and of leaps in place of colours.
    pub report_work: u32,
}

pub(super) fn vec4(v: DVec3, w: f64) -> [f32; 4] {
    v.extend(w).as_vec4().to_array()
}

pub(super) fn colour(Rgb(rgb): Rgb) -> [f32; 4] {
    let [r, g, b] = rgb.map(|c| f32::from(c) / 255.0);
    [r, g, b, 1.0]
}

impl LayerUniform {
    /// The block of a layer. Without a layer it is one texel that is never shown.
    pub(super) fn new(facts: Option<&LayerFacts>) -> Self {
        let Some(facts) = facts else {
            return Self {
                dims: [1.0, 1.0, 1.0, 0.0],
                ..Self::zeroed()
            };
        };
        let [low, end] = facts.occupied;
        let corner = |texel: [usize; 3]| vec4(DVec3::from(texel.map(|n| n as f64 - 0.5)), 0.0);
        let m = facts.texel_from_world;
        let columns = [
            m.x_axis.extend(0.0),
            m.y_axis.extend(0.0),
            m.z_axis.extend(0.0),
            m.translation.extend(1.0),
        ];
        Self {
            texel_from_world: columns.map(|column: DVec4| column.as_vec4().to_array()),
            dims: vec4(DVec3::from(facts.dims.map(|n| n as f64)), 1.0),
            occupied_low: corner(low),
            occupied_high: corner(end),
        }
    }
}

impl OverlayUniform {
    fn new(style: &OverlayStyle, facts: &SceneFacts) -> Self {
        Self {
            segmentation_fill: style.segmentation_fill,
            segmentation_outline: style.segmentation_outline,
            boundary_opacity: style.boundary_opacity,
            heatmap_opacity: style.heatmap_opacity,
            heat_scale: style.heat_scale,
            mask_threshold: style.mask.map_or(0.0, |mask| mask.threshold),
            mask_sign: style.mask.map_or(0, |mask| match mask.sign {
                EvidenceSign::For => 1,
                EvidenceSign::Against => 2,
                EvidenceSign::Either => 3,
            }),
            hatch_undecided: u32::from(style.hatch_undecided),
            player_count: facts.player_count,
            class_count: facts.class_count,
            selected_supervoxel: u32::from(style.selected_supervoxel.unwrap_or(0)),
            hovered_supervoxel: u32::from(style.hovered_supervoxel.unwrap_or(0)),
            mask_fill: style.mask_fill,
            mask_outline: style.mask_outline,
            heat_of_error: u32::from(style.heat_shows_error),
            mask_certain: u32::from(style.mask.is_some_and(|mask| mask.certain)),
        }
    }
}

impl SceneUniform {
    pub(super) fn new(facts: &SceneFacts, window: Window, overlay: &OverlayStyle) -> Self {
        let fraction = |value| facts.scan.map_or(value, |scan| scan.fraction(value)) as f32;
        Self {
            scan: LayerUniform::new(facts.scan.map(|scan| scan.layer).as_ref()),
            segmentation: LayerUniform::new(facts.segmentation.as_ref()),
            supervoxels: LayerUniform::new(facts.supervoxels.as_ref()),
            overlay: OverlayUniform::new(overlay, facts),
            window: [fraction(window.low), fraction(window.high), 0.0, 0.0],
        }
    }
}

impl RaycastUniform {
    pub fn new(view: &RaycastView, facts: &SceneFacts) -> Self {
        let camera = &view.camera;
        let [width, height] = view.size_px.map(|n| f64::from(n.max(1)));
        let half_height = if camera.orthographic {
            camera.half_height_mm()
        } else {
            (camera.vertical_field_of_view / 2.0).tan()
        };
        let (forward, right, up) = (camera.forward(), camera.right(), camera.up());
        // From behind the viewer's left shoulder, so that forms have a light side.
        let light = (up * 0.55 - right * 0.45 - forward).normalize();
        let nowhere = WorldBox {
            min: [0.0; 3],
            max: [0.0; 3],
        };
        let region = view.region.map_or(nowhere, |region| region.bounds);
        let line_opacity = view
            .region
            .map_or(0.0, |region| f64::from(region.line_opacity));
        let crop = crop_of(view);
        let is_cropped = f64::from(u8::from(crop.is_some()));
        let crop = crop.unwrap_or(nowhere);
        let normals = view.cutaway.map_or([None; 3], |cut| cut.normals);
        let mut cut_normals = [[0.0; 4]; 3];
        let mut cut_count = 0.0;
        for (slot, normal) in cut_normals.iter_mut().zip(normals.into_iter().flatten()) {
            *slot = vec4(normal, 0.0);
            cut_count += 1.0;
        }
        let clip_planes = view.clip_planes.map(|plane| {
            plane.map_or([0.0; 4], |plane| {
                vec4(plane.normal, plane.normal.dot(plane.point_mm))
            })
        });
        let fraction = |value| facts.scan.map_or(value, |facts| facts.fraction(value)) as f32;
        let (pixel_shift, step_shift) = shifts(view.frame);
        Self {
            scene: SceneUniform::new(facts, view.window, &view.overlay),
            eye: vec4(camera.eye_mm(), 0.0),
            forward: vec4(forward, 0.0),
            right: vec4(right, half_height * width / height),
            up: vec4(up, half_height),
            light: vec4(light, 0.0),
            background_top: colour(view.background[0]),
            background_bottom: colour(view.background[1]),
            region_low: vec4(region.min.into(), line_opacity),
            region_high: vec4(region.max.into(), 0.0),
            crop_low: vec4(crop.min.into(), is_cropped),
            crop_high: vec4(crop.max.into(), 0.0),
            clip_planes,
            cut_point: vec4(
                view.cutaway.map_or(DVec3::ZERO, |cut| cut.point_mm),
                cut_count,
            ),
            cut_normals,
            crosshair: view.crosshair.map_or([0.0; 4], |crosshair| {
                vec4(crosshair.point_mm, f64::from(crosshair.opacity))
            }),
            size_px: [width as f32, height as f32],
            pixel_shift,
            step_mm: view.step_mm.max(1e-3) as f32,
            step_shift,
            pixel_mm: (2.0 * half_height / height) as f32,
            haze_per_mm: view.haze_per_mm,
            face_clear: fraction(view.window.at(0.07)),
            face_full: fraction(view.window.at(0.16)),
            tint: view.tint,
            shell: view.shell,
            crosshair_reach: view.crosshair.map_or(0.0, |c| c.reach_mm as f32),
            orthographic: u32::from(camera.orthographic),
            max_steps: MAX_STEPS,
            report_work: 0,
        }
    }
}

/// The box that the scan is drawn in: the crop box, and the region where the view says
/// so.
fn crop_of(view: &RaycastView) -> Option<WorldBox> {
    let region = view.region.filter(|region| region.clip_scan);
    match (view.crop, region.map(|region| region.bounds)) {
        (Some(a), Some(b)) => Some(WorldBox {
            min: DVec3::from(a.min).max(b.min.into()).to_array(),
            max: DVec3::from(a.max).min(b.max.into()).to_array(),
        }),
        (a, b) => a.or(b),
    }
}

/// Where in a pixel its ray passes, from the middle, and where in a step the first
/// sample is, for one of several pictures that are averaged: the generalised golden
/// ratios, which fill the unit cube evenly (Roberts 2018).
fn shifts(frame: u32) -> ([f32; 2], f32) {
    if frame == 0 {
        return ([0.0; 2], 0.0);
    }
    let n = f64::from(frame);
    let share = |ratio: f64| (n * ratio).fract();
    (
        [
            (share(0.819_172_513_396_164_4) - 0.5) as f32,
            (share(0.671_043_606_703_789_3) - 0.5) as f32,
        ],
        share(0.549_700_477_901_970_2) as f32,
    )
}
