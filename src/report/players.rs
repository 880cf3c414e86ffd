//! The table of supervoxels: `players.csv`.

use std::path::Path;

use super::ReportError;
use crate::io::IoError;
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

/// Reads what [`write_players`] wrote: the same rows in the same order.
pub fn read_players(path: &Path) -> Result<Vec<PlayerRow>, ReportError> {
    let bad = |why: String| ReportError::BadPlayers {
        why,
        path: path.into(),
    };
    let text = std::fs::read(path).map_err(|source| IoError::reading(source, path))?;
    let mut csv = csv::Reader::from_reader(text.as_slice());
    let header = csv.headers().map_err(|error| bad(error.to_string()))?;
    if header != HEADER.as_slice() {
        return Err(bad(format!("its columns are not {}", HEADER.join(", "))));
    }
    csv.records()
        .enumerate()
        .map(|(index, record)| {
            let record = record.map_err(|error| bad(error.to_string()))?;
            row(&record).ok_or_else(|| bad(format!("row {} is not a supervoxel", index + 1)))
        })
        .collect()
}

fn row(record: &csv::StringRecord) -> Option<PlayerRow> {
    let number = |column: usize| -> Option<f64> {
        let value: f64 = record.get(column)?.parse().ok()?;
        value.is_finite().then_some(value)
    };
    Some(PlayerRow {
        id: record.get(0)?.parse().ok()?,
        class: record.get(1)?.to_owned(),
        volume_mm3: number(2)?,
        centroid_mm: [number(3)?, number(4)?, number(5)?],
        shap_value: number(6)?,
        standard_error: match record.get(7)? {
            "" => None,
            _ => Some(number(7)?),
        },
        share: number(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        let row = |id, standard_error| PlayerRow {
            id,
            class: "left, \"upper\" part".to_owned(),
            volume_mm3: 1234.5,
            centroid_mm: [-1.25, 0.1, 1e-7],
            shap_value: -0.012_345_678_901,
            standard_error,
            share: 0.5,
        };
        let rows = [row(1, Some(0.25)), row(2, None)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("players.csv");
        write_players(&path, &rows).unwrap();
        assert_eq!(read_players(&path).unwrap(), rows);
        for wrong in ["", "a,b\n1,2\n", &HEADER.join(",").replace("share", "part")] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read_players(&path).is_err(), "{wrong}");
        }
        std::fs::write(&path, format!("{}\n1,x,2,3,4,5,NaN,,0\n", HEADER.join(","))).unwrap();
        let error = read_players(&path).unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
    }
}
