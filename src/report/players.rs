//! The table of supervoxels: `players.csv`.

use std::path::Path;

use super::ReportError;
use crate::io::atomic::write_atomically;

/// One supervoxel and its share in one class.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayerRow {
    /// The supervoxel's label in `supervoxels.nii.gz`, from 1.
    pub id: u32,
    /// The class whose evidence is shared out.
    pub class: String,
    pub volume_mm3: f64,
    /// RAS+ millimetres.
    pub centroid_mm: [f64; 3],
    pub shap_value: f64,
    /// `None` while there are too few evaluations to tell.
    pub standard_error: Option<f64>,
    /// |SHAP value| over the sum of all of its class, 0 to 1.
    pub share: f64,
}

const HEADER: [&str; 9] = [
    "id",
    "class",
    "volume_mm3",
    "centroid_x_mm",
    "centroid_y_mm",
    "centroid_z_mm",
    "shap_value",
    "standard_error",
    "share",
];

/// Writes the rows in their order. Numbers have as many digits as it takes to read
/// the same number back; an unknown standard error is an empty field.
pub fn write_players(path: &Path, rows: &[PlayerRow]) -> Result<(), ReportError> {
    write_atomically(path, |file| {
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(HEADER)?;
        for row in rows {
            let [x, y, z] = row.centroid_mm;
            csv.write_field(row.id.to_string())?;
            csv.write_field(&row.class)?;
            for number in [row.volume_mm3, x, y, z, row.shap_value] {
                csv.write_field(number.to_string())?;
            }
            csv.write_field(
                row.standard_error
                    .map(|e| e.to_string())
                    .unwrap_or_default(),
            )?;
            csv.write_field(row.share.to_string())?;
            csv.write_record(None::<&[u8]>)?;
        }
        csv.flush()
    })?;
    Ok(())
}
