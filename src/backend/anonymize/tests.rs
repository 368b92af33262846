//! Anonymized datasets: what is gone, and what is kept.

use super::*;
use crate::dataset::LabelledFile;

const OPTIONS: AnonymizeOptions = AnonymizeOptions { seed: 1, min_count: 5, iterations: 3 };

/// A dataset whose first column decides the class, with a copy of it, repeated rows and empty cells.
fn dataset() -> Vec<u8> {
    let mut text = "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses\n\
                    \"\\quarters\",3,2024100700,\"\\secret\\target\",discrete,\"[0,1]\"\n\
                    \"\\secret\\one\",\"\\secret\\copy\",\"\\secret\\two\",\"\\secret\\target\"\n"
        .to_owned();
    for n in 0..200 {
        let value = f64::from(n % 20) / 20.0;
        let second = if n % 3 == 0 { String::new() } else { format!("{}", f64::from(n % 7) / 7.0) };
        let _ = writeln!(text, "{value},{value},{second},{}", i32::from(n % 20 > 9));
    }
    text.into_bytes()
}

fn anonymized(options: AnonymizeOptions) -> Anonymized {
    anonymize(dataset(), &Limits::default(), options, &()).expect("a dataset")
}

#[test]
fn names_versions_and_the_order_are_gone_and_learnability_is_kept() {
    let result = anonymized(OPTIONS);
    let text = String::from_utf8(result.csv).expect("text");
    for gone in ["secret", "quarters", "2024100700", "moodleversion"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.starts_with(
        "nfeatures,targettype,targetclasses\n3,discrete,\"[0,1]\"\nfeature1,feature2,feature3,target\n"
    ));
    let learnability = result.learnability.expect("two classes");
    assert!((learnability.after.log_loss - learnability.before.log_loss).abs() < 0.05, "{learnability:?}");
    assert!(learnability.after.auc.expect("two classes") > 0.95, "{learnability:?}");
}

#[test]
fn rows_ties_copies_and_empty_cells_are_kept() {
    let result = anonymized(OPTIONS);
    let read = |bytes: &[u8]| {
        read_labelled(bytes, &Limits::default()).and_then(LabelledFile::into_samples).expect("a dataset")
    };
    let (before, after) = (read(&dataset()), read(&result.csv));
    assert_eq!(before.class_counts(), after.class_counts());
    let shapes = |samples: &Labelled| {
        let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
        let shape = |column: &crate::dataset::Column| {
            let mut counts = column.value_counts(&rows);
            counts.sort_unstable();
            (counts, column.has_missing())
        };
        let mut shapes: Vec<_> = samples.features().columns().iter().map(shape).collect();
        shapes.sort();
        shapes
    };
    assert_eq!(shapes(&before), shapes(&after));
    let columns = after.features().columns();
    let is_copied = (0..3).any(|a| (0..a).any(|b| columns[a] == columns[b]));
    assert!(is_copied, "copies stay copies");
}

#[test]
fn a_seed_determines_the_result() {
    assert_eq!(anonymized(OPTIONS).csv, anonymized(OPTIONS).csv);
    assert_ne!(anonymized(OPTIONS).csv, anonymized(AnonymizeOptions { seed: 2, ..OPTIONS }).csv);
}

#[test]
fn ids_of_a_prediction_dataset_are_replaced() {
    let text =
        "nfeatures,targetclasses\n1,\"[0,1]\"\nsampleid,\"\\secret\"\n183021-0,0.5\n183020-3,\n183019-1,1\n";
    let options = AnonymizeOptions { min_count: 1, ..OPTIONS };
    let result = anonymize(text.as_bytes().to_vec(), &Limits::default(), options, &()).expect("a dataset");
    let csv = String::from_utf8(result.csv.clone()).expect("text");
    assert!(!csv.contains("1830") && !csv.contains("secret"), "{csv}");
    let read = read_unlabelled(csv.as_bytes(), &Limits::default()).expect("a dataset");
    assert_eq!((read.ids, result.learnability), (vec!["1-0".into(), "2-0".into(), "3-0".into()], None));
}

#[test]
fn the_error_of_a_malformed_dataset_has_its_line() {
    let text = b"nfeatures,targetclasses\n1,\"[0,1]\"\na,t\nx,1\n".to_vec();
    let error = anonymize(text, &Limits::default(), OPTIONS, &()).expect_err("malformed").to_string();
    assert!(error.contains("line 4"), "{error}");
}
