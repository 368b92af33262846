//! Generated datasets of any shape, and a seeded random generator to fill them.
//!
//! Must not know what is learnt from them.

use std::fmt::Write as _;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A dataset in memory. A missing value is `None`.
#[derive(Debug, Clone)]
pub struct Table {
    pub names: Vec<String>,
    /// The classes in the header, as Moodle writes them.
    pub classes: Vec<String>,
    pub rows: Vec<Vec<Option<f32>>>,
    /// The class of each row.
    pub targets: Vec<String>,
}

impl Table {
    /// A table with two classes, 0 and 1.
    pub fn of_two_classes(names: &[&str]) -> Self {
        Self::of_classes(names, &["0", "1"])
    }

    pub fn of_classes(names: &[&str], classes: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self { names: owned(names), classes: owned(classes), rows: Vec::new(), targets: Vec::new() }
    }

    pub fn push(&mut self, row: &[f32], target: impl std::fmt::Display) {
        self.rows.push(row.iter().map(|&value| (!value.is_nan()).then_some(value)).collect());
        self.targets.push(target.to_string());
    }

    /// A table of the given rows.
    pub fn select(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        let (rows, targets) =
            rows.into_iter().map(|row| (self.rows[row].clone(), self.targets[row].clone())).unzip();
        Self { names: self.names.clone(), classes: self.classes.clone(), rows, targets }
    }

    /// The labelled dataset, as Moodle sends it for training.
    pub fn labelled(&self) -> Vec<u8> {
        let mut text = self.header();
        let _ = writeln!(text, "{},\"\\target\"", self.columns());
        for (row, target) in self.rows.iter().zip(&self.targets) {
            let _ = writeln!(text, "{},{target}", cells(row));
        }
        text.into_bytes()
    }

    /// The unlabelled dataset, as Moodle sends it for predictions; sample ids are `N-0`.
    pub fn unlabelled(&self) -> Vec<u8> {
        let mut text = self.header();
        let _ = writeln!(text, "sampleid,{}", self.columns());
        for (number, row) in self.rows.iter().enumerate() {
            let _ = writeln!(text, "{number}-0,{}", cells(row));
        }
        text.into_bytes()
    }

    fn header(&self) -> String {
        format!(
            "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses\n\
             \"\\quarters\",{},2024100700,\"\\target\",discrete,\"[{}]\"\n",
            self.names.len(),
            self.classes.join(",")
        )
    }

    fn columns(&self) -> String {
        let quoted: Vec<String> =
            self.names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
        quoted.join(",")
    }
}

fn cells(row: &[Option<f32>]) -> String {
    let cells: Vec<String> =
        row.iter().map(|cell| cell.map(|value| value.to_string()).unwrap_or_default()).collect();
    cells.join(",")
}

/// A seeded random generator, the same on every platform.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.next_u64()) * end as u128) >> 64) as usize
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Points whose class is whether cos(a) > sin(b): not linearly separable.
pub fn waves(samples: usize, seed: u64) -> Table {
    use std::f64::consts::PI;
    let mut dice = Dice::new(seed);
    let mut table = Table::of_two_classes(&["\\a", "\\b"]);
    for _ in 0..samples {
        let (a, b) = (dice.between(-PI, PI), dice.between(-PI, PI));
        table.push(&[a as f32, b as f32], u8::from(a.cos() > b.sin()));
    }
    table
}
