//! The dictionary of the fuzzer that makes models: it has the name of every operator that can be translated.

use std::fs;

use crate::root;

const TABLE: &str = "crates/learner/src/model/translate/operators.rs";
const DICTIONARY: &str = "fuzz/dictionaries/onnx.dict";

#[test]
fn the_dictionary_has_every_translated_operator() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (table, dictionary) = (read(TABLE), read(DICTIONARY));
    let (_, rules) = table.split_once("fn core(").expect("the rules begin there");
    let names: Vec<&str> = rules.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 80, "{names:?}");
    // The field op_type of a node, as protobuf encodes it: its tag, the length, the name.
    let entry = |name: &&str| format!("\"\\x22\\x{:02x}{name}\"", name.len());
    let missing: Vec<String> = names.iter().map(entry).filter(|entry| !dictionary.contains(entry)).collect();
    assert!(missing.is_empty(), "{DICTIONARY} lacks these entries:\n{}", missing.join("\n"));
}
