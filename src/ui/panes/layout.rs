//! How the views share the window: three arrangements whose edges can be dragged, and in
//! which views change places when one is dragged onto another by its name.

use egui::{CursorIcon, Rect, Sense, Stroke, StrokeKind, Ui, Vec2};
use egui_tiles::{Grid, GridLayout, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::ui::command::Pane;
use crate::ui::theme;

/// Width of the gap between views, which is also what is dragged to resize them.
const GAP: f32 = 3.0;

/// Size of the part of a view that it is dragged by: its name.
const HANDLE: Vec2 = Vec2::new(86.0, 26.0);

/// How the views are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Arrangement {
    /// Two by two.
    #[default]
    FourUp,
    /// One large view with the others beside it.
    OneLarge,
    /// Three slices in a row, the volume below them.
    Row,
}

impl Arrangement {
    pub const ALL: [Self; 3] = [Self::FourUp, Self::OneLarge, Self::Row];

    pub fn label(self) -> &'static str {
        match self {
            Self::FourUp => "Four views",
            Self::OneLarge => "One large view",
            Self::Row => "Three in a row with 3D",
        }
    }
}

/// The views, where they are and how large. Can be written down and read again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    tree: Tree<Pane>,
    arrangement: Arrangement,
    /// The only view that is shown, if one is.
    pub enlarged: Option<Pane>,
}

impl Default for Layout {
    fn default() -> Self {
        Self::new(Arrangement::default())
    }
}

impl Layout {
    /// An arrangement as it is at first.
    pub fn new(arrangement: Arrangement) -> Self {
        let mut tiles = Tiles::default();
        let panes = Pane::ALL.map(|pane| tiles.insert_pane(pane));
        let [axial, coronal, sagittal, volume] = panes;
        let root = match arrangement {
            Arrangement::FourUp => {
                let mut grid = Grid::new(panes.to_vec());
                grid.layout = GridLayout::Columns(2);
                tiles.insert_container(grid)
            }
            Arrangement::OneLarge => {
                let others = vec![coronal, sagittal, volume];
                let column = tiles.insert_vertical_tile(others);
                let linear = Linear::new_binary(LinearDir::Horizontal, [axial, column], 0.68);
                tiles.insert_container(linear)
            }
            Arrangement::Row => {
                let row = tiles.insert_horizontal_tile(vec![axial, coronal, sagittal]);
                let linear = Linear::new_binary(LinearDir::Vertical, [row, volume], 0.5);
                tiles.insert_container(linear)
            }
        };
        Self {
            tree: Tree::new(egui::Id::unique("views"), root, tiles),
            arrangement,
            enlarged: None,
        }
    }

    /// Whether all four views are there, each once: what was read may be anything.
    pub fn is_whole(&self) -> bool {
        let panes = || self.tree.tiles.tiles().filter_map(pane_of);
        let reachable = self.tree.root().is_some_and(|root| {
            let mut found = 0;
            count_panes(&self.tree.tiles, root, &mut found, 0);
            found == Pane::ALL.len()
        });
        reachable
            && panes().count() == Pane::ALL.len()
            && Pane::ALL
                .iter()
                .all(|pane| panes().any(|other| other == *pane))
    }

    pub fn arrangement(&self) -> Arrangement {
        self.arrangement
    }

    /// Arranges the views anew, each in its first place.
    pub fn arrange(&mut self, arrangement: Arrangement) {
        *self = Self::new(arrangement);
    }

    /// Shows one view alone, or all again.
    pub fn toggle_enlarged(&mut self, pane: Pane) {
        self.enlarged = (self.enlarged != Some(pane)).then_some(pane);
    }

    /// Two views change places.
    pub fn swap(&mut self, a: Pane, b: Pane) {
        for tile in self.tree.tiles.tiles_mut() {
            if let Tile::Pane(pane) = tile {
                if *pane == a {
                    *pane = b;
                } else if *pane == b {
                    *pane = a;
                }
            }
        }
    }

    /// Draws the views that are shown, in the whole of a space.
    pub fn show(&mut self, ui: &mut Ui, space: Rect, draw: &mut dyn FnMut(&mut Ui, Pane, Rect)) {
        let builder = egui::UiBuilder::new().max_rect(space);
        if let Some(pane) = self.enlarged {
            ui.scope_builder(builder, |ui| draw(ui, pane, space));
            return;
        }
        let mut views = Views {
            draw,
            places: Vec::new(),
        };
        ui.scope_builder(builder, |ui| self.tree.ui(&mut views, ui));
        let places = views.places;
        if let Some((a, b)) = dragged(ui, &places) {
            self.swap(a, b);
        }
    }
}

fn pane_of(tile: &Tile<Pane>) -> Option<Pane> {
    match tile {
        Tile::Pane(pane) => Some(*pane),
        Tile::Container(_) => None,
    }
}

/// Panes below a tile; stops where the tiles are nested deeper than any of ours.
fn count_panes(tiles: &Tiles<Pane>, id: TileId, found: &mut usize, depth: usize) {
    match tiles.get(id) {
        Some(Tile::Pane(_)) => *found += 1,
        Some(Tile::Container(container)) if depth < 4 => {
            for child in container.children() {
                count_panes(tiles, *child, found, depth + 1);
            }
        }
        _ => {}
    }
}

/// Draws the views in their tiles and notes where they are.
struct Views<'a> {
    draw: &'a mut dyn FnMut(&mut Ui, Pane, Rect),
    places: Vec<(Pane, Rect)>,
}

impl egui_tiles::Behavior<Pane> for Views<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _: TileId, pane: &mut Pane) -> egui_tiles::UiResponse {
        let rect = ui.max_rect();
        (self.draw)(ui, *pane, rect);
        self.places.push((*pane, rect));
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        pane.label().into()
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        GAP
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn resize_stroke(&self, _: &egui::Style, state: egui_tiles::ResizeState) -> Stroke {
        match state {
            egui_tiles::ResizeState::Idle => Stroke::NONE,
            _ => Stroke::new(GAP, theme::ACCENT),
        }
    }

    fn is_tab_bar_visible(&self, _: TileId, _: &egui_tiles::Tabs) -> bool {
        false
    }
}

/// Handles at the views' names; two views that are to change places when one was dragged
/// onto the other.
fn dragged(ui: &Ui, places: &[(Pane, Rect)]) -> Option<(Pane, Pane)> {
    let mut change = None;
    for (pane, rect) in places {
        let handle = Rect::from_min_size(rect.min, HANDLE).intersect(*rect);
        let response = ui.interact(handle, ui.scope_id().with(("move", pane)), Sense::drag());
        let name = format!("Move the {} view", pane.label().to_lowercase());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
        if response.hovered() {
            ui.set_cursor_icon(CursorIcon::Grab);
        }
        let target = response
            .interact_pointer_pos()
            .and_then(|at| places.iter().find(|(_, rect)| rect.contains(at)))
            .filter(|(other, _)| other != pane);
        if response.dragged() {
            ui.set_cursor_icon(CursorIcon::Grabbing);
            let painter = ui.painter();
            let stroke = Stroke::new(2.0, theme::ACCENT);
            painter.rect_stroke(rect.shrink(1.0), 2.0, stroke, StrokeKind::Inside);
            if let Some((_, rect)) = target {
                painter.rect_filled(*rect, 2.0, theme::ACCENT.gamma_multiply(0.25));
            }
        }
        if response.drag_stopped()
            && let Some((other, _)) = target
        {
            change = Some((*pane, *other));
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrangement_holds_every_view_and_can_be_kept() {
        for arrangement in Arrangement::ALL {
            let mut layout = Layout::new(arrangement);
            assert!(layout.is_whole());
            layout.swap(Pane::Volume, Pane::ALL[0]);
            assert!(layout.is_whole());
            assert_ne!(layout, Layout::new(arrangement));
            layout.toggle_enlarged(Pane::Volume);
            let text = serde_json::to_string(&layout).unwrap();
            let again: Layout = serde_json::from_str(&text).unwrap();
            assert_eq!(again, layout);
            assert_eq!(again.arrangement(), arrangement);
            layout.toggle_enlarged(Pane::Volume);
            assert_eq!(layout.enlarged, None);
        }
    }

    #[test]
    fn a_layout_that_lacks_a_view_is_not_whole() {
        let text = serde_json::to_string(&Layout::default()).unwrap();
        let text = text.replacen("Sagittal", "Axial", 1);
        let layout: Layout = serde_json::from_str(&text).unwrap();
        assert!(!layout.is_whole());
    }
}
