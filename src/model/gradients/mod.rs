//! Gradient methods: what a value of the segmentation owes to each voxel by the network's
//! own derivative. They cross-check SHAP values and are not the program's answer.
//!
//! The value is one number made of the blended logits of the whole image. Its derivative
//! with respect to each logit has a closed form (`value`); burn carries it from the logits
//! of each window back to the window's input (`windows`). The windows' parts add up, since
//! blending is linear. The methods built on it are in `methods` and `cam`.

mod cam;
mod legendre;
mod methods;
mod value;
mod windows;

pub use cam::upsampled;
pub use methods::{GradientEffort, GradientMap, GradientMethod, GradientStudy};
pub use value::{SmoothValue, TargetValue};
pub use windows::{GradientNetwork, gradient_window_bytes};

pub use super::swin_unetr::device::plain::DecoderMap;
