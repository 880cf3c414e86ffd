//! Images in two files: a header (`.hdr`) and its voxels (`.img`), each perhaps
//! compressed.

use std::path::{Path, PathBuf};

/// The ending of a header's name.
pub(super) const HEADER: &str = "hdr";
/// The ending of the name of a file of voxels.
pub(super) const VOXELS: &str = "img";

/// The files that an image is read from, by its name: both halves where they are
/// there, the header first, and else the file itself.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    let halves = match half(path) {
        Some((_, HEADER)) => (Some(path.to_owned()), existing(path, VOXELS)),
        Some((_, VOXELS)) => (existing(path, HEADER), Some(path.to_owned())),
        _ => (None, None),
    };
    match halves {
        (Some(header), Some(voxels)) => vec![header, voxels],
        _ => vec![path.to_owned()],
    }
}

/// Whether a file is called as the given half is.
pub(super) fn is_called(path: &Path, ending: &str) -> bool {
    half(path).is_some_and(|(_, found)| found == ending)
}

/// The other half, if there is such a file.
pub(super) fn existing(path: &Path, ending: &str) -> Option<PathBuf> {
    candidates(path, ending).into_iter().find(|p| p.is_file())
}

/// What the other half would be called, the likeliest name first.
pub(super) fn candidates(path: &Path, ending: &str) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let compressed = has_ending(&name, ".gz");
    let inner = name.get(..name.len() - if compressed { 3 } else { 0 });
    let inner = inner.unwrap_or_default();
    let (stem, old) = inner.rsplit_once('.').unwrap_or((inner, ""));
    let upper = !old.is_empty() && old.chars().all(|c| !c.is_lowercase());
    let ending = if upper {
        ending.to_ascii_uppercase()
    } else {
        ending.to_owned()
    };
    let plain = path.with_file_name(format!("{stem}.{ending}"));
    let packed = path.with_file_name(format!("{stem}.{ending}.gz"));
    if compressed {
        vec![packed, plain]
    } else {
        vec![plain, packed]
    }
}

/// The name before the ending, and which half the ending stands for.
fn half(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [HEADER, VOXELS].into_iter().find_map(|ending| {
        let stem = name.strip_suffix(ending)?.strip_suffix('.')?;
        Some((stem.to_owned(), ending))
    })
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.len() >= ending.len()
        && name
            .get(name.len() - ending.len()..)
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_find_each_other_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "a.hdr", "a.img.gz", "b.hdr.gz", "b.img.gz", "C.HDR", "C.IMG", "d.hdr",
        ] {
            std::fs::write(at(name), b"").unwrap();
        }
        let files = |name: &str| {
            let files = files_of(&at(name));
            files
                .iter()
                .map(|p| p.file_name().unwrap().to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(files("a.hdr"), ["a.hdr", "a.img.gz"]);
        assert_eq!(files("a.img.gz"), ["a.hdr", "a.img.gz"]);
        assert_eq!(files("b.img.gz"), ["b.hdr.gz", "b.img.gz"]);
        assert_eq!(files("C.IMG"), ["C.HDR", "C.IMG"]);
        assert_eq!(files("d.hdr"), ["d.hdr"]);
        assert_eq!(files("a.nii"), ["a.nii"]);
        assert_eq!(files("é.gz"), ["é.gz"]);
        assert_eq!(
            candidates(&at("é.gz"), VOXELS),
            [at("é.img.gz"), at("é.img")]
        );
    }
}
