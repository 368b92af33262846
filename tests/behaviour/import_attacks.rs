//! Imports by an attacker with permission to upload: each is refused with a short reason and little memory, or becomes a
//! model that works in every respect. The server and its other models keep working.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moodle_mlbackend::backend::ImportLimits;
use moodle_mlbackend::model::{MODEL, MODEL_JSON};
use prost::Message;
use rstest::rstest;
use serde_json::{Value, json};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto};

use crate::common::onnx::{floats, graph, integers, op, tensor, with};
use crate::common::{DATA, Entry, Form, INDEX, Layer, Network, PICKLE, RawZip, Reply, TestServer};

/// The maximum memory that a refused import may take, in bytes: five copies of the largest model.
const MAX_GROWTH: u64 = 5 * ImportLimits::USUAL.bytes;

type Files = Vec<(&'static str, Vec<u8>)>;

fn import(server: &TestServer, files: &Files) -> Reply {
    let entries = files.iter().map(|(name, bytes)| Entry::deflated(name, bytes));
    server.import("m", &RawZip::of(entries).bytes())
}

/// A dataset of two features, three samples.
const UNLABELLED: &[u8] =
    b"nfeatures,targetclasses\n2,\"[0,1]\"\nsampleid,a,b\none,0.5,-1\ntwo,,1\nthree,0.25,0\n";
const LABELLED: &[u8] = b"nfeatures,targetclasses\n2,\"[0,1]\"\na,b,target\n1,1,1\n0,-1,0\n1,0.5,1\n-1,0,0\n";

/// A file from `features` (rows × 2) to `probabilities`.
fn proto(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let graph = graph("features", "probabilities", node, initializer);
    let opset = OperatorSetIdProto { domain: String::new(), version: 13 };
    ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }
}

fn metadata() -> Value {
    json!({
        "format": 1, "made_by": "a test", "features": ["a", "b"], "classes": [0, 1], "class_counts": [3, 4],
        "log_loss": null, "decisions": [], "top_features": [],
    })
}

/// A model file of this backend.
fn native(mut model: ModelProto, metadata: &Value) -> Files {
    let value = metadata.to_string();
    model.metadata_props.push(StringStringEntryProto { key: "moodle_mlbackend".to_owned(), value });
    vec![(MODEL, model.encode_to_vec())]
}

/// A model of another tool.
fn foreign(model: &ModelProto) -> Files {
    vec![(MODEL, model.encode_to_vec()), (MODEL_JSON, br#"{"features": 2, "classes": [0, 1]}"#.to_vec())]
}

fn softmax() -> ModelProto {
    filled(vec![with(op("Softmax", &["filled"], "probabilities"), "axis", &[1])], vec![])
}

/// A file whose nodes can read `filled`: the features, with zeros where they are missing.
fn filled(nodes: Vec<NodeProto>, mut given: Vec<TensorProto>) -> ModelProto {
    let begin = vec![
        op("IsNaN", &["features"], "missing"),
        op("Where", &["missing", "nought", "features"], "filled"),
    ];
    given.push(floats("nought", &[], &[0.0]));
    proto([begin, nodes].concat(), given)
}

fn changed(key: &str, value: Value) -> Files {
    let mut metadata = metadata();
    metadata[key] = value;
    native(softmax(), &metadata)
}

/// Each step multiplies the size of a sample by a million; a slice then lists all of it.
fn a_slice_of_a_size_beyond_all_memory() -> Files {
    let million = 1 << 20;
    let nodes = vec![
        op("Reshape", &["features", "column"], "r0"),
        op("Expand", &["one", "wide"], "s"),
        op("Mul", &["r0", "s"], "m0"),
        op("Reshape", &["m0", "rest"], "r1"),
        op("Mul", &["r1", "s"], "m1"),
        op("Reshape", &["m1", "flat"], "r2"),
        op("Slice", &["r2", "from", "to", "axes"], "probabilities"),
    ];
    let given = vec![
        integers("column", &[0, 2, 1]),
        floats("one", &[1], &[1.0]),
        integers("wide", &[1, 1, million]),
        integers("rest", &[0, -1, 1]),
        integers("flat", &[0, -1]),
        integers("from", &[0]),
        integers("to", &[i64::MAX]),
        integers("axes", &[1]),
    ];
    foreign(&proto(nodes, given))
}

/// Each number takes a byte in the file and eight in memory.
fn a_tensor_of_small_numbers_in_a_list() -> Files {
    let numbers = TensorProto {
        name: "numbers".to_owned(),
        dims: vec![5 << 20],
        data_type: DataType::Int64 as i32,
        int64_data: vec![1; 5 << 20],
        ..TensorProto::default()
    };
    foreign(&proto(vec![op("Add", &["features", "numbers"], "probabilities")], vec![numbers]))
}

/// Each value takes a byte in the file and sixteen during the translation.
fn many_tensors_of_booleans() -> Files {
    let names: Vec<String> = (0..5).map(|at| format!("t{at}")).collect();
    let tensors = names.iter().map(|name| tensor(name, &[1 << 20], DataType::Bool, vec![1; 1 << 20]));
    let inputs: Vec<&str> = names.iter().map(String::as_str).chain(["features"]).collect();
    foreign(&proto(vec![op("Sum", &inputs, "probabilities")], tensors.collect()))
}

/// The weights of all layers are the same 5 MiB of the file.
fn layers_that_share_their_weights() -> Files {
    const SIDE: usize = 1_200;
    let layer = Layer { kernel: vec![vec![0.0; SIDE]; SIDE], bias: vec![0.0; SIDE] };
    let last = Layer { kernel: vec![vec![0.0; 2]; SIDE], bias: vec![0.0; 2] };
    let mut layers = vec![layer; 14];
    layers.push(last);
    let network = Network { columns: (0..SIDE as i64).collect(), layers };
    let mut files = network.files_with_shared_weights();
    [PICKLE, INDEX, DATA].map(|name| (name, files.remove(name).expect("a file"))).into()
}

/// Sets the type of an array again and again, with a name of half a megabyte each time.
fn a_number_type_with_a_long_name() -> Files {
    let name = vec![b'i'; 500_000];
    let mut pickle = b"\x80\x03cnumpy\ndtype\nq\x00X".to_vec();
    pickle.extend((name.len() as u32).to_le_bytes());
    pickle.extend(name);
    pickle.extend(b"\x85q\x01");
    pickle.extend(b"h\x00h\x01R".repeat(1_000));
    vec![(PICKLE, pickle)]
}

/// Two large constants, multiplied with each other many times.
fn too_many_matrix_products() -> Files {
    const SIDE: usize = 1_200;
    let mut nodes: Vec<NodeProto> = (0..60)
        .map(|at| {
            let from = if at == 0 { "square".to_owned() } else { format!("p{}", at - 1) };
            op("MatMul", &[&from, "square"], &format!("p{at}"))
        })
        .collect();
    nodes.push(op("Slice", &["p59", "zero", "one", "zero"], "row"));
    nodes.push(op("Slice", &["row", "zero", "two", "one"], "cells"));
    nodes.push(op("Add", &["filled", "cells"], "sum"));
    nodes.push(with(op("Softmax", &["sum"], "probabilities"), "axis", &[1]));
    let given = vec![
        floats("square", &[SIDE, SIDE], &vec![0.0; SIDE * SIDE]),
        integers("zero", &[0]),
        integers("one", &[1]),
        integers("two", &[2]),
    ];
    native(filled(nodes, given), &metadata())
}

/// Nine values of 76 MB each, all of which are needed at the end.
fn large_values_that_are_all_needed_at_once() -> Files {
    const WIDE: usize = 74_000;
    let mut nodes =
        vec![op("Slice", &["filled", "zero", "one", "one"], "column"), op("Add", &["column", "wide"], "v0")];
    nodes.extend((1..5).map(|at| op("Exp", &[&format!("v{}", at - 1)], &format!("v{at}"))));
    nodes.push(op("Add", &["v3", "v4"], "s3"));
    nodes.extend(
        (0..3).rev().map(|at| op("Add", &[&format!("v{at}"), &format!("s{}", at + 1)], &format!("s{at}"))),
    );
    nodes.push(op("Slice", &["s0", "zero", "two", "one"], "probabilities_"));
    nodes.push(with(op("Softmax", &["probabilities_"], "probabilities"), "axis", &[1]));
    let given = vec![
        floats("wide", &[1, WIDE], &vec![-100.0; WIDE]),
        integers("zero", &[0]),
        integers("one", &[1]),
        integers("two", &[2]),
    ];
    native(filled(nodes, given), &metadata())
}

fn a_model_of_too_many_features() -> Files {
    changed("features", json!(vec![""; 1_900_000]))
}

fn a_model_of_too_many_classes() -> Files {
    changed("classes", json!((0..1_000_000).collect::<Vec<u32>>()))
}

/// All features of a sample are copied for a graph that reads two.
fn a_model_of_more_features_than_fit() -> Files {
    let nodes = vec![
        with(op("Gather", &["features", "two"], "cells"), "axis", &[1]),
        op("IsNaN", &["cells"], "missing"),
        op("Where", &["missing", "zero", "cells"], "known"),
        with(op("Softmax", &["known"], "probabilities"), "axis", &[1]),
    ];
    let mut metadata = metadata();
    metadata["features"] = json!((0..99_999).map(|at| at.to_string()).collect::<Vec<_>>());
    let given = vec![integers("two", &[0, 1]), floats("zero", &[], &[0.0])];
    native(proto(nodes, given), &metadata)
}

fn a_model_json_of_too_many_names() -> Files {
    let mut files = foreign(&softmax());
    files[1].1 =
        format!(r#"{{"features": ["a"{}], "classes": [0, 1]}}"#, r#","""#.repeat(1_300_000)).into_bytes();
    files
}

fn a_model_json_with_a_key_of_a_megabyte() -> Files {
    let mut files = foreign(&softmax());
    files[1].1 = format!(r#"{{"{}": 1}}"#, "k".repeat(1 << 20)).into_bytes();
    files
}

fn an_old_model_with_a_text_of_a_megabyte() -> Files {
    vec![(MODEL_JSON, format!(r#"{{"n_features": "{}"}}"#, "k".repeat(1 << 20)).into_bytes())]
}

fn decisions_that_fill_a_model_card() -> Files {
    changed("decisions", json!(vec!["x".repeat(499); 11_000]))
}

fn counts_that_overflow() -> Files {
    changed("class_counts", json!([u64::MAX, u64::MAX]))
}

fn counts_of_other_classes() -> Files {
    changed("class_counts", json!([1, 2, 3, 4]))
}

fn classes_that_are_one_in_single_precision() -> Files {
    changed("classes", json!([1, 1.000_000_000_1]))
}

/// Softmax over the samples of a batch.
fn a_model_whose_output_depends_on_other_samples() -> Files {
    let nodes = vec![
        with(op("Softmax", &["filled"], "shares"), "axis", &[0]),
        with(op("Softmax", &["shares"], "probabilities"), "axis", &[1]),
    ];
    native(filled(nodes, vec![]), &metadata())
}

/// The square root of a negative number is NaN; loading a model only runs samples of zeros.
fn a_model_without_output_for_ordinary_samples() -> Files {
    let nodes =
        vec![op("Sqrt", &["filled"], "root"), with(op("Softmax", &["root"], "probabilities"), "axis", &[1])];
    native(filled(nodes, vec![]), &metadata())
}

/// A division of integers panics at zero.
fn a_model_that_divides_integers() -> Files {
    let nodes = vec![
        op("Add", &["filled", "one"], "more"),
        with(op("Cast", &["more"], "numbers"), "to", &[7]),
        op("Div", &["ones", "numbers"], "quotients"),
        with(op("Cast", &["quotients"], "again"), "to", &[1]),
        with(op("Softmax", &["again"], "probabilities"), "axis", &[1]),
    ];
    let given = vec![floats("one", &[], &[1.0]), integers("ones", &[1])];
    native(filled(nodes, given), &metadata())
}

fn probabilities_that_are_none() -> Files {
    let given = vec![floats("five", &[], &[5.0])];
    native(filled(vec![op("Add", &["filled", "five"], "probabilities")], given), &metadata())
}

/// This many weights make a model nearly as large as the limit.
const LARGE: usize = (ImportLimits::USUAL.bytes as usize - (1 << 20)) / size_of::<f32>();

/// Layers whose outputs are no probabilities, which is only found when the model runs.
fn large_layers(last: f32) -> ModelProto {
    const WIDE: usize = 1_000;
    let nodes = vec![
        op("MatMul", &["filled", "in"], "v0"),
        op("MatMul", &["v0", "wide"], "v1"),
        op("MatMul", &["v1", "out"], "probabilities"),
    ];
    let given = vec![
        floats("in", &[2, WIDE], &vec![0.5; 2 * WIDE]),
        floats("wide", &[WIDE, LARGE / WIDE], &vec![0.25; LARGE / WIDE * WIDE]),
        floats("out", &[LARGE / WIDE, 2], &vec![last; LARGE / WIDE * 2]),
    ];
    filled(nodes, given)
}

fn a_large_native_model() -> Files {
    native(large_layers(1.5), &metadata())
}

/// Any numbers can be logits, but not numbers that are too large for a float.
fn a_large_model_of_another_tool() -> Files {
    foreign(&large_layers(f32::MAX))
}

fn numbers_of_an_old_release() -> Files {
    let row = format!("[{}]", vec!["0.25"; LARGE * 4 / 5 / 10].join(","));
    let column = format!("[{}]", ["[0.5]"; 10].join(","));
    let text = format!(
        r#"{{"initialise-vars/input-to-hidden-weights": [{}], "initialise-vars/hidden-bias": {row},
        "initialise-vars/hidden-to-output-weights": {column}, "initialise-vars/output-bias": [1],
        "n_features": 9, "n_classes": 2}}"#,
        [row.as_str(); 8].join(",")
    );
    vec![(MODEL_JSON, text.into_bytes())]
}

fn numbers_one_by_one_of_an_old_release() -> Files {
    let rows = vec!["[0]"; LARGE - 1].join(",");
    let text = format!(r#"{{"initialise-vars/input-to-hidden-weights": [{rows}], "n_classes": "two"}}"#);
    vec![(MODEL_JSON, text.into_bytes())]
}

#[rstest]
#[case(a_slice_of_a_size_beyond_all_memory)]
#[case(a_tensor_of_small_numbers_in_a_list)]
#[case(many_tensors_of_booleans)]
#[case(layers_that_share_their_weights)]
#[case(a_number_type_with_a_long_name)]
#[case(too_many_matrix_products)]
#[case(large_values_that_are_all_needed_at_once)]
#[case(a_model_of_too_many_features)]
#[case(a_model_of_too_many_classes)]
#[case(a_model_of_more_features_than_fit)]
#[case(a_model_json_of_too_many_names)]
#[case(a_model_json_with_a_key_of_a_megabyte)]
#[case(an_old_model_with_a_text_of_a_megabyte)]
#[case(decisions_that_fill_a_model_card)]
#[case(counts_that_overflow)]
#[case(counts_of_other_classes)]
#[case(classes_that_are_one_in_single_precision)]
#[case(a_model_whose_output_depends_on_other_samples)]
#[case(a_model_without_output_for_ordinary_samples)]
#[case(a_model_that_divides_integers)]
#[case(probabilities_that_are_none)]
#[case(a_large_native_model)]
#[case(a_large_model_of_another_tool)]
#[case(numbers_of_an_old_release)]
#[case(numbers_one_by_one_of_an_old_release)]
fn refuses_a_harmful_import_with_little_memory(#[case] files: fn() -> Files) {
    let server = TestServer::start();
    import(&server, &native(softmax(), &metadata())).expect(200, "Ok");
    let before = server.predictions("m", UNLABELLED);
    let files = files();

    let (reply, growth) = server.with_memory_growth(|| import(&server, &files));

    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().len() < 600 && reply.text().ends_with('.'), "{}", reply.text());
    assert!(growth < MAX_GROWTH, "{} MiB more memory; {}", growth >> 20, reply.text());
    assert_eq!(server.predictions("m", UNLABELLED), before);
}

/// Four products of 1,200 × 1,200 weights for each sample.
fn a_slow_model() -> Files {
    const SIDE: usize = 1_200;
    let mut nodes = vec![op("MatMul", &["filled", "in"], "v0")];
    nodes.extend((0..4).map(|at| op("MatMul", &[&format!("v{at}"), "square"], &format!("v{}", at + 1))));
    nodes.push(op("MatMul", &["v4", "out"], "logits"));
    nodes.push(with(op("Softmax", &["logits"], "probabilities"), "axis", &[1]));
    let given = vec![
        floats("in", &[2, SIDE], &vec![0.5; 2 * SIDE]),
        floats("square", &[SIDE, SIDE], &vec![1e-4; SIDE * SIDE]),
        floats("out", &[SIDE, 2], &vec![0.5; SIDE * 2]),
    ];
    native(filled(nodes, given), &metadata())
}

#[test]
fn predicts_with_a_small_model_before_four_predictions_of_a_slow_imported_model_end() {
    let server = TestServer::start();
    import(&server, &a_slow_model()).expect(200, "Ok");
    server.train("small", LABELLED);
    let mut many = b"nfeatures,targetclasses\n2,\"[0,1]\"\nsampleid,a,b\n".to_vec();
    (0..10_000).for_each(|at| many.extend(format!("s{at},0.5,-1\n").into_bytes()));
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", &many));
                assert_eq!(reply.status, 200, "{}", reply.text());
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..3 {
            server.predictions("small", UNLABELLED);
        }
        assert_eq!(ended.load(Ordering::SeqCst), 0);
    });
    assert_eq!(ended.load(Ordering::SeqCst), 4);
}

#[rstest]
#[case::a_chain_of_thousands_of_operators(foreign(&proto(
    (0..4_000).map(|at| {
        let name = |at: usize| if at == 0 { "features".to_owned() } else { format!("v{at}") };
        op("Tanh", &[&name(at)], &name(at + 1))
    }).chain([with(op("Softmax", &["v4000"], "probabilities"), "axis", &[1])]).collect(),
    vec![],
)))]
#[case::names_of_many_kinds(changed("features", json!(["a|`<b>`", "b\u{7}\n# no heading"])))]
#[case::a_class_of_300_digits(changed("classes", json!([0, 1e30])))]
fn exports_and_imports_an_unusual_model_again(#[case] files: Files) {
    let server = TestServer::start();
    import(&server, &files).expect(200, "Ok");
    server.import("other", &server.export("m")).expect(200, "Ok");
}

#[test]
fn evaluates_and_trains_an_imported_model() {
    let server = TestServer::start();
    import(&server, &native(softmax(), &metadata())).expect(200, "Ok");
    server.predictions("m", UNLABELLED);
    let form = Form::model("m", "e").evaluation(2).file("dataset", LABELLED);
    let reply = server.post("/evaluation", &form.field("trainedmodeldirhash", "d"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    server.train("m", LABELLED);
    server.predictions("m", UNLABELLED);
}
