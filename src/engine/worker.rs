//! The study's worker thread and the handle that the window holds.
//!
//! All burn work of a study runs on one named thread, because burn orders work on a
//! device by thread. Wishes go down a bounded channel; facts come up another; what
//! matters only in its newest form goes through slots. Supervoxels need no network,
//! so a second thread redraws them while a slider moves.

mod evidence;
mod explain;
mod supervoxels;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::base::{CancelToken, Phase, Progress, WorldBox};
use crate::engine::evidence::{
    EvidenceReport, EvidenceSettings, Ground, KeepAndDelete, MaskWish, Runs,
};
use crate::engine::explaining::{Explanation, Snapshot};
use crate::engine::{
    Answer, Ask, Budget, Compute, Division, EarlySlice, EngineError, ExplainSettings, JobControl,
    ModelSource, OpenOptions, Players, Reading, RegionChoice, Scan, ScanFile, Segmentation, Slot,
    Study, folder, segment,
};
use crate::explain::relevance_mask::SignedMaskRule;
use crate::io::IoError;
use crate::io::dicom::SeriesSummary;
use crate::model::{Bundle, SwinUnetr};

pub use explain::SPLIT_BY_CHANNEL;

/// A wish sent to the worker, which works on one at a time, in order.
#[derive(Debug)]
enum Request {
    Open {
        scan: Vec<ScanFile>,
        model: ModelSource,
        region: RegionChoice,
    },
    MoveRegion(WorldBox),
    Explain {
        players: Arc<Players>,
        settings: ExplainSettings,
        /// Runs of the same game to go on from.
        earlier: Option<Arc<Explanation>>,
    },
    /// Answers the newest question from the finished explanation.
    Answer,
    /// Puts the mask of the newest wish to the test.
    TestMask,
    /// Gathers evidence for answers of the finished explanation.
    Evidence {
        answers: Vec<Answer>,
        settings: EvidenceSettings,
    },
    Save {
        folder: PathBuf,
        mask: SignedMaskRule,
    },
}

/// A fact, in the order in which it came about.
#[derive(Debug, Clone)]
pub enum Event {
    Opened(Arc<Study>),
    /// The network is loaded; the text names the processor that runs it.
    NetworkReady {
        device: String,
    },
    Segmented(Arc<Segmentation>),
    Players(Arc<Players>),
    ExplainStarted,
    Explained(Arc<Explanation>),
    /// What the network segments with only a mask kept, and with only it removed.
    KeptAndRemoved(Arc<KeepAndDelete>),
    /// The evidence so far: once when it begins, and after each part.
    Evidence(Arc<EvidenceReport>),
    Saved(PathBuf),
    /// A folder holds several series of images, of which one must be chosen.
    SeveralSeries {
        folder: PathBuf,
        series: Vec<String>,
        /// Channels of the model: as many series may be opened together.
        channels: usize,
    },
    /// The running job ended because it was asked to.
    Cancelled,
    /// A job failed; one line: what, why, what to do.
    Failed(String),
    /// No wish is left: the worker waits.
    Idle,
}

/// Called from any thread when there is something new to show.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Handle to the worker. Dropping it cancels what runs and ends the threads.
pub struct Engine {
    requests: Sender<(Request, JobControl)>,
    events: Receiver<Event>,
    progress: Slot<Progress>,
    early_slice: Slot<EarlySlice>,
    snapshot: Slot<Arc<Snapshot>>,
    ask: Slot<Ask>,
    masks: Slot<MaskWish>,
    /// Ends the mask test that was asked for last.
    mask_test: CancelToken,
    supervoxels: Slot<Division>,
    job: JobControl,
    threads: Vec<JoinHandle<()>>,
}

/// Wishes and facts that may wait in line; more than any sequence of clicks makes.
const QUEUE: usize = 64;

impl Engine {
    /// Starts the threads. `compute` says what runs the network.
    pub fn start(compute: Compute, waker: Waker) -> std::io::Result<Self> {
        let (requests, incoming) = bounded(QUEUE);
        let (outgoing, events) = bounded(QUEUE);
        let progress = Slot::default();
        let early_slice = Slot::default();
        let snapshot = Slot::default();
        let ask = Slot::default();
        let masks = Slot::default();
        let supervoxels: Slot<Division> = Slot::default();

        let graphics = compute.graphics().cloned();
        let mut worker = Worker {
            compute,
            events: outgoing.clone(),
            progress: progress.clone(),
            early_slice: early_slice.clone(),
            snapshot: snapshot.clone(),
            ask: ask.clone(),
            masks: masks.clone(),
            ground: None,
            runs: None,
            waker: Arc::clone(&waker),
            wanted_channels: 1,
            network: None,
            study: None,
            segmentation: None,
            explanation: None,
        };
        let study_thread = std::thread::Builder::new()
            .name("voxplain-study".into())
            .spawn(move || worker.run(&incoming))?;
        let wanted = supervoxels.clone();
        let supervoxel_thread = std::thread::Builder::new()
            .name("voxplain-supervoxels".into())
            .spawn(move || {
                supervoxels::follow_slider(graphics.as_ref(), &wanted, &outgoing, &waker)
            })?;
        Ok(Self {
            requests,
            events,
            progress,
            early_slice,
            snapshot,
            ask,
            masks,
            mask_test: CancelToken::new(),
            supervoxels,
            job: JobControl::new(),
            threads: vec![study_thread, supervoxel_thread],
        })
    }

    /// Opens a scan, one file a channel in any order, with a model; what runs for
    /// another study is cancelled.
    pub fn open(
        &mut self,
        scan: impl IntoIterator<Item = impl Into<ScanFile>>,
        model: impl Into<ModelSource>,
        region: RegionChoice,
    ) {
        self.send(Request::Open {
            scan: scan.into_iter().map(Into::into).collect(),
            model: model.into(),
            region,
        });
    }

    /// Looks elsewhere; what runs for the old region is cancelled.
    pub fn move_region(&mut self, region: WorldBox) {
        self.send(Request::MoveRegion(region));
    }

    /// Finds supervoxels; a newer wish replaces one that waits.
    pub fn find_supervoxels(&self, division: Division) {
        self.supervoxels.put(division);
    }

    /// Starts an explanation; one that runs is cancelled.
    pub fn explain(&mut self, players: Arc<Players>, settings: ExplainSettings) {
        self.send(Request::Explain {
            players,
            settings,
            earlier: None,
        });
    }

    /// Goes on with a finished explanation up to another budget; its runs count.
    pub fn go_on(&mut self, explanation: &Arc<Explanation>, budget: Budget) {
        self.send(Request::Explain {
            players: Arc::clone(&explanation.players),
            settings: ExplainSettings {
                budget,
                ..explanation.settings.clone()
            },
            earlier: Some(Arc::clone(explanation)),
        });
    }

    /// Asks another question of the explanation that runs or is finished. No run of the
    /// network is needed; the answer comes as a snapshot.
    pub fn ask(&mut self, ask: Ask) {
        self.ask.put(ask);
        let _ = self.requests.try_send((Request::Answer, JobControl::new()));
    }

    /// Writes the finished explanation of every structure into a folder, with relevance
    /// masks by a rule.
    pub fn save(&mut self, folder: PathBuf, mask: SignedMaskRule) {
        // Saving follows the job that runs instead of ending it.
        let request = Request::Save { folder, mask };
        let _ = self.requests.try_send((request, JobControl::new()));
    }

    pub fn cancel(&self) {
        self.mask_test.cancel();
        self.job.cancel();
    }

    pub fn job(&self) -> &JobControl {
        &self.job
    }

    pub fn next_event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The newest progress, if it changed since the last call.
    pub fn take_progress(&self) -> Option<Progress> {
        self.progress.take()
    }

    /// A slice of the scan that is being opened, if a newer one came since the last call.
    pub fn take_early_slice(&self) -> Option<EarlySlice> {
        self.early_slice.take()
    }

    /// The newest attribution, if it changed since the last call.
    pub fn take_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.take()
    }

    fn send(&mut self, request: Request) {
        self.cancel();
        self.job = JobControl::new();
        self.snapshot.take();
        self.ask.take();
        // Cancelled wishes are skipped at once, so the queue cannot be full for long.
        let _ = self.requests.try_send((request, self.job.clone()));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.cancel();
        self.supervoxels.close();
        let (closed, _) = bounded(1);
        self.requests = closed;
        // The worker may wait for room in the queue of facts; let it go on.
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            while self.events.try_recv().is_ok() {}
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// State of the study thread.
struct Worker {
    compute: Compute,
    events: Sender<Event>,
    progress: Slot<Progress>,
    early_slice: Slot<EarlySlice>,
    snapshot: Slot<Arc<Snapshot>>,
    ask: Slot<Ask>,
    masks: Slot<MaskWish>,
    /// Where masks are tested: the game of the newest explanation.
    ground: Option<Ground>,
    /// The runs of the newest evidence, so that none is made again.
    runs: Option<Runs>,
    waker: Waker,
    /// Channels of the model that a scan was last opened for.
    wanted_channels: usize,
    /// The loaded network with the bundle it came from.
    network: Option<(Arc<Bundle>, Arc<SwinUnetr>)>,
    study: Option<Arc<Study>>,
    segmentation: Option<Arc<Segmentation>>,
    explanation: Option<Arc<Explanation>>,
}

impl Worker {
    fn run(&mut self, requests: &Receiver<(Request, JobControl)>) {
        while let Ok((request, job)) = requests.recv() {
            let outcome = job
                .cancel_token()
                .check()
                .map_err(EngineError::from)
                .and_then(|()| self.work_safely(request, &job));
            match outcome {
                Ok(()) => {}
                Err(error) if error.is_cancelled() => self.tell(Event::Cancelled),
                Err(EngineError::Io(IoError::SeveralSeries { series, path })) => {
                    self.tell(Event::SeveralSeries {
                        folder: path.into(),
                        series: series.iter().map(SeriesSummary::label).collect(),
                        channels: self.wanted_channels,
                    });
                }
                Err(error) => self.tell(Event::Failed(error.to_string())),
            }
            if requests.is_empty() {
                self.tell(Event::Idle);
            }
        }
    }

    /// A graphics driver can make the tensor library panic. The study stays open; the
    /// network, whose state is then unknown, is loaded again when it is next needed.
    fn work_safely(&mut self, request: Request, job: &JobControl) -> Result<(), EngineError> {
        let work = std::panic::AssertUnwindSafe(|| self.work(request, job));
        std::panic::catch_unwind(work).unwrap_or_else(|panic| {
            self.network = None;
            self.runs = None;
            if let Some(ground) = &mut self.ground {
                ground.forget_network();
            }
            let why = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason given");
            Err(EngineError::Broken {
                why: why.lines().next().unwrap_or_default().to_owned(),
            })
        })
    }

    fn work(&mut self, request: Request, job: &JobControl) -> Result<(), EngineError> {
        match request {
            Request::Open {
                scan,
                model,
                region,
            } => {
                let bundle = Arc::new(Bundle::open_source(&model)?);
                self.wanted_channels = bundle.description().channels.len();
                let scan = Arc::new(self.open_scan(&scan, &bundle, job)?);
                let study = Arc::new(Study::new(scan, bundle, region)?);
                self.look_at(study, job)
            }
            Request::MoveRegion(region) => {
                let Some(study) = self.study.clone() else {
                    return Ok(());
                };
                self.look_at(Arc::new(study.with_region(region)?), job)
            }
            Request::Explain {
                players,
                settings,
                earlier,
            } => self.explain(&players, &settings, earlier.as_deref(), job),
            Request::Answer => self.answer(),
            Request::TestMask => self.test_mask(),
            Request::Evidence { answers, settings } => {
                self.gather_evidence(answers, &settings, job)
            }
            Request::Save { folder, mask } => {
                let Some(explanation) = &self.explanation else {
                    return Ok(());
                };
                self.reporter()(Progress {
                    phase: Phase::Saving,
                    done: 0,
                    total: 0,
                });
                folder::write(&explanation.complete(mask)?, &folder)?;
                self.tell(Event::Saved(folder));
                Ok(())
            }
        }
    }

    fn open_scan(
        &self,
        files: &[ScanFile],
        bundle: &Bundle,
        job: &JobControl,
    ) -> Result<Scan, EngineError> {
        let options = OpenOptions {
            channels: bundle.description().channels.len(),
            ..OpenOptions::default()
        };
        let (slot, waker) = (self.early_slice.clone(), Arc::clone(&self.waker));
        let mut reading = Reading {
            progress: &mut self.reporter(),
            slice: &mut |slice| {
                slot.put(slice);
                waker();
            },
            cancel: job.cancel_token(),
        };
        Scan::open(files, &options, &mut reading)
    }

    fn look_at(&mut self, study: Arc<Study>, job: &JobControl) -> Result<(), EngineError> {
        self.segmentation = None;
        self.explanation = None;
        self.ground = None;
        self.runs = None;
        self.study = Some(Arc::clone(&study));
        self.tell(Event::Opened(Arc::clone(&study)));
        self.segment(&study, job)?;
        Ok(())
    }

    /// The network and the segmentation of the study, made now if they are not there.
    fn segment(
        &mut self,
        study: &Arc<Study>,
        job: &JobControl,
    ) -> Result<(Arc<SwinUnetr>, Arc<Segmentation>), EngineError> {
        let network = self.load_network(&study.bundle)?;
        if let Some(known) = &self.segmentation {
            return Ok((network, Arc::clone(known)));
        }
        let mut report = self.reporter();
        let found = Arc::new(segment(study, &network, &mut report, job.cancel_token())?);
        self.segmentation = Some(Arc::clone(&found));
        self.tell(Event::Segmented(Arc::clone(&found)));
        Ok((network, found))
    }

    fn load_network(&mut self, bundle: &Arc<Bundle>) -> Result<Arc<SwinUnetr>, EngineError> {
        let known = self.network.as_ref().filter(|(known, network)| {
            !network.device().is_lost()
                && known.weights_hash() == bundle.weights_hash()
                && known.description().network == bundle.description().network
        });
        if let Some((_, network)) = known {
            return Ok(Arc::clone(network));
        }
        self.reporter()(Progress {
            phase: Phase::LoadingModel,
            done: 0,
            total: 0,
        });
        self.network = None;
        let network = Arc::new(bundle.load_network(&self.compute.device()?)?);
        self.tell(Event::NetworkReady {
            device: network.device().description(),
        });
        self.network = Some((Arc::clone(bundle), Arc::clone(&network)));
        Ok(network)
    }

    /// Facts matter: wait for room. An error means that the window is gone.
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
        (self.waker)();
    }

    fn reporter(&self) -> impl FnMut(Progress) + use<> {
        let (progress, waker) = (self.progress.clone(), Arc::clone(&self.waker));
        move |newest| {
            progress.put(newest);
            waker();
        }
    }
}
