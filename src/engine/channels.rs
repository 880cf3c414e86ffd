//! Which scan is which input channel of a model.
//!
//! By what the user says, else by what the files' names and headers say. Only what
//! cannot mean two things is believed; else the order in which the scans were given
//! decides, and a note says so.

use std::path::PathBuf;
use std::str::FromStr;

use crate::engine::EngineError;

/// A scan's file, and what a user said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFile {
    pub path: PathBuf,
    /// The channel that it is.
    pub channel: Option<String>,
    /// The frame of a file with several, from 0.
    pub frame: Option<usize>,
}

impl From<PathBuf> for ScanFile {
    /// `scan.nii.gz@2` is the second frame of a scan, unless a file has that name.
    fn from(path: PathBuf) -> Self {
        let named = path.to_str().filter(|_| !path.exists());
        let frame = named.and_then(|text| {
            let (file, number) = text.rsplit_once('@')?;
            let frame = number.parse::<usize>().ok()?.checked_sub(1)?;
            Some((PathBuf::from(file), frame))
        });
        let (path, frame) = match frame {
            Some((file, frame)) => (file, Some(frame)),
            None => (path, None),
        };
        Self {
            path,
            channel: None,
            frame,
        }
    }
}

impl FromStr for ScanFile {
    type Err = String;

    /// `T1=scan.nii.gz`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((channel, path)) if !channel.trim().is_empty() && !path.is_empty() => Ok(Self {
                channel: Some(channel.trim().to_owned()),
                ..Self::from(PathBuf::from(path))
            }),
            _ => Err("write the channel and the scan, as in T1=scan.nii.gz".to_owned()),
        }
    }
}

/// What is known of a scan before it is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelFacts {
    /// Name of the file without folders.
    pub file_name: String,
    /// Free text of the file's header, often empty.
    pub header_text: String,
    /// The channel's name, if the user said it.
    pub asked: Option<String>,
}

/// For each channel of a model the index of its scan, and what a user should know
/// about how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOrder {
    pub scans: Vec<usize>,
    pub notes: Vec<String>,
}

/// Finds the scan of each channel. There must be as many scans as channels.
///
/// Errors: a name that no channel has, or that two scans were given.
pub fn match_channels(
    channels: &[String],
    scans: &[ChannelFacts],
) -> Result<ChannelOrder, EngineError> {
    let mut chosen: Vec<Option<usize>> = vec![None; channels.len()];
    for (index, scan) in scans.iter().enumerate() {
        let Some(asked) = &scan.asked else {
            continue;
        };
        let channel =
            channel_of_name(channels, asked).ok_or_else(|| EngineError::NoSuchChannel {
                name: asked.clone(),
                known: channels.join(", "),
            })?;
        match chosen.get_mut(channel) {
            Some(slot @ None) => *slot = Some(index),
            _ => {
                return Err(EngineError::ChannelTwice {
                    name: asked.clone(),
                });
            }
        }
    }
    let open = |chosen: &[Option<usize>]| -> (Vec<usize>, Vec<usize>) {
        let scans = (0..scans.len()).filter(|s| !chosen.contains(&Some(*s)));
        let channels = (0..channels.len()).filter(|&c| chosen.get(c) == Some(&None));
        (scans.collect(), channels.collect())
    };
    let (open_scans, open_channels) = open(&chosen);
    let mut claims = Vec::new();
    for &scan in &open_scans {
        if let Some(facts) = scans.get(scan)
            && let Some(channel) = channel_of_scan(channels, facts)
            && open_channels.contains(&channel)
        {
            claims.push((channel, scan));
        }
    }
    let unambiguous = claims
        .iter()
        .all(|(channel, _)| claims.iter().filter(|(other, _)| other == channel).count() == 1);
    let mut notes = Vec::new();
    // One that is left over has only one place to go.
    if unambiguous && claims.len() + 1 >= open_scans.len() && !claims.is_empty() {
        for (channel, scan) in claims {
            if let Some(slot) = chosen.get_mut(channel) {
                *slot = Some(scan);
            }
        }
    }
    let (left_scans, left_channels) = open(&chosen);
    if left_scans.len() > 1 {
        notes.push(
            "names of files and headers do not say which scan is which channel, so the order in \
             which they were given decides; say it with --channel NAME=SCAN"
                .to_owned(),
        );
    }
    for (&channel, &scan) in left_channels.iter().zip(&left_scans) {
        if let Some(slot) = chosen.get_mut(channel) {
            *slot = Some(scan);
        }
        if let (Some(name), Some(facts)) = (channels.get(channel), scans.get(scan))
            && let Some(seems) = sequence_of(&facts.file_name)
            && sequence_of(name).is_some_and(|wanted| wanted != seems)
        {
            notes.push(format!(
                "the model wants {name} and was given {}, which by its name is {}",
                facts.file_name,
                seems.label()
            ));
        }
    }
    let scan_of: Vec<usize> = chosen.into_iter().flatten().collect();
    let in_order = scan_of.iter().copied().eq(0..scans.len());
    if channels.len() > 1 && (!in_order || !notes.is_empty()) {
        let pairs: Vec<String> = channels
            .iter()
            .zip(&scan_of)
            .filter_map(|(channel, &scan)| {
                Some(format!("{channel} is {}", scans.get(scan)?.file_name))
            })
            .collect();
        notes.push(format!("channels: {}", pairs.join(", ")));
    }
    Ok(ChannelOrder {
        scans: scan_of,
        notes,
    })
}

/// An MR sequence or another modality that names are known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    T1,
    T1PostContrast,
    T2,
    Flair,
    ProtonDensity,
    Diffusion,
    DiffusionCoefficient,
    Ct,
    Pet,
}

impl Sequence {
    fn label(self) -> &'static str {
        match self {
            Self::T1 => "T1",
            Self::T1PostContrast => "T1 post contrast",
            Self::T2 => "T2",
            Self::Flair => "FLAIR",
            Self::ProtonDensity => "proton density",
            Self::Diffusion => "diffusion weighted",
            Self::DiffusionCoefficient => "ADC",
            Self::Ct => "CT",
            Self::Pet => "PET",
        }
    }
}

/// The words of a name, in small letters.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '+')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The sequence that a name speaks of, if it speaks of one alone.
fn sequence_of(text: &str) -> Option<Sequence> {
    let words = words(text);
    let any = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let post = any(&[
        "t1c",
        "t1ce",
        "t1gd",
        "t1km",
        "t1post",
        "t1postcontrast",
        "t1c+",
        "t1+c",
        "t1wce",
        "t1cw",
        "t1contrast",
        "ct1",
    ]);
    let contrast = any(&[
        "gd",
        "ce",
        "gadolinium",
        "post",
        "postcontrast",
        "contrast",
        "km",
        "enhanced",
        "c+",
        "+c",
    ]) && !any(&["pre", "precontrast", "without", "non", "no", "native"]);
    let t1 = any(&["t1", "t1w", "t1n", "t1weighted", "mprage", "spgr"]);
    let flair = any(&["flair", "t2f", "t2flair", "fl", "flairw"]);
    let t2 = any(&["t2", "t2w", "t2weighted"]);
    let mut found = Vec::new();
    if post || (t1 && contrast) {
        found.push(Sequence::T1PostContrast);
    } else if t1 {
        found.push(Sequence::T1);
    }
    // "T2 FLAIR" is a FLAIR.
    if flair {
        found.push(Sequence::Flair);
    } else if t2 {
        found.push(Sequence::T2);
    }
    for (sequence, names) in [
        (Sequence::ProtonDensity, &["pd", "pdw"][..]),
        (Sequence::Diffusion, &["dwi", "dw", "trace"]),
        (Sequence::DiffusionCoefficient, &["adc"]),
        (Sequence::Ct, &["ct", "ncct", "cta"]),
        (Sequence::Pet, &["pet", "suv", "fdg"]),
    ] {
        if any(names) {
            found.push(sequence);
        }
    }
    match found[..] {
        [alone] => Some(alone),
        _ => None,
    }
}

/// The channel a user means by a name: its own, or one that says the same.
fn channel_of_name(channels: &[String], name: &str) -> Option<usize> {
    let name = name.trim();
    let exact = channels.iter().position(|c| c.eq_ignore_ascii_case(name));
    exact.or_else(|| {
        let wanted = sequence_of(name)?;
        only(channels, |channel| sequence_of(channel) == Some(wanted))
    })
}

/// The channel that a scan's name, else its header, speaks of.
fn channel_of_scan(channels: &[String], scan: &ChannelFacts) -> Option<usize> {
    [&scan.file_name, &scan.header_text]
        .into_iter()
        .find_map(|text| {
            if let Some(sequence) = sequence_of(text) {
                return only(channels, |channel| sequence_of(channel) == Some(sequence));
            }
            // A channel of another kind is known by all words of its name.
            let found = words(text);
            only(channels, |channel| {
                let wanted = words(channel);
                sequence_of(channel).is_none()
                    && !wanted.is_empty()
                    && wanted.iter().all(|word| found.contains(word))
            })
        })
}

/// The only channel that fits.
fn only(channels: &[String], fits: impl Fn(&String) -> bool) -> Option<usize> {
    let mut fitting = (0..channels.len()).filter(|&c| channels.get(c).is_some_and(&fits));
    fitting.next().filter(|_| fitting.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(file_name: &str) -> ChannelFacts {
        ChannelFacts {
            file_name: file_name.to_owned(),
            ..ChannelFacts::default()
        }
    }

    fn brats() -> Vec<String> {
        ["FLAIR", "T1 post contrast", "T1", "T2"]
            .map(str::to_owned)
            .to_vec()
    }

    fn order(names: &[&str]) -> ChannelOrder {
        let scans: Vec<ChannelFacts> = names.iter().map(|name| facts(name)).collect();
        match_channels(&brats(), &scans).unwrap()
    }

    #[test]
    fn usual_names_are_known() {
        for (name, sequence) in [
            (
                "BraTS2021_00002_t1ce.nii.gz",
                Some(Sequence::T1PostContrast),
            ),
            ("BraTS2021_00002_t1.nii.gz", Some(Sequence::T1)),
            ("BraTS-GLI-00002-000-t2f.nii.gz", Some(Sequence::Flair)),
            ("BraTS-GLI-00002-000-t1n.nii.gz", Some(Sequence::T1)),
            (
                "sub-01_ce-gadolinium_T1w.nii.gz",
                Some(Sequence::T1PostContrast),
            ),
            ("sub-01_T1w.nii.gz", Some(Sequence::T1)),
            ("t1_pre_contrast.nii", Some(Sequence::T1)),
            (
                "T1POST_N4_regtoFLAIR_regtoMNI.nii.gz",
                Some(Sequence::T1PostContrast),
            ),
            ("FLAIR_N4_noneck.nii.gz", Some(Sequence::Flair)),
            ("t2_flair.nii", Some(Sequence::Flair)),
            ("T1 post contrast", Some(Sequence::T1PostContrast)),
            ("t1_to_t2.nii", None),
            ("scan.nii.gz", None),
            ("pet1.nii", None),
        ] {
            assert_eq!(sequence_of(name), sequence, "{name}");
        }
    }

    #[test]
    fn any_order_is_put_right_and_said() {
        let found = order(&["a_t1.nii", "a_t1ce.nii", "a_t2.nii", "a_flair.nii"]);
        assert_eq!(found.scans, [3, 1, 0, 2]);
        assert_eq!(
            found.notes,
            [
                "channels: FLAIR is a_flair.nii, T1 post contrast is a_t1ce.nii, T1 is a_t1.nii, T2 is a_t2.nii"
            ]
        );
        let right = order(&["a_flair.nii", "a_t1ce.nii", "a_t1.nii", "a_t2.nii"]);
        assert_eq!(right.scans, [0, 1, 2, 3]);
        assert!(right.notes.is_empty());
        // The one that is left has only one place to go.
        let left = order(&["a_t2.nii", "a_odd.nii", "a_flair.nii", "a_t1gd.nii"]);
        assert_eq!(left.scans, [2, 3, 1, 0]);
    }

    #[test]
    fn what_is_ambiguous_keeps_its_order_and_says_so() {
        for names in [
            ["a.nii", "b.nii", "c.nii", "d.nii"],
            ["t2.nii", "b.nii", "c.nii", "d.nii"],
            ["t1.nii", "x_t1.nii", "t2.nii", "flair.nii"],
        ] {
            let found = order(&names);
            assert_eq!(found.scans, [0, 1, 2, 3]);
            assert!(found.notes[0].contains("order in which they were given"));
        }
        let found = order(&["t2.nii", "b.nii", "c.nii", "d.nii"]);
        assert!(
            found.notes.iter().any(|note| note.contains("wants FLAIR")),
            "{:?}",
            found.notes
        );
        let channels = ["T1".to_owned()];
        let found = match_channels(&channels, &[facts("sub-1_T2w.nii.gz")]).unwrap();
        assert!(found.notes[0].contains("by its name is T2"), "{found:?}");
    }

    #[test]
    fn headers_and_users_decide() {
        let mut scans: Vec<ChannelFacts> = ["1.nii", "2.nii", "3.nii", "4.nii"].map(facts).into();
        for (scan, text) in scans.iter_mut().zip(["T2", "T1", "t1 +c", "flair tse"]) {
            scan.header_text = text.to_owned();
        }
        assert_eq!(
            match_channels(&brats(), &scans).unwrap().scans,
            [3, 2, 1, 0]
        );
        scans[0].asked = Some("t1gd".to_owned());
        scans[2].asked = Some("t2".to_owned());
        assert_eq!(
            match_channels(&brats(), &scans).unwrap().scans,
            [3, 0, 1, 2]
        );
        scans[1].asked = Some("T1 post contrast".to_owned());
        assert!(matches!(
            match_channels(&brats(), &scans),
            Err(EngineError::ChannelTwice { .. })
        ));
        scans[1].asked = Some("CT".to_owned());
        assert!(matches!(
            match_channels(&brats(), &scans),
            Err(EngineError::NoSuchChannel { .. })
        ));
    }

    #[test]
    fn arguments_read() {
        let file: ScanFile = "T1=a=b.nii".parse().unwrap();
        assert_eq!(file.path, PathBuf::from("a=b.nii"));
        assert_eq!((file.channel.as_deref(), file.frame), (Some("T1"), None));
        let file: ScanFile = "T1=scan.nii@3".parse().unwrap();
        assert_eq!(
            (file.path, file.frame),
            (PathBuf::from("scan.nii"), Some(2))
        );
        let file = ScanFile::from(PathBuf::from("scan@0.nii"));
        assert_eq!((file.path, file.frame), (PathBuf::from("scan@0.nii"), None));
        for bad in ["", "T1", "=a.nii", "T1="] {
            assert!(bad.parse::<ScanFile>().is_err(), "{bad}");
        }
    }
}
