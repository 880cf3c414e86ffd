//! What compressed data says of itself, before a codec sees it.
//!
//! Sources: ITU-T T.81 B.2.2 (JPEG frame header), ITU-T T.800 A.5.1 (JPEG 2000 SIZ).

/// The image a codestream promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Columns and rows.
    pub size: [u32; 2],
    pub components: u16,
    /// Bits a sample.
    pub precision: u16,
    pub signed: bool,
    pub lossless: bool,
    /// Whether the codec fills samples of more bits than the precision by itself.
    pub any_depth: bool,
    pub tiles: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let chunk = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*chunk))
}

/// The frame header of JPEG data.
pub(super) fn jpeg(bytes: &[u8]) -> Option<Shape> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    loop {
        // Markers may be preceded by fill bytes.
        while bytes.get(at..)?.starts_with(&[0xFF, 0xFF]) {
            at += 1;
        }
        let [0xFF, marker] = *bytes.get(at..)?.first_chunk::<2>()? else {
            return None;
        };
        let length = usize::from(u16_at(bytes, at + 2)?);
        match marker {
            // C4, C8 and CC are tables, not frames.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return Some(Shape {
                    precision: u16::from(*bytes.get(at + 4)?),
                    size: [
                        u32::from(u16_at(bytes, at + 7)?),
                        u32::from(u16_at(bytes, at + 5)?),
                    ],
                    components: u16::from(*bytes.get(at + 9)?),
                    signed: false,
                    lossless: marker == 0xC3,
                    any_depth: false,
                    tiles: 1,
                });
            }
            0xDA => return None,
            _ => at += 2 + length,
        }
    }
}

/// How far into a JP2 file its codestream may begin.
const MOST_BOXES: usize = 4096;

/// The size marker of JPEG 2000 data, bare or in a JP2 file.
pub(super) fn jpeg2000(bytes: &[u8]) -> Option<Shape> {
    let start = bytes.get(..bytes.len().min(MOST_BOXES))?;
    let at = start
        .windows(4)
        .position(|four| four == [0xFF, 0x4F, 0xFF, 0x51])?
        + 4;
    let field = |index: usize| u32_at(bytes, at + 4 + 4 * index);
    let (x1, y1, x0, y0) = (field(0)?, field(1)?, field(2)?, field(3)?);
    let (tile_x, tile_y, tile_x0, tile_y0) = (field(4)?, field(5)?, field(6)?, field(7)?);
    let components = u16_at(bytes, at + 36)?;
    let [depth, step_x, step_y] = *bytes.get(at + 38..)?.first_chunk::<3>()?;
    if (step_x, step_y) != (1, 1) || tile_x == 0 || tile_y == 0 {
        return None;
    }
    let tiles = |end: u32, start: u32, size: u32| {
        u64::from(end.checked_sub(start).unwrap_or(u32::MAX)).div_ceil(u64::from(size))
    };
    Some(Shape {
        size: [x1.checked_sub(x0)?, y1.checked_sub(y0)?],
        components,
        precision: u16::from(depth & 0x7F) + 1,
        signed: depth & 0x80 != 0,
        lossless: true,
        any_depth: true,
        tiles: tiles(x1, tile_x0, tile_x).saturating_mul(tiles(y1, tile_y0, tile_y)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_headers_are_found_behind_other_markers() {
        let data = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc3\0\x0b\x0c\0\x02\0\x03\x01\0\0\0";
        let shape = jpeg(data).unwrap();
        assert_eq!(
            (shape.size, shape.precision, shape.lossless),
            ([3, 2], 12, true)
        );
        assert_eq!(jpeg(b"\xff\xd8\xff\xe0\0\x04ab"), None);
        assert_eq!(jpeg(b"\xff\xd8\xff\xda\0\x04ab"), None);
        assert_eq!(jpeg(b""), None);
    }
}
