//! The header of an NRRD file: which axes it has, of what numbers, stored where.

use std::io::BufRead;
use std::path::Path;

use super::super::IoError;
use super::super::detached::{Data, Packing, Skip, listed_files, named_files};
use super::super::layout::{Axis, AxisLayout, Role};
use super::super::text_header::{Lines, TextFields};
use crate::volume::VoxelType;

/// As many axes as NRRD itself allows.
const MOST_AXES: usize = 16;

/// The fields of a header.
pub(super) struct Header<'a> {
    pub fields: TextFields<'a>,
    /// What each axis of the file counts, fastest first.
    pub roles: Vec<Role>,
    sizes: Vec<usize>,
    /// Names that follow `data file: LIST`.
    listed: Vec<String>,
}

impl<'a> Header<'a> {
    /// Reads a header up to its empty line, or up to its end where it names files.
    pub fn read<R: BufRead>(lines: &mut Lines<'a, R>, path: &'a Path) -> Result<Self, IoError> {
        let mut fields = TextFields::new(path);
        let magic = lines.next()?.unwrap_or_default();
        let version = magic.strip_prefix("NRRD000").unwrap_or_default();
        // "NRRD00.01" is what came before the first version, with the same fields.
        if !matches!(version, "1" | "2" | "3" | "4" | "5") && magic != "NRRD00.01" {
            return Err(fields.bad("version", &magic, "and NRRD0001 to NRRD0005 are read"));
        }
        let mut listed = Vec::new();
        let mut in_list = false;
        while let Some(line) = lines.next()? {
            if line.is_empty() {
                break;
            }
            if line.starts_with('#') {
                continue;
            }
            if in_list {
                listed.push(line);
                continue;
            }
            match line.split_once(':') {
                // Keys and values that programs add for themselves.
                Some((_, value)) if value.starts_with('=') => {}
                Some((name, value)) => fields.insert(name, value),
                None => return Err(fields.bad("line", &line, "which has no name and value")),
            }
            in_list = listing(&fields);
        }
        let dimension = fields.needed("dimension")?;
        let axes = fields.number::<usize>("dimension")?.unwrap_or_default();
        if !(1..=MOST_AXES).contains(&axes) {
            return Err(fields.bad("dimension", dimension, "and an image has 1 to 16 axes"));
        }
        let sizes = fields.sizes("sizes", axes)?;
        let roles = roles(&fields, axes)?;
        Ok(Self {
            fields,
            roles,
            sizes,
            listed,
        })
    }

    pub fn layout(&self) -> Result<AxisLayout, IoError> {
        let voxel_type = self.voxel_type()?;
        let axes = self.sizes.iter().zip(&self.roles);
        Ok(AxisLayout {
            axes: axes.map(|(&size, &role)| Axis { size, role }).collect(),
            voxel_type,
            big_endian: self.big_endian(voxel_type)?,
        })
    }

    fn voxel_type(&self) -> Result<VoxelType, IoError> {
        let name = self.fields.needed("type")?;
        Ok(match name.to_ascii_lowercase().as_str() {
            "signed char" | "int8" | "int8_t" => VoxelType::I8,
            "uchar" | "unsigned char" | "uint8" | "uint8_t" => VoxelType::U8,
            "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
                VoxelType::I16
            }
            "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => {
                VoxelType::U16
            }
            "int" | "signed int" | "int32" | "int32_t" => VoxelType::I32,
            "uint" | "unsigned int" | "uint32" | "uint32_t" => VoxelType::U32,
            "longlong"
            | "long long"
            | "long long int"
            | "signed long long"
            | "signed long long int"
            | "int64"
            | "int64_t" => VoxelType::I64,
            "ulonglong"
            | "unsigned long long"
            | "unsigned long long int"
            | "uint64"
            | "uint64_t" => VoxelType::U64,
            "float" => VoxelType::F32,
            "double" => VoxelType::F64,
            "block" => {
                return Err(self.fields.bad("type", name, "and blocks are no numbers"));
            }
            _ => return Err(self.fields.bad("type", name, "which names no voxel type")),
        })
    }

    fn big_endian(&self, voxel_type: VoxelType) -> Result<bool, IoError> {
        if voxel_type.size_bytes() == 1 {
            return Ok(false);
        }
        let name = self.fields.needed("endian")?;
        match name.to_ascii_lowercase().as_str() {
            "little" => Ok(false),
            "big" => Ok(true),
            _ => Err(self
                .fields
                .bad("endian", name, "and little or big belongs there")),
        }
    }

    pub fn packing(&self) -> Result<Packing, IoError> {
        let name = self.fields.needed("encoding")?;
        let compressed = match name.to_ascii_lowercase().as_str() {
            "raw" => false,
            "gzip" | "gz" => true,
            _ => {
                let why = "and voxels are read in raw and gzip encoding";
                return Err(self.fields.bad("encoding", name, why));
            }
        };
        let lines = self.fields.number("line skip")?.unwrap_or(0);
        let bytes: i64 = self.fields.number("byte skip")?.unwrap_or(0);
        let skip = match u64::try_from(bytes) {
            Ok(bytes) => Skip::Front { lines, bytes },
            Err(_) if bytes == -1 && !compressed => Skip::AllButVoxels,
            Err(_) => {
                let why = "and only -1, with raw encoding, may be negative";
                return Err(self.fields.bad("byte skip", &bytes.to_string(), why));
            }
        };
        Ok(Packing { compressed, skip })
    }

    /// Where the voxels are; `lines` stands behind the header.
    pub fn data<R: BufRead + 'static>(
        &self,
        lines: Lines<'_, R>,
        inflated: bool,
        file_bytes: u64,
        path: &Path,
    ) -> Result<Data, IoError> {
        let field = "data file";
        if listing(&self.fields) {
            return Ok(Data::Files(listed_files(field, &self.listed, path)?));
        }
        if let Some(value) = self.fields.get(field) {
            return Ok(Data::Files(named_files(field, value, path)?));
        }
        Ok(lines.rest(inflated, file_bytes))
    }

    /// The header's free text.
    pub fn content(&self) -> String {
        let text = self.fields.get("content").unwrap_or_default();
        text.replace(char::is_control, " ")
    }
}

fn listing(fields: &TextFields<'_>) -> bool {
    let value = fields.get("data file").unwrap_or_default();
    value.split_whitespace().next() == Some("LIST")
}

/// The directions of the axes in the space of the header, none for axes of frames.
/// `None` where the header has no such field.
pub(super) fn directions(
    fields: &TextFields<'_>,
    axes: usize,
) -> Result<Option<Vec<Option<Vec<f64>>>>, IoError> {
    let field = "space directions";
    let Some(text) = fields.get(field) else {
        return Ok(None);
    };
    let bad = |why| fields.bad(field, text, why);
    let vectors = vectors(text).ok_or_else(|| bad("and vectors such as (0,0,1) belong there"))?;
    if vectors.len() != axes {
        return Err(bad("and one vector an axis belongs there"));
    }
    Ok(Some(vectors))
}

/// Vectors such as `(0,0,1) (1,0,0) none`. One of nothing but NaN is none as well.
pub(super) fn vectors(text: &str) -> Option<Vec<Option<Vec<f64>>>> {
    let mut vectors = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('(') {
            let (numbers, after) = inside.split_once(')')?;
            let numbers = numbers.split(',').map(|n| n.trim().parse::<f64>().ok());
            let vector: Vec<f64> = numbers.collect::<Option<_>>()?;
            vectors.push((!vector.iter().all(|n| n.is_nan())).then_some(vector));
            rest = after.trim_start();
        } else {
            rest = rest.strip_prefix("none")?.trim_start();
            vectors.push(None);
        }
    }
    Some(vectors)
}

/// Which axes are space: those with a direction in space; without directions those
/// whose kind does not say otherwise, three at most, the fastest first.
fn roles(fields: &TextFields<'_>, axes: usize) -> Result<Vec<Role>, IoError> {
    let kinds: Vec<&str> = fields
        .get("kinds")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let spatial: Vec<bool> = match directions(fields, axes)? {
        Some(directions) => directions
            .iter()
            .map(|direction| {
                direction.as_ref().is_some_and(|direction| {
                    // An axis of time has its part in the fourth dimension of the space.
                    direction.len() <= 3 || direction.iter().take(3).any(|&x| x != 0.0)
                })
            })
            .collect(),
        None => {
            let unknown = ["domain", "space", "???", "none"];
            let by_kind = (0..axes).map(|axis| {
                let kind = kinds.get(axis).map(|kind| kind.to_ascii_lowercase());
                kind.is_none_or(|kind| unknown.contains(&kind.as_str()))
            });
            let mut space_left = 3_usize;
            by_kind
                .map(|space| {
                    let space = space && space_left > 0;
                    space_left -= usize::from(space);
                    space
                })
                .collect()
        }
    };
    let count = spatial.iter().filter(|&&space| space).count();
    if !(2..=3).contains(&count) {
        let why = "and an image has two or three axes in space";
        return Err(fields.bad("dimension", &format!("{axes} with {count} in space"), why));
    }
    let mut next = 0;
    Ok(spatial
        .into_iter()
        .map(|space| {
            if !space {
                return Role::Frames;
            }
            next += 1;
            Role::Space(next - 1)
        })
        .collect())
}
