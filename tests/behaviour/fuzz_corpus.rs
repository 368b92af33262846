//! The doors of the fuzz targets, with the kept corpus and with inputs near it: the same ones every time.
//! `FUZZ_TIMES=100 cargo test fuzz_corpus` tries a hundred times as many.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::common::Dice;
use crate::fuzzed::TARGETS;

/// Changed copies of each input of the corpus.
const MUTATIONS: usize = 30;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Some bytes changed, cut out, repeated, or taken from another input.
fn mutated(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const TELLING: [&[u8]; 12] = [
        b"\0",
        b"\xff\xff\xff\xff",
        b"\x7f",
        b"\x80",
        b",",
        b"\"",
        b"\n",
        b"-1",
        b"1e999",
        b"NaN",
        b"PK\x05\x06",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ];
    let mut bytes = input.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(16)).min(bytes.len());
        match dice.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..end, TELLING[dice.below(TELLING.len())].iter().copied())),
            4 => {
                let copied = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            _ => {
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
        }
    }
    bytes
}

#[rstest]
fn every_input_of_the_corpus_and_near_it_is_taken_or_refused(
    #[values(
        "archive",
        "authorization",
        "checkpoint",
        "dataset",
        "description",
        "form",
        "onnx",
        "pickle",
        "query",
        "users"
    )]
    target: &str,
) {
    let (_, enter) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    let inputs = corpus(target);
    assert!(inputs.len() >= 2, "the corpus of {target} has lost its inputs");
    let times: usize = std::env::var("FUZZ_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let mut dice = Dice::new(1);
    for (name, input) in &inputs {
        enter(input);
        for number in 0..MUTATIONS * times {
            let (_, other) = &inputs[dice.below(inputs.len())];
            let bytes = mutated(input, other, &mut dice);
            let entered = std::panic::catch_unwind(|| enter(&bytes));
            assert!(entered.is_ok(), "change {number} of {target}/{name}: {}", hex::encode(bytes));
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = fs::read_dir(fuzz.join("corpus")).unwrap().count();
    assert_eq!(folders, TARGETS.len());
    for (name, _) in TARGETS {
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name}");
    }
}
