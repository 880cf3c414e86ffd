//! `shaders/lib/matter.wgsl` on the CPU.

use glam::{Vec3, Vec4};

use super::layers::{BRICK_EDGE, Layers};
use super::maths::{mix, mix3, smoothstep};
use super::surfaces::{facing, gradient, lit};
use crate::gpu::matter::{CellMap, MatterUniform};
use crate::gpu::transfer::ENTRIES;

const LAST_ENTRY: f32 = (ENTRIES - 1) as f32;
/// Light and shade of what gives a pixel less than this are not worth their cost.
const SHOWS: f32 = 0.002;

/// The transfer function and the empty blocks, ready for the march.
#[derive(Debug, Clone)]
pub struct Matter {
    pub block: MatterUniform,
    pub cells: CellMap,
    /// Colour times extinction, and extinction, of each entry; how much more the next has;
    /// and the sum up to it.
    steps: Box<[Step; ENTRIES]>,
    /// How many entries before each have any extinction.
    opaque_before: Vec<u16>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    emission: Vec4,
    rise: Vec4,
    sum: Vec4,
}

/// A place among the entries and the sum of emission up to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    pub position: f32,
    sum: Vec4,
    first: usize,
}

impl Matter {
    pub fn new(block: MatterUniform, cells: CellMap) -> Self {
        let emission = |index: usize| {
            let [r, g, b, a] = block.entries.get(index).copied().unwrap_or_default();
            Vec4::new(r * a, g * a, b * a, a)
        };
        let steps = Box::new(std::array::from_fn(|index| Step {
            emission: emission(index),
            rise: emission(index + 1) - emission(index),
            sum: block.sums[index].into(),
        }));
        let mut count = 0;
        let opaque_before = std::iter::once(0)
            .chain(block.entries.iter().map(|entry| {
                count += u16::from(entry[3] > 0.0);
                count
            }))
            .collect();
        Self {
            steps,
            opaque_before,
            block,
            cells,
        }
    }

    #[inline]
    fn first(position: f32) -> (usize, f32) {
        let p = position.clamp(0.0, LAST_ENTRY);
        let first = (p as usize).min(ENTRIES - 2);
        (first, p - first as f32)
    }

    #[inline]
    pub fn emission_at(&self, position: f32) -> Vec4 {
        let (first, f) = Self::first(position);
        let step = &self.steps[first];
        step.emission + step.rise * f
    }

    #[inline]
    pub fn place(&self, value: f32) -> Place {
        let position = self.block.position(value);
        let (first, f) = Self::first(position);
        let Step {
            emission,
            rise,
            sum,
        } = self.steps[first];
        let beyond = position - position.clamp(0.0, LAST_ENTRY);
        Place {
            position,
            sum: sum + emission * f + rise * (0.5 * f * f) + (emission + rise * f) * beyond,
            first,
        }
    }

    /// Whether there is no matter at all between two places.
    #[inline]
    pub fn is_clear(&self, a: &Place, b: &Place) -> bool {
        let (low, high) = (a.first.min(b.first), a.first.max(b.first));
        self.opaque_before.get(low) == self.opaque_before.get(high + 2)
    }

    #[inline]
    fn mean_emission(&self, before: &Place, here: &Place) -> Vec4 {
        let rise = here.position - before.position;
        if rise.abs() < 1.0 {
            return self.emission_at(0.5 * (here.position + before.position));
        }
        ((here.sum - before.sum) / rise).max(Vec4::ZERO)
    }

    /// The block that a texel position is in, and what is known of it.
    #[inline]
    pub fn cell(&self, texel: Vec3) -> (Vec3, [u8; 2]) {
        let [nx, ny, nz] = self.cells.dims;
        let axis = |texel: f32, n: usize| {
            let block = ((texel + 0.5) / BRICK_EDGE).max(0.0) as usize;
            block.min(n.saturating_sub(1))
        };
        let (x, y, z) = (axis(texel.x, nx), axis(texel.y, ny), axis(texel.z, nz));
        let cell = self.cells.cells.get(x + nx * (y + ny * z));
        (
            Vec3::new(x as f32, y as f32, z as f32),
            cell.copied().unwrap_or([0, u8::MAX]),
        )
    }

    pub fn projected(&self, value: f32) -> Vec4 {
        let (first, f) = Self::first(self.block.position(value));
        let entry = |index: usize| self.block.entries.get(index).copied().unwrap_or_default();
        let (a, b) = (Vec4::from(entry(first)), Vec4::from(entry(first + 1)));
        let entry = a + (b - a) * f;
        let most = self.block.largest_extinction.max(1e-6);
        entry.truncate().extend((4.0 * entry.w / most).min(1.0))
    }
}

/// The share of light that matter of an optical depth stops.
#[inline]
fn stopped(depth: f32) -> f32 {
    if depth < 0.25 {
        // Most stretches are thin, and what they stop adds up: a series without loss.
        let d = depth;
        return d * (1.0 - d / 2.0 * (1.0 - d / 3.0 * (1.0 - d / 4.0 * (1.0 - d / 5.0))));
    }
    // 2^x by its whole part, put into the exponent of the number, and a polynomial.
    let x = (-depth * std::f32::consts::LOG2_E).max(-100.0);
    let whole = x as i32 - 1;
    let f = x - whole as f32;
    let power = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5 + f * (0.055_504_1 + f * (0.009_618_1 + f * 0.001_333_4))));
    let scale = f32::from_bits(((whole + 127) as u32) << 23);
    (1.0 - power * scale).max(0.0)
}

/// A stretch of matter along a ray.
pub struct Stretch<'a> {
    /// Where it ends, in texels.
    pub texel: Vec3,
    pub before: &'a Place,
    pub here: &'a Place,
    pub length_mm: f32,
    /// Opacity of what is in front of it.
    pub hidden: f32,
    /// Colour of the class there and its strength.
    pub tint: Vec4,
    pub direction: Vec3,
}

impl Layers<'_> {
    /// Colour and opacity of a stretch of matter.
    pub fn scan_matter(&self, stretch: &Stretch<'_>, light: Vec3) -> Vec4 {
        let matter = &self.scene.matter;
        if matter.is_clear(stretch.before, stretch.here) {
            return Vec4::ZERO;
        }
        let mean = matter.mean_emission(stretch.before, stretch.here);
        if mean.w <= 0.0 {
            return Vec4::ZERO;
        }
        let colour = mean.truncate() / mean.w;
        let colour = mix3(colour, stretch.tint.truncate(), stretch.tint.w);
        let opacity = stopped(mean.w * stretch.length_mm);
        let shows = opacity * (1.0 - stretch.hidden) > SHOWS;
        let (is_lit, emphasis) = (matter.block.lit != 0, matter.block.edge_emphasis);
        if !shows || (!is_lit && emphasis == 0.0) {
            return colour.extend(opacity);
        }
        let toward_viewer = -stretch.direction;
        let gradient = gradient(0.75, |d| self.scan_interpolated(stretch.texel + d));
        let steepness = gradient.length() * matter.block.scale / (3.0 * LAST_ENTRY);
        let normal = facing(-self.scan.world_gradient(gradient), toward_viewer);
        let (glass, opacity) = if emphasis == 0.0 {
            (colour, opacity)
        } else {
            let grazing = 1.0 - normal.dot(stretch.direction).abs();
            let edge = smoothstep(0.02, 0.30, steepness) * (0.06 + 0.94 * grazing * grazing);
            let thinned = mean.w * mix(1.0, edge, emphasis);
            (
                mix3(colour, Vec3::new(0.62, 0.74, 0.90), 0.65 * emphasis),
                stopped(thinned * stretch.length_mm),
            )
        };
        if !is_lit {
            return glass.extend(opacity);
        }
        let shaded = lit(glass, normal, light, toward_viewer, 0.16);
        mix3(glass, shaded, smoothstep(0.0, 0.06, steepness)).extend(opacity)
    }
}

#[cfg(test)]
mod tests {
    use super::stopped;

    #[test]
    fn the_quick_exponential_is_near_the_exact_one() {
        for n in 0..4000 {
            let depth = n as f32 * 0.005;
            let exact = -f64::from(-depth).exp_m1();
            let off = (f64::from(stopped(depth)) - exact).abs();
            assert!(
                off < 1e-4 && (depth >= 0.25 || off <= 2e-5 * exact),
                "{depth}"
            );
        }
        assert_eq!(stopped(1e9), 1.0);
    }
}
