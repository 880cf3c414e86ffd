//! Crops an image to where something is (MONAI's `CropForeground`).

use ndarray::{Array4, ArrayView4, Axis, Slice};
use serde::{Deserialize, Serialize};

/// A crop to the smallest box around all values above 0 in any channel, after the
/// intensities were scaled. What the box has outside the image is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForegroundCrop {
    /// Voxels added on each side of the box.
    #[serde(default)]
    pub margin_voxels: usize,
    /// The box grows, evenly on both sides, until each of its sizes is a multiple of this.
    #[serde(default = "one")]
    pub divisible_by: usize,
    /// Whether the margin ends at the border of the image. The multiple need not.
    #[serde(default)]
    pub stay_inside: bool,
}

fn one() -> usize {
    1
}

impl Default for ForegroundCrop {
    fn default() -> Self {
        Self {
            margin_voxels: 0,
            divisible_by: 1,
            stay_inside: false,
        }
    }
}

/// A box of voxels that may reach outside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    pub start: [isize; 3],
    pub size: [usize; 3],
}

impl ForegroundCrop {
    /// The largest margin and multiple, so that no box overflows.
    const LARGEST: usize = 4096;

    /// What is wrong with these settings, if anything, in words.
    pub fn problem(&self) -> Option<String> {
        let fits =
            self.margin_voxels <= Self::LARGEST && (1..=Self::LARGEST).contains(&self.divisible_by);
        (!fits).then(|| {
            format!(
                "crop_foreground has a margin of {} and a multiple of {}; neither may be above \
                 {} and the multiple must be at least 1",
                self.margin_voxels,
                self.divisible_by,
                Self::LARGEST
            )
        })
    }

    /// The box of an image `[[c, x, y, z]]`; `None` if no value is above 0.
    pub(super) fn bounding_box(&self, image: ArrayView4<'_, f32>) -> Option<CropBox> {
        let mut crop = CropBox {
            start: [0; 3],
            size: [0; 3],
        };
        for axis in 0..3 {
            let planes = image.axis_iter(Axis(axis + 1));
            let filled: Vec<bool> = planes
                .map(|plane| plane.iter().any(|&value| value > 0.0))
                .collect();
            let first = filled.iter().position(|&f| f)? as isize;
            let end = filled.iter().rposition(|&f| f)? as isize + 1;
            let margin = self.margin_voxels as isize;
            let (mut start, mut end) = (first - margin, end + margin);
            if self.stay_inside {
                start = start.max(0);
                end = end.min(filled.len() as isize);
            }
            let size = (end - start).unsigned_abs();
            let grown = size.next_multiple_of(self.divisible_by);
            crop.start[axis] = start - ((grown - size) / 2) as isize;
            crop.size[axis] = grown;
        }
        Some(crop)
    }
}

impl CropBox {
    /// The part of an axis that lies in the image: where it begins in the image and in
    /// the box, and its length.
    fn overlap(&self, axis: usize, image: usize) -> (usize, usize, usize) {
        let start = self.start[axis];
        let in_image = start.max(0).unsigned_abs();
        let in_box = (-start).max(0).unsigned_abs();
        let end = (start + self.size[axis] as isize).clamp(0, image as isize);
        (
            in_image,
            in_box,
            end.unsigned_abs().saturating_sub(in_image),
        )
    }

    /// The values of an image `[[c, x, y, z]]` in the box, 0 outside the image.
    pub(super) fn cut(&self, image: ArrayView4<'_, f32>) -> Array4<f32> {
        let (c, x, y, z) = image.dim();
        let overlap = [x, y, z];
        let overlap: [_; 3] = std::array::from_fn(|a| self.overlap(a, overlap[a]));
        let [sx, sy, sz] = self.size;
        let mut cut = Array4::zeros((c, sx, sy, sz));
        let part = |axis: Axis, in_box: bool| {
            let spatial = axis.index().checked_sub(1);
            let Some((in_image, of_box, length)) = spatial.map(|a| overlap[a]) else {
                return Slice::from(..);
            };
            let start = if in_box { of_box } else { in_image };
            Slice::from(start..start + length)
        };
        cut.slice_each_axis_mut(|description| part(description.axis, true))
            .assign(&image.slice_each_axis(|description| part(description.axis, false)));
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    fn image() -> Array4<f32> {
        let mut image = Array4::from_elem((2, 9, 8, 7), -1.0);
        image[[0, 2, 3, 1]] = 1.0;
        image[[1, 5, 3, 6]] = 0.5;
        image
    }

    #[test]
    fn the_box_holds_what_is_above_zero_in_any_channel() {
        let image = image();
        let crop = ForegroundCrop::default()
            .bounding_box(image.view())
            .unwrap();
        assert_eq!(crop.start, [2, 3, 1]);
        assert_eq!(crop.size, [4, 1, 6]);
        assert_eq!(
            crop.cut(image.view()),
            image.slice(s![.., 2..6, 3..4, 1..7])
        );
        let nothing = Array4::zeros((1, 3, 3, 3));
        assert!(
            ForegroundCrop::default()
                .bounding_box(nothing.view())
                .is_none()
        );
    }

    /// Numbers of MONAI 1.6.1 for the same image.
    #[test]
    fn margins_and_multiples_may_leave_the_image() {
        let image = image();
        let crop = ForegroundCrop {
            margin_voxels: 2,
            divisible_by: 4,
            stay_inside: false,
        };
        let found = crop.bounding_box(image.view()).unwrap();
        assert_eq!(found.start, [0, 0, -2]);
        assert_eq!(found.size, [8, 8, 12]);
        let cut = found.cut(image.view());
        assert_eq!(cut.dim(), (2, 8, 8, 12));
        assert_eq!(cut[[0, 2, 3, 3]], 1.0);
        assert!(cut.slice(s![.., .., .., ..2]).iter().all(|&v| v == 0.0));
        assert!(cut.slice(s![.., .., .., 9..]).iter().all(|&v| v == 0.0));
        let inside = ForegroundCrop {
            stay_inside: true,
            ..crop
        };
        let found = inside.bounding_box(image.view()).unwrap();
        assert_eq!(found.start, [0, 0, 0]);
        assert_eq!(found.size, [8, 8, 8]);
    }
}
