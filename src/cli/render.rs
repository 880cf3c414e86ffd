//! `voxplain render`: pictures of a scan in 3D, with its structures and its evidence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use glam::DVec3;

use super::progress::ProgressLine;
use super::study::{ModelOptions, Segmented, StudyArguments, StudyOptions};
use super::{Common, cancel_on_interrupt, check_output};
use crate::base::{CancelToken, Pace, RESEARCH_USE, WorldBox};
use crate::engine::rendering::{DrawOn, Layers, VolumePainter, annotated};
use crate::engine::{OpenOptions, Reading, RegionChoice, Scan, ScanFile};
use crate::gpu::transfer::{Preset, ScanValues};
use crate::gpu::{
    Camera, Cutaway, FRAMES, Quality, RaycastView, RegionView, StandardView, Tier, Window,
};
use crate::volume;

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// The scan: NIfTI, NRRD, MetaImage, NumPy, or a DICOM file or folder; one for each
    /// channel of the model. The first is drawn
    #[arg(required_unless_present = "channels", value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// Also draw what this model finds in the scan
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["explanation", "labels"])]
    model: Option<PathBuf>,
    /// How a weights file is used: btcv or brats21
    #[arg(long, value_name = "PRESET", requires = "model")]
    model_preset: Option<String>,
    /// A scan and the channel of the model that it is, as in T1=scan.nii.gz
    #[arg(id = "channels", long = "channel", value_name = "NAME=SCAN")]
    channels: Vec<ScanFile>,
    /// Open every so many voxels along each axis only, for scans that do not fit into memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    stride: Option<u16>,
    /// Also draw an explanation of the scan: a folder that `voxplain explain` wrote
    #[arg(long, value_name = "DIR", conflicts_with = "labels")]
    explanation: Option<PathBuf>,
    /// Class of the explanation, by name (default: the first)
    #[arg(long, value_name = "NAME", requires = "explanation")]
    class: Option<String>,
    /// Also draw a label map, on any grid and in any format that opens
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    look: LookArguments,
    #[command(flatten)]
    camera: CameraArguments,
    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x960", value_parser = size)]
    size: [u32; 2],
    /// As many pictures all around the body, named with their numbers: picture_000.png …
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3600))]
    turntable: Option<u16>,
    /// Pictures of which each is the mean: 1 is quick and grainy
    #[arg(long, value_name = "N", default_value_t = FRAMES, value_parser = clap::value_parser!(u32).range(1..=256))]
    samples: u32,
    /// What draws: a graphics card if there is one, the graphics device whatever it is, or
    /// the CPU
    #[arg(long, default_value = "auto")]
    draw_on: DrawOnArgument,
    /// Picture to write (.png)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// How the scan is drawn.
#[derive(Debug, Args)]
struct LookArguments {
    /// Colours and opacity: brain-mr, head-mr, ct-bone, ct-skin, lung, vessels, soft-tissue,
    /// mip or minip (default: what suits the scan)
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Draw the body as clear glass around structures and evidence
    #[arg(long)]
    focus: bool,
    /// Cut the body open toward the viewer at a point, x,y,z in RAS+ millimetres, or at the
    /// most relevant supervoxel with `evidence`
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true)]
    cut_away: Option<CutPlace>,
    /// Draw the scan inside a box only: x0,y0,z0,x1,y1,z1 in RAS+ millimetres
    #[arg(long, value_name = "BOX", allow_hyphen_values = true, value_parser = crop)]
    crop: Option<WorldBox>,
    /// Values that cut faces show as black and white (default: those that suit the scan)
    #[arg(long, value_name = "LOW,HIGH", allow_hyphen_values = true, value_parser = window)]
    window: Option<Window>,
    /// Opacity of structures, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    structures: Option<f32>,
    /// Opacity of the evidence, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    evidence: Option<f32>,
}

/// From where the scan is seen.
#[derive(Debug, Args)]
struct CameraArguments {
    /// anterior, posterior, left, right, superior, inferior, or YAW,PITCH in degrees: yaw
    /// grows from the front to the patient's right, pitch toward the head
    #[arg(long, value_name = "VIEW", allow_hyphen_values = true, default_value = "35,15", value_parser = side)]
    view: Side,
    /// Larger than 1 comes nearer, to the region where there is one
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    zoom: f64,
    /// Parallel rays, as in a drawing to scale
    #[arg(long)]
    orthographic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Standard(StandardView),
    /// Yaw and pitch in degrees.
    Angles(f64, f64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum CutPlace {
    Evidence,
    At(DVec3),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DrawOnArgument {
    Auto,
    Gpu,
    Cpu,
}

impl From<DrawOnArgument> for DrawOn {
    fn from(argument: DrawOnArgument) -> Self {
        match argument {
            DrawOnArgument::Auto => Self::Automatic,
            DrawOnArgument::Gpu => Self::Device,
            DrawOnArgument::Cpu => Self::Cpu,
        }
    }
}

/// Some finite numbers with commas between.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let all: Option<Vec<f64>> = text
        .split(',')
        .map(|part| part.trim().parse().ok().filter(|v: &f64| v.is_finite()))
        .collect();
    all?.try_into().ok()
}

fn side(text: &str) -> Result<Side, String> {
    let standard = StandardView::ALL
        .into_iter()
        .find(|view| view.label() == text);
    standard
        .map(Side::Standard)
        .or_else(|| numbers(text).map(|[yaw, pitch]| Side::Angles(yaw, pitch)))
        .filter(|side| !matches!(side, Side::Angles(_, pitch) if pitch.abs() > 90.0))
        .ok_or_else(|| {
            let names = StandardView::ALL.map(StandardView::label).join(", ");
            format!("write {names}, or yaw and a pitch of at most 90 degrees as in 35,15")
        })
}

impl std::str::FromStr for CutPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "evidence" {
            return Ok(Self::Evidence);
        }
        numbers(text)
            .map(|place: [f64; 3]| Self::At(place.into()))
            .ok_or_else(|| "write a point in RAS+ millimetres as x,y,z, or evidence".to_owned())
    }
}

fn crop(text: &str) -> Result<WorldBox, String> {
    let [x0, y0, z0, x1, y1, z1] =
        numbers(text).ok_or("write a box in RAS+ millimetres as x0,y0,z0,x1,y1,z1")?;
    let crop = WorldBox {
        min: [x0, y0, z0],
        max: [x1, y1, z1],
    };
    if (0..3).any(|axis| crop.min[axis] >= crop.max[axis]) {
        return Err("the box is empty: its first corner is the smaller one".to_owned());
    }
    Ok(crop)
}

fn window(text: &str) -> Result<Window, String> {
    match numbers(text) {
        Some([low, high]) if low < high => Ok(Window { low, high }),
        _ => Err("write two values, the smaller one first, as in -160,240".to_owned()),
    }
}

fn share(text: &str) -> Result<f32, String> {
    let share: Option<f32> = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a number from 0 to 1".to_owned())
}

fn size(text: &str) -> Result<[u32; 2], String> {
    /// What picture files and graphics devices hold.
    const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;
    let sides = text.split_once('x');
    sides
        .and_then(|(width, height)| Some([width.parse().ok()?, height.parse().ok()?]))
        .filter(|sides| sides.iter().all(|side| SIDES.contains(side)))
        .ok_or_else(|| {
            format!(
                "write width and height from {} to {} pixels, as in 1280x960",
                SIDES.start(),
                SIDES.end()
            )
        })
}

pub(crate) fn run(arguments: &Render, common: &Common) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments
            .out
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png")),
        "pictures are written as .png; name the output so: {}",
        arguments.out.display()
    );
    check_output(&arguments.out)?;
    let zoom = arguments.camera.zoom;
    anyhow::ensure!(
        zoom.is_finite() && zoom > 0.0,
        "the zoom must be larger than 0"
    );
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let layers = arguments.layers(common, &mut line, &cancel)?;
    line.end();
    let values = ScanValues::of(&layers.scan);
    let preset = arguments.look.preset_for(&values)?;
    let pace = Pace::start();
    let mut painter = VolumePainter::new(&layers, arguments.draw_on.into())?;
    let function = preset.function(&values);
    let function = if arguments.look.focus {
        function.as_glass()
    } else {
        function
    };
    painter.set_transfer(&function.table())?;
    let view = arguments.view(&layers)?;
    let mut pictures = Vec::new();
    for (camera, path) in arguments.frames(view.camera) {
        cancel.check()?;
        let view = frame(&view, camera);
        let picture = painter.draw(&view, arguments.samples)?;
        let title = title(&layers);
        let picture = annotated(
            picture,
            &view.camera,
            &title,
            &painter.notes,
            layers.evidence.as_ref(),
        )?;
        picture.write_png(
            &path,
            &[
                ("Software", concat!("voxplain ", env!("CARGO_PKG_VERSION"))),
                ("Comment", RESEARCH_USE),
            ],
        )?;
        pictures.push(path);
    }
    let seconds = pace.elapsed_s();
    let json = serde_json::json!({
        "pictures": pictures,
        "size": arguments.size,
        "preset": preset.name(),
        "device": painter.device,
        "notes": painter.notes,
        "seconds": seconds,
    });
    let shown = pictures.first().map(|path| path.display().to_string());
    let lines = format!(
        "{} picture(s) with {} in {seconds:.1} s on {}: {}",
        pictures.len(),
        preset.label(),
        painter.device,
        shown.unwrap_or_default()
    );
    common.print(&json, &lines);
    Ok(())
}

/// The scan's name and the structure whose evidence is shown.
fn title(layers: &Layers) -> String {
    match &layers.evidence {
        Some(evidence) => format!("{}: evidence for {}", layers.scan.name(), evidence.class),
        None => layers.scan.name().to_owned(),
    }
}

/// A view with its cut turned toward another camera.
fn frame(view: &RaycastView, camera: Camera) -> RaycastView {
    let mut view = *view;
    view.camera = camera;
    if let Some(cut) = view.cutaway {
        view.cutaway = Some(Cutaway::toward(&camera, cut.point_mm, CUT_AXES));
    }
    view
}

/// A cut goes to the left or right and to the front or back, over the whole height.
const CUT_AXES: [bool; 3] = [true, true, false];

impl LookArguments {
    fn preset_for(&self, values: &ScanValues) -> anyhow::Result<Preset> {
        let preset = self.preset.unwrap_or_else(|| Preset::for_scan(values));
        anyhow::ensure!(
            preset.applies_to(values),
            "the preset {preset} is for {}; choose one of {}",
            if values.is_hounsfield {
                "MR"
            } else {
                "CT in Hounsfield units"
            },
            Preset::ALL
                .into_iter()
                .filter(|preset| preset.applies_to(values))
                .map(Preset::name)
                .collect::<Vec<_>>()
                .join(", ")
        );
        Ok(preset)
    }
}

impl Render {
    /// What the other subcommands take; here `--preset` and `--crop` mean the picture's.
    fn options(&self) -> StudyOptions {
        StudyOptions {
            model: ModelOptions {
                preset: self.model_preset.clone(),
                merge_order: None,
            },
            channels: self.channels.clone(),
            stride: self.stride,
            crop: None,
        }
    }

    /// Opens all that is drawn.
    fn layers(
        &self,
        common: &Common,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> anyhow::Result<Layers> {
        if let Some(model) = &self.model {
            return self.segmented(model, common, line, cancel);
        }
        let files = self.options().files(&self.scans);
        let options = OpenOptions {
            stride: usize::from(self.stride.unwrap_or(1)),
            ..OpenOptions::default()
        };
        let mut reading = Reading {
            progress: &mut |p| line.show(p),
            slice: &mut |_| {},
            cancel,
        };
        let first = files.get(..1).unwrap_or_default();
        let scan = Scan::open(first, &options, &mut reading)?;
        for warning in &scan.warnings {
            line.end();
            eprintln!("note: {warning}");
        }
        let mut layers = Layers::of_scan(Arc::clone(scan.first()?));
        if let Some(folder) = &self.explanation {
            layers.add_explanation(folder, self.class.as_deref(), cancel)?;
        }
        if let Some(labels) = &self.labels {
            layers.add_labels(labels, cancel)?;
        }
        Ok(layers)
    }

    fn segmented(
        &self,
        model: &Path,
        common: &Common,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> anyhow::Result<Layers> {
        let study = StudyArguments {
            scans: self.scans.clone(),
            model: Some(model.to_owned()),
            region: RegionChoice::Automatic,
        };
        let study = study.open_with(&self.options(), line, cancel)?;
        let found = Segmented::new(study, common, line, cancel)?;
        let mut layers = Layers::of_scan(Arc::clone(found.study.first_channel()));
        layers.add_segmentation(&found.study, &found.segmentation.labels);
        Ok(layers)
    }

    /// The first picture.
    fn view(&self, layers: &Layers) -> anyhow::Result<RaycastView> {
        let grid = layers.scan.grid();
        let window = self.look.window.unwrap_or_else(|| {
            let (low, high) = volume::default_window(&layers.scan);
            Window { low, high }
        });
        let quality = Quality::at_rest(Tier::Full, grid);
        let mut view = RaycastView::of(grid, window, self.size, quality);
        match self.camera.view {
            Side::Standard(side) => view.camera.look_from(side),
            Side::Angles(yaw, pitch) => {
                view.camera.yaw = yaw.to_radians();
                view.camera.pitch = pitch.to_radians();
            }
        }
        view.camera.orthographic = self.camera.orthographic;
        view.camera.zoom(self.camera.zoom);
        // Who comes nearer wants to see what was found.
        if self.camera.zoom > 1.0
            && let Some(region) = &layers.region
        {
            view.camera.target_mm = region.center_mm();
        }
        view.overlay = layers.overlay();
        if let Some(share) = self.look.structures {
            view.overlay.segmentation_fill = share;
        }
        if let Some(share) = self.look.evidence {
            view.overlay.heatmap_opacity = share;
        }
        view.region = layers.region.map(|bounds| RegionView {
            bounds,
            clip_scan: false,
            line_opacity: 0.8,
        });
        view.crop = self.look.crop;
        if let Some(place) = self.look.cut_away {
            let place_mm = match (place, &layers.evidence) {
                (CutPlace::At(place_mm), _) => place_mm,
                (CutPlace::Evidence, Some(evidence)) => evidence.focus_mm,
                (CutPlace::Evidence, None) => {
                    anyhow::bail!("there is no evidence to cut open to; give --explanation")
                }
            };
            view.cutaway = Some(Cutaway::toward(&view.camera, place_mm, CUT_AXES));
        }
        Ok(view)
    }

    /// Cameras with the files of their pictures.
    fn frames(&self, camera: Camera) -> Vec<(Camera, PathBuf)> {
        let Some(count) = self.turntable else {
            return vec![(camera, self.out.clone())];
        };
        let stem = self.out.file_stem().unwrap_or_default().to_string_lossy();
        (0..count)
            .map(|index| {
                let mut turned = camera;
                let share = f64::from(index) / f64::from(count);
                turned.orbit(share * std::f64::consts::TAU, 0.0);
                let name = format!("{stem}_{index:03}.png");
                (turned, self.out.with_file_name(name))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_and_sizes_are_read_or_refused_with_a_reason() {
        assert_eq!(side("left"), Ok(Side::Standard(StandardView::Left)));
        assert_eq!(side("-30, 20.5"), Ok(Side::Angles(-30.0, 20.5)));
        for wrong in ["front", "1", "1,2,3", "0,91", "nan,0", ""] {
            assert!(side(wrong).unwrap_err().contains("anterior"), "{wrong}");
        }
        assert_eq!(size("640x480"), Ok([640, 480]));
        for wrong in ["640", "0x10", "640x9000", "axb", "640X480"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!("evidence".parse(), Ok(CutPlace::Evidence));
        assert_eq!(
            "1,-2,3".parse(),
            Ok(CutPlace::At(DVec3::new(1.0, -2.0, 3.0)))
        );
        assert!(crop("0,0,0,1,1,0").is_err() && crop("0,0,0,1,1,1").is_ok());
        assert!(window("5,5").is_err() && share("1.5").is_err() && share("nan").is_err());
    }
}
