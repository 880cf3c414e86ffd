//! Several explanations beside each other.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::Evaluated;
use crate::engine::evidence::Evidence;
use crate::engine::folder;
use crate::io::atomic::write_bytes;

/// Tables over all folders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Cohort {
    pub folders: usize,
    /// Where relevance lies, and how the evidence went, for each class.
    pub classes: Vec<ClassRow>,
    /// Overlap of the masks of two folders of the same scan and class.
    pub masks: Vec<MaskPair>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ClassRow {
    pub class: String,
    pub folders: usize,
    /// By name; what no folder has is left out.
    pub measures: Vec<(String, Spread)>,
}

/// Mean and standard deviation (n − 1) over folders.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub mean: f64,
    /// `None` for one folder.
    pub standard_deviation: Option<f64>,
    pub folders: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct MaskPair {
    pub class: String,
    pub folders: [String; 2],
    /// 2·|A∩B| / (|A|+|B|) over voxels.
    pub dice: Option<f64>,
}

/// A measure by its name, read off an answer.
type Measure = (&'static str, fn(&Evidence) -> Option<f64>);

const MEASURES: [Measure; 12] = [
    ("share of |SHAP| inside the target", |e| {
        Some(e.place.as_ref()?.shares?.inside)
    }),
    ("share within 10 mm of it", |e| {
        Some(e.place.as_ref()?.shares?.near)
    }),
    ("share farther away", |e| {
        Some(e.place.as_ref()?.shares?.far)
    }),
    ("insertion area, by volume", |e| {
        Some(e.curves.as_ref()?.areas?.insertion.by_volume)
    }),
    ("deletion area, by volume", |e| {
        Some(e.curves.as_ref()?.areas?.deletion.by_volume)
    }),
    ("Dice, only the mask kept", |e| {
        e.mask.as_ref()?.kept.class(e.class)?.dice
    }),
    ("Dice, the mask removed", |e| {
        e.mask.as_ref()?.removed.class(e.class)?.dice
    }),
    ("mask, share of the volume", |e| {
        Some(e.mask.as_ref()?.volume_share)
    }),
    ("smallest sufficient part, mL", |e| {
        Some(e.minimal.as_ref()?.sufficient.as_ref()?.volume_mm3 / 1000.0)
    }),
    ("smallest necessary part, mL", |e| {
        Some(e.minimal.as_ref()?.necessary.as_ref()?.volume_mm3 / 1000.0)
    }),
    ("prediction of held-out runs", |e| {
        let fit = e.fit.as_ref()?;
        fit.from_log
            .as_ref()
            .or(fit.from_other_runs.as_ref())?
            .correlation
    }),
    ("Gini index of |SHAP|", |e| {
        Some(e.place.as_ref()?.sparsity?.gini)
    }),
];

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (!values.is_empty()).then(|| Self {
            mean,
            standard_deviation: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()),
            folders: values.len(),
        })
    }
}

impl Cohort {
    pub(super) fn of(evaluated: &[Evaluated]) -> Self {
        let mut by_class: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
        for answer in evaluated.iter().flat_map(|found| &found.report.answers) {
            by_class
                .entry(answer.class_name.as_str())
                .or_default()
                .push(answer);
        }
        let row = |(class, answers): (&str, Vec<&Evidence>)| ClassRow {
            class: class.to_owned(),
            folders: answers.len(),
            measures: MEASURES
                .iter()
                .filter_map(|(name, read)| {
                    let values: Vec<f64> = answers.iter().filter_map(|e| read(e)).collect();
                    Some(((*name).to_owned(), Spread::of(&values)?))
                })
                .collect(),
        };
        Self {
            folders: evaluated.len(),
            classes: by_class.into_iter().map(row).collect(),
            masks: mask_pairs(evaluated),
        }
    }

    pub(super) fn lines(&self) -> String {
        let mut lines = format!("{} explanations, mean ± standard deviation\n", self.folders);
        for row in &self.classes {
            lines += &format!("{} ({} folders)\n", row.class, row.folders);
            for (name, spread) in &row.measures {
                let deviation = spread.standard_deviation;
                let deviation = deviation.map_or_else(String::new, |d| format!(" ± {d:.3}"));
                lines += &format!("  {name:<36} {:.3}{deviation}\n", spread.mean);
            }
        }
        for pair in &self.masks {
            let dice = pair.dice;
            let dice = dice.map_or_else(|| "both empty".to_owned(), |d| format!("{d:.3}"));
            let [a, b] = &pair.folders;
            lines += &format!("masks of {}, {a} and {b}: overlap {dice}\n", pair.class);
        }
        lines
    }

    /// `cohort.json` and `cohort.csv`.
    pub(super) fn write(&self, out: &Path) -> anyhow::Result<()> {
        folder::create(out)?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        write_bytes(&out.join("cohort.json"), json.as_bytes())?;
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["class", "measure", "mean", "standard_deviation", "folders"])?;
        for row in &self.classes {
            for (name, spread) in &row.measures {
                let deviation = spread.standard_deviation;
                csv.write_record([
                    &row.class,
                    name,
                    &spread.mean.to_string(),
                    &deviation.map(|d| d.to_string()).unwrap_or_default(),
                    &spread.folders.to_string(),
                ])?;
            }
        }
        let bytes = csv.into_inner().map_err(|e| e.into_error())?;
        Ok(write_bytes(&out.join("cohort.csv"), &bytes)?)
    }
}

/// The masks of each class of each two folders of the same scan.
fn mask_pairs(evaluated: &[Evaluated]) -> Vec<MaskPair> {
    let mut pairs = Vec::new();
    for (at, first) in evaluated.iter().enumerate() {
        for second in evaluated.iter().skip(at + 1) {
            if first.explanation.study.scan.inputs != second.explanation.study.scan.inputs {
                continue;
            }
            for own in &first.report.answers {
                let other = second.report.answers.iter().find(|e| e.class == own.class);
                let other = other.and_then(|other| mask_voxels(second, other));
                if let (Some(a), Some(b)) = (mask_voxels(first, own), other) {
                    pairs.push(MaskPair {
                        class: own.class_name.clone(),
                        folders: [first, second].map(|f| f.folder.display().to_string()),
                        dice: dice(&a, &b),
                    });
                }
            }
        }
    }
    pairs
}

/// The mask of an answer on the whole scan.
fn mask_voxels(found: &Evaluated, answer: &Evidence) -> Option<Vec<bool>> {
    let mask = &answer.mask.as_ref()?.mask;
    let explanation = &found.explanation;
    let study = &explanation.study;
    let grid = study.first_channel().grid();
    let labels = explanation.players.labels.embed(grid, &study.part)?;
    let inside = |label: u16| {
        let player = usize::from(label).checked_sub(1)?;
        mask.get(player).copied()
    };
    let labels = labels.labels().iter();
    Some(labels.map(|&l| inside(l).unwrap_or(false)).collect())
}

fn dice(a: &[bool], b: &[bool]) -> Option<f64> {
    let count = |v: &[bool]| v.iter().filter(|&&inside| inside).count();
    let both = a.iter().zip(b).filter(|&(&a, &b)| a && b).count();
    let total = count(a) + count(b);
    (total > 0).then(|| 2.0 * both as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_of_none_one_and_several() {
        assert_eq!(Spread::of(&[]), None);
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.mean, one.standard_deviation), (0.5, None));
        let two = Spread::of(&[1.0, 3.0]).unwrap();
        assert_eq!(
            (two.mean, two.standard_deviation),
            (2.0, Some(2_f64.sqrt()))
        );
        assert_eq!(dice(&[true, false], &[true, true]), Some(2.0 / 3.0));
        assert_eq!(dice(&[false], &[false]), None);
    }
}
