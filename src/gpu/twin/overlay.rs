//! `shaders/lib/overlay.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::layers::{Layer, Layers};
use super::maths::{fract, mix3, smoothstep};
use crate::gpu::plane_layers::SliceLayer;
use crate::gpu::tables::{
    CLASS_COLOURS, HEAT_COLOURS, PLAYER_HAS_INTERVAL, PLAYER_HAS_VALUE, PlayerEntry,
};

const MASK_LINE: Vec3 = Vec3::new(1.0, 0.84, 0.25);
const SUPERVOXEL_LINE: Vec3 = Vec3::new(0.82, 0.86, 0.92);

/// Which lines between ids pass a pixel, and how strongly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines {
    pub supervoxels: f32,
    pub within_mask: f32,
    pub mask: f32,
    pub selected: f32,
    pub hovered: f32,
}

/// A place of a plane, and what of supervoxels and segmentation lies there.
#[derive(Debug, Clone, Copy)]
pub struct PlanePlace {
    place: Vec3,
    right_step: Vec3,
    down_step: Vec3,
    pixel: Vec2,
    /// The id here; `None` far from all supervoxels.
    supervoxel: Option<u32>,
    lines: Lines,
    near_segmentation: bool,
}

impl Layers<'_> {
    fn palette(&self, index: usize) -> Vec4 {
        self.scene
            .palette
            .get(index)
            .map_or(Vec4::ZERO, |&entry| entry.into())
    }

    fn player(&self, id: u32) -> Option<&PlayerEntry> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        self.scene.players.get(index)
    }

    pub fn class_colour(&self, label: u32) -> Vec4 {
        if label == 0 || label >= self.overlay.class_count {
            return Vec4::ZERO;
        }
        self.palette(CLASS_COLOURS + label as usize)
    }

    pub fn in_mask(&self, id: u32) -> bool {
        let overlay = &self.overlay;
        let Some(player) = self.player(id).filter(|_| overlay.mask_sign != 0) else {
            return false;
        };
        let strength = match overlay.mask_sign {
            2 => -player.value,
            3 => player.value.abs(),
            _ => player.value,
        };
        let is_certain =
            player.flags & PLAYER_HAS_INTERVAL != 0 && strength > player.interval_half_width;
        player.flags & PLAYER_HAS_VALUE != 0
            && strength >= overlay.mask_threshold
            && (overlay.mask_certain == 0 || is_certain)
    }

    pub fn heat_colour(&self, id: u32) -> Vec4 {
        let scale = self.overlay.heat_scale;
        let of_error = self.overlay.heat_of_error != 0;
        let needed = if of_error {
            PLAYER_HAS_INTERVAL
        } else {
            PLAYER_HAS_VALUE
        };
        let known = |player: &&PlayerEntry| player.flags & needed != 0 && scale > 0.0;
        let Some(player) = self.player(id).filter(known) else {
            return Vec4::ZERO;
        };
        if of_error {
            let size = (player.interval_half_width / scale).clamp(0.0, 1.0);
            return self.map_colour(HEAT_COLOURS, size).extend(0.9);
        }
        let t = (player.value / scale).clamp(-1.0, 1.0);
        self.map_colour(0, t * 0.5 + 0.5)
            .extend(smoothstep(0.02, 0.6, t.abs()))
    }

    fn map_colour(&self, start: usize, t: f32) -> Vec3 {
        let position = t * (HEAT_COLOURS - 1) as f32;
        let first = position as usize;
        let second = (first + 1).min(HEAT_COLOURS - 1);
        mix3(
            self.palette(start + first).truncate(),
            self.palette(start + second).truncate(),
            position - first as f32,
        )
    }

    pub fn hatching(&self, id: u32, pixel: Vec2) -> f32 {
        let hatched =
            self.overlay.hatch_undecided != 0 && self.player(id).is_some_and(is_undecided);
        if !hatched || fract((pixel.x + pixel.y) / 7.0) < 0.4 {
            1.0
        } else {
            0.2
        }
    }

    pub fn supervoxel_lines(
        &self,
        id: u32,
        place: Vec3,
        right_step: Vec3,
        down_step: Vec3,
    ) -> Lines {
        let mut lines = Lines::default();
        let here_in_mask = self.in_mask(id);
        for (step, strength) in neighbours(right_step, down_step) {
            let other = self.supervoxel_id_at(place + step);
            if other == id {
                continue;
            }
            lines.supervoxels = lines.supervoxels.max(strength);
            let other_in_mask = self.in_mask(other);
            if here_in_mask && other_in_mask {
                lines.within_mask = lines.within_mask.max(strength);
            }
            if here_in_mask != other_in_mask {
                lines.mask = 1.0;
            }
            let selected = self.overlay.selected_supervoxel;
            if selected != 0 && (id == selected || other == selected) {
                lines.selected = 1.0;
            }
            let hovered = self.overlay.hovered_supervoxel;
            if hovered != 0 && (id == hovered || other == hovered) {
                lines.hovered = lines.hovered.max(strength);
            }
        }
        lines
    }

    pub fn plane_place(
        &self,
        place: Vec3,
        right_step: Vec3,
        down_step: Vec3,
        pixel: Vec2,
    ) -> PlanePlace {
        let near = |layer| is_near(layer, place, right_step, down_step);
        let id = near(&self.supervoxels).then(|| self.supervoxel_id_at(place));
        PlanePlace {
            place,
            right_step,
            down_step,
            pixel,
            supervoxel: id,
            lines: id.map_or(Lines::default(), |id| {
                self.supervoxel_lines(id, place, right_step, down_step)
            }),
            near_segmentation: near(&self.segmentation),
        }
    }

    /// One layer of supervoxels or segmentation on the colour of all below it.
    pub fn with_plane_layer(&self, base: Vec3, layer: SliceLayer, at: &PlanePlace) -> Vec3 {
        match (layer, at.supervoxel) {
            (SliceLayer::Segmentation, _) if at.near_segmentation => {
                let label = self.segmentation_label_at(at.place);
                let class_here = self.class_colour(label);
                let fill = class_here.w * self.overlay.segmentation_fill;
                let c = mix3(base, class_here.truncate(), fill);
                if self.overlay.segmentation_outline > 0.0 {
                    self.with_contour(c, label, at.place, at.right_step, at.down_step)
                } else {
                    c
                }
            }
            (SliceLayer::Heatmap, Some(id)) => {
                let heat = self.heat_colour(id);
                let share = self.overlay.heatmap_opacity * self.hatching(id, at.pixel);
                mix3(base, heat.truncate(), heat.w * share)
            }
            (SliceLayer::Supervoxels, Some(_)) => mix3(
                base,
                SUPERVOXEL_LINE,
                at.lines.supervoxels * self.overlay.boundary_opacity,
            ),
            (SliceLayer::Mask, Some(id)) => {
                let filled = self.overlay.mask_fill > 0.0 && self.in_mask(id);
                let fill = if filled { self.overlay.mask_fill } else { 0.0 };
                let c = mix3(base, MASK_LINE, fill);
                mix3(c, MASK_LINE, at.lines.mask * self.overlay.mask_outline)
            }
            _ => base,
        }
    }

    /// The supervoxels under the pointer and chosen, above all layers.
    pub fn with_marks(&self, base: Vec3, at: &PlanePlace) -> Vec3 {
        let c = mix3(base, Vec3::ONE, at.lines.hovered * 0.6);
        mix3(c, Vec3::ONE, at.lines.selected)
    }

    pub fn plane_colour(
        &self,
        base: Vec3,
        place: Vec3,
        right_step: Vec3,
        down_step: Vec3,
        pixel: Vec2,
    ) -> Vec3 {
        let at = self.plane_place(place, right_step, down_step, pixel);
        let c = [
            SliceLayer::Heatmap,
            SliceLayer::Supervoxels,
            SliceLayer::Mask,
            SliceLayer::Segmentation,
        ]
        .into_iter()
        .fold(base, |c, layer| self.with_plane_layer(c, layer, &at));
        self.with_marks(c, &at)
    }

    fn with_contour(
        &self,
        colour: Vec3,
        label: u32,
        place: Vec3,
        right_step: Vec3,
        down_step: Vec3,
    ) -> Vec3 {
        let class_here = self.class_colour(label);
        let mut line = class_here.truncate().extend(0.0);
        for (step, strength) in neighbours(right_step, down_step) {
            let other = self.segmentation_label_at(place + step);
            if other == label {
                continue;
            }
            let class_other = self.class_colour(other);
            let strength = strength * class_here.w.max(class_other.w);
            if class_here.w == 0.0 && strength > line.w {
                line = class_other.truncate().extend(line.w);
            }
            line.w = line.w.max(strength);
        }
        mix3(
            colour,
            line.truncate(),
            line.w * self.overlay.segmentation_outline,
        )
    }
}

pub fn is_near(layer: &Layer, place: Vec3, right_step: Vec3, down_step: Vec3) -> bool {
    let texel = layer.texel_at(place);
    let reach = layer.texel_direction(right_step).abs() + layer.texel_direction(down_step).abs();
    layer.present
        && texel.cmpge(layer.occupied_low - reach).all()
        && texel.cmple(layer.occupied_high + reach).all()
}

fn is_undecided(player: &PlayerEntry) -> bool {
    player.flags & PLAYER_HAS_INTERVAL == 0 || player.value.abs() < player.interval_half_width
}

/// Steps to four places half a pixel away and four a pixel away, with the strength of
/// a line found there.
pub fn neighbours(right_step: Vec3, down_step: Vec3) -> [(Vec3, f32); 8] {
    let [r, d] = [right_step, down_step];
    [
        (r * 0.5, 1.0),
        (d * 0.5, 1.0),
        (r * -0.5, 1.0),
        (d * -0.5, 1.0),
        (r, 0.5),
        (d, 0.5),
        (-r, 0.5),
        (-d, 0.5),
    ]
}
