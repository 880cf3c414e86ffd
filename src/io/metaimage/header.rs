//! The header of a MetaImage: which axes it has, of what numbers, stored where.

use std::io::BufRead;
use std::path::Path;

use super::super::IoError;
use super::super::detached::{Data, Packing, Skip, listed_files, named_files};
use super::super::layout::{Axis, AxisLayout, Role};
use super::super::text_header::{Lines, TextFields};
use crate::volume::VoxelType;

/// The field that ends a header.
const DATA: &str = "ElementDataFile";

/// The fields of a header.
pub(super) struct Header<'a> {
    pub fields: TextFields<'a>,
    /// Axes without the components of a voxel.
    pub axes: usize,
    sizes: Vec<usize>,
    /// Numbers a voxel.
    components: usize,
    /// Names that follow `ElementDataFile = LIST`.
    listed: Vec<String>,
}

impl<'a> Header<'a> {
    /// Reads a header up to the line that says where the voxels are.
    pub fn read<R: BufRead>(lines: &mut Lines<'a, R>, path: &'a Path) -> Result<Self, IoError> {
        let mut fields = TextFields::new(path);
        while fields.get(DATA).is_none()
            && let Some(line) = lines.next()?
        {
            match line.split_once('=') {
                Some((name, value)) => fields.insert(name, value),
                None if line.is_empty() => {}
                None => return Err(fields.bad("line", &line, "which has no name and value")),
            }
        }
        if let Some(kind) = fields.get("ObjectType")
            && !kind.eq_ignore_ascii_case("image")
        {
            return Err(fields.bad("ObjectType", kind, "and only an Image holds a scan"));
        }
        let mut listed = Vec::new();
        if listing(&fields) {
            while let Some(line) = lines.next()? {
                if !line.is_empty() {
                    listed.push(line);
                }
            }
        }
        let dimension = fields.needed("NDims")?;
        let axes = fields.number::<usize>("NDims")?.unwrap_or_default();
        if !(2..=4).contains(&axes) {
            return Err(fields.bad("NDims", dimension, "and images of 2 to 4 axes are read"));
        }
        let sizes = fields.sizes("DimSize", axes)?;
        let components = fields.number("ElementNumberOfChannels")?.unwrap_or(1);
        if components == 0 {
            let why = "and a voxel has at least one";
            return Err(fields.bad("ElementNumberOfChannels", "0", why));
        }
        Ok(Self {
            fields,
            axes,
            sizes,
            components,
            listed,
        })
    }

    pub fn layout(&self) -> Result<AxisLayout, IoError> {
        let components = Axis {
            size: self.components,
            role: Role::Frames,
        };
        let axes = self.sizes.iter().enumerate().map(|(axis, &size)| Axis {
            size,
            role: if axis < 3 {
                Role::Space(axis)
            } else {
                Role::Frames
            },
        });
        Ok(AxisLayout {
            axes: std::iter::once(components).chain(axes).collect(),
            voxel_type: self.voxel_type()?,
            big_endian: self.yes(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])?,
        })
    }

    fn voxel_type(&self) -> Result<VoxelType, IoError> {
        let name = self.fields.needed("ElementType")?;
        Ok(match name.to_ascii_uppercase().as_str() {
            "MET_CHAR" | "MET_ASCII_CHAR" => VoxelType::I8,
            "MET_UCHAR" => VoxelType::U8,
            "MET_SHORT" => VoxelType::I16,
            "MET_USHORT" => VoxelType::U16,
            // Four bytes wherever it was written, as ITK reads it.
            "MET_INT" | "MET_LONG" => VoxelType::I32,
            "MET_UINT" | "MET_ULONG" => VoxelType::U32,
            "MET_LONG_LONG" => VoxelType::I64,
            "MET_ULONG_LONG" => VoxelType::U64,
            "MET_FLOAT" => VoxelType::F32,
            "MET_DOUBLE" => VoxelType::F64,
            _ => {
                let why = "which names no type of one number";
                return Err(self.fields.bad("ElementType", name, why));
            }
        })
    }

    /// Whether the first field of these names says yes.
    fn yes(&self, names: &[&'static str]) -> Result<bool, IoError> {
        let Some((name, text)) = self.fields.first_of(names) else {
            return Ok(false);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "t" | "y" | "yes" => Ok(true),
            "false" | "0" | "f" | "n" | "no" => Ok(false),
            _ => Err(self
                .fields
                .bad(name, text, "and True or False belongs there")),
        }
    }

    pub fn packing(&self) -> Result<Packing, IoError> {
        if self.fields.get("BinaryData").is_some() && !self.yes(&["BinaryData"])? {
            let why = "and voxels written as text are not read";
            return Err(self.fields.bad("BinaryData", "False", why));
        }
        let compressed = self.yes(&["CompressedData"])?;
        let bytes: i64 = self.fields.number("HeaderSize")?.unwrap_or(0);
        let skip = match u64::try_from(bytes) {
            Ok(bytes) => Skip::Front { lines: 0, bytes },
            Err(_) if bytes == -1 && !compressed => Skip::AllButVoxels,
            Err(_) => {
                let why = "and only -1, without compression, may be negative";
                return Err(self.fields.bad("HeaderSize", &bytes.to_string(), why));
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
        let value = self.fields.needed(DATA)?;
        if value.eq_ignore_ascii_case("local") {
            Ok(lines.rest(inflated, file_bytes))
        } else if listing(&self.fields) {
            Ok(Data::Files(listed_files(DATA, &self.listed, path)?))
        } else {
            Ok(Data::Files(named_files(DATA, value, path)?))
        }
    }

    /// The header's free text.
    pub fn comment(&self) -> String {
        let text = self.fields.get("Comment").unwrap_or_default();
        text.replace(char::is_control, " ")
    }
}

fn listing(fields: &TextFields<'_>) -> bool {
    let value = fields.get(DATA).unwrap_or_default();
    value.split_whitespace().next() == Some("LIST")
}
