//! Names of labels in a header extension: a comment (code 6) that holds
//! `{"labels": {"1": "anterior"}}`. Other programs pass over it.

use std::collections::BTreeMap;

use super::super::LabelNames;

/// The code that `nifti1.h` gives to extensions of plain text.
const COMMENT: i32 = 6;
/// Size and code in front of an extension's data.
const START_BYTES: usize = 8;
/// Longer headers are passed over unread.
pub(super) const MOST_BYTES: u64 = 1 << 20;

#[derive(serde::Serialize, serde::Deserialize)]
struct Comment {
    labels: BTreeMap<u16, String>,
}

/// The four bytes behind a header and the extension that follows them: its size is a
/// multiple of 16. No names make no extension.
pub(super) fn bytes(names: &LabelNames) -> Vec<u8> {
    let labels = names
        .iter()
        .map(|(&label, name)| (label, one_line(name)))
        .collect();
    let text = serde_json::to_vec(&Comment { labels }).unwrap_or_default();
    let size = (START_BYTES + text.len()).next_multiple_of(16);
    let Some(size_field) = i32::try_from(size).ok().filter(|_| !names.is_empty()) else {
        return vec![0; 4];
    };
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend(size_field.to_le_bytes());
    bytes.extend(COMMENT.to_le_bytes());
    bytes.extend(text);
    bytes.resize(4 + size, 0);
    bytes
}

/// The names in what lies between a header and its voxels; empty if there are none.
pub(super) fn label_names(behind_header: &[u8], big_endian: bool) -> LabelNames {
    let number = |bytes: [u8; 4]| {
        if big_endian {
            i32::from_be_bytes(bytes)
        } else {
            i32::from_le_bytes(bytes)
        }
    };
    let mut names = LabelNames::new();
    let Some((&[extended, ..], mut rest)) = behind_header.split_first_chunk::<4>() else {
        return names;
    };
    while extended != 0
        && let Some((size, after)) = rest.split_first_chunk::<4>()
        && let Some((code, _)) = after.split_first_chunk::<4>()
    {
        let size = usize::try_from(number(*size)).unwrap_or(0);
        let Some(data) = rest.get(START_BYTES..size) else {
            break;
        };
        if number(*code) == COMMENT {
            let text = data.split(|&b| b == 0).next().unwrap_or_default();
            if let Ok(comment) = serde_json::from_slice::<Comment>(text) {
                names.extend(
                    comment
                        .labels
                        .into_iter()
                        .map(|(label, name)| (label, one_line(&name))),
                );
            }
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    names
}

fn one_line(name: &str) -> String {
    name.replace(char::is_control, " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> LabelNames {
        [
            (1, "anterior".to_owned()),
            (300, "Häufchen \"b\"".to_owned()),
        ]
        .into()
    }

    #[test]
    fn names_come_back_from_behind_other_extensions() {
        let ours = bytes(&names());
        assert_eq!((ours.len() - 4) % 16, 0);
        assert_eq!(label_names(&ours, false), names());
        // DICOM attributes, code 2, in front.
        let mut file = vec![1, 0, 0, 0];
        file.extend(16_i32.to_le_bytes());
        file.extend(2_i32.to_le_bytes());
        file.extend([7; 8]);
        file.extend(&ours[4..]);
        assert_eq!(label_names(&file, false), names());
        // Swapped, as another machine would write it.
        let mut swapped = ours.clone();
        swapped[4..8].reverse();
        swapped[8..12].reverse();
        assert_eq!(label_names(&swapped, true), names());
        assert_eq!(bytes(&LabelNames::new()), [0; 4]);
    }

    #[test]
    fn damaged_extensions_name_nothing() {
        let ours = bytes(&names());
        for cut in 0..ours.len() {
            let _ = label_names(&ours[..cut], false);
        }
        assert!(label_names(&ours[..ours.len() - 1], false).is_empty());
        for size in [-16_i32, 0, 7, i32::MAX] {
            let mut damaged = ours.clone();
            damaged[4..8].copy_from_slice(&size.to_le_bytes());
            assert!(label_names(&damaged, false).is_empty());
        }
        let mut none = ours;
        none[0] = 0;
        assert!(label_names(&none, false).is_empty());
    }
}
