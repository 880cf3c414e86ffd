//! What happens between frames: facts come in, commands are carried out.

use std::sync::Arc;

use glam::DVec3;

use super::Viewer;
use crate::base::{Pace, Phase, WorldBox};
use crate::engine::{
    Budget, Division, Event, ModelSource, Part, RegionChoice, ScanFile, Study, assets,
};
use crate::gpu::Window;
use crate::ui::command::{Command, entry_of};
use crate::ui::layers::Layer;
use crate::ui::mask_rule;
use crate::ui::panes;
use crate::ui::render::ViewRenderer;
use crate::ui::state::{Job, Look, Message, MessageKind, SeriesChoice};
use crate::volume;

impl Viewer {
    /// Drains facts and carries out commands. Runs also while the window is hidden.
    pub fn update(&mut self, ctx: &egui::Context) {
        // Progress before facts: the fact that all is done comes after the last progress.
        if let Some(progress) = self.engine.take_progress()
            && self.job != Job::Explaining
        {
            self.job = Job::Working(progress);
            if self
                .pace
                .as_ref()
                .is_none_or(|(phase, _)| *phase != progress.phase)
            {
                self.pace = Some((progress.phase, Pace::start()));
            }
        }
        if let Some(slice) = self.engine.take_early_slice()
            && self.opening
        {
            self.facts.early_slice = Some(slice);
        }
        while let Some(event) = self.engine.next_event() {
            self.absorb(event);
        }
        if let Some(snapshot) = self.engine.take_snapshot()
            && (self.job == Job::Explaining || self.facts.explanation.is_some())
        {
            self.facts.take_snapshot(snapshot);
        }
        if let Some(text) = self.renderer.as_mut().and_then(ViewRenderer::take_failure) {
            self.message = Some(Message {
                kind: MessageKind::Failure,
                text,
            });
        }
        self.take_answers();
        self.take_overlays();
        self.watch_mask(ctx);
        self.watch_device(ctx);
        self.take_dropped_files(ctx);
        self.take_shortcuts(ctx);
        for command in std::mem::take(&mut self.commands) {
            // Whoever asks for what cannot be done hears why.
            let need = entry_of(&command).map(|entry| entry.need);
            if let Some(why) = need.and_then(|need| need.missing(&self.situation())) {
                self.note(why);
            } else if let Some(command) = self.carry_out_habit(ctx, command) {
                self.carry_out(command);
            }
        }
        self.remember(ctx);
    }

    fn absorb(&mut self, event: Event) {
        match event {
            Event::Opened(study) => self.show_study(study),
            Event::NetworkReady { device } => self.facts.network_device = Some(device),
            Event::Segmented(segmentation) => {
                if let Some(renderer) = &mut self.renderer {
                    renderer.set_segmentation(Some(&segmentation.labels));
                }
                self.show_notes(&segmentation.notes);
                self.facts.segmentation = Some(segmentation);
                self.compare_reference();
                if self.choices.supervoxel_method.needs_classes() {
                    self.find_supervoxels();
                }
                self.explain_if_ready();
            }
            Event::Players(players) => {
                let fits = self
                    .facts
                    .study
                    .as_ref()
                    .is_some_and(|study| players.belong_to(study));
                if fits {
                    if let Some(renderer) = &mut self.renderer {
                        renderer.set_supervoxels(Some(&players.labels));
                    }
                    self.facts.players = Some(players);
                    self.explain_if_ready();
                }
            }
            Event::ExplainStarted => self.job = Job::Explaining,
            Event::Explained(explanation) => {
                let current = self.facts.players.as_ref();
                if !current.is_some_and(|players| Arc::ptr_eq(players, &explanation.players)) {
                    return;
                }
                self.facts.explanation = Some(explanation);
                // The last of the stream may still be on its way; this is what it ends in.
                self.select_class(self.choices.class);
            }
            Event::KeptAndRemoved(found) => self.show_mask_test(found),
            Event::Evidence(report) => self.facts.evidence = Some(report),
            Event::Saved(folder) => {
                // A test of the mask may follow; saving is over.
                if matches!(self.job, Job::Working(progress) if progress.phase == Phase::Saving) {
                    self.job = Job::Idle;
                }
                let name = folder.file_name().map_or_else(
                    || folder.display().to_string(),
                    |name| name.to_string_lossy().into_owned(),
                );
                self.message = Some(Message {
                    kind: MessageKind::Note,
                    text: format!("The explanation was saved in the folder {name}."),
                });
            }
            Event::SeveralSeries {
                folder,
                series,
                channels,
            } => {
                self.explain_when_ready = false;
                self.facts.series_to_choose = Some(SeriesChoice {
                    folder,
                    series,
                    channels,
                    ticked: Vec::new(),
                });
            }
            Event::Cancelled => {
                self.history.stop_waiting();
                self.forget_dragged_region();
            }
            Event::Failed(text) => {
                self.facts.mask_test_runs = false;
                self.facts.early_slice = None;
                self.explain_when_ready = false;
                self.opening = false;
                self.history.stop_waiting();
                self.forget_dragged_region();
                self.message = Some(Message {
                    kind: MessageKind::Failure,
                    text,
                });
            }
            Event::Idle => {
                // What was reported before this is over.
                self.engine.take_progress();
                self.opening = false;
                self.job = Job::Idle;
                self.pace = None;
            }
        }
    }

    fn forget_dragged_region(&mut self) {
        if let Some(look) = &mut self.look {
            look.dragged_region = None;
        }
    }

    /// A scan is open: show it at once, before it is segmented.
    /// Adds to what is said about the study.
    fn show_notes(&mut self, notes: &[String]) {
        for note in notes {
            self.note(note);
        }
    }

    fn show_study(&mut self, study: Arc<Study>) {
        self.opening = false;
        self.facts.early_slice = None;
        self.choices.scan.clone_from(&study.scan.files);
        self.choices.model.clone_from(study.bundle.source());
        self.remember_scan();
        let same_scan = self
            .facts
            .study
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(&known.scan, &study.scan));
        self.facts.segmentation = None;
        self.facts.players = None;
        self.facts.forget_explanation();
        if !same_scan {
            let (low, high) = volume::default_window(study.first_channel());
            let mut look = Look::at(&study, Window { low, high });
            // Left and right never change sides unasked.
            look.convention = self.settings.sides.convention();
            self.history.forget();
            if let Some(before) = &self.look {
                look.interpolation = before.interpolation;
            }
            self.look = Some(look);
            if let Some(renderer) = &mut self.renderer {
                renderer.set_scan(study.first_channel());
            }
            self.message = None;
            self.show_notes(&study.notes());
        } else if let Some(renderer) = &mut self.renderer {
            renderer.forget_overlays();
        }
        if let Some(look) = &mut self.look {
            look.dragged_region = None;
            look.selected_player = None;
            if same_scan {
                look.crosshair_mm = study.region.center_mm();
                look.center_mm = [look.crosshair_mm; 3];
            }
            look.class_visible.resize(study.classes().len(), true);
        }
        if !study.bundle.is_foreground(self.choices.class) {
            self.choices.class = study.foreground().next().unwrap_or(0);
        }
        self.facts.study = Some(study);
        self.show_masked(Layer::Kept, None);
        self.show_masked(Layer::Removed, None);
        if same_scan {
            self.compare_reference();
        } else {
            self.forget_added_layers();
        }
        self.find_supervoxels();
    }

    fn find_supervoxels(&mut self) {
        let waits_for_classes =
            self.choices.supervoxel_method.needs_classes() && self.facts.segmentation.is_none();
        if let Some(study) = &self.facts.study
            && !waits_for_classes
        {
            self.engine.find_supervoxels(Division {
                study: Arc::clone(study),
                segmentation: self.facts.segmentation.clone(),
                settings: self.choices.division(),
            });
        }
    }

    fn explain_if_ready(&mut self) {
        if self.explain_when_ready
            && self.facts.segmentation.is_some()
            && self.facts.players.is_some()
        {
            self.explain_when_ready = false;
            self.commands.push(Command::Explain);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::ChooseScan => self.dialogs.choose_scan(),
            Command::ChooseScanFolder => self.dialogs.choose_scan_folder(),
            Command::ChooseModel => self.dialogs.choose_model(),
            Command::ChooseWeights { preset } => self.dialogs.choose_weights(preset),
            Command::ChooseSaveFolder => self.dialogs.choose_save_folder(),
            Command::OpenScan(paths) => {
                self.explain_when_ready &= self.facts.study.is_none();
                self.open(paths, self.choices.model.clone());
            }
            Command::OpenModel(model) => {
                if self.choices.scan.is_empty() {
                    self.choices.model = model;
                } else {
                    self.open(self.choices.scan.clone(), model);
                }
            }
            Command::OpenDemonstration => {
                self.explain_when_ready = true;
                self.open(
                    vec![assets::demonstration_scan().into()],
                    assets::demonstration_bundle().into(),
                );
            }
            Command::Save(folder) => {
                let mask = self
                    .look
                    .as_ref()
                    .map_or(mask_rule::FIRST, |look| look.mask);
                self.engine.save(folder, mask);
            }
            Command::Explain => self.explain(),
            Command::GoOn => self.go_on(),
            Command::GatherEvidence(scope) => self.gather_evidence(scope),
            Command::SelectSupervoxelMethod(method) => {
                self.choices.supervoxel_method = method;
                self.divide_again();
            }
            Command::PauseOrResume => self.pause_or_resume(),
            Command::Cancel => {
                // A key that closes a message does not also end hours of work.
                if self.message.take().is_none() {
                    self.explain_when_ready = false;
                    self.engine.cancel();
                }
            }
            Command::ShowGeometry => self.show_geometry(),
            Command::Enlarge(pane) => self.layout.toggle_enlarged(pane),
            Command::View(command) => self.change_views(command),
            Command::SelectClass(class) => self.select_class(class),
            Command::AskAbout(part) => {
                self.choices.part = part;
                self.ask();
            }
            Command::ToggleInRegion(player) => {
                self.choices.part = with_toggled(&self.choices.part, player);
                self.ask();
            }
            Command::SelectValueFunction(value_function) => {
                self.choices.value_function = value_function;
                self.ask();
            }
            Command::SetSupervoxelCount(count) => self.set_supervoxel_count(count),
            Command::MoveRegion(region) => self.move_region(region),
            Command::DismissMessage => {
                self.message = None;
                self.facts.series_to_choose = None;
            }
            other => self.change_look(other),
        }
    }

    fn change_look(&mut self, command: Command) {
        let (Some(study), Some(look)) = (&self.facts.study, &mut self.look) else {
            return;
        };
        let volume = study.first_channel();
        let grid = volume.grid();
        match command {
            Command::MoveCrosshair(to_mm) => look.move_crosshair(to_mm, grid),
            Command::Scrub(plane, steps) => {
                let step_mm = super::views::scrub_step_mm(grid, plane) * f64::from(steps);
                let mut direction = [0.0; 3];
                direction[plane.normal().index()] = step_mm;
                look.move_crosshair(look.crosshair_mm + DVec3::from(direction), grid);
            }
            Command::SetWindow { low, high }
                if low.is_finite() && high.is_finite() && low < high =>
            {
                look.window = Window { low, high };
            }
            Command::AutomaticWindow => {
                let channel = study.scan.channels.get(look.channel);
                let (low, high) = volume::default_window(channel.unwrap_or(volume));
                look.window = Window { low, high };
                look.inverted = false;
            }
            Command::ToggleMaskTest => look.test_mask = !look.test_mask,
            Command::ResetViews => {
                let fresh = Look::at(study, look.window);
                look.zoom = fresh.zoom;
                look.center_mm = fresh.center_mm;
                look.camera = fresh.camera;
                self.layout.arrange(self.layout.arrangement());
                look.crosshair_mm = fresh.crosshair_mm;
            }
            Command::CutAway => look.cut_away = !look.cut_away,
            Command::Volume(command) => panes::volume::carry_out(command, look, grid),
            _ => {}
        }
    }

    fn open(&mut self, scan: Vec<ScanFile>, model: ModelSource) {
        if scan.is_empty() {
            return;
        }
        self.facts.series_to_choose = None;
        self.facts.early_slice = None;
        self.message = None;
        self.job = Job::starting();
        self.opening = true;
        self.engine.open(scan, model, RegionChoice::Automatic);
    }

    fn move_region(&mut self, region: WorldBox) {
        if self.opening {
            return self.forget_dragged_region();
        }
        self.explain_when_ready = false;
        self.job = Job::starting();
        self.engine.move_region(region);
    }

    fn explain(&mut self) {
        let Some(players) = self.facts.players.clone() else {
            return;
        };
        if matches!(self.job, Job::Working(_)) {
            return;
        }
        // Notes about the study hold on; a failure is over when it is tried again.
        self.message = self.message.take().filter(|m| m.kind == MessageKind::Note);
        self.facts.forget_explanation();
        self.show_masked(Layer::Kept, None);
        self.show_masked(Layer::Removed, None);
        self.choices.part = Part::Whole;
        self.job = Job::Explaining;
        let settings = self.choices.settings();
        self.engine.explain(players, settings);
    }

    fn go_on(&mut self) {
        if let Some(explanation) = &self.facts.explanation
            && self.job == Job::Idle
        {
            let runs = explanation.log.records().len();
            let budget = Budget::Evaluations(runs.saturating_mul(2));
            self.engine.go_on(explanation, budget);
            self.job = Job::Explaining;
        }
    }

    fn pause_or_resume(&mut self) {
        if self.job != Job::Explaining {
            return;
        }
        let job = self.engine.job();
        if job.is_paused() {
            job.resume()
        } else {
            job.pause()
        }
    }

    /// Another class is a new estimate from the log: no run of the network.
    fn select_class(&mut self, class: usize) {
        self.choices.class = class;
        self.choices.part = Part::Whole;
        self.ask();
    }

    /// Asks what is chosen of the explanation that runs or is there.
    fn ask(&mut self) {
        if self.job == Job::Explaining || self.facts.explanation.is_some() {
            self.engine.ask(self.choices.ask());
        }
    }

    fn set_supervoxel_count(&mut self, count: usize) {
        if count == self.choices.supervoxel_count {
            return;
        }
        self.choices.supervoxel_count = count;
        self.divide_again();
    }

    fn divide_again(&mut self) {
        // Values belong to supervoxels that are about to change.
        if self.job == Job::Explaining {
            self.engine.cancel();
        }
        self.facts.forget_explanation();
        // What is shown stays until the new ones come, but cannot be explained.
        self.facts.players = None;
        self.find_supervoxels();
    }
}

/// The region of a part with a supervoxel more, or with it left out. What is left of
/// nothing is the whole structure.
fn with_toggled(part: &Part, player: usize) -> Part {
    let mut players = match part {
        Part::Players(players) => players.clone(),
        _ => Vec::new(),
    };
    match players.iter().position(|&other| other == player) {
        Some(at) => {
            players.remove(at);
        }
        None => players.push(player),
    }
    players.sort_unstable();
    if players.is_empty() {
        Part::Whole
    } else {
        Part::Players(players)
    }
}
