//! A generated task with a curved boundary: cos(a) > sin(b), for a and b in [-π, π].

use std::f64::consts::PI;

use moodle_mlbackend::dataset::{Class, Features, Labelled};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::task::{Source, Split, Task, all_rows};

/// The number of test points.
const TEST_POINTS: usize = 20_000;

/// Trains on `points` points, `seeds` times on others, and tests each time on the same points.
pub fn task(points: usize, seeds: usize) -> Task {
    let train = draw(points * seeds, points as u64);
    let test = draw(TEST_POINTS, u64::MAX);
    let test_rows = all_rows(&test);
    let splits = all_rows(&train)
        .chunks(points.max(1))
        .map(|rows| Split { train: rows.to_vec(), test: test_rows.clone() })
        .collect();
    Task {
        name: format!("cos(a) > sin(b), {points} points × {seeds}"),
        source: Source::Generated,
        train,
        test: Some(test),
        splits,
    }
}

fn draw(points: usize, seed: u64) -> Labelled {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut angle = || ((random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0) * PI;
    let (mut a, mut b, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..points {
        let (x, y) = (angle(), angle());
        a.push(x as f32);
        b.push(y as f32);
        targets.push(u32::from(x.cos() > y.sin()));
    }
    let features = Features::of_columns(vec!["a".to_owned(), "b".to_owned()], &[a, b]);
    let classes = [0.0, 1.0].map(|number| Class::new(number).expect("finite"));
    Labelled::new(features, targets, classes.to_vec())
}
