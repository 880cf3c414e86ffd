//! Elements of a DICOM data set, read from bytes that are not trusted.
//!
//! A value is never copied and never larger than the bytes that are there. The
//! `dicom` crates reserve what an element's length claims, up to 4 GiB, so here they
//! decode text and pixels only, from elements that were checked first.
//! Source: DICOM PS3.5, sections 6 and 7.

use std::ops::Range;

/// Tag of an element: group in the upper half, element in the lower.
pub(super) type Tag = u32;

/// The first of the three tags that hold pixels; what follows is not read.
const FIRST_PIXELS: Tag = 0x7FE0_0008;
pub(super) const PIXEL_DATA: Tag = 0x7FE0_0010;
const ITEM: Tag = 0xFFFE_E000;
const ITEM_END: Tag = 0xFFFE_E00D;
const SEQUENCE_END: Tag = 0xFFFE_E0DD;
const UNDEFINED: u32 = u32::MAX;
/// Sequences inside sequences; real files stay below ten.
const DEEPEST: usize = 32;

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Whether each element names its type.
    pub explicit: bool,
    pub big_endian: bool,
}

impl Encoding {
    pub const IMPLICIT: Self = Self {
        explicit: false,
        big_endian: false,
    };
    pub const EXPLICIT: Self = Self {
        explicit: true,
        big_endian: false,
    };

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

/// Why elements could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end inside an element. More bytes may help.
    Cut,
    /// What is there is no DICOM, in words that follow "because".
    Malformed(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: Tag,
    /// The type's two letters; zeros where the file does not say.
    pub vr: [u8; 2],
    /// Of a sequence: its items with their heads.
    pub value: &'a [u8],
    encoding: Encoding,
}

/// Where the pixels lie: an element whose value is not read with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelElement {
    pub tag: Tag,
    pub vr: [u8; 2],
    /// Bytes from the start of what was parsed. The end of a compressed value is that
    /// of the bytes.
    pub offset: u64,
    /// `None`: compressed, a list of fragments.
    pub length: Option<u64>,
}

/// The elements of one data set or one item, up to its pixels.
#[derive(Debug, Clone)]
pub(super) struct DataSet<'a> {
    elements: Vec<Element<'a>>,
    pub encoding: Encoding,
    pub pixels: Option<PixelElement>,
}

impl<'a> DataSet<'a> {
    pub fn parse(bytes: &'a [u8], encoding: Encoding) -> Result<Self, Fault> {
        let mut cursor = Cursor { bytes, at: 0 };
        let mut elements = Vec::new();
        let mut pixels = None;
        while !cursor.is_at_end() {
            let head = cursor.head(encoding)?;
            // Padding behind the last element.
            if head.tag == 0 && head.length == 0 {
                continue;
            }
            if (FIRST_PIXELS..=PIXEL_DATA).contains(&head.tag) {
                pixels = Some(PixelElement {
                    tag: head.tag,
                    vr: head.vr,
                    offset: cursor.at as u64,
                    length: (head.length != UNDEFINED).then_some(u64::from(head.length)),
                });
                break;
            }
            let range = cursor.value(&head, encoding, 0)?;
            elements.push(Element {
                tag: head.tag,
                vr: head.vr,
                value: bytes.get(range).ok_or(Fault::Cut)?,
                // PS3.5 6.2.2, note 2: what is of unknown type is written implicitly.
                encoding: if &head.vr == b"UN" {
                    Encoding::IMPLICIT
                } else {
                    encoding
                },
            });
        }
        Ok(Self {
            elements,
            encoding,
            pixels,
        })
    }

    pub fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        self.get(tag).map(|element| element.value)
    }

    /// The first number of an unsigned 16-bit element.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        let element = self.get(tag)?;
        let bytes = element.value.first_chunk::<2>()?;
        Some(self.encoding.u16(*bytes))
    }

    /// The items of a sequence; none where it is absent or damaged.
    pub fn items(&self, tag: Tag) -> Vec<DataSet<'a>> {
        self.get(tag)
            .and_then(|element| items(element).ok())
            .unwrap_or_default()
    }

    /// The first item of a sequence.
    pub fn item(&self, tag: Tag) -> Option<DataSet<'a>> {
        self.items(tag).into_iter().next()
    }
}

fn items<'a>(element: &Element<'a>) -> Result<Vec<DataSet<'a>>, Fault> {
    let bytes = element.value;
    let mut cursor = Cursor { bytes, at: 0 };
    let mut found = Vec::new();
    while !cursor.is_at_end() {
        let (tag, length) = cursor.item_head(element.encoding)?;
        if tag != ITEM {
            break;
        }
        let range = cursor.item(length, element.encoding, 0)?;
        let content = bytes.get(range).ok_or(Fault::Cut)?;
        found.push(DataSet::parse(content, element.encoding)?);
    }
    Ok(found)
}

/// The byte ranges of the fragments of a compressed pixel element, the offset table
/// first. `bytes` start at the element's value. A missing end mark is forgiven.
pub(super) fn fragments(bytes: &[u8]) -> Result<Vec<Range<usize>>, Fault> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut found = Vec::new();
    while !cursor.is_at_end() {
        let (tag, length) = cursor.item_head(Encoding::EXPLICIT)?;
        match tag {
            ITEM if length != UNDEFINED => found.push(cursor.take(length as usize)?),
            SEQUENCE_END => break,
            _ => return Err(Fault::Malformed("its compressed pixels are no fragments")),
        }
    }
    Ok(found)
}

/// Whether the bytes begin with an element of one of the groups that files begin with.
pub(super) fn guess_encoding(bytes: &[u8]) -> Option<Encoding> {
    let head: &[u8; 8] = bytes.first_chunk()?;
    let [g0, g1, _, _, v0, v1, ..] = *head;
    let explicit = v0.is_ascii_uppercase() && v1.is_ascii_uppercase();
    let big_endian = match (g0, g1) {
        (2 | 8, 0) => false,
        (0, 2 | 8) => true,
        _ => return None,
    };
    Some(Encoding {
        explicit,
        big_endian,
    })
}

struct Head {
    tag: Tag,
    vr: [u8; 2],
    length: u32,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let rest = self.bytes.get(self.at..).ok_or(Fault::Cut)?;
        let chunk = *rest.first_chunk::<N>().ok_or(Fault::Cut)?;
        self.at += N;
        Ok(chunk)
    }

    fn take(&mut self, length: usize) -> Result<Range<usize>, Fault> {
        let end = self.at.checked_add(length).ok_or(Fault::Cut)?;
        if end > self.bytes.len() {
            return Err(Fault::Cut);
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn tag(&mut self, encoding: Encoding) -> Result<Tag, Fault> {
        let group = encoding.u16(self.chunk()?);
        let element = encoding.u16(self.chunk()?);
        Ok(u32::from(group) << 16 | u32::from(element))
    }

    /// Tag and length of an item or of an end mark, which never name a type.
    fn item_head(&mut self, encoding: Encoding) -> Result<(Tag, u32), Fault> {
        let tag = self.tag(encoding)?;
        Ok((tag, encoding.u32(self.chunk()?)))
    }

    fn head(&mut self, encoding: Encoding) -> Result<Head, Fault> {
        let tag = self.tag(encoding)?;
        let second: [u8; 4] = self.chunk()?;
        let [v0, v1, l0, l1] = second;
        let vr = [v0, v1];
        // Some writers slip implicit elements into explicit files.
        let named = encoding.explicit && vr.iter().all(u8::is_ascii_uppercase);
        if !named || tag >> 16 == 0xFFFE {
            return Ok(Head {
                tag,
                vr: [0; 2],
                length: encoding.u32(second),
            });
        }
        let long = matches!(
            &vr,
            b"OB"
                | b"OW"
                | b"OF"
                | b"OD"
                | b"OL"
                | b"OV"
                | b"SQ"
                | b"UN"
                | b"UC"
                | b"UR"
                | b"UT"
                | b"SV"
                | b"UV"
        );
        let length = if long {
            encoding.u32(self.chunk()?)
        } else {
            u32::from(encoding.u16([l0, l1]))
        };
        Ok(Head { tag, vr, length })
    }

    /// Passes over a value and says where it lies.
    fn value(
        &mut self,
        head: &Head,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Range<usize>, Fault> {
        if head.length != UNDEFINED {
            return self.take(head.length as usize);
        }
        if depth > DEEPEST {
            return Err(Fault::Malformed("its sequences are nested too deeply"));
        }
        let inner = if &head.vr == b"UN" {
            Encoding::IMPLICIT
        } else {
            encoding
        };
        let start = self.at;
        loop {
            let end = self.at;
            match self.item_head(inner)? {
                (ITEM, length) => self.item(length, inner, depth + 1)?,
                (SEQUENCE_END, _) => return Ok(start..end),
                _ => {
                    return Err(Fault::Malformed(
                        "a sequence holds something else than items",
                    ));
                }
            };
        }
    }

    /// Passes over an item's elements and says where they lie.
    fn item(
        &mut self,
        length: u32,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Range<usize>, Fault> {
        if length != UNDEFINED {
            return self.take(length as usize);
        }
        let start = self.at;
        loop {
            let end = self.at;
            let head = self.head(encoding)?;
            if head.tag == ITEM_END {
                return Ok(start..end);
            }
            self.value(&head, encoding, depth + 1)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &[u8] = b"\x28\0\x10\0US\x02\0\x07\0";

    #[test]
    fn a_length_larger_than_the_file_takes_no_memory() {
        let bytes = b"\x08\0\x70\0UT\0\0\xf0\xff\xff\xffabc";
        let fault = DataSet::parse(bytes, Encoding::EXPLICIT).unwrap_err();
        assert_eq!(fault, Fault::Cut);
    }

    #[test]
    fn sequences_of_unknown_length_end_at_their_mark() {
        let item = [
            b"\xfe\xff\0\xe0\xff\xff\xff\xff",
            ROWS,
            b"\xfe\xff\x0d\xe0\0\0\0\0",
        ]
        .concat();
        let bytes = [
            b"\x28\0\x10\x91SQ\0\0\xff\xff\xff\xff".as_slice(),
            &item,
            &item,
            b"\xfe\xff\xdd\xe0\0\0\0\0",
            ROWS,
        ]
        .concat();
        let set = DataSet::parse(&bytes, Encoding::EXPLICIT).unwrap();
        assert_eq!(set.u16(0x0028_0010), Some(7));
        let items = set.items(0x0028_9110);
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| item.u16(0x0028_0010) == Some(7)));
    }

    #[test]
    fn sequences_nested_without_end_are_refused() {
        let level = b"\x28\0\x10\x91SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
        let bytes = level.repeat(100_000);
        assert!(matches!(
            DataSet::parse(&bytes, Encoding::EXPLICIT),
            Err(Fault::Malformed(_))
        ));
    }

    #[test]
    fn nothing_is_read_behind_the_pixels() {
        let bytes = [ROWS, b"\xe0\x7f\x10\0OW\0\0\x04\0\0\0abcd"].concat();
        let set = DataSet::parse(&bytes, Encoding::EXPLICIT).unwrap();
        let pixels = set.pixels.unwrap();
        assert_eq!((pixels.offset, pixels.length), (22, Some(4)));
    }
}
