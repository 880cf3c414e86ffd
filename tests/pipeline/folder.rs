//! The explanation folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use voxplain::base::RESEARCH_USE;
use voxplain::explain::log::{CoalitionLog, LogEnd};
use voxplain::explain::solve::{Design, Effort};
use voxplain::explain::{Coalition, Method, Question, Target, ValueFunction};
use voxplain::report::provenance::Explanation;

use crate::images::{assert_same_grid, frames, label_map, volume};
use crate::program::{FOLDER_FILES, text, voxplain};
use crate::support::fixture;

const ANTERIOR: &str = "anterior hippocampus";

/// A part of the scan that goes through the network in one window, for quick runs.
const ONE_WINDOW: &str = "1.5,1.5,1.5,32.5,50,32.5";

fn image() -> PathBuf {
    fixture("hippocampus_001/image.nii.gz")
}

/// Explains the scan into a folder and returns what was printed.
fn explain(out: &Path, more: &[&str]) -> Value {
    let image = image();
    let mut arguments = vec!["explain", text(&image), "--out", text(out), "--json"];
    arguments.extend(more);
    voxplain(&arguments).json()
}

/// The explanation that most tests look at.
struct Made {
    folder: TempDir,
    printed: Value,
}

impl Made {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempdir().unwrap();
        let settings = ["--supervoxels", "20", "--budget", "2M", "--class", ANTERIOR];
        let printed = explain(folder.path(), &settings);
        Made { folder, printed }
    })
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Equal, but for the last digit, which reading JSON may change.
fn assert_near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-14, "{a} {b}");
}

/// One row of players.csv.
#[derive(Debug, serde::Deserialize)]
struct Row {
    id: u16,
    class: String,
    volume_mm3: f64,
    centroid_x_mm: f64,
    shap_value: f64,
    standard_error: Option<f64>,
    share: f64,
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn values_sum_to_what_showing_everything_changes() {
    let class = &made().printed["classes"][0];
    assert_eq!(class["class"], ANTERIOR);
    let (full, empty) = (number(&class["value_full"]), number(&class["value_empty"]));
    let sum: f64 = numbers(&class["shap_values"]).iter().sum();
    assert!((sum - (full - empty)).abs() <= 1e-9, "{sum} {full} {empty}");
    // The network finds the hippocampus in the scan and loses it in the blurred one.
    assert!(full > 0.85 && empty < full - 0.1, "{full} {empty}");
}

#[test]
fn the_folder_holds_every_file_and_nothing_else() {
    let mut names: Vec<String> = std::fs::read_dir(made().folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, FOLDER_FILES);
}

#[test]
fn every_map_lies_where_the_scan_lies() {
    let scan = volume(&image());
    for name in [
        "attribution",
        "standard_error",
        "mask",
        "supervoxels",
        "segmentation",
    ] {
        let map = volume(&made().file(&format!("{name}.nii.gz")));
        assert_same_grid(name, map.grid(), scan.grid());
    }
}

#[test]
fn maps_are_constant_on_supervoxels_and_say_what_the_table_says() {
    let rows = rows(&made().file("players.csv"));
    let printed = numbers(&made().printed["classes"][0]["shap_values"]);
    let supervoxels = label_map(&made().file("supervoxels.nii.gz"));
    let map = |name: &str| volume(&made().file(name)).to_f32();
    let (values, errors, mask) = (
        map("attribution.nii.gz"),
        map("standard_error.nii.gz"),
        map("mask.nii.gz"),
    );
    assert_eq!(rows.len(), printed.len());
    assert_eq!(made().printed["supervoxels"], rows.len());
    let ids: Vec<u16> = rows.iter().map(|row| row.id).collect();
    assert!(ids.iter().copied().eq(1..=rows.len() as u16));

    let mut in_mask = vec![None; rows.len()];
    for (index, &label) in supervoxels.labels().iter().enumerate() {
        let Some(row) = usize::from(label).checked_sub(1).map(|p| &rows[p]) else {
            assert_eq!((values[index], mask[index]), (0.0, 0.0));
            continue;
        };
        assert_eq!(values[index], row.shap_value as f32);
        match row.standard_error {
            Some(error) => assert_eq!(errors[index], error as f32),
            None => assert!(errors[index].is_nan()),
        }
        let inside = in_mask[usize::from(label) - 1].get_or_insert(mask[index]);
        assert_eq!(*inside, mask[index]);
        assert!(mask[index] == 0.0 || mask[index] == 1.0);
    }

    let total: f64 = rows.iter().map(|row| row.shap_value.abs()).sum();
    for (row, printed) in rows.iter().zip(printed) {
        assert_eq!(row.class, ANTERIOR);
        assert_near(row.shap_value, printed);
        let volume_mm3 = 1000.0 * supervoxels.volume_ml(row.id);
        assert!((row.volume_mm3 - volume_mm3).abs() < 1e-6, "{row:?}");
        assert!((0.5..=35.5).contains(&row.centroid_x_mm), "{row:?}");
        assert!(
            (row.share - row.shap_value.abs() / total).abs() < 1e-12,
            "{row:?}"
        );
    }

    // positive:80%: the strongest supervoxels, as few as hold 80 % of the positive evidence.
    let positive: f64 = rows.iter().map(|row| row.shap_value.max(0.0)).sum();
    let chosen: Vec<f64> = rows
        .iter()
        .zip(&in_mask)
        .filter(|(_, inside)| **inside == Some(1.0))
        .map(|(row, _)| row.shap_value)
        .collect();
    let held: f64 = chosen.iter().sum();
    let least = chosen.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(
        held >= 0.8 * positive && held - least < 0.8 * positive,
        "{held} {positive}"
    );
    let written = Explanation::read(&made().file("explanation.json")).unwrap();
    let stated = written.classes[0].mask.as_ref().unwrap();
    assert_eq!(stated.supervoxels as usize, chosen.len());
    assert!((stated.evidence_share - held / positive).abs() < 1e-9);
}

#[test]
fn the_log_alone_gives_the_same_values() {
    let file = std::fs::File::open(made().file("log.voxlog")).unwrap();
    let (log, end) = CoalitionLog::read(file).unwrap();
    assert_eq!(end, LogEnd::Clean);
    assert_eq!(log.records().len(), 40);
    assert_eq!(made().printed["evaluations"], 40);
    let header = log.header();
    let class = header.classes.iter().position(|name| name == ANTERIOR);
    let question = Question {
        target: Target::Class(class.unwrap()),
        value_function: ValueFunction::SoftDice,
    };
    let (coalitions, values): (Vec<Coalition>, Vec<f64>) = log
        .records()
        .iter()
        .map(|(coalition, outcome)| {
            let value = question.evaluate(outcome, &header.sizes).unwrap();
            (coalition.clone(), value)
        })
        .unzip();
    let design = Design::new(Method::Automatic, header.players, header.seed, &coalitions);
    let solution = design.unwrap().solve(&values, Effort::Full).unwrap();
    let estimate = solution.estimate;
    let solved: Vec<f64> = estimate.players.iter().map(|p| p.shap_value).collect();
    let class = &made().printed["classes"][0];
    for (solved, printed) in solved.into_iter().zip(numbers(&class["shap_values"])) {
        assert_near(solved, printed);
    }
    assert_near(estimate.value_full, number(&class["value_full"]));
    assert_near(estimate.value_empty, number(&class["value_empty"]));
}

#[test]
fn provenance_reads_back_and_names_what_was_used() {
    let written = Explanation::read(&made().file("explanation.json")).unwrap();
    assert_eq!(written.notice, RESEARCH_USE);
    assert_eq!(written.inputs[0].name, "image.nii.gz");
    assert_eq!(
        written.inputs[0].blake3,
        voxplain::io::file_hash(&image()).unwrap()
    );
    assert_eq!(written.inputs[0].dims, [35, 51, 35]);
    let weights =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/hippocampus/weights.safetensors");
    assert_eq!(
        written.bundle.weights_blake3,
        voxplain::io::file_hash(&weights).unwrap()
    );
    assert_eq!(written.parameters.supervoxels.requested, 20);
    assert_eq!(
        made().printed["supervoxels"],
        written.parameters.supervoxels.count
    );
    assert_eq!(
        (written.parameters.budget, written.parameters.seed),
        (40, 0)
    );
    assert_eq!(written.parameters.classes, [ANTERIOR]);
    assert_eq!(written.counts.evaluations, 40);
    assert_eq!(written.counts.windows % 40, 0);
    let class = &written.classes[0];
    let printed = &made().printed["classes"][0];
    assert_near(class.value_full, number(&printed["value_full"]));
    let segmentation = label_map(&made().file("segmentation.nii.gz"));
    assert!((class.segmentation_ml - segmentation.volume_ml(1)).abs() < 1e-9);
    let text = std::fs::read_to_string(made().file("explanation.json")).unwrap();
    let folder = text.find(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(folder, None, "a path may name a person");
}

#[test]
fn report_and_picture_say_what_they_are_for() {
    let page = std::fs::read_to_string(made().file("report.html")).unwrap();
    assert!(page.contains(RESEARCH_USE) && page.contains(ANTERIOR));
    assert!(
        !page.contains("http://") && !page.contains("src=\"https"),
        "the page stands alone"
    );

    let file = std::fs::File::open(made().file("picture.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert!(frame.width >= 600 && frame.height >= 300, "{frame:?}");
    let bright = pixels.iter().filter(|&&value| value > 100).count();
    assert!(bright > pixels.len() / 50, "{bright}");
    let texts = &reader.info().uncompressed_latin1_text;
    let comment = texts.iter().find(|text| text.keyword == "Comment");
    assert_eq!(
        comment.map(|text| text.text.as_str()),
        Some(RESEARCH_USE),
        "{texts:?}"
    );
}

#[test]
fn a_seed_repeats_an_explanation_and_another_does_not() {
    let folder = tempdir().unwrap();
    let values = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        let settings = [
            "--supervoxels",
            "8",
            "--budget",
            "2M",
            "--class",
            ANTERIOR,
            "--region",
            ONE_WINDOW,
        ];
        let mut settings = settings.to_vec();
        settings.extend(["--seed", seed]);
        let printed = explain(&out, &settings);
        let map = volume(&out.join("attribution.nii.gz")).to_f32();
        (numbers(&printed["classes"][0]["shap_values"]), map)
    };
    let first = values("first", "7");
    assert_eq!(first, values("again", "7"));
    assert_ne!(first, values("other", "8"));
}

#[test]
fn every_class_is_explained_from_one_log() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("both");
    let printed = explain(
        &out,
        &[
            "--supervoxels",
            "8",
            "--budget",
            "2M",
            "--region",
            ONE_WINDOW,
        ],
    );
    let classes = printed["classes"].as_array().unwrap();
    let names: Vec<&str> = classes
        .iter()
        .map(|class| class["class"].as_str().unwrap())
        .collect();
    assert_eq!(names, [ANTERIOR, "posterior hippocampus"]);
    let players = printed["supervoxels"].as_u64().unwrap();
    assert_eq!(
        printed["evaluations"].as_u64(),
        Some(2 * players),
        "one log for both"
    );

    let scan = volume(&image());
    let supervoxels = label_map(&out.join("supervoxels.nii.gz"));
    assert!(
        supervoxels.counts()[0] > 0,
        "outside the region is no player"
    );
    let maps = frames(&out.join("attribution.nii.gz"));
    assert_eq!(maps.len(), 2);
    for (map, class) in maps.iter().zip(classes) {
        assert_same_grid("frame", map.grid(), scan.grid());
        let values = numbers(&class["shap_values"]);
        for (&found, &label) in map.to_f32().iter().zip(supervoxels.labels()) {
            let expected = usize::from(label)
                .checked_sub(1)
                .map_or(0.0, |p| values[p] as f32);
            assert_eq!(found, expected);
        }
    }
    assert_eq!(frames(&out.join("standard_error.nii.gz")).len(), 2);
    assert_eq!(frames(&out.join("mask.nii.gz")).len(), 2);
    assert_eq!(
        rows(&out.join("players.csv")).len(),
        2 * values_of(&classes[0])
    );
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(names.iter().all(|name| page.contains(name)));
}

fn values_of(class: &Value) -> usize {
    class["shap_values"].as_array().unwrap().len()
}
