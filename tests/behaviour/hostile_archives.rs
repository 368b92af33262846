//! Hostile archives: the reply is 400 with a reason, the server needs little memory, and the stored model stays.

use rstest::rstest;
use serde_json::Value;

use crate::common::{Dice, Entry, RawZip, TestServer, labelled, unlabelled, unzipped};

const ROWS: [&str; 6] = ["1,-1,-1,1", "1,-1,-0.9,1", "1,-1,-1,1", "1,-1,-0.2,0", "1,-1,-0.1,0", "1,-1,0,0"];

/// The maximum memory that a refused import may take, in bytes.
const MAX_GROWTH: u64 = 32 << 20;

fn predictions(server: &TestServer) -> Value {
    server.predictions("m", &unlabelled(&["a,1,-1,-1", "b,1,-1,-0.55", "c,,-1,0"]))
}

/// The valid files that hostile archives are made of.
struct Good {
    model: Vec<u8>,
    description: Vec<u8>,
}

impl Good {
    fn entry(&self) -> Entry {
        Entry::deflated("model.onnx", &self.model)
    }

    fn stored(&self) -> Entry {
        Entry::stored("model.onnx", &self.model)
    }

    /// The valid model under another name.
    fn named(&self, name: &str) -> Vec<u8> {
        RawZip::of([Entry::deflated(name, &self.model)]).bytes()
    }

    fn zip(&self) -> Vec<u8> {
        RawZip::of([self.entry(), Entry::deflated("model.json", &self.description)]).bytes()
    }
}

fn zeros(mebibytes: usize) -> Vec<u8> {
    vec![0; mebibytes << 20]
}

fn many(entries: u32) -> RawZip {
    RawZip::of((0..entries).map(|number| Entry::stored(&format!("{number}"), b"")))
}

/// A second file inside of the data of the first one; the directory lists both.
fn overlapping(good: &Good) -> Vec<u8> {
    let inner = Entry::stored("model.json", b"{}");
    let outer = Entry::stored("model.onnx", &[inner.local(), good.model.clone()].concat());
    let begins = 30 + outer.name.len() as u32;
    RawZip::of([outer, inner]).with(|zip| zip.offsets = vec![(1, begins)]).bytes()
}

/// A 64-bit size of an entry that is larger than any disk.
fn zip64_sizes() -> Vec<u8> {
    let mut extra = vec![1, 0, 16, 0];
    extra.extend((1_u64 << 60).to_le_bytes());
    extra.extend((1_u64 << 60).to_le_bytes());
    extra
}

fn random(bytes: usize) -> Vec<u8> {
    let mut dice = Dice::new(7);
    (0..bytes).map(|_| dice.below(256) as u8).collect()
}

#[rstest]
// Names.
#[case::out_of_the_archive(|g: &Good| g.named("../model.onnx"), "leads out of the archive")]
#[case::out_of_a_folder(|g: &Good| g.named("model.ckpt/../../model.onnx"), "leads out of the archive")]
#[case::out_the_windows_way(|g: &Good| g.named("..\\..\\model.onnx"), "leads out of the archive")]
#[case::an_absolute_path(|g: &Good| g.named("/etc/model.onnx"), "an absolute path")]
#[case::a_drive(|g: &Good| g.named("C:\\model.onnx"), "an absolute path")]
#[case::a_share(|g: &Good| g.named("\\\\host\\model.onnx"), "an absolute path")]
#[case::backslashes(|g: &Good| g.named("model.ckpt\\saved_model.pb"), "a Windows path")]
#[case::other_letters(|g: &Good| g.named("Model.ONNX"), "must be written \"model.onnx\"")]
#[case::names_that_differ_in_case(
    |g: &Good| RawZip::of([g.entry(), Entry::stored("MODEL.ONNX", b"x")]).bytes(), "must be written \"model.onnx\"")]
#[case::a_nul_in_a_name(|g: &Good| g.named("model.onnx\0.txt"), "which is no part of a model")]
#[case::a_name_twice(|g: &Good| RawZip::of([g.entry(), g.entry()]).bytes(), "two entries with the same name")]
#[case::an_unknown_name(|g: &Good| RawZip::of([g.entry(), Entry::stored("run.sh", b"x")]).bytes(), "\"run.sh\"")]
#[case::no_name(|g: &Good| g.named(""), "which is no part of a model")]
#[case::a_folder_around_it(|g: &Good| g.named("export/model.onnx"), "which is no part of a model")]
// Kinds of entries.
#[case::a_symbolic_link(
    |g: &Good| RawZip::of([Entry::stored("model.onnx", b"/etc/passwd").with(|e| e.attributes = 0o120_777 << 16),
        Entry::deflated("model.json", &g.description)]).bytes(), "is a link")]
#[case::a_directory_with_content(
    |g: &Good| RawZip::of([g.entry(), Entry::stored("model.ckpt/", b"x")]).bytes(), "has content")]
#[case::encrypted(|g: &Good| RawZip::of([g.entry().with(|e| e.flags = 1)]).bytes(), "is encrypted")]
#[case::an_unknown_compression(|g: &Good| RawZip::of([g.entry().with(|e| e.method = 77)]).bytes(), "is compressed with")]
#[case::bzip2(|g: &Good| RawZip::of([g.entry().with(|e| e.method = 12)]).bytes(), "is compressed with")]
// Bombs.
#[case::a_bomb(|_: &Good| RawZip::of([Entry::deflated("model.onnx", &zeros(200))]).bytes(), "larger than 16 MiB")]
#[case::a_bomb_in_a_file_that_is_not_read(
    |g: &Good| RawZip::of([g.entry(), Entry::deflated("model-card.md", &zeros(64))]).bytes(), "larger than 4 MiB")]
#[case::a_bomb_of_parts(
    |_: &Good| RawZip::of(["model.ckpt/variables/variables.data-00000-of-00001", "model.ckpt/saved_model.pb",
        "model.ckpt/keras_metadata.pb", "model.json"].into_iter().zip([16, 8, 8, 4])
        .map(|(name, size)| Entry::deflated(name, &zeros(size)))).bytes(), "larger than 16 MiB")]
#[case::zeros_as_large_as_allowed(
    |_: &Good| RawZip::of([Entry::deflated("model.onnx", &zeros(6))]).bytes(), "is not an ONNX file")]
#[case::an_archive_in_an_archive(|g: &Good| RawZip::of([Entry::stored("inner.zip", &g.zip())]).bytes(), "\"inner.zip\"")]
#[case::an_archive_for_a_model(
    |g: &Good| RawZip::of([Entry::stored("model.onnx", &g.zip())]).bytes(), "model.onnx is not an ONNX file")]
#[case::a_hundred_thousand_entries(
    |_: &Good| many(100_000).with(|zip| zip.announced = Some(60_000)).bytes(), "60000 entries, more than the 64 that are allowed")]
#[case::entries_that_are_not_announced(
    |_: &Good| many(100_000).with(|zip| zip.announced = Some(2)).bytes(), "its directory takes")]
#[case::few_entries_that_are_not_announced(
    |g: &Good| RawZip::of([g.entry(), Entry::stored("model.json", b"{}")]).with(|zip| zip.announced = Some(1)).bytes(),
    "more than the entries that it announces")]
#[case::fewer_entries_than_announced(
    |g: &Good| RawZip::of([g.entry()]).with(|zip| zip.announced = Some(60)).bytes(), "does not hold the entries")]
#[case::overlapping_entries(overlapping, "overlapping")]
#[case::one_content_under_two_names(
    |g: &Good| RawZip::of([g.entry(), g.entry().with(|e| e.name = b"model.json".to_vec())])
        .with(|zip| zip.offsets = vec![(1, 0)]).bytes(), "mismatch")]
#[case::an_entry_that_is_not_listed(
    |g: &Good| RawZip::of([Entry::stored("run.sh", b"x").with(|e| e.listed = false), g.entry()])
        .bytes(), "missing from central directory")]
#[case::beginnings_of_entries_that_are_not_listed(
    |g: &Good| RawZip::of([Entry::stored("x", &b"PK\x03\x04".repeat(1 << 20)).with(|e| e.listed = false), g.entry()])
        .bytes(), "belong to no file")]
// Wrong sizes and checksums.
#[case::larger_than_it_says(|g: &Good| RawZip::of([g.entry().with(|e| e.size = 10)]).bytes(), "model.onnx")]
#[case::smaller_than_it_says(|g: &Good| RawZip::of([g.entry().with(|e| e.size = 1 << 30)]).bytes(), "model.onnx")]
#[case::stored_larger_than_it_says(|g: &Good| RawZip::of([g.stored().with(|e| e.size = 10)]).bytes(), "model.onnx")]
#[case::less_compressed_data_than_it_says(
    |g: &Good| RawZip::of([g.entry().with(|e| e.compressed += 1_000_000)]).bytes(), "not a valid zip file")]
#[case::more_compressed_data_than_it_says(
    |g: &Good| RawZip::of([g.entry().with(|e| e.compressed /= 2)]).bytes(), "model.onnx is damaged")]
#[case::nearly_four_gigabytes(
    |g: &Good| RawZip::of([g.stored().with(|e| { e.size = u32::MAX - 1; e.compressed = u32::MAX - 1; })]).bytes(),
    "not a valid zip file")]
#[case::a_wrong_checksum(|g: &Good| RawZip::of([g.entry().with(|e| e.crc ^= 1)]).bytes(), "model.onnx is damaged")]
#[case::zip64_entries(
    |g: &Good| RawZip::of([g.entry().with(|e| { e.size = u32::MAX; e.compressed = u32::MAX; e.extra = zip64_sizes(); })])
        .bytes(), "not a valid zip file")]
#[case::a_zip64_directory(
    |g: &Good| RawZip::of([g.entry()]).with(|zip| zip.announced = Some(u16::MAX)).bytes(), "zip64")]
#[case::a_zip64_place(
    |g: &Good| RawZip::of([g.entry()]).with(|zip| zip.directory_at = Some(u32::MAX)).bytes(), "zip64")]
#[case::a_directory_that_is_elsewhere(
    |g: &Good| RawZip::of([g.entry()]).with(|zip| zip.directory_at = Some(u32::MAX - 1)).bytes(), "cut off or changed")]
// Headers that contradict each other.
#[case::another_name_in_the_local_header(
    |g: &Good| RawZip::of([g.entry().with(|e| e.local_name = Some(b"../evil".to_vec()))]).bytes(), "mismatch")]
#[case::another_method_in_the_local_header(
    |g: &Good| RawZip::of([g.entry().with(|e| e.local_method = Some(0))]).bytes(), "mismatch")]
#[case::a_part_of_several_files(|g: &Good| RawZip::of([g.entry()]).with(|zip| zip.disk = 3).bytes(), "in several files")]
// Bytes around the archive.
#[case::nothing(|_: &Good| Vec::new(), "not a zip file")]
#[case::an_empty_archive(|_: &Good| RawZip::default().bytes(), "it is empty")]
#[case::random_bytes(|_: &Good| random(10_000), "not a zip file")]
#[case::random_bytes_of_a_zip(|_: &Good| [b"PK\x03\x04".to_vec(), random(10_000)].concat(), "not a zip file")]
#[case::truncated(|g: &Good| g.zip()[..g.zip().len() / 2].to_vec(), "cut off")]
#[case::truncated_by_one_byte(|g: &Good| g.zip()[..g.zip().len() - 1].to_vec(), "cut off")]
#[case::junk_before(|g: &Good| [b"#!/bin/sh\n".to_vec(), g.zip()].concat(), "bytes before the archive")]
#[case::junk_behind(|g: &Good| [g.zip(), b"junk".to_vec()].concat(), "bytes after the archive")]
#[case::an_archive_behind_an_archive(|g: &Good| [g.zip(), g.zip()].concat(), "bytes before the archive")]
#[case::an_archive_in_the_comment(
    |g: &Good| RawZip::of([g.entry()]).with(|zip| zip.comment = RawZip::default().bytes()).bytes(), "comment")]
// The files in the archive.
#[case::a_card_alone(|_: &Good| RawZip::of([Entry::stored("model-card.md", b"# Hello")]).bytes(), "holds no model")]
#[case::a_model_that_is_none(
    |_: &Good| RawZip::of([Entry::stored("model.onnx", &random(500))]).bytes(), "model.onnx")]
#[case::a_mixed_up_archive(
    |g: &Good| RawZip::of([Entry::deflated("model.onnx", &[&g.model[..], b"\x0a\x00"].concat()),
        Entry::deflated("model.json", &g.description)]).bytes(), "do not belong together")]
fn refuses_a_hostile_archive_with_a_reason_and_little_memory(
    #[case] archive: fn(&Good) -> Vec<u8>,
    #[case] reason: &str,
) {
    let server = TestServer::start();
    server.train("m", &labelled(&ROWS));
    let files = unzipped(&server.export("m"));
    let good = Good { model: files["model.onnx"].clone(), description: files["model.json"].clone() };
    // The first import allocates memory that later ones reuse.
    server.import("m", &good.zip()).expect(200, "Ok");
    let before = predictions(&server);

    let archive = archive(&good);
    let (reply, growth) = server.with_memory_growth(|| server.import("m", &archive));

    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains(reason), "{}", reply.text());
    assert!(reply.text().len() < 400 && reply.text().ends_with('.'), "{}", reply.text());
    assert!(growth < MAX_GROWTH, "{} MiB more memory; {}", growth >> 20, reply.text());
    assert_eq!(predictions(&server), before);
    assert_eq!(server.uploads(), Vec::<std::path::PathBuf>::new());
}
