//! Slices that are shown before the rest of their image is there.

use std::time::{Duration, Instant};

use super::EarlySlice;
use super::source::Stored;
use crate::volume::Voxels;

/// Twenty a second are as many as anyone sees.
const BETWEEN_SLICES: Duration = Duration::from_millis(50);

/// Shows the first whole slice at once, and then now and then the newest.
pub(super) struct Early<'a> {
    /// Who wants to see them, and what they should know.
    to: Option<Audience<'a>>,
    /// Slices up to this one are old.
    seen: usize,
    last: Option<Instant>,
}

struct Audience<'a> {
    dims: [usize; 3],
    value_scale: (f64, f64),
    show: &'a mut dyn FnMut(EarlySlice),
}

impl<'a> Early<'a> {
    /// Slices of an image of `dims` as it is read, so of what was cut out.
    pub fn new(
        dims: [usize; 3],
        value_scale: (f64, f64),
        show: &'a mut dyn FnMut(EarlySlice),
    ) -> Self {
        Self {
            to: Some(Audience {
                dims,
                value_scale,
                show,
            }),
            seen: 0,
            last: None,
        }
    }

    /// For nobody.
    pub fn none() -> Self {
        Self {
            to: None,
            seen: 0,
            last: None,
        }
    }

    /// How many voxels to read next, at most `usual`: no more than the first slice
    /// has, while it is waited for.
    pub fn step(&self, usual: usize) -> usize {
        match &self.to {
            Some(Audience { dims, .. }) if self.seen == 0 => (dims[0] * dims[1]).clamp(1, usual),
            _ => usual,
        }
    }

    /// Shows the newest whole slice of what was read so far, if it is time.
    pub fn offer<T: Stored>(&mut self, read: &[T]) {
        let Some(Audience { dims, .. }) = &self.to else {
            return;
        };
        let slice = dims[0] * dims[1];
        let whole = read.len() / slice.max(1);
        let due = self.last.is_none_or(|at| at.elapsed() >= BETWEEN_SLICES);
        if whole > self.seen && due {
            self.seen = whole;
            let newest = read.get((whole - 1) * slice..whole * slice);
            self.show(whole - 1, T::voxels(newest.unwrap_or_default().to_vec()));
        }
    }

    /// Shows one slice, whatever was shown before.
    pub fn show(&mut self, index: usize, voxels: Voxels) {
        self.last = Some(Instant::now());
        if let Some(to) = &mut self.to {
            (to.show)(EarlySlice {
                dims: to.dims,
                index,
                voxels,
                value_scale: to.value_scale,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_comes_at_once_and_others_with_time_between() {
        let mut shown = Vec::new();
        let mut show = |slice: EarlySlice| shown.push((slice.index, slice.voxels));
        let mut early = Early::new([2, 3, 4], (1.0, 0.0), &mut show);
        let voxels: Vec<u8> = (0..24).collect();
        assert_eq!(early.step(100), 6);
        early.offer(&voxels[..5]);
        early.offer(&voxels[..13]);
        early.offer(&voxels[..20]);
        assert_eq!(early.step(100), 100);
        early.last = Instant::now().checked_sub(BETWEEN_SLICES);
        early.offer(&voxels[..13]);
        early.offer(&voxels);
        assert_eq!(
            shown,
            [
                (1, Voxels::U8((6..12).collect())),
                (3, Voxels::U8((18..24).collect()))
            ]
        );
    }
}
