//! Files that are either whole or not there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::IoError;

/// Writes a file through a temporary one in the same folder, which takes its place
/// once everything is on disk. On failure the old file, if any, is untouched and
/// nothing else is left behind.
pub fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), IoError> {
    let failed = |source| IoError::Write {
        source,
        path: path.into(),
    };
    let (temporary, file) = Temporary::beside(path).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(1 << 18, &file);
    fill(&mut writer)
        .and_then(|()| writer.flush())
        .map_err(failed)?;
    drop(writer);
    file.sync_all().map_err(failed)?;
    drop(file);
    temporary.rename_to(path).map_err(failed)?;
    sync_folder(path);
    Ok(())
}

/// Writes bytes the same way.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    write_atomically(path, |writer| writer.write_all(bytes))
}

/// A file that is deleted unless it was renamed.
struct Temporary {
    path: Option<PathBuf>,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<(Self, File)> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        loop {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(
                ".{}-{}.tmp",
                std::process::id(),
                COUNTER.fetch_add(1, Ordering::Relaxed)
            ));
            let candidate = path.with_file_name(temporary);
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&candidate)
            {
                Ok(file) => {
                    return Ok((
                        Self {
                            path: Some(candidate),
                        },
                        file,
                    ));
                }
                // Left over from a process that had the same number and was killed.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(e),
            }
        }
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        if let Some(temporary) = &self.path {
            fs::rename(temporary, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Already failing: the first error is the one to report.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a rename survive a power cut, where folders can be synchronised at all.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        // Some file systems refuse; the file itself is written and in place by now.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.nii");
        write_bytes(&path, b"old").unwrap();
        let result = write_atomically(&path, |writer| {
            writer.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(result.unwrap_err().to_string().contains("disk full"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        write_bytes(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder/map.nii");
        let message = write_bytes(&path, b"").unwrap_err().to_string();
        assert!(message.starts_with("writing failed") && message.ends_with("map.nii"));
        assert!(!message.contains('\n'));
    }
}
