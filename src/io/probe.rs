//! What a file is, from its first bytes.

use super::Format;

/// How many bytes [`looks_like`] wants to see.
pub(super) const PROBE_BYTES: usize = 540;

/// The format of an image by its first bytes, for those with a mark of their own.
pub(super) fn format_of(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"NRRD0") {
        return Some(Format::Nrrd);
    }
    if head.starts_with(b"\x93NUMPY") {
        return Some(Format::Numpy);
    }
    let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
    let key = line.split(|&b| b == b'=').next()?;
    let first_keys = [
        "ObjectType",
        "ObjectSubType",
        "NDims",
        "Comment",
        "Name",
        "ID",
    ];
    let known = |name: &&str| key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    (key.len() < line.len() && first_keys.iter().any(known)).then_some(Format::MetaImage)
}

/// What a file that is not NIfTI seems to be, in words that follow "this is".
pub(super) fn looks_like(head: &[u8]) -> &'static str {
    let at = |offset: usize, magic: &[u8]| {
        head.get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    let starts: [(&[u8], &str); 22] = [
        (b"NRRD", "an NRRD image"),
        (b"ObjectType", "a MetaImage header"),
        (b"NDims", "a MetaImage header"),
        (b"Comment", "a MetaImage header"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"GIF8", "a GIF picture"),
        (b"BM", "a BMP picture"),
        (b"PK\x03\x04", "a zip archive (unpack it first)"),
        (b"7z\xbc\xaf", "a 7-Zip archive (unpack it first)"),
        (b"Rar!", "a RAR archive (unpack it first)"),
        (b"\x1f\x8b", "gzip data inside gzip data (unpack it once)"),
        (b"BZh", "bzip2 data (unpack it first)"),
        (b"\xfd7zXZ", "xz data (unpack it first)"),
        (b"\x28\xb5\x2f\xfd", "zstd data (unpack it first)"),
        (b"\x89HDF", "an HDF5 file (perhaps MINC 2)"),
        (b"CDF\x01", "a NetCDF file (perhaps MINC 1)"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
        (b"\0\0\0\x01", "a FreeSurfer MGH image"),
    ];
    if at(128, b"DICM") {
        return "a DICOM file";
    }
    if at(257, b"ustar") {
        return "a tar archive (unpack it first)";
    }
    if let Some((_, name)) = starts.iter().find(|(magic, _)| head.starts_with(magic)) {
        return name;
    }
    let text = head
        .iter()
        .all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..0x7f));
    if text {
        "a text file"
    } else {
        "not a file type this program knows"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_files_are_named() {
        let mut dicom = vec![0; 200];
        dicom[128..132].copy_from_slice(b"DICM");
        assert_eq!(looks_like(&dicom), "a DICOM file");
        assert_eq!(looks_like(b"\x89PNG\r\n\x1a\n"), "a PNG picture");
        assert_eq!(looks_like(b"NRRD0004\n"), "an NRRD image");
        assert_eq!(looks_like(b"hello, world\n"), "a text file");
        assert_eq!(
            looks_like(&[0, 7, 200, 3]),
            "not a file type this program knows"
        );
    }
}
