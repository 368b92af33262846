//! The dataset file, as Moodle and hands and other programs write it: what is accepted, and what a
//! refusal says.

use moodle_mlbackend::backend::{BackendError, ErrorKind};
use proptest::prelude::*;
use rstest::rstest;

use crate::common::{Home, Table, labelled, labelled_with_classes, unlabelled, waves};

const ROWS: [&str; 6] =
    ["1,-1,-1,1", "1,-0.5,-0.9,1", "1,-1,-0.8,1", "1,,-0.2,0", "1,-1,-0.1,0", "1,0.25,0,0"];
const ASK: [&str; 3] = ["183021-0,1,-1,-1", "183020-0,1,,-0.1", "183019-0,,0.25,"];

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[rstest]
#[case::carriage_return_and_line_feed(|file: &str| file.replace('\n', "\r\n"))]
#[case::lone_carriage_returns(|file: &str| file.replace('\n', "\r"))]
#[case::a_byte_order_mark(|file: &str| format!("\u{feff}{file}"))]
#[case::no_final_line_end(|file: &str| file.trim_end().to_owned())]
#[case::blank_lines(|file: &str| file.replace('\n', "\n\n"))]
#[case::blank_lines_at_the_end(|file: &str| format!("{file}\n\r\n\n"))]
#[case::quoted_numbers(|file: &str| file.replace(",-1,", ",\"-1\",").replace("\n1,", "\n\"1\","))]
#[case::spaces_around_numbers(|file: &str| file.replace(",-1,", ", -1 ,"))]
#[case::other_spellings_of_numbers(|file: &str| file.replace(",-1,", ",-1.00,").replace("0.25", "+2.5e-1"))]
#[case::keys_in_another_order(|file: &str| {
    let rest: String = file.split_inclusive('\n').skip(2).collect();
    format!("targetclasses,targettype,nfeatures\n\"[0,1]\",discrete,3\n{rest}")
})]
#[case::unknown_keys(|file: &str| {
    let rest: String = file.split_inclusive('\n').skip(2).collect();
    format!("nfeatures,colour,targetclasses\n3,\"mauve, \"\"dark\"\"\",\"[0, 1]\"\n{rest}")
})]
#[case::several_versions_of_moodle(|file: &str| file.replace("2024100700", "2023112400|2024100700"))]
fn another_way_to_write_a_file_is_read_alike(#[case] rewrite: fn(&str) -> String) {
    let plain = Home::trained(&labelled(&ROWS));
    let expected = plain.predict(&unlabelled(&ASK));
    let rewritten = rewrite(&text(labelled(&ROWS)));
    assert_ne!(rewritten.as_bytes(), labelled(&ROWS));
    let home = Home::trained(rewritten.as_bytes());
    assert_eq!(home.predict(&unlabelled(&ASK)), expected);
    assert_eq!(plain.predict(rewrite(&text(unlabelled(&ASK))).as_bytes()), expected);
}

/// What a training on these rows is refused with, without the words around it.
#[track_caller]
fn refusal(home: &Home, dataset: &[u8]) -> String {
    told(home, home.try_train(dataset).map(|reply| format!("{reply:?}")))
}

#[track_caller]
fn told(home: &Home, outcome: Result<String, BackendError>) -> String {
    let error = outcome.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::BadInput, "the client's fault: {error:?}");
    let told = error.to_string();
    assert!(!told.contains(&home.path().display().to_string()), "a path: {told}");
    assert!(home.model().current().expect("readable").is_none(), "nothing is stored");
    told.strip_prefix("The dataset cannot be used: ")
        .and_then(|told| told.strip_suffix('.'))
        .unwrap_or_else(|| panic!("{told}"))
        .to_owned()
}

#[rstest]
#[case(
    "1,-1,maybe,1",
    r#"line 6, column 3 (\ind_name): expected a number or nothing, got "maybe": it is not a number"#
)]
#[case("1,NaN,0,1", r#"line 6, column 2 (\ind_min): expected a number or nothing, got "NaN": NaN and infinity are not accepted"#)]
#[case("inf,0,0,1", r#"line 6, column 1 (\ind_max): expected a number or nothing, got "inf": NaN and infinity are not accepted"#)]
#[case("0,-Infinity,0,1", r#"line 6, column 2 (\ind_min): expected a number or nothing, got "-Infinity": NaN and infinity are not accepted"#)]
#[case(
    "0,1e40,0,1",
    r#"line 6, column 2 (\ind_min): expected a number or nothing, got "1e40": it is too large"#
)]
#[case(
    "0,0x10,0,1",
    r#"line 6, column 2 (\ind_min): expected a number or nothing, got "0x10": it is not a number"#
)]
#[case(
    "0,\"1,5\",0,1",
    r#"line 6, column 2 (\ind_min): expected a number or nothing, got "1,5": it is not a number"#
)]
#[case("1,-1,1", "line 6, column 4: expected 4 fields, got 3")]
#[case("1,-1,1,1,0", "line 6, column 5: expected 4 fields, got 5")]
#[case("1,-1,1,", r"line 6, column 4 (\target): the target is missing")]
#[case(
    "1,-1,1,yes",
    r#"line 6, column 4 (\target): expected a number or nothing, got "yes": it is not a number"#
)]
#[case("1,-1,1,2", "line 6, column 4: the target 2 is not one of the targetclasses [0,1]")]
#[case("1,-1,1,0.5", "line 6, column 4: the target 0.5 is not one of the targetclasses [0,1]")]
#[case("1,-1,1,-1", "line 6, column 4: the target -1 is not one of the targetclasses [0,1]")]
fn a_row_that_cannot_be_used_is_told_by_line_and_column(#[case] row: &str, #[case] expected: &str) {
    let mut rows = ROWS.to_vec();
    rows.insert(2, row);
    assert_eq!(refusal(&Home::new(), &labelled(&rows)), expected);
}

#[rstest]
#[case::of_windows("\r\n", 6)]
#[case::of_old_macs("\r", 6)]
#[case::with_blank_lines_between("\n\n", 11)]
fn the_line_of_a_mistake_is_right_whatever_ends_the_lines(#[case] end: &str, #[case] line: usize) {
    let mut rows = ROWS.to_vec();
    rows.insert(2, "1,-1,maybe,1");
    let file = String::from_utf8(labelled(&rows)).expect("text").replace('\n', end);
    let told = refusal(&Home::new(), file.as_bytes());
    assert!(told.starts_with(&format!("line {line}, column 3 ")), "{told}");
}

#[test]
fn a_quoted_id_of_several_lines_does_not_shift_the_lines_after_it() {
    let home = Home::trained(&labelled(&ROWS));
    let file = unlabelled(&["\"two\nlines\",1,-1,0", "1-0,1,what,0"]);
    let told = home.try_predict(&file).expect_err("refused").to_string();
    assert!(told.contains("line 6, column 3 "), "{told}");
}

#[rstest]
#[case("", "line 1: the dataset ends before its line of keys")]
#[case("\n\n", "line 1: the dataset ends before its line of keys")]
#[case("nfeatures,targetclasses\n", "line 2: the dataset ends before its line of values")]
#[case("nfeatures,targetclasses\n1,\"[0,1]\"\n", "line 3: the dataset ends before its line of column names")]
#[case("nfeatures\n1\na,t\n", "line 1: the header has no key targetclasses")]
#[case("targetclasses\n\"[0,1]\"\na,t\n", "line 1: the header has no key nfeatures")]
#[case("nfeatures,targetclasses\n1\na,t\n", "line 2: 1 header values for 2 header keys")]
#[case(
    "nfeatures,targetclasses\nfew,\"[0,1]\"\na,t\n",
    "line 2: nfeatures must be a whole number of at least 1"
)]
#[case("nfeatures,targetclasses\n0,\"[0,1]\"\nt\n", "line 2: nfeatures must be a whole number of at least 1")]
#[case(
    "nfeatures,targetclasses\n1.5,\"[0,1]\"\na,t\n",
    "line 2: nfeatures must be a whole number of at least 1"
)]
#[case(
    "nfeatures,targetclasses\n-1,\"[0,1]\"\na,t\n",
    "line 2: nfeatures must be a whole number of at least 1"
)]
#[case("nfeatures,targetclasses\n1,yes\na,t\n", "line 2: targetclasses must be a list of numbers")]
#[case("nfeatures,targetclasses\n1,[]\na,t\n", "line 2: targetclasses must be a list of numbers")]
#[case("nfeatures,targetclasses\n1,[0]\na,t\n", "line 2: targetclasses must be a list of numbers")]
#[case("nfeatures,targetclasses\n1,\"[0,0]\"\na,t\n", "line 2: targetclasses must be a list of numbers")]
#[case("nfeatures,targetclasses\n1,\"[0,1,null]\"\na,t\n", "line 2: targetclasses must be a list of numbers")]
#[case("nfeatures,targetclasses\n3,\"[0,1]\"\na,t\n", "line 3, column 3: expected 4 fields, got 2")]
fn a_head_that_cannot_be_used_is_told_by_line_and_reason(#[case] file: &str, #[case] expected: &str) {
    let told = refusal(&Home::new(), file.as_bytes());
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn a_name_that_is_no_utf8_is_told_by_line_and_column() {
    let mut file = labelled(&ROWS);
    let at = file.windows(7).position(|window| window == b"ind_min").expect("a name");
    file[at] = 0xff;
    assert_eq!(refusal(&Home::new(), &file), "line 3, column 2: the name is not UTF-8 text");
}

#[test]
fn a_prediction_file_is_refused_by_a_training_and_a_training_file_by_a_prediction() {
    let told = refusal(&Home::new(), &unlabelled(&ASK));
    assert!(told.starts_with("line 3, column 1: this is a prediction dataset"), "{told}");
    let home = Home::trained(&labelled(&ROWS));
    let told = home.try_predict(&labelled(&ROWS)).expect_err("refused").to_string();
    assert!(told.contains("this is a training dataset") && told.contains("sampleid"), "{told}");
}

#[rstest]
#[case::rows(|home: &mut Home| home.limits.rows = 5, "line 9: the dataset has more than 5 samples", "MOODLE_MLBACKEND_MAX_ROWS")]
#[case::columns(|home: &mut Home| home.limits.columns = 2, "line 2: the dataset has more than 2 features", "MOODLE_MLBACKEND_MAX_COLUMNS")]
#[case::classes(|home: &mut Home| home.limits.classes = 1, "line 2: the dataset has more than 1 target classes", "MOODLE_MLBACKEND_MAX_CLASSES")]
fn a_dataset_beyond_a_limit_is_refused_by_the_name_of_the_setting(
    #[case] tighten: fn(&mut Home),
    #[case] expected: &str,
    #[case] setting: &str,
) {
    let mut home = Home::new();
    tighten(&mut home);
    let told = refusal(&home, &labelled(&ROWS));
    assert!(told.starts_with(expected) && told.contains(setting), "{told}");
}

#[rstest]
#[case::an_open_quote(format!("1,\"{}", "1,1,1\n".repeat(60_000)))]
#[case::an_endless_number("1".repeat(300_000))]
fn a_line_without_an_end_is_refused_by_the_name_of_the_setting(#[case] endless: String) {
    let mut home = Home::new();
    home.limits.line_bytes = 100_000;
    let told = refusal(&home, &labelled(&[ROWS[0], &endless, ROWS[5]]));
    assert!(told.contains("more than 100000 bytes in one line"), "{told}");
    assert!(told.starts_with("line 5"), "{told}");
}

#[rstest]
#[case("[-1,1]", ["-1", "1"])]
#[case("[1,2]", ["1", "2"])]
#[case("[1,0]", ["1", "0"])]
#[case("[-5,100]", ["-5", "100"])]
#[case("[0.5,1.5]", ["0.5", "1.5"])]
#[case("[-2.0,3e0]", ["-2", "3"])]
fn classes_may_be_any_two_numbers_and_come_back_as_labels(
    #[case] classes: &str,
    #[case] expected: [&str; 2],
) {
    let rows: Vec<String> =
        (0..20).map(|n| format!("1,0,{},{}", if n < 10 { -1 } else { 1 }, expected[n / 10])).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let home = Home::trained(&labelled_with_classes(classes, &rows));
    let answers = home.predict(&unlabelled(&["1-0,1,0,-1", "2-0,1,0,1"]));
    assert_eq!([answers[0].class.as_str(), answers[1].class.as_str()], expected);
}

#[test]
fn sample_ids_come_back_verbatim_whatever_is_in_them() {
    let ids = [
        "183021-0",
        "",
        " spaces ",
        "say \"hello\"",
        "a,b;c\tq",
        "two\nlines",
        "cr\rlf\r\n",
        "Žluťoučký 🦄 \u{202e}x",
        "../../etc",
        "</script>",
        "0x00",
        "\u{1}\u{7f}",
        "id",
        "id",
    ];
    let quoted: Vec<String> =
        ids.iter().map(|id| format!("\"{}\",1,-1,-1", id.replace('"', "\"\""))).collect();
    let rows: Vec<&str> = quoted.iter().map(String::as_str).collect();
    let answers = Home::trained(&labelled(&ROWS)).predict(&unlabelled(&rows));
    assert_eq!(answers.iter().map(|answer| answer.id.as_str()).collect::<Vec<_>>(), ids);
}

#[test]
fn a_file_without_rows_is_predicted_with_no_prediction() {
    assert!(Home::trained(&labelled(&ROWS)).predict(&unlabelled(&[])).is_empty());
}

#[test]
fn names_with_quotes_commas_and_line_breaks_are_names() {
    let mut table = waves(40, 1);
    table.names = vec!["say \"a\", b".to_owned(), "two\nlines ж".to_owned()];
    let home = Home::trained(&table.labelled());
    assert_eq!(home.predict(&table.unlabelled()).len(), 40);
}

/// A dataset that reads, to be spoilt.
fn valid() -> Vec<u8> {
    let mut table = Table::of_classes(&["\\a", "\\b"], &["0", "1"]);
    for n in 0..8 {
        table.push(&[n as f32 / 8.0, if n % 3 == 0 { f32::NAN } else { -0.5 }], n % 2);
    }
    table.labelled()
}

/// What is done to a place of a file.
#[derive(Debug, Clone)]
enum Harm {
    Remove(usize),
    Insert(Vec<u8>),
    Replace(u8),
    Repeat(usize),
    CutHere,
}

fn harm() -> impl Strategy<Value = Harm> {
    let token = proptest::sample::select(vec![
        &b"\n"[..],
        b"\r",
        b"\"",
        b",",
        b"\0",
        b"NaN",
        b"1e999",
        b"-",
        b"\xff\xfe",
        b"[",
        b"sampleid",
        b"99999999999999999999",
        b"\xef\xbb\xbf",
    ]);
    prop_oneof![
        (1_usize..40).prop_map(Harm::Remove),
        token.prop_map(|bytes| Harm::Insert(bytes.to_vec())),
        prop::collection::vec(any::<u8>(), 1..8).prop_map(Harm::Insert),
        any::<u8>().prop_map(Harm::Replace),
        (1_usize..60).prop_map(Harm::Repeat),
        Just(Harm::CutHere),
    ]
}

fn harmed(mut file: Vec<u8>, harms: &[(proptest::sample::Index, Harm)]) -> Vec<u8> {
    for (place, harm) in harms {
        let at = place.index(file.len() + 1);
        let end = |length: &usize, file: &Vec<u8>| (at + length).min(file.len());
        match harm {
            Harm::Remove(length) => drop(file.drain(at..end(length, &file))),
            Harm::Insert(bytes) => drop(file.splice(at..at, bytes.clone())),
            Harm::Replace(byte) => file.get_mut(at).into_iter().for_each(|old| *old = *byte),
            Harm::Repeat(length) => {
                let again = file[at..end(length, &file)].to_vec();
                drop(file.splice(at..at, again));
            }
            Harm::CutHere => file.truncate(at),
        }
    }
    file
}

/// Learnt from, or a sentence that names a line and no path.
fn clear<T>(home: &Home, outcome: Result<T, BackendError>) -> Result<(), TestCaseError> {
    let Err(error) = outcome else { return Ok(()) };
    let told = error.to_string();
    prop_assert_eq!(error.kind(), ErrorKind::BadInput, "not the sender's fault: {}", told);
    prop_assert!(told.contains("line "), "no line: {}", told);
    prop_assert!(told.chars().count() < 600, "too long: {}", told);
    let unprintable = told.chars().find(|c| c.is_control());
    prop_assert_eq!(unprintable, None, "{:?}", told);
    let path = home.path();
    prop_assert!(!told.contains(&*path.to_string_lossy()), "a path: {}", told);
    Ok(())
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_bytes_are_learnt_from_or_refused_with_a_line(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let home = Home::new();
        clear(&home, home.try_train(&bytes))?;
        clear(&home, home.try_predict(&bytes))?;
        clear(&home, home.try_evaluate(&bytes, 1, None))?;
    }

    #[test]
    fn any_rows_below_a_sound_head_are_learnt_from_or_refused_with_a_line(
        rows in "(([-0-9.,eNn\"a \r]{0,12})\n){0,6}",
    ) {
        let home = Home::new();
        let head = labelled(&[]);
        clear(&home, home.try_train(&[&head[..], rows.as_bytes()].concat()))?;
        let head = unlabelled(&[]);
        clear(&home, home.try_predict(&[&head[..], rows.as_bytes()].concat()))?;
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_spoilt_dataset_is_learnt_from_or_refused_with_a_line(
        harms in prop::collection::vec((any::<proptest::sample::Index>(), harm()), 1..5),
    ) {
        let home = Home::new();
        clear(&home, home.try_train(&harmed(valid(), &harms)))?;
    }

    #[test]
    fn a_spoilt_dataset_to_predict_is_answered_or_refused_with_a_line(
        harms in prop::collection::vec((any::<proptest::sample::Index>(), harm()), 1..5),
    ) {
        let home = Home::new();
        clear(&home, home.try_predict(&harmed(waves(5, 1).unlabelled(), &harms)))?;
    }
}
