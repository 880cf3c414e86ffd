//! Views drawn by the shaders' CPU twins, on threads of their own.
//!
//! On a software adapter the twins are several times faster than the shaders. The
//! window never waits for a picture: it shows the last one until the next is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use egui::{ColorImage, TextureHandle, TextureId, TextureOptions};

use crate::engine::Slot;
use crate::gpu::Mean;
use crate::gpu::transfer::TransferTable;
use crate::gpu::twin::{TwinScene, render_raycast, render_slice};
use crate::gpu::{ClassStyle, LabelSlot, Picture, PlayerSample, RaycastView, SliceView};
use crate::volume::{LabelMap, Volume};

/// Draws on the CPU.
pub struct CpuPainter {
    ctx: egui::Context,
    scene: TwinScene,
    slices: [Artist; 3],
    /// Coarse pictures must not wait behind a fine one, so each has its artist.
    coarse: Artist,
    fine: Artist,
    fine_is_shown: bool,
}

impl CpuPainter {
    pub fn new(ctx: &egui::Context) -> std::io::Result<Self> {
        let artist = |name: &str| Artist::start(name, ctx);
        Ok(Self {
            scene: TwinScene::new(),
            slices: [artist("axial")?, artist("coronal")?, artist("sagittal")?],
            coarse: artist("coarse")?,
            fine: artist("fine")?,
            fine_is_shown: false,
            ctx: ctx.clone(),
        })
    }

    pub fn set_scan(&mut self, scan: &Volume) {
        self.scene.set_scan(Some(scan));
    }

    pub fn set_second_scan(&mut self, scan: Option<&Volume>) {
        self.scene.set_second_scan(scan);
    }

    pub fn set_labels(&mut self, slot: LabelSlot, labels: Option<&LabelMap>) {
        self.scene.set_labels(slot, labels);
    }

    pub fn set_label_colours(&mut self, slot: LabelSlot, styles: &[ClassStyle]) {
        self.scene.set_label_colours(slot, styles);
    }

    pub fn set_segmentation(&mut self, labels: Option<&LabelMap>) {
        self.scene.set_segmentation(labels);
    }

    pub fn set_supervoxels(&mut self, labels: Option<&LabelMap>) {
        self.scene.set_supervoxels(labels);
    }

    pub fn set_players(&mut self, players: &[PlayerSample]) {
        self.scene.set_players(players);
    }

    pub fn set_classes(&mut self, classes: &[ClassStyle]) {
        self.scene.set_classes(classes);
    }

    pub fn set_transfer(&mut self, table: &TransferTable) {
        self.scene.set_transfer(table);
    }

    pub fn draw_slice(&mut self, index: usize, view: &SliceView) {
        let (scene, view) = (self.scene.clone(), *view);
        if let Some(artist) = self.slices.get_mut(index) {
            artist.ask(once(move || render_slice(&scene, &view)));
        }
    }

    pub fn slice(&mut self, index: usize) -> Option<TextureId> {
        let artist = self.slices.get_mut(index)?;
        artist.hang(&self.ctx);
        artist.texture()
    }

    /// Draws the volume: coarsely, or finely and then better and better, until `frames`
    /// pictures are averaged.
    pub fn draw_volume(&mut self, view: &RaycastView, fine: bool, frames: u32) {
        let (scene, view) = (self.scene.clone(), *view);
        let artist = if fine {
            &mut self.fine
        } else {
            &mut self.coarse
        };
        if fine {
            let mut mean = Mean::default();
            artist.ask(move |frame| {
                let view = RaycastView { frame, ..view };
                (frame < frames).then(|| mean.with(render_raycast(&scene, &view)))
            });
        } else {
            artist.ask(once(move || render_raycast(&scene, &view)));
        }
        if !fine {
            // A fine picture of an older view must not replace this one.
            self.fine.forget();
        }
    }

    /// The volume's picture and whether it is a fine one.
    pub fn volume(&mut self) -> Option<(TextureId, bool)> {
        if self.coarse.hang(&self.ctx) {
            self.fine_is_shown = false;
        }
        if self.fine.hang(&self.ctx) {
            self.fine_is_shown = true;
        }
        let artist = if self.fine_is_shown {
            &self.fine
        } else {
            &self.coarse
        };
        artist.texture().map(|id| (id, self.fine_is_shown))
    }
}

/// Draws one picture after the other, each better than the one before, until there is
/// none left to draw.
type Draw = Box<dyn FnMut(u32) -> Option<Picture> + Send>;
type Job = (u64, Draw);

fn once(draw: impl Fn() -> Picture + Send + 'static) -> impl FnMut(u32) -> Option<Picture> + Send {
    move |frame| (frame == 0).then(&draw)
}

/// A thread that draws the newest picture it is asked for, and the texture it is in.
struct Artist {
    wanted: Slot<Job>,
    done: Slot<(u64, Picture)>,
    /// Number of the newest wish, and of the oldest that is still of interest.
    newest: u64,
    oldest: Arc<AtomicU64>,
    name: String,
    texture: Option<TextureHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Artist {
    fn start(name: &str, ctx: &egui::Context) -> std::io::Result<Self> {
        // Threads of its own, so that pictures and network share the cores evenly.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .build()
            .map_err(std::io::Error::other)?;
        let (wanted, done) = (Slot::<Job>::default(), Slot::default());
        let (jobs, pictures, waker) = (wanted.clone(), done.clone(), ctx.clone());
        let oldest = Arc::new(AtomicU64::new(0));
        let still_wanted = Arc::clone(&oldest);
        let thread = std::thread::Builder::new()
            .name(format!("voxplain-{name}"))
            .spawn(move || {
                let mut job = jobs.wait();
                while let Some((number, mut draw)) = job {
                    let mut frame = 0;
                    job = loop {
                        let Some(picture) = pool.install(|| draw(frame)) else {
                            break jobs.wait();
                        };
                        pictures.put((number, picture));
                        waker.request_repaint();
                        frame += 1;
                        if let Some(newer) = jobs.take() {
                            break Some(newer);
                        }
                        if number < still_wanted.load(Ordering::Relaxed) {
                            break jobs.wait();
                        }
                    };
                }
            })?;
        let name = name.to_owned();
        Ok(Self {
            wanted,
            done,
            newest: 0,
            oldest,
            name,
            texture: None,
            thread: Some(thread),
        })
    }

    fn ask(&mut self, draw: impl FnMut(u32) -> Option<Picture> + Send + 'static) {
        self.newest += 1;
        self.wanted.put((self.newest, Box::new(draw)));
    }

    /// Drops what has been asked for so far.
    fn forget(&mut self) {
        self.wanted.take();
        self.oldest.store(self.newest + 1, Ordering::Relaxed);
    }

    /// Puts a finished picture into the texture. Whether there was a new one.
    fn hang(&mut self, ctx: &egui::Context) -> bool {
        let Some((number, picture)) = self.done.take() else {
            return false;
        };
        if number < self.oldest.load(Ordering::Relaxed) {
            return false;
        }
        let size = picture.size_px.map(|n| n as usize);
        let image = ColorImage::from_rgba_unmultiplied(size, &picture.rgba);
        match &mut self.texture {
            Some(texture) => texture.set(image, TextureOptions::LINEAR),
            None => {
                self.texture = Some(ctx.load_texture(&self.name, image, TextureOptions::LINEAR));
            }
        }
        true
    }

    fn texture(&self) -> Option<TextureId> {
        self.texture.as_ref().map(TextureHandle::id)
    }
}

impl Drop for Artist {
    fn drop(&mut self) {
        self.oldest.store(u64::MAX, Ordering::Relaxed);
        self.wanted.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
