//! Which tokens attend to each other: window sizes, shifts, padding and masks.
//!
//! Plain index arithmetic on the host; the tensors made from it are in `attention`.
//! Follows `get_window_size`, `window_partition` and `compute_mask` of MONAI, with
//! one freedom: windows may be visited in any order, so those that need the same
//! mask are put side by side and share it.

/// Edge of an attention window, in tokens.
pub const WINDOW: usize = 7;

/// Entries of the relative position table: one for each offset between two tokens
/// of a window, 13 along each axis.
pub const POSITIONS: usize = (2 * WINDOW - 1).pow(3);

/// What is added to the score of two tokens that were brought together only by the
/// cyclic shift. MONAI adds this number rather than minus infinity.
pub const MASKED_SCORE: f32 = -100.0;

/// Where the rows of a token matrix come from: row `((n·D + d)·H + h)·W + w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenGrid {
    pub batch: usize,
    pub dims: [usize; 3],
}

impl TokenGrid {
    /// Tokens of one image.
    pub fn tokens_per_image(&self) -> usize {
        self.dims.iter().product()
    }

    pub fn tokens(&self) -> usize {
        self.batch * self.tokens_per_image()
    }
}

/// Window size and shift along each axis for a token grid. An axis no longer than a
/// window is one window and is not shifted.
pub fn window_and_shift(dims: [usize; 3], shifted: bool) -> ([usize; 3], [usize; 3]) {
    let shift = if shifted { WINDOW / 2 } else { 0 };
    (
        dims.map(|n| n.min(WINDOW)),
        dims.map(|n| if n <= WINDOW { 0 } else { shift }),
    )
}

/// Which axes the shift cuts a window along: the last window of a shifted axis holds
/// tokens from both ends of the image.
pub type Cut = [bool; 3];

/// Windows side by side that need the same mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowGroup {
    pub cut: Cut,
    /// For each window and then each place in it, raster order: the token's row, or
    /// `None` for padding.
    pub tokens: Vec<Option<usize>>,
}

/// The windows of a batch of token grids.
#[derive(Debug, Clone)]
pub struct WindowLayout {
    pub window: [usize; 3],
    pub shift: [usize; 3],
    pub groups: Vec<WindowGroup>,
}

impl WindowLayout {
    /// Pads at the far ends to whole windows, shifts cyclically by `shift`, and cuts
    /// into windows.
    pub fn new(grid: TokenGrid, shifted: bool) -> Self {
        let (window, shift) = window_and_shift(grid.dims, shifted);
        let counts: [usize; 3] = std::array::from_fn(|a| grid.dims[a].div_ceil(window[a]));
        let mut layout = Self {
            window,
            shift,
            groups: Vec::new(),
        };
        for code in 0..8_usize {
            let cut: Cut = std::array::from_fn(|a| code >> (2 - a) & 1 == 1);
            if (0..3).any(|a| cut[a] && shift[a] == 0) {
                continue;
            }
            // A cut axis has one such window, the last; the others are not cut.
            let range = |a: usize| match (shift[a] > 0, cut[a]) {
                (true, true) => counts[a] - 1..counts[a],
                (true, false) => 0..counts[a] - 1,
                (false, _) => 0..counts[a],
            };
            let mut tokens = Vec::new();
            for image in 0..grid.batch {
                for i in range(0) {
                    for j in range(1) {
                        for k in range(2) {
                            layout.push_window(&mut tokens, grid, image, counts, [i, j, k]);
                        }
                    }
                }
            }
            if !tokens.is_empty() {
                layout.groups.push(WindowGroup { cut, tokens });
            }
        }
        layout
    }

    /// Tokens in a window.
    pub fn tokens_per_window(&self) -> usize {
        self.window.iter().product()
    }

    fn push_window(
        &self,
        tokens: &mut Vec<Option<usize>>,
        grid: TokenGrid,
        image: usize,
        counts: [usize; 3],
        position: [usize; 3],
    ) {
        let [_, h, w] = grid.dims;
        // Index along an axis in the unshifted grid, if it is not padding.
        let source = |a: usize, place: usize| {
            let padded = counts[a] * self.window[a];
            let index = (position[a] * self.window[a] + place + self.shift[a]) % padded;
            (index < grid.dims[a]).then_some(index)
        };
        for a in 0..self.window[0] {
            for b in 0..self.window[1] {
                for c in 0..self.window[2] {
                    let token = source(0, a)
                        .zip(source(1, b))
                        .zip(source(2, c))
                        .map(|((x, y), z)| image * grid.tokens_per_image() + (x * h + y) * w + z);
                    tokens.push(token);
                }
            }
        }
    }
}

/// The additive bias of attention scores, `heads × n × n` row-major: the relative
/// position bias of each pair of places in a window, and the mask where the shift
/// cut the window.
///
/// `table` is `POSITIONS × heads`. For a window smaller than 7×7×7, MONAI reads the
/// first n rows and columns of the full window's index, as if the n places were the
/// first of a 7×7×7 raster; the weights were trained so, and this does the same.
pub fn score_bias(
    table: &[f32],
    heads: usize,
    window: [usize; 3],
    shift: [usize; 3],
    cut: Cut,
) -> Vec<f32> {
    let n: usize = window.iter().product();
    let parts: Vec<usize> = (0..n)
        .map(|place| part(place, window, shift, cut))
        .collect();
    let mut bias = Vec::with_capacity(heads * n * n);
    for head in 0..heads {
        for i in 0..n {
            for j in 0..n {
                let masked = if parts[i] == parts[j] {
                    0.0
                } else {
                    MASKED_SCORE
                };
                bias.push(table[relative_position(i, j) * heads + head] + masked);
            }
        }
    }
    bias
}

/// Row of the bias table for two places of a 7×7×7 window.
pub fn relative_position(i: usize, j: usize) -> usize {
    let span = 2 * WINDOW - 1;
    let place = |p: usize| [p / (WINDOW * WINDOW), p / WINDOW % WINDOW, p % WINDOW];
    let (a, b) = (place(i), place(j));
    (0..3).fold(0, |row, axis| row * span + a[axis] + WINDOW - 1 - b[axis])
}

/// Which side of the cuts a place in a window lies on, as three bits.
pub fn part(place: usize, window: [usize; 3], shift: [usize; 3], cut: Cut) -> usize {
    let [_, h, w] = window;
    let position = [place / (h * w), place / w % h, place % w];
    (0..3).fold(0, |bits, axis| {
        bits << 1 | usize::from(cut[axis] && position[axis] >= window[axis] - shift[axis])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_axes_are_one_window_without_shift() {
        assert_eq!(window_and_shift([4, 9, 7], true), ([4, 7, 7], [0, 3, 0]));
        assert_eq!(window_and_shift([4, 9, 7], false), ([4, 7, 7], [0, 0, 0]));
    }

    #[test]
    fn every_token_is_in_one_window() {
        for (dims, shifted) in [([9, 14, 8], true), ([9, 14, 8], false), ([4, 9, 7], true)] {
            let grid = TokenGrid { batch: 2, dims };
            let layout = WindowLayout::new(grid, shifted);
            let mut seen = vec![0; grid.tokens()];
            let mut places = 0;
            for group in &layout.groups {
                places += group.tokens.len();
                for &token in group.tokens.iter().flatten() {
                    seen[token] += 1;
                }
            }
            assert!(seen.iter().all(|&count| count == 1));
            let padded: usize = (0..3)
                .map(|a| dims[a].next_multiple_of(layout.window[a]))
                .product();
            assert_eq!(places, 2 * padded);
        }
    }

    #[test]
    fn relative_positions_are_centred_and_opposite() {
        let centre = relative_position(100, 100);
        assert_eq!(centre, POSITIONS / 2);
        assert_eq!(
            relative_position(0, 342) + relative_position(342, 0),
            2 * centre
        );
        assert_eq!(relative_position(0, 342), 0);
    }
}
