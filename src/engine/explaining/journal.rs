//! The log of a running explanation on disk: every evaluation is written as soon as it
//! is made, so that a crash loses none of the hours before it.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::engine::EngineError;
use crate::explain::log::{CoalitionLog, LogHeader, LogWriter};
use crate::explain::{Coalition, Outcome};

/// A log file that grows with the run.
#[derive(Debug)]
pub struct Journal {
    writer: LogWriter<File>,
}

impl Journal {
    /// Goes on with the file of a log if that is what lies there, else starts one with
    /// the header and all records of the log.
    pub fn open(path: &Path, log: &CoalitionLog) -> Result<Self, EngineError> {
        let known = read(path).ok().flatten();
        let same = known.is_some_and(|known| {
            known.header() == log.header() && known.records().starts_with(log.records())
        });
        if same {
            Self::resume(path, log)
        } else {
            Self::start(path, log)
        }
    }

    fn start(path: &Path, log: &CoalitionLog) -> Result<Self, EngineError> {
        let failed = |error| failed(error, path);
        let file = File::create(path).map_err(failed)?;
        let mut writer = LogWriter::start(file, log)?;
        for (coalition, outcome) in log.records() {
            writer.append(coalition, outcome)?;
        }
        Ok(Self { writer })
    }

    /// Goes on after the last whole record.
    fn resume(path: &Path, log: &CoalitionLog) -> Result<Self, EngineError> {
        let failed = |error| failed(error, path);
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
        let end = log.byte_len() as u64;
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        Ok(Self {
            writer: LogWriter::resume(file, log),
        })
    }

    pub fn append(&mut self, coalition: &Coalition, outcome: &Outcome) -> Result<(), EngineError> {
        Ok(self.writer.append(coalition, outcome)?)
    }
}

/// Reads the log of an earlier run, as far as it is whole. `None` if there is none.
pub fn read(path: &Path) -> Result<Option<CoalitionLog>, EngineError> {
    match File::open(path) {
        Ok(file) => {
            let (log, _) = CoalitionLog::read(std::io::BufReader::new(file))?;
            Ok(Some(log))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error, path)),
    }
}

/// An error unless a log was made of the same game, so that its evaluations hold here.
pub fn check_same_game(earlier: &LogHeader, now: &LogHeader) -> Result<(), EngineError> {
    let differs = if earlier.players != now.players || earlier.sizes != now.sizes {
        "the supervoxels or the segmentation"
    } else if earlier.classes != now.classes {
        "the model's classes"
    } else if earlier.seed != now.seed {
        "the seed"
    } else if earlier.parameters != now.parameters {
        "the scan, the weights, the baseline or the method"
    } else {
        return Ok(());
    };
    Err(EngineError::OtherGame { differs })
}

fn failed(error: std::io::Error, path: &Path) -> EngineError {
    EngineError::Write {
        what: "the log of evaluations",
        why: error.to_string(),
        path: PathBuf::from(path),
    }
}
