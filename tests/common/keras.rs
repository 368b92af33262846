//! Writes models like the Python server, with given weights: a pickle like joblib's, a TensorFlow checkpoint, and
//! Keras' description of the layers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A network of dense layers, with `ReLU` and a softmax at the end.
#[derive(Debug, Clone)]
pub struct Network {
    /// The positions of the features that it uses.
    pub columns: Vec<i64>,
    pub layers: Vec<Layer>,
}

/// One row of weights per input, one bias per unit.
#[derive(Debug, Clone)]
pub struct Layer {
    pub kernel: Vec<Vec<f32>>,
    pub bias: Vec<f32>,
}

pub const PICKLE: &str = "classifier.pkl";
pub const METADATA: &str = "model.ckpt/keras_metadata.pb";
pub const INDEX: &str = "model.ckpt/variables/variables.index";
pub const DATA: &str = "model.ckpt/variables/variables.data-00000-of-00001";

impl Network {
    /// A network that uses two of at least four features and gives class 1 where `a·x1 + b·x3 > 0`; a large `scale`
    /// makes it confident.
    pub fn of_a_line(a: f32, b: f32, scale: f32) -> Self {
        let hidden = Layer { kernel: vec![vec![a, -a], vec![b, -b]], bias: vec![0.0, 0.0] };
        let output = Layer { kernel: vec![vec![-scale, scale], vec![scale, -scale]], bias: vec![0.0, 0.0] };
        Self { columns: vec![1, 3], layers: vec![hidden, output] }
    }

    /// The probability of each class, computed directly; NaN is a missing value.
    pub fn answer(&self, row: &[f32]) -> Vec<f64> {
        let cell = |column: i64| f64::from(row[column as usize]);
        let mut values: Vec<f64> =
            self.columns.iter().map(|&at| if cell(at).is_nan() { 0.0 } else { cell(at) }).collect();
        for (at, layer) in self.layers.iter().enumerate() {
            let sum = |unit: usize| -> f64 {
                let weighted =
                    values.iter().zip(&layer.kernel).map(|(value, row)| value * f64::from(row[unit]));
                f64::from(layer.bias[unit]) + weighted.sum::<f64>()
            };
            let sums: Vec<f64> = (0..layer.bias.len()).map(sum).collect();
            values = if at + 1 < self.layers.len() {
                sums.into_iter().map(|sum| sum.max(0.0)).collect()
            } else {
                let max = sums.iter().copied().fold(f64::MIN, f64::max);
                let powers: Vec<f64> = sums.into_iter().map(|sum| (sum - max).exp()).collect();
                let sum: f64 = powers.iter().sum();
                powers.into_iter().map(|power| power / sum).collect()
            };
        }
        values
    }

    /// The same files, but the weights of all layers are the zeros at the beginning of the data, which has the size of
    /// the largest layer.
    pub fn files_with_shared_weights(&self) -> BTreeMap<String, Vec<u8>> {
        let max = self.layers.iter().map(|layer| layer.kernel.len() * layer.bias.len()).max().unwrap_or(0);
        let (index, _) = self.checkpoint(true);
        let mut files = self.files();
        files.insert(INDEX.to_owned(), index);
        files.insert(DATA.to_owned(), vec![0; 4 * max]);
        files
    }

    /// All files by their names below `classifier/`.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let (index, data) = self.checkpoint(false);
        let files = [(PICKLE, self.pickle()), (METADATA, self.metadata()), (INDEX, index), (DATA, data)];
        let saved_model = ("model.ckpt/saved_model.pb".to_owned(), b"not read".to_vec());
        files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).chain([saved_model]).collect()
    }

    /// Writes the files to the directory of a model, like the Python server.
    pub fn write(&self, directory: &Path) {
        write_files(&self.files(), directory);
    }

    fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.bias.len())
    }

    fn pickle(&self) -> Vec<u8> {
        let mut out = b"\x80\x03cmoodlemlbackend.model.tensor\nTF\nq\x00)\x81q\x01}q\x02(".to_vec();
        for (name, value) in [("n_features", self.columns.len()), ("n_classes", self.classes())] {
            out.extend(text(name));
            out.extend(number(value));
        }
        out.extend(text("variable_columns"));
        out.extend(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x03)\x81q\x04}q\x05(");
        out.extend([text("subclass"), b"cnumpy\nndarray\nq\x06".to_vec(), text("shape")].concat());
        out.extend([number(self.columns.len()), vec![0x85]].concat());
        out.extend([text("order"), text("C"), text("dtype"), b"cnumpy\ndtype\nq\x07".to_vec()].concat());
        out.extend([text("i8"), b"\x89\x88\x87Rq\x08(K\x03".to_vec(), text("<")].concat());
        out.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        out.extend([text("allow_mmap"), b"\x88".to_vec(), text("numpy_array_alignment_bytes")].concat());
        out.extend(b"K\x10ub\x01\xff");
        out.extend(self.columns.iter().flat_map(|column| column.to_le_bytes()));
        out.extend(b"ub.");
        out
    }

    fn metadata(&self) -> Vec<u8> {
        let mut layers =
            vec![serde_json::json!({ "class_name": "InputLayer", "config": { "name": "input_1" } })];
        layers.extend((1..=self.layers.len()).map(|at| {
            let activation = if at == self.layers.len() { "softmax" } else { "relu" };
            serde_json::json!({ "class_name": "Dense", "config": { "activation": activation, "use_bias": true } })
        }));
        let json =
            serde_json::json!({ "class_name": "Functional", "config": { "layers": layers } }).to_string();
        let node = [field(4, b"_tf_keras_network"), field(5, json.as_bytes())].concat();
        field(1, &node)
    }

    fn checkpoint(&self, shared: bool) -> (Vec<u8>, Vec<u8>) {
        let mut data = Vec::new();
        let mut entries = vec![(String::new(), b"\x08\x01\x1a\x02\x08\x01".to_vec())];
        for (at, layer) in self.layers.iter().enumerate() {
            let units = layer.bias.len() as u64;
            let kernel: Vec<f32> = layer.kernel.concat();
            let parts: [(&str, &[f32], &[u64]); 2] =
                [("bias", &layer.bias, &[units]), ("kernel", &kernel, &[layer.kernel.len() as u64, units])];
            for (part, values, dims) in parts {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let dims = dims.iter().flat_map(|&dim| field(2, &[vec![8], varint(dim)].concat()));
                let mut entry = [vec![8, 1], field(2, &dims.collect::<Vec<u8>>())].concat();
                let offset = if shared { 0 } else { data.len() as u64 };
                entry.extend([vec![0x20], varint(offset), vec![0x28], varint(bytes.len() as u64)].concat());
                entry.push(0x35);
                entry.extend(masked_checksum(&bytes).to_le_bytes());
                data.extend(bytes);
                entries.push((format!("layer_with_weights-{at}/{part}/.ATTRIBUTES/VARIABLE_VALUE"), entry));
            }
        }
        let mut table = Vec::new();
        let handle = append_block(&mut table, &entries);
        let empty = append_block(&mut table, &[]);
        let blocks = append_block(&mut table, &[("m".to_owned(), handle)]);
        let mut footer = [empty, blocks].concat();
        footer.resize(40, 0);
        table.extend(footer);
        table.extend([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
        (table, data)
    }
}

/// Writes files to the directory of a model, like the Python server.
pub fn write_files<'a>(files: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>, directory: &Path) {
    for (name, bytes) in files {
        let path = directory.join("classifier").join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        #[expect(clippy::disallowed_methods, reason = "only this test uses the directory")]
        fs::write(path, bytes).expect("a file");
    }
}

fn append_block(table: &mut Vec<u8>, entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let offset = table.len();
    for (key, value) in entries {
        let lengths = [vec![0], varint(key.len() as u64), varint(value.len() as u64)].concat();
        table.extend([&lengths, key.as_bytes(), value].concat());
    }
    table.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    let handle = [varint(offset as u64), varint((table.len() - offset) as u64)].concat();
    table.push(0);
    let sum = masked_checksum(&table[offset..]);
    table.extend(sum.to_le_bytes());
    handle
}

/// The checksum of TensorFlow's files.
fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A number in a pickle.
fn number(value: usize) -> Vec<u8> {
    match u8::try_from(value) {
        Ok(byte) => vec![b'K', byte],
        Err(_) => [&b"M"[..], &(value as u16).to_le_bytes()].concat(),
    }
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// A protobuf field of bytes.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    [vec![tag << 3 | 2], varint(content.len() as u64), content.to_vec()].concat()
}

fn varint(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(number, &mut bytes);
    bytes
}
