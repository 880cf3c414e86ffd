//! Colours that mean something: classes, signed attributions, and their bars.
//!
//! The maps are colour-blind safe, and a signed map is centred on zero: orange to
//! red for evidence for the structure, blue for evidence against it.

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rgb(pub [u8; 3]);

/// A colour that is not written as `#rrggbb`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the colour {0:?} is not of the form #rrggbb")]
pub struct BadColour(String);

impl TryFrom<String> for Rgb {
    type Error = BadColour;

    fn try_from(text: String) -> Result<Self, BadColour> {
        let digits = text
            .strip_prefix('#')
            .filter(|d| d.len() == 6 && d.is_ascii());
        digits
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .map(|n| Self([(n >> 16) as u8, (n >> 8) as u8, n as u8]))
            .ok_or(BadColour(text))
    }
}

impl From<Rgb> for String {
    fn from(Rgb([r, g, b]): Rgb) -> String {
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// Number of entries in a baked colour table.
pub const TABLE_SIZE: usize = 256;

/// The signed map at `t` in -1..=1: blue below zero, nearly white at zero, red above.
///
/// The ends of the published map, which are nearly black, are left out: on dark scans
/// the strongest evidence must be the most visible.
pub fn diverging(t: f64) -> Rgb {
    let t = if t.is_finite() {
        t.clamp(-1.0, 1.0)
    } else {
        0.0
    };
    let c = colorous::RED_BLUE.eval_continuous(0.5 - 0.4 * t);
    Rgb([c.r, c.g, c.b])
}

/// The signed map as a table, from -1 (first entry) to 1 (last).
pub fn diverging_table() -> [Rgb; TABLE_SIZE] {
    std::array::from_fn(|i| diverging(2.0 * i as f64 / (TABLE_SIZE - 1) as f64 - 1.0))
}

/// The map of sizes, such as standard errors, at `t` in 0..=1: dark violet for nothing,
/// yellow for the largest.
pub fn sequential(t: f64) -> Rgb {
    let t = if t.is_finite() {
        t.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let c = colorous::VIRIDIS.eval_continuous(t);
    Rgb([c.r, c.g, c.b])
}

/// The map of sizes as a table, from 0 (first entry) to 1 (last).
pub fn sequential_table() -> [Rgb; TABLE_SIZE] {
    std::array::from_fn(|i| sequential(i as f64 / (TABLE_SIZE - 1) as f64))
}

/// A colour for class `index` of a model that names none (Okabe and Ito's set of
/// eight, which stays distinct in the common colour vision deficiencies).
pub fn class_colour(index: usize) -> Rgb {
    const OKABE_ITO: [Rgb; 7] = [
        Rgb([230, 159, 0]),
        Rgb([86, 180, 233]),
        Rgb([0, 158, 115]),
        Rgb([240, 228, 66]),
        Rgb([0, 114, 178]),
        Rgb([213, 94, 0]),
        Rgb([204, 121, 167]),
    ];
    OKABE_ITO[index % OKABE_ITO.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diverging_is_blue_white_red() {
        let (Rgb(low), Rgb(mid), Rgb(high)) = (diverging(-1.0), diverging(0.0), diverging(1.0));
        assert!(low[2] > low[0] && high[0] > high[2]);
        assert!(mid.iter().all(|&v| v > 230));
        assert_eq!(diverging(f64::NAN), diverging(0.0));
    }

    #[test]
    fn colours_read_and_write_as_hex() {
        let colour = Rgb::try_from("#0a10ff".to_owned()).unwrap();
        assert_eq!(colour, Rgb([10, 16, 255]));
        assert_eq!(String::from(colour), "#0a10ff");
        assert!(Rgb::try_from("#12345".to_owned()).is_err());
        assert!(Rgb::try_from("red".to_owned()).is_err());
    }
}
