//! NIfTI-1 files with both forms of the affine, written whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use glam::{DAffine3, DMat3, DQuat, DVec3};

use super::super::atomic::write_atomically;
use super::super::parallel_gzip::ParallelGzip;
use super::super::{IoError, LabelNames};
use super::extension;
use crate::base::Grid;
use crate::volume::{LabelMap, Volume, VoxelSlice, VoxelType};

/// Writes a scan in its own voxel type, with its slope and intercept.
///
/// The name decides: `.nii.gz` is compressed, `.nii` is not, others are refused.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), IoError> {
    let header = Header {
        value_scale: volume.value_scale(),
        ..Header::plain(volume.grid(), volume.voxels().voxel_type())
    };
    write(path, &header, &|out| match volume.voxels().as_slice() {
        VoxelSlice::U8(v) => out.write_all(v),
        VoxelSlice::I8(v) => write_slice(out, v, i8::to_le_bytes),
        VoxelSlice::U16(v) => write_slice(out, v, u16::to_le_bytes),
        VoxelSlice::I16(v) => write_slice(out, v, i16::to_le_bytes),
        VoxelSlice::U32(v) => write_slice(out, v, u32::to_le_bytes),
        VoxelSlice::I32(v) => write_slice(out, v, i32::to_le_bytes),
        VoxelSlice::U64(v) => write_slice(out, v, u64::to_le_bytes),
        VoxelSlice::I64(v) => write_slice(out, v, i64::to_le_bytes),
        VoxelSlice::F32(v) => write_slice(out, v, f32::to_le_bytes),
        VoxelSlice::F64(v) => write_slice(out, v, f64::to_le_bytes),
    })
}

/// Writes labels in the smallest unsigned type that holds them, 8 or 16 bits.
pub fn write_labels(path: &Path, map: &LabelMap) -> Result<(), IoError> {
    write_labels_named(path, map, &LabelNames::new())
}

/// Writes labels with their names, which [`super::super::Opened::label_names`] has when
/// the file is read again. Other programs pass over them.
pub fn write_labels_named(path: &Path, map: &LabelMap, names: &LabelNames) -> Result<(), IoError> {
    let narrow = map
        .labels()
        .iter()
        .all(|&label| label <= u16::from(u8::MAX));
    let header = Header {
        label_names: Some(names),
        ..Header::plain(
            map.grid(),
            if narrow {
                VoxelType::U8
            } else {
                VoxelType::U16
            },
        )
    };
    write(path, &header, &|out| {
        if narrow {
            write_slice(out, map.labels(), |label| [label.to_le_bytes()[0]])
        } else {
            write_slice(out, map.labels(), u16::to_le_bytes)
        }
    })
}

/// Writes one `f32` value a voxel, x fastest.
pub fn write_values(path: &Path, grid: &Grid, values: &[f32]) -> Result<(), IoError> {
    write_value_frames(path, grid, &[values])
}

/// Writes several maps on one grid as the frames of a 4D image, for example one a
/// class. One map makes a 3D image.
pub fn write_value_frames(path: &Path, grid: &Grid, frames: &[&[f32]]) -> Result<(), IoError> {
    if frames.is_empty()
        || frames
            .iter()
            .any(|values| values.len() != grid.voxel_count())
    {
        return Err(IoError::CannotStore {
            why: "the number of values is not that of the grid".into(),
            path: path.into(),
        });
    }
    let header = Header {
        frames: frames.len(),
        ..Header::plain(grid, VoxelType::F32)
    };
    write(path, &header, &|out| {
        frames
            .iter()
            .try_for_each(|values| write_slice(out, values, f32::to_le_bytes))
    })
}

fn write(
    path: &Path,
    header: &Header<'_>,
    voxels: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), IoError> {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_ascii_lowercase());
    let compress = match name.as_deref() {
        Some(name) if name.ends_with(".nii.gz") => true,
        Some(name) if name.ends_with(".nii") => false,
        _ => {
            return Err(IoError::CannotStore {
                why: "the name of a NIfTI file ends in .nii or .nii.gz".into(),
                path: path.into(),
            });
        }
    };
    let bytes = header.bytes().map_err(|why| IoError::CannotStore {
        why,
        path: path.into(),
    })?;
    write_atomically(path, |file| {
        if compress {
            let mut gz = ParallelGzip::new(file)?;
            gz.write_all(&bytes)?;
            voxels(&mut gz)?;
            gz.finish()?;
            Ok(())
        } else {
            file.write_all(&bytes)?;
            voxels(file)
        }
    })
}

/// Writes numbers in chunks, so that no second copy of the image is held.
fn write_slice<T: Copy, const N: usize>(
    out: &mut dyn Write,
    values: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity((1 << 16) * N);
    for chunk in values.chunks(1 << 16) {
        buffer.clear();
        chunk
            .iter()
            .for_each(|&value| buffer.extend_from_slice(&to_bytes(value)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

struct Header<'a> {
    grid: &'a Grid,
    voxel_type: VoxelType,
    frames: usize,
    value_scale: (f64, f64),
    label_names: Option<&'a LabelNames>,
}

/// "Aligned to something": the program knows the place, not how it was measured.
const ALIGNED: i16 = 2;
/// `xyzt_units`: millimetres.
const MILLIMETRES: u8 = 2;

impl<'a> Header<'a> {
    /// Of one image whose numbers are its values.
    fn plain(grid: &'a Grid, voxel_type: VoxelType) -> Self {
        Self {
            grid,
            voxel_type,
            frames: 1,
            value_scale: (1.0, 0.0),
            label_names: None,
        }
    }

    /// The 348 bytes of the header, little endian, at the offsets of `nifti1.h`, and
    /// the extension. The error says why the image does not fit.
    fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut dim = [1_i16; 8];
        let [nx, ny, nz] = self.grid.dims();
        dim[0] = if self.frames > 1 { 4 } else { 3 };
        for (slot, size) in dim.iter_mut().skip(1).zip([nx, ny, nz, self.frames]) {
            *slot = i16::try_from(size)
                .map_err(|_| format!("{size} voxels along one axis, and NIfTI-1 holds 32767"))?;
        }
        let (datatype, bits): (i16, i16) = match self.voxel_type {
            VoxelType::U8 => (2, 8),
            VoxelType::I16 => (4, 16),
            VoxelType::I32 => (8, 32),
            VoxelType::F32 => (16, 32),
            VoxelType::F64 => (64, 64),
            VoxelType::I8 => (256, 8),
            VoxelType::U16 => (512, 16),
            VoxelType::U32 => (768, 32),
            VoxelType::I64 => (1024, 64),
            VoxelType::U64 => (1280, 64),
        };
        let affine = self.grid.world_from_voxel();
        let [x, y, z] = self.grid.spacing_mm();
        let qform = Qform::of(self.grid);
        let (slope, intercept) = self.value_scale;

        let extension = match self.label_names {
            Some(names) => extension::bytes(names),
            None => vec![0; 4],
        };
        let mut bytes = vec![0; 348];
        let data_offset = (bytes.len() + extension.len()) as f32;
        let mut put = |at: usize, field: &[u8]| {
            if let Some(slot) = bytes.get_mut(at..at + field.len()) {
                slot.copy_from_slice(field);
            }
        };
        put(0, &348_i32.to_le_bytes());
        put(38, b"r");
        for (i, size) in dim.into_iter().enumerate() {
            put(40 + 2 * i, &size.to_le_bytes());
        }
        put(70, &datatype.to_le_bytes());
        put(72, &bits.to_le_bytes());
        let handedness = qform.as_ref().map_or(1.0, |q| q.handedness);
        for (i, size) in [handedness, x, y, z, 1.0, 1.0, 1.0, 1.0]
            .into_iter()
            .enumerate()
        {
            put(76 + 4 * i, &(size as f32).to_le_bytes());
        }
        put(108, &data_offset.to_le_bytes());
        put(112, &(slope as f32).to_le_bytes());
        put(116, &(intercept as f32).to_le_bytes());
        put(123, &[MILLIMETRES]);
        put(148, b"voxplain");
        if let Some(qform) = &qform {
            put(252, &ALIGNED.to_le_bytes());
            for (i, value) in qform.quaternion.into_iter().enumerate() {
                put(256 + 4 * i, &value.to_le_bytes());
            }
            for (i, value) in affine.translation.to_array().into_iter().enumerate() {
                put(268 + 4 * i, &(value as f32).to_le_bytes());
            }
        }
        put(254, &ALIGNED.to_le_bytes());
        for row in 0..3 {
            let m = affine.matrix3.row(row);
            let values = [m.x, m.y, m.z, affine.translation[row]];
            for (i, value) in values.into_iter().enumerate() {
                put(280 + 16 * row + 4 * i, &(value as f32).to_le_bytes());
            }
        }
        put(344, b"n+1\0");
        bytes.extend(extension);
        Ok(bytes)
    }
}

/// The rotation part of an affine as NIfTI stores it.
struct Qform {
    /// b, c and d of a unit quaternion whose first part is not negative.
    quaternion: [f32; 3],
    /// -1 if the third axis is turned round to make the rotation proper.
    handedness: f64,
}

impl Qform {
    /// `None` if a quaternion cannot hold the affine: sheared axes, or an image so
    /// large that rounding would move a corner by a hundredth of a voxel.
    fn of(grid: &Grid) -> Option<Self> {
        let affine = grid.world_from_voxel();
        let spacing = DVec3::from(grid.spacing_mm());
        let m = affine.matrix3;
        let handedness = if m.determinant() < 0.0 { -1.0 } else { 1.0 };
        let rotation = DMat3::from_cols(
            m.x_axis / spacing.x,
            m.y_axis / spacing.y,
            m.z_axis / (spacing.z * handedness),
        );
        let q = DQuat::from_mat3(&rotation).normalize();
        let q = if q.w < 0.0 { -q } else { q };
        let quaternion = [q.x as f32, q.y as f32, q.z as f32];

        // As a reader will rebuild it.
        let [b, c, d] = quaternion.map(f64::from);
        let a = (1.0 - (b * b + c * c + d * d)).max(0.0).sqrt();
        let scale = DVec3::new(spacing.x, spacing.y, spacing.z * handedness);
        let rebuilt = DAffine3 {
            matrix3: DMat3::from_quat(DQuat::from_xyzw(b, c, d, a).normalize())
                * DMat3::from_diagonal(scale),
            translation: affine.translation,
        };
        let far = DVec3::from(grid.dims().map(|n| n as f64));
        let farthest = (0..8)
            .map(|corner: u8| {
                let pick = |axis: u8, v: f64| if corner >> axis & 1 == 0 { 0.0 } else { v };
                let voxel = DVec3::new(pick(0, far.x), pick(1, far.y), pick(2, far.z));
                affine
                    .transform_point3(voxel)
                    .distance(rebuilt.transform_point3(voxel))
            })
            .fold(0.0, f64::max);
        (farthest <= 0.01 * spacing.min_element()).then_some(Self {
            quaternion,
            handedness,
        })
    }
}
