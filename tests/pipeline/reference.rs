//! References: label maps that meet a study by place in the world, as what a segmentation
//! is held against and as the target of an explanation.

use std::f64::consts::SQRT_2;
use std::path::Path;
use std::sync::Arc;

use glam::{DAffine3, DMat3, DVec3};
use ndarray::{Array4, Axis, Ix4};
use voxplain::base::{CancelToken, Grid};
use voxplain::engine::{
    EngineError, InputFile, OpenOptions, Reading, Reference, ReferenceClasses, ReferenceFile,
    RegionChoice, Scan, Segmentation, Study, assets,
};
use voxplain::io::nifti::write_value_frames;
use voxplain::model::{Activation, Bundle, Prepared, Preset, TargetMasks, prepare};
use voxplain::volume::{LabelMap, Undefined};

use crate::images::label_map;
use crate::orientations::{all_orientations, reordered};
use crate::support::{fixture, npy};

fn file(map: LabelMap) -> ReferenceFile {
    ReferenceFile {
        map,
        input: InputFile {
            file_name: "labels.nii.gz".to_owned(),
            hash: String::new(),
            acquisition: Vec::new(),
        },
        warnings: Vec::new(),
    }
}

fn open(paths: &[&Path]) -> Arc<Scan> {
    let files: Vec<_> = paths.iter().map(|path| path.to_path_buf().into()).collect();
    Arc::new(
        Scan::open(
            &files,
            &OpenOptions::default(),
            &mut Reading {
                progress: &mut |_| {},
                slice: &mut |_| {},
                cancel: &CancelToken::new(),
            },
        )
        .unwrap(),
    )
}

fn hippocampus(region: RegionChoice) -> Study {
    let scan = open(&[&fixture("hippocampus_001/image.nii.gz")]);
    let bundle = Bundle::open(&assets::demonstration_bundle()).unwrap();
    Study::new(scan, Arc::new(bundle), region).unwrap()
}

fn truth() -> LabelMap {
    label_map(&fixture("hippocampus_001/label.nii.gz"))
}

fn bring(study: &Study, map: LabelMap, said: &str) -> Result<Reference, EngineError> {
    let said = match said {
        "" => ReferenceClasses::default(),
        said => said.parse().unwrap(),
    };
    Reference::new(&file(map), study, &said)
}

fn prepared(study: &Study) -> Prepared {
    let channels: Vec<_> = study.scan.channels.iter().map(AsRef::as_ref).collect();
    let preprocessing = &study.bundle.description().preprocessing;
    prepare(&channels, &study.part, preprocessing).unwrap()
}

/// What the engine would say of a region if the network gave these logits.
fn segmentation(study: &Study, logits: Array4<f32>) -> Segmentation {
    let prepared = prepared(study);
    let model_labels = study.bundle.description().labels(logits.view());
    Segmentation {
        labels: prepared.labels_to_region(&model_labels).unwrap(),
        volumes_ml: Vec::new(),
        seconds: 0.0,
        notes: Vec::new(),
        prepared,
        logits,
        model_labels,
    }
}

fn monai_logits() -> Array4<f32> {
    let logits = npy::<f32>(fixture("hippocampus_001/logits.npy"));
    logits.into_dimensionality::<Ix4>().unwrap()
}

/// Dice, 95th-percentile Hausdorff distance and mean surface distance of MONAI's own
/// segmentation, by MONAI 1.6.1.
const MONAI: [[f64; 3]; 2] = [
    [0.894_736_8, SQRT_2, 0.422_228_04],
    [0.868_289_6, SQRT_2, 0.479_783_8],
];

fn assert_agrees_as_monai_says(study: &Study, reference: &Reference, what: &str) {
    let found = segmentation(study, monai_logits());
    let agreements = reference.agreement(study, &found).unwrap();
    assert_eq!(agreements.len(), 2);
    for (found, wanted) in agreements.iter().zip(MONAI) {
        let agreement = found.agreement.unwrap();
        let numbers = [
            agreement.dice,
            agreement.hausdorff_95_mm,
            agreement.mean_surface_distance_mm,
        ];
        for (found, wanted) in numbers.into_iter().zip(wanted) {
            let found = found.unwrap();
            assert!((found - wanted).abs() < 1e-6, "{what}: {found} {wanted}");
        }
        assert_eq!(found.reason(), None);
    }
}

#[test]
fn agreement_and_target_are_the_same_in_all_48_orientations() {
    let study = hippocampus(RegionChoice::Whole);
    let straight = bring(&study, truth(), "").unwrap();
    assert_eq!(straight.notes, Vec::<String>::new());
    assert_eq!(straight.labels, truth());
    assert_agrees_as_monai_says(&study, &straight, "as it is");
    let prepared = prepared(&study);
    let targets = straight.targets(&prepared).unwrap();
    for orientation in all_orientations() {
        let letters = orientation.letters();
        let turned = bring(&study, reordered(&truth(), orientation), "").unwrap();
        assert_eq!(
            turned.labels.labels(),
            straight.labels.labels(),
            "{letters}"
        );
        assert_eq!(turned.targets(&prepared).unwrap(), targets, "{letters}");
        let said = turned.notes.join("\n");
        assert_eq!(said.contains("another grid"), letters != "RAS", "{said}");
    }
}

#[test]
fn a_segmentation_taken_as_its_own_reference_is_its_own_target() {
    let study = hippocampus(RegionChoice::Whole);
    let found = segmentation(&study, monai_logits());
    let reference = bring(&study, found.labels.clone(), "").unwrap();
    assert_eq!(
        reference.targets(&found.prepared).unwrap(),
        TargetMasks::from_logits(found.logits.view(), Activation::Softmax)
    );
    for found in reference.agreement(&study, &found).unwrap() {
        let agreement = found.agreement.unwrap();
        assert_eq!(agreement.dice, Some(1.0));
        assert_eq!(agreement.mean_surface_distance_mm, Some(0.0));
    }
    let voxels = |class| reference.class_voxels(class).iter().filter(|&&v| v).count();
    assert_eq!(
        [0, 1, 2].map(voxels).to_vec(),
        found.labels.counts(),
        "the background is a class of its own"
    );
}

#[test]
fn values_stand_for_the_classes_that_were_named() {
    let study = hippocampus(RegionChoice::Whole);
    let renumbered = |from: &[u16; 3]| {
        let labels = truth()
            .labels()
            .iter()
            .map(|&l| from[usize::from(l)])
            .collect();
        LabelMap::new(*truth().grid(), labels).unwrap()
    };
    let other = renumbered(&[0, 20, 7]);
    let named = bring(&study, other.clone(), "20=Anterior,7=posterior hippocampus").unwrap();
    assert_eq!(named.values_of_class(1), [20]);
    assert_agrees_as_monai_says(&study, &named, "named");
    let numbered = bring(&study, other.clone(), "20=1,7=2").unwrap();
    assert_agrees_as_monai_says(&study, &numbered, "numbered");

    let error = bring(&study, other.clone(), "").unwrap_err();
    assert!(matches!(&error, EngineError::ReferenceValues { values } if values == "7, 20"));
    for name in ["20=hippocampus", "20=liver", "20=background", "20=0"] {
        let error = bring(&study, other.clone(), name).unwrap_err();
        assert!(matches!(error, EngineError::NoSuchClass { .. }), "{name}");
    }

    // A class that was left out has no numbers, and what it was is background.
    let part = bring(&study, other, "20=anterior").unwrap();
    assert!(
        part.notes[0].contains("the value 7, which stands"),
        "{:?}",
        part.notes
    );
    let found = segmentation(&study, monai_logits());
    let agreements = part.agreement(&study, &found).unwrap();
    assert!(agreements[0].agreement.is_some());
    assert_eq!(agreements[1].agreement, None);
    assert!(agreements[1].reason().unwrap().contains("stands for it"));
    let sizes = part.targets(&found.prepared).unwrap().voxel_counts();
    assert_eq!(sizes[2], 0);
    assert_eq!(sizes[0] + sizes[1], truth().grid().voxel_count());
}

#[test]
fn a_reference_that_lies_elsewhere_is_refused_with_both_places() {
    let study = hippocampus(RegionChoice::Whole);
    let moved = |by: DVec3| {
        let mut affine = truth().grid().world_from_voxel();
        affine.translation += by;
        let grid = Grid::new(truth().grid().dims(), affine).unwrap();
        LabelMap::new(grid, truth().labels().to_vec()).unwrap()
    };
    let error = bring(&study, moved(DVec3::new(0.0, 0.0, 500.0)), "").unwrap_err();
    assert!(matches!(
        error,
        EngineError::ReferenceApart { what: "scan", .. }
    ));
    let said = error.to_string();
    assert!(
        said.contains("z 500.5 to 535.5 mm against x 0.5 to 35.5"),
        "{said}"
    );

    // It meets the scan, and not the part that is looked at.
    let region = RegionChoice::Box(voxplain::base::WorldBox {
        min: [1.0, 1.0, 1.0],
        max: [34.0, 50.0, 12.0],
    });
    let bottom = hippocampus(region);
    let error = bring(&bottom, moved(DVec3::new(0.0, 0.0, 20.0)), "").unwrap_err();
    assert!(matches!(
        error,
        EngineError::ReferenceApart { what: "region", .. }
    ));

    // It covers a part, and what is outside the region is told.
    let half = bring(&study, moved(DVec3::new(0.0, 0.0, 7.0)), "").unwrap();
    let said = half.notes.join("\n");
    assert!(said.contains("covers 80.0 % of the region"), "{said}");
    assert!(half.labels.labels()[..35 * 51 * 7].iter().all(|&l| l == 0));
    let cut = bring(&bottom, truth(), "").unwrap();
    let volume_ml = |map: &LabelMap| map.volume_ml(1) + map.volume_ml(2);
    let outside = volume_ml(&truth()) - volume_ml(&cut.labels);
    assert!(outside > 0.1);
    let said = cut.notes.join("\n");
    assert!(
        said.contains(&format!("{outside:.2} mL of the reference")),
        "{said}"
    );
}

#[test]
fn the_overlapping_regions_of_brats_come_from_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let mut description = Preset::named("brats21").unwrap().description;
    description.weights = "weights.safetensors".to_owned();
    std::fs::write(folder.path().join("weights.safetensors"), b"not read").unwrap();
    let text = serde_json::to_vec(&description).unwrap();
    std::fs::write(folder.path().join("bundle.json"), text).unwrap();

    let affine = DAffine3 {
        matrix3: DMat3::from_rotation_z(0.3) * DMat3::from_diagonal(DVec3::new(1.0, 1.2, -3.0)),
        translation: DVec3::new(-5.0, 8.0, 40.0),
    };
    let grid = Grid::new([12, 11, 10], affine).unwrap();
    let paths = ["flair", "t1ce", "t1", "t2"].map(|name| {
        let path = folder.path().join(format!("case_{name}.nii"));
        let values: Vec<f32> = (0..grid.voxel_count()).map(|i| (i % 91) as f32).collect();
        write_value_frames(&path, &grid, &[&values]).unwrap();
        path
    });
    let scan = open(&paths.each_ref().map(AsRef::as_ref));
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let study = Study::new(scan, bundle, RegionChoice::Whole).unwrap();

    for enhancing in [4_u16, 3] {
        let values = [0, 0, 1, 2, 2, enhancing];
        let labels = (0..grid.voxel_count())
            .map(|i| values[i * 7 / 5 % 11 % 6])
            .collect();
        let map = LabelMap::new(*study.first_channel().grid(), labels).unwrap();
        let reference = bring(&study, map, "").unwrap();
        assert_eq!(reference.values_of_class(0), [1, enhancing]);
        assert_eq!(reference.values_of_class(1), [1, 2, enhancing]);
        assert_eq!(reference.values_of_class(2), [enhancing]);
        assert!(reference.notes[0].contains(&format!("tumour core is 1, {enhancing}")));

        // MONAI's ConvertToMultiChannelBasedOnBratsClasses, as a network that never errs.
        let prepared = prepared(&study);
        let on_model = prepared
            .values_from_region(reference.labels.labels())
            .unwrap();
        let (x, y, z) = on_model.dim();
        let mut logits = Array4::from_elem((3, x, y, z), -1.0_f32);
        for ((x, y, z), &label) in on_model.indexed_iter() {
            for (channel, inside) in [
                label == 1 || label == enhancing,
                label > 0,
                label == enhancing,
            ]
            .into_iter()
            .enumerate()
            {
                if inside {
                    logits[[channel, x, y, z]] = 1.0;
                }
            }
        }
        assert_eq!(
            reference.targets(&prepared).unwrap(),
            TargetMasks::from_logits(logits.view(), Activation::Sigmoid)
        );
        let perfect = segmentation(&study, logits.clone());
        for found in reference.agreement(&study, &perfect).unwrap() {
            let agreement = found.agreement.unwrap();
            assert_eq!(agreement.dice, Some(1.0), "class {}", found.class);
            assert_eq!(agreement.volume_ml, agreement.reference_volume_ml);
        }
        logits.index_axis_mut(Axis(0), 2).fill(-1.0);
        let blind = segmentation(&study, logits);
        let agreements = reference.agreement(&study, &blind).unwrap();
        let missed = agreements[2].agreement.unwrap();
        assert_eq!(missed.dice, Some(0.0));
        assert_eq!(missed.undefined, Some(Undefined::NotFound));
        assert_eq!(agreements[1].agreement.unwrap().dice, Some(1.0));
    }
    let both = (0..grid.voxel_count()).map(|i| (i % 5) as u16).collect();
    let both = LabelMap::new(*study.first_channel().grid(), both).unwrap();
    let error = bring(&study, both.clone(), "").unwrap_err();
    assert!(matches!(error, EngineError::AmbiguousReference));
    let said = "1=tumour core,3=tumour core,1=whole,2=whole,3=whole,3=enhancing";
    let named = bring(&study, both, said).unwrap();
    assert_eq!(named.values_of_class(1), [1, 2, 3]);
    assert!(named.notes[0].contains("the value 4"), "{:?}", named.notes);
}
