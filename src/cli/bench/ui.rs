//! `voxplain bench ui`: how long the window's frames take while an explanation runs.

use clap::Args;

use super::process::processor;
use crate::cli::Common;
use crate::engine::{ComputeOptions, DeviceChoice};

#[derive(Debug, Args)]
pub(crate) struct Ui {
    /// Number of supervoxels
    #[arg(long, value_name = "N", default_value_t = 200)]
    supervoxels: usize,
    /// How long frames are counted
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    seconds: f64,
    /// Draw on the graphics device, whatever it is (default: on the processor)
    #[arg(long)]
    on_device: bool,
    /// Width and height of the window in points
    #[arg(long, num_args = 2, value_names = ["WIDTH", "HEIGHT"], default_values_t = [1280, 800],
        value_parser = clap::value_parser!(u16).range(200..=8192))]
    size: Vec<u16>,
}

/// What a window is to be measured with.
#[derive(Debug, Clone, Copy)]
pub struct MeasureRequest {
    pub supervoxels: usize,
    pub seconds: f64,
    pub on_device: bool,
    pub size: [u16; 2],
    pub network: DeviceChoice,
    pub compute: ComputeOptions,
}

/// Frames of a window while an explanation ran.
#[derive(Debug, Clone)]
pub struct Measured {
    pub view_device: String,
    pub supervoxels: usize,
    /// Runs of the network while frames were counted.
    pub evaluations: usize,
    /// Time that each frame took, in ms.
    pub wall_ms: Vec<f64>,
}

/// Measures a window; the window is another floor's.
pub type MeasureWindow<'a> = &'a dyn Fn(MeasureRequest) -> Result<Measured, String>;

/// A frame that takes longer is seen to stutter: two of a common screen.
const SLOW_MS: f64 = 33.0;

pub(crate) fn run(
    arguments: &Ui,
    common: &Common,
    measure: MeasureWindow<'_>,
) -> anyhow::Result<()> {
    let size = match arguments.size.as_slice() {
        [width, height] => [*width, *height],
        _ => [1280, 800],
    };
    let measured = measure(MeasureRequest {
        supervoxels: arguments.supervoxels,
        seconds: arguments.seconds,
        on_device: arguments.on_device,
        size,
        network: common.device_choice(),
        compute: common.compute_options(),
    })
    .map_err(|why| anyhow::anyhow!("the window could not be measured: {why}"))?;
    let frames = measured.wall_ms.len();
    anyhow::ensure!(
        frames > 0,
        "the explanation ended before a frame was drawn; ask for more --supervoxels"
    );
    let wall = &measured.wall_ms;
    let slow = wall.iter().filter(|&&ms| ms > SLOW_MS).count();
    let json = serde_json::json!({
        "processor": processor(),
        "view": measured.view_device,
        "size": size,
        "supervoxels": measured.supervoxels,
        "runs": measured.evaluations,
        "frames": frames,
        "frame_ms": { "p50": share(wall, 0.5), "p99": share(wall, 0.99), "max": share(wall, 1.0) },
        "frames_over_33_ms": slow,
    });
    let row = |name: &str, values: &[f64]| {
        format!(
            "{name:<24} median {:>7.2} ms   p99 {:>7.2} ms   most {:>7.2} ms\n",
            share(values, 0.5),
            share(values, 0.99),
            share(values, 1.0)
        )
    };
    let lines = format!(
        "{}, views drawn by {}, {} × {} points\n{} supervoxels, {} runs of the network meanwhile\n{}{slow} of {frames} frames took more than {SLOW_MS} ms\n",
        processor(),
        measured.view_device,
        size[0],
        size[1],
        measured.supervoxels,
        measured.evaluations,
        row("frame", wall),
    );
    common.print(&json, &lines);
    Ok(())
}

/// The value that a share of all values does not exceed; 0 for none.
fn share(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let index = (share * last as f64).ceil() as usize;
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_of_values() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(share(&values, 0.5), 50.0);
        assert_eq!(share(&values, 0.99), 99.0);
        assert_eq!(share(&values, 1.0), 100.0);
        assert_eq!(share(&[], 0.5), 0.0);
    }
}
