//! `shaders/lib/surfaces.wgsl` on the CPU.

use glam::{IVec3, Vec3};

use super::layers::Layers;
use super::maths::floor;

/// Distance in texels over which a label's membership is compared for its normal.
const LABEL_REACH: f32 = 1.0;

fn corner(index: i32) -> IVec3 {
    IVec3::new(index & 1, (index >> 1) & 1, index >> 2)
}

fn corner_weight(index: i32, f: Vec3) -> f32 {
    let far = corner(index).as_vec3();
    let w = (1.0 - f) * (1.0 - far) + f * far;
    w.x * w.y * w.z
}

/// Directions into the corners of a tetrahedron.
pub const TETRAHEDRON: [Vec3; 4] = [
    Vec3::new(1.0, 1.0, 1.0),
    Vec3::new(1.0, -1.0, -1.0),
    Vec3::new(-1.0, 1.0, -1.0),
    Vec3::new(-1.0, -1.0, 1.0),
];

impl Layers<'_> {
    pub fn dominant_label(&self, texel: Vec3) -> u32 {
        let b = floor(texel);
        let f = texel - b.as_vec3();
        let labels: [u32; 8] =
            std::array::from_fn(|i| self.segmentation_label(b + corner(i as i32)));
        if labels.iter().all(|&label| label == labels[0]) {
            return labels[0];
        }
        let mut best = 0;
        let mut best_weight = -1.0;
        for label in labels {
            let weight: f32 = (0..)
                .zip(labels)
                .map(|(j, other)| {
                    if other == label {
                        corner_weight(j, f)
                    } else {
                        0.0
                    }
                })
                .sum();
            if weight > best_weight {
                best = label;
                best_weight = weight;
            }
        }
        best
    }

    /// Sum of the weights of the corners around a texel position that belong.
    fn membership(texel: Vec3, belongs: impl Fn(IVec3) -> bool) -> f32 {
        let b = floor(texel);
        let f = texel - b.as_vec3();
        (0..8)
            .filter(|&i| belongs(b + corner(i)))
            .map(|i| corner_weight(i, f))
            .sum()
    }

    fn label_membership(&self, texel: Vec3, label: u32) -> f32 {
        Self::membership(texel, |corner| self.segmentation_label(corner) == label)
    }

    pub fn has_surface(&self, id: u32) -> bool {
        id != 0 && (self.in_mask(id) || id == self.overlay.selected_supervoxel)
    }

    pub fn surface_membership(&self, texel: Vec3) -> f32 {
        Self::membership(texel, |corner| self.has_surface(self.supervoxel_id(corner)))
    }

    pub fn label_normal(&self, texel: Vec3, label: u32, toward_viewer: Vec3) -> Vec3 {
        let gradient = gradient(LABEL_REACH, |d| self.label_membership(texel + d, label));
        facing(-self.segmentation.world_gradient(gradient), toward_viewer)
    }

    pub fn surface_normal(&self, texel: Vec3, toward_viewer: Vec3) -> Vec3 {
        let gradient = gradient(LABEL_REACH, |d| self.surface_membership(texel + d));
        facing(-self.supervoxels.world_gradient(gradient), toward_viewer)
    }
}

/// Four differences in the corners of a tetrahedron, `reach` texels out along each
/// axis.
pub fn gradient(reach: f32, value: impl Fn(Vec3) -> f32) -> Vec3 {
    TETRAHEDRON.into_iter().map(|d| d * value(d * reach)).sum()
}

pub fn facing(normal: Vec3, toward_viewer: Vec3) -> Vec3 {
    let size = normal.length();
    if size < 1e-6 {
        return toward_viewer;
    }
    normal
        * (if normal.dot(toward_viewer) >= 0.0 {
            1.0
        } else {
            -1.0
        } / size)
}

/// The 32nd power, without the logarithm that a general power needs.
fn highlight(cosine: f32) -> f32 {
    let mut power = cosine.max(0.0);
    for _ in 0..5 {
        power *= power;
    }
    power
}

pub fn lit(albedo: Vec3, normal: Vec3, light: Vec3, toward_viewer: Vec3, shine: f32) -> Vec3 {
    let wrapped = normal.dot(light) * 0.5 + 0.5;
    let diffuse = 0.30 + 0.80 * wrapped * wrapped;
    let between = (light + toward_viewer).normalize_or(toward_viewer);
    albedo * diffuse + highlight(normal.dot(between)) * shine
}
