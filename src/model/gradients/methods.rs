//! The methods: which derivatives are taken, and what is made of them.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array3, Array4, ArrayView4, Axis};
use rand::SeedableRng as _;
use rand::rand_core::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::{GradientNetwork, TargetValue, cam, legendre};
use crate::base::CancelToken;
use crate::model::inference::check_shape;
use crate::model::swin_unetr::device::plain::DecoderMap;
use crate::model::{ModelError, SlidingWindow};

/// How many derivatives the methods take that average over several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GradientEffort {
    /// Steps of integrated gradients, at Gauss and Legendre's nodes.
    pub steps: usize,
    /// Noisy images of SmoothGrad.
    pub noisy_images: usize,
}

impl Default for GradientEffort {
    fn default() -> Self {
        Self {
            steps: 16,
            noisy_images: 16,
        }
    }
}

/// Standard deviation of SmoothGrad's noise, as a share of the range of each channel.
const NOISE_SHARE: f32 = 0.1;

/// The map of Seg-Grad-CAM. Those further down are a handful of voxels in a small window.
const CAM_MAP: DecoderMap = DecoderMap::Quarter;

/// A way to attribute a value to voxels by derivatives. All but Grad-CAM multiply a
/// derivative with the difference of scan and baseline: what is missing when the baseline
/// takes the voxel's place, to first order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GradientMethod {
    /// The derivative at the scan (Shrikumar et al. 2016).
    Gradient,
    /// The mean derivative along the straight line from the baseline to the scan
    /// (Sundararajan et al. 2017).
    IntegratedGradients,
    /// The mean derivative at noisy copies of the scan (Smilkov et al. 2017).
    SmoothGradient,
    /// Seg-Grad-CAM (Vinogradova et al. 2020) of the decoder at a quarter of the
    /// resolution. Never negative.
    GradCam,
}

/// What a method says.
#[derive(Debug, Clone)]
pub struct GradientMap {
    pub method: GradientMethod,
    /// `[[x, y, z]]` on the model grid, all channels together. In the unit of the value
    /// for each voxel; of Grad-CAM only differences mean anything.
    pub map: Array3<f32>,
    /// The value of the scan.
    pub value_full: f64,
    /// The value of the baseline, where the method asks for it.
    pub value_empty: Option<f64>,
    /// Derivatives taken of the whole image.
    pub derivatives: usize,
}

/// What is differentiated, and where.
#[derive(Debug)]
pub struct GradientStudy<'a> {
    /// For values.
    pub windows: &'a SlidingWindow,
    /// For derivatives, of the same weights and windows.
    pub network: &'a GradientNetwork,
    pub value: &'a TargetValue,
    /// `[[channel, x, y, z]]`.
    pub image: ArrayView4<'a, f32>,
    pub baseline: ArrayView4<'a, f32>,
    /// Of the noise.
    pub seed: u64,
    pub effort: GradientEffort,
}

impl GradientMethod {
    pub const ALL: [Self; 4] = [
        Self::Gradient,
        Self::IntegratedGradients,
        Self::SmoothGradient,
        Self::GradCam,
    ];

    /// The name for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::IntegratedGradients => "integrated-gradients",
            Self::SmoothGradient => "smooth-gradient",
            Self::GradCam => "grad-cam",
        }
    }

    /// The name in words, in sentence case.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gradient => "Gradient × difference from the baseline",
            Self::IntegratedGradients => "Integrated gradients",
            Self::SmoothGradient => "SmoothGrad × difference from the baseline",
            Self::GradCam => "Seg-Grad-CAM",
        }
    }

    /// Derivatives of the whole image that it takes.
    pub fn derivatives(self, effort: GradientEffort) -> usize {
        match self {
            Self::Gradient | Self::GradCam => 1,
            Self::IntegratedGradients => effort.steps.max(1),
            Self::SmoothGradient => effort.noisy_images.max(1),
        }
    }
}

impl fmt::Display for GradientMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GradientMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|method| method.name() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no gradient method {text:?}; choose of {names}")
        })
    }
}

impl GradientMap {
    /// What the map lacks to add up to the difference that it shares out: 0 for integrated
    /// gradients with endless steps. `None` for methods that promise nothing.
    pub fn completeness_residual(&self) -> Option<f64> {
        if self.method != GradientMethod::IntegratedGradients {
            return None;
        }
        let sum: f64 = self.map.iter().map(|&value| f64::from(value)).sum();
        Some(self.value_full - self.value_empty? - sum)
    }

    /// The map's sum over each player's voxels; players are numbered from 1, 0 is none.
    pub fn sums_of_players(&self, player_of_voxel: &Array3<u16>, players: usize) -> Vec<f64> {
        let mut sums = vec![0.0; players];
        for (&value, &player) in self.map.iter().zip(player_of_voxel) {
            let sum = usize::from(player)
                .checked_sub(1)
                .and_then(|p| sums.get_mut(p));
            if let Some(sum) = sum {
                *sum += f64::from(value);
            }
        }
        sums
    }
}

impl GradientStudy<'_> {
    /// Runs a method. `progress` hears of the share done, 0 to 1, after each window.
    ///
    /// Errors: images of another size, a device failure, cancelling, which takes effect
    /// between windows.
    pub fn run(
        &self,
        method: GradientMethod,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f64),
    ) -> Result<GradientMap, ModelError> {
        check_shape("baseline", self.image.shape(), self.baseline.shape())?;
        let mut work = Work {
            study: self,
            cancel,
            progress,
            done: 0,
            total: method.derivatives(self.effort),
        };
        let (value_full, cotangent) = self.value_of(self.image, cancel)?;
        let (map, value_empty) = match method {
            GradientMethod::Gradient => {
                let derivative = work.derivative(self.image, cotangent.view())?;
                (self.times_difference(derivative), None)
            }
            GradientMethod::IntegratedGradients => {
                let derivative = self.along_the_line(&mut work)?;
                let (value_empty, _) = self.value_of(self.baseline, cancel)?;
                (self.times_difference(derivative), Some(value_empty))
            }
            GradientMethod::SmoothGradient => {
                let derivative = self.among_noise(&mut work)?;
                (self.times_difference(derivative), None)
            }
            GradientMethod::GradCam => (self.grad_cam(&mut work, cotangent.view())?, None),
        };
        Ok(GradientMap {
            method,
            map,
            value_full,
            value_empty,
            derivatives: method.derivatives(self.effort),
        })
    }

    /// The value of an image and its derivative with respect to the logits.
    fn value_of(
        &self,
        image: ArrayView4<'_, f32>,
        cancel: &CancelToken,
    ) -> Result<(f64, Array4<f32>), ModelError> {
        let logits = self.windows.logits(image, cancel, &mut |_, _| {})?;
        self.value.evaluate(logits.view())
    }

    fn along_the_line(&self, work: &mut Work<'_, '_>) -> Result<Array4<f32>, ModelError> {
        let mut mean = Array4::<f32>::zeros(self.image.raw_dim());
        for (at, weight) in legendre::nodes(self.effort.steps) {
            let at = at as f32;
            let between = &self.baseline * (1.0 - at) + &self.image * at;
            let (_, cotangent) = self.value_of(between.view(), work.cancel)?;
            let derivative = work.derivative(between.view(), cotangent.view())?;
            mean.scaled_add(weight as f32, &derivative);
        }
        Ok(mean)
    }

    fn among_noise(&self, work: &mut Work<'_, '_>) -> Result<Array4<f32>, ModelError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut mean = Array4::<f32>::zeros(self.image.raw_dim());
        let images = self.effort.noisy_images.max(1);
        for _ in 0..images {
            let mut noisy = self.image.to_owned();
            for mut channel in noisy.outer_iter_mut() {
                let (low, high) = channel
                    .iter()
                    .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| {
                        (low.min(v), high.max(v))
                    });
                let deviation = NOISE_SHARE * (high - low).max(0.0);
                channel.mapv_inplace(|v| v + deviation * standard_normal(&mut random));
            }
            let (_, cotangent) = self.value_of(noisy.view(), work.cancel)?;
            let derivative = work.derivative(noisy.view(), cotangent.view())?;
            mean.scaled_add(1.0 / images as f32, &derivative);
        }
        Ok(mean)
    }

    fn grad_cam(
        &self,
        work: &mut Work<'_, '_>,
        cotangent: ArrayView4<'_, f32>,
    ) -> Result<Array3<f32>, ModelError> {
        let features = work.features(CAM_MAP, self.image, cotangent)?;
        let maps: Vec<(usize, Array3<f32>)> = cam::activation_maps(&features)
            .into_iter()
            .map(|(window, map)| (window, cam::upsampled(map.view(), CAM_MAP.scale())))
            .collect();
        Ok(self.network.blended(&maps))
    }

    /// Derivative × (scan − baseline), summed over channels.
    fn times_difference(&self, derivative: Array4<f32>) -> Array3<f32> {
        let product = derivative * (&self.image - &self.baseline);
        product.sum_axis(Axis(0))
    }
}

/// A method on its way.
struct Work<'a, 's> {
    study: &'a GradientStudy<'s>,
    cancel: &'a CancelToken,
    progress: &'a mut dyn FnMut(f64),
    /// Derivatives of the whole image.
    done: usize,
    total: usize,
}

impl Work<'_, '_> {
    fn derivative(
        &mut self,
        image: ArrayView4<'_, f32>,
        cotangent: ArrayView4<'_, f32>,
    ) -> Result<Array4<f32>, ModelError> {
        let study = self.study;
        let cancel = self.cancel;
        let mut step = self.step(cotangent);
        study
            .network
            .derivative(image, cotangent, cancel, &mut step)
    }

    fn features(
        &mut self,
        map: DecoderMap,
        image: ArrayView4<'_, f32>,
        cotangent: ArrayView4<'_, f32>,
    ) -> Result<Vec<super::windows::WindowFeatures>, ModelError> {
        let study = self.study;
        let cancel = self.cancel;
        let mut step = self.step(cotangent);
        study
            .network
            .features(map, image, cotangent, cancel, &mut step)
    }

    /// Counts the windows of one derivative.
    fn step(&mut self, cotangent: ArrayView4<'_, f32>) -> impl FnMut() + '_ {
        let windows = self.study.network.windows_that_count(cotangent).len();
        let (before, total) = (self.done as f64, self.total.max(1) as f64);
        self.done += 1;
        let mut done = 0;
        let progress = &mut *self.progress;
        move || {
            done += 1;
            progress((before + f64::from(done) / windows.max(1) as f64) / total);
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn standard_normal(random: &mut ChaCha8Rng) -> f32 {
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let radius = (-2.0 * (1.0 - unit()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * unit()).cos()) as f32
}
