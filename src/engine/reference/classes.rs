//! Which values of a reference stand for which classes of a model.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::listed;
use crate::engine::{EngineError, Study};
use crate::model::{Activation, BundleDescription};

/// What a user says of a reference's values: each value with the name of a class. Empty
/// where nothing was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceClasses(Vec<(u16, String)>);

impl FromStr for ReferenceClasses {
    type Err = String;

    /// `1=anterior,2=posterior`. A value may stand for several classes that overlap, and
    /// a class may have several values.
    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |part: &str| {
            let (value, class) = part.split_once('=')?;
            let (value, class) = (value.trim().parse().ok()?, class.trim());
            (value > 0 && !class.is_empty()).then(|| (value, class.to_owned()))
        };
        text.split(',')
            .map(pair)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| {
                "write each value of the reference, from 1 to 65535, with the class it stands for, \
                 as in 1=anterior,2=posterior"
                    .to_owned()
            })
    }
}

/// The values of each class, and what a user should know of how they were found.
pub(super) struct ClassValues {
    /// For each class of the model, ascending; none for the background and for classes
    /// that the reference does not know.
    pub values: Vec<Vec<u16>>,
    pub notes: Vec<String>,
}

impl ClassValues {
    /// By what the user says; else, where the model's classes are the regions of BraTS, by
    /// its labels; else each class has the value that stands for it in segmentations of
    /// the model. `present` are the values of the reference besides 0.
    ///
    /// Errors: a name that no class has; values that mean one thing in one year of BraTS
    /// and another in the next; values of which none stands for a class.
    pub fn new(
        study: &Study,
        said: &ReferenceClasses,
        present: &BTreeSet<u16>,
    ) -> Result<Self, EngineError> {
        let description = study.bundle.description();
        let mut notes = Vec::new();
        let values = if !said.0.is_empty() {
            by_name(study, &said.0)?
        } else if let Some(regions) = brats_regions(description) {
            let enhancing = enhancing_value(present)?;
            let values: Vec<Vec<u16>> = regions
                .into_iter()
                .map(|region| region.values(enhancing))
                .collect();
            notes.push(brats_note(description, &values));
            values
        } else {
            let own = |class| u16::try_from(description.label_of_class(class)).ok();
            (0..description.classes.len())
                .map(|class| own(class).filter(|&label| label > 0).into_iter().collect())
                .collect()
        };
        let known: BTreeSet<u16> = values.iter().flatten().copied().collect();
        let unknown: Vec<u16> = present.difference(&known).copied().collect();
        if !unknown.is_empty() && unknown.len() == present.len() {
            return Err(EngineError::ReferenceValues {
                values: listed(&unknown),
            });
        }
        if !unknown.is_empty() {
            let (values, stand) = match unknown[..] {
                [_] => ("value", "stands for no class of the model and counts"),
                _ => ("values", "stand for no class of the model and count"),
            };
            notes.push(format!(
                "the reference also holds the {values} {}, which {stand} as background",
                listed(&unknown)
            ));
        }
        Ok(Self { values, notes })
    }
}

fn by_name(study: &Study, said: &[(u16, String)]) -> Result<Vec<Vec<u16>>, EngineError> {
    let mut values = vec![BTreeSet::new(); study.classes().len()];
    for (value, name) in said {
        let class = study
            .class_index(name)
            .or_else(|error| class_of_part(study, name).ok_or(error))?;
        if let Some(values) = values.get_mut(class) {
            values.insert(*value);
        }
    }
    let sorted = values
        .into_iter()
        .map(|values| values.into_iter().collect());
    Ok(sorted.collect())
}

/// The only class with a word of its name, as `anterior` for `anterior hippocampus`.
fn class_of_part(study: &Study, part: &str) -> Option<usize> {
    let mut found = study.foreground().filter(|&class| {
        let mut words = study.class_name(class).split_whitespace();
        words.any(|word| word.eq_ignore_ascii_case(part))
    });
    found.next().filter(|_| found.next().is_none())
}

/// The three regions of the Brain Tumor Segmentation challenge, of which each contains
/// the next: whole tumour, tumour core, enhancing tumour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BratsRegion {
    Core,
    Whole,
    Enhancing,
}

impl BratsRegion {
    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let words: Vec<&str> = name
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let any = |known: &[&str]| words.iter().any(|word| known.contains(word));
        let tumour = any(&["tumour", "tumor"]);
        let found = [
            (
                Self::Core,
                any(&["tc"]) || tumour && any(&["core"]) && !any(&["enhancing"]),
            ),
            (Self::Whole, any(&["wt"]) || tumour && any(&["whole"])),
            (
                Self::Enhancing,
                any(&["et"]) || tumour && any(&["enhancing"]) && !any(&["non", "core"]),
            ),
        ];
        let mut found = found.into_iter().filter(|(_, fits)| *fits);
        let (region, _) = found.next()?;
        found.next().is_none().then_some(region)
    }

    /// The labels inside the region: 1 necrotic core, 2 oedema, and one for the enhancing
    /// tumour.
    fn values(self, enhancing: u16) -> Vec<u16> {
        match self {
            Self::Core => vec![1, enhancing],
            Self::Whole => vec![1, 2, enhancing],
            Self::Enhancing => vec![enhancing],
        }
    }
}

/// The region of each class, if the model's classes are those of BraTS.
fn brats_regions(description: &BundleDescription) -> Option<Vec<BratsRegion>> {
    let regions: Vec<BratsRegion> = description
        .classes
        .iter()
        .map(|class| BratsRegion::of_name(&class.name))
        .collect::<Option<_>>()?;
    let each_once = [
        BratsRegion::Core,
        BratsRegion::Whole,
        BratsRegion::Enhancing,
    ]
    .iter()
    .all(|region| regions.contains(region));
    let overlapping = description.activation == Activation::Sigmoid;
    (overlapping && each_once && regions.len() == 3).then_some(regions)
}

/// The label of the enhancing tumour: 4 until BraTS 2021, 3 from 2023 on. Where both are
/// there, one of them is something else: a resection cavity, or a core without
/// enhancement.
fn enhancing_value(present: &BTreeSet<u16>) -> Result<u16, EngineError> {
    match (present.contains(&3), present.contains(&4)) {
        (true, true) => Err(EngineError::AmbiguousReference),
        (true, false) => Ok(3),
        (false, _) => Ok(4),
    }
}

fn brats_note(description: &BundleDescription, values: &[Vec<u16>]) -> String {
    let regions: Vec<String> = description
        .classes
        .iter()
        .zip(values)
        .map(|(class, values)| format!("{} is {}", class.name, listed(values)))
        .collect();
    format!(
        "the reference's labels are read as those of BraTS, whose regions overlap: {}",
        regions.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Preset;

    #[test]
    fn arguments_read() {
        let read: ReferenceClasses = "1=anterior, 2 = posterior hippocampus,7=2".parse().unwrap();
        assert_eq!(
            read.0,
            [
                (1, "anterior".to_owned()),
                (2, "posterior hippocampus".to_owned()),
                (7, "2".to_owned())
            ]
        );
        for bad in [
            "",
            "1",
            "1=",
            "0=background",
            "-1=a",
            "1.5=a",
            "65536=a",
            "1=a,",
        ] {
            assert!(bad.parse::<ReferenceClasses>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_regions_of_brats_are_known_by_name_where_they_may_overlap() {
        let mut description = Preset::named("brats21").unwrap().description;
        let regions = brats_regions(&description).unwrap();
        // Channels TC, WT, ET and labels 1 necrosis, 2 oedema, 4 enhancing, as in MONAI's
        // ConvertToMultiChannelBasedOnBratsClasses.
        let values: Vec<_> = regions.iter().map(|region| region.values(4)).collect();
        assert_eq!(values, [vec![1, 4], vec![1, 2, 4], vec![4]]);
        for (class, name) in ["ET", "Tumor core", "Whole tumor"].into_iter().enumerate() {
            description.classes[class].name = name.to_owned();
        }
        let regions = brats_regions(&description).unwrap();
        assert_eq!(regions[0].values(3), [3]);
        assert_eq!(regions[2].values(3), [1, 2, 3]);
        description.activation = Activation::Softmax;
        assert_eq!(brats_regions(&description), None);
        for name in [
            "oedema",
            "non-enhancing tumour",
            "enhancing tumour core",
            "wt et",
        ] {
            assert_eq!(BratsRegion::of_name(name), None, "{name}");
        }
        assert_eq!(
            brats_regions(&Preset::named("btcv").unwrap().description),
            None
        );
    }

    #[test]
    fn the_enhancing_label_is_that_of_the_year() {
        let of = |values: &[u16]| enhancing_value(&values.iter().copied().collect());
        assert_eq!(of(&[1, 2, 4]).unwrap(), 4);
        assert_eq!(of(&[1, 2, 3]).unwrap(), 3);
        assert_eq!(of(&[1, 2]).unwrap(), 4);
        assert!(matches!(
            of(&[1, 2, 3, 4]),
            Err(EngineError::AmbiguousReference)
        ));
    }
}
