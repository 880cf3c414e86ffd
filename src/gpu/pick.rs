//! What a pixel of the volume rendering shows: found on the CPU, in the data itself.
//!
//! Follows the march of `raycast` for one ray, in double precision and at full
//! resolution, and answers with the thing that gave the pixel most of its colour (after
//! Wiebel et al. 2012, What you see is what you pick).

use glam::{DVec2, DVec3};

use super::transfer::{Compositing, TransferTable};
use super::view::{ClassStyle, OverlayStyle, PlayerSample, RaycastView};
use crate::base::Grid;
use crate::volume::{LabelMap, Volume};

/// A surface attracts the eye by its colour; matter has to hide this much more of the
/// background to be meant in its place.
const SURFACE_WEIGHT: f64 = 3.0;

/// Things that give a pixel less than this share of its colour are not seen.
const LEAST_SEEN: f64 = 0.04;

/// Nothing behind this opacity is seen.
const OPAQUE: f64 = 0.98;

/// Samples of the longest ray.
const MOST_STEPS: f64 = 8192.0;

/// The layers that are drawn. Those that are hidden are left out.
#[derive(Debug, Clone, Copy)]
pub struct Pickable<'a> {
    pub scan: &'a Volume,
    pub segmentation: Option<&'a LabelMap>,
    /// Styles by label of the segmentation.
    pub classes: &'a [ClassStyle],
    pub supervoxels: Option<&'a LabelMap>,
    /// Samples by supervoxel id minus one.
    pub players: &'a [PlayerSample],
}

/// What is seen at a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picked {
    /// In the world, RAS+ millimetres.
    pub place_mm: DVec3,
    pub matter: Matter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// The scan itself, or a face where it is cut.
    Scan,
    /// The surface of a class, by its label in the segmentation.
    Class(u16),
    /// The surface of a supervoxel, by its id.
    Supervoxel(u16),
}

/// Finds what a pixel of a view shows. `None` where it shows the background.
pub fn pick(
    layers: &Pickable<'_>,
    view: &RaycastView,
    transfer: &TransferTable,
    pixel: DVec2,
) -> Option<Picked> {
    let (origin, direction) = view.camera.ray(pixel, view.size_px);
    let ray = Ray { origin, direction };
    let [enter, leave] = ray.through(layers.scan.grid())?;
    let smallest = layers.scan.grid().spacing_mm();
    let smallest = smallest.into_iter().fold(f64::INFINITY, f64::min);
    let march = March {
        layers,
        view,
        transfer,
        ray,
        enter,
        leave,
        step_mm: (smallest * 0.5)
            .min(view.step_mm)
            .max((leave - enter) / MOST_STEPS),
    };
    match transfer.compositing {
        Compositing::Composite => march.most_seen(),
        Compositing::Maximum => march.extreme(f64::total_cmp),
        Compositing::Minimum => march.extreme(|a, b| b.total_cmp(a)),
    }
}

/// A ray in the world, with a unit direction.
#[derive(Debug, Clone, Copy)]
struct Ray {
    origin: DVec3,
    direction: DVec3,
}

impl Ray {
    fn at(&self, depth_mm: f64) -> DVec3 {
        self.origin + self.direction * depth_mm
    }

    /// The depths at which the ray enters and leaves an image.
    fn through(&self, grid: &Grid) -> Option<[f64; 2]> {
        let voxel_from_world = grid.voxel_from_world();
        let origin = voxel_from_world.transform_point3(self.origin);
        let direction = voxel_from_world.transform_vector3(self.direction);
        let low = DVec3::splat(-0.5);
        let high = DVec3::from(grid.dims().map(|n| n as f64 - 0.5));
        let (mut enter, mut leave) = (0.0_f64, f64::INFINITY);
        for axis in 0..3 {
            let (from, along) = (origin[axis], direction[axis]);
            if along.abs() < 1e-12 {
                if from < low[axis] || from > high[axis] {
                    return None;
                }
                continue;
            }
            let (a, b) = ((low[axis] - from) / along, (high[axis] - from) / along);
            enter = enter.max(a.min(b));
            leave = leave.min(a.max(b));
        }
        (enter < leave && leave.is_finite()).then_some([enter, leave])
    }
}

/// One ray on its way through the layers.
struct March<'a> {
    layers: &'a Pickable<'a>,
    view: &'a RaycastView,
    transfer: &'a TransferTable,
    ray: Ray,
    enter: f64,
    leave: f64,
    step_mm: f64,
}

/// A stretch of the ray and how much of the pixel's colour it gives.
#[derive(Debug, Clone)]
struct Seen {
    matter: Matter,
    /// Depth of each part in mm, with the share of the colour it gives.
    parts: Vec<(f64, f64)>,
}

impl Seen {
    fn share(&self) -> f64 {
        self.parts.iter().map(|(_, share)| share).sum()
    }

    fn weight(&self) -> f64 {
        self.share()
            * if self.matter == Matter::Scan {
                1.0
            } else {
                SURFACE_WEIGHT
            }
    }

    /// Where half of the stretch's colour lies in front.
    fn middle_mm(&self) -> f64 {
        let half = self.share() / 2.0;
        let mut sum = 0.0;
        for &(depth_mm, share) in &self.parts {
            sum += share;
            if sum >= half {
                return depth_mm;
            }
        }
        self.parts.last().map_or(0.0, |&(depth_mm, _)| depth_mm)
    }
}

impl March<'_> {
    fn depths(&self) -> impl Iterator<Item = f64> + use<> {
        let (enter, step) = (self.enter, self.step_mm);
        let count = ((self.leave - enter) / step).ceil().max(1.0) as usize;
        (0..count).map(move |n| enter + (n as f64 + 0.5) * step)
    }

    /// The place of the largest value by an order.
    fn extreme(&self, order: impl Fn(&f64, &f64) -> std::cmp::Ordering) -> Option<Picked> {
        let values = self.depths().filter_map(|depth_mm| {
            let place = self.ray.at(depth_mm);
            let value = self.value(place).filter(|_| !self.is_removed(place))?;
            Some((place, value))
        });
        let (place_mm, _) = values.max_by(|a, b| order(&a.1, &b.1))?;
        Some(Picked {
            place_mm,
            matter: Matter::Scan,
        })
    }

    /// The stretch of the ray that is seen most.
    fn most_seen(&self) -> Option<Picked> {
        let mut all: Vec<Seen> = Vec::new();
        let mut clear = 1.0;
        let mut add = |matter: Matter, depth_mm: f64, opacity: f64, goes_on: bool| {
            let share = clear * opacity;
            clear -= share;
            match all.last_mut() {
                Some(last) if goes_on && last.matter == matter => {
                    last.parts.push((depth_mm, share));
                }
                _ => all.push(Seen {
                    matter,
                    parts: vec![(depth_mm, share)],
                }),
            }
            clear
        };
        let mut in_matter = false;
        // A ray that comes from outside enters through the skin, not through a face.
        let mut was_removed = false;
        let mut last_labels = (0, 0);
        for depth_mm in self.depths() {
            let place = self.ray.at(depth_mm);
            let labels = (self.class(place), self.surface_player(place));
            if labels.0 != 0 && labels.0 != last_labels.0 {
                let at = self.crossing(depth_mm, |place| self.class(place) == labels.0);
                add(
                    Matter::Class(labels.0),
                    at,
                    self.class_opacity(labels.0),
                    false,
                );
                in_matter = false;
            }
            // Supervoxels of the mask are one body: only its outside is a surface.
            if labels.1 != 0 && last_labels.1 == 0 {
                let at = self.crossing(depth_mm, |place| self.surface_player(place) != 0);
                let opacity = f64::from(self.overlay().heatmap_opacity);
                add(Matter::Supervoxel(labels.1), at, opacity, false);
                in_matter = false;
            }
            last_labels = labels;
            let removed = self.is_removed(place);
            let opacity = if removed { 0.0 } else { self.opacity(place) };
            if opacity > 0.0 {
                // Where the scan is cut open there is a face that hides what is behind.
                let face = was_removed && opacity > 1e-3;
                let opacity = if face { 1.0 } else { opacity };
                if add(Matter::Scan, depth_mm, opacity, in_matter) < 1.0 - OPAQUE {
                    break;
                }
            }
            in_matter = opacity > 1e-4;
            was_removed = removed;
        }
        let most = all
            .iter()
            .max_by(|a, b| a.weight().total_cmp(&b.weight()))?;
        (most.share() >= LEAST_SEEN).then(|| Picked {
            place_mm: self.ray.at(most.middle_mm()),
            matter: most.matter,
        })
    }

    fn overlay(&self) -> &OverlayStyle {
        &self.view.overlay
    }

    /// The depth within the last step at which something begins to hold.
    fn crossing(&self, depth_mm: f64, holds: impl Fn(DVec3) -> bool) -> f64 {
        let (mut low, mut high) = (depth_mm - self.step_mm, depth_mm);
        for _ in 0..6 {
            let middle = (low + high) / 2.0;
            if holds(self.ray.at(middle)) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Whether the scan is taken away at a place.
    fn is_removed(&self, place: DVec3) -> bool {
        let cut = self.view.cutaway.is_some_and(|cut| {
            let from_point = place - cut.point_mm;
            cut.normals.iter().any(Option::is_some)
                && cut
                    .normals
                    .iter()
                    .flatten()
                    .all(|normal| normal.dot(from_point) > 0.0)
        });
        let view = self.view;
        let in_region = view
            .region
            .is_none_or(|region| !region.clip_scan || region.bounds.contains(place));
        let in_crop = view.crop.is_none_or(|crop| crop.contains(place));
        let clipped = view
            .clip_planes
            .iter()
            .flatten()
            .any(|plane| plane.normal.dot(place - plane.point_mm) > 0.0);
        cut || clipped || !in_region || !in_crop
    }

    /// The scan's value at a place, linear between voxels.
    fn value(&self, place: DVec3) -> Option<f64> {
        let scan = self.layers.scan;
        let voxel = scan.grid().voxel(place);
        let base = voxel.floor();
        let share = voxel - base;
        let last = DVec3::from(scan.grid().dims().map(|n| n as f64 - 1.0));
        let mut sum = 0.0;
        for corner in 0..8_u8 {
            let far = DVec3::new(
                f64::from(corner & 1),
                f64::from(corner >> 1 & 1),
                f64::from(corner >> 2),
            );
            let weight = (1.0 - share) * (1.0 - far) + share * far;
            let weight = weight.x * weight.y * weight.z;
            if weight > 0.0 {
                // At the rim the outermost values go on outward.
                let at = (base + far).clamp(DVec3::ZERO, last);
                sum += weight * scan.value(at.to_array().map(|c| c as usize))?;
            }
        }
        sum.is_finite().then_some(sum)
    }

    /// Opacity of the scan over one step at a place.
    fn opacity(&self, place: DVec3) -> f64 {
        let Some(value) = self.value(place) else {
            return 0.0;
        };
        let [.., per_mm] = self.transfer.at(value).map(f64::from);
        if per_mm <= 0.0 {
            return 0.0;
        }
        1.0 - (1.0 - per_mm).powf(self.step_mm * self.edge(place))
    }

    /// What glass leaves of matter: its edges, seen from the side.
    fn edge(&self, place: DVec3) -> f64 {
        let emphasis = f64::from(self.transfer.edge_emphasis);
        if emphasis == 0.0 {
            return 1.0;
        }
        let grid = self.layers.scan.grid();
        let reach = grid.spacing_mm().into_iter().fold(f64::INFINITY, f64::min) * 0.75;
        let at = |by: DVec3| self.value(place + by).unwrap_or(0.0);
        let gradient = DVec3::new(
            at(DVec3::X * reach) - at(DVec3::NEG_X * reach),
            at(DVec3::Y * reach) - at(DVec3::NEG_Y * reach),
            at(DVec3::Z * reach) - at(DVec3::NEG_Z * reach),
        );
        let domain = self.transfer.domain;
        let steepness = gradient.length() / (1.5 * (domain.high - domain.low));
        let grazing = 1.0 - gradient.normalize_or_zero().dot(self.ray.direction).abs();
        let steep = ((steepness - 0.02) / 0.28).clamp(0.0, 1.0);
        let edge = steep * steep * (3.0 - 2.0 * steep) * (0.06 + 0.94 * grazing * grazing);
        1.0 - emphasis + emphasis * edge
    }

    /// The visible class at a place, or 0.
    fn class(&self, place: DVec3) -> u16 {
        let label = self
            .layers
            .segmentation
            .map_or(0, |labels| label_at(labels, place));
        if label != 0 && self.class_opacity(label) > 0.0 {
            label
        } else {
            0
        }
    }

    fn class_opacity(&self, label: u16) -> f64 {
        let style = self.layers.classes.get(usize::from(label));
        style.filter(|style| style.visible).map_or(0.0, |style| {
            f64::from(style.opacity * self.overlay().segmentation_fill)
        })
    }

    /// The supervoxel with a surface at a place, or 0: one of the relevance mask, or the
    /// selected one.
    fn surface_player(&self, place: DVec3) -> u16 {
        let overlay = self.overlay();
        if overlay.heatmap_opacity <= 0.0 {
            return 0;
        }
        let id = self
            .layers
            .supervoxels
            .map_or(0, |ids| label_at(ids, place));
        let player = usize::from(id)
            .checked_sub(1)
            .and_then(|player| self.layers.players.get(player));
        let in_mask = overlay
            .mask
            .zip(player)
            .is_some_and(|(mask, player)| mask.holds(player));
        if id != 0 && (in_mask || overlay.selected_supervoxel == Some(id)) {
            id
        } else {
            0
        }
    }
}

fn label_at(labels: &LabelMap, place: DVec3) -> u16 {
    labels
        .grid()
        .nearest_voxel(place)
        .and_then(|voxel| labels.label(voxel))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
