//! A finished picture in memory.

/// Pixels from the top left, four bytes (sRGB red, green, blue, and 255) each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub size_px: [u32; 2],
    pub rgba: Vec<u8>,
}

impl Picture {
    /// A black picture.
    pub fn new(size_px: [u32; 2]) -> Self {
        let [width, height] = size_px.map(|n| n as usize);
        let mut rgba = vec![0; width * height * 4];
        rgba.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        Self { size_px, rgba }
    }

    /// Red, green and blue of a pixel in the picture.
    pub fn rgb(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        let [width, height] = self.size_px;
        if x >= width || y >= height {
            return None;
        }
        let start = (y as usize * width as usize + x as usize) * 4;
        self.rgba.get(start..start + 3)?.try_into().ok()
    }
}
