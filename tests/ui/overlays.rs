//! What is laid over a scan, frames of a file, and series opened together.

use std::path::Path;

use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glam::{DAffine3, DVec3};
use voxplain::base::{Grid, Orientation};
use voxplain::io::LabelNames;
use voxplain::io::nifti::{write_labels_named, write_value_frames, write_values};
use voxplain::model::{ModelSource, Preset};
use voxplain::ui::Launch;
use voxplain::ui::layers::Layer;
use voxplain::ui::panes::pointer;
use voxplain::ui::state::Job;
use voxplain::ui::view_command::ViewCommand;

use crate::desk::{Window, click, image, launch, settle, text, wait, wait_until_ready, window};
use crate::images::label_map;
use crate::orientations::reordered;
use crate::support::fixture;
use crate::views::{look, view};

fn add(window: &mut Window, path: &Path) {
    view(window, ViewCommand::OpenOverlay(path.to_owned().into()));
    wait(window, "the overlay", |window| {
        window.state().facts.overlays.opening.is_none()
    });
    settle(window);
}

#[test]
fn a_label_map_lies_over_the_scan_by_place_and_is_compared() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.nii.gz");
    let truth = label_map(&fixture("hippocampus_001/label.nii.gz"));
    let turned = reordered(&truth, Orientation::from_letters("PIL").unwrap());
    let names = LabelNames::from([(1, "front part".to_owned())]);
    write_labels_named(&path, &turned, &names).unwrap();
    add(&mut window, &path);
    wait(&mut window, "the comparison", |window| {
        let comparison = window.state().facts.overlays.comparison.as_ref();
        comparison.is_some_and(|comparison| !comparison.agreement.is_empty())
    });
    settle(&mut window);

    // What the panel says is what the segmentation and the file give.
    let found = window.state().facts.segmentation.clone().unwrap();
    for label in [1, 2] {
        let dice = found.labels.dice(&truth, label).unwrap();
        let said = text(&window, &format!("Dice {dice:.3}")).unwrap();
        assert!(said.contains("HD95"), "{said}");
        assert!(
            said.contains(&format!("ref. {:.2} mL", truth.volume_ml(label))),
            "{said}"
        );
    }
    assert!(text(&window, "front part").is_some());
    assert!(text(&window, "brought onto").is_some());

    // Under the pointer it reads by place, whatever its own grid is.
    let voxel = truth.labels().iter().position(|&label| label == 1).unwrap();
    let at = truth
        .grid()
        .world(truth.grid().position(voxel).map(|v| v as f64));
    let readings = pointer::readings(&window.state().facts, look(&window), at);
    let reference = readings.iter().find(|reading| reading.name == "Reference");
    assert_eq!(reference.unwrap().value, "front part");

    window
        .get_by_role_and_label(Role::CheckBox, "Show reference")
        .click();
    settle(&mut window);
    assert!(!look(&window).layers.shows(Layer::Reference));
    assert_eq!(*look(&window).layers.order.last().unwrap(), Layer::Removed);
    assert!(
        window.query_by_label("Raise reference").is_none(),
        "it is on top"
    );
    window.get_by_label("Raise segmentation").click_accesskit();
    settle(&mut window);
    let order = look(&window).layers.order;
    let at = |layer| order.iter().position(|&other| other == layer);
    assert!(at(Layer::Segmentation) > at(Layer::Reference));
    window.check_accessibility();
    window.get_by_label("Remove reference").click_accesskit();
    settle(&mut window);
    assert!(window.state().facts.overlays.reference.is_none());
    assert_eq!(text(&window, "front part"), None);
}

#[test]
fn another_scan_lies_over_it_and_one_that_is_elsewhere_says_so() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let folder = tempfile::tempdir().unwrap();
    let grid_at = |translation| {
        let affine = DAffine3 {
            translation,
            ..DAffine3::from_scale(DVec3::new(2.0, 2.0, 3.0))
        };
        Grid::new([20, 20, 10], affine).unwrap()
    };
    let near = grid_at(DVec3::ZERO);
    let values: Vec<f32> = (0..near.voxel_count()).map(|i| i as f32 + 0.5).collect();
    let path = folder.path().join("other.nii");
    write_values(&path, &near, &values).unwrap();
    add(&mut window, &path);
    assert!(window.state().facts.overlays.second_scan.is_some());
    let at = near.world([3.0, 4.0, 5.0]);
    let readings = pointer::readings(&window.state().facts, look(&window), at);
    let value = values[near.index([3, 4, 5])];
    assert!(
        readings
            .iter()
            .any(|reading| reading.value == value.to_string())
    );
    click(&mut window, "Only second scan");
    assert_eq!(look(&window).layers.plane_layers().second_scan_opacity, 0.5);

    let far = grid_at(DVec3::new(900.0, 0.0, 0.0));
    let path = folder.path().join("far.nii");
    write_values(&path, &far, &values).unwrap();
    add(&mut window, &path);
    assert!(text(&window, "lies wholly outside the scan").is_some());

    // What is no image is named; the scan and its layers stay.
    let path = folder.path().join("broken.nii");
    std::fs::write(&path, b"nothing").unwrap();
    add(&mut window, &path);
    assert!(text(&window, "broken.nii").is_some());
    assert!(window.state().facts.overlays.second_scan.is_some());
}

#[test]
fn another_frame_of_a_file_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dynamic.nii");
    let grid = Grid::new([12, 11, 10], DAffine3::from_scale(DVec3::splat(2.0))).unwrap();
    let frame = |n: usize| -> Vec<f32> {
        (0..grid.voxel_count())
            .map(|i| (i % 97 + 1000 * n) as f32)
            .collect()
    };
    let frames = [frame(0), frame(1), frame(2)];
    write_value_frames(&path, &grid, &frames.each_ref().map(Vec::as_slice)).unwrap();
    let mut window = window(launch(vec![path]));
    wait_until_ready(&mut window);
    let value = |window: &Window| {
        let study = window.state().facts.study.as_ref().unwrap();
        study.first_channel().value([1, 0, 0]).unwrap()
    };
    assert_eq!(value(&window), 1.0);
    assert!(text(&window, "of 3").is_some());
    let selector = window.get_by_role_and_label(Role::SpinButton, "Frame");
    selector.set_value_accesskit(3.0);
    settle(&mut window);
    wait(&mut window, "the third frame", |window| {
        window.state().job == Job::Idle && value(window) == 2001.0
    });
    settle(&mut window);
    assert!(text(&window, "of 3").is_some());
}

/// A slice of a made-up series of MR images.
fn dicom_slice(series: u8, description: &str, number: u16) -> Vec<u8> {
    fn element(tag: u32, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
        bytes.extend_from_slice(&(tag as u16).to_le_bytes());
        bytes.extend_from_slice(vr);
        if vr == b"OW" {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        } else {
            bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
        }
        bytes.extend_from_slice(&value);
        bytes
    }
    const SIDE: u16 = 8;
    let us = |tag, value: u16| element(tag, b"US", &value.to_le_bytes());
    let pixels: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|i| (u16::from(series) * 100 + number + i).to_le_bytes())
        .collect();
    let uid = format!("1.2.3.{series}");
    [
        vec![0; 128],
        b"DICM".to_vec(),
        element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1"),
        element(0x0008_0060, b"CS", b"MR"),
        element(0x0008_103E, b"LO", description.as_bytes()),
        element(0x0020_000E, b"UI", uid.as_bytes()),
        element(0x0020_0011, b"IS", series.to_string().as_bytes()),
        element(0x0020_0013, b"IS", number.to_string().as_bytes()),
        element(0x0020_0032, b"DS", format!("0\\0\\{number}").as_bytes()),
        element(0x0020_0037, b"DS", b"1\\0\\0\\0\\1\\0"),
        us(0x0028_0002, 1),
        element(0x0028_0004, b"CS", b"MONOCHROME2"),
        us(0x0028_0010, SIDE),
        us(0x0028_0011, SIDE),
        element(0x0028_0030, b"DS", b"1\\1"),
        us(0x0028_0100, 16),
        us(0x0028_0101, 16),
        us(0x0028_0102, 15),
        us(0x0028_0103, 0),
        element(0x7FE0_0010, b"OW", &pixels),
    ]
    .concat()
}

#[test]
fn two_series_of_a_folder_are_opened_as_channels() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let mut description = Preset::named("brats21").unwrap().description;
    description.weights = "weights.safetensors".to_owned();
    description.channels = vec!["T1".to_owned(), "T2".to_owned()];
    description.network.in_channels = 2;
    std::fs::create_dir(&model).unwrap();
    std::fs::write(model.join("weights.safetensors"), b"not read").unwrap();
    let text_of_bundle = serde_json::to_vec(&description).unwrap();
    std::fs::write(model.join("bundle.json"), text_of_bundle).unwrap();

    let scans = folder.path().join("scans");
    std::fs::create_dir(&scans).unwrap();
    for (series, description) in [(1, "t2 axial"), (2, "localiser"), (3, "t1 axial")] {
        for number in 0..6 {
            let name = format!("{series}_{number}.dcm");
            std::fs::write(scans.join(name), dicom_slice(series, description, number)).unwrap();
        }
    }
    let mut window = window(Launch {
        model: Some(ModelSource::at(&model)),
        ..launch(vec![scans])
    });
    wait(&mut window, "the card", |window| {
        text(window, "Which series?").is_some()
    });
    assert!(text(&window, "Tick 2 of them").is_some());
    for series in ["Take series 1", "Take series 3"] {
        window.get_by_role_and_label(Role::CheckBox, series).click();
        settle(&mut window);
    }
    let third = window.get_by_role_and_label(Role::CheckBox, "Take series 2");
    assert!(third.accesskit_node().is_disabled(), "two are enough");
    click(&mut window, "Open 2 of 2 as channels");
    wait(&mut window, "both series", |window| {
        window.state().facts.study.is_some()
    });
    // In the model's order, by what the series are called.
    let study = window.state().facts.study.clone().unwrap();
    let first = study
        .scan
        .channels
        .iter()
        .map(|channel| channel.value([0, 0, 0]).unwrap());
    assert_eq!(first.collect::<Vec<f64>>(), [300.0, 100.0]);
    settle(&mut window);
    view(&mut window, ViewCommand::NextChannel);
    assert_eq!(look(&window).channel, 1);
}
