//! Sliding windows: where they lie, how they are weighted, and what they give.

use std::sync::Arc;

use ndarray::Ix5;
use voxplain::base::CancelToken;
use voxplain::model::{
    Blend, ComputeDevice, Inference, MergeOrder, ModelError, SlidingWindow, SwinUnetr, WindowPlan,
    importance,
};

use crate::support::{config, difference, fixture, large_fixture, npy, recipe_weights};

#[derive(serde::Deserialize)]
struct Table {
    image: [usize; 3],
    roi: [usize; 3],
    overlap: f64,
    starts: [Vec<usize>; 3],
    n: usize,
}

#[test]
fn window_positions_are_monais() {
    let text = std::fs::read_to_string(fixture("sliding/window_tables.json")).unwrap();
    let tables: Vec<Table> = serde_json::from_str(&text).unwrap();
    assert!(tables.len() > 5);
    for table in tables {
        let inference = Inference {
            window: table.roi,
            overlap: table.overlap,
            blend: Blend::Constant,
        };
        let plan = WindowPlan::new(table.image, &inference);
        assert_eq!(plan.starts.len(), table.n);
        assert_eq!(WindowPlan::count(table.image, &inference), table.n);
        let mut expected = Vec::new();
        for &x in &table.starts[0] {
            for &y in &table.starts[1] {
                expected.extend(table.starts[2].iter().map(|&z| [x, y, z]));
            }
        }
        assert_eq!(plan.starts, expected, "{:?} {:?}", table.image, table.roi);
    }
}

#[test]
fn importance_is_monais() {
    let expected: Vec<f32> = npy::<f32>(fixture("sliding/importance_64x32x32.npy"))
        .into_iter()
        .collect();
    let (largest, _) = difference(&importance([64, 32, 32], Blend::Gaussian), &expected);
    assert!(largest <= 1e-6, "{largest:e}");
    assert!(
        importance([64, 32, 32], Blend::Constant)
            .iter()
            .all(|&w| w == 1.0)
    );
}

fn network() -> Arc<SwinUnetr> {
    let config = config(12, 3, MergeOrder::Merging);
    let weights = recipe_weights(&config, 1);
    Arc::new(SwinUnetr::new(config, &weights, &ComputeDevice::cpu()).unwrap())
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn stitched_logits_are_monais() {
    for (input, output, overlap, blend) in [
        (
            "80x72x64",
            "80x72x64_roi64_ov0.5_gaussian",
            0.5,
            Blend::Gaussian,
        ),
        (
            "80x72x64",
            "80x72x64_roi64_ov0.25_constant",
            0.25,
            Blend::Constant,
        ),
        (
            "50x72x61",
            "50x72x61_roi64_ov0.5_gaussian",
            0.5,
            Blend::Gaussian,
        ),
    ] {
        let image = npy::<f32>(large_fixture(&format!("sliding/in_{input}.npy")));
        let image = image
            .into_dimensionality::<Ix5>()
            .unwrap()
            .index_axis_move(ndarray::Axis(0), 0);
        let (_, x, y, z) = image.dim();
        let inference = Inference {
            window: [64, 64, 64],
            overlap,
            blend,
        };
        let windows = SlidingWindow::new(network(), [x, y, z], &inference, 2).unwrap();
        let mut steps = Vec::new();
        let logits = windows
            .logits(image.view(), &CancelToken::new(), &mut |done, total| {
                steps.push((done, total))
            })
            .unwrap();
        let count = windows.window_count();
        assert_eq!(steps.last(), Some(&(count, count)));
        let expected = npy::<f32>(large_fixture(&format!("sliding/out_{output}.npy")));
        let (actual, expected): (Vec<f32>, Vec<f32>) =
            (logits.into_iter().collect(), expected.into_iter().collect());
        let (largest, mean) = difference(&actual, &expected);
        println!("{output}: largest {largest:.2e}, mean {mean:.2e}");
        assert!(largest <= 1e-3 && mean <= 5e-5);
    }
}

#[test]
fn absurdly_many_windows_are_refused_before_they_are_made() {
    let inference = Inference {
        window: [32, 64, 32],
        overlap: 0.95,
        blend: Blend::Constant,
    };
    let result = SlidingWindow::new(network(), [1000; 3], &inference, 1);
    assert!(matches!(result, Err(ModelError::TooManyWindows { .. })));
}

#[test]
fn a_cancelled_run_gives_no_result() {
    let inference = Inference {
        window: [32, 64, 32],
        overlap: 0.5,
        blend: Blend::Constant,
    };
    let windows = SlidingWindow::new(network(), [40, 64, 32], &inference, 1).unwrap();
    let cancel = CancelToken::new();
    let image = ndarray::Array4::zeros((1, 40, 64, 32));
    let result = windows.logits(image.view(), &cancel, &mut |_, _| cancel.cancel());
    assert!(matches!(result, Err(ModelError::Cancelled(_))));
    let wrong = ndarray::Array4::zeros((1, 41, 64, 32));
    let result = windows.logits(wrong.view(), &CancelToken::new(), &mut |_, _| {});
    assert!(matches!(result, Err(ModelError::Shape { .. })));
}
