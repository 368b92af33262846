//! Replays the fuzz targets with their regressions, their corpus, and reproducible mutations of both.
//! `FUZZ_TIMES=100 cargo test fuzz_corpus` replays a hundred times as many mutations.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::common::Dice;
use crate::fuzz_targets::TARGETS;

/// The number of mutations of each input.
const MUTATIONS: usize = 30;

/// The maximum number of inputs in the corpus of one target, beside its regressions: each costs time in every test run.
const MAX_CORPUS: usize = 64;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs in a directory of a target, by name.
fn inputs(directory: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = fuzz().join(directory).join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Changes, removes or repeats some bytes, or takes some from another input.
fn mutated(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const INTERESTING: [&[u8]; 12] = [
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
            3 => drop(bytes.splice(at..end, INTERESTING[dice.below(INTERESTING.len())].iter().copied())),
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
fn accepts_or_refuses_every_input_of_the_corpus_and_its_mutations(
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
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    let (regressions, corpus) = (inputs("regressions", target), inputs("corpus", target));
    assert!(regressions.len() >= 2, "the regressions of {target} are missing");
    assert!((2..=MAX_CORPUS).contains(&corpus.len()), "the corpus of {target} has {} inputs", corpus.len());
    let inputs = [regressions, corpus].concat();
    let times: usize = std::env::var("FUZZ_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let mut dice = Dice::new(1);
    for (name, input) in &inputs {
        run(input);
        for number in 0..MUTATIONS * times {
            let (_, other) = &inputs[dice.below(inputs.len())];
            let bytes = mutated(input, other, &mut dice);
            let finished = std::panic::catch_unwind(|| run(&bytes));
            assert!(finished.is_ok(), "mutation {number} of {target}/{name}: {}", hex::encode(bytes));
        }
    }
}

#[test]
fn every_target_has_inputs_and_a_fuzz_target() {
    for directory in ["corpus", "regressions"] {
        assert_eq!(fs::read_dir(fuzz().join(directory)).unwrap().count(), TARGETS.len(), "{directory}");
    }
    for (name, _) in TARGETS {
        assert!(fuzz().join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name}");
    }
}
