//! Text and numbers of DICOM elements.

use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;

use super::element::{DataSet, Tag};

const CHARACTER_SET: Tag = 0x0008_0005;
/// Longer text is of no use to a reader; the header may hold megabytes.
const MOST_BYTES: usize = 1024;

/// Text of letters, digits and signs in ASCII, without padding: codes and UIDs.
pub(super) fn plain(value: &[u8]) -> String {
    let value = value.get(..value.len().min(MOST_BYTES)).unwrap_or_default();
    one_line(&String::from_utf8_lossy(value))
}

impl DataSet<'_> {
    /// A code or UID; empty where it is absent.
    pub fn code(&self, tag: Tag) -> String {
        self.bytes(tag).map(plain).unwrap_or_default()
    }

    /// Free text in the character set of the file, on one line; empty where absent.
    pub fn text(&self, tag: Tag) -> String {
        let Some(value) = self.bytes(tag) else {
            return String::new();
        };
        let value = value.get(..value.len().min(MOST_BYTES)).unwrap_or_default();
        if value.is_ascii() && !value.contains(&0x1b) {
            return plain(value);
        }
        let decoded = decode(value, self.bytes(CHARACTER_SET).unwrap_or_default());
        one_line(&decoded.unwrap_or_else(|| String::from_utf8_lossy(value).into_owned()))
    }

    /// The numbers of an element: decimal text, or binary by its type.
    pub fn numbers(&self, tag: Tag) -> Vec<f64> {
        let Some(element) = self.get(tag) else {
            return Vec::new();
        };
        let big = self.encoding.big_endian;
        match &element.vr {
            b"FD" => binary::<8>(element.value, |b| {
                if big {
                    f64::from_be_bytes(b)
                } else {
                    f64::from_le_bytes(b)
                }
            }),
            b"FL" => binary::<4>(element.value, |b| {
                f64::from(if big {
                    f32::from_be_bytes(b)
                } else {
                    f32::from_le_bytes(b)
                })
            }),
            b"UL" => binary::<4>(element.value, |b| {
                f64::from(if big {
                    u32::from_be_bytes(b)
                } else {
                    u32::from_le_bytes(b)
                })
            }),
            b"US" => binary::<2>(element.value, |b| {
                f64::from(if big {
                    u16::from_be_bytes(b)
                } else {
                    u16::from_le_bytes(b)
                })
            }),
            b"SS" => binary::<2>(element.value, |b| {
                f64::from(if big {
                    i16::from_be_bytes(b)
                } else {
                    i16::from_le_bytes(b)
                })
            }),
            // An implicit file does not name the type: those asked for are text, but
            // for the tags whose binary type the dictionary fixes.
            [0, 0] if BINARY_DOUBLES.contains(&tag) => {
                binary::<8>(element.value, f64::from_le_bytes)
            }
            [0, 0] if BINARY_LONGS.contains(&tag) => {
                binary::<4>(element.value, |b| f64::from(u32::from_le_bytes(b)))
            }
            _ => decimals(element.value),
        }
    }

    /// The first number of an element, if it is finite.
    pub fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag).first().copied()
    }

    /// Exactly `N` numbers.
    pub fn exactly<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        self.numbers(tag).try_into().ok()
    }
}

/// FD elements that are read: b value, effective echo time, trigger delay, inversion
/// times, acquisition times of enhanced images.
const BINARY_DOUBLES: [Tag; 4] = [0x0018_9087, 0x0018_9082, 0x0020_9153, 0x0018_9079];
/// UL elements that are read: temporal and stack positions, dimension indexes.
const BINARY_LONGS: [Tag; 3] = [0x0020_9128, 0x0020_9057, 0x0020_9157];

fn binary<const N: usize>(value: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    value
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| number(*chunk))
        .collect()
}

/// Numbers written as text, separated by backslashes. One that cannot be read makes
/// all of them unread, so that none slips into another's place.
fn decimals(value: &[u8]) -> Vec<f64> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let numbers = text.split('\\').map(|part| {
        let number: f64 = part.trim().parse().ok()?;
        number.is_finite().then_some(number)
    });
    numbers.collect::<Option<Vec<f64>>>().unwrap_or_default()
}

/// Text in one of DICOM's many character sets, by way of a data set of two elements.
fn decode(value: &[u8], character_set: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    for (tag, vr, value) in [
        (CHARACTER_SET, b"CS", character_set),
        (0x0008_103E, b"LO", value),
    ] {
        bytes.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
        bytes.extend_from_slice(&(tag as u16).to_le_bytes());
        bytes.extend_from_slice(vr);
        bytes.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(value);
    }
    let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
    let set = InMemDicomObject::read_dataset_with_ts(bytes.as_slice(), &syntax).ok()?;
    let text = set
        .element_by_name("SeriesDescription")
        .ok()?
        .to_str()
        .ok()?;
    Some(text.into_owned())
}

/// Text without padding, control characters or line breaks.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_its_character_set() {
        assert_eq!(decode(b"Sch\xe4del", b"ISO_IR 100").unwrap(), "Schädel");
        assert_eq!(
            decode("Schädel".as_bytes(), b"ISO_IR 192").unwrap(),
            "Schädel"
        );
        assert_eq!(
            decode(b"\xb3\xb4\xb5", b"ISO_IR 13")
                .unwrap()
                .chars()
                .count(),
            3
        );
    }

    #[test]
    fn numbers_are_all_there_or_none() {
        assert_eq!(decimals(b"1.5\\-2 \\3e1 "), [1.5, -2.0, 30.0]);
        assert_eq!(decimals(b"1\\x\\3"), [0.0; 0]);
        assert_eq!(decimals(b"1\\inf"), [0.0; 0]);
        assert_eq!(decimals(b""), [0.0; 0]);
    }
}
