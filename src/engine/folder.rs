//! The explanation folder: maps, tables, log, picture and report of one explanation.
//!
//! Every map lies on the grid of the scan's first channel with its affine, so that it
//! opens in any other viewer in the right place.

use std::path::Path;

use crate::base::{Grid, RESEARCH_USE, VoxelBox};
use crate::engine::{EngineError, Explanation, picture, reporting};
use crate::explain::relevance_mask::RelevanceMask;
use crate::explain::{Estimate, PlayerEstimate};
use crate::io;
use crate::report;
use crate::report::html::{ClassSection, Page};
use crate::volume::{self, LabelMap};

/// Name of the log of evaluations in the folder.
pub const LOG: &str = "log.voxlog";
/// How the explanation came about.
pub const PROVENANCE: &str = "explanation.json";
/// The table of supervoxels.
pub const PLAYERS: &str = "players.csv";
pub const SEGMENTATION: &str = "segmentation.nii.gz";
pub const SUPERVOXELS: &str = "supervoxels.nii.gz";

/// Makes the folder if it is not there: before the work, so that none is lost for want
/// of a place to put it.
pub fn create(folder: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(folder).map_err(|error| EngineError::Write {
        what: "into the explanation's folder",
        why: error.to_string(),
        path: folder.to_owned(),
    })
}

/// Writes everything into a folder, which is created if it is not there. Files of an
/// earlier explanation are replaced one by one; each file is whole or not there.
pub fn write(explanation: &Explanation, folder: &Path) -> Result<(), EngineError> {
    create(folder)?;
    write_maps(explanation, folder)?;
    write_log(explanation, &folder.join(LOG))?;
    write_report(explanation, folder)
}

/// Table, provenance, picture and page. The picture is of the first class; the page
/// has one for each.
fn write_report(explanation: &Explanation, folder: &Path) -> Result<(), EngineError> {
    let provenance = reporting::provenance(explanation)?;
    let mut rows = Vec::new();
    let mut sections = Vec::new();
    for explained in &explanation.classes {
        let sentence = reporting::sentence(explanation, explained)?;
        let picture = picture::draw(explanation, explained, &sentence)?;
        let png = picture.to_png(&[
            ("Software", concat!("voxplain ", env!("CARGO_PKG_VERSION"))),
            ("Comment", RESEARCH_USE),
            ("Source", &provenance.bundle.weights_blake3),
        ])?;
        rows.push(reporting::player_rows(explanation, explained));
        sections.push((sentence, png));
    }
    if let Some((_, png)) = sections.first() {
        io::atomic::write_bytes(&folder.join("picture.png"), png)?;
    }
    report::write_players(&folder.join(PLAYERS), &rows.concat())?;
    provenance.write(&folder.join(PROVENANCE))?;
    let classes: Vec<ClassSection<'_>> = provenance
        .classes
        .iter()
        .zip(&sections)
        .zip(&rows)
        .map(|((result, (sentence, png)), players)| ClassSection {
            result,
            picture_png: png,
            picture_description: sentence,
            sentence,
            players,
        })
        .collect();
    let title = format!(
        "Explanation of {}",
        explanation.study.first_channel().name()
    );
    let page = Page {
        title: &title,
        explanation: &provenance,
        classes: &classes,
    };
    Ok(page.write(&folder.join("report.html"))?)
}

/// A label map of a part of a scan as a label map of the whole scan.
pub fn on_scan_grid(
    labels: &LabelMap,
    scan_grid: &Grid,
    part: &VoxelBox,
) -> Result<LabelMap, EngineError> {
    labels
        .embed(scan_grid, part)
        .ok_or(EngineError::Grid(crate::base::GridError::OutsideScan))
}

fn write_maps(explanation: &Explanation, folder: &Path) -> Result<(), EngineError> {
    let study = &explanation.study;
    let (grid, part) = (study.first_channel().grid(), &study.part);
    let segmentation = on_scan_grid(&explanation.segmentation.labels, grid, part)?;
    io::nifti::write_labels_named(
        &folder.join(SEGMENTATION),
        &segmentation,
        &study.label_names(),
    )?;
    let supervoxels = on_scan_grid(&explanation.players.labels, grid, part)?;
    io::nifti::write_labels(&folder.join(SUPERVOXELS), &supervoxels)?;

    let frames = |value: &dyn Fn(&Estimate, usize, &PlayerEstimate) -> f32| {
        explanation
            .classes
            .iter()
            .map(|explained| {
                let estimate = &explained.solution.estimate;
                let values: Vec<f32> = estimate
                    .players
                    .iter()
                    .enumerate()
                    .map(|(player, known)| value(estimate, player, known))
                    .collect();
                on_voxels(explanation, &values)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let write_frames = |name: &str, frames: &[Vec<f32>]| {
        let frames: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        io::nifti::write_value_frames(&folder.join(name), grid, &frames)
    };
    write_frames(
        "attribution.nii.gz",
        &frames(&|_, _, known| match known.samples {
            0 => f32::NAN,
            _ => known.shap_value as f32,
        })?,
    )?;
    write_frames(
        "standard_error.nii.gz",
        &frames(&|_, _, known| known.standard_error.map_or(f32::NAN, |error| error as f32))?,
    )?;
    let masks: Vec<RelevanceMask> = explanation
        .classes
        .iter()
        .map(|explained| explanation.mask_of(&explained.solution.estimate))
        .collect::<Result<_, _>>()?;
    let mask_frames = masks
        .iter()
        .map(|mask| {
            let inside: Vec<f32> = mask
                .players
                .iter()
                .map(|&inside| f32::from(u8::from(inside)))
                .collect();
            on_voxels(explanation, &inside)
        })
        .collect::<Result<Vec<_>, _>>()?;
    write_frames("mask.nii.gz", &mask_frames)?;
    Ok(())
}

/// One value a player as a map of the whole scan: 0 where there is no player.
fn on_voxels(explanation: &Explanation, values: &[f32]) -> Result<Vec<f32>, EngineError> {
    let region: Vec<f32> = explanation
        .players
        .labels
        .labels()
        .iter()
        .map(|&label| {
            usize::from(label)
                .checked_sub(1)
                .and_then(|p| values.get(p))
                .copied()
                .unwrap_or(0.0)
        })
        .collect();
    let study = &explanation.study;
    volume::embed(&region, study.first_channel().grid(), &study.part, 0.0)
        .ok_or(EngineError::Grid(crate::base::GridError::OutsideScan))
}

fn write_log(explanation: &Explanation, path: &Path) -> Result<(), EngineError> {
    let mut bytes = Vec::with_capacity(explanation.log.byte_len());
    explanation.log.write(&mut bytes)?;
    Ok(io::atomic::write_bytes(path, &bytes)?)
}
