//! Images that the program wrote, read back.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::path::Path;

use voxplain::base::{CancelToken, Grid};
use voxplain::io;
use voxplain::volume::{LabelMap, Volume};

/// The frames of an image.
pub fn frames(path: &Path) -> Vec<Volume> {
    io::open_channels(path, &mut |_| {}, &CancelToken::new())
        .unwrap_or_else(|e| panic!("{e}"))
        .into_iter()
        .map(|opened| opened.volume)
        .collect()
}

/// The only frame of an image.
pub fn volume(path: &Path) -> Volume {
    let mut frames = frames(path);
    assert_eq!(frames.len(), 1, "{}", path.display());
    frames.remove(0)
}

/// An image of whole numbers as a label map.
pub fn label_map(path: &Path) -> LabelMap {
    LabelMap::from_volume(&volume(path)).unwrap_or_else(|e| panic!("{e}"))
}

/// The grids are the same, voxel by voxel and millimetre by millimetre.
pub fn assert_same_grid(what: &str, a: &Grid, b: &Grid) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let difference = a.world_from_voxel().to_cols_array();
    for (x, y) in difference
        .into_iter()
        .zip(b.world_from_voxel().to_cols_array())
    {
        assert!((x - y).abs() < 1e-5, "{what}: {a:?} {b:?}");
    }
}
