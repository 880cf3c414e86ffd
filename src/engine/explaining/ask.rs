//! What a user asks about, and the question that it is.

use std::fmt;
use std::str::FromStr;

use glam::DVec3;

use crate::engine::settings::SettingError;
use crate::engine::{EngineError, Players, Segmentation, Study};
use crate::explain::{ExplainError, Question, Sizes, Target, ValueFunction};
use crate::model::TargetMasks;

/// What a user wants explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Index of the class; `None` means the class that is there, or every class.
    pub class: Option<usize>,
    pub part: Part,
    pub value_function: ValueFunction,
}

/// Which part of a class.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// One connected part by its size: 1 is the largest.
    Component(usize),
    /// The connected part at a world point; where the class is not, the supervoxel there.
    At(DVec3),
    /// The voxels of some supervoxels, whether the class is there or not.
    Players(Vec<usize>),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Component(number) => write!(f, "component {number}"),
            Self::At(DVec3 { x, y, z }) => write!(f, "at {x},{y},{z}"),
            Self::Players(players) => {
                let numbers: Vec<String> = players.iter().map(|p| (p + 1).to_string()).collect();
                write!(f, "supervoxels {}", numbers.join(","))
            }
        }
    }
}

impl FromStr for Part {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let bad = || {
            SettingError::new(
                "the part of a class",
                text,
                "whole, component 1, at -25,-18,-20 or supervoxels 3,8",
            )
        };
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let numbers = rest.split(',').map(str::trim);
        match kind {
            "whole" if rest.is_empty() => Ok(Self::Whole),
            "component" => rest.parse().map(Self::Component).map_err(|_| bad()),
            "at" => {
                let place: Vec<f64> = numbers
                    .map(|number| number.parse().ok().filter(|v: &f64| v.is_finite()))
                    .collect::<Option<_>>()
                    .ok_or_else(bad)?;
                let place: [f64; 3] = place.try_into().map_err(|_| bad())?;
                Ok(Self::At(place.into()))
            }
            "supervoxels" => numbers
                .map(|number| number.parse::<usize>().ok()?.checked_sub(1))
                .collect::<Option<_>>()
                .map(Self::Players)
                .ok_or_else(bad),
            _ => Err(bad()),
        }
    }
}

/// What there is to ask about.
pub(super) struct Subject<'a> {
    pub study: &'a Study,
    pub segmentation: &'a Segmentation,
    pub players: &'a Players,
    pub targets: &'a TargetMasks,
    pub sizes: &'a Sizes,
}

impl Ask {
    /// The questions that this is: one, or for all of every class one a class that was
    /// found.
    ///
    /// Errors: nothing there, or no such part.
    pub(super) fn questions(&self, subject: &Subject<'_>) -> Result<Vec<Question>, EngineError> {
        match (&self.part, self.class) {
            (Part::Whole, None) => self.every_class(subject),
            _ => Ok(vec![self.question(subject)?]),
        }
    }

    /// The one question that this is; of all of every class, the first.
    pub(super) fn question(&self, subject: &Subject<'_>) -> Result<Question, EngineError> {
        let target = match (&self.part, self.class) {
            (Part::Whole, Some(class)) => Target::Class(class),
            (Part::Whole, None) => {
                let every = self.every_class(subject)?;
                return every
                    .into_iter()
                    .next()
                    .ok_or_else(|| nothing(subject, None));
            }
            (Part::Component(number), class) => {
                let class = class.ok_or(EngineError::WhichClass)?;
                let index = number.checked_sub(1).ok_or(ExplainError::NoSuchTarget)?;
                let component = subject.sizes.components_of(class).nth(index);
                Target::Component(component.ok_or_else(|| EngineError::NoSuchPart {
                    class: subject.study.class_name(class).to_owned(),
                    parts: subject.sizes.components_of(class).count(),
                })?)
            }
            (Part::At(world_mm), class) => target_at(*world_mm, class, subject)?,
            (Part::Players(players), class) => Target::Places {
                class: class.ok_or(EngineError::WhichClass)?,
                players: players.clone(),
            },
        };
        if target.voxels(subject.sizes) == 0 {
            return Err(nothing(subject, target.class(subject.sizes)));
        }
        Ok(self.of(target))
    }

    fn every_class(&self, subject: &Subject<'_>) -> Result<Vec<Question>, EngineError> {
        let found = |class: &usize| subject.sizes.classes.get(*class).is_some_and(|&v| v > 0);
        let classes = subject.study.foreground().filter(found);
        let questions: Vec<Question> = classes.map(|class| self.of(Target::Class(class))).collect();
        if questions.is_empty() {
            return Err(nothing(subject, None));
        }
        Ok(questions)
    }

    fn of(&self, target: Target) -> Question {
        Question {
            value_function: suiting(self.value_function, &target),
            target,
        }
    }
}

/// The value function for a target when another was chosen: places have no overlap, so
/// their mean probability is asked for instead.
fn suiting(value_function: ValueFunction, target: &Target) -> ValueFunction {
    match target {
        Target::Places { .. } if !value_function.suits_places() => ValueFunction::MeanProbability,
        _ => value_function,
    }
}

fn nothing(subject: &Subject<'_>, class: Option<usize>) -> EngineError {
    let class = match class {
        Some(class) => subject.study.class_name(class).to_owned(),
        None => "structure".to_owned(),
    };
    EngineError::EmptyTarget { class }
}

/// The connected part at a point, of the class asked for or of the one that is there;
/// else the supervoxel there.
fn target_at(
    world_mm: DVec3,
    class: Option<usize>,
    subject: &Subject<'_>,
) -> Result<Target, EngineError> {
    let grid = &subject.segmentation.prepared.grid;
    let outside = || EngineError::NothingAt {
        world_mm: world_mm.to_array(),
    };
    let [x, y, z] = grid.nearest_voxel(world_mm).ok_or_else(outside)?;
    let components = subject.targets.components();
    let part_of = |class: usize| {
        let number = components.get([class, x, y, z]).copied().unwrap_or(0);
        (number as usize).checked_sub(1)
    };
    let classes: Vec<usize> = match class {
        Some(class) => vec![class],
        None => subject.study.foreground().collect(),
    };
    if let Some(component) = classes.iter().find_map(|&class| part_of(class)) {
        return Ok(Target::Component(component));
    }
    let player = subject.players.player_at(world_mm).ok_or_else(outside)?;
    Ok(Target::Places {
        class: class.ok_or(EngineError::WhichClass)?,
        players: vec![player],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_and_write() {
        for (text, part) in [
            ("whole", Part::Whole),
            ("component 2", Part::Component(2)),
            ("at -25.5,0,3", Part::At(DVec3::new(-25.5, 0.0, 3.0))),
            ("supervoxels 1,9", Part::Players(vec![0, 8])),
        ] {
            assert_eq!(text.parse(), Ok(part.clone()));
            assert_eq!(part.to_string(), text);
        }
        for bad in [
            "",
            "component",
            "component x",
            "at 1,2",
            "at 1,2,nan",
            "supervoxels 0",
        ] {
            assert!(bad.parse::<Part>().is_err(), "{bad}");
        }
    }
}
