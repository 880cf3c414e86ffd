//! Supervoxels by organs.

use voxplain::base::CancelToken;
use voxplain::explain::ExplainError;
use voxplain::explain::supervoxels::{
    Cells, Image, Method, Restriction, SupervoxelSettings, Supervoxels, find,
};

use crate::sound::assert_sound;

const DIMS: [usize; 3] = [40, 30, 20];
const SIZE: usize = 40 * 30 * 20;

/// Two kidneys of class 1, a liver of class 2 with a lesion of class 3 in it, and two
/// voxels of class 2 where there is no liver.
fn classes() -> Vec<u16> {
    (0..SIZE)
        .map(|index| {
            let [x, y, z] = [index % 40, index / 40 % 30, index / 1200].map(|v| v as f64);
            let ball = |at: [f64; 3], r: f64| {
                (x - at[0]).powi(2) + (y - at[1]).powi(2) + (z - at[2]).powi(2) < r * r
            };
            if ball([30.0, 20.0, 10.0], 2.0) {
                3
            } else if ball([30.0, 20.0, 10.0], 7.0) || (index == 0 || index == 1) {
                2
            } else if ball([8.0, 6.0, 5.0], 4.0) || ball([8.0, 22.0, 5.0], 4.0) {
                1
            } else {
                0
            }
        })
        .collect()
}

fn cut(
    method: Method,
    cells: Cells,
    count: usize,
    classes: Option<&[u16]>,
) -> Result<Supervoxels, ExplainError> {
    let values: Vec<f32> = (0..SIZE)
        .map(|index| (index * 7919 % 1013) as f32)
        .collect();
    let image = Image {
        channels: &[&values],
        dims: DIMS,
        spacing_mm: [1.0, 1.0, 1.5],
    };
    let restriction = Restriction {
        include: None,
        classes,
    };
    let settings = SupervoxelSettings {
        method,
        cells,
        count,
        ..Default::default()
    };
    find(&image, &restriction, &settings, &CancelToken::new())
}

/// The classes that each supervoxel has voxels of.
fn classes_of(found: &Supervoxels, classes: &[u16]) -> Vec<Vec<u16>> {
    let mut of = vec![Vec::new(); found.count];
    for (&label, &class) in found.labels.iter().zip(classes) {
        let of: &mut Vec<u16> = &mut of[usize::from(label) - 1];
        if !of.contains(&class) {
            of.push(class);
        }
    }
    of
}

#[test]
fn organs_and_lesions_are_whole() {
    let classes = classes();
    for cells in [Cells::Slic, Cells::Cubes, Cells::Fcc] {
        for count in [1, 5, 50] {
            let found = cut(Method::Organs, cells, count, Some(&classes)).unwrap();
            assert_sound(&found, DIMS, |_| true);
            let of = classes_of(&found, &classes[..]);
            let having = |class| of.iter().filter(|of| **of == [class]).count();
            assert_eq!(
                (having(1), having(2), having(3)),
                (2, 1, 1),
                "{cells:?} {count}"
            );
            // The rest, with the two voxels of noise in it.
            assert_eq!(found.count - 4, having(0) + 1, "{cells:?} {count}");
            let wanted = count.saturating_sub(4).max(1);
            assert!(
                (found.count - 4).abs_diff(wanted) <= wanted / 10,
                "{cells:?} {count}: {}",
                found.count
            );
        }
    }
}

#[test]
fn cells_of_a_hybrid_end_where_the_class_does() {
    let classes = classes();
    for cells in [Cells::Slic, Cells::Cubes, Cells::Fcc] {
        let found = cut(Method::OrganHybrid, cells, 60, Some(&classes)).unwrap();
        assert_sound(&found, DIMS, |_| true);
        assert_eq!(found.count, 60, "{cells:?}");
        let of = classes_of(&found, &classes);
        let mixed: Vec<_> = of.iter().filter(|of| of.len() > 1).collect();
        assert_eq!(mixed, [&[2, 0]], "{cells:?}: only the two voxels of noise");
        let liver = of.iter().filter(|of| **of == [2]).count();
        assert!(liver > 1, "{cells:?}: {liver} cells of the liver");
        // No slivers but where a part of a class is one.
        let mut sizes = vec![0; found.count];
        found
            .labels
            .iter()
            .for_each(|&label| sizes[usize::from(label) - 1] += 1);
        let smallest = *sizes.iter().min().unwrap();
        assert!(smallest >= SIZE / 60 / 20, "{cells:?}: {smallest}");
    }
}

#[test]
fn more_parts_than_supervoxels_are_all_kept() {
    let classes = classes();
    let found = cut(Method::OrganHybrid, Cells::Slic, 2, Some(&classes)).unwrap();
    assert_sound(&found, DIMS, |_| true);
    assert_eq!(found.count, 5);
}

#[test]
fn without_a_segmentation_there_are_no_organs() {
    for method in [Method::Organs, Method::OrganHybrid] {
        assert!(method.needs_classes());
        let error = cut(method, Cells::Slic, 9, None).unwrap_err();
        assert!(matches!(error, ExplainError::NoClasses));
        assert!(error.to_string().contains("segment first"), "{error}");
        let short = cut(method, Cells::Slic, 9, Some(&[1, 2])).unwrap_err();
        assert!(matches!(short, ExplainError::SizeMismatch { .. }));
    }
    assert!(!Method::Slic.needs_classes());
}
