//! NumPy arrays: as scans, and to hold the program against other implementations.
//!
//! A scan's array is indexed `[x, y, z]`, as nibabel's arrays are, or `[x, y, z, frame]`.
//! It has no place in the world: voxels of 1 mm are assumed, with a warning.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use ndarray::{ArrayD, ArrayRef, Dimension};
use ndarray_npy::npy::header::{Header, Layout as NpyLayout};
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, WriteNpyError, WriteNpyExt};

use super::atomic::write_atomically;
use super::layout::{Axis, AxisLayout, Role};
use super::nifti::spacing_only;
use super::raster::{Placed, Raster};
use super::source::{MOST_INFLATION, Source};
use super::{Format, GeometryWarning, IoError, PlacedBy};
use crate::base::Grid;
use crate::volume::VoxelType;

/// Reads a `.npy` file of 32-bit floats, of any number of dimensions.
pub fn read_f32(path: &Path) -> Result<ArrayD<f32>, IoError> {
    read(path, "32-bit float (<f4)")
}

/// Reads a `.npy` file of 64-bit floats, of any number of dimensions.
pub fn read_f64(path: &Path) -> Result<ArrayD<f64>, IoError> {
    read(path, "64-bit float (<f8)")
}

/// Writes a `.npy` file of 32-bit floats, in the order of the array's axes.
pub fn write_f32<D: Dimension>(path: &Path, array: &ArrayRef<f32, D>) -> Result<(), IoError> {
    write_atomically(path, |out| {
        array.write_npy(out).map_err(|error| match error {
            WriteNpyError::Io(error) => error,
            other => std::io::Error::other(other),
        })
    })
}

/// Longer headers are not written by NumPy and would only feed its parser.
const MOST_HEADER_BYTES: u64 = 4096;

fn read<T: ReadableElement>(path: &Path, wanted: &str) -> Result<ArrayD<T>, IoError> {
    let failed = |source| IoError::reading(source, path);
    let bad = |why: String| IoError::BadNpy {
        why,
        path: path.into(),
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(IoError::NotAFile { path: path.into() });
    }

    // The reader reserves what the header promises, so that is held against the
    // size of the file first.
    let header = Header::from_reader(&mut (&file).take(MOST_HEADER_BYTES))
        .map_err(|error| bad(one_line(&error.to_string())))?;
    let promised = header
        .shape
        .iter()
        .try_fold(size_of::<T>() as u64, |n, &size| n.checked_mul(size as u64));
    if promised.is_none_or(|promised| promised > metadata.len()) {
        return Err(bad(format!(
            "its shape {:?} is larger than the file of {} bytes",
            header.shape,
            metadata.len()
        )));
    }

    let file = File::open(path).map_err(failed)?;
    ArrayD::<T>::read_npy(BufReader::new(file)).map_err(|error| match error {
        ReadNpyError::Io(source) => failed(source),
        ReadNpyError::WrongDescriptor(found) => {
            bad(format!("its numbers are {found} and {wanted} is needed"))
        }
        other => bad(one_line(&other.to_string())),
    })
}

/// Understands an array of two to four axes as a scan.
pub(super) fn open(path: &Path) -> Result<Raster, IoError> {
    let bad = |why: String| IoError::BadNpy {
        why,
        path: path.into(),
    };
    let source = Source::open(path)?;
    let mut reader = Counted {
        reader: source.reader,
        bytes: 0,
    };
    let header = Header::from_reader(&mut (&mut reader).take(MOST_HEADER_BYTES))
        .map_err(|error| bad(one_line(&error.to_string())))?;
    let descriptor = header.type_descriptor.as_string().map(String::as_str);
    // Half floats are widened as they are read.
    let half = descriptor.filter(|name| matches!(*name, "<f2" | ">f2"));
    let (voxel_type, big_endian) = match half {
        Some(_) => (VoxelType::F32, cfg!(target_endian = "big")),
        None => descriptor
            .and_then(voxel_type)
            .ok_or_else(|| IoError::UnsupportedType {
                what: one_line(&format!("numbers of the type {}", header.type_descriptor)),
                path: path.into(),
            })?,
    };
    let layout = AxisLayout {
        axes: axes(&header).ok_or_else(|| {
            let count = header.shape.len();
            bad(format!("it has {count} axes, and a scan has 2 to 4"))
        })?,
        voxel_type,
        big_endian,
    };
    let most = if source.compressed {
        source.file_bytes.saturating_mul(MOST_INFLATION)
    } else {
        source.file_bytes
    };
    let (promised, found) = (layout.bytes(), most.saturating_sub(reader.bytes));
    let found = found.saturating_mul(if half.is_some() { 2 } else { 1 });
    if promised > found {
        return Err(IoError::Truncated {
            of: "of voxels",
            promised,
            found,
            path: path.into(),
        });
    }
    let dims = layout.dims();
    let grid = Grid::new(dims, spacing_only([1.0; 3], dims, None));
    let placed = Placed {
        grid: grid.map_err(|source| IoError::Grid {
            source,
            path: path.into(),
        })?,
        placed_by: PlacedBy::Spacing,
        warnings: vec![GeometryWarning::OrientationUnknown],
    };
    if layout.frames() == 0 {
        return Err(bad("it has no frames".into()));
    }
    Ok(Raster {
        format: Format::Numpy,
        compressed: source.compressed,
        layout,
        placed,
        reader: match half {
            Some(name) => Box::new(Widened::new(reader.reader, name == ">f2")),
            None => Box::new(reader.reader),
        },
        data_path: path.to_owned(),
        files: vec![path.to_owned()],
        file_bytes: source.file_bytes,
        description: String::new(),
    })
}

/// The axes of an array, fastest first: in C order the last one, in Fortran's the first.
fn axes(header: &Header) -> Option<Vec<Axis>> {
    if !(2..=4).contains(&header.shape.len()) {
        return None;
    }
    let roles = [Role::Space(0), Role::Space(1), Role::Space(2), Role::Frames];
    let axes = header.shape.iter().zip(roles);
    let mut axes: Vec<Axis> = axes.map(|(&size, role)| Axis { size, role }).collect();
    if matches!(header.layout, NpyLayout::Standard) {
        axes.reverse();
    }
    Some(axes)
}

/// The type that a descriptor such as `<f4` names, and whether its bytes are big first.
fn voxel_type(descriptor: &str) -> Option<(VoxelType, bool)> {
    let order = descriptor.chars().next()?;
    let big_endian = match order {
        '<' | '|' => false,
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        _ => return None,
    };
    let voxel_type = match descriptor.get(1..)? {
        "b1" | "u1" => VoxelType::U8,
        "i1" => VoxelType::I8,
        "u2" => VoxelType::U16,
        "i2" => VoxelType::I16,
        "u4" => VoxelType::U32,
        "i4" => VoxelType::I32,
        "u8" => VoxelType::U64,
        "i8" => VoxelType::I64,
        "f4" => VoxelType::F32,
        "f8" => VoxelType::F64,
        _ => return None,
    };
    Some((voxel_type, big_endian))
}

/// A reader that knows how far it is.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Half floats read as floats of this machine's byte order. No half is lost or rounded.
struct Widened<R> {
    reader: BufReader<R>,
    big_endian: bool,
    /// Bytes of the last float that were not given yet.
    rest: [u8; 4],
    left: usize,
}

impl<R: Read> Widened<R> {
    fn new(reader: R, big_endian: bool) -> Self {
        Self {
            reader: BufReader::new(reader),
            big_endian,
            rest: [0; 4],
            left: 0,
        }
    }
}

impl<R: Read> Read for Widened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(place) = buffer.get_mut(filled..).filter(|place| !place.is_empty()) {
            if self.left == 0 {
                let mut half = [0; 2];
                match self.reader.read_exact(&mut half) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
                    Err(e) => return Err(e),
                }
                let bits = if self.big_endian {
                    u16::from_be_bytes(half)
                } else {
                    u16::from_le_bytes(half)
                };
                self.rest = single_from_half(bits).to_ne_bytes();
                self.left = 4;
            }
            let count = self.left.min(place.len());
            let rest = self.rest.iter().skip(4 - self.left);
            place
                .iter_mut()
                .zip(rest)
                .for_each(|(to, &from)| *to = from);
            self.left -= count;
            filled += count;
        }
        Ok(filled)
    }
}

/// IEEE 754 binary16 as binary32.
fn single_from_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2.0_f32.powi(exponent - 25),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn arrays_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let array = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (i * 100 + j * 10 + k) as f32);
        write_f32(&path, &array).unwrap();
        assert_eq!(read_f32(&path).unwrap(), array.into_dyn());
        let message = read_f64(&path).unwrap_err().to_string();
        assert!(
            message.contains("64-bit float") && message.contains("<f4"),
            "{message}"
        );
    }

    #[test]
    fn broken_arrays_are_one_line_and_take_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        assert!(matches!(read_f32(&path), Err(IoError::Missing { .. })));
        write_f32(&path, &array![1.0_f32, 2.0, 3.0]).unwrap();
        let good = std::fs::read(&path).unwrap();

        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(matches!(read_f32(&path), Err(IoError::BadNpy { .. })));
        let mut huge = b"\x93NUMPY\x01\0\x76\0".to_vec();
        let dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }";
        huge.extend(format!("{dict:<117}\n").bytes());
        std::fs::write(&path, &huge).unwrap();
        let message = read_f32(&path).unwrap_err().to_string();
        assert!(
            message.contains("larger than the file") && !message.contains('\n'),
            "{message}"
        );
        // Brackets within brackets must not eat the stack.
        let mut nested = good[..8].to_vec();
        nested.extend_from_slice(&4000_u16.to_le_bytes());
        nested.extend(std::iter::repeat_n(b'(', 4000));
        std::fs::write(&path, &nested).unwrap();
        assert!(matches!(read_f32(&path), Err(IoError::BadNpy { .. })));
    }
}
