//! What to draw: plain numbers shared by the shaders, their CPU twins, the window
//! and the command line. Nothing here knows wgpu.
//!
//! Places are RAS+ millimetres, scan values are in the units of the scan, pixels
//! count from the top left corner with centres at half integers.

use glam::{DVec2, DVec3};

use crate::base::colour::Rgb;
use crate::base::{Grid, WorldBox};

use super::camera::Camera;
use super::device::Tier;
use super::plane_layers::PlaneLayers;
use super::transfer::{Compositing, ENTRIES, TransferTable};

/// The scan values drawn as black and as white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub low: f64,
    pub high: f64,
}

impl Window {
    /// The scan value a fraction of the way from black to white.
    pub fn at(self, fraction: f64) -> f64 {
        self.low + fraction * (self.high - self.low)
    }
}

/// How scan values between voxel centres are found on a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    Nearest,
    Linear,
    /// Through every voxel, with smooth curves between them (Catmull and Rom).
    Cubic,
}

/// What one player (supervoxel) contributes, as far as it is known.
///
/// The sample at index `i` belongs to supervoxel id `i + 1`; id 0 is no player.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlayerSample {
    /// SHAP value. `None` while there is no estimate: the player is then not drawn.
    pub value: Option<f32>,
    /// `None` while the estimate has no interval: the player then counts as undecided.
    pub interval_half_width: Option<f32>,
}

/// How one class of the segmentation is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassStyle {
    pub colour: Rgb,
    /// 0 (not seen) to 1 (opaque).
    pub opacity: f32,
    pub visible: bool,
}

/// Which way the values point that a mask is cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceSign {
    For,
    Against,
    Either,
}

/// Which players the relevance mask holds, told from a player's value alone: moving it
/// changes numbers of a view and uploads nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskCut {
    pub sign: EvidenceSign,
    /// The smallest strength in the mask: a value seen through the sign.
    pub threshold: f32,
    /// Only players whose 95 % interval lies on the sign's side of zero.
    pub certain: bool,
}

impl MaskCut {
    /// The players whose value is at least a threshold.
    pub fn above(threshold: f32) -> Self {
        Self {
            sign: EvidenceSign::For,
            threshold,
            certain: false,
        }
    }

    /// Whether a player is in the mask.
    pub fn holds(&self, player: &PlayerSample) -> bool {
        let Some(value) = player.value.filter(|value| value.is_finite()) else {
            return false;
        };
        let strength = match self.sign {
            EvidenceSign::For => value,
            EvidenceSign::Against => -value,
            EvidenceSign::Either => value.abs(),
        };
        let is_certain = || {
            player
                .interval_half_width
                .is_some_and(|half| strength > half)
        };
        strength >= self.threshold && (!self.certain || is_certain())
    }
}

/// How the layers above the scan are drawn, on slices and in the volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverlayStyle {
    /// Opacity of segmented areas on slices, of their surfaces in the volume.
    pub segmentation_fill: f32,
    /// Opacity of the segmentation's contour on slices.
    pub segmentation_outline: f32,
    /// Opacity of the lines between supervoxels.
    pub boundary_opacity: f32,
    pub heatmap_opacity: f32,
    /// The |SHAP value| drawn at full strength.
    pub heat_scale: f32,
    /// The relevance mask, if it is drawn.
    pub mask: Option<MaskCut>,
    /// Hatch players whose 95 % interval holds zero, or that have no interval.
    pub hatch_undecided: bool,
    /// Supervoxel ids, not player indices.
    pub selected_supervoxel: Option<u16>,
    pub hovered_supervoxel: Option<u16>,
    /// Opacity of the relevance mask's area and of its outline.
    pub mask_fill: f32,
    pub mask_outline: f32,
    /// The heatmap shows how uncertain the values are; `heat_scale` is then the
    /// half-width of an interval.
    pub heat_shows_error: bool,
}

impl Default for OverlayStyle {
    fn default() -> Self {
        Self {
            segmentation_fill: 0.25,
            segmentation_outline: 1.0,
            boundary_opacity: 0.35,
            heatmap_opacity: 0.75,
            heat_scale: 1.0,
            mask: None,
            hatch_undecided: true,
            selected_supervoxel: None,
            hovered_supervoxel: None,
            mask_fill: 0.0,
            mask_outline: 1.0,
            heat_shows_error: false,
        }
    }
}

/// One plane through the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceView {
    /// World place of the middle of the picture.
    pub center_mm: DVec3,
    /// Unit world directions of the picture's right and top.
    pub right: DVec3,
    pub up: DVec3,
    pub mm_per_pixel: f64,
    pub size_px: [u32; 2],
    pub window: Window,
    pub interpolation: Interpolation,
    pub overlay: OverlayStyle,
    /// Layers that slices alone show.
    pub layers: PlaneLayers,
    /// The region that is explained.
    pub region: Option<WorldBox>,
    /// How much darker everything outside the region is: 0 not at all, 1 black.
    pub dim_outside_region: f32,
    /// The colour where there is no scan.
    pub background: Rgb,
}

impl SliceView {
    /// The world place under a pixel position.
    pub fn world_at(&self, pixel: DVec2) -> DVec3 {
        let [width, height] = self.size_px.map(f64::from);
        self.center_mm + self.right * ((pixel.x - width / 2.0) * self.mm_per_pixel)
            - self.up * ((pixel.y - height / 2.0) * self.mm_per_pixel)
    }

    /// The pixel position of a world place, dropped onto the plane.
    pub fn pixel_at(&self, world_mm: DVec3) -> DVec2 {
        let [width, height] = self.size_px.map(f64::from);
        let from_center = (world_mm - self.center_mm) / self.mm_per_pixel;
        DVec2::new(
            width / 2.0 + from_center.dot(self.right),
            height / 2.0 - from_center.dot(self.up),
        )
    }
}

/// A plain way to draw the scan: nothing below one value, full density above another.
/// Becomes a [`TransferTable`] by [`ScanStyle::table`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanStyle {
    pub window: Window,
    /// Scan values up to this are empty.
    pub empty_below: f64,
    /// Scan values from this on have full density.
    pub full_above: f64,
    /// Extinction at full density, per millimetre: a length `L` of it lets through
    /// `exp(-density_per_mm * L)` of the light.
    pub density_per_mm: f32,
    /// 0 draws matter as it is; 1 draws only its edges and outlines, like glass.
    pub edge_emphasis: f32,
    /// Whether light and shade shape the surfaces.
    pub lit: bool,
}

impl ScanStyle {
    /// The head as a solid body: for cut-aways.
    pub fn solid(window: Window) -> Self {
        Self {
            window,
            empty_below: window.at(0.16),
            full_above: window.at(0.42),
            density_per_mm: 0.9,
            edge_emphasis: 0.0,
            lit: true,
        }
    }

    /// The head as clear glass around what is inside it: for evidence.
    pub fn glass(window: Window) -> Self {
        Self {
            window,
            empty_below: window.at(0.12),
            full_above: window.at(0.40),
            density_per_mm: 0.2,
            edge_emphasis: 1.0,
            lit: true,
        }
    }

    /// The same as colours with opacity.
    pub fn table(&self) -> TransferTable {
        let low = self.window.low.min(self.empty_below);
        let high = self.window.high.max(self.full_above);
        let domain = Window {
            low,
            high: if high > low { high } else { low + 1.0 },
        };
        let share = |value: f64, from: f64, to: f64| {
            let width = to - from;
            let part = if width > 0.0 {
                (value - from) / width
            } else {
                f64::from(u8::from(value >= to))
            };
            part.clamp(0.0, 1.0) as f32
        };
        let entry = |index: usize| {
            let value = domain.at(index as f64 / (ENTRIES - 1) as f64);
            let shade = share(value, self.window.low, self.window.high);
            let density = share(value, self.empty_below, self.full_above) * self.density_per_mm;
            [
                0.42 + 0.58 * shade,
                0.40 + 0.57 * shade,
                0.42 + 0.51 * shade,
                1.0 - (-density).exp(),
            ]
        };
        TransferTable {
            domain,
            entries: std::array::from_fn(entry),
            compositing: Compositing::Composite,
            lit: self.lit,
            edge_emphasis: self.edge_emphasis,
        }
    }
}

/// A part of the scan that is taken away so that the inside can be seen: all that
/// lies on the positive side of every plane through `point_mm`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cutaway {
    pub point_mm: DVec3,
    /// Unit world normals, each pointing into the part taken away. `None`s are no
    /// planes; one plane takes half the scan, two a quarter, three an eighth.
    pub normals: [Option<DVec3>; 3],
}

impl Cutaway {
    /// Takes away what lies between the viewer and a point, along some world axes.
    pub fn toward(camera: &Camera, point_mm: DVec3, axes: [bool; 3]) -> Self {
        let to_eye = -camera.forward();
        let world = [DVec3::X, DVec3::Y, DVec3::Z];
        let normals = std::array::from_fn(|axis| {
            axes[axis].then(|| world[axis] * if to_eye[axis] < 0.0 { -1.0 } else { 1.0 })
        });
        Self { point_mm, normals }
    }
}

/// The region box in the volume rendering.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionView {
    pub bounds: WorldBox,
    /// Draw the scan inside the box only.
    pub clip_scan: bool,
    /// Opacity of the box's edges.
    pub line_opacity: f32,
}

/// A plane through the body; what is on the side of its normal is not drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipPlane {
    pub point_mm: DVec3,
    /// A unit direction in the world, into the part that is taken away.
    pub normal: DVec3,
}

/// Three thin lines along the world's axes that meet at a place. What is in front of
/// them hides all but a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrosshairView {
    pub point_mm: DVec3,
    /// How far the lines reach to each side.
    pub reach_mm: f64,
    pub opacity: f32,
}

/// The whole scan, seen from somewhere. Its colours and opacities are a
/// [`TransferTable`] of the scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaycastView {
    pub camera: Camera,
    pub size_px: [u32; 2],
    /// Distance between samples along a ray.
    pub step_mm: f64,
    /// The greys of faces where the scan is cut.
    pub window: Window,
    pub overlay: OverlayStyle,
    /// How strongly the classes tint the scan's matter: 0 not at all.
    pub tint: f32,
    /// The relevance mask as a solid (0) or as a shell of glass around its haze (1).
    pub shell: f32,
    /// Extinction of the heatmap's haze at full strength, per millimetre. The haze
    /// shows players outside the relevance mask; the mask itself has a surface.
    pub haze_per_mm: f32,
    pub region: Option<RegionView>,
    pub cutaway: Option<Cutaway>,
    /// The scan is drawn inside only. Classes and players are not cropped.
    pub crop: Option<WorldBox>,
    /// Taken away from the scan; `None`s are no planes.
    pub clip_planes: [Option<ClipPlane>; 3],
    pub crosshair: Option<CrosshairView>,
    /// Number of this picture among those of one view that are averaged: each has its
    /// own places of samples and, after the first, its own part of a pixel.
    pub frame: u32,
    /// Background colours at the top and the bottom of the picture.
    pub background: [Rgb; 2],
}

impl RaycastView {
    /// A whole grid seen from the front, a little from above and the side.
    pub fn of(grid: &Grid, window: Window, size_px: [u32; 2], quality: Quality) -> Self {
        Self {
            camera: Camera::framing(grid),
            size_px: quality.size_px(size_px),
            step_mm: quality.step_mm,
            window,
            overlay: OverlayStyle::default(),
            tint: 0.0,
            shell: 0.0,
            haze_per_mm: 0.08,
            region: None,
            cutaway: None,
            crop: None,
            clip_planes: [None; 3],
            crosshair: None,
            frame: 0,
            background: [Rgb([22, 25, 31]), Rgb([9, 10, 13])],
        }
    }
}

/// How much work a volume rendering may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Size of the picture as a share of the place it fills.
    pub scale: f64,
    pub step_mm: f64,
}

impl Quality {
    /// While the user drags. The software tier's numbers are for the CPU twin.
    pub fn moving(tier: Tier, grid: &Grid) -> Self {
        let (scale, step_voxels) = match tier {
            Tier::Full => (1.0, 1.0),
            Tier::Reduced => (0.6, 1.5),
            Tier::Software => (0.3, 2.5),
        };
        Self::new(scale, step_voxels, grid)
    }

    /// Once the view is still.
    pub fn at_rest(tier: Tier, grid: &Grid) -> Self {
        let (scale, step_voxels) = match tier {
            Tier::Full => (1.0, 0.5),
            Tier::Reduced => (1.0, 0.75),
            Tier::Software => (0.75, 1.5),
        };
        Self::new(scale, step_voxels, grid)
    }

    fn new(scale: f64, step_voxels: f64, grid: &Grid) -> Self {
        let smallest = grid.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
        // Very fine voxels would need more samples than a ray may have.
        let diagonal = grid.world_bounds().size_mm().length();
        let step_mm = (step_voxels * smallest).max(diagonal / 2000.0);
        Self { scale, step_mm }
    }

    /// The picture's size for a place of `size_px`.
    pub fn size_px(self, size_px: [u32; 2]) -> [u32; 2] {
        size_px.map(|n| ((f64::from(n) * self.scale).round() as u32).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_pixels_and_places_are_inverse() {
        let view = SliceView {
            center_mm: DVec3::new(1.0, 2.0, 3.0),
            right: DVec3::NEG_X,
            up: DVec3::Z,
            mm_per_pixel: 0.5,
            size_px: [200, 100],
            window: Window {
                low: 0.0,
                high: 1.0,
            },
            interpolation: Interpolation::Linear,
            overlay: OverlayStyle::default(),
            layers: PlaneLayers::default(),
            region: None,
            dim_outside_region: 0.0,
            background: Rgb([0; 3]),
        };
        // The top left corner is 100 pixels left and 50 pixels above the middle.
        assert_eq!(view.world_at(DVec2::ZERO), DVec3::new(51.0, 2.0, 28.0));
        let pixel = DVec2::new(33.5, 71.5);
        assert!(view.pixel_at(view.world_at(pixel)).distance(pixel) < 1e-9);
    }

    #[test]
    fn cutaway_takes_the_side_of_the_viewer() {
        let camera = Camera {
            yaw: 0.5,
            pitch: -0.3,
            ..Camera::default()
        };
        let cut = Cutaway::toward(&camera, DVec3::ZERO, [true, false, true]);
        let eye = camera.eye_mm();
        assert!(cut.normals[1].is_none());
        assert!(cut.normals.into_iter().flatten().all(|n| n.dot(eye) > 0.0));
    }
}
