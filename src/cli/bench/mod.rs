//! `voxplain bench`: how long the program takes on this machine, and how much memory.
//!
//! One file a measurement; what the system tells about this process is in `process`.
//! Comparisons with other programs are in tests/bench.

mod demo;
mod forward;
mod head;
mod load;
mod process;
mod render;
mod shapley;
mod soak;
mod supervoxels;
mod ui;

use clap::Subcommand;

use super::Common;
pub use ui::{MeasureRequest, MeasureWindow, Measured};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The demonstration from opening to the finished map
    Demo(demo::Demo),
    /// Passes of the bare network, with weights made up or from a file
    Forward(forward::Forward),
    /// Opening made-up scans: the first slice, all of it, memory
    Load(load::Load),
    /// Drawing made-up scans in 3D, around the body
    Render(render::Render),
    /// Errors of the estimators of SHAP values on games whose values are known
    Shapley(shapley::Shapley),
    /// Many evaluations of one study: whether memory grows or an evaluation stalls
    Soak(soak::Soak),
    /// Cutting a made-up head into supervoxels
    Supervoxels(supervoxels::Supervoxels),
    /// Frames of the window while the demonstration is explained
    Ui(ui::Ui),
}

pub(crate) fn run(
    arguments: &Bench,
    common: &Common,
    measure_window: MeasureWindow<'_>,
) -> anyhow::Result<()> {
    match arguments {
        Bench::Demo(demo) => demo::run(demo, common),
        Bench::Forward(forward) => forward::run(forward, common),
        Bench::Load(load) => load::run(load, common),
        Bench::Render(render) => render::run(render, common),
        Bench::Shapley(shapley) => shapley::run(shapley, common),
        Bench::Soak(soak) => soak::run(soak, common),
        Bench::Supervoxels(supervoxels) => supervoxels::run(supervoxels, common),
        Bench::Ui(ui) => ui::run(ui, common, measure_window),
    }
}

/// The middle of a list of numbers, or the mean of the two middle ones; 0 for none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    match middle.checked_sub(1).and_then(|lower| sorted.get(lower)) {
        Some(lower) if sorted.len().is_multiple_of(2) => (lower + upper) / 2.0,
        _ => upper,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
    }
}
