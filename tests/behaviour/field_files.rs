//! Files as people and other programs make them, sent to the real server: each is accepted, or refused with a message
//! that names the trouble.
//!
//! The recorded files imitate public reports of problems with Moodle's analytics.

use rstest::rstest;
use serde_json::{Value, json};

use super::inspect::written;
use crate::common::{Form, Reply, TestServer, labelled_with_classes, run_on, shared, unlabelled};

fn send(server: &TestServer, route: &str, model: &str, file: &[u8]) -> Reply {
    server.post(route, &Form::model(model, "d").file("dataset", file))
}

/// Sends a recorded file; `None` without recorded data.
fn field(test: &str, file: &str) -> Option<Vec<u8>> {
    shared(test, &format!("field/{file}"))
}

#[rstest]
#[case("classes_string_numbers.csv")]
#[case("classes_1_2.csv")]
#[case("classes_4_motbot.csv")]
#[case("classes_bool.csv")]
#[case("classes_floats.csv")]
#[case("excel_bom_crlf.csv")]
#[case("header_backslash_end.csv")]
#[case("header_duplicate.csv")]
#[case("header_empty_name.csv")]
#[case("header_long.csv")]
#[case("header_newline.csv")]
#[case("header_php_backslash_quote.csv")]
#[case("header_unicode.csv")]
#[case("issue46_five_rows.csv")]
#[case("moodle_version_merge.csv")]
#[case("mysql_copy_trailing_spaces.csv")]
#[case("out_of_range.csv")]
#[case("php_floats.csv")]
fn trains_a_file_of_the_field(#[case] file: &str) {
    let Some(dataset) = field("trains_a_file_of_the_field", file) else { return };
    let server = TestServer::start();
    assert_eq!(send(&server, "/training", "m", &dataset).text(), r#"{"status":0,"info":[]}"#, "{file}");
}

#[rstest]
#[case("linear_target.csv", "line 2: linear targets are not supported (targettype=linear)")]
#[case("linear_target_old_moodle.csv", "line 2: linear targets are not supported (targettype=linear)")]
#[case("excel_semicolon.csv", "the fields are separated by semicolons; Moodle separates them by commas")]
#[case("excel_sep_line.csv", "line 1: the file begins with the line \"sep=\" of Excel")]
#[case("utf16be_bom.csv", "the file is UTF-16; Moodle writes UTF-8")]
#[case("utf16le_bom.csv", "the file is UTF-16; Moodle writes UTF-8")]
#[case("utf16le_nobom.csv", "the file is UTF-16; Moodle writes UTF-8")]
#[case("zipped.csv.gz", "the file is compressed (gzip)")]
#[case("xlsx_magic.csv", "an Excel workbook (.xlsx)")]
#[case("html_error_page.csv", "an HTML or XML page")]
#[case("json.csv", "the file is JSON")]
#[case("latin1_header.csv", "line 3, column 2: the name is not UTF-8 text")]
#[case("classes_text.csv", "targetclasses must be a list of numbers")]
#[case("classes_101.csv", "more than 100 target classes")]
#[case("excel_padded.csv", "line 3, column 5: expected 4 fields, got 6")]
#[case("excel_trailing_commas.csv", "line 4, column 5: expected 4 fields, got 7")]
#[case("decimal_comma_quoted.csv", "line 4, column 1 ")]
#[case("decimal_comma_unquoted.csv", "line 4, column 5: expected 4 fields")]
#[case("cell_NULL.csv", "line 8, column 1 ")]
#[case("cell_hN_A.csv", "line 8, column 1 ")]
#[case("cell_true.csv", "line 8, column 1 ")]
#[case("label_missing.csv", "line 43, column 4 ")]
#[case("label_not_in_classes.csv", "line 43, column 4: the target 7 is not one of the targetclasses [0,1]")]
#[case("nfeatures_text.csv", "line 2: nfeatures must be a whole number")]
#[case("nfeatures_wrong.csv", "line 3, column 5: expected 5 fields, got 4")]
#[case("nul_cell.csv", "line 4, column 1 ")]
#[case("one_infinite.csv", "line 27, column 1 ")]
#[case("percent.csv", "line 4, column 1 ")]
#[case("thousands.csv", "line 4, column 1 ")]
#[case("empty.csv", "line 1: the dataset ends before its line of keys")]
fn refuses_a_file_of_the_field_with_its_trouble(#[case] file: &str, #[case] trouble: &str) {
    let Some(dataset) = field("refuses_a_file_of_the_field_with_its_trouble", file) else { return };
    let server = TestServer::start();
    let reply = send(&server, "/training", "m", &dataset);
    assert_eq!(reply.status, 400, "{file}: {}", reply.text());
    assert!(reply.text().contains(trouble), "{file}: {}", reply.text());
}

#[test]
fn predicts_files_of_the_field_with_a_trained_model() {
    let test = "predicts_files_of_the_field_with_a_trained_model";
    let Some(training) = field(test, "base.csv") else { return };
    let server = TestServer::start();
    assert_eq!(send(&server, "/training", "m", &training).status, 200);
    let predict = |file: &str| send(&server, "/prediction", "m", &field(test, file).expect("recorded"));
    for file in ["base_predict.csv", "predict_odd_ids.csv", "predict_reordered.csv"] {
        assert_eq!(predict(file).json()["status"], json!(0), "{file}");
    }
    for (file, trouble) in [
        ("predict_extra_column.csv", "unknown to the model"),
        ("predict_fewer_columns.csv", "missing in the dataset"),
        ("predict_renamed.csv", "missing in the dataset"),
        ("predict_duplicate.csv", "missing in the dataset"),
        ("predict_sent_training.csv", "this is a training dataset"),
        ("linear_predict.csv", "linear targets are not supported"),
    ] {
        let reply = predict(file);
        assert!(reply.status == 400 && reply.text().contains(trouble), "{file}: {}", reply.text());
    }
}

/// 20 samples whose third feature determines the class; the target is one of two texts.
fn of_two_classes(classes: &str, cells: [&str; 2]) -> Vec<u8> {
    let row = |n: usize| format!("1,0,{},{}", if n.is_multiple_of(2) { -1 } else { 1 }, cells[n % 2]);
    labelled_with_classes(&classes.replace('"', "\"\""), &(0..20).map(row).collect::<Vec<_>>())
}

#[rstest]
#[case::strings(r#"["0","1"]"#, ["0", "1"], ["0", "1"])]
#[case::strings_of_other_numbers(r#"["10","-2"]"#, ["10", "-2"], ["10", "-2"])]
#[case::an_array_with_keys(r#"{"1":1,"2":2}"#, ["1", "2"], ["1", "2"])]
#[case::a_filtered_array(r#"{"0":"0","2":"2"}"#, ["0", "2"], ["0", "2"])]
#[case::booleans("[false,true]", ["0", "1"], ["0", "1"])]
#[case::booleans_as_php_writes_cells("[false,true]", ["", "1"], ["0", "1"])]
fn trains_classes_in_every_form_of_phps_json(
    #[case] classes: &str,
    #[case] cells: [&str; 2],
    #[case] labels: [&str; 2],
) {
    let server = TestServer::start();
    let dataset = of_two_classes(classes, cells);
    assert_eq!(send(&server, "/training", "m", &dataset).text(), r#"{"status":0,"info":[]}"#);
    let reply = send(&server, "/prediction", "m", &unlabelled(&["1-0,1,0,-1", "2-0,1,0,1"])).json();
    let predicted: Vec<&Value> =
        reply["predictions"].as_array().expect("predictions").iter().map(|row| &row[1]).collect();
    assert_eq!(predicted, labels, "{reply}");
    let form = Form::model("m", "e").evaluation(2).file("dataset", &dataset);
    assert_eq!(server.post("/evaluation", &form).json()["status"], json!(0));
}

#[test]
fn an_empty_target_is_refused_when_no_class_is_false() {
    let server = TestServer::start();
    let reply = send(&server, "/training", "m", &of_two_classes("[0,1]", ["", "1"]));
    assert!(reply.status == 400 && reply.text().contains("the target is missing"), "{}", reply.text());
}

#[rstest]
#[case::tabs(|file: &str| file.replace(',', "\t").into_bytes(), "separated by tabs")]
#[case::vertical_bars(|file: &str| file.replace(',', "|").into_bytes(), "separated by vertical bars")]
#[case::semicolons(|file: &str| file.replace(',', ";").into_bytes(), "separated by semicolons")]
#[case::the_unicode_text_of_excel(|file: &str| {
    format!("\u{feff}{}", file.replace(',', "\t")).encode_utf16().flat_map(u16::to_le_bytes).collect()
}, "UTF-16")]
#[case::a_line_for_excel(|file: &str| format!("SEP=;\r\n{file}").into_bytes(), "\"sep=\"")]
#[case::typographic_quotes(|file: &str| file.replace("\"[0,1]\"", "\u{201c}[0,1]\u{201d}").into_bytes(), "typographic quotes")]
#[case::german_quotes(|file: &str| file.replace("\"[0,1]\"", "\u{201e}[0,1]\u{201c}").into_bytes(), "typographic quotes")]
#[case::typographic_quotes_of_windows(|file: &str| {
    let at = file.find("\"[0,1]\"").expect("classes");
    [&file.as_bytes()[..at], b"\x93[0,1]\x94", &file.as_bytes()[at + 7..]].concat()
}, "typographic quotes")]
#[case::a_cell_in_typographic_quotes(|file: &str| file.replace("\n1,0,1,1\n", "\n\u{201c}1\u{201d},0,1,1\n").into_bytes(), "typographic quotes")]
#[case::an_error_page_without_a_doctype(|_: &str| b"<br />\n<b>Fatal error</b>: Allowed memory".to_vec(), "HTML")]
#[case::an_old_workbook(|_: &str| b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "Excel")]
#[case::bzip2(|_: &str| b"BZh91AY&SY".to_vec(), "bzip2")]
fn refuses_other_formats_by_name(#[case] rewrite: fn(&str) -> Vec<u8>, #[case] trouble: &str) {
    let server = TestServer::start();
    let file = String::from_utf8(of_two_classes("[0,1]", ["0", "1"])).expect("text");
    for route in ["/training", "/evaluation"] {
        let form = Form::model("m", "d").evaluation(2).file("dataset", &rewrite(&file));
        let reply = server.post(route, &form);
        assert!(reply.status == 400 && reply.text().contains(trouble), "{route}: {}", reply.text());
    }
}

/// The Python server never reads the line of names, so such files worked there.
#[test]
fn a_prediction_file_with_a_surplus_name_is_matched_by_position() {
    let server = TestServer::start();
    assert_eq!(send(&server, "/training", "m", &of_two_classes("[0,1]", ["0", "1"])).status, 200);
    let file = unlabelled(&["1-0,1,0,-1", "2-0,1,0,1"]);
    let expected = send(&server, "/prediction", "m", &file).json();
    assert_eq!(expected["predictions"].as_array().map(Vec::len), Some(2), "{expected}");
    let text = String::from_utf8(file).expect("text");
    for names in [
        r#"sampleid,"\ind_max","\ind_min","\ind_name","\target""#,
        r"sampleid,a,b,c,d",
        r"sampleid,a",
        r#"sampleid,"\ind_max","\ind_max","\ind_max","\ind_max""#,
    ] {
        let changed = text.replace(r#"sampleid,"\ind_max","\ind_min","\ind_name""#, names);
        assert_ne!(changed, text);
        let reply = send(&server, "/prediction", "m", changed.as_bytes());
        assert_eq!((reply.status, reply.json()), (200, expected.clone()), "{names}");
    }
    let log = server.log();
    assert!(log.contains("matched by their position") && log.contains("names=5"), "{log}");

    // The rows still have to fit nfeatures.
    let ragged = text.replace("1-0,1,0,-1", "1-0,1,0,-1,9");
    let reply = send(&server, "/prediction", "m", ragged.as_bytes());
    assert!(reply.status == 400 && reply.text().contains("line 4, column 5"), "{}", reply.text());
}

#[test]
fn an_untrained_model_answers_status_2_before_the_file_is_judged() {
    let server = TestServer::start();
    for file in [&b"<html>"[..], b"", b"nfeatures,targetclasses\n"] {
        let reply = send(&server, "/prediction", "m", file);
        reply.expect(200, r#"{"status":2,"info":["Provided model have not been trained yet"]}"#);
    }
    let log = server.log();
    assert!(log.contains("never trained on this server") && log.contains("Clear predictions"), "{log}");
    // A missing file is still a bad request.
    assert_eq!(server.post("/prediction", &Form::model("m", "d")).status, 400);
}

#[test]
fn inspect_describes_a_table_with_one_header_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let names =
        r"sampleid,\local\analytics\indicator\a,\local\analytics\indicator\b,\local\analytics\target\t";
    let text = format!("{names}\n1-0,0.5,,1\n2-0,0.5,1,0\n3-0,0.5,-1,0\n");
    let output = run_on(&written(dir.path(), "audit.csv", text.as_bytes()), "inspect", &[]);
    let text = output.expect_code(0);
    for expected in
        ["a table with one header line", "2, of which 1 vary", "16.7 %", "0 (2 samples), 1 (1 sample)"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn inspect_describes_a_table_whose_names_are_not_moodles() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = written(dir.path(), "grades.csv", b"grade,logins,target\n.5,1,0\n.2,1,1\n");
    let text = run_on(&table, "inspect", &[]).expect_code(0);
    for expected in ["a table with one header line", "2, of which 1 vary", "0 (1 sample), 1 (1 sample)"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Without names it may be anything.
    let numbers = run_on(&written(dir.path(), "numbers.csv", b"1,2\n3,4\n"), "inspect", &[]);
    assert_eq!(numbers.code, Some(1));
}

#[test]
fn inspect_never_prints_minus_zero() {
    let dir = tempfile::tempdir().expect("a directory");
    for file in ["base.csv", "audit_plugin.csv", "base_predict.csv"] {
        let Some(dataset) = field("inspect_never_prints_minus_zero", file) else { return };
        let path = written(dir.path(), file, &dataset);
        for flags in [&[][..], &["--json"]] {
            let text = run_on(&path, "inspect", flags).expect_code(0);
            assert!(!text.contains("-0.0 ") && !text.contains("-0.0,"), "{file}: {text}");
        }
    }
}
