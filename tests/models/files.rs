//! Writes weights files as other software does: safetensors, and what `torch.save`
//! makes of dictionaries of tensors, without torch.

use std::io::Write;
use std::path::Path;

use voxplain::model::{NetworkConfig, expected_tensors};

use crate::support::recipe_tensor;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F16,
    Bf16,
    F32,
    F64,
}

impl Precision {
    pub const ALL: [Self; 4] = [Self::F16, Self::Bf16, Self::F32, Self::F64];

    fn storage(self) -> &'static str {
        match self {
            Self::F16 => "HalfStorage",
            Self::Bf16 => "BFloat16Storage",
            Self::F32 => "FloatStorage",
            Self::F64 => "DoubleStorage",
        }
    }

    fn safetensors(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
        }
    }

    fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F16 => values
                .iter()
                .flat_map(|&v| f16_bits(v).to_le_bytes())
                .collect(),
            Self::Bf16 => values
                .iter()
                .flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes())
                .collect(),
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F64 => values
                .iter()
                .flat_map(|&v| f64::from(v).to_le_bytes())
                .collect(),
        }
    }
}

/// A number that half precision holds exactly, as its bits.
fn f16_bits(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let size = value.abs();
    if size == 0.0 {
        return sign;
    }
    let exponent = size.log2().floor() as i32;
    if exponent < -14 {
        return sign | (size * 2.0_f32.powi(24)) as u16;
    }
    let fraction = (size / 2.0_f32.powi(exponent) - 1.0) * 1024.0;
    sign | (((exponent + 15) as u16) << 10) | fraction as u16
}

/// A Python object as far as checkpoints need it.
#[derive(Debug, Clone)]
pub enum Object {
    Dict(Vec<(String, Object)>),
    Tensor(Tensor),
    Integer(i32),
    /// Instructions that leave one object.
    Instructions(Vec<u8>),
}

#[derive(Debug, Clone)]
pub struct Tensor {
    pub storage: &'static str,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    pub elements: usize,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn new(precision: Precision, shape: &[usize], values: &[f32]) -> Self {
        let strides = (0..shape.len())
            .map(|axis| shape[axis + 1..].iter().product())
            .collect();
        Self {
            storage: precision.storage(),
            shape: shape.to_vec(),
            strides,
            elements: values.len(),
            bytes: precision.bytes(values),
        }
    }
}

pub fn dict<K: Into<String>>(entries: impl IntoIterator<Item = (K, Object)>) -> Object {
    Object::Dict(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

/// All weights of a network by the reference recipe, under a prefix.
pub fn network(config: &NetworkConfig, seed: u64, prefix: &str, precision: Precision) -> Object {
    dict(expected_tensors(config).into_iter().map(|(key, shape)| {
        let values = recipe_tensor(&key, &shape, seed);
        let tensor = Tensor::new(precision, &shape, &values);
        (format!("{prefix}{key}"), Object::Tensor(tensor))
    }))
}

/// What training leaves beside the weights.
pub fn training_state() -> Vec<(String, Object)> {
    let moment = Object::Tensor(Tensor::new(Precision::F32, &[2], &[0.5, f32::NAN]));
    vec![
        ("epoch".into(), Object::Integer(299)),
        ("best_acc".into(), Object::Integer(1)),
        (
            "optimizer".into(),
            dict([("state", dict([("0", dict([("exp_avg", moment)]))]))]),
        ),
        (
            "scheduler".into(),
            dict([("last_epoch", Object::Integer(3))]),
        ),
    ]
}

/// Collects a pickle's instructions and the storages it refers to.
#[derive(Default)]
struct Pickler {
    bytes: Vec<u8>,
    storages: Vec<(usize, Vec<u8>)>,
    /// Old files name a storage with six fields.
    stream: bool,
}

impl Pickler {
    fn text(&mut self, text: &str) {
        self.bytes.push(b'X');
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend(text.as_bytes());
    }

    fn integer(&mut self, value: i32) {
        self.bytes.push(b'J');
        self.bytes.extend(value.to_le_bytes());
    }

    fn tuple(&mut self, values: &[usize]) {
        self.bytes.push(b'(');
        for &value in values {
            self.integer(value as i32);
        }
        self.bytes.push(b't');
    }

    fn object(&mut self, object: &Object) {
        match object {
            Object::Integer(value) => self.integer(*value),
            Object::Instructions(bytes) => self.bytes.extend(bytes),
            Object::Dict(entries) => {
                self.bytes.extend(b"}(");
                for (key, value) in entries {
                    self.text(key);
                    self.object(value);
                }
                self.bytes.push(b'u');
            }
            Object::Tensor(tensor) => {
                let key = self.storages.len().to_string();
                self.storages.push((tensor.elements, tensor.bytes.clone()));
                self.bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
                self.text("storage");
                let class = format!("ctorch\n{}\n", tensor.storage);
                self.bytes.extend(class.as_bytes());
                self.text(&key);
                self.text("cpu");
                self.integer(tensor.elements as i32);
                if self.stream {
                    self.bytes.push(b'N');
                }
                self.bytes.extend(b"tQ");
                self.integer(0);
                self.tuple(&tensor.shape);
                self.tuple(&tensor.strides);
                self.bytes.extend(b"\x89ccollections\nOrderedDict\n)RtR");
            }
        }
    }
}

/// A file as `torch.save` makes it since PyTorch 1.6.
pub fn write_zip(path: &Path, root: &Object) {
    let mut pickler = Pickler::default();
    pickler.bytes.extend(b"\x80\x02");
    pickler.object(root);
    pickler.bytes.push(b'.');
    let storages = pickler.storages.into_iter().enumerate();
    let mut entries = vec![
        ("archive/data.pkl".to_owned(), pickler.bytes),
        ("archive/byteorder".to_owned(), b"little".to_vec()),
        ("archive/version".to_owned(), b"3\n".to_vec()),
    ];
    entries.extend(storages.map(|(key, (_, bytes))| (format!("archive/data/{key}"), bytes)));
    write_archive(path, &entries, zip::CompressionMethod::Stored);
}

pub fn write_archive(path: &Path, entries: &[(String, Vec<u8>)], method: zip::CompressionMethod) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        archive.start_file(name.as_str(), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

/// A file as `torch.save` made it before PyTorch 1.6.
pub fn write_stream(path: &Path, root: &Object) {
    let mut pickler = Pickler {
        stream: true,
        ..Pickler::default()
    };
    pickler
        .bytes
        .extend(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    pickler.bytes.extend(b"\x80\x02M\xe9\x03.");
    pickler.bytes.extend(b"\x80\x02}(");
    pickler.text("protocol_version");
    pickler.bytes.extend(b"M\xe9\x03");
    pickler.text("little_endian");
    pickler.bytes.extend(b"\x88u.\x80\x02");
    pickler.object(root);
    pickler.bytes.extend(b".\x80\x02](");
    for key in 0..pickler.storages.len() {
        pickler.text(&key.to_string());
    }
    pickler.bytes.extend(b"e.");
    for (elements, bytes) in &pickler.storages {
        pickler.bytes.extend((*elements as i64).to_le_bytes());
        pickler.bytes.extend(bytes);
    }
    std::fs::write(path, pickler.bytes).unwrap();
}

/// A pickle alone.
pub fn pickle(root: &Object) -> Vec<u8> {
    let mut pickler = Pickler::default();
    pickler.bytes.extend(b"\x80\x02");
    pickler.object(root);
    pickler.bytes.push(b'.');
    pickler.bytes
}

/// A .safetensors file of tensors.
pub fn write_safetensors(
    path: &Path,
    tensors: &[(String, Vec<usize>, Vec<f32>)],
    precision: Precision,
) {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (key, shape, values) in tensors {
        let start = data.len();
        data.extend(precision.bytes(values));
        header.insert(
            key.clone(),
            serde_json::json!({ "dtype": precision.safetensors(), "shape": shape, "data_offsets": [start, data.len()] }),
        );
    }
    let mut bytes = header_bytes(header);
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

/// A .safetensors file of these names and shapes whose values are all 0; the file is
/// sparse and takes no room on the disk.
pub fn write_shapes(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (key, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        header.insert(
            key.clone(),
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }),
        );
    }
    let bytes = header_bytes(header);
    std::fs::write(path, &bytes).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len((bytes.len() + end) as u64).unwrap();
}

fn header_bytes(header: serde_json::Map<String, serde_json::Value>) -> Vec<u8> {
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes
}

/// Names and shapes of a list of MONAI's state dict.
pub fn key_list(path: &Path) -> Vec<(String, Vec<usize>)> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let shape = serde_json::from_str(fields[2]).unwrap();
            (fields[0].to_owned(), shape)
        })
        .collect()
}
