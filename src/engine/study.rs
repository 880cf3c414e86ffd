//! One scan, one model and one region: what is looked at.

use std::sync::Arc;

use crate::base::colour::Rgb;
use crate::base::{Grid, VoxelBox, WorldBox};
use crate::engine::{EngineError, RegionChoice, Scan};
use crate::io::LabelNames;
use crate::model::{Bundle, ClassDescription};
use crate::volume::Volume;

/// A scan with the model that looks at it and the region it looks at.
#[derive(Debug, Clone)]
pub struct Study {
    pub scan: Arc<Scan>,
    pub bundle: Arc<Bundle>,
    /// Region in world millimetres, as asked for.
    pub region: WorldBox,
    /// The voxels of the first channel that lie in the region.
    pub part: VoxelBox,
    /// Grid of those voxels: the grid of segmentation and supervoxels.
    pub region_grid: Grid,
    /// Why this region, if the program chose it.
    pub region_note: Option<String>,
}

impl Study {
    /// Checks that scan and model fit, brings the scan's channels into the model's order
    /// and onto one grid, and settles the region.
    pub fn new(
        scan: Arc<Scan>,
        bundle: Arc<Bundle>,
        choice: RegionChoice,
    ) -> Result<Self, EngineError> {
        let description = bundle.description();
        let expected = description.channels.len();
        if scan.channels.len() != expected {
            return Err(EngineError::Channels {
                bundle: description.name.clone(),
                expected,
                names: description.channels.join(", "),
                got: scan.channels.len(),
            });
        }
        let scan = Scan::arrange(scan, &description.channels)?;
        let grid = *scan.first()?.grid();
        let (region, region_note) = match choice {
            RegionChoice::Box(region) => (region, None),
            RegionChoice::Whole => (whole_region(&grid), None),
            RegionChoice::Automatic => automatic_region(&grid, &bundle),
        };
        let part = grid.voxels_in(&region)?;
        let region_grid = grid.crop(&part)?;
        Ok(Self {
            scan,
            bundle,
            region,
            part,
            region_grid,
            region_note,
        })
    }

    /// What a user should know about scan and model, in plain words; the region has a
    /// note of its own.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.scan.warnings.clone();
        notes.extend(self.scan.channel_notes.iter().cloned());
        notes.extend(self.bundle.notes().iter().cloned());
        notes
    }

    /// The same study looking elsewhere.
    pub fn with_region(&self, region: WorldBox) -> Result<Self, EngineError> {
        Self::new(
            Arc::clone(&self.scan),
            Arc::clone(&self.bundle),
            RegionChoice::Box(region),
        )
    }

    /// The channel that is shown; a study has at least one.
    pub fn first_channel(&self) -> &Arc<Volume> {
        &self.scan.channels[0]
    }

    /// Index of a class by name, ignoring case, or by number; background is no answer.
    pub fn class_index(&self, name: &str) -> Result<usize, EngineError> {
        let classes = self.classes();
        classes
            .iter()
            .position(|class| class.name.eq_ignore_ascii_case(name))
            .or_else(|| name.parse().ok())
            .filter(|&index| self.bundle.is_foreground(index))
            .ok_or_else(|| EngineError::NoSuchClass {
                name: name.to_owned(),
                known: self
                    .foreground()
                    .filter_map(|index| classes.get(index))
                    .map(|class| class.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// The network's output classes, background included.
    pub fn classes(&self) -> &[ClassDescription] {
        &self.bundle.description().classes
    }

    /// Name of a class, or nothing for one that does not exist.
    pub fn class_name(&self, class: usize) -> &str {
        self.classes().get(class).map_or("", |class| &class.name)
    }

    /// Indices of the classes that are structures.
    pub fn foreground(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.classes().len()).filter(|&class| self.bundle.is_foreground(class))
    }

    /// Colour of each label of the segmentation, from 0; `None` for what is not drawn.
    pub fn label_colours(&self) -> Vec<Option<Rgb>> {
        let mut colours = vec![None];
        for (class, description) in self.classes().iter().enumerate() {
            let label = self.bundle.label_of_class(class);
            colours.resize(colours.len().max(label + 1), None);
            if let Some(colour) = colours.get_mut(label)
                && self.bundle.is_foreground(class)
            {
                *colour = Some(description.colour);
            }
        }
        colours
    }

    /// Name of each label of the segmentation, as written into label maps.
    pub fn label_names(&self) -> LabelNames {
        let classes = self.classes().iter().enumerate();
        classes
            .filter(|(class, _)| self.bundle.is_foreground(*class))
            .filter_map(|(class, description)| {
                let label = u16::try_from(self.bundle.label_of_class(class)).ok()?;
                Some((label, description.name.clone()))
            })
            .collect()
    }

    /// The class that a label of the segmentation stands for.
    pub fn class_of_label(&self, label: u16) -> Option<usize> {
        (0..self.classes().len())
            .find(|&class| self.bundle.label_of_class(class) == usize::from(label))
    }
}

/// The box around all voxel centres of a grid.
pub fn whole_region(grid: &Grid) -> WorldBox {
    let mut region = WorldBox::EMPTY;
    for corner in 0..8 {
        region.grow(grid.world(std::array::from_fn(|axis| {
            if corner >> axis & 1 == 0 {
                0.0
            } else {
                grid.dims()[axis] as f64 - 1.0
            }
        })));
    }
    region
}

/// A model trained on crops names a box where it is usually used. It is taken when it
/// lies inside a scan that is at least twice its size along every axis: a whole head.
fn automatic_region(grid: &Grid, bundle: &Bundle) -> (WorldBox, Option<String>) {
    let whole = whole_region(grid);
    if let Some(suggested) = &bundle.description().region_mm {
        let region = suggested.world_box();
        let inside = region
            .corners()
            .iter()
            .all(|&corner| whole.contains(corner));
        if inside && whole.size_mm().cmpge(region.size_mm() * 2.0).all() {
            let [x, y, z] =
                [0, 1, 2].map(|axis| format!("{:.0} to {:.0}", region.min[axis], region.max[axis]));
            let note = format!(
                "the model's suggested region was used: {} (x {x}, y {y}, z {z} mm)",
                suggested.name
            );
            return (region, Some(note));
        }
    }
    (whole, None)
}
