//! Dataset files, as Moodle, people and other programs write them: accepted forms, and the messages of refusals.

use moodle_mlbackend::backend::{BackendError, ErrorKind};
use proptest::prelude::*;
use rstest::rstest;

use crate::common::{
    Form, Table, TestModel, TestServer, damage, damages, labelled, labelled_with_classes, unlabelled, waves,
};

const ROWS: [&str; 6] =
    ["1,-1,-1,1", "1,-0.5,-0.9,1", "1,-1,-0.8,1", "1,,-0.2,0", "1,-1,-0.1,0", "1,0.25,0,0"];
const TO_PREDICT: [&str; 3] = ["183021-0,1,-1,-1", "183020-0,1,,-0.1", "183019-0,,0.25,"];

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
fn reads_equivalent_spellings_of_a_file_alike(#[case] rewrite: fn(&str) -> String) {
    let plain = TestModel::trained(&labelled(&ROWS));
    let expected = plain.predict(&unlabelled(&TO_PREDICT));
    let rewritten = rewrite(&text(labelled(&ROWS)));
    assert_ne!(rewritten.as_bytes(), labelled(&ROWS));
    let home = TestModel::trained(rewritten.as_bytes());
    assert_eq!(home.predict(&unlabelled(&TO_PREDICT)), expected);
    assert_eq!(plain.predict(rewrite(&text(unlabelled(&TO_PREDICT))).as_bytes()), expected);
}

/// The reason for which a training on this dataset is refused, without the words around it.
#[track_caller]
fn refusal(home: &TestModel, dataset: &[u8]) -> String {
    bad_input(home, home.try_train(dataset).map(|reply| format!("{reply:?}")))
}

#[track_caller]
fn bad_input(home: &TestModel, outcome: Result<String, BackendError>) -> String {
    let error = outcome.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::BadInput, "the client's fault: {error:?}");
    let message = error.to_string();
    assert!(!message.contains(&home.path().display().to_string()), "a path: {message}");
    assert!(home.model_dir().current().expect("readable").is_none(), "nothing is stored");
    message
        .strip_prefix("The dataset cannot be used: ")
        .and_then(|message| message.strip_suffix('.'))
        .unwrap_or_else(|| panic!("{message}"))
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
fn refuses_an_invalid_row_with_line_and_column(#[case] row: &str, #[case] expected: &str) {
    let mut rows = ROWS.to_vec();
    rows.insert(2, row);
    assert_eq!(refusal(&TestModel::new(), &labelled(&rows)), expected);
}

#[rstest]
#[case::of_windows("\r\n", 6)]
#[case::of_old_macs("\r", 6)]
#[case::with_blank_lines_between("\n\n", 11)]
fn counts_lines_correctly_with_every_kind_of_line_end(#[case] end: &str, #[case] line: usize) {
    let mut rows = ROWS.to_vec();
    rows.insert(2, "1,-1,maybe,1");
    let file = String::from_utf8(labelled(&rows)).expect("text").replace('\n', end);
    let message = refusal(&TestModel::new(), file.as_bytes());
    assert!(message.starts_with(&format!("line {line}, column 3 ")), "{message}");
}

#[test]
fn counts_lines_correctly_after_a_quoted_id_of_several_lines() {
    let home = TestModel::trained(&labelled(&ROWS));
    let file = unlabelled(&["\"two\nlines\",1,-1,0", "1-0,1,what,0"]);
    let message = home.try_predict(&file).expect_err("refused").to_string();
    assert!(message.contains("line 6, column 3 "), "{message}");
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
fn refuses_an_invalid_header_with_line_and_reason(#[case] file: &str, #[case] expected: &str) {
    let message = refusal(&TestModel::new(), file.as_bytes());
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn refuses_a_name_that_is_not_utf8_with_line_and_column() {
    let mut file = labelled(&ROWS);
    let at = file.windows(7).position(|window| window == b"ind_min").expect("a name");
    file[at] = 0xff;
    assert_eq!(refusal(&TestModel::new(), &file), "line 3, column 2: the name is not UTF-8 text");
}

#[test]
fn refuses_a_prediction_file_for_training_and_a_training_file_for_prediction() {
    let message = refusal(&TestModel::new(), &unlabelled(&TO_PREDICT));
    assert!(message.starts_with("line 3, column 1: this is a prediction dataset"), "{message}");
    let home = TestModel::trained(&labelled(&ROWS));
    let message = home.try_predict(&labelled(&ROWS)).expect_err("refused").to_string();
    assert!(message.contains("this is a training dataset") && message.contains("sampleid"), "{message}");
}

#[rstest]
#[case::rows(|home: &mut TestModel| home.limits.rows = 5, "line 9: the dataset has more than 5 samples")]
#[case::columns(|home: &mut TestModel| home.limits.columns = 2, "line 2: the dataset has more than 2 features")]
#[case::classes(|home: &mut TestModel| home.limits.classes = 1, "line 2: the dataset has more than 1 target classes")]
fn refuses_a_dataset_beyond_a_limit(#[case] tighten: fn(&mut TestModel), #[case] expected: &str) {
    let mut home = TestModel::new();
    tighten(&mut home);
    assert_eq!(refusal(&home, &labelled(&ROWS)), expected);
}

#[rstest]
#[case::an_open_quote(format!("1,\"{}", "1,1,1\n".repeat(60_000)))]
#[case::an_endless_number("1".repeat(300_000))]
fn refuses_an_endless_line_and_names_the_limit(#[case] endless: String) {
    let mut home = TestModel::new();
    home.limits.line_bytes = 100_000;
    let message = refusal(&home, &labelled(&[ROWS[0], &endless, ROWS[5]]));
    assert!(message.contains("more than 100000 bytes in one line"), "{message}");
    assert!(message.starts_with("line 5"), "{message}");
}

#[rstest]
#[case("[-1,1]", ["-1", "1"])]
#[case("[1,2]", ["1", "2"])]
#[case("[1,0]", ["1", "0"])]
#[case("[-5,100]", ["-5", "100"])]
#[case("[0.5,1.5]", ["0.5", "1.5"])]
#[case("[-2.0,3e0]", ["-2", "3"])]
fn accepts_any_two_numbers_as_classes_and_returns_them_as_labels(
    #[case] classes: &str,
    #[case] expected: [&str; 2],
) {
    let rows: Vec<String> =
        (0..20).map(|n| format!("1,0,{},{}", if n < 10 { -1 } else { 1 }, expected[n / 10])).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let home = TestModel::trained(&labelled_with_classes(classes, &rows));
    let answers = home.predict(&unlabelled(&["1-0,1,0,-1", "2-0,1,0,1"]));
    assert_eq!([answers[0].class.as_str(), answers[1].class.as_str()], expected);
}

#[test]
fn returns_sample_ids_verbatim() {
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
    let answers = TestModel::trained(&labelled(&ROWS)).predict(&unlabelled(&rows));
    assert_eq!(answers.iter().map(|answer| answer.id.as_str()).collect::<Vec<_>>(), ids);
}

#[test]
fn predicts_nothing_for_a_file_without_rows() {
    assert!(TestModel::trained(&labelled(&ROWS)).predict(&unlabelled::<&str>(&[])).is_empty());
}

#[test]
fn accepts_names_with_quotes_commas_and_line_breaks() {
    let mut table = waves(40, 1);
    table.names = vec!["say \"a\", b".to_owned(), "two\nlines ж".to_owned()];
    let home = TestModel::trained(&table.labelled());
    assert_eq!(home.predict(&table.unlabelled()).len(), 40);
}

/// A valid dataset, to be damaged.
fn valid() -> Vec<u8> {
    let mut table = Table::of_classes(&["\\a", "\\b"], &["0", "1"]);
    for n in 0..8 {
        table.push(&[n as f32 / 8.0, if n % 3 == 0 { f32::NAN } else { -0.5 }], n % 2);
    }
    table.labelled()
}

/// Bytes that the parser treats specially.
const TOKENS: &[&[u8]] = &[
    b"\n",
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
];

/// Success, or a message that names a line and no path.
fn check_message<T>(home: &TestModel, outcome: Result<T, BackendError>) -> Result<(), TestCaseError> {
    let Err(error) = outcome else { return Ok(()) };
    let message = error.to_string();
    prop_assert_eq!(error.kind(), ErrorKind::BadInput, "not the client's fault: {}", message);
    prop_assert!(message.contains("line "), "no line: {}", message);
    prop_assert!(message.chars().count() < 600, "too long: {}", message);
    let unprintable = message.chars().find(|c| c.is_control());
    prop_assert_eq!(unprintable, None, "{:?}", message);
    let path = home.path();
    prop_assert!(!message.contains(&*path.to_string_lossy()), "a path: {}", message);
    Ok(())
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn trains_on_any_bytes_or_refuses_them_with_a_line(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let home = TestModel::new();
        check_message(&home, home.try_train(&bytes))?;
        check_message(&home, home.try_predict(&bytes))?;
        check_message(&home, home.try_evaluate(&bytes, 1, None))?;
    }

    #[test]
    fn trains_on_any_rows_below_a_valid_header_or_refuses_them_with_a_line(
        rows in "(([-0-9.,eNn\"a \r]{0,12})\n){0,6}",
    ) {
        let home = TestModel::new();
        let head = labelled::<&str>(&[]);
        check_message(&home, home.try_train(&[&head[..], rows.as_bytes()].concat()))?;
        let head = unlabelled::<&str>(&[]);
        check_message(&home, home.try_predict(&[&head[..], rows.as_bytes()].concat()))?;
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn trains_on_a_damaged_dataset_or_refuses_it_with_a_line(
        damages in damages(TOKENS),
    ) {
        let home = TestModel::new();
        let mut file = valid();
        damage(&mut file, &damages);
        check_message(&home, home.try_train(&file))?;
    }

    #[test]
    fn predicts_a_damaged_dataset_or_refuses_it_with_a_line(
        damages in damages(TOKENS),
    ) {
        let home = TestModel::new();
        let mut file = waves(5, 1).unlabelled();
        damage(&mut file, &damages);
        check_message(&home, home.try_predict(&file))?;
    }
}

#[test]
fn a_hostile_column_name_is_inert_in_an_error() {
    let server = TestServer::start();
    let dataset = b"nfeatures,targetclasses\n1,\"[0,1]\"\n<img src=x onerror=alert(1)>,target\nmany,1\n0,0\n";
    for route in ["/training", "/evaluation"] {
        let form = Form::model("m", "d").field("minscore", "0.5").field("maxdeviation", "0.5");
        let form = form.field("niterations", "3").file("dataset", dataset);
        let reply = server.post(route, &form);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains("line 4, column 1 (?img src=x onerror=alert(1)?)"), "{}", reply.text());
    }
}
