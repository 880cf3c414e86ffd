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

/// The palette of `shaders/lib/layers.wgsl`: the signed colour map from -1 to 1, then
/// colour and opacity of each class, by label.
pub fn palette(classes: &[ClassStyle]) -> Vec<[f32; 4]> {
    let entry = |Rgb(rgb): Rgb, opacity: f32| {
        let [r, g, b] = rgb.map(|c| f32::from(c) / 255.0);
        [r, g, b, opacity]
    };
    let heat = colour::diverging_table().map(|colour| entry(colour, 1.0));
    let classes = classes.iter().map(|class| {
        entry(
            class.colour,
            if class.visible { class.opacity } else { 0.0 },
        )
    });
    heat.into_iter().chain(classes).collect()
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
        assert_eq!(palette.len(), HEAT_COLOURS + 2);
        assert_eq!(palette[HEAT_COLOURS], [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(palette[HEAT_COLOURS + 1], [1.0, 0.0, 0.0, 0.5]);
    }
}
