//! The engine's worker as the window uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use voxplain::engine::evidence::KeepAndDelete;
use voxplain::engine::{
    Budget, Compute, ComputeOptions, DeviceChoice, Division, Engine, Event, ExplainSettings,
    Players, RegionChoice, Segmentation, Snapshot, Study, assets,
};
use voxplain::explain::relevance_mask::MaskRule;
use voxplain::explain::supervoxels::SupervoxelSettings;

use crate::support::adapter::adapter;
use crate::support::fixture;

/// What is given the engine to come to a fact. Facts come much sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cancelling waits for one window of the network at most.
const SOON: Duration = Duration::from_secs(5);

struct Desk {
    engine: Engine,
    wakes: Arc<AtomicUsize>,
    /// The names of the facts so far, in order.
    seen: Vec<&'static str>,
}

impl Desk {
    fn new() -> Self {
        Self::on(Compute::alone(DeviceChoice::Cpu, ComputeOptions::default()))
    }

    fn on(compute: Compute) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        let waker = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let engine = Engine::start(compute, waker).unwrap();
        Self {
            engine,
            wakes,
            seen: Vec::new(),
        }
    }

    /// The next fact.
    fn next(&mut self, patience: Duration) -> Event {
        let start = Instant::now();
        loop {
            if let Some(event) = self.engine.next_event() {
                self.seen.push(name(&event));
                return event;
            }
            assert!(start.elapsed() < patience, "{:?} and no more", self.seen);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn expect<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let event = self.next(PATIENCE);
        let name = name(&event);
        wanted(event).unwrap_or_else(|| panic!("not {name}: {:?}", self.seen))
    }

    fn expect_name(&mut self, wanted: &str) {
        self.expect(|event| (name(&event) == wanted).then_some(()));
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        let start = Instant::now();
        loop {
            if let Some(snapshot) = self.engine.take_snapshot() {
                return snapshot;
            }
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn kept_and_removed(&mut self) -> Arc<KeepAndDelete> {
        self.expect(|event| match event {
            Event::KeptAndRemoved(found) => Some(found),
            _ => None,
        })
    }

    fn failure(&mut self) -> String {
        self.expect(|event| match event {
            Event::Failed(message) => Some(message),
            _ => None,
        })
    }

    /// Opens the hippocampus and waits until it is segmented.
    fn open(&mut self) -> (Arc<Study>, Arc<Segmentation>) {
        self.engine.open(
            vec![fixture("hippocampus_001/image.nii.gz")],
            assets::demonstration_bundle(),
            RegionChoice::Whole,
        );
        let study = self.expect(|event| match event {
            Event::Opened(study) => Some(study),
            _ => None,
        });
        self.expect_name("network ready");
        let segmentation = self.expect(|event| match event {
            Event::Segmented(segmentation) => Some(segmentation),
            _ => None,
        });
        self.expect_name("idle");
        (study, segmentation)
    }

    fn players(&mut self, study: &Arc<Study>, count: usize) -> Arc<Players> {
        let settings = SupervoxelSettings {
            count,
            ..SupervoxelSettings::default()
        };
        self.engine.find_supervoxels(Division {
            study: Arc::clone(study),
            segmentation: None,
            settings,
        });
        self.expect(|event| match event {
            Event::Players(players) => Some(players),
            _ => None,
        })
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Opened(_) => "opened",
        Event::NetworkReady { .. } => "network ready",
        Event::Segmented(_) => "segmented",
        Event::Players(_) => "players",
        Event::ExplainStarted => "explain started",
        Event::Explained(_) => "explained",
        Event::KeptAndRemoved(_) => "kept and removed",
        Event::Evidence(_) => "evidence",
        Event::Saved(_) => "saved",
        Event::Cancelled => "cancelled",
        Event::Failed(_) => "failed",
        Event::SeveralSeries { .. } => "several series",
        Event::Idle => "idle",
    }
}

fn settings(budget: usize) -> ExplainSettings {
    ExplainSettings {
        class: Some(1),
        budget: Budget::Evaluations(budget),
        ..ExplainSettings::default()
    }
}

#[test]
fn a_study_goes_from_scan_to_folder_with_a_pause_and_a_cancelled_job() {
    let mut desk = Desk::new();
    let (study, segmentation) = desk.open();
    assert_eq!(segmentation.volumes_ml.len(), 3);
    assert!(desk.wakes.load(Ordering::Relaxed) >= 4);
    let players = desk.players(&study, 12);
    assert!(players.belong_to(&study));

    desk.engine.explain(Arc::clone(&players), settings(1000));
    desk.expect_name("explain started");
    let first = desk.snapshot();
    assert!(first.evaluations >= 2 && (900..=1000).contains(&first.budget));

    // A pause lets the evaluation that runs finish, and nothing after it.
    desk.engine.job().pause();
    let before = desk.engine.take_snapshot().unwrap_or(first);
    let mut last = before.evaluations;
    // On a busy machine the pair that runs may take its time.
    let start = Instant::now();
    let mut quiet = Duration::ZERO;
    while quiet < Duration::from_secs(4) {
        let from = Instant::now();
        std::thread::sleep(Duration::from_millis(100));
        quiet += from.elapsed();
        if let Some(snapshot) = desk.engine.take_snapshot() {
            last = snapshot.evaluations;
            quiet = Duration::ZERO;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "paused");
    }
    assert!(last <= before.evaluations + 4, "paused");
    desk.engine.job().resume();
    assert!(desk.snapshot().evaluations > last);

    // A paused job can be cancelled too.
    desk.engine.job().pause();
    let start = Instant::now();
    desk.engine.cancel();
    desk.expect_name("cancelled");
    desk.expect_name("idle");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(desk.engine.next_event().is_none());

    // The next job starts anew, and is not paused.
    desk.engine.explain(Arc::clone(&players), settings(6));
    desk.expect_name("explain started");
    let explanation = desk.expect(|event| match event {
        Event::Explained(explanation) => Some(explanation),
        _ => None,
    });
    desk.expect_name("idle");
    assert_eq!(explanation.log.records().len(), 6);
    let last = desk.snapshot();
    assert_eq!((last.evaluations, last.class()), (6, 1));
    let answer = explanation.answer_for_class(1).unwrap();
    assert_eq!(&answer.solution.estimate, last.estimate());
    assert!(explanation.answer_for_class(0).is_ok());
    assert!(explanation.answer_for_class(99).is_err());

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("explanation");
    desk.engine
        .save(out.clone(), MaskRule::CumulativePositive(0.8).into());
    desk.expect_name("saved");
    desk.expect_name("idle");
    assert!(out.join("report.html").is_file());
}

#[test]
fn masks_are_tested_while_an_explanation_runs_and_the_newest_wish_wins() {
    let mut desk = Desk::new();
    let (study, segmentation) = desk.open();
    let players = desk.players(&study, 12);
    let mask = |players: &Players, from: usize| -> Vec<bool> {
        (0..players.count).map(|player| player >= from).collect()
    };
    // Without an explanation there is nothing to test.
    desk.engine
        .keep_and_delete(Arc::clone(&players), mask(&players, 2));
    desk.expect_name("idle");

    desk.engine.explain(Arc::clone(&players), settings(1000));
    desk.expect_name("explain started");
    for from in 0..4 {
        desk.engine
            .keep_and_delete(Arc::clone(&players), mask(&players, from));
    }
    let found = desk.kept_and_removed();
    // An early wish may be answered before the last one comes, but the last one is last.
    let found = if found.mask == mask(&players, 3) {
        found
    } else {
        desk.kept_and_removed()
    };
    assert_eq!(found.mask, mask(&players, 3));
    assert!(desk.snapshot().evaluations >= 2, "the explanation goes on");
    desk.engine.cancel();
    desk.expect_name("cancelled");
    desk.expect_name("idle");

    // What was found before is known; the explanation that was cancelled has its game.
    for from in [3, 0] {
        desk.engine
            .keep_and_delete(Arc::clone(&players), mask(&players, from));
        let found = desk.kept_and_removed();
        assert_eq!(found.mask, mask(&players, from));
        if from == 0 {
            assert_eq!(*found.kept.labels, segmentation.labels);
        }
        desk.expect_name("idle");
    }
    // Players of another division are no answer.
    let others = desk.players(&study, 30);
    let all = vec![true; others.count];
    desk.engine.keep_and_delete(others, all);
    desk.expect_name("idle");
}

#[test]
fn a_wish_replaces_the_job_that_runs_and_failures_leave_the_worker_able() {
    let mut desk = Desk::new();
    desk.engine.open(
        vec![fixture("hippocampus_001/missing.nii.gz")],
        assets::demonstration_bundle(),
        RegionChoice::Whole,
    );
    let why = desk.expect(|event| match event {
        Event::Failed(why) => Some(why),
        _ => None,
    });
    assert!(
        why.contains("missing.nii.gz") && !why.contains('\n'),
        "{why}"
    );
    desk.expect_name("idle");

    let (study, _) = desk.open();
    let players = desk.players(&study, 12);
    desk.engine.explain(Arc::clone(&players), settings(1000));
    desk.expect_name("explain started");
    let start = Instant::now();
    desk.engine.explain(players, settings(2));
    for wanted in ["cancelled", "explain started", "explained", "idle"] {
        desk.expect_name(wanted);
    }
    assert!(start.elapsed() < 2 * SOON, "{:?}", start.elapsed());

    // A region outside the scan is refused; the study stays.
    let mut region = study.region;
    for corner in [&mut region.min, &mut region.max] {
        corner.iter_mut().for_each(|mm| *mm += 900.0);
    }
    desk.engine.move_region(region);
    desk.expect_name("failed");
    desk.expect_name("idle");
}

#[test]
fn dropping_the_engine_ends_what_runs() {
    let mut desk = Desk::new();
    let (study, _) = desk.open();
    let players = desk.players(&study, 12);
    desk.engine.explain(players, settings(1000));
    desk.expect_name("explain started");
    desk.snapshot();
    desk.engine.job().pause();
    let start = Instant::now();
    drop(desk);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

/// Where memory does not suffice, that is said, and the study is still there to look at.
#[test]
fn too_little_memory_is_a_message_and_the_study_stays_open() {
    let options = ComputeOptions {
        memory_limit: "1M".parse().unwrap(),
        ..ComputeOptions::default()
    };
    let mut desk = Desk::on(Compute::alone(DeviceChoice::Cpu, options));
    desk.engine.open(
        vec![fixture("hippocampus_001/image.nii.gz")],
        assets::demonstration_bundle(),
        RegionChoice::Whole,
    );
    let study = desk.expect(|event| match event {
        Event::Opened(study) => Some(study),
        _ => None,
    });
    desk.expect_name("network ready");
    let message = desk.failure();
    assert!(message.contains("--memory-limit"), "{message}");
    desk.expect_name("idle");
    assert!(desk.players(&study, 20).count > 10);
}

/// A graphics device that goes away while a study is open is said, and the study is still
/// there to look at.
#[test]
fn a_lost_device_is_a_message_and_the_study_stays_open() {
    let Some(graphics) = adapter() else {
        return;
    };
    let device = graphics.device.clone();
    let compute = Compute::new(DeviceChoice::Gpu, Some(graphics), ComputeOptions::default());
    let mut desk = Desk::on(compute);
    let (study, _) = desk.open();
    let players = desk.players(&study, 12);
    desk.engine
        .explain(Arc::clone(&players), ExplainSettings::default());
    desk.expect_name("explain started");
    device.destroy();
    let message = desk.failure();
    assert!(message.contains("the device is gone"), "{message}");
    desk.expect_name("idle");
    // It is not tried again on the same device.
    desk.engine.explain(players, ExplainSettings::default());
    let message = desk.failure();
    assert!(message.contains("stopped working"), "{message}");
    desk.expect_name("idle");
    assert!(desk.players(&study, 20).count > 10);
}
