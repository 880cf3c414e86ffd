//! What a bundle says about its model: `bundle.json`.

use ndarray::{Array3, ArrayView4, Axis};
use serde::{Deserialize, Serialize};

use crate::base::WorldBox;
use crate::base::colour::Rgb;
use crate::model::NetworkConfig;
use crate::model::activation::Activation;
use crate::model::preprocessing::Preprocessing;
use crate::model::windows::Inference;

/// Everything `bundle.json` says. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleDescription {
    pub name: String,
    /// Licence of the weights.
    pub licence: String,
    /// Who made the model, and from what.
    pub source: String,
    /// Name of the weights file in the bundle's folder: .safetensors, .pt or .pth.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weights: String,
    pub network: NetworkConfig,
    pub preprocessing: Preprocessing,
    pub inference: Inference,
    pub activation: Activation,
    /// What each input channel must be, for example `T1`.
    pub channels: Vec<String>,
    /// One for each output channel. With softmax the first is the background.
    pub classes: Vec<ClassDescription>,
    /// With sigmoid, the order in which structures that overlap are drawn into the
    /// label map, by their indices in `classes`: later ones cover earlier ones. Without
    /// it the most probable one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paint_order: Option<Vec<usize>>,
    /// Where to look first, if the model needs a part of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_mm: Option<SuggestedRegion>,
}

/// An output channel's structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassDescription {
    pub name: String,
    pub colour: Rgb,
    /// What stands for the class in a label map, if not the number of its channel; see
    /// [`Activation::label_of_channel`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u16>,
}

/// A box in RAS+ millimetres, in the space of the scans the model is meant for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuggestedRegion {
    pub name: String,
    pub min: [f64; 3],
    pub max: [f64; 3],
}

impl SuggestedRegion {
    pub fn world_box(&self) -> WorldBox {
        WorldBox {
            min: self.min,
            max: self.max,
        }
    }
}

impl BundleDescription {
    /// The label that stands for a class in a label map; 0 is the background.
    pub fn label_of_class(&self, class: usize) -> usize {
        self.classes
            .get(class)
            .and_then(|class| class.label)
            .map_or_else(|| self.activation.label_of_channel(class), usize::from)
    }

    /// One label a voxel from logits `[[c, x, y, z]]`. With sigmoid a structure is where
    /// its logit is above 0; where structures overlap, `paint_order` decides. The order
    /// 1, 0, 2 with labels 1, 2 and 4 is that of MONAI's BraTS channels TC, WT and ET.
    pub fn labels(&self, logits: ArrayView4<'_, f32>) -> Array3<u16> {
        let label = |class: usize| u16::try_from(self.label_of_class(class)).unwrap_or(u16::MAX);
        let Some(order) = self
            .paint_order
            .as_ref()
            .filter(|_| self.activation == Activation::Sigmoid)
        else {
            return logits.map_axis(Axis(0), |channels| {
                let channel = self.activation.channel_of_voxel(channels.iter().copied());
                channel.map_or(0, label)
            });
        };
        logits.map_axis(Axis(0), |channels| {
            let shown = order
                .iter()
                .rfind(|&&class| channels.get(class).is_some_and(|&logit| logit > 0.0));
            shown.map_or(0, |&class| label(class))
        })
    }

    /// The voxels of a class `[[x, y, z]]`, each 1 or 0. With sigmoid also those that
    /// another structure covers in [`labels`](Self::labels).
    pub fn class_voxels(&self, logits: ArrayView4<'_, f32>, class: usize) -> Array3<u16> {
        logits.map_axis(Axis(0), |channels| {
            u16::from(match self.activation {
                Activation::Softmax => {
                    self.activation.channel_of_voxel(channels.iter().copied()) == Some(class)
                }
                Activation::Sigmoid => channels.get(class).is_some_and(|&logit| logit > 0.0),
            })
        })
    }

    /// The first field that cannot be, and why.
    pub(in crate::model) fn problem(&self) -> Option<(&'static str, String)> {
        let network = &self.network;
        if self.name.trim().is_empty() {
            return Some(("name", "it is empty".into()));
        }
        if let Err(e) = network.validate() {
            return Some(("network", e.to_string()));
        }
        if let Some(why) = self.preprocessing.problem() {
            return Some(("preprocessing", why));
        }
        if let Some(why) = self.inference.problem() {
            return Some(("inference", why));
        }
        if self.channels.len() != network.in_channels {
            let why = format!(
                "it names {} channels and the network takes {}",
                self.channels.len(),
                network.in_channels
            );
            return Some(("channels", why));
        }
        if self.classes.len() != network.out_channels {
            let why = format!(
                "it names {} classes and the network has {}",
                self.classes.len(),
                network.out_channels
            );
            return Some(("classes", why));
        }
        if self.activation == Activation::Softmax && self.classes.len() < 2 {
            return Some(("classes", "softmax needs a background and one class".into()));
        }
        for (index, class) in self.classes.iter().enumerate() {
            if class.name.trim().is_empty() {
                return Some(("classes", format!("class {index} has no name")));
            }
            if self.classes[..index]
                .iter()
                .any(|other| other.name == class.name)
            {
                return Some((
                    "classes",
                    format!("two classes are called {:?}", class.name),
                ));
            }
        }
        if let Some(why) = self.label_problem() {
            return Some(("classes", why));
        }
        if let Some(order) = &self.paint_order {
            let each_once = (0..self.classes.len()).all(|class| order.contains(&class))
                && order.len() == self.classes.len();
            if self.activation != Activation::Sigmoid || !each_once {
                let why = "it needs sigmoid, and the index of each class once".into();
                return Some(("paint_order", why));
            }
        }
        if let Some(region) = &self.region_mm
            && !(0..3).all(|a| {
                let size = region.max[a] - region.min[a];
                size.is_finite() && size > 0.0
            })
        {
            return Some((
                "region_mm",
                "max must be greater than min along each axis".into(),
            ));
        }
        None
    }

    /// What is wrong with the labels, if anything: two alike, or one for the background
    /// that is not 0.
    fn label_problem(&self) -> Option<String> {
        let labels: Vec<usize> = (0..self.classes.len())
            .map(|class| self.label_of_class(class))
            .collect();
        for (class, label) in labels.iter().enumerate() {
            let background = self.activation == Activation::Softmax && class == 0;
            if (*label == 0) != background {
                return Some(format!("class {class} cannot have the label {label}"));
            }
            if labels.iter().take(class).any(|other| other == label) {
                return Some(format!("two classes have the label {label}"));
            }
        }
        None
    }
}
