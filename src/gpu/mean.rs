//! The mean of several pictures of one view, each with its own places of samples: free
//! of their grain, and smooth at edges.

use super::picture::Picture;

/// How many pictures make a clean one. After them nothing more is drawn.
pub const FRAMES: u32 = 8;

/// The sum of pictures so far.
#[derive(Debug, Default)]
pub struct Mean {
    sums: Vec<u16>,
    count: u16,
}

impl Mean {
    /// The mean with one more picture of the same size.
    pub fn with(&mut self, mut picture: Picture) -> Picture {
        if self.sums.len() != picture.rgba.len() {
            self.sums = vec![0; picture.rgba.len()];
            self.count = 0;
        }
        self.count += 1;
        for (sum, value) in self.sums.iter_mut().zip(&mut picture.rgba) {
            *sum += u16::from(*value);
            *value = ((*sum + self.count / 2) / self.count).min(255) as u8;
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_pictures_is_rounded_once() {
        let picture = |value| {
            let mut picture = Picture::new([1, 1]);
            picture.rgba = vec![value; 4];
            picture
        };
        let mut mean = Mean::default();
        let seen: Vec<u8> = [10, 11, 11, 200]
            .map(|value| mean.with(picture(value)).rgba[0])
            .into();
        assert_eq!(seen, [10, 11, 11, 58]);
    }
}
