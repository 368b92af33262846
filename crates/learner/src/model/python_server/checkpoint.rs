//! The weights in a TensorFlow checkpoint (a "tensor bundle", `tensor_bundle.proto` of TensorFlow): an
//! index with the type, shape and position of every variable, and a file of the numbers.
//!
//! Owns that format. Must not know the activations of layers.

use prost::Message;

use super::table::{damaged, for_each, masked_checksum};

/// The weights of one layer: a kernel of inputs × units, row by row, and one bias per unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub(crate) inputs: usize,
    pub(crate) units: usize,
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The entries of one layer in the index.
#[derive(Debug, Default)]
pub(crate) struct LayerEntries {
    kernel: Option<TensorEntry>,
    bias: Option<TensorEntry>,
}

/// The maximum number of layers; the Python server makes two or three.
const MAX_LAYERS: usize = 16;

/// Finds the entries of all layers, in their order; other variables (the state of the optimiser) are skipped.
pub(crate) fn locate(index: &[u8]) -> Result<Vec<LayerEntries>, String> {
    let mut header = None;
    let mut layers: Vec<LayerEntries> = Vec::new();
    for_each(index, |key, value| {
        if key.is_empty() {
            header = Some(decode::<Header>(value)?);
        } else if let Some((layer, is_kernel)) = layer_of(key) {
            if layer >= MAX_LAYERS {
                return Err("it has too many layers".to_owned());
            }
            let entry = decode::<TensorEntry>(value)?;
            layers.resize_with(layers.len().max(layer + 1), LayerEntries::default);
            let layer = &mut layers[layer];
            *(if is_kernel { &mut layer.kernel } else { &mut layer.bias }) = Some(entry);
        }
        Ok(())
    })?;
    match header {
        Some(header) if (header.num_shards, header.endianness) != (1, 0) => {
            Err("its weights are not in one file of little-endian numbers".to_owned())
        }
        Some(_) if layers.is_empty() => Err("it has no layers".to_owned()),
        Some(_) => Ok(layers),
        None => Err("it has no header".to_owned()),
    }
}

/// Reads the weights of the located entries. Each number belongs to one layer: otherwise a few bytes could become many
/// large layers.
pub(crate) fn read(layers: &[LayerEntries], data: &[u8]) -> Result<Vec<Weights>, String> {
    let entries = layers.iter().flat_map(|layer| layer.kernel.iter().chain(&layer.bias));
    let all = entries
        .fold(0_usize, |sum, entry| sum.saturating_add(usize::try_from(entry.size).unwrap_or(usize::MAX)));
    if all > data.len() {
        return Err("it is truncated, or its layers share their weights".to_owned());
    }
    layers.iter().map(|layer| weights(layer, data)).collect()
}

fn weights(layer: &LayerEntries, data: &[u8]) -> Result<Weights, String> {
    let Some(kernel) = &layer.kernel else { return Err("a layer has no weights".to_owned()) };
    let [inputs, units] = kernel.shape()?[..] else {
        return Err("a layer's weights are not a matrix".to_owned());
    };
    match &layer.bias {
        Some(bias) if bias.shape()? == [units] => {
            Ok(Weights { inputs, units, kernel: kernel.floats(data)?, bias: bias.floats(data)? })
        }
        _ => Err("a layer has not one bias per unit".to_owned()),
    }
}

/// The layer of a key such as `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`, and whether it is of the kernel
/// or of the bias; `None` for other variables.
fn layer_of(key: &[u8]) -> Option<(usize, bool)> {
    let key = std::str::from_utf8(key).ok()?;
    let (layer, part) = key.strip_prefix("layer_with_weights-")?.split_once('/')?;
    let part = part.strip_suffix("/.ATTRIBUTES/VARIABLE_VALUE")?;
    matches!(part, "kernel" | "bias").then_some((layer.parse().ok()?, part == "kernel"))
}

/// `BundleHeaderProto`
#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(int32, tag = "1")]
    num_shards: i32,
    #[prost(int32, tag = "2")]
    endianness: i32,
}

/// `BundleEntryProto`
#[derive(Clone, PartialEq, Message)]
struct TensorEntry {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(int32, tag = "3")]
    shard_id: i32,
    #[prost(int64, tag = "4")]
    offset: i64,
    #[prost(int64, tag = "5")]
    size: i64,
    #[prost(fixed32, optional, tag = "6")]
    crc32c: Option<u32>,
}

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    size: i64,
}

/// `DT_FLOAT`
const FLOAT: i32 = 1;

impl TensorEntry {
    fn shape(&self) -> Result<Vec<usize>, String> {
        let dims = self.shape.iter().flat_map(|shape| &shape.dim);
        dims.map(|dim| usize::try_from(dim.size).map_err(|_| "a size in it is negative".to_owned())).collect()
    }

    /// The numbers, when their count matches the shape and their checksum is right.
    fn floats(&self, data: &[u8]) -> Result<Vec<f32>, String> {
        if self.dtype != FLOAT || self.shard_id != 0 {
            return Err("a layer's weights are not numbers of single precision".to_owned());
        }
        let range = || {
            let (offset, size) = (usize::try_from(self.offset).ok()?, usize::try_from(self.size).ok()?);
            data.get(offset..offset.checked_add(size)?)
        };
        let bytes = range().ok_or("it is truncated")?;
        let elements = self.shape()?.into_iter().try_fold(1_usize, usize::checked_mul);
        if elements.and_then(|elements| elements.checked_mul(4)) != Some(bytes.len()) {
            return Err("a layer's weights do not match their shape".to_owned());
        }
        if self.crc32c.is_some_and(|sum| sum != masked_checksum(bytes)) {
            return Err(damaged());
        }
        Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, String> {
    M::decode(bytes).map_err(|_| "an entry in it cannot be read".to_owned())
}
