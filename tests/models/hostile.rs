//! Broken and hostile weights files are errors in one line: nothing in them runs, and
//! none makes the program panic.

use std::path::Path;

use voxplain::model::{MergeOrder, ModelError, Weights};

use crate::files::{
    Object, Precision, Tensor, dict, network, pickle, write_archive, write_safetensors,
    write_stream, write_zip,
};
use crate::support::config;

/// The error of a file; it is one line, and the path comes last if it is named.
fn refused(path: &Path) -> String {
    let error = Weights::read(path).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    if matches!(error, ModelError::UnreadableWeights { .. }) {
        assert!(text.ends_with(path.to_str().unwrap()), "{text}");
    }
    text
}

fn refused_bytes(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pt");
    std::fs::write(&path, bytes).unwrap();
    refused(&path)
}

fn small_network() -> Object {
    let config = config(12, 2, MergeOrder::Legacy);
    dict([("state_dict", network(&config, 1, "", Precision::F16))])
}

/// `os.system("touch marker")` as a pickle calls it.
fn call_system(marker: &Path) -> Object {
    let command = format!("touch {}", marker.display());
    let mut bytes = b"cposix\nsystem\nX".to_vec();
    bytes.extend((command.len() as u32).to_le_bytes());
    bytes.extend(command.as_bytes());
    bytes.extend(b"\x85R");
    Object::Instructions(bytes)
}

#[test]
fn nothing_in_a_pickle_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, marker) = (folder.path().join("evil.pt"), folder.path().join("marker"));
    for write in [write_zip, write_stream] {
        write(&path, &call_system(&marker));
        refused(&path);
        // Beside sound weights the call is a value that is not understood, and not made.
        let Object::Dict(mut entries) = small_network() else {
            panic!();
        };
        entries.push(("hook".into(), call_system(&marker)));
        write(&path, &Object::Dict(entries));
        Weights::read(&path).unwrap();
    }
    std::fs::write(&path, pickle(&call_system(&marker))).unwrap();
    refused(&path);
    assert!(!marker.exists());
}

#[test]
fn files_that_are_no_weights_are_named() {
    for bytes in [
        b"".as_slice(),
        b"not weights",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x80\x02",
        b"\x80\x02N.",
        b"\x80\x02}.",
    ] {
        refused_bytes(bytes);
    }
    let missing = Path::new("no such file.pt");
    assert!(refused(missing).contains("cannot be read"));
}

#[test]
fn depth_and_size_are_limited() {
    let mut deep = b"\x80\x02N".to_vec();
    deep.extend(vec![0x85; 2_000_000]);
    deep.push(b'.');
    refused_bytes(&deep);
    let mut nested = b"\x80\x02".to_vec();
    nested.extend(b"]".repeat(500_000));
    nested.extend(b"a".repeat(499_999));
    nested.push(b'.');
    refused_bytes(&nested);

    // A few kilobytes of archive that would build objects of many gigabytes.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.pt");
    let mut many = b"\x80\x02(".to_vec();
    many.resize(90 << 20, b'N');
    many.extend(b"l.");
    let entries = [("archive/data.pkl".to_owned(), many.clone())];
    write_archive(&path, &entries, zip::CompressionMethod::Deflated);
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    assert!(
        refused(&path).contains("more objects"),
        "{}",
        refused(&path)
    );
    assert!(refused_bytes(&many).contains("more objects"));
}

#[test]
fn claimed_sizes_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.pt");
    let Object::Dict(entries) = small_network() else {
        panic!();
    };
    let Object::Dict(tensors) = entries[0].1.clone() else {
        panic!();
    };
    let with = |change: &dyn Fn(&mut Tensor)| {
        let mut tensors = tensors.clone();
        for (_, object) in &mut tensors {
            if let Object::Tensor(tensor) = object {
                change(tensor);
            }
        }
        Object::Dict(tensors)
    };
    // One element, repeated without end by a stride of 0.
    let repeated = with(&|tensor| {
        tensor.strides = vec![0; tensor.shape.len()];
        tensor.elements = 1;
        tensor.bytes.truncate(2);
    });
    write_zip(&path, &repeated);
    assert!(refused(&path).contains("more data"), "{}", refused(&path));
    // More elements than the storage has bytes.
    let longer = with(&|tensor| tensor.bytes.truncate(2));
    for write in [write_zip, write_stream] {
        write(&path, &longer);
        refused(&path);
    }

    for header in [
        u64::MAX.to_le_bytes().to_vec(),
        [&100_000_000_u64.to_le_bytes()[..], b"{}"].concat(),
        [&2_u64.to_le_bytes()[..], b"{]"].concat(),
        [&2_u64.to_le_bytes()[..], b"{}"].concat(),
    ] {
        refused_bytes(&header);
    }
    for entry in [
        r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        r#"{"a":[]}"#,
    ] {
        let mut bytes = (entry.len() as u64).to_le_bytes().to_vec();
        bytes.extend(entry.as_bytes());
        bytes.extend([0; 8]);
        refused_bytes(&bytes);
    }
}

#[test]
fn numbers_that_are_no_weights_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pt");
    let Object::Dict(entries) = small_network() else {
        panic!();
    };
    let Object::Dict(mut tensors) = entries[0].1.clone() else {
        panic!();
    };
    let (key, object) = &mut tensors[1];
    let key = key.clone();
    if let Object::Tensor(tensor) = object {
        // Half precision's infinity.
        tensor.bytes[..2].copy_from_slice(&[0, 0x7c]);
    }
    write_zip(&path, &Object::Dict(tensors.clone()));
    let text = refused(&path);
    assert!(text.contains(&key) && text.contains("not finite"), "{text}");
    if let Object::Tensor(tensor) = &mut tensors[1].1 {
        tensor.storage = "ShortStorage";
    }
    write_zip(&path, &Object::Dict(tensors));
    let text = refused(&path);
    assert!(text.contains("not as floats"), "{text}");
}

type Writer<'a> = &'a dyn Fn(&Path, &Object);

/// Cut and damaged anywhere, a file opens or fails in one line.
#[test]
fn damage_anywhere_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.pt");
    let tiny = dict([
        (
            "swinViT.patch_embed.proj.weight",
            Object::Tensor(Tensor::new(Precision::F32, &[1, 1, 2], &[1.0, 2.0])),
        ),
        (
            "encoder1.layer.conv1.conv.weight",
            Object::Tensor(Tensor::new(Precision::F32, &[2], &[1.0, 2.0])),
        ),
        ("epoch", Object::Integer(7)),
    ]);
    let write_small_safetensors = |path: &Path, _: &Object| {
        let key = "swinViT.patch_embed.proj.weight".to_owned();
        write_safetensors(path, &[(key, vec![2], vec![1.0, 2.0])], Precision::F32);
    };
    let path = folder.path().join("damaged.pt");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = Weights::read(&path) {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    };
    let writers: [Writer<'_>; 3] = [&write_zip, &write_stream, &write_small_safetensors];
    for write in writers {
        write(&whole, &tiny);
        let bytes = std::fs::read(&whole).unwrap();
        for end in 0..bytes.len() {
            read(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for flip in [0xff, 0x01, 0x80, b'N' ^ bytes[at], 0x85 ^ bytes[at]] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                read(&damaged);
            }
        }
    }
    // Damage inside a file that would otherwise be read to its end.
    for write in [write_zip, write_stream] {
        write(&whole, &small_network());
        let bytes = std::fs::read(&whole).unwrap();
        for part in 1..16 {
            read(&bytes[..bytes.len() * part / 16]);
            let mut damaged = bytes.clone();
            let at = bytes.len() * part / 16;
            for byte in &mut damaged[at..at + 8] {
                *byte ^= 0xa5;
            }
            read(&damaged);
        }
    }
}
