//! Decodes an ONNX file with a limit on memory.
//!
//! A message of two bytes becomes a structure of hundreds, so a small file of many empty messages could exhaust the
//! memory. The memory of all structures is added up, and limited, before any is made. Source: the wire format of
//! Protocol Buffers (protobuf.dev/programming-guides/encoding). Must not know what a graph computes.

use std::mem::size_of;

use prost::Message;
use prost::encoding::decode_varint;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};

use super::error::{ModelError, refused};

/// The maximum memory of a model's structures and lists of integers, without the texts and tensors in them, in
/// bytes.
const MAX_STRUCTURE_BYTES: usize = 24 << 20;

/// The same for the integers and texts in attributes: those of 400,000 nodes of trees, with their leaves' weights.
const MAX_LIST_BYTES: usize = 64 << 20;

/// The maximum nesting of messages; more than a graph in an attribute of a node in a graph takes.
const MAX_DEPTH: usize = 16;

/// Decodes an ONNX file.
///
/// # Errors
/// [`ModelError`] when the bytes are no ONNX file, or one of too many parts.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, ModelError> {
    count(bytes, &mut Budget { structures: MAX_STRUCTURE_BYTES, lists: MAX_LIST_BYTES }, &MODEL, 0)?;
    ModelProto::decode(bytes).map_err(ModelError::Decode)
}

/// The memory that may still be used.
struct Budget {
    structures: usize,
    lists: usize,
}

impl Budget {
    fn take(&mut self, message: &MessageType, bytes: usize) -> Result<(), ModelError> {
        let in_attribute = std::ptr::eq(message, &raw const ATTRIBUTE);
        let budget = if in_attribute { &mut self.lists } else { &mut self.structures };
        if let Some(left) = budget.checked_sub(bytes) {
            *budget = left;
            return Ok(());
        }
        let (what, max) = if in_attribute {
            ("longer lists in its attributes, such as those of trees,", MAX_LIST_BYTES >> 20)
        } else {
            ("more nodes, tensors and other parts", MAX_STRUCTURE_BYTES >> 20)
        };
        refused(format!(
            "it has {what} than fit into {max} MiB of memory, a fixed limit; make a smaller model"
        ))
    }
}

/// A type of message: its size in memory, and the types of its length-delimited fields.
struct MessageType {
    bytes: usize,
    fields: &'static [(u64, &'static MessageType)],
    /// Whether the fields that are not listed hold text or numbers, and not messages.
    plain: bool,
}

// Field numbers of onnx.proto.
static MODEL: MessageType =
    message(size_of::<ModelProto>(), &[(2, &PLAIN), (3, &PLAIN), (6, &PLAIN), (7, &GRAPH), (14, &ENTRY)]);
static GRAPH: MessageType =
    message(size_of::<GraphProto>(), &[(1, &NODE), (2, &PLAIN), (5, &TENSOR), (10, &PLAIN)]);
static NODE: MessageType = plain(size_of::<NodeProto>(), &[(5, &ATTRIBUTE)]);
static ATTRIBUTE: MessageType = plain(
    size_of::<AttributeProto>(),
    &[
        (5, &TENSOR),
        (6, &GRAPH),
        (8, &NUMBERS),
        (9, &TEXT),
        (10, &TENSOR),
        (11, &GRAPH),
        (12, &OTHER),
        (14, &OTHER),
        (15, &OTHER),
    ],
);
static TENSOR: MessageType = plain(
    size_of::<TensorProto>(),
    &[(1, &NUMBERS), (3, &OTHER), (5, &NUMBERS), (7, &NUMBERS), (11, &NUMBERS), (13, &OTHER)],
);
static ENTRY: MessageType = plain(size_of::<StringStringEntryProto>(), &[]);
/// A packed list of integers: each byte may be one.
static NUMBERS: MessageType = plain(size_of::<Vec<u8>>(), &[]);
/// Text, bytes or floats: they take as much memory as bytes in the file.
static PLAIN: MessageType = plain(size_of::<Vec<u8>>(), &[]);
/// One of many short texts: its structure, and the smallest part of the memory that is allocated for it.
static TEXT: MessageType = plain(size_of::<Vec<u8>>() + 32, &[]);
/// Messages whose fields are not counted one by one.
static OTHER: MessageType = message(0, &[]);

/// The size of an integer in memory, however short it is encoded.
const NUMBER_BYTES: usize = size_of::<i64>();

/// The maximum memory for a byte of a message that is not counted field by field: the smallest one has two bytes.
const OTHER_BYTES: usize = 48;

const fn message(bytes: usize, fields: &'static [(u64, &'static MessageType)]) -> MessageType {
    MessageType { bytes, fields, plain: false }
}

const fn plain(bytes: usize, fields: &'static [(u64, &'static MessageType)]) -> MessageType {
    MessageType { bytes, fields, plain: true }
}

/// Subtracts the memory of a message's structures from the budget. A malformed message is not an error here: decoding
/// reports it, and stops there.
fn count(
    mut bytes: &[u8],
    budget: &mut Budget,
    message: &MessageType,
    depth: usize,
) -> Result<(), ModelError> {
    if depth > MAX_DEPTH {
        return refused("its graphs are nested too deeply");
    }
    while let Ok(key) = decode_varint(&mut bytes) {
        let (field, wire) = (key >> 3, key & 7);
        match wire {
            0 => {
                let _ = decode_varint(&mut bytes);
                budget.take(message, NUMBER_BYTES)?;
            }
            1 => bytes = bytes.get(8..).unwrap_or_default(),
            5 => bytes = bytes.get(4..).unwrap_or_default(),
            2 => {
                let length = decode_varint(&mut bytes).map_or(usize::MAX, |length| length as usize);
                let Some((inside, rest)) = bytes.split_at_checked(length) else { return Ok(()) };
                bytes = rest;
                let named =
                    message.fields.iter().find(|(number, _)| *number == field).map(|(_, message)| *message);
                let content = named.unwrap_or(if message.plain { &PLAIN } else { &OTHER });
                let is_list =
                    [&raw const NUMBERS, &raw const TEXT].iter().any(|&list| std::ptr::eq(content, list));
                budget.take(if is_list { message } else { &OTHER }, content.bytes)?;
                if std::ptr::eq(content, &raw const OTHER) {
                    budget.take(&OTHER, OTHER_BYTES.saturating_mul(inside.len() + 2))?;
                } else if std::ptr::eq(content, &raw const NUMBERS) {
                    let numbers = inside.iter().filter(|&&byte| byte < 0x80).count();
                    budget.take(message, NUMBER_BYTES.saturating_mul(numbers))?;
                } else if !is_list && !std::ptr::eq(content, &raw const PLAIN) {
                    count(inside, budget, content, depth + 1)?;
                }
            }
            _ => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inside.len() as u64, &mut bytes);
        [bytes, inside.to_vec()].concat()
    }

    #[test]
    fn refuses_a_megabyte_of_empty_nodes_before_decoding_it() {
        for empty in [1_u8, 5, 11, 13, 15] {
            let model = field(7, &field(empty, b"").repeat(500_000));
            let error = decode(&model).expect_err("it is refused").to_string();
            assert!(error.contains("more nodes, tensors"), "{empty}: {error}");
        }
    }

    #[test]
    fn limits_the_lists_of_attributes_more_generously_than_other_parts() {
        let attribute = |list: &[u8]| field(7, &field(1, &field(5, list)));
        // Numbers one by one, as Python's library writes them; numbers together; texts.
        let lists: [fn(usize) -> Vec<u8>; 3] = [
            |count| [8 << 3, 1].repeat(count),
            |count| field(8, &vec![1; count]),
            |count| field(9, b"LEAF").repeat(count),
        ];
        for (list, (accepted, refused)) in
            lists.iter().zip([(8 << 20, 9 << 20), (8 << 20, 9 << 20), (1 << 20, 2 << 20)])
        {
            assert!(count(&attribute(&list(accepted - 100)), &mut budget(), &MODEL, 0).is_ok());
            let error = decode(&attribute(&list(refused))).expect_err("it is refused").to_string();
            assert!(error.contains("such as those of trees"), "{error}");
        }
    }

    fn budget() -> Budget {
        Budget { structures: MAX_STRUCTURE_BYTES, lists: MAX_LIST_BYTES }
    }

    #[test]
    fn refuses_deeply_nested_graphs() {
        let mut graph = Vec::new();
        for _ in 0..100 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        let error = decode(&field(7, &graph)).expect_err("it is refused").to_string();
        assert!(error.contains("nested"), "{error}");
    }

    #[test]
    fn counts_a_packed_list_of_integers_by_its_size_in_memory() {
        for (tensor, list) in [(5, 7), (5, 5), (5, 11), (5, 1)] {
            let numbers = field(tensor, &field(list, &vec![1; 4 << 20]));
            let error = decode(&field(7, &numbers)).expect_err("it is refused").to_string();
            assert!(error.contains("more nodes, tensors"), "{list}: {error}");
        }
        let one_by_one = [7 << 3, 1].repeat(4 << 20);
        assert!(decode(&field(7, &field(5, &one_by_one))).is_err());
        let some = field(7, &field(5, &field(7, &vec![1; 1 << 20])));
        let graph = decode(&some).expect("it is valid").graph.expect("a graph");
        assert_eq!(graph.initializer[0].int64_data.len(), 1 << 20);
    }

    #[test]
    fn accepts_a_large_tensor_and_a_long_list_of_names() {
        let tensor = field(5, &field(9, &vec![0; 20 << 20]));
        let names = field(14, &[field(1, b"names"), field(2, &vec![b'a'; 4 << 20])].concat());
        let decoded = decode(&[field(7, &tensor), names].concat()).expect("it is valid");
        assert_eq!(decoded.metadata_props[0].value.len(), 4 << 20);
    }
}
