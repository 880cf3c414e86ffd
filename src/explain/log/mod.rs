//! The append-only record of every coalition that was run and what came out.
//!
//! A `.voxlog` file is, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | signature `VOXLOG\r\n` |
//! | 4 | format version |
//! | 4 | length L of the header |
//! | L | the header, JSON ([`LogHeader`]) |
//! | 16 | blake3 of everything before, cut to 16 bytes |
//! | R each | records: the coalition's words (`⌈players/64⌉` × u64), six f64 sums a class, four a connected part, four f32 sums a place, 8 bytes of checksum |
//!
//! A record's checksum is the blake3 of its number (u64) and its bytes, cut to 8
//! bytes, so a record that is damaged, doubled or out of place does not pass.
//! Records are written whole and in order; a crash can only lose the last one.

mod format;

use std::io::{Read, Write};

use super::outcome::{ClassSums, Outcome, PartSums, Sizes};
use super::{Coalition, ExplainError, MAX_PLAYERS};
use format::{HEADER_CHECK_LEN, RECORD_CHECK_LEN, SIGNATURE, parse_header, parse_record};

pub use format::LogWriter;

const MAX_CLASSES: usize = u16::MAX as usize;
/// Longer records than this are not made.
const MAX_RECORD_LEN: usize = 1 << 30;

/// What a log is about: enough to value its outcomes and to replay its sampling.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LogHeader {
    pub players: usize,
    /// Names of the classes, in the order of the sums.
    pub classes: Vec<String>,
    /// Seed of the sampler that chose the coalitions.
    pub seed: u64,
    /// Sizes of the frozen targets and of what else is summed over.
    pub sizes: Sizes,
    /// Whatever else the writer wants to keep (method, baseline, hashes, versions).
    pub parameters: serde_json::Value,
}

impl LogHeader {
    /// `check` has made sure that this does not overflow.
    fn record_len(&self) -> usize {
        let words = self.players.div_ceil(64);
        let sums =
            ClassSums::LEN * self.classes.len() + PartSums::LEN * self.sizes.components.len();
        let places = PartSums::LEN * self.sizes.place_count();
        8 * (words + sums) + size_of::<f32>() * places + RECORD_CHECK_LEN
    }

    fn record_is_short(&self) -> bool {
        let places = (self.sizes.place_classes.len()).checked_mul(self.sizes.place_voxels.len());
        let sums = places.and_then(|n| n.checked_add(2 * self.sizes.components.len()));
        sums.is_some_and(|n| n <= MAX_RECORD_LEN / 16)
    }

    fn names_own_classes(&self) -> bool {
        let parts = self.sizes.components.iter().map(|part| part.class);
        parts
            .chain(self.sizes.place_classes.iter().copied())
            .all(|class| class < self.classes.len())
    }

    fn check(&self) -> Result<(), ExplainError> {
        let problem = if !(1..=MAX_PLAYERS).contains(&self.players) {
            "the number of players is out of range"
        } else if self.classes.is_empty() || self.classes.len() > MAX_CLASSES {
            "the number of classes is out of range"
        } else if self.sizes.classes.len() != self.classes.len() {
            "there is not one target size a class"
        } else if !self.names_own_classes() {
            "it speaks of a class that is not there"
        } else if !matches!(self.sizes.place_voxels.len(), 0)
            && self.sizes.place_voxels.len() != self.players + 1
        {
            "there is not one place a player"
        } else if !self.record_is_short() {
            "its records are too long"
        } else {
            return Ok(());
        };
        Err(ExplainError::LogHeader(problem.to_owned()))
    }
}

/// How the records of a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// After a whole record.
    Clean,
    /// Inside the last record, as after a crash while writing; it was left out.
    Torn { ignored_bytes: usize },
    /// A record before the last does not match its checksum; it and all after it
    /// were left out.
    Damaged { record: usize, ignored_bytes: usize },
}

/// A log in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct CoalitionLog {
    header: LogHeader,
    /// The header as it was read or first written, so that a copy is byte for byte the same.
    header_json: Vec<u8>,
    records: Vec<(Coalition, Outcome)>,
}

impl CoalitionLog {
    pub fn new(header: LogHeader) -> Result<Self, ExplainError> {
        header.check()?;
        let header_json = serde_json::to_vec(&header)
            .map_err(|error| ExplainError::LogHeader(error.to_string()))?;
        Ok(Self {
            header,
            header_json,
            records: Vec::new(),
        })
    }

    pub fn header(&self) -> &LogHeader {
        &self.header
    }

    /// Every evaluation, in the order in which it was made.
    pub fn records(&self) -> &[(Coalition, Outcome)] {
        &self.records
    }

    pub fn append(&mut self, coalition: Coalition, outcome: Outcome) -> Result<(), ExplainError> {
        check_record(&self.header, &coalition, &outcome)?;
        self.records.push((coalition, outcome));
        Ok(())
    }

    /// Writes the whole log.
    pub fn write(&self, output: impl Write) -> Result<(), ExplainError> {
        let mut writer = LogWriter::start(output, self)?;
        for (coalition, outcome) in &self.records {
            writer.append(coalition, outcome)?;
        }
        writer.flush()
    }

    /// Reads a log up to its end or to the first record that is not whole, and says
    /// which. A foreign file or a damaged header is an error.
    pub fn read(mut input: impl Read) -> Result<(Self, LogEnd), ExplainError> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        let (header, header_json, records_at) = parse_header(&bytes)?;
        let mut log = Self {
            header,
            header_json,
            records: Vec::new(),
        };
        let mut rest = bytes.get(records_at..).unwrap_or_default();
        let record_len = log.header.record_len();
        while let Some((record, after)) = rest.split_at_checked(record_len) {
            let Some(parsed) = parse_record(&log.header, log.records.len(), record) else {
                break;
            };
            log.records.push(parsed);
            rest = after;
        }
        let ignored_bytes = rest.len();
        let end = if rest.is_empty() {
            LogEnd::Clean
        } else if ignored_bytes <= record_len {
            LogEnd::Torn { ignored_bytes }
        } else {
            LogEnd::Damaged {
                record: log.records.len(),
                ignored_bytes,
            }
        };
        Ok((log, end))
    }

    /// Length in bytes of a file that holds this log and nothing else. A torn file
    /// is cut to this length before [`LogWriter::resume`] appends to it.
    pub fn byte_len(&self) -> usize {
        let header = SIGNATURE.len() + 8 + self.header_json.len() + HEADER_CHECK_LEN;
        header + self.records.len() * self.header.record_len()
    }
}

fn check_record(
    header: &LogHeader,
    coalition: &Coalition,
    outcome: &Outcome,
) -> Result<(), ExplainError> {
    super::game::check_players(coalition.players(), header.players)?;
    header.sizes.check(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::outcome::ComponentSize;
    use proptest::prelude::*;

    fn sample(players: usize, records: usize) -> CoalitionLog {
        let mut log = CoalitionLog::new(LogHeader {
            players,
            classes: vec!["anterior".into(), "posterior".into()],
            seed: 7,
            sizes: Sizes {
                classes: vec![10, 20],
                components: vec![ComponentSize {
                    class: 1,
                    voxels: 20,
                }],
                place_classes: vec![0],
                place_voxels: vec![2; players + 1],
                voxel_volume_mm3: 0.1 + 0.2,
            },
            parameters: serde_json::json!({"baseline": "mean", "sigma": 1.1}),
        })
        .unwrap();
        for record in 0..records {
            let mut coalition = Coalition::empty(players);
            coalition.insert(record % players);
            let odd = record as f64 / 3.0;
            let outcome = Outcome {
                classes: vec![
                    ClassSums::from_array([odd, f64::NAN, -0.0, 1e-300, 5.0, 6.0]),
                    ClassSums::default(),
                ],
                components: vec![PartSums::from_array([odd, f64::INFINITY, -0.0, 3.0])],
                places: vec![[odd as f32, f32::NAN, 1e-30, 2.0]; players + 1],
            };
            log.append(coalition, outcome).unwrap();
        }
        log
    }

    fn bytes_of(log: &CoalitionLog) -> Vec<u8> {
        let mut bytes = Vec::new();
        log.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn reads_back_byte_for_byte() {
        let bytes = bytes_of(&sample(70, 9));
        let (log, end) = CoalitionLog::read(&bytes[..]).unwrap();
        assert_eq!((log.records().len(), end), (9, LogEnd::Clean));
        assert_eq!(bytes_of(&log), bytes);
        assert_eq!(log.byte_len(), bytes.len());
    }

    #[test]
    fn a_torn_log_is_read_to_its_last_whole_record_and_continued() {
        let whole = bytes_of(&sample(70, 9));
        for cut in [1, 50, sample(70, 9).header.record_len() - 1] {
            let torn = &whole[..whole.len() - cut];
            let (log, end) = CoalitionLog::read(torn).unwrap();
            let ignored_bytes = log.header.record_len() - cut;
            assert_eq!(
                (log.records().len(), end),
                (8, LogEnd::Torn { ignored_bytes })
            );

            let mut repaired = torn[..log.byte_len()].to_vec();
            let mut writer = LogWriter::resume(&mut repaired, &log);
            let (coalition, outcome) = &sample(70, 9).records[8];
            writer.append(coalition, outcome).unwrap();
            assert_eq!(repaired, whole);
        }
    }

    #[test]
    fn damage_is_named() {
        let log = sample(70, 9);
        let whole = bytes_of(&log);
        let record_len = log.header.record_len();
        let mut damaged = whole.clone();
        damaged[whole.len() - 3 * record_len] ^= 1;
        let (kept, end) = CoalitionLog::read(&damaged[..]).unwrap();
        assert_eq!(kept.records().len(), 6);
        assert_eq!(
            end,
            LogEnd::Damaged {
                record: 6,
                ignored_bytes: 3 * record_len
            }
        );

        let mut swapped = whole.clone();
        let (first, second) = (whole.len() - 3 * record_len, whole.len() - 2 * record_len);
        swapped[first..second].copy_from_slice(&whole[second..second + record_len]);
        swapped[second..second + record_len].copy_from_slice(&whole[first..second]);
        let (kept, end) = CoalitionLog::read(&swapped[..]).unwrap();
        assert_eq!(kept.records().len(), 6);
        assert!(matches!(end, LogEnd::Damaged { record: 6, .. }));

        let read = |bytes: &[u8]| CoalitionLog::read(bytes).unwrap_err();
        assert!(matches!(read(b"\x1f\x8b gzip"), ExplainError::NotALog));
        assert!(matches!(read(&whole[..40]), ExplainError::LogHeader(_)));
        let mut newer = whole.clone();
        newer[8] = 3;
        assert!(matches!(read(&newer), ExplainError::LogVersion(3, 2)));
        let mut header = whole;
        header[20] ^= 0x20;
        assert!(matches!(read(&header), ExplainError::LogHeader(_)));
    }

    #[test]
    fn records_of_another_game_are_refused() {
        let mut log = sample(3, 0);
        let other = log.append(Coalition::empty(4), Outcome::default());
        assert!(matches!(
            other,
            Err(ExplainError::WrongPlayers {
                found: 4,
                expected: 3
            })
        ));
        let short = log.append(Coalition::empty(3), Outcome::default());
        assert!(matches!(
            short,
            Err(ExplainError::OutcomeLayout {
                found: [0, 0, 0],
                expected: [2, 1, 4]
            })
        ));
    }

    proptest! {
        #[test]
        fn any_change_keeps_a_prefix_or_is_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let log = sample(70, 6);
            let mut bytes = bytes_of(&log);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Ok((read, _)) = CoalitionLog::read(&bytes[..]) {
                let records: Vec<_> = read.records().iter().map(|r| r.0.clone()).collect();
                let original: Vec<_> = log.records.iter().map(|r| r.0.clone()).collect();
                prop_assert!(original.starts_with(&records));
            }
        }
    }
}
