//! Contributions compared with their definition: all coalitions of all inputs.

use rstest::rstest;

use super::shapley::weight;
use super::*;
use crate::dataset::{Class, Labelled};
use crate::learning::{AdditiveModel, Forest, Input, Tree, TreeSplit, train};

const FEATURES: usize = 6;

/// A number from −1 to 1.
fn noise(row: usize, column: usize) -> f32 {
    let mixed =
        ((row * 16 + column) as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// Samples of `classes` classes, which depend on pairs of features; some cells are missing.
fn samples(rows: usize, classes: u32) -> Labelled {
    let cell = |row: usize, column: usize| {
        if column > 1 && (row * 7 + column * 3).is_multiple_of(11) { f32::NAN } else { noise(row, column) }
    };
    let columns: Vec<Vec<f32>> =
        (0..FEATURES).map(|column| (0..rows).map(|row| cell(row, column)).collect()).collect();
    let target = |row: usize| {
        let value = noise(row, 0) * noise(row, 1) + 0.4 * noise(row, 2) + 0.8 * noise(row, 9);
        u32::from(value > 0.0)
            + if classes > 2 { u32::from(noise(row, 3) + 0.9 * noise(row, 10) > 0.5) } else { 0 }
    };
    let names = (0..FEATURES).map(|column| format!("f{column}")).collect();
    let known = (0..classes).filter_map(|class| Class::new(f64::from(class))).collect();
    Labelled::new(Features::of_columns(names, &columns), (0..rows).map(target).collect(), known)
}

/// The margins of one row of raw values.
fn margins(model: &TrainedModel, row: &[f32]) -> Vec<f64> {
    let columns: Vec<Vec<f32>> = row.iter().map(|&value| vec![value]).collect();
    let features = Features::of_columns(model.names.clone(), &columns);
    model.additive.margins(&model.inputs, &features, &[0]).into_raw_vec_and_offset().0
}

fn row(features: &Features, row: usize) -> Vec<f32> {
    features.columns().iter().map(|column| column.value(row)).collect()
}

/// The Shapley values by their definition: features × margins.
fn exhaustive(model: &TrainedModel, sample: &[f32], background: &Features) -> Vec<Vec<f64>> {
    let mean = |set: usize| {
        let mut sums = vec![0.0; model.additive.linear.bias.len()];
        for other in 0..background.rows() {
            let mut mixed = row(background, other);
            (0..FEATURES).filter(|at| set >> at & 1 == 1).for_each(|at| mixed[at] = sample[at]);
            sums.iter_mut().zip(margins(model, &mixed)).for_each(|(sum, margin)| *sum += margin);
        }
        sums.iter().map(|sum| sum / background.rows() as f64).collect::<Vec<f64>>()
    };
    let values: Vec<Vec<f64>> = (0..1 << FEATURES).map(mean).collect();
    let of_feature = |feature: usize| {
        let mut out = vec![0.0; values[0].len()];
        for set in (0..1_usize << FEATURES).filter(|set| set >> feature & 1 == 0) {
            let weight = weight(FEATURES, set.count_ones() as usize);
            for (margin, out) in out.iter_mut().enumerate() {
                *out += weight * (values[set | 1 << feature][margin] - values[set][margin]);
            }
        }
        out
    };
    (0..FEATURES).map(of_feature).collect()
}

/// The contribution of each feature to each output.
fn dense(found: &[OutputExplanation]) -> Vec<Vec<f64>> {
    let of_output = |output: &OutputExplanation| {
        let mut out = vec![0.0; FEATURES];
        output.contributions.iter().for_each(|one| out[one.feature] = one.contribution);
        out
    };
    found.iter().map(of_output).collect()
}

#[rstest]
#[case::of_few_samples(60, 2)]
#[case::with_random_combinations(300, 2)]
#[case::with_trees(2_200, 2)]
#[case::of_three_classes(900, 3)]
fn contributions_equal_their_definition(#[case] rows: usize, #[case] classes: u32) {
    let samples = samples(rows, classes);
    let model = train(&samples).expect("each class has samples");
    assert!(model.is_explainable());
    let features = samples.features();
    let background = features.select(&(0..9).map(|row| row * 5).collect::<Vec<u32>>());
    let explained = features.select(&[1, 2, 3, 22, 33, 41, 42, 43]);
    let found = model.explain(&explained, &background, usize::MAX);
    let lowest = model.min_probability().ln() + 1e-3;
    let mut compared = 0;
    for (at, outputs) in found.samples.iter().enumerate() {
        // The lower bound of probabilities has a rule of its own.
        if classes > 2 && outputs.iter().any(|output| output.value < lowest) {
            continue;
        }
        compared += 1;
        let expected = exhaustive(&model, &row(&explained, at), &background);
        let found = dense(outputs);
        for (feature, expected) in expected.iter().enumerate() {
            if let ([found], [expected]) = (&found[..], &expected[..]) {
                let found = found[feature];
                assert!((found - expected).abs() < 1e-5, "{at}, {feature}: {found} and {expected}");
            }
            for (class, of_class) in found.iter().enumerate().skip(1) {
                let found = of_class[feature] - found[0][feature];
                let expected = expected[class] - expected[0];
                assert!((found - expected).abs() < 1e-4, "{at}, {feature}: {found} and {expected}");
            }
        }
    }
    assert!(compared > 1, "{compared}");
}

#[rstest]
fn contributions_sum_up_to_the_output(#[values(2, 3)] classes: u32, #[values(0, 2, 100)] top: usize) {
    // Few samples and a steep model: the lower bound of probabilities counts.
    let samples = samples(400, classes);
    let model = train(&samples).expect("each class has samples");
    let features = samples.features();
    let found = model.explain(features, &features.select(&[3, 4, 5]), top);
    let rows: Vec<u32> = (0..400).collect();
    let probabilities = model.probabilities(features, &rows);
    for (outputs, probabilities) in found.samples.iter().zip(probabilities.outer_iter()) {
        for (at, output) in outputs.iter().enumerate() {
            let listed: f64 = output.contributions.iter().map(|one| one.contribution).sum();
            let sum = found.base[at] + listed + output.others;
            assert!((sum - output.value).abs() < 1e-9, "{sum} and {}", output.value);
            let expected = of_log(probabilities.as_slice().expect("a row"), at);
            assert!((output.value - expected).abs() < 1e-6, "{} and {expected}", output.value);
            assert!(output.contributions.len() <= top);
        }
    }
}

fn of_log(probabilities: &[f64], output: usize) -> f64 {
    match probabilities {
        [first, second] => (second / first).ln(),
        all => all[output].ln(),
    }
}

#[test]
fn results_do_not_depend_on_threads_or_on_other_samples() {
    let samples = samples(500, 2);
    let model = train(&samples).expect("each class has samples");
    let features = samples.features();
    let background = features.select(&[1, 7, 8]);
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| model.explain(features, &background, 5))
    };
    // As texts, because missing values are not equal to each other.
    let text = |outputs: &[Vec<OutputExplanation>]| format!("{outputs:?}");
    let one = in_pool(1);
    assert_eq!(text(&one.samples), text(&in_pool(3).samples));
    let alone = model.explain(&features.select(&[499]), &background, 5);
    assert_eq!(text(&alone.samples), text(&one.samples[499..]));
}

#[test]
fn sampled_contributions_are_close_and_state_their_error() {
    let samples = samples(900, 3);
    let model = train(&samples).expect("each class has samples");
    let features = samples.features();
    let background = features.select(&(0..40).collect::<Vec<u32>>());
    let explained = features.select(&[101, 102]);
    let predict = |rows: &[f32]| -> Result<Vec<f64>, std::convert::Infallible> {
        let columns: Vec<Vec<f32>> =
            (0..FEATURES).map(|at| rows.iter().skip(at).step_by(FEATURES).copied().collect()).collect();
        let table = Features::of_columns(model.names.clone(), &columns);
        let all: Vec<u32> = (0..table.rows() as u32).collect();
        Ok(model.probabilities(&table, &all).into_raw_vec_and_offset().0)
    };
    let sampling = Sampling::new(2, FEATURES, 1_000_000).expect("few samples");
    let Ok(found) = sampling.explain(&explained, &background, 3, usize::MAX, predict);
    assert_eq!(found.method, Method::Sampled { orders: 200 });
    let exact = model.explain(&explained, &background, usize::MAX);
    for (sampled, exact) in found.samples.iter().zip(&exact.samples) {
        let errors: f64 = sampled[0].contributions.iter().filter_map(|one| one.error).sum();
        assert!(errors > 0.0 && errors < 1.0, "{errors}");
        let (sampled_values, exact_values) = (dense(sampled), dense(exact));
        for feature in 0..FEATURES {
            let between = |values: &[Vec<f64>]| values[1][feature] - values[0][feature];
            let error = |output: usize| {
                let listed = sampled[output].contributions.iter().find(|one| one.feature == feature);
                listed.and_then(|one| one.error).unwrap_or(0.0)
            };
            let (sampled, exact) = (between(&sampled_values), between(&exact_values));
            let allowed = 0.02 + 5.0 * (error(0) + error(1));
            assert!((sampled - exact).abs() < allowed, "{sampled} and {exact}");
        }
        let listed: f64 = sampled[0].contributions.iter().map(|one| one.contribution).sum();
        assert!((found.base[0] + listed - sampled[0].value).abs() < 1e-9);
    }
}

#[test]
fn too_many_samples_for_sampling_are_refused_with_their_maximum() {
    assert_eq!(Sampling::new(1_000, 100, 100_000), Err(125));
    assert!(Sampling::new(125, 100, 100_000).is_ok());
}

/// The size of a large model: 300 trees of six splits, 422 features, 1,570 samples, 100 samples to compare with.
#[test]
fn many_trees_over_many_features_add_up() {
    const WIDTH: usize = 422;
    let columns: Vec<Vec<f32>> = (0..WIDTH)
        .map(|column| (0..1_570).map(|row| (noise(row * 31, column * 7) * 50.0).round() / 50.0).collect())
        .collect();
    let names = (0..WIDTH).map(|column| format!("f{column}")).collect();
    let features = Features::of_columns(names, &columns);
    let inputs = (0..WIDTH).map(|feature| Input {
        feature,
        mean: 0.0,
        inverse_scale: 1.5,
        range: (-8.0, 8.0),
        levels: Vec::new(),
        missing: 0.0,
    });
    let tree = |tree: usize| {
        let split = |level: usize| TreeSplit {
            input: (tree * 37 + level * 101) % WIDTH,
            threshold: noise(tree, level),
            missing_right: false,
        };
        let leaves = (0..64).map(|leaf| 0.02 * noise(tree + 1_000, leaf)).collect();
        Tree { splits: (0..6).map(split).collect(), leaves, margin: 0 }
    };
    let forest = Forest { depth: 6, trees: (0..300).map(tree).collect() };
    let classes: Vec<Class> = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
    let model = TrainedModel {
        names: features.names().to_vec(),
        classes,
        decisions: Vec::new(),
        log_loss: None,
        class_counts: vec![1_000_000; 2],
        inputs: inputs.collect(),
        additive: AdditiveModel {
            forests: vec![forest],
            ..AdditiveModel::constant(ndarray::Array1::zeros(1))
        },
    };
    let background = features.select(&(0..100).map(|row| row * 15).collect::<Vec<u32>>());
    let found = model.explain(&features, &background, usize::MAX);
    assert_eq!(found.samples.len(), 1_570);
    for outputs in &found.samples {
        let sum: f64 = outputs[0].contributions.iter().map(|one| one.contribution).sum();
        assert!((found.base[0] + sum - outputs[0].value).abs() < 1e-9);
    }
}
