//! Headers that are lines of text, read with a bound on their length.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::str::FromStr;

use super::IoError;
use super::detached::Data;
use super::source::{MOST_INFLATION, read_error};

/// Far above the longest real header (thousands of diffusion directions).
const MOST_HEADER_BYTES: u64 = 4 << 20;
/// How much of a value is worth repeating in a message.
const MOST_SHOWN: usize = 60;

/// The lines of a header, counted.
pub(super) struct Lines<'a, R: BufRead> {
    pub reader: R,
    /// Bytes of the lines given so far, with their ends.
    pub bytes: u64,
    path: &'a Path,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub fn new(reader: R, path: &'a Path) -> Self {
        Self {
            reader,
            bytes: 0,
            path,
        }
    }

    /// The next line without its end, `None` after the last.
    pub fn next(&mut self) -> Result<Option<String>, IoError> {
        let left = MOST_HEADER_BYTES.saturating_sub(self.bytes);
        let mut line = Vec::new();
        let count = (&mut self.reader)
            .take(left)
            .read_until(b'\n', &mut line)
            .map_err(|source| read_error(source, self.path))?;
        self.bytes += count as u64;
        if line.ends_with(b"\n") {
            line.pop();
        } else if self.bytes >= MOST_HEADER_BYTES {
            return Err(IoError::OtherFormat {
                looks_like: "a text header without an end",
                path: self.path.into(),
            });
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        Ok((count > 0).then_some(text))
    }
}

impl<R: BufRead + 'static> Lines<'_, R> {
    /// The voxels behind the lines of a file of `file_bytes` on disk.
    pub fn rest(self, inflated: bool, file_bytes: u64) -> Data {
        let most = if inflated {
            file_bytes.saturating_mul(MOST_INFLATION)
        } else {
            file_bytes
        };
        Data::Here {
            room: most.saturating_sub(self.bytes),
            reader: Box::new(self.reader),
            inflated,
        }
    }
}

/// Named values of a header. Names are compared without case and without spaces.
pub(super) struct TextFields<'a> {
    values: BTreeMap<String, String>,
    path: &'a Path,
}

impl<'a> TextFields<'a> {
    pub fn new(path: &'a Path) -> Self {
        Self {
            values: BTreeMap::new(),
            path,
        }
    }

    fn key(name: &str) -> String {
        name.chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect()
    }

    /// Keeps a value. Of a name that comes twice the last one counts.
    pub fn insert(&mut self, name: &str, value: &str) {
        self.values.insert(Self::key(name), value.trim().to_owned());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(&Self::key(name)).map(String::as_str)
    }

    /// The first of several names for one field that the header has.
    pub fn first_of(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        names
            .iter()
            .find_map(|&name| self.get(name).map(|value| (name, value)))
    }

    /// A field that no image of the format can do without.
    pub fn needed(&self, name: &'static str) -> Result<&str, IoError> {
        self.get(name)
            .ok_or_else(|| self.bad(name, "missing", "and the image cannot be read without it"))
    }

    pub fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, IoError> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| self.bad(name, text, "which is no such number"))
        };
        self.get(name).map(parse).transpose()
    }

    /// The numbers of a field, separated by white space.
    pub fn numbers<T: FromStr>(&self, name: &'static str) -> Result<Option<Vec<T>>, IoError> {
        let parse = |text: &str| {
            text.split_whitespace()
                .map(|number| number.parse().ok())
                .collect::<Option<Vec<T>>>()
                .ok_or_else(|| self.bad(name, text, "and numbers belong there"))
        };
        self.get(name).map(parse).transpose()
    }

    /// Sizes of `count` axes, each of one voxel at least.
    pub fn sizes(&self, name: &'static str, count: usize) -> Result<Vec<usize>, IoError> {
        let text = self.needed(name)?;
        let sizes: Vec<usize> = self.numbers(name)?.unwrap_or_default();
        if sizes.len() != count {
            return Err(self.bad(name, text, "and one number an axis belongs there"));
        }
        if sizes.contains(&0) {
            return Err(self.bad(name, text, "and a dimension has at least one voxel"));
        }
        Ok(sizes)
    }

    pub fn bad(&self, field: &'static str, value: &str, why: &'static str) -> IoError {
        bad_field(field, value, why, self.path)
    }
}

/// The error for a header field, with as much of its value as fits a line.
pub(super) fn bad_field(
    field: &'static str,
    value: &str,
    why: &'static str,
    path: &Path,
) -> IoError {
    let mut shown: String = value
        .chars()
        .take(MOST_SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    IoError::BadField {
        field,
        value: shown,
        why,
        path: path.into(),
    }
}

/// How many millimetres a unit of length has, by its name. `None` for no known length.
pub(super) fn unit_mm(name: &str) -> Option<(f64, &'static str)> {
    Some(match name.trim().to_lowercase().as_str() {
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => (1.0, "millimetres"),
        "cm" | "centimeter" | "centimeters" | "centimetre" | "centimetres" => (10.0, "centimetres"),
        "m" | "meter" | "meters" | "metre" | "metres" => (1000.0, "metres"),
        "um" | "µm" | "μm" | "micron" | "microns" | "micrometer" | "micrometers" | "micrometre"
        | "micrometres" => (0.001, "micrometres"),
        _ => return None,
    })
}
