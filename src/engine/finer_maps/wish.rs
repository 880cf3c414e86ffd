//! Which further map is wanted, as it is written on the command line.

use std::fmt;
use std::str::FromStr;

use super::COUNT_FACTORS;
use crate::engine::settings::SettingError;

/// A map that is made from a finished explanation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MapWish {
    /// `density`: values over volumes.
    Density,
    /// `average:4`: over this many divisions, the explained one among them.
    Average(usize),
    /// `refined:3`: this many of each answer's strongest supervoxels are split.
    Refined(usize),
    /// `smoothed:6`: along the scan's edges, within so many millimetres.
    Smoothed(f64),
    /// `occlusion`: one supervoxel absent at a time.
    Occlusion,
}

impl FromStr for MapWish {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let bad = || {
            SettingError::new(
                "the map",
                text,
                "density, average:4 (2 to 10 divisions), refined:3 (1 to 50 supervoxels), \
                 smoothed:6 (millimetres) or occlusion",
            )
        };
        let (kind, number) = match text.trim().split_once(':') {
            Some((kind, number)) => (kind, Some(number.trim())),
            None => (text.trim(), None),
        };
        let count = |first: usize, range: std::ops::RangeInclusive<usize>| {
            let count = number.map_or(Ok(first), str::parse).map_err(|_| bad())?;
            Some(count)
                .filter(|count| range.contains(count))
                .ok_or_else(bad)
        };
        match (kind, number) {
            ("density", None) => Ok(Self::Density),
            ("occlusion", None) => Ok(Self::Occlusion),
            ("average", _) => count(4, 2..=COUNT_FACTORS.len() + 1).map(Self::Average),
            ("refined", _) => count(3, 1..=50).map(Self::Refined),
            ("smoothed", _) => {
                let radius = number.map_or(Ok(6.0), |number| {
                    number.trim_end_matches("mm").trim().parse::<f64>()
                });
                let radius = radius.ok().filter(|mm| (0.1..=100.0).contains(mm));
                radius.map(Self::Smoothed).ok_or_else(bad)
            }
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for MapWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Density => f.write_str("density"),
            Self::Average(divisions) => write!(f, "average:{divisions}"),
            Self::Refined(cells) => write!(f, "refined:{cells}"),
            Self::Smoothed(mm) => write!(f, "smoothed:{mm}"),
            Self::Occlusion => f.write_str("occlusion"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_read_and_write() {
        for (text, expected) in [
            ("density", MapWish::Density),
            ("average:4", MapWish::Average(4)),
            ("refined:12", MapWish::Refined(12)),
            ("smoothed:2.5", MapWish::Smoothed(2.5)),
            ("occlusion", MapWish::Occlusion),
        ] {
            assert_eq!(text.parse(), Ok(expected));
            assert_eq!(expected.to_string(), text);
        }
        assert_eq!("average".parse(), Ok(MapWish::Average(4)));
        assert_eq!("smoothed:3mm".parse(), Ok(MapWish::Smoothed(3.0)));
        for bad in [
            "",
            "dens",
            "density:2",
            "average:1",
            "average:11",
            "refined:0",
            "smoothed:-1",
            "smoothed:nan",
            "occlusion:2",
        ] {
            assert!(bad.parse::<MapWish>().is_err(), "{bad}");
        }
    }
}
