//! Derivatives of burn's operations that the network is made of.

use burn::tensor::activation::{gelu, leaky_relu};
use burn::tensor::ops::{AttentionModuleOptions, ConvOptions};
use burn::tensor::{Device, Int, Tensor, TensorData, module};
use voxplain::model::recipe;
use voxplain::model::swin_unetr::device::plain::layers::instance_norm;

fn values(count: usize, seed: u64) -> Vec<f32> {
    recipe::input(&[count], seed).into_iter().collect()
}

fn tensor<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let values = values(shape.iter().product(), seed);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Largest error of the derivative of Σ weight · operation(x), over the largest derivative,
/// against central differences.
fn error<const D: usize, const E: usize>(
    shape: [usize; D],
    operation: impl Fn(Tensor<D>) -> Tensor<E>,
) -> f64 {
    let x = tensor(shape, 1);
    let weight: Tensor<E> = tensor(operation(x.clone()).dims(), 2);
    let leaf = x.clone().autodiff().require_grad();
    let mut gradients = (operation(leaf.clone()) * weight.clone()).sum().backward();
    let found = leaf.grad_remove(&mut gradients).unwrap();
    let found = found.try_into_vec_as::<f32>().unwrap();
    let start = x.try_into_vec_as::<f32>().unwrap();
    let weight = weight.try_into_vec_as::<f32>().unwrap();
    let step = 1.0 / 128.0;
    let at = |index: usize, by: f32| -> f64 {
        let mut values = start.clone();
        values[index] += by;
        let x = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
        let result = operation(x).try_into_vec_as::<f32>().unwrap();
        result
            .iter()
            .zip(&weight)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    };
    let largest = found
        .iter()
        .fold(1e-3_f64, |l, &v| l.max(f64::from(v).abs()));
    (0..start.len())
        .map(|index| {
            let expected = (at(index, step) - at(index, -step)) / (2.0 * f64::from(step));
            (f64::from(found[index]) - expected).abs() / largest
        })
        .fold(0.0, f64::max)
}

#[test]
fn each_operation_has_the_derivative_of_finite_differences() {
    let conv = |x: Tensor<5>| {
        let options = ConvOptions::new([1; 3], [1; 3], [1; 3], 1);
        module::conv3d(x, tensor([3, 2, 3, 3, 3], 3), None, options)
    };
    let select = |x: Tensor<2>| {
        let rows = Tensor::<1, Int>::from_data(
            TensorData::new(vec![3_i64, 0, 3, 1], [4]),
            &Device::flex(),
        );
        x.select(0, rows)
    };
    let attend = |q: Tensor<4>, k: Tensor<4>, v: Tensor<4>| {
        let bias = tensor([1, 2, 5, 5], 6);
        module::attention(q, k, v, None, Some(bias), AttentionModuleOptions::default())
    };
    let other = |seed| tensor([3, 2, 5, 4], seed);
    let deal = |x: Tensor<3>| {
        x.reshape([1, 2, 2, 2, 2, 1, 2, 2])
            .permute([0, 1, 5, 2, 6, 3, 7, 4])
            .reshape([1, 2, 2, 4, 4])
    };
    let found = [
        ("conv3d", error([1, 2, 3, 4, 3], conv)),
        ("instance norm", error([1, 2, 2, 3, 4], instance_norm)),
        (
            "mean",
            error([1, 2, 2, 3, 4], |x: Tensor<5>| {
                x.mean_dim(4).mean_dim(3).mean_dim(2)
            }),
        ),
        ("leaky", error([20], |x: Tensor<1>| leaky_relu(x, 0.01))),
        ("gelu", error([20], gelu::<1>)),
        (
            "layer norm",
            error([4, 6], |x: Tensor<2>| {
                module::layer_norm(x, tensor([6], 4), Some(tensor([6], 5)), 1e-5)
            }),
        ),
        (
            "layer norm plain",
            error([4, 6], |x: Tensor<2>| {
                module::layer_norm(x, tensor([6], 4), None, 1e-5)
            }),
        ),
        (
            "linear",
            error([4, 6], |x: Tensor<2>| {
                module::linear(x, tensor([6, 3], 4), Some(tensor([3], 5)))
            }),
        ),
        ("select", error([4, 3], select)),
        (
            "query",
            error([3, 2, 5, 4], |x| attend(x, other(7), other(8))),
        ),
        (
            "key",
            error([3, 2, 5, 4], |x| attend(other(7), x, other(8))),
        ),
        (
            "value",
            error([3, 2, 5, 4], |x| attend(other(7), other(8), x)),
        ),
        ("permute", error([1, 16, 4], deal)),
        (
            "cat",
            error([2, 3], |x: Tensor<2>| {
                Tensor::cat(vec![x.clone(), tensor([1, 3], 9), x], 0)
            }),
        ),
        (
            "matmul",
            error([1, 6, 4], |x: Tensor<3>| tensor([1, 16, 6], 4).matmul(x)),
        ),
        (
            "swap",
            error([2, 3, 4], |x: Tensor<3>| x.swap_dims(1, 2).reshape([8, 3])),
        ),
    ];
    for (what, error) in found {
        println!("{what}: {error:.1e}");
    }
    for (what, error) in found {
        assert!(error < 2e-3, "{what}: {error:e}");
    }
}
