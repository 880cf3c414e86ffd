//! Scans that were opened before.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::{ModelSource, ScanFile};

use super::Settings;

/// Most scans that are remembered.
pub(super) const MOST: usize = 10;

/// A scan with the model it was opened with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentScan {
    pub files: Vec<RecentFile>,
    pub model: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
}

/// One channel of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentFile {
    pub path: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<usize>,
}

impl RecentScan {
    pub fn new(files: &[ScanFile], model: &ModelSource) -> Self {
        let full = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Self {
            files: files
                .iter()
                .map(|file| RecentFile {
                    path: full(&file.path),
                    channel: file.channel.clone(),
                    frame: file.frame,
                })
                .collect(),
            model: full(&model.path),
            preset: model.preset.clone(),
        }
    }

    pub fn scan(&self) -> Vec<ScanFile> {
        self.files
            .iter()
            .map(|file| ScanFile {
                path: file.path.clone(),
                channel: file.channel.clone(),
                frame: file.frame,
            })
            .collect()
    }

    pub fn model(&self) -> ModelSource {
        ModelSource {
            preset: self.preset.clone(),
            ..ModelSource::at(self.model.clone())
        }
    }

    /// Name of the first file, and how many more there are.
    pub fn label(&self) -> String {
        let Some(first) = self.files.first() else {
            return String::new();
        };
        let name = first.path.file_name().map_or_else(
            || first.path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        match self.files.len() {
            0 | 1 => name,
            count => format!("{name} and {} more", count - 1),
        }
    }

    /// The folder of the first file.
    pub fn folder(&self) -> String {
        self.files
            .first()
            .and_then(|file| file.path.parent())
            .map(|folder| folder.display().to_string())
            .unwrap_or_default()
    }
}

impl Settings {
    /// Puts a scan at the head of the list.
    pub fn remember(&mut self, scan: RecentScan) {
        if scan.files.is_empty() {
            return;
        }
        self.recent.retain(|known| known.files != scan.files);
        self.recent.insert(0, scan);
        self.recent.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(name: &str) -> RecentScan {
        let files = [ScanFile::from(PathBuf::from(name))];
        RecentScan::new(&files, &ModelSource::at("model"))
    }

    #[test]
    fn the_newest_comes_first_and_none_twice() {
        let mut settings = Settings::default();
        for number in 0..15 {
            settings.remember(scan(&format!("scan{number}.nii")));
        }
        settings.remember(scan("scan9.nii"));
        let names: Vec<_> = settings.recent.iter().map(RecentScan::label).collect();
        assert_eq!(names.len(), MOST);
        assert_eq!(names[..3], ["scan9.nii", "scan14.nii", "scan13.nii"]);
        assert_eq!(names.iter().filter(|name| *name == "scan9.nii").count(), 1);
        assert!(settings.recent[0].files[0].path.is_absolute());
    }

    #[test]
    fn a_scan_comes_back_as_it_was_opened() {
        let files = [
            ScanFile {
                path: "/a/t1.nii".into(),
                channel: Some("T1".into()),
                frame: None,
            },
            ScanFile {
                path: "/a/t2.nii".into(),
                channel: None,
                frame: Some(2),
            },
        ];
        let model = ModelSource {
            preset: Some("btcv".into()),
            ..ModelSource::at("/m/weights.pt")
        };
        let recent = RecentScan::new(&files, &model);
        let text = serde_json::to_string(&recent).unwrap();
        let read: RecentScan = serde_json::from_str(&text).unwrap();
        assert_eq!(read.scan(), files);
        assert_eq!(read.model(), model);
        assert_eq!(read.label(), "t1.nii and 1 more");
        assert_eq!(read.folder(), "/a");
    }
}
