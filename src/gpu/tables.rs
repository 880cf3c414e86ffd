//! The two small tables that change while the user looks: colours, and one entry a
//! player.

use bytemuck::{Pod, Zeroable};

use crate::base::colour::{self, Rgb};

use super::view::{ClassStyle, PlayerSample};

/// One player in the players table of `shaders/lib/layers.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct PlayerEntry {
    pub value: f32,
    pub interval_half_width: f32,
    pub flags: u32,
    pub padding: u32,
}

/// Set where there is an estimate.
pub const PLAYER_HAS_VALUE: u32 = 1;
/// Set where the estimate has a standard error.
pub const PLAYER_HAS_INTERVAL: u32 = 2;

impl From<&PlayerSample> for PlayerEntry {
    fn from(sample: &PlayerSample) -> Self {
        // Numbers that are not finite have no defined meaning in a shader.
        let value = sample.value.filter(|v| v.is_finite());
        let interval_half_width = sample.interval_half_width.filter(|v| v.is_finite());
        let flag = |set: bool, flag| if set { flag } else { 0 };
        Self {
            value: value.unwrap_or(0.0),
            interval_half_width: interval_half_width.unwrap_or(0.0),
            flags: flag(value.is_some(), PLAYER_HAS_VALUE)
                | flag(interval_half_width.is_some(), PLAYER_HAS_INTERVAL),
            padding: 0,
        }
    }
}

/// Entries of the signed colour map at the start of the palette.
pub const HEAT_COLOURS: usize = colour::TABLE_SIZE;

/// Where the colours of classes start in the palette, after two colour maps.
pub const CLASS_COLOURS: usize = 2 * HEAT_COLOURS;

/// The palette of `shaders/lib/layers.wgsl`: the signed colour map from -1 to 1, the map
/// of sizes from 0 to 1, then colour and opacity of each class, by label.
pub fn palette(classes: &[ClassStyle]) -> Vec<[f32; 4]> {
    let signed = colour::diverging_table();
    let sizes = colour::sequential_table();
    let maps = signed.into_iter().chain(sizes);
    maps.map(|colour| entry(colour, 1.0))
        .chain(label_colours(classes))
        .collect()
}

/// Colour and opacity of each label.
pub fn label_colours(labels: &[ClassStyle]) -> impl Iterator<Item = [f32; 4]> + '_ {
    labels.iter().map(|label| {
        let opacity = if label.visible { label.opacity } else { 0.0 };
        entry(label.colour, opacity)
    })
}

/// The colours of several label maps in one table, and where each map's colours are in
/// it: first and number.
pub fn spread(maps: &[Vec<ClassStyle>; 3]) -> (Vec<[f32; 4]>, [[u32; 2]; 3]) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut table = Vec::new();
    let spans = maps.each_ref().map(|styles| {
        let span = [count(table.len()), count(styles.len())];
        table.extend(label_colours(styles));
        span
    });
    (table, spans)
}

fn entry(Rgb(rgb): Rgb, opacity: f32) -> [f32; 4] {
    let [r, g, b] = rgb.map(|c| f32::from(c) / 255.0);
    [r, g, b, opacity]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_not_a_number_is_flagged() {
        let entry = |value, interval_half_width| {
            PlayerEntry::from(&PlayerSample {
                value,
                interval_half_width,
            })
            .flags
        };
        assert_eq!(entry(None, None), 0);
        assert_eq!(entry(Some(1.0), None), PLAYER_HAS_VALUE);
        assert_eq!(
            entry(Some(1.0), Some(0.1)),
            PLAYER_HAS_VALUE | PLAYER_HAS_INTERVAL
        );
        assert_eq!(entry(Some(f32::NAN), Some(f32::INFINITY)), 0);
    }

    #[test]
    fn hidden_classes_are_clear() {
        let class = |visible| ClassStyle {
            colour: Rgb([255, 0, 0]),
            opacity: 0.5,
            visible,
        };
        let palette = palette(&[class(false), class(true)]);
        assert_eq!(palette.len(), CLASS_COLOURS + 2);
        assert_eq!(palette[CLASS_COLOURS], [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(palette[CLASS_COLOURS + 1], [1.0, 0.0, 0.0, 0.5]);
    }
}
