//! A generated task with a curved boundary: cos(a) > sin(b), for a and b in [-π, π].

use std::f64::consts::PI;

use moodle_mlbackend::dataset::{Class, Features, Labelled};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::task::{Source, Split, Task, all_rows};

/// The number of test points.
const FRESH: usize = 20_000;

/// Trains on `points` points, `seeds` times on other ones, and tests each time on the same fresh ones.
pub fn task(points: usize, seeds: usize) -> Task {
    let learn = draw(points * seeds, points as u64);
    let rate = draw(FRESH, u64::MAX);
    let fresh = all_rows(&rate);
    let splits = all_rows(&learn)
        .chunks(points.max(1))
        .map(|rows| Split { learn: rows.to_vec(), rate: fresh.clone() })
        .collect();
    Task {
        name: format!("cos(a) > sin(b), {points} points × {seeds}"),
        source: Source::Made,
        learn,
        rate: Some(rate),
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
