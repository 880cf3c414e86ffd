//! The transfer function in units of texel values.

use bytemuck::{Pod, Zeroable};

use crate::gpu::transfer::{Compositing, ENTRIES, TransferTable};
use crate::gpu::uniform::ScanFacts;

/// `Matter` of `shaders/lib/matter.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct MatterUniform {
    /// Texel value of the first entry, and entries per unit of texel value.
    pub low: f32,
    pub scale: f32,
    /// A [`Composite`].
    pub compositing: u32,
    pub lit: u32,
    pub edge_emphasis: f32,
    /// The largest extinction of all entries.
    pub largest_extinction: f32,
    pub padding: [f32; 2],
    /// Straight colour and extinction per mm.
    pub entries: [[f32; 4]; ENTRIES],
    /// Colour times extinction, and extinction, summed over the entries from the first
    /// up to this one, linear in between.
    pub sums: [[f32; 4]; ENTRIES],
}

/// [`Compositing`] as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Composite {
    FrontToBack = 0,
    Maximum = 1,
    Minimum = 2,
}

impl MatterUniform {
    /// By the texel values of a scan; by the table's own values without one.
    pub fn new(table: &TransferTable, scan: Option<&ScanFacts>) -> Self {
        let fraction = |value| scan.map_or(value, |scan| scan.fraction(value));
        let (low, high) = (fraction(table.domain.low), fraction(table.domain.high));
        let entries = table.entries.map(|[r, g, b, opacity]| {
            let extinction = -(1.0 - f64::from(opacity.clamp(0.0, 0.9999))).ln();
            [r, g, b, extinction as f32]
        });
        Self {
            low: low as f32,
            scale: ((ENTRIES - 1) as f64 / (high - low).max(1e-9)) as f32,
            compositing: match table.compositing {
                Compositing::Composite => Composite::FrontToBack,
                Compositing::Maximum => Composite::Maximum,
                Compositing::Minimum => Composite::Minimum,
            } as u32,
            lit: u32::from(table.lit),
            edge_emphasis: table.edge_emphasis,
            largest_extinction: entries.iter().fold(0.0, |largest, e| e[3].max(largest)),
            padding: [0.0; 2],
            entries,
            sums: running_sums(&entries),
        }
    }

    /// The place of a texel value among the entries; may be before the first or after
    /// the last.
    pub fn position(&self, value: f32) -> f32 {
        (value - self.low) * self.scale
    }
}

/// The integral from the first entry to each, of what is linear between entries.
fn running_sums(entries: &[[f32; 4]; ENTRIES]) -> [[f32; 4]; ENTRIES] {
    let emission = |[r, g, b, a]: [f32; 4]| [r * a, g * a, b * a, a].map(f64::from);
    let mut sum = [0.0_f64; 4];
    let mut before: Option<[f64; 4]> = None;
    entries.map(|entry| {
        let here = emission(entry);
        if let Some(before) = before.replace(here) {
            sum = std::array::from_fn(|i| sum[i] + 0.5 * (before[i] + here[i]));
        }
        sum.map(|s| s as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{ScanStyle, Window};

    #[test]
    fn sums_are_integrals_of_the_entries() {
        let window = Window {
            low: 0.0,
            high: 255.0,
        };
        let style = ScanStyle {
            window,
            empty_below: 0.0,
            full_above: 255.0,
            density_per_mm: 0.5,
            edge_emphasis: 0.0,
            lit: false,
        };
        let matter = MatterUniform::new(&style.table(), None);
        assert_eq!((matter.low, matter.scale), (0.0, 1.0));
        assert!((matter.largest_extinction - 0.5).abs() < 1e-5);
        // Extinction rises evenly, so its integral is a parabola.
        for index in [0, 1, 100, 255] {
            let x = index as f32;
            let expected = 0.5 * x * x / (2.0 * 255.0);
            assert!((matter.sums[index][3] - expected).abs() < 1e-3, "{index}");
        }
    }
}
