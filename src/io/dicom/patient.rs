//! What a file says of the patient, read only when asked for, and what of a file may
//! be kept in a record.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::IoError;
use super::element::{DataSet, Tag};
use super::file::{Header, NotRead, with_header};
use super::series;
use crate::base::CancelToken;

/// Who a scan is of: for showing to a user who asks, never for a record or a log.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PatientFacts {
    pub name: String,
    pub id: String,
    /// As in the file: year, month and day without signs between them.
    pub birth_date: String,
    pub sex: String,
    pub age: String,
    pub study_date: String,
    pub institution: String,
}

/// Says nothing, so that no log can.
impl fmt::Debug for PatientFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientFacts(not shown)")
    }
}

/// What the first file of a series says of the patient.
pub fn patient_facts(path: &Path) -> Result<PatientFacts, IoError> {
    read_first(path, |set| PatientFacts {
        name: name(&set.text(0x0010_0010)),
        id: set.text(0x0010_0020),
        birth_date: set.code(0x0010_0030),
        sex: set.code(0x0010_0040),
        age: set.code(0x0010_1010),
        study_date: set.code(0x0008_0020),
        institution: set.text(0x0008_0080),
    })
}

/// `Family^Given` as people write it. Only the first way of writing is kept.
fn name(stored: &str) -> String {
    let first = stored
        .split('=')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let parts = first.split('^').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// The only fields of a DICOM file that provenance and reports may hold: none is free
/// text about a person, a place, a date, or a number that leads back to one.
pub const ALLOWED_FIELDS: [(Tag, &str); 17] = [
    (0x0008_0060, "Modality"),
    (0x0008_0070, "Manufacturer"),
    (0x0008_1090, "Model"),
    (0x0018_0015, "Body part"),
    (0x0018_0020, "Scanning sequence"),
    (0x0018_0021, "Sequence variant"),
    (0x0018_0024, "Sequence name"),
    (0x0018_0050, "Slice thickness (mm)"),
    (0x0018_0060, "Tube voltage (kV)"),
    (0x0018_0080, "Repetition time (ms)"),
    (0x0018_0081, "Echo time (ms)"),
    (0x0018_0082, "Inversion time (ms)"),
    (0x0018_0087, "Field strength (T)"),
    (0x0018_0088, "Spacing between slices (mm)"),
    (0x0018_1120, "Gantry tilt (degrees)"),
    (0x0018_1210, "Kernel"),
    (0x0018_1314, "Flip angle (degrees)"),
];

/// How a series was acquired: label and value of the [`ALLOWED_FIELDS`] that its first
/// file has.
pub fn acquisition_facts(path: &Path) -> Result<Vec<(&'static str, String)>, IoError> {
    read_first(path, |set| {
        let fields = ALLOWED_FIELDS
            .iter()
            .map(|&(tag, label)| (label, set.text(tag)));
        fields.filter(|(_, value)| !value.is_empty()).collect()
    })
}

fn read_first<T>(path: &Path, look: impl Fn(&DataSet<'_>) -> T) -> Result<T, IoError> {
    let file: PathBuf = if path.is_file() {
        path.to_owned()
    } else {
        let files = series::files(path, &CancelToken::new())?;
        files
            .into_iter()
            .next()
            .ok_or_else(|| IoError::NoImages { path: path.into() })?
    };
    let seen = with_header(&file, |header: &Header<'_>| Ok(look(&header.set)));
    seen.map_err(|not_read| match not_read {
        NotRead::NotDicom => IoError::NoImages {
            path: file.as_path().into(),
        },
        NotRead::Failed(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_do() {
        assert_eq!(name("Doe^Jane^^Dr"), "Doe Jane Dr");
        assert_eq!(name("Yamada^Tarou=山田^太郎"), "Yamada Tarou");
        assert_eq!(name(""), "");
    }
}
