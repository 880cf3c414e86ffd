//! The graphics device of the window: what draws the views, and what happens when it is
//! lost.

use std::sync::Arc;

use egui::mutex::RwLock;

use super::{Viewer, ViewerError, device_name};
use crate::gpu::GpuContext;
use crate::ui::layers::Layer;
use crate::ui::render::{DrawOn, RenderError, ViewRenderer};
use crate::ui::state::{Message, MessageKind};
use crate::ui::theme;

/// The device that egui draws with, and egui's own renderer on it.
pub struct Graphics {
    pub context: GpuContext,
    egui: Arc<RwLock<egui_wgpu::Renderer>>,
}

impl Graphics {
    pub fn of(state: Option<&egui_wgpu::RenderState>) -> Result<Option<Self>, ViewerError> {
        let Some(state) = state else {
            return Ok(None);
        };
        let context = GpuContext::from_parts(
            state.instance.clone(),
            state.adapter.clone(),
            state.device.clone(),
            state.queue.clone(),
        )?;
        Ok(Some(Self {
            context,
            egui: Arc::clone(&state.renderer),
        }))
    }

    /// Who draws the views: on this device, on the processor, or nobody.
    pub fn renderer(
        graphics: Option<&Self>,
        ctx: &egui::Context,
        draw_on: DrawOn,
    ) -> Result<Option<ViewRenderer>, RenderError> {
        match graphics {
            _ if draw_on == DrawOn::Cpu => ViewRenderer::on_cpu(ctx).map(Some),
            Some(graphics) => {
                let (context, egui) = (graphics.context.clone(), Arc::clone(&graphics.egui));
                ViewRenderer::new(ctx, context, egui, draw_on).map(Some)
            }
            None => Ok(None),
        }
    }
}

/// The name of what draws the views.
pub(super) fn name(graphics: Option<&Graphics>, draw_on: DrawOn) -> String {
    match graphics {
        _ if draw_on == DrawOn::Cpu => "processor".to_owned(),
        Some(graphics) => device_name(&graphics.context),
        None => "none".to_owned(),
    }
}

impl Viewer {
    /// Whether the graphics device of the views is gone.
    pub fn device_is_lost(&self) -> bool {
        let graphics = self.graphics.as_ref();
        graphics.is_some_and(|graphics| graphics.context.health().lost.is_some())
    }

    /// A lost device cannot draw the window either: ask for a new one.
    pub(super) fn watch_device(&mut self, ctx: &egui::Context) {
        if !self.wants_new_window && self.device_is_lost() {
            self.wants_new_window = true;
            self.renderer = None;
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    /// Whether the window should be opened again with this application in it.
    pub fn wants_new_window(&self) -> bool {
        self.wants_new_window
    }

    /// Moves into another window, or onto another device. Nothing of the study is lost,
    /// and what runs goes on; the network goes on on the processor if it shared the
    /// device that is gone.
    pub fn move_to(
        &mut self,
        ctx: &egui::Context,
        render_state: Option<&egui_wgpu::RenderState>,
    ) -> Result<(), ViewerError> {
        theme::apply(ctx);
        theme::choose(ctx, self.settings.theme);
        ctx.set_zoom_factor(self.settings.text_scale);
        *self.waking.write() = ctx.clone();
        self.dialogs.move_to(ctx);
        let was_lost = self.wants_new_window;
        self.wants_new_window = false;
        if was_lost {
            self.losses += 1;
            // A device that is lost again and again draws no views.
            if self.losses > 1 {
                self.draw_on = DrawOn::Cpu;
            }
        }
        self.graphics = Graphics::of(render_state)?;
        self.restart_renderer(ctx)?;
        if was_lost {
            self.message = Some(Message {
                kind: MessageKind::Note,
                text: format!(
                    "The graphics device stopped working and was started again. Nothing was lost. The views are drawn by: {}.",
                    self.view_device
                ),
            });
        }
        Ok(())
    }

    /// Starts drawing afresh and hands over everything that is shown.
    pub(super) fn restart_renderer(&mut self, ctx: &egui::Context) -> Result<(), RenderError> {
        self.renderer = None;
        self.renderer = Graphics::renderer(self.graphics.as_ref(), ctx, self.draw_on)?;
        self.view_device = name(self.graphics.as_ref(), self.draw_on);
        let Some(renderer) = &mut self.renderer else {
            return Ok(());
        };
        let facts = &self.facts;
        if let (Some(study), Some(look)) = (&facts.study, &self.look) {
            let channel = study.scan.channels.get(look.channel);
            renderer.set_scan(channel.unwrap_or(study.first_channel()));
        }
        if let Some(segmentation) = &facts.segmentation {
            renderer.set_segmentation(Some(&segmentation.labels));
        }
        if let Some(players) = &facts.players {
            renderer.set_supervoxels(Some(&players.labels));
        }
        for layer in Layer::ALL {
            if let Some(slot) = layer.slot() {
                renderer.set_labels(slot, facts.overlays.labels(layer));
            }
        }
        let second_scan = facts.overlays.second_scan.as_ref();
        renderer.set_second_scan(second_scan.map(|scan| &*scan.volume));
        self.colour_reference();
        Ok(())
    }
}
