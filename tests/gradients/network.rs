//! Derivatives of a whole network, and the methods built on them, against finite
//! differences, PyTorch and captum.

use std::sync::Arc;

use ndarray::{Array3, Array4, Ix4};
use voxplain::base::{CancelToken, Cancelled};
use voxplain::model::gradients::{
    GradientEffort, GradientMethod, GradientNetwork, GradientStudy, SmoothValue, TargetValue,
};
use voxplain::model::{
    Activation, Blend, ComputeDevice, Inference, MergeOrder, ModelError, SlidingWindow, SwinUnetr,
    recipe,
};

use crate::support::{adapter_or_skip, config, fixture, recipe_weights};

const DIMS: [usize; 3] = [64, 32, 32];

/// Everything about one network, image and question.
struct Case {
    windows: SlidingWindow,
    network: GradientNetwork,
    value: TargetValue,
    image: Array4<f32>,
    baseline: Array4<f32>,
}

fn input(seed: u64, [x, y, z]: [usize; 3]) -> Array4<f32> {
    let input = recipe::input(&[1, x, y, z], seed);
    input.into_dimensionality::<Ix4>().unwrap()
}

impl Case {
    /// A network without training; the target is what it gives to class 1.
    fn new(device: &ComputeDevice, dims: [usize; 3], image: Array4<f32>) -> Self {
        let config = config(12, 3, MergeOrder::Merging);
        let weights = recipe_weights(&config, 1);
        let inference = Inference {
            window: DIMS,
            overlap: 0.5,
            blend: Blend::Gaussian,
        };
        let cpu = ComputeDevice::cpu();
        let network = Arc::new(SwinUnetr::new(config, &weights, &cpu).unwrap());
        let windows = SlidingWindow::new(network, dims, &inference, 1).unwrap();
        let logits = windows
            .logits(image.view(), &CancelToken::new(), &mut |_, _| {})
            .unwrap();
        let labels = Activation::Softmax.labels(logits.view());
        Self {
            windows,
            network: GradientNetwork::new(config, &weights, device, dims, &inference).unwrap(),
            value: TargetValue {
                value: SmoothValue::SoftDice,
                class: 1,
                activation: Activation::Softmax,
                target: labels.mapv(|label| label == 1),
                region: Array3::from_elem(labels.raw_dim(), true),
            },
            image,
            baseline: input(4, dims) * 0.25,
        }
    }

    fn study(&self) -> GradientStudy<'_> {
        GradientStudy {
            windows: &self.windows,
            network: &self.network,
            value: &self.value,
            image: self.image.view(),
            baseline: self.baseline.view(),
            seed: 3,
            // As in the fixture.
            effort: GradientEffort {
                steps: 4,
                noisy_images: 4,
            },
        }
    }

    fn evaluate(&self, image: &Array4<f32>) -> (f64, Array4<f32>) {
        let logits = self
            .windows
            .logits(image.view(), &CancelToken::new(), &mut |_, _| {})
            .unwrap();
        self.value.evaluate(logits.view()).unwrap()
    }

    fn derivative(&self) -> Array4<f32> {
        let (_, cotangent) = self.evaluate(&self.image);
        self.network
            .derivative(
                self.image.view(),
                cotangent.view(),
                &CancelToken::new(),
                &mut || {},
            )
            .unwrap()
    }

    fn map(&self, method: GradientMethod) -> Array3<f32> {
        let found = self
            .study()
            .run(method, &CancelToken::new(), &mut |_| {})
            .unwrap();
        found.map
    }
}

/// Sums over blocks of 8×8×8 voxels.
fn blocks(map: &Array3<f32>) -> Vec<f64> {
    map.exact_chunks([8, 8, 8])
        .into_iter()
        .map(|block| block.iter().map(|&value| f64::from(value)).sum())
        .collect()
}

/// Distance over size, in the sense of Euclid.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let apart = square(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    (apart / square(&mut expected.iter().copied())).sqrt()
}

/// How far derivatives at one image may be apart: they jump where an activation is all but
/// zero, and the rounding of another processor (AVX2 in place of AVX-512: 2.6 %) can be on
/// the other side of a jump.
const AT_ONE_IMAGE: f64 = 5e-2;

#[test]
fn derivatives_and_methods_are_those_of_pytorch_and_captum() {
    let case = Case::new(&ComputeDevice::cpu(), DIMS, input(3, DIMS));
    let text = std::fs::read_to_string(fixture("gradients/expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |key: &str| expected[key].as_f64().unwrap();
    let list = |key: &str| -> Vec<f64> {
        let values = expected[key].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let (full, _) = case.evaluate(&case.image);
    let (empty, _) = case.evaluate(&case.baseline);
    assert!((full - number("value_full")).abs() < 1e-5, "{full}");
    assert!((empty - number("value_empty")).abs() < 1e-5, "{empty}");

    let derivative = case.derivative().index_axis_move(ndarray::Axis(0), 0);
    let size: f64 = derivative.iter().map(|&d| f64::from(d).abs()).sum();
    // Over a path the jumps are averaged away.
    let averaged = 5e-3;
    assert!(
        (size / number("gradient_size") - 1.0).abs() < AT_ONE_IMAGE,
        "{size}"
    );
    let own = relative_error(&blocks(&derivative), &list("gradient"));
    let mut errors = vec![("gradient", own, AT_ONE_IMAGE)];
    for (method, key, allowed) in [
        (
            GradientMethod::Gradient,
            "gradient_times_difference",
            AT_ONE_IMAGE,
        ),
        (
            GradientMethod::IntegratedGradients,
            "integrated_gradients",
            averaged,
        ),
        (GradientMethod::GradCam, "grad_cam", averaged),
    ] {
        let found = blocks(&case.map(method));
        errors.push((key, relative_error(&found, &list(key)), allowed));
    }
    println!("{errors:?}");
    for (what, error, allowed) in errors {
        assert!(error < allowed, "{what}: {error}");
    }
}

/// The recipe's network bends sharply, so the steps are short, and the direction is the
/// one in which the value changes most.
#[test]
fn derivatives_over_several_windows_are_those_of_finite_differences() {
    // Padded along y, two windows along x.
    let dims = [96, 30, 32];
    let case = Case::new(&ComputeDevice::cpu(), dims, input(3, dims));
    assert_eq!(case.windows.window_count(), 2);
    let derivative = case.derivative();
    let largest = derivative.iter().fold(0.0_f32, |l, &d| l.max(d.abs()));
    let along = &derivative / largest;
    let slope = |step: f32| {
        let at = |by: f32| case.evaluate(&(&case.image + &(&along * by))).0;
        (at(step) - at(-step)) / (2.0 * f64::from(step))
    };
    // Richardson's extrapolation.
    let step = 1.0 / 32768.0;
    let expected = (4.0 * slope(step) - slope(2.0 * step)) / 3.0;
    let found: f64 = (&derivative * &along).iter().map(|&v| f64::from(v)).sum();
    println!("{found:e} {expected:e}");
    // Rounding leaves no more digits at this step. A window's weight left out would show.
    assert!((found / expected - 1.0).abs() < 0.06, "{found} {expected}");
}

#[test]
fn noise_is_fixed_by_its_seed_and_work_can_be_cancelled() {
    let case = Case::new(&ComputeDevice::cpu(), DIMS, input(3, DIMS));
    let cancel = CancelToken::new();
    let mut heard = Vec::new();
    let stopped = case
        .study()
        .run(GradientMethod::SmoothGradient, &cancel, &mut |share| {
            heard.push(share);
            if heard.len() == 2 {
                cancel.cancel();
            }
        });
    assert!(matches!(stopped, Err(ModelError::Cancelled(Cancelled))));
    assert_eq!(heard, [0.25, 0.5]);
}

#[test]
fn a_window_that_does_not_fit_is_refused_before_any_work() {
    let config = config(12, 3, MergeOrder::Merging);
    let inference = Inference {
        window: DIMS,
        overlap: 0.5,
        blend: Blend::Gaussian,
    };
    let limit = "16M".parse().unwrap();
    let device = ComputeDevice::cpu().with_memory_limit(limit);
    let refused = GradientNetwork::new(
        config,
        &recipe_weights(&config, 1),
        &device,
        DIMS,
        &inference,
    );
    let Err(ModelError::GradientMemory { limit_mib, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(limit_mib, 16);
}

/// On a graphics device as on the processor.
#[test]
#[ignore = "minutes on an adapter in software"]
fn derivatives_on_an_adapter_are_those_of_the_processor() {
    let Some(device) = adapter_or_skip() else {
        return;
    };
    let own = Case::new(&device, DIMS, input(3, DIMS)).derivative();
    let other = Case::new(&ComputeDevice::cpu(), DIMS, input(3, DIMS)).derivative();
    let values = |a: &Array4<f32>| a.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let error = relative_error(&values(&own), &values(&other));
    println!("{error:e}");
    assert!(error < AT_ONE_IMAGE, "{error}");
}
