//! What is written comes back: every type, byte order, scale and affine, and the names
//! of labels.

use glam::{DAffine3, DMat3, DVec3};
use proptest::prelude::*;
use voxplain::base::Grid;
use voxplain::io::nifti::{write_labels_named, write_volume};
use voxplain::io::{LabelNames, describe};
use voxplain::volume::{LabelMap, Voxels};

use crate::{fixture, open};

/// Datatype code, bits and bytes of each type, as `nifti1.h` has them.
const TYPES: [(i16, usize); 10] = [
    (2, 1),
    (256, 1),
    (512, 2),
    (4, 2),
    (768, 4),
    (8, 4),
    (1280, 8),
    (1024, 8),
    (16, 4),
    (64, 8),
];

/// A file as another program would write it.
#[derive(Debug, Clone)]
struct Foreign {
    datatype: (i16, usize),
    big_endian: bool,
    slope: f32,
    intercept: f32,
    srow: [[f32; 4]; 3],
    voxels: Vec<u8>,
}

impl Foreign {
    const DIMS: [i16; 3] = [3, 4, 2];

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 352];
        let mut put = |at: usize, mut field: Vec<u8>| {
            if self.big_endian {
                field.reverse();
            }
            bytes[at..at + field.len()].copy_from_slice(&field);
        };
        put(0, 348_i32.to_le_bytes().into());
        put(40, 3_i16.to_le_bytes().into());
        for (axis, size) in Self::DIMS.into_iter().enumerate() {
            put(42 + 2 * axis, size.to_le_bytes().into());
            let column = self.srow.map(|row| f64::from(row[axis]));
            let spacing = DVec3::from(column).length() as f32;
            put(80 + 4 * axis, spacing.to_le_bytes().into());
        }
        put(70, self.datatype.0.to_le_bytes().into());
        put(72, (self.datatype.1 as i16 * 8).to_le_bytes().into());
        put(108, 352_f32.to_le_bytes().into());
        put(112, self.slope.to_le_bytes().into());
        put(116, self.intercept.to_le_bytes().into());
        put(254, 1_i16.to_le_bytes().into());
        for (row, values) in self.srow.into_iter().enumerate() {
            for (column, value) in values.into_iter().enumerate() {
                put(280 + 16 * row + 4 * column, value.to_le_bytes().into());
            }
        }
        bytes[123] = 2;
        bytes[344..348].copy_from_slice(b"n+1\0");
        bytes.extend(&self.voxels);
        bytes
    }

    /// The voxel bytes in little endian.
    fn little(&self) -> Vec<u8> {
        let mut voxels = self.voxels.clone();
        if self.big_endian {
            voxels
                .chunks_mut(self.datatype.1)
                .for_each(|number| number.reverse());
        }
        voxels
    }
}

/// Affines with shear and of either hand, none of them flat.
fn affines() -> impl Strategy<Value = [[f32; 4]; 3]> {
    (
        prop::array::uniform3(-3.2_f64..3.2),
        prop::array::uniform3(prop_oneof![-5.0..-0.2_f64, 0.2..5.0_f64]),
        prop::array::uniform3(-0.6_f64..0.6),
        prop::array::uniform3(-400.0_f64..400.0),
    )
        .prop_map(|(turn, scale, shear, offset)| {
            let matrix = DMat3::from_rotation_x(turn[0])
                * DMat3::from_rotation_y(turn[1])
                * DMat3::from_rotation_z(turn[2])
                * DMat3::from_cols(
                    DVec3::X,
                    DVec3::new(shear[0], 1.0, 0.0),
                    DVec3::new(shear[1], shear[2], 1.0),
                )
                * DMat3::from_diagonal(DVec3::from(scale));
            std::array::from_fn(|row| {
                let m = matrix.row(row);
                [m.x, m.y, m.z, offset[row]].map(|v| v as f32)
            })
        })
}

fn foreign_files() -> impl Strategy<Value = Foreign> {
    (
        prop::sample::select(TYPES.to_vec()),
        any::<bool>(),
        prop_oneof![
            Just((1.0, 0.0)),
            Just((0.0, 5.0)),
            Just((f32::NAN, 0.0)),
            (0.001_f32..100.0, -1000.0_f32..1000.0)
        ],
        affines(),
        prop::collection::vec(any::<u8>(), 24 * 8),
    )
        .prop_map(
            |(datatype, big_endian, (slope, intercept), srow, voxels)| Foreign {
                datatype,
                big_endian,
                slope,
                intercept,
                srow,
                voxels: voxels[..24 * datatype.1].to_vec(),
            },
        )
}

fn near(a: &Grid, b: &Grid) -> bool {
    let columns = |grid: &Grid| grid.world_from_voxel().to_cols_array();
    columns(a)
        .iter()
        .zip(columns(b))
        .all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_round_trip_changes_no_voxel_and_no_place(file in foreign_files(), packed in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.nii");
        std::fs::write(&path, file.bytes()).unwrap();
        let first = open(&path).unwrap();
        prop_assert_eq!(first.summary.big_endian, file.big_endian);
        for (row, values) in file.srow.iter().enumerate() {
            let m = first.volume.grid().world_from_voxel();
            let found = [m.x_axis[row], m.y_axis[row], m.z_axis[row], m.translation[row]];
            prop_assert_eq!(found, values.map(f64::from));
        }

        let copy = folder.path().join(if packed { "copy.nii.gz" } else { "copy.nii" });
        write_volume(&copy, &first.volume).unwrap();
        let second = open(&copy).unwrap();
        prop_assert_eq!(second.summary.voxel_type, first.summary.voxel_type);
        prop_assert_eq!(second.volume.value_scale(), first.volume.value_scale());
        prop_assert!(near(second.volume.grid(), first.volume.grid()));
        if !packed {
            // Compared as bytes, because random floats are sometimes no numbers.
            let written = std::fs::read(&copy).unwrap();
            prop_assert_eq!(written[352..].to_vec(), file.little());
        } else if !matches!(first.volume.voxels(), Voxels::F32(_) | Voxels::F64(_)) {
            prop_assert_eq!(second.volume.voxels(), first.volume.voxels());
        }
    }
}

#[test]
fn names_of_labels_travel_with_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let grid = Grid::new([2, 2, 2], DAffine3::IDENTITY).unwrap();
    let map = LabelMap::new(grid, (0..8).collect()).unwrap();
    let names: LabelNames = [(1, "anterior".to_owned()), (2, "posterior".to_owned())].into();
    for name in ["labels.nii.gz", "labels.nii"] {
        let path = folder.path().join(name);
        write_labels_named(&path, &map, &names).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(opened.volume.voxels(), &Voxels::U8((0..8).collect()));
        assert_eq!(opened.label_names, names);
        assert_eq!(opened.warnings, []);
        assert_eq!(describe(&path).unwrap().label_names, names);
    }
    let unnamed = open(&fixture("sform_and_qform_f32_big.nii")).unwrap();
    assert!(unnamed.label_names.is_empty());
    // Long names leave the probe behind.
    let path = folder.path().join("many.nii");
    let many: LabelNames = (1..2000)
        .map(|label| (label, format!("structure {label}")))
        .collect();
    write_labels_named(&path, &map, &many).unwrap();
    assert_eq!(open(&path).unwrap().label_names, many);
}
