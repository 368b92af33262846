//! Models in the data directory of a Python server are used in place.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::json;

use super::python_server::large;
use crate::common::{
    DATA, Dice, Form, INDEX, Layer, METADATA, Network, PICKLE, Table, TestModel, TestServer, contents,
    legacy_files, write_files,
};

const NAMES: [&str; 5] = ["\\a", "\\b", "\\c", "\\d", "\\e"];

/// Samples of five features; the class depends on which side of a line the second and fourth are, with noise.
fn samples(count: usize, seed: u64) -> Table {
    let mut dice = Dice::new(seed);
    let mut table = Table::of_two_classes(&NAMES);
    for _ in 0..count {
        let row: Vec<f32> = (0..5)
            .map(|_| {
                if dice.chance(0.1) { f32::NAN } else { (dice.between(-100.0, 100.0).round() / 100.0) as f32 }
            })
            .collect();
        let value = |at: usize| if row[at].is_nan() { 0.0 } else { f64::from(row[at]) };
        let one = 1.0 / (1.0 + (-4.0 * (value(1) + 0.5 * value(3))).exp());
        table.push(&row, u8::from(dice.chance(one)));
    }
    table
}

fn post(server: &TestServer, path: &str, hash: &str, dataset: &[u8]) -> serde_json::Value {
    let reply = server.post(path, &Form::model("m", hash).file("dataset", dataset)).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    reply
}

#[rstest]
#[case::two_classes(Network::of_a_line(1.0, 0.5, 2.0))]
#[case::three_classes_and_layers(Network {
    columns: vec![0, 2, 3],
    layers: vec![
        Layer { kernel: vec![vec![0.4, -0.2], vec![0.1, 0.9], vec![-0.7, 0.3]], bias: vec![0.1, -0.1] },
        Layer { kernel: vec![vec![1.0, -0.5], vec![0.3, 0.8]], bias: vec![0.0, 0.2] },
        Layer { kernel: vec![vec![1.0, -1.0, 0.5], vec![-0.4, 0.6, 0.9]], bias: vec![0.3, 0.0, -0.2] },
    ],
})]
#[case::no_feature_varied(Network {
    columns: vec![],
    layers: vec![
        Layer { kernel: vec![], bias: vec![0.5, -1.0] },
        Layer { kernel: vec![vec![0.3, 0.9], vec![1.0, 1.0]], bias: vec![0.0, 0.1] },
    ],
})]
fn predicts_with_a_model_in_place_and_leaves_its_files_unchanged(#[case] network: Network) {
    let server = TestServer::start();
    network.write(&server.data_dir().join("m/d"));
    let before = contents(&server.data_dir().join("m"));
    let table = samples(40, 1);
    let reply = post(&server, "/prediction", "d", &table.unlabelled());
    for (at, row) in table.rows.iter().enumerate() {
        let row: Vec<f32> = row.iter().map(|cell| cell.unwrap_or(f32::NAN)).collect();
        let expected = network.answer(&row);
        let class: usize =
            reply["predictions"][at][1].as_str().and_then(|class| class.parse().ok()).expect("a class");
        let probability: f64 =
            reply["predictions"][at][2].as_str().and_then(|p| p.parse().ok()).expect("a number");
        assert!((probability - expected[class]).abs() < 1e-5, "{at}: {probability} {expected:?}");
        assert!(expected.iter().all(|&other| other <= expected[class] + 1e-5), "{at}: {class} {expected:?}");
    }
    assert_eq!(contents(&server.data_dir().join("m")), before);
}

#[test]
fn evaluates_exports_and_deletes_a_model_in_place() {
    let (server, there) = (TestServer::start(), TestServer::start());
    Network::of_a_line(1.0, 0.5, 2.0).write(&server.data_dir().join("m/d"));
    let table = samples(300, 2);
    let form = Form::model("m", "e").field("minscore", "0.6").field("maxdeviation", "0.1");
    let form = form.field("niterations", "3").file("dataset", &table.labelled());
    let evaluated = server.post("/evaluation", &form.field("trainedmodeldirhash", "d")).json();
    assert_eq!(evaluated["status"], json!(0), "{evaluated}");
    assert!(evaluated["auc"].as_f64().is_some_and(|auc| auc > 0.8), "{evaluated}");

    let export = server.get("/export?uniqueid=m&dirhash=d");
    assert_eq!(export.status, 200);
    there.post("/import", &Form::model("m", "d").file("importzip", &export.body)).expect(200, "Ok");
    let samples = table.unlabelled();
    assert_eq!(post(&there, "/prediction", "d", &samples), post(&server, "/prediction", "d", &samples));

    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert!(!server.data_dir().join("m").exists());
    assert_eq!(server.get("/export?uniqueid=m&dirhash=d").status, 503);
}

#[test]
fn refuses_samples_with_too_few_features_and_ignores_further_ones() {
    let server = TestServer::start();
    Network::of_a_line(1.0, 0.5, 2.0).write(&server.data_dir().join("m/d"));
    let mut few = Table::of_two_classes(&NAMES[..3]);
    few.push(&[0.0, 0.5, 1.0], 0);
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", &few.unlabelled()));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("3 features") && reply.text().contains("at least 4"), "{}", reply.text());
    let mut enough = Table::of_two_classes(&NAMES[..4]);
    let mut more = Table::of_two_classes(&NAMES);
    enough.push(&[0.0, 0.5, 1.0, 0.25], 0);
    more.push(&[0.0, 0.5, 1.0, 0.25, -1.0], 0);
    let answers = [enough, more].map(|table| post(&server, "/prediction", "d", &table.unlabelled()));
    assert_eq!(answers[0], answers[1]);
}

#[rstest]
#[case::no_weights(DATA, None)]
#[case::no_index(INDEX, None)]
#[case::truncated_weights(DATA, Some(5))]
#[case::a_truncated_index(INDEX, Some(60))]
#[case::a_truncated_pickle(PICKLE, Some(100))]
#[case::truncated_metadata(METADATA, Some(50))]
fn reports_a_damaged_model_with_its_cause_and_a_remedy(#[case] file: &str, #[case] length: Option<usize>) {
    let server = TestServer::start();
    let home = server.data_dir().join("m/d");
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    match length {
        Some(length) => files.get_mut(file).expect("it is there").truncate(length),
        None => drop(files.remove(file)),
    }
    write_files(&files, &home);
    let before = contents(&home.join("classifier"));
    let table = samples(30, 3);
    for (path, dataset) in [("/prediction", table.unlabelled()), ("/training", table.labelled())] {
        let reply = server.post(path, &Form::model("m", "d").file("dataset", &dataset));
        assert_eq!(reply.status, 500, "{path}: {}", reply.text());
        assert!(
            reply.text().contains(file) && reply.text().contains("Clear predictions"),
            "{}",
            reply.text()
        );
    }
    // Nothing is lost, and Clear predictions is the remedy.
    assert_eq!(contents(&home.join("classifier")), before);
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    post(&server, "/training", "d", &table.labelled());
}

/// A model of a release with TensorFlow 1: its weights are in files beside the pickle, in another format.
pub(super) fn of_tensorflow1() -> BTreeMap<String, Vec<u8>> {
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    files.retain(|name, _| name == PICKLE);
    for name in ["checkpoint", "model.ckpt.index", "model.ckpt.meta", "model.ckpt.data-00000-of-00001"] {
        files.insert(name.to_owned(), b"of TensorFlow 1".to_vec());
    }
    files
}

#[test]
fn refuses_a_model_in_place_of_a_tensorflow_1_release_with_a_remedy() {
    let server = TestServer::start();
    write_files(&of_tensorflow1(), &server.data_dir().join("m/d"));
    let before = contents(&server.data_dir().join("m"));
    let table = samples(30, 3);
    for (path, dataset) in [("/prediction", table.unlabelled()), ("/training", table.labelled())] {
        let reply = server.post(path, &Form::model("m", "d").file("dataset", &dataset));
        let text = reply.text();
        assert_eq!(reply.status, 500, "{path}: {text}");
        assert!(text.contains("TensorFlow 1 (2.0 to 2.6.0)") && text.contains("Export it"), "{text}");
        assert!(text.contains("Clear predictions"), "{text}");
    }
    assert_eq!(server.get("/export?uniqueid=m&dirhash=d").status, 500);
    assert_eq!(contents(&server.data_dir().join("m")), before);
    // The remedies are an import of an export, or a new start.
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    post(&server, "/training", "d", &table.labelled());
}

/// Accuracy and log-loss on samples.
fn accuracy_and_log_loss(home: &TestModel, table: &Table) -> (f64, f64) {
    let (mut right, mut loss) = (0, 0.0);
    for (answer, target) in home.predict(&table.unlabelled()).iter().zip(&table.targets) {
        right += usize::from(&answer.class == target);
        let probability = if &answer.class == target { answer.probability } else { 1.0 - answer.probability };
        loss -= probability.max(1e-15).ln();
    }
    let count = table.targets.len() as f64;
    (right as f64 / count, loss / count)
}

/// The migration of a site: it trains batch after batch, and at no step are the predictions worse than those of the old
/// model.
#[rstest]
#[case::a_perfect_model(Network::of_a_line(1.0, 0.5, 2.0), 1)]
#[case::an_overconfident_model(Network::of_a_line(1.0, 0.5, 40.0), 2)]
#[case::a_roughly_right_model(Network::of_a_line(1.0, -0.3, 3.0), 3)]
fn further_training_never_makes_predictions_worse(#[case] network: Network, #[case] seed: u64) {
    let fresh = samples(4_000, 1_000 + seed);
    let home = TestModel::new();
    network.write(&home.path().join("model"));
    let old = accuracy_and_log_loss(&home, &fresh);
    let mut seen = 0;
    for (at, size) in [6, 20, 60, 200, 600, 2_000].into_iter().enumerate() {
        home.train(&samples(size, 10 * seed + at as u64).labelled());
        seen += size;
        let now = accuracy_and_log_loss(&home, &fresh);
        eprintln!(
            "seed {seed}, after {seen} samples: accuracy {:.3} (old {:.3}), log-loss {:.3} (old {:.3})",
            now.0, old.0, now.1, old.1
        );
        assert!(now.0 > old.0 - 0.01, "after {seen} samples: accuracy {} instead of {}", now.0, old.0);
        assert!(now.1 < old.1 + 0.01, "after {seen} samples: log-loss {} instead of {}", now.1, old.1);
    }
    assert!(home.path().join("model/classifier/classifier.pkl").is_file(), "the old files stay");
}

#[test]
fn training_replaces_a_model_that_is_wrong() {
    let fresh = samples(2_000, 77);
    let home = TestModel::new();
    Network::of_a_line(-1.0, -0.5, 3.0).write(&home.path().join("model"));
    assert!(accuracy_and_log_loss(&home, &fresh).0 < 0.3);
    home.train(&samples(400, 78).labelled());
    assert!(accuracy_and_log_loss(&home, &fresh).0 > 0.7);
}

#[test]
fn predicts_with_a_large_model_in_place() {
    let test = "predicts_with_a_large_model_in_place";
    let (Some(files), Some((theirs, samples))) = (legacy_files(test, "keras-422-features"), large(test))
    else {
        return;
    };
    let home = TestModel::new();
    write_files(&files.into_iter().collect::<BTreeMap<_, _>>(), &home.path().join("model"));
    for answer in home.predict(&samples) {
        assert!((answer.probability_of_1() - theirs[&answer.id]).abs() < 1e-4, "{answer:?}");
    }
}
