//! How many windows are run at once and how many results are kept, decided before a
//! run from the memory there is.

use super::swin_unetr::NetworkConfig;
use super::windows::WindowPlan;
use super::{ComputeDevice, ModelError};

/// Results of a window that are worth keeping: those of the newest coalition and its
/// complement, and of the two before.
const KEPT_PER_WINDOW: usize = 4;

/// Most memory for windows side by side on the processor, where they do no more than keep
/// all threads busy: large ones do so alone.
const SIDE_BY_SIDE_BYTES: u64 = 512 << 20;

/// Most memory for kept results where it is not known how much there is.
const KEPT_BYTES_IF_UNKNOWN: u64 = 1 << 30;

/// What a run may hold in memory at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Windows that go through the network together.
    pub batch: usize,
    /// Results kept for each window, so that it need not be run again.
    pub kept_per_window: usize,
    /// Bytes that a run of this plan is expected to need, without the kept results.
    pub needed_bytes: u64,
}

impl MemoryPlan {
    /// For at most `batch` windows at once.
    ///
    /// Errors: not even one window fits.
    pub fn new(
        config: &NetworkConfig,
        windows: &WindowPlan,
        batch: usize,
        device: &ComputeDevice,
    ) -> Result<Self, ModelError> {
        let limit = device.memory_limit_bytes();
        let voxels: u64 = windows.padded.iter().map(|&n| n as u64).product();
        let classes = config.out_channels as u64;
        // Scan, baseline and the images of a pair; two sums and a result, and twice the
        // components of the targets; weights and players.
        let image = voxels * 4 * (4 * config.in_channels as u64 + 5 * classes + 2);
        let window = window_bytes(config, windows.window);
        let batch = if device.is_cpu() {
            let side_by_side = usize::try_from(SIDE_BY_SIDE_BYTES / window.max(1));
            batch.min(side_by_side.unwrap_or(usize::MAX)).max(1)
        } else {
            batch
        };
        let needed = |batch: u64| image.saturating_add(batch.saturating_mul(window));
        let batch = match limit {
            None => batch.max(1),
            Some(limit) => {
                let fitting = limit.saturating_sub(image) / window.max(1);
                if fitting == 0 {
                    return Err(ModelError::MemoryLimit {
                        window_mib: window.div_ceil(1 << 20),
                        region_mib: image.div_ceil(1 << 20),
                        limit_mib: limit >> 20,
                    });
                }
                batch.clamp(1, usize::try_from(fitting).unwrap_or(usize::MAX))
            }
        };
        let needed_bytes = needed(batch as u64);
        // Kept results get half of what is left.
        let for_kept = limit.map_or(KEPT_BYTES_IF_UNKNOWN, |limit| {
            limit.saturating_sub(needed_bytes) / 2
        });
        let logits = windows.window_voxels() as u64 * classes * 4;
        let round = logits.saturating_mul(windows.starts.len() as u64);
        let kept_per_window = usize::try_from(for_kept / round.max(1)).unwrap_or(usize::MAX);
        Ok(Self {
            batch,
            kept_per_window: kept_per_window.min(KEPT_PER_WINDOW),
            needed_bytes,
        })
    }
}

/// Bytes of what is in memory while one window goes through the network: nearly all of
/// it are maps of full resolution in the last decoder, five of the feature size wide.
pub fn window_bytes(config: &NetworkConfig, window: [usize; 3]) -> u64 {
    let voxels: u64 = window.iter().map(|&n| n as u64 + 2).product();
    let width = 5 * config.feature_size + config.in_channels + config.out_channels;
    let maps = voxels * width as u64 * 4;
    // The smaller maps of the other stages and the rows of tokens.
    maps + maps / 3
}
