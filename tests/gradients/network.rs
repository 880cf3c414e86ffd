//! Derivatives of whole networks.

use std::sync::Arc;

use ndarray::{Array4, Ix4};
use voxplain::base::CancelToken;
use voxplain::model::gradients::{GradientNetwork, SmoothValue, TargetValue};
use voxplain::model::{
    Activation, Blend, ComputeDevice, Inference, MergeOrder, SlidingWindow, SwinUnetr, recipe,
};

use crate::support::{config, recipe_weights};

const ONE_WINDOW: Inference = Inference {
    window: [64, 32, 32],
    overlap: 0.5,
    blend: Blend::Gaussian,
};

fn image(seed: u64, dims: [usize; 3]) -> Array4<f32> {
    let [x, y, z] = dims;
    recipe::input(&[1, x, y, z], seed)
        .into_dimensionality::<Ix4>()
        .unwrap()
}

#[test]
fn derivatives_are_those_of_finite_differences() {
    let config = config(12, 3, MergeOrder::Merging);
    let weights = recipe_weights(&config, 1);
    let device = ComputeDevice::cpu();
    let dims = [64, 32, 32];
    let network = Arc::new(SwinUnetr::new(config, &weights, &device).unwrap());
    let windows = SlidingWindow::new(network, dims, &ONE_WINDOW, 1).unwrap();
    let gradients = GradientNetwork::new(config, &weights, &device, dims, &ONE_WINDOW).unwrap();
    let image = image(3, dims);
    let cancel = CancelToken::new();
    let logits = |image: &Array4<f32>| {
        windows
            .logits(image.view(), &cancel, &mut |_, _| {})
            .unwrap()
    };
    let first = logits(&image);
    let value = TargetValue {
        value: SmoothValue::SoftDice,
        class: 1,
        activation: Activation::Softmax,
        target: Activation::Softmax.labels(first.view()).mapv(|l| l == 1),
        region: ndarray::Array3::from_elem((64, 32, 32), true),
    };
    let (_, cotangent) = value.evaluate(first.view()).unwrap();
    let started = std::time::Instant::now();
    let derivative = gradients
        .derivative(image.view(), cotangent.view(), &cancel, &mut || {})
        .unwrap();
    println!("{:?}", started.elapsed());
    // Along smooth directions, whose differences are well above rounding.
    for direction in 0..4_u32 {
        let along = Array4::from_shape_fn(image.dim(), |(_, x, y, z)| {
            let phase = [x, y, z][direction as usize % 3] as f32 * 0.2 + direction as f32;
            phase.sin()
        });
        let found: f64 = (&derivative * &along).iter().map(|&v| f64::from(v)).sum();
        for step in [1e-1_f32, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4] {
            let at = |by: f32| {
                let image = &image + &(&along * by);
                value.evaluate(logits(&image).view()).unwrap().0
            };
            let expected = (at(step) - at(-step)) / (2.0 * f64::from(step));
            println!("{direction} {step}: {found:e} {expected:e}");
        }
    }
}
