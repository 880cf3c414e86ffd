//! Where the files that come with the program are.

use std::path::{Path, PathBuf};

/// The demonstration's scan: the MNI152 2009a T1 template.
pub fn demonstration_scan() -> PathBuf {
    asset("demo/mni152_2009a_t1.nii.gz")
}

/// The demonstration's model: hippocampus in T1 MR.
pub fn demonstration_bundle() -> PathBuf {
    asset("models/hippocampus")
}

/// A file under `assets`: beside the program, in the working folder, or where the
/// program was built, whichever has it.
fn asset(name: &str) -> PathBuf {
    let beside_program = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(|folder| folder.join("assets")));
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let folders = [
        beside_program,
        Some(PathBuf::from("assets")),
        Some(built_from),
    ];
    let candidates: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name))
        .collect();
    candidates
        .iter()
        .find(|path| path.exists())
        .or(candidates.last())
        .cloned()
        .unwrap_or_else(|| PathBuf::from(name))
}
