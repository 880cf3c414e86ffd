//! How long the window's frames take while an explanation runs, without a window: the
//! real application, drawn frame by frame, on the processor or on a graphics device.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_wgpu::{RenderState, ScreenDescriptor};

use crate::engine::{ComputeOptions, DeviceChoice, assets};
use crate::gpu::device_descriptor;
use crate::ui::command::Command;
use crate::ui::state::Job;
use crate::ui::{DrawOn, Launch, Viewer};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct WindowLoad {
    pub supervoxels: usize,
    /// How long frames are counted.
    pub seconds: f64,
    /// Draw on the graphics device, whatever it is, instead of the processor.
    pub on_device: bool,
    /// Size of the window in points.
    pub size: [u16; 2],
    /// Who runs the network.
    pub network: DeviceChoice,
    pub compute: ComputeOptions,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct FrameTimes {
    pub view_device: String,
    pub supervoxels: usize,
    /// Runs of the network while frames were counted.
    pub evaluations: usize,
    /// Time that each frame took, in ms: more than the window's thread worked for it.
    pub wall_ms: Vec<f64>,
}

/// Time between frames of a common screen.
const FRAME: Duration = Duration::from_micros(16_667);

/// Longest wait for the scan to be segmented and divided.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the demonstration. The error is one line.
pub fn measure(load: &WindowLoad) -> Result<FrameTimes, String> {
    let mut screen = Screen::new(load)?;
    screen.wait("the scan is segmented", |viewer| {
        viewer.facts.segmentation.is_some() && viewer.job == Job::Idle
    })?;
    screen
        .viewer
        .send(Command::SetSupervoxelCount(load.supervoxels));
    screen.wait("the scan is divided", |viewer| {
        let players = viewer.facts.players.as_ref();
        players.is_some_and(|players| players.settings.count == load.supervoxels)
    })?;
    screen.viewer.send(Command::Explain);
    screen.wait("the explanation starts", |viewer| {
        viewer.facts.snapshot.is_some() || viewer.facts.explanation.is_some()
    })?;

    let evaluations = |viewer: &Viewer| {
        let snapshot = viewer.facts.snapshot.as_ref();
        snapshot.map_or(0, |snapshot| snapshot.evaluations)
    };
    let before = evaluations(&screen.viewer);
    let mut times = FrameTimes {
        view_device: screen.viewer.view_device().to_owned(),
        ..FrameTimes::default()
    };
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < load.seconds && screen.viewer.job == Job::Explaining {
        let wall_ms = screen.frame()?;
        times.wall_ms.push(wall_ms);
        let rest = FRAME.saturating_sub(Duration::from_secs_f64(wall_ms / 1000.0));
        std::thread::sleep(rest);
    }
    times.evaluations = evaluations(&screen.viewer).saturating_sub(before);
    let players = screen.viewer.facts.players.as_ref();
    times.supervoxels = players.map_or(0, |players| players.count);
    Ok(times)
}

/// A window that nobody sees.
struct Screen {
    ctx: egui::Context,
    viewer: Viewer,
    size: egui::Vec2,
    canvas: Option<Canvas>,
    start: Instant,
}

impl Screen {
    fn new(load: &WindowLoad) -> Result<Self, String> {
        let ctx = egui::Context::default();
        let size = egui::Vec2::from(load.size.map(f32::from));
        let canvas = load.on_device.then(|| Canvas::new(load.size)).transpose()?;
        let launch = Launch {
            scan: vec![assets::demonstration_scan().into()],
            explain_at_once: false,
            compute: load.compute,
            draw_on: if load.on_device {
                DrawOn::Device
            } else {
                DrawOn::Cpu
            },
            settings_folder: None,
            ..Launch::demonstration(load.network)
        };
        let state = canvas.as_ref().map(|canvas| &canvas.state);
        let viewer = Viewer::new(&ctx, state, launch).map_err(|error| error.to_string())?;
        Ok(Self {
            ctx,
            viewer,
            size,
            canvas,
            start: Instant::now(),
        })
    }

    fn wait(&mut self, what: &str, so: impl Fn(&Viewer) -> bool) -> Result<(), String> {
        let start = Instant::now();
        while !so(&self.viewer) {
            if start.elapsed() > PATIENCE {
                return Err(format!("waited too long until {what}"));
            }
            self.frame()?;
            std::thread::sleep(FRAME);
        }
        Ok(())
    }

    /// Draws a frame. The time that it took, in ms.
    fn frame(&mut self) -> Result<f64, String> {
        let start = Instant::now();
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, self.size)),
            time: Some(self.start.elapsed().as_secs_f64()),
            focused: true,
            ..egui::RawInput::default()
        };
        let viewer = &mut self.viewer;
        let output = self.ctx.run_ui(input, |ui| {
            let ctx = ui.ctx().clone();
            viewer.update(&ctx);
            viewer.show(ui);
        });
        let triangles = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        if let Some(canvas) = &self.canvas {
            canvas.paint(&triangles, output.textures_delta)?;
        }
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }
}

/// A texture in place of the screen.
struct Canvas {
    state: RenderState,
    view: wgpu::TextureView,
    size_px: [u32; 2],
}

impl Canvas {
    fn new(size: [u16; 2]) -> Result<Self, String> {
        let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
        setup.device_descriptor = Arc::new(device_descriptor);
        let setup = egui_wgpu::WgpuSetup::from(setup);
        let instance = pollster::block_on(setup.new_instance());
        let state = pollster::block_on(RenderState::create(
            &egui_wgpu::WgpuConfiguration {
                wgpu_setup: setup,
                ..Default::default()
            },
            &instance,
            None,
            egui_wgpu::RendererOptions::default(),
        ))
        .map_err(|error| format!("there is no graphics device to draw on: {error}"))?;
        let size_px = size.map(u32::from);
        let texture = state.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("window"),
            size: wgpu::Extent3d {
                width: size_px[0],
                height: size_px[1],
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        Ok(Self {
            view: texture.create_view(&wgpu::TextureViewDescriptor::default()),
            state,
            size_px,
        })
    }

    fn paint(
        &self,
        triangles: &[egui::ClippedPrimitive],
        mut textures: egui::TexturesDelta,
    ) -> Result<(), String> {
        let RenderState { device, queue, .. } = &self.state;
        let mut renderer = self.state.renderer.write();
        for (id, images) in textures.set.drain() {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        let screen = ScreenDescriptor {
            size_in_pixels: self.size_px,
            pixels_per_point: 1.0,
        };
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut work = renderer.update_buffers(device, queue, &mut encoder, triangles, &screen);
        {
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("window"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &self.view,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..Default::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, triangles, &screen);
        }
        work.push(encoder.finish());
        let drawn = queue.submit(work);
        for id in textures.free.drain() {
            renderer.free_texture(&id);
        }
        // A screen would take the picture now; a software adapter draws it meanwhile.
        device
            .poll(wgpu::PollType::Wait {
                submission_index: Some(drawn),
                timeout: Some(PATIENCE),
            })
            .map(|_| ())
            .map_err(|error| format!("the graphics device does not answer: {error}"))
    }
}
