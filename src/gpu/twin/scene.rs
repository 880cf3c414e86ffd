//! A scene without a graphics device: the texels and tables a shader would read.

use std::sync::Arc;

use super::matter::Matter;
use crate::gpu::matter::{CellMap, MatterUniform};
use crate::gpu::plane_layers::{LabelSlot, PlaneFacts};
use crate::gpu::tables::{CLASS_COLOURS, PlayerEntry, palette, spread};
use crate::gpu::texels::{LabelTexels, ScanTexels};
use crate::gpu::transfer::TransferTable;
use crate::gpu::uniform::SceneFacts;
use crate::gpu::view::{ClassStyle, PlayerSample};
use crate::volume::{LabelMap, Volume};

/// The layers of a scene in main memory. Any of them may be absent. Clones share the
/// layers, so that a thread can draw a scene while another changes its own.
#[derive(Debug, Clone)]
pub struct TwinScene {
    pub(super) scan: Option<Arc<ScanTexels>>,
    pub(super) segmentation: Option<Arc<LabelTexels>>,
    pub(super) supervoxels: Option<Arc<LabelTexels>>,
    pub(super) palette: Vec<[f32; 4]>,
    pub(super) players: Vec<PlayerEntry>,
    pub(super) matter: Arc<Matter>,
    transfer: Arc<TransferTable>,
    /// Label maps that slices alone show, by slot, with their colours in one table.
    pub(super) labels: [Option<Arc<LabelTexels>>; 3],
    pub(super) second_scan: Option<Arc<ScanTexels>>,
    pub(super) label_colours: Vec<[f32; 4]>,
    colour_spans: [[u32; 2]; 3],
    styles: [Vec<ClassStyle>; 3],
}

impl Default for TwinScene {
    fn default() -> Self {
        Self {
            scan: None,
            segmentation: None,
            supervoxels: None,
            palette: palette(&[]),
            players: Vec::new(),
            matter: Arc::new(matter_of(None, &TransferTable::default())),
            transfer: Arc::default(),
            labels: [None, None, None],
            second_scan: None,
            label_colours: Vec::new(),
            colour_spans: [[0; 2]; 3],
            styles: Default::default(),
        }
    }
}

impl TwinScene {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set_scan(&mut self, scan: Option<&Volume>) {
        self.scan = scan.map(|scan| Arc::new(ScanTexels::new(scan, usize::MAX)));
        self.matter = Arc::new(matter_of(self.scan.as_deref(), &self.transfer));
    }

    /// Shows the scan in the volume by other colours and opacities.
    pub fn set_transfer(&mut self, table: &TransferTable) {
        if *self.transfer != *table {
            self.transfer = Arc::new(*table);
            self.matter = Arc::new(matter_of(self.scan.as_deref(), table));
        }
    }

    /// The share of the scan's blocks that are empty by the transfer function.
    pub fn empty_share(&self) -> f64 {
        self.matter.cells.empty_share()
    }

    pub fn set_segmentation(&mut self, labels: Option<&LabelMap>) {
        self.segmentation = labels.map(|labels| Arc::new(LabelTexels::new(labels, usize::MAX)));
    }

    pub fn set_supervoxels(&mut self, ids: Option<&LabelMap>) {
        self.supervoxels = ids.map(|ids| Arc::new(LabelTexels::new(ids, usize::MAX)));
    }

    /// Styles by label; index 0 is the background and is never drawn.
    pub fn set_classes(&mut self, classes: &[ClassStyle]) {
        self.palette = palette(classes);
    }

    /// Samples by supervoxel id minus one.
    pub fn set_players(&mut self, players: &[PlayerSample]) {
        self.players = players.iter().map(PlayerEntry::from).collect();
    }

    /// Shows a label map beside the segmentation, or none.
    pub fn set_labels(&mut self, slot: LabelSlot, labels: Option<&LabelMap>) {
        self.labels[slot.index()] =
            labels.map(|labels| Arc::new(LabelTexels::new(labels, usize::MAX)));
    }

    /// Styles of a label map's labels; index 0 is never drawn.
    pub fn set_label_colours(&mut self, slot: LabelSlot, styles: &[ClassStyle]) {
        self.styles[slot.index()] = styles.to_vec();
        (self.label_colours, self.colour_spans) = spread(&self.styles);
    }

    pub fn set_second_scan(&mut self, scan: Option<&Volume>) {
        self.second_scan = scan.map(|scan| Arc::new(ScanTexels::new(scan, usize::MAX)));
    }

    pub fn facts(&self) -> SceneFacts {
        SceneFacts {
            scan: self.scan.as_deref().map(Into::into),
            segmentation: self.segmentation.as_ref().map(|layer| layer.facts),
            supervoxels: self.supervoxels.as_ref().map(|layer| layer.facts),
            player_count: u32::try_from(self.players.len()).unwrap_or(u32::MAX),
            class_count: u32::try_from(self.palette.len() - CLASS_COLOURS).unwrap_or(u32::MAX),
            plane: PlaneFacts {
                labels: self
                    .labels
                    .each_ref()
                    .map(|map| map.as_ref().map(|map| map.facts)),
                colours: self.colour_spans,
                second_scan: self.second_scan.as_deref().map(Into::into),
            },
        }
    }
}

fn matter_of(scan: Option<&ScanTexels>, table: &TransferTable) -> Matter {
    let facts = scan.map(Into::into);
    let block = MatterUniform::new(table, facts.as_ref());
    let cells = scan.map_or_else(CellMap::default, |scan| CellMap::new(&scan.bricks, &block));
    Matter::new(block, cells)
}
