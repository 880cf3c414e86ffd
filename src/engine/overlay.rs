//! Label maps and scans that are laid over an open study. They meet it by place in the
//! world alone, and are read and compared on a thread of their own, so that an
//! explanation goes on.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::scan::file_name;
use crate::base::{CancelToken, Grid};
use crate::engine::{
    ClassAgreement, EngineError, InputFile, Reference, ReferenceClasses, ReferenceFile, ScanFile,
    Segmentation, Study, Waker,
};
use crate::io::{self, Frames, LabelNames, Opened, Reading, Request};
use crate::volume::{self, LabelMap, Volume};

/// A label map has at most this many values where its file does not name them.
const MOST_LABELS: usize = 128;

/// What a file turned out to be.
#[derive(Debug, Clone)]
pub enum Overlay {
    Labels(Arc<LabelOverlay>),
    Scan(Arc<ScanOverlay>),
}

/// A label map on a grid of its own.
#[derive(Debug, Clone)]
pub struct LabelOverlay {
    pub file: ReferenceFile,
    /// What the file calls its values.
    pub names: LabelNames,
    /// The largest value.
    pub largest: u16,
    /// Volume of each value, in mL.
    pub volumes_ml: Vec<f64>,
    /// Where it lies apart from the scan, a sentence that says so.
    pub apart: Option<String>,
}

/// A scan on a grid of its own.
#[derive(Debug, Clone)]
pub struct ScanOverlay {
    pub volume: Arc<Volume>,
    /// Grey window to show it in at first.
    pub window: (f64, f64),
    pub apart: Option<String>,
}

/// How a label map meets a study.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub study: Arc<Study>,
    /// The map on the study's region, or why it cannot be brought there.
    pub reference: Result<Arc<Reference>, String>,
    /// Agreement with the segmentation, class by class; none before there is one.
    pub agreement: Vec<ClassAgreement>,
}

/// What the thread found.
#[derive(Debug, Clone)]
pub enum OverlayFound {
    Overlay(Overlay),
    Compared(Arc<Comparison>),
    Failed(String),
}

enum Wish {
    Open(Box<(ScanFile, Grid)>),
    Compare(Arc<LabelOverlay>, Arc<Study>, Option<Arc<Segmentation>>),
}

/// Reads and compares overlays. Dropping it ends the thread.
pub struct OverlayLoader {
    wishes: Option<Sender<Wish>>,
    found: Receiver<OverlayFound>,
    cancel: CancelToken,
    thread: Option<JoinHandle<()>>,
}

impl OverlayLoader {
    pub fn start(waker: Waker) -> std::io::Result<Self> {
        let (wishes, incoming) = unbounded::<Wish>();
        let (outgoing, found) = unbounded();
        let cancel = CancelToken::new();
        let token = cancel.clone();
        let thread = std::thread::Builder::new()
            .name("voxplain-overlays".into())
            .spawn(move || {
                while let Ok(wish) = incoming.recv() {
                    if outgoing.send(fulfil(wish, &token)).is_err() {
                        return;
                    }
                    waker();
                }
            })?;
        Ok(Self {
            wishes: Some(wishes),
            found,
            cancel,
            thread: Some(thread),
        })
    }

    /// Reads a file that is to lie over a scan.
    pub fn open(&self, file: ScanFile, over: &Grid) {
        self.send(Wish::Open(Box::new((file, *over))));
    }

    /// Holds a label map against a study and its segmentation, if there is one yet.
    pub fn compare(
        &self,
        overlay: &Arc<LabelOverlay>,
        study: &Arc<Study>,
        segmentation: Option<&Arc<Segmentation>>,
    ) {
        let segmentation = segmentation.map(Arc::clone);
        self.send(Wish::Compare(
            Arc::clone(overlay),
            Arc::clone(study),
            segmentation,
        ));
    }

    pub fn take(&self) -> Option<OverlayFound> {
        self.found.try_recv().ok()
    }

    fn send(&self, wish: Wish) {
        if let Some(wishes) = &self.wishes {
            // It only fails once the thread is gone, which is when the program ends.
            let _ = wishes.send(wish);
        }
    }
}

impl Drop for OverlayLoader {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn fulfil(wish: Wish, cancel: &CancelToken) -> OverlayFound {
    match wish {
        Wish::Open(asked) => match Overlay::open(&asked.0, &asked.1, cancel) {
            Ok(overlay) => OverlayFound::Overlay(overlay),
            Err(error) => OverlayFound::Failed(error.to_string()),
        },
        Wish::Compare(overlay, study, segmentation) => {
            OverlayFound::Compared(Arc::new(compare(&overlay, study, segmentation.as_deref())))
        }
    }
}

fn compare(
    overlay: &LabelOverlay,
    study: Arc<Study>,
    segmentation: Option<&Segmentation>,
) -> Comparison {
    let reference = Reference::new(&overlay.file, &study, &ReferenceClasses::default());
    let agreement = match (&reference, segmentation) {
        (Ok(reference), Some(found)) => reference.agreement(&study, found),
        _ => Ok(Vec::new()),
    };
    let (reference, agreement) = match (reference, agreement) {
        (Ok(reference), Ok(agreement)) => (Ok(Arc::new(reference)), agreement),
        (Err(error), _) | (_, Err(error)) => (Err(error.to_string()), Vec::new()),
    };
    Comparison {
        study,
        reference,
        agreement,
    }
}

impl Overlay {
    /// Opens a file, a series or one frame of a file. It is a label map if the file names
    /// labels, or if its values are few and whole numbers from 0 on; else it is a scan.
    pub fn open(file: &ScanFile, over: &Grid, cancel: &CancelToken) -> Result<Self, EngineError> {
        let request = Request {
            frames: file.frame.map_or(Frames::First, Frames::One),
            hash: true,
            ..Request::default()
        };
        let mut reading = Reading {
            progress: &mut |_| {},
            slice: &mut |_| {},
            cancel,
        };
        let opened = io::open(&file.path, &request, &mut reading)?;
        let opened = opened.into_iter().next().ok_or(EngineError::NoScan)?;
        let apart = apart(&file.path, opened.volume.grid(), over);
        match label_map(&opened) {
            Some(map) => Ok(Self::Labels(Arc::new(labels(
                &file.path, opened, map, apart,
            )?))),
            None => Ok(Self::Scan(Arc::new(ScanOverlay {
                window: volume::default_window(&opened.volume),
                volume: Arc::new(opened.volume),
                apart,
            }))),
        }
    }
}

fn labels(
    path: &Path,
    opened: Opened,
    map: LabelMap,
    apart: Option<String>,
) -> Result<LabelOverlay, EngineError> {
    let name = file_name(path);
    let hash = match opened.file_hash {
        Some(hash) => hash,
        None => io::file_hash(path)?,
    };
    let voxel_ml = map.grid().voxel_volume_mm3() / 1000.0;
    let counts = map.counts();
    let warnings = opened.warnings.iter();
    Ok(LabelOverlay {
        names: opened.label_names,
        largest: u16::try_from(counts.len().saturating_sub(1)).unwrap_or(u16::MAX),
        volumes_ml: counts.iter().map(|&n| n as f64 * voxel_ml).collect(),
        file: ReferenceFile {
            map,
            warnings: warnings.map(|w| format!("{name}: {w}")).collect(),
            input: InputFile {
                file_name: name,
                hash,
                acquisition: Vec::new(),
            },
        },
        apart,
    })
}

/// A volume as labels, if that is what it looks like.
fn label_map(opened: &Opened) -> Option<LabelMap> {
    let map = LabelMap::from_volume(&opened.volume).ok()?;
    let present = map.counts().iter().filter(|&&count| count > 0).count();
    (!opened.label_names.is_empty() || present <= MOST_LABELS).then_some(map)
}

/// A sentence where an image has no voxel in common with the scan it is laid over.
fn apart(path: &Path, own: &Grid, over: &Grid) -> Option<String> {
    let none = volume::coverage(own, over) == 0.0 && volume::coverage(over, own) == 0.0;
    none.then(|| {
        format!(
            "{} lies wholly outside the scan, so nothing of it is seen; check that both were \
             made in the same space",
            file_name(path)
        )
    })
}
