//! NumPy arrays, to hold the program against other implementations.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::{ArrayD, ArrayRef, Dimension};
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, WriteNpyError, WriteNpyExt};

use super::IoError;
use super::atomic::write_atomically;

/// Reads a `.npy` file of 32-bit floats, of any number of dimensions.
pub fn read_f32(path: &Path) -> Result<ArrayD<f32>, IoError> {
    read(path, "32-bit float (<f4)")
}

/// Reads a `.npy` file of 64-bit floats, of any number of dimensions.
pub fn read_f64(path: &Path) -> Result<ArrayD<f64>, IoError> {
    read(path, "64-bit float (<f8)")
}

/// Writes a `.npy` file of 32-bit floats, in the order of the array's axes.
pub fn write_f32<D: Dimension>(path: &Path, array: &ArrayRef<f32, D>) -> Result<(), IoError> {
    write_atomically(path, |out| {
        array.write_npy(out).map_err(|error| match error {
            WriteNpyError::Io(error) => error,
            other => std::io::Error::other(other),
        })
    })
}

/// Longer headers are not written by NumPy and would only feed its parser.
const MOST_HEADER_BYTES: u64 = 4096;

fn read<T: ReadableElement>(path: &Path, wanted: &str) -> Result<ArrayD<T>, IoError> {
    let failed = |source| IoError::reading(source, path);
    let bad = |why: String| IoError::BadNpy {
        why,
        path: path.into(),
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(IoError::NotAFile { path: path.into() });
    }

    // The reader reserves what the header promises, so that is held against the
    // size of the file first.
    let header = Header::from_reader(&mut (&file).take(MOST_HEADER_BYTES))
        .map_err(|error| bad(one_line(&error.to_string())))?;
    let promised = header
        .shape
        .iter()
        .try_fold(size_of::<T>() as u64, |n, &size| n.checked_mul(size as u64));
    if promised.is_none_or(|promised| promised > metadata.len()) {
        return Err(bad(format!(
            "its shape {:?} is larger than the file of {} bytes",
            header.shape,
            metadata.len()
        )));
    }

    let file = File::open(path).map_err(failed)?;
    ArrayD::<T>::read_npy(BufReader::new(file)).map_err(|error| match error {
        ReadNpyError::Io(source) => failed(source),
        ReadNpyError::WrongDescriptor(found) => {
            bad(format!("its numbers are {found} and {wanted} is needed"))
        }
        other => bad(one_line(&other.to_string())),
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn arrays_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let array = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (i * 100 + j * 10 + k) as f32);
        write_f32(&path, &array).unwrap();
        assert_eq!(read_f32(&path).unwrap(), array.into_dyn());
        let message = read_f64(&path).unwrap_err().to_string();
        assert!(
            message.contains("64-bit float") && message.contains("<f4"),
            "{message}"
        );
    }

    #[test]
    fn broken_arrays_are_one_line_and_take_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        assert!(matches!(read_f32(&path), Err(IoError::Missing { .. })));
        write_f32(&path, &array![1.0_f32, 2.0, 3.0]).unwrap();
        let good = std::fs::read(&path).unwrap();

        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(matches!(read_f32(&path), Err(IoError::BadNpy { .. })));
        let mut huge = b"\x93NUMPY\x01\0\x76\0".to_vec();
        let dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }";
        huge.extend(format!("{dict:<117}\n").bytes());
        std::fs::write(&path, &huge).unwrap();
        let message = read_f32(&path).unwrap_err().to_string();
        assert!(
            message.contains("larger than the file") && !message.contains('\n'),
            "{message}"
        );
        // Brackets within brackets must not eat the stack.
        let mut nested = good[..8].to_vec();
        nested.extend_from_slice(&4000_u16.to_le_bytes());
        nested.extend(std::iter::repeat_n(b'(', 4000));
        std::fs::write(&path, &nested).unwrap();
        assert!(matches!(read_f32(&path), Err(IoError::BadNpy { .. })));
    }
}
