//! Headers of ANALYZE 7.5, the format before NIfTI: two files, and no word about how
//! the image lies in the body.
//!
//! Read as nibabel reads them, with what SPM kept in free fields: a slope, and the
//! voxel at the origin.

use super::header::{Bytes, Fields, Mark, NiftiVersion, all};

/// The fields of a header by the offsets of `dbh.h`. `None` only if bytes are missing.
pub(super) fn parse(head: &[u8], big_endian: bool) -> Option<Fields> {
    let bytes = Bytes { head, big_endian };
    let dim = all([40, 42, 44, 46, 48, 50, 52, 54].map(|at| bytes.i16(at)))?.map(i64::from);
    let pixdim = all([76, 80, 84, 88, 92, 96, 100, 104].map(|at| bytes.f32(at)))?;
    let (scl_slope, scl_inter) = value_scale(&bytes)?;
    let origin = all([253, 255, 257].map(|at| bytes.i16(at)))?.map(f64::from);
    let [_, x, y, z, ..] = dim;
    let size = [x, y, z].map(|n| n as f64);
    // A far one is some other program's use of the field.
    let near = (0..3).all(|axis| origin[axis] > -size[axis] && origin[axis] < 2.0 * size[axis]);
    Some(Fields {
        version: NiftiVersion::One,
        mark: Mark::None,
        big_endian,
        dim,
        datatype: bytes.i16(70)?,
        pixdim,
        vox_offset: bytes.f32(108)?,
        scl_slope,
        scl_inter,
        xyzt_units: 0,
        qform_code: 0,
        sform_code: 0,
        quaternion: [0.0; 3],
        quaternion_offset: [0.0; 3],
        srow: [[0.0; 4]; 3],
        origin: (near && origin != [0.0; 3]).then_some(origin),
    })
}

/// SPM's slope, or else the one between the stored and the calibrated range of values.
fn value_scale(bytes: &Bytes<'_>) -> Option<(f64, f64)> {
    let (slope, intercept) = (bytes.f32(112)?, bytes.f32(116)?);
    if slope.is_finite() && slope != 0.0 {
        let usable = intercept.is_finite();
        return Some((slope, if usable { intercept } else { 0.0 }));
    }
    let (calibrated_max, calibrated_min) = (bytes.f32(124)?, bytes.f32(128)?);
    let (stored_max, stored_min) = (f64::from(bytes.i32(140)?), f64::from(bytes.i32(144)?));
    let slope = (calibrated_max - calibrated_min) / (stored_max - stored_min);
    if slope.is_finite() && slope != 0.0 {
        return Some((slope, calibrated_min - slope * stored_min));
    }
    Some((0.0, 0.0))
}
