//! Reports as files: tables, provenance, picture and page.

use std::path::Path;

use voxplain::base::colour::{Rgb, class_colour, diverging};
use voxplain::base::{CancelToken, RESEARCH_USE, WorldBox};
use voxplain::io::open_volume;
use voxplain::report::ReportError;
use voxplain::report::html::{ClassSection, Page};
use voxplain::report::montage::{ColourBar, EdgeLetters, LegendEntry, Montage, Panel};
use voxplain::report::picture::Picture;
use voxplain::report::players::{PlayerRow, write_players};
use voxplain::report::provenance::{
    Bundle, ClassResult, Counts, Explanation, InputFile, MaskResult, Parameters, SCHEMA_VERSION,
    Supervoxels,
};
use voxplain::volume::{Volume, default_window};

fn demo() -> Volume {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/mni152_2009a_t1.nii.gz");
    open_volume(&path, &mut |_| {}, &CancelToken::new())
        .unwrap()
        .volume
}

/// A slice through the head in radiological view, with a made-up signed map on it.
fn slice(volume: &Volume, axis: usize) -> Picture {
    let dims = volume.grid().dims();
    let (across, up) = [(1, 2), (0, 2), (0, 1)][axis];
    let (low, high) = default_window(volume);
    let mut rgba = Vec::new();
    for row in (0..dims[up]).rev() {
        for column in 0..dims[across] {
            let mut voxel = [0; 3];
            voxel[axis] = dims[axis] / 2 + 10;
            voxel[up] = row;
            voxel[across] = if across == 0 {
                dims[0] - 1 - column
            } else {
                dims[1] - 1 - column
            };
            let grey = (volume.value(voxel).unwrap() - low) / (high - low);
            let grey = grey.clamp(0.0, 1.0) * 255.0;
            let d: Vec<f64> = (0..3)
                .map(|a| voxel[a] as f64 - [125.0, 115.0, 70.0][a])
                .collect();
            let near = (-(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) / 500.0).exp();
            let far = (-((d[0] + 55.0).powi(2) + d[1] * d[1] + d[2] * d[2]) / 500.0).exp();
            let t = near - 0.7 * far;
            let Rgb(colour) = diverging(t);
            let alpha = (t.abs() * 1.6).min(0.75);
            for channel in colour {
                rgba.push((grey * (1.0 - alpha) + f64::from(channel) * alpha) as u8);
            }
            rgba.push(255);
        }
    }
    Picture::from_rgba(dims[across], dims[up], rgba).unwrap()
}

fn montage_png() -> Vec<u8> {
    let volume = demo();
    let [sagittal, coronal, axial] = [0, 1, 2].map(|axis| slice(&volume, axis));
    let letters = |left, right, top, bottom| {
        Some(EdgeLetters {
            left,
            right,
            top,
            bottom,
        })
    };
    let panels = [
        Panel {
            title: "Axial",
            note: "z 33.0 mm",
            picture: &axial,
            letters: letters('R', 'L', 'A', 'P'),
        },
        Panel {
            title: "Coronal",
            note: "y −8.0 mm",
            picture: &coronal,
            letters: letters('R', 'L', 'S', 'I'),
        },
        Panel {
            title: "Sagittal",
            note: "x 10.0 mm",
            picture: &sagittal,
            letters: letters('A', 'P', 'S', 'I'),
        },
        Panel {
            title: "3D",
            note: "from the front right",
            picture: &coronal,
            letters: None,
        },
    ];
    let legend = [
        LegendEntry {
            name: "Anterior hippocampus",
            colour: class_colour(0),
            volume_ml: 3.41,
        },
        LegendEntry {
            name: "Posterior hippocampus",
            colour: class_colour(1),
            volume_ml: 2.871,
        },
    ];
    let montage = Montage {
        title: "Why anterior hippocampus?",
        subtitle: "mni152_2009a_t1 · hippocampus model · 200 supervoxels · 1,600 evaluations",
        panels: &panels,
        colour_bar: Some(ColourBar {
            label: "SHAP value",
            unit: "change of mean probability",
            limit: 0.042,
        }),
        legend: &legend,
        sentence: "Twelve of 200 supervoxels carry 80 % of the evidence for the anterior \
                   hippocampus. Keeping only them, the network still segments it (Dice 0.91); \
                   deleting them, it does not (Dice 0.08).",
        source: "voxplain 0.1.0 · CPU (2 threads) · seed 7",
    };
    montage
        .draw(1920)
        .to_png(&[("Software", "voxplain 0.1.0")])
        .unwrap()
}

#[test]
fn the_montage_is_a_png_of_the_asked_width() {
    let bytes = montage_png();
    // For a look at it: VOXPLAIN_KEEP=folder.
    if let Some(folder) = std::env::var_os("VOXPLAIN_KEEP") {
        std::fs::write(Path::new(&folder).join("montage.png"), &bytes).unwrap();
    }
    let reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().width, 1920);
    assert!(reader.info().height > 1000);
}

fn explanation() -> Explanation {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/mni152_2009a_t1.nii.gz");
    Explanation {
        schema_version: SCHEMA_VERSION,
        program_version: "0.1.0".into(),
        notice: RESEARCH_USE.into(),
        bundle: Bundle {
            name: "hippocampus".into(),
            weights_blake3: "00ff".repeat(16),
            description: serde_json::json!({ "merge_order": "merging" }),
        },
        inputs: vec![InputFile::describe(&path, &demo()).unwrap()],
        region_mm: WorldBox {
            min: [-40.25, -45.0, -30.0],
            max: [40.0, 10.0, 12.5],
        },
        parameters: Parameters {
            part: Some("component 1".to_owned()),
            classes: vec!["Anterior".into()],
            supervoxels: Supervoxels {
                method: "SLIC".into(),
                requested: 200,
                count: 197,
                compactness: 0.1,
            },
            baseline: "blur 10 mm".into(),
            value_function: "mean class probability".into(),
            measured: "region".into(),
            value_unit: "probability".into(),
            estimator: "antithetic permutations".into(),
            budget: 1600,
            seed: u64::MAX,
            mask_rule: Some("top:10%".into()),
        },
        device: "CPU (2 threads)".into(),
        counts: Counts {
            evaluations: 1580,
            windows: 3160,
            windows_reused: 7,
            seconds: 812.25,
        },
        classes: vec![ClassResult {
            name: "Anterior".into(),
            segmentation_ml: 3.41,
            value_empty: 0.001,
            value_full: 0.93,
            completeness_residual: -2.5e-7,
            surrogate_fit: Some(0.97),
            held_out_error: None,
            mask: Some(MaskResult {
                rule: "top:10%".into(),
                supervoxels: 20,
                volume_ml: 14.5,
                evidence_share: 0.81,
                keep_only_dice: Some(0.91),
                delete_only_dice: Some(0.08),
            }),
        }],
        notes: vec!["The scan is a <template> & not a patient.".into()],
    }
}

fn players() -> Vec<PlayerRow> {
    (1..=40)
        .map(|id| {
            let x = f64::from(id);
            PlayerRow {
                id,
                class: "Anterior, \"left\"".into(),
                volume_mm3: 1000.0 / 3.0 + x,
                centroid_mm: [x - 20.0, -0.1 * x, 1e-7 * x],
                shap_value: (x * 1.7).sin() / 30.0,
                standard_error: (id % 3 > 0).then_some(0.001 + x * 1e-5),
                share: x / 820.0,
            }
        })
        .collect()
}

#[test]
fn players_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("players.csv");
    write_players(&path, &players()).unwrap();
    let mut reader = csv::Reader::from_path(&path).unwrap();
    assert_eq!(
        reader
            .headers()
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
            .join(","),
        "id,class,volume_mm3,centroid_x_mm,centroid_y_mm,centroid_z_mm,shap_value,standard_error,share"
    );
    let mut count = 0;
    for (record, row) in reader.records().zip(players()) {
        let record = record.unwrap();
        let number = |i: usize| record[i].parse::<f64>().ok();
        assert_eq!(record[0], row.id.to_string());
        let [x, y, z] = row.centroid_mm;
        for (i, wanted) in [
            (2, row.volume_mm3),
            (3, x),
            (4, y),
            (5, z),
            (6, row.shap_value),
        ] {
            assert_eq!(number(i), Some(wanted));
        }
        assert_eq!(record[1], row.class);
        assert_eq!(number(7), row.standard_error);
        assert_eq!(number(8), Some(row.share));
        count += 1;
    }
    assert_eq!(count, 40);
}

#[test]
fn provenance_reads_back_and_names_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explanation.json");
    let explanation = explanation();
    explanation.write(&path).unwrap();
    assert_eq!(Explanation::read(&path).unwrap(), explanation);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains('/') && !text.contains(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(explanation.inputs[0].name, "mni152_2009a_t1.nii.gz");
    assert_eq!(explanation.inputs[0].blake3.len(), 64);

    let newer = text.replace("\"schema_version\": 1", "\"schema_version\": 2");
    std::fs::write(&path, newer).unwrap();
    let message = Explanation::read(&path).unwrap_err().to_string();
    assert!(message.contains("newer"), "{message}");
    std::fs::write(&path, "{").unwrap();
    let message = Explanation::read(&path).unwrap_err().to_string();
    assert!(
        !message.contains('\n') && message.ends_with("explanation.json"),
        "{message}"
    );

    let mut broken = explanation.clone();
    broken.classes[0].value_full = f64::NAN;
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        broken.write(&path),
        Err(ReportError::NotFinite { .. })
    ));
    assert!(!path.exists());
}

#[test]
fn the_page_stands_alone_and_escapes_everything() {
    let mut explanation = explanation();
    explanation.inputs[0].name = "<script>alert(1)</script>.nii".into();
    explanation.device = "\"><img src=x onerror=alert(1)>".into();
    let png = montage_png();
    let players = players();
    let section = ClassSection {
        result: &explanation.classes[0],
        picture_png: &png,
        picture_description: "Slices \" onload=\"alert(1)",
        sentence: "Twelve of 197 supervoxels carry 80 % of the evidence for <Anterior>.",
        players: &players,
    };
    let page = Page {
        title: "Why Anterior & not Posterior?",
        explanation: &explanation,
        classes: &[section],
    };
    let html = page.to_html();
    if let Some(folder) = std::env::var_os("VOXPLAIN_KEEP") {
        std::fs::write(Path::new(&folder).join("report.html"), &html).unwrap();
    }
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert_eq!(html.matches(RESEARCH_USE).count(), 2);
    assert!(!html.contains("<script") && !html.contains("<img src=x"));
    assert!(!html.contains("\" onload=\"") && html.contains("&lt;Anterior&gt;"));
    // Nothing is fetched: no address but the picture's own data.
    assert_eq!(
        html.matches("src=").count(),
        1 + html.matches("&lt;img src=").count()
    );
    assert!(html.contains("src=\"data:image/png;base64,iVBORw0KGgo"));
    // The picture's own data may spell anything.
    let (before, picture) = html.split_once("base64,").unwrap();
    let (_, after) = picture.split_once('"').unwrap();
    for text in [before, after] {
        assert!(!text.contains("http") && !text.contains("url("));
    }
    // The largest values are listed, with their interval and sense.
    assert_eq!(html.matches("class=\"track").count(), 15);
    assert!(html.contains("not known yet") && html.contains(" to +"));
    let by_size =
        |a: &&PlayerRow, b: &&PlayerRow| a.shap_value.abs().total_cmp(&b.shap_value.abs());
    let id_cell = |row: &PlayerRow| format!("<td>{}</td>", row.id);
    assert!(html.contains(&id_cell(players.iter().max_by(by_size).unwrap())));
    assert!(!html.contains(&id_cell(players.iter().min_by(by_size).unwrap())));
}
