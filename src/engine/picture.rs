//! The overview picture of an explanation, drawn on the CPU.
//!
//! The CPU twin of the shaders draws the views, so that the same picture comes out on
//! a machine without any graphics adapter.

use glam::DVec3;

use crate::base::colour::Rgb;
use crate::base::{Convention, Plane, WorldBox, side_letter};
use crate::engine::{
    Answer, EngineError, Explanation, largest_value, mask_cut, player_samples, ranked,
};
use crate::gpu::twin::{TwinScene, render_raycast, render_slice};
use crate::gpu::{
    ClassStyle, Cutaway, Interpolation, MaskCut, OverlayStyle, PlayerSample, Quality, RaycastView,
    RegionView, ScanStyle, SliceView, Tier, Window,
};
use crate::report::Picture;
use crate::report::montage::{ColourBar, EdgeLetters, LegendEntry, Montage, Panel};
use crate::report::picture::{Align, TextStyle};
use crate::volume;

/// Size of each view in pixels, in the shape of the montage's panels.
const VIEW_PX: [u32; 2] = [704, 500];

/// Width of the whole picture.
const WIDTH_PX: usize = 1920;

/// How much more than the region a slice shows.
const SURROUNDINGS: f64 = 1.5;

/// Colours outside the scan, as in the window.
const BACKGROUND: Rgb = Rgb([6, 7, 9]);

/// Three slices through the most relevant supervoxel and the volume, with their legend.
pub fn draw(
    explanation: &Explanation,
    explained: &Answer,
    sentence: &str,
) -> Result<Picture, EngineError> {
    let study = &explanation.study;
    let scan = study.first_channel();
    let mut scene = scene(explanation, explained);
    let (low, high) = volume::default_window(scan);
    let window = Window { low, high };
    let overlay = overlay(explanation, explained)?;
    let focus_mm = focus(explanation, explained);

    let mut notes = Vec::new();
    let mut views = Vec::new();
    for plane in Plane::ALL {
        let view = slice_view(explanation, plane, focus_mm, window, overlay);
        let axis = plane.normal().index();
        notes.push(format!(
            "{} {:.1} mm",
            ["x", "y", "z"][axis],
            focus_mm.to_array()[axis]
        ));
        let letters = EdgeLetters {
            left: side_letter(-view.right),
            right: side_letter(view.right),
            top: side_letter(view.up),
            bottom: side_letter(-view.up),
        };
        views.push((
            plane.label(),
            report_picture(render_slice(&scene, &view))?,
            Some(letters),
        ));
    }
    notes.push("cut open at the slices".to_owned());
    let quality = Quality {
        scale: 1.0,
        ..Quality::at_rest(Tier::Software, scan.grid())
    };
    let mut view = RaycastView::of(scan.grid(), window, VIEW_PX, quality);
    view.overlay = overlay;
    scene.set_transfer(&ScanStyle::solid(window).table());
    view.cutaway = Some(Cutaway::toward(&view.camera, focus_mm, [true, true, false]));
    view.region = Some(RegionView {
        bounds: study.region,
        clip_scan: false,
        line_opacity: 0.8,
    });
    views.push(("3D", report_picture(render_raycast(&scene, &view))?, None));

    let panels: Vec<Panel<'_>> = views
        .iter()
        .zip(&notes)
        .map(|((title, picture, letters), note)| Panel {
            title,
            note,
            picture,
            letters: *letters,
        })
        .collect();
    let legend: Vec<LegendEntry<'_>> = study
        .foreground()
        .filter_map(|class| {
            let description = study.classes().get(class)?;
            let volume_ml = *explanation.segmentation.volumes_ml.get(class)?;
            Some(LegendEntry {
                name: &description.name,
                colour: description.colour,
                volume_ml,
            })
        })
        .collect();
    let montage = Montage {
        title: &format!(
            "Why {} in {}",
            study.class_name(explained.class),
            scan.name()
        ),
        subtitle: &format!(
            "{}, {} supervoxels, {} runs of the network",
            study.bundle.description().name,
            explanation.players.count,
            explanation.log.records().len()
        ),
        panels: &panels,
        colour_bar: Some(ColourBar {
            label: "SHAP value",
            unit: explained.question.value_function.unit(),
            limit: heat_scale(explained),
        }),
        legend: &legend,
        sentence,
        source: &format!(
            "voxplain {}, {}",
            env!("CARGO_PKG_VERSION"),
            explanation.device
        ),
    };
    Ok(montage.draw(WIDTH_PX))
}

/// Size of a picture of one masked segmentation in pixels.
const MASKED_PX: [u32; 2] = [480, 400];

/// One slice with a segmentation and the outline of a mask of supervoxels, across the
/// thinnest extent of the target and through its middle. `mask` has one entry a player.
pub fn draw_masked(
    explanation: &Explanation,
    target: &[bool],
    mask: &[bool],
    labels: &volume::LabelMap,
) -> Result<Picture, EngineError> {
    let scan = explanation.study.first_channel();
    let mut scene = TwinScene::new();
    scene.set_scan(Some(scan));
    scene.set_segmentation(Some(labels));
    scene.set_supervoxels(Some(&explanation.players.labels));
    scene.set_classes(&class_styles(explanation));
    let sample = |&inside: &bool| PlayerSample {
        value: Some(f32::from(u8::from(inside))),
        interval_half_width: Some(0.0),
    };
    scene.set_players(&mask.iter().map(sample).collect::<Vec<_>>());
    let bounds = bounds_of(explanation, target);
    let size = bounds.size_mm();
    let thinness = |plane: &Plane| size[plane.normal().index()];
    let plane = Plane::ALL
        .into_iter()
        .min_by(|a, b| thinness(a).total_cmp(&thinness(b)))
        .unwrap_or(Plane::Axial);
    let (low, high) = volume::default_window(scan);
    let overlay = OverlayStyle {
        segmentation_fill: 0.45,
        boundary_opacity: 0.0,
        heatmap_opacity: 0.0,
        mask: Some(MaskCut::above(0.5)),
        hatch_undecided: false,
        ..OverlayStyle::default()
    };
    let view = SliceView {
        size_px: MASKED_PX,
        ..slice_view(
            explanation,
            plane,
            bounds.center_mm(),
            Window { low, high },
            overlay,
        )
    };
    let scale = f64::from(VIEW_PX[0]) / f64::from(MASKED_PX[0]);
    let view = SliceView {
        mm_per_pixel: view.mm_per_pixel * scale,
        ..view
    };
    let mut picture = report_picture(render_slice(&scene, &view))?;
    write_sides(&mut picture, &view);
    Ok(picture)
}

/// The box around the target, or the region where it has no voxel.
fn bounds_of(explanation: &Explanation, target: &[bool]) -> WorldBox {
    let grid = &explanation.study.region_grid;
    let mut bounds = WorldBox::EMPTY;
    for (index, _) in target.iter().enumerate().filter(|&(_, &inside)| inside) {
        bounds.grow(grid.world(grid.position(index).map(|v| v as f64)));
    }
    if target.contains(&true) {
        bounds
    } else {
        explanation.study.region
    }
}

/// Which side of the body is where.
fn write_sides(picture: &mut Picture, view: &SliceView) {
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let style = TextStyle {
        size: 18.0,
        colour: Rgb([235, 238, 242]),
        align: Align::Centre,
        strong: true,
    };
    let places = [
        (-view.right, 14.0, height / 2.0 + 6.0),
        (view.right, width - 14.0, height / 2.0 + 6.0),
        (view.up, width / 2.0, 22.0),
        (-view.up, width / 2.0, height - 10.0),
    ];
    for (direction, x, baseline) in places {
        let letter = side_letter(direction).to_string();
        picture.text(&letter, x, baseline, &style);
    }
}

fn scene(explanation: &Explanation, explained: &Answer) -> TwinScene {
    let study = &explanation.study;
    let mut scene = TwinScene::new();
    scene.set_scan(Some(study.first_channel()));
    scene.set_segmentation(Some(&explanation.segmentation.labels));
    scene.set_supervoxels(Some(&explanation.players.labels));
    scene.set_classes(&class_styles(explanation));
    scene.set_players(&player_samples(&explained.solution.estimate));
    scene
}

/// Styles by label of the segmentation; background is not drawn.
fn class_styles(explanation: &Explanation) -> Vec<ClassStyle> {
    explanation
        .study
        .label_colours()
        .into_iter()
        .map(|colour| ClassStyle {
            colour: colour.unwrap_or(Rgb([0; 3])),
            opacity: 1.0,
            visible: colour.is_some(),
        })
        .collect()
}

fn overlay(explanation: &Explanation, explained: &Answer) -> Result<OverlayStyle, EngineError> {
    let mask = explanation.mask_of(&explained.solution.estimate)?;
    Ok(OverlayStyle {
        heat_scale: heat_scale(explained) as f32,
        mask: mask_cut(explanation.settings.mask, &mask),
        ..OverlayStyle::default()
    })
}

/// The |SHAP value| at which colours are strongest.
fn heat_scale(explained: &Answer) -> f64 {
    largest_value(&explained.solution.estimate).unwrap_or(1.0)
}

/// The middle of the most relevant supervoxel.
fn focus(explanation: &Explanation, explained: &Answer) -> DVec3 {
    ranked(&explained.solution.estimate)
        .first()
        .and_then(|&player| explanation.players.facts.get(player))
        .map_or_else(
            || explanation.study.region.center_mm(),
            |facts| DVec3::from(facts.centroid_mm),
        )
}

fn slice_view(
    explanation: &Explanation,
    plane: Plane,
    focus_mm: DVec3,
    window: Window,
    overlay: OverlayStyle,
) -> SliceView {
    let region = explanation.study.region_grid.world_bounds();
    let (right, up) = plane.screen_axes(Convention::Radiological);
    let scan = explanation.study.first_channel().grid().world_bounds();
    let size = (region.size_mm() * SURROUNDINGS).min(scan.size_mm());
    let [width, height] = VIEW_PX.map(f64::from);
    let mm_per_pixel = (size.dot(right.abs()) / width).max(size.dot(up.abs()) / height);
    let normal = right.cross(up);
    let middle = region.center_mm();
    SliceView {
        center_mm: middle - normal * (middle - focus_mm).dot(normal),
        right,
        up,
        mm_per_pixel,
        size_px: VIEW_PX,
        window,
        interpolation: Interpolation::Linear,
        overlay,
        region: Some(explanation.study.region),
        layers: crate::gpu::PlaneLayers::default(),
        dim_outside_region: 0.35,
        background: BACKGROUND,
    }
}

fn report_picture(picture: crate::gpu::Picture) -> Result<Picture, EngineError> {
    let [width, height] = picture.size_px.map(|n| n as usize);
    Picture::from_rgba(width, height, picture.rgba).ok_or(EngineError::Picture)
}
