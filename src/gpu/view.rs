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
    /// Players with a value of at least this are in the relevance mask.
    pub mask_threshold: Option<f32>,
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
            mask_threshold: None,
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

/// How the scan itself is drawn in the volume rendering.
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
    /// How much light and shade shapes the surfaces: 0 flat, 1 fully lit.
    pub lighting: f32,
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
            lighting: 1.0,
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
            lighting: 1.0,
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

/// The whole scan, seen from somewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaycastView {
    pub camera: Camera,
    pub size_px: [u32; 2],
    /// Distance between samples along a ray.
    pub step_mm: f64,
    pub scan: ScanStyle,
    pub overlay: OverlayStyle,
    /// Extinction of the heatmap's haze at full strength, per millimetre. The haze
    /// shows players outside the relevance mask; the mask itself has a surface.
    pub haze_per_mm: f32,
    pub region: Option<RegionView>,
    pub cutaway: Option<Cutaway>,
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
            scan: ScanStyle::glass(window),
            overlay: OverlayStyle::default(),
            haze_per_mm: 0.08,
            region: None,
            cutaway: None,
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
