//! The header of a NIfTI file as named fields, the same for both versions.

use std::path::Path;

use ::nifti::{Endianness, NiftiHeader};

use super::super::IoError;
use super::analyze;
use crate::volume::VoxelType;

/// Which edition of the format a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NiftiVersion {
    One,
    Two,
}

/// Bytes of a NIfTI-1 header, which is also the number its first field holds.
pub(super) const HEADER_1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const HEADER_2_BYTES: usize = 540;

/// Where a header says its voxels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Behind the header.
    OneFile,
    /// In a file of their own.
    TwoFiles,
    /// It does not say: an ANALYZE 7.5 header, whose voxels are in a file of their own,
    /// or a damaged one.
    None,
}

/// The fields the program uses, in the widest type of the two versions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    pub version: NiftiVersion,
    pub mark: Mark,
    pub big_endian: bool,
    /// `dim[0]` is the number of dimensions, `dim[1..]` their sizes.
    pub dim: [i64; 8],
    pub datatype: i16,
    /// `pixdim[0]` is the sign of the qform's third axis, `pixdim[1..]` spacings.
    pub pixdim: [f64; 8],
    /// Where the voxels begin, in bytes.
    pub vox_offset: f64,
    pub scl_slope: f64,
    pub scl_inter: f64,
    pub xyzt_units: u8,
    pub qform_code: i32,
    pub sform_code: i32,
    /// b, c and d of the unit quaternion.
    pub quaternion: [f64; 3],
    /// Translation of the qform.
    pub quaternion_offset: [f64; 3],
    /// The rows of the sform.
    pub srow: [[f64; 4]; 3],
    /// ANALYZE only: the voxel that lies at the origin, counted from 1; SPM's use of a
    /// field that the format left free.
    pub origin: Option<[f64; 3]>,
}

/// What the first bytes of a file say it is.
pub(super) enum Kind {
    Nifti {
        version: NiftiVersion,
        big_endian: bool,
    },
    Other,
}

/// Decides by the first field (the header's own size) in either byte order.
pub(super) fn kind(head: &[u8]) -> Kind {
    let Some(first) = head.first_chunk::<4>() else {
        return Kind::Other;
    };
    for big_endian in [false, true] {
        let size = if big_endian {
            i32::from_be_bytes(*first)
        } else {
            i32::from_le_bytes(*first)
        };
        let version = match size {
            348 => NiftiVersion::One,
            540 => NiftiVersion::Two,
            _ => continue,
        };
        return Kind::Nifti {
            version,
            big_endian,
        };
    }
    Kind::Other
}

/// The header's free text (`descrip`) as one line, which often names the program that
/// wrote the file and sometimes the sequence.
pub(super) fn description(head: &[u8], version: NiftiVersion) -> String {
    const BYTES: usize = 80;
    let start = match version {
        NiftiVersion::One => 148,
        NiftiVersion::Two => 240,
    };
    let field = head.get(start..start + BYTES).unwrap_or_default();
    let text = field.split(|&b| b == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    text.replace(char::is_control, " ").trim().to_owned()
}

/// Reads the fields from the first bytes of a file of the given kind.
pub(super) fn parse(
    head: &[u8],
    version: NiftiVersion,
    big_endian: bool,
    path: &Path,
) -> Result<Fields, IoError> {
    let (promised, magic_at) = match version {
        NiftiVersion::One => (HEADER_1_BYTES, 344),
        NiftiVersion::Two => (HEADER_2_BYTES, 4),
    };
    let truncated = || IoError::Truncated {
        of: "of header",
        promised: promised as u64,
        found: head.len() as u64,
        path: path.into(),
    };
    let head = head.get(..promised).ok_or_else(truncated)?;
    let mark = match head.get(magic_at..magic_at + 3) {
        Some(b"n+1" | b"n+2") => Mark::OneFile,
        Some(b"ni1" | b"ni2") => Mark::TwoFiles,
        _ => Mark::None,
    };
    match version {
        NiftiVersion::One => parse_1(head, mark, big_endian, path),
        NiftiVersion::Two => parse_2(head, mark, big_endian).ok_or_else(truncated),
    }
}

/// The error for a header whose mark is missing where one has to be.
pub(super) fn no_mark(path: &Path) -> IoError {
    IoError::OtherFormat {
        looks_like: "a NIfTI file without its mark (or half of an ANALYZE 7.5 image)",
        path: path.into(),
    }
}

fn parse_1(head: &[u8], mark: Mark, big_endian: bool, path: &Path) -> Result<Fields, IoError> {
    // The nifti crate tells the byte order from dim[0], so that has to be right first.
    let dim_0 = match head.get(40..42).and_then(|b| b.first_chunk::<2>()) {
        Some(b) if big_endian => i16::from_be_bytes(*b),
        Some(b) => i16::from_le_bytes(*b),
        None => 0,
    };
    if !(1..=7).contains(&dim_0) {
        return Err(bad_dimension_count(i64::from(dim_0), path));
    }
    if mark == Mark::None {
        return analyze::parse(head, big_endian).ok_or_else(|| no_mark(path));
    }
    let h = NiftiHeader::from_reader(head).map_err(|_| no_mark(path))?;
    debug_assert_eq!(h.endianness == Endianness::Big, big_endian);
    Ok(Fields {
        version: NiftiVersion::One,
        mark,
        big_endian,
        // The crate reads unsigned numbers; the standard's are signed.
        dim: h.dim.map(|d| i64::from(d.cast_signed())),
        datatype: h.datatype,
        pixdim: h.pixdim.map(f64::from),
        vox_offset: f64::from(h.vox_offset),
        scl_slope: f64::from(h.scl_slope),
        scl_inter: f64::from(h.scl_inter),
        xyzt_units: h.xyzt_units,
        qform_code: i32::from(h.qform_code),
        sform_code: i32::from(h.sform_code),
        quaternion: [h.quatern_b, h.quatern_c, h.quatern_d].map(f64::from),
        quaternion_offset: [h.quatern_x, h.quatern_y, h.quatern_z].map(f64::from),
        srow: [h.srow_x, h.srow_y, h.srow_z].map(|row| row.map(f64::from)),
        origin: None,
    })
}

/// NIfTI-2, by the offsets of `nifti2.h`. `None` only if bytes are missing.
fn parse_2(head: &[u8], mark: Mark, big_endian: bool) -> Option<Fields> {
    let bytes = Bytes { head, big_endian };
    let dim = [16, 24, 32, 40, 48, 56, 64, 72].map(|at| bytes.i64(at));
    let pixdim = [104, 112, 120, 128, 136, 144, 152, 160].map(|at| bytes.f64(at));
    let [x, y, z] =
        [400, 432, 464].map(|at| [at, at + 8, at + 16, at + 24].map(|at| bytes.f64(at)));
    Some(Fields {
        version: NiftiVersion::Two,
        mark,
        big_endian,
        dim: all(dim)?,
        datatype: bytes.i16(12)?,
        pixdim: all(pixdim)?,
        // Exact far beyond any file: 2^53 bytes.
        vox_offset: bytes.i64(168)? as f64,
        scl_slope: bytes.f64(176)?,
        scl_inter: bytes.f64(184)?,
        // Only the lowest six bits of this field have a meaning.
        xyzt_units: (bytes.i32(500)? & 0x3f) as u8,
        qform_code: bytes.i32(344)?,
        sform_code: bytes.i32(348)?,
        quaternion: all([352, 360, 368].map(|at| bytes.f64(at)))?,
        quaternion_offset: all([376, 384, 392].map(|at| bytes.f64(at)))?,
        srow: [all(x)?, all(y)?, all(z)?],
        origin: None,
    })
}

pub(super) fn all<T: Copy + Default, const N: usize>(values: [Option<T>; N]) -> Option<[T; N]> {
    let mut out = [T::default(); N];
    for (slot, value) in out.iter_mut().zip(values) {
        *slot = value?;
    }
    Some(out)
}

/// Numbers at byte offsets of a header, in its byte order.
pub(super) struct Bytes<'a> {
    pub head: &'a [u8],
    pub big_endian: bool,
}

impl Bytes<'_> {
    fn get<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.head.get(at..)?.first_chunk::<N>().copied()
    }

    fn order<const N: usize, T>(
        &self,
        bytes: [u8; N],
        big: fn([u8; N]) -> T,
        little: fn([u8; N]) -> T,
    ) -> T {
        if self.big_endian {
            big(bytes)
        } else {
            little(bytes)
        }
    }

    pub fn i16(&self, at: usize) -> Option<i16> {
        self.get(at)
            .map(|b| self.order(b, i16::from_be_bytes, i16::from_le_bytes))
    }

    pub fn f32(&self, at: usize) -> Option<f64> {
        self.get(at)
            .map(|b| f64::from(self.order(b, f32::from_be_bytes, f32::from_le_bytes)))
    }

    pub fn i32(&self, at: usize) -> Option<i32> {
        self.get(at)
            .map(|b| self.order(b, i32::from_be_bytes, i32::from_le_bytes))
    }

    fn i64(&self, at: usize) -> Option<i64> {
        self.get(at)
            .map(|b| self.order(b, i64::from_be_bytes, i64::from_le_bytes))
    }

    fn f64(&self, at: usize) -> Option<f64> {
        self.get(at)
            .map(|b| self.order(b, f64::from_be_bytes, f64::from_le_bytes))
    }
}

/// Sizes of the three spatial dimensions and the number of frames beyond them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub dims: [usize; 3],
    pub frames: usize,
}

impl Fields {
    /// The image's shape. A dimension the header does not have is one voxel wide.
    pub fn shape(&self, path: &Path) -> Result<Shape, IoError> {
        let count = usize::try_from(self.dim[0])
            .ok()
            .filter(|n| (1..=7).contains(n));
        let Some(count) = count else {
            return Err(bad_dimension_count(self.dim[0], path));
        };
        let mut sizes = [1_usize; 7];
        const NAMES: [&str; 7] = [
            "dim[1]", "dim[2]", "dim[3]", "dim[4]", "dim[5]", "dim[6]", "dim[7]",
        ];
        for ((size, &stored), name) in sizes.iter_mut().zip(&self.dim[1..]).zip(NAMES).take(count) {
            *size = usize::try_from(stored)
                .ok()
                .filter(|&n| n > 0)
                .ok_or_else(|| IoError::BadField {
                    field: name,
                    value: stored.to_string(),
                    why: "and a dimension has at least one voxel",
                    path: path.into(),
                })?;
        }
        let [x, y, z, beyond @ ..] = sizes;
        let frames = beyond
            .iter()
            .try_fold(1_usize, |n, &size| n.checked_mul(size));
        let Some(frames) = frames else {
            return Err(IoError::BadField {
                field: "dim",
                value: format!("{:?}", self.dim),
                why: "more frames than a computer can count",
                path: path.into(),
            });
        };
        Ok(Shape {
            dims: [x, y, z],
            frames,
        })
    }

    /// The type of a voxel's numbers, if they are real and of at most 64 bits, and how
    /// many a voxel has: 1, or the 3 or 4 of a colour.
    pub fn voxel_type(&self, path: &Path) -> Result<(VoxelType, usize), IoError> {
        let unsupported = |what: String| {
            Err(IoError::UnsupportedType {
                what,
                path: path.into(),
            })
        };
        let voxel_type = match self.datatype {
            128 | 2304 if self.mark == Mark::None => {
                return unsupported("colours in an ANALYZE 7.5 image".into());
            }
            128 | 2304 => VoxelType::U8,
            2 => VoxelType::U8,
            4 => VoxelType::I16,
            8 => VoxelType::I32,
            16 => VoxelType::F32,
            64 => VoxelType::F64,
            256 => VoxelType::I8,
            512 => VoxelType::U16,
            768 => VoxelType::U32,
            1024 => VoxelType::I64,
            1280 => VoxelType::U64,
            1 => return unsupported("single bits (datatype 1)".into()),
            32 | 1792 | 2048 => {
                return unsupported(format!("complex numbers (datatype {})", self.datatype));
            }
            1536 => return unsupported("128-bit floats (datatype 1536)".into()),
            other => {
                return Err(IoError::BadField {
                    field: "datatype",
                    value: other.to_string(),
                    why: "which names no voxel type",
                    path: path.into(),
                });
            }
        };
        let components = match self.datatype {
            128 => 3,
            2304 => 4,
            _ => 1,
        };
        Ok((voxel_type, components))
    }

    /// Where the voxels begin in their file. 0 stands for "right after the header" in
    /// one file, as some programs write it.
    pub fn data_offset(&self, path: &Path) -> Result<u64, IoError> {
        let offset = self.vox_offset;
        let least = match (self.mark, self.version) {
            (Mark::OneFile, NiftiVersion::One) if offset == 0.0 => return Ok(352),
            (Mark::OneFile, NiftiVersion::Two) if offset == 0.0 => return Ok(544),
            (Mark::OneFile, NiftiVersion::One) => HEADER_1_BYTES,
            (Mark::OneFile, NiftiVersion::Two) => HEADER_2_BYTES,
            _ => 0,
        };
        // 2^53: up to here an f64 is exact, and no file is that long.
        let valid = offset >= least as f64 && offset <= 9_007_199_254_740_992.0;
        if !valid || offset.fract() != 0.0 {
            return Err(IoError::BadField {
                field: "vox_offset",
                value: offset.to_string(),
                why: "where no voxels can begin",
                path: path.into(),
            });
        }
        Ok(offset as u64)
    }

    /// Slope and intercept of the values. A slope of zero or one that is not a
    /// finite number means that stored numbers are values, as nibabel reads it.
    pub fn value_scale(&self, path: &Path) -> Result<(f64, f64), IoError> {
        if self.scl_slope == 0.0 || !self.scl_slope.is_finite() {
            return Ok((1.0, 0.0));
        }
        if !self.scl_inter.is_finite() {
            return Err(IoError::BadField {
                field: "scl_inter",
                value: self.scl_inter.to_string(),
                why: "which is no number to add to voxel values",
                path: path.into(),
            });
        }
        Ok((self.scl_slope, self.scl_inter))
    }
}

fn bad_dimension_count(value: i64, path: &Path) -> IoError {
    IoError::BadField {
        field: "dim[0]",
        value: value.to_string(),
        why: "and an image has 1 to 7 dimensions",
        path: path.into(),
    }
}
