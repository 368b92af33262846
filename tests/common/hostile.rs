//! Datasets of all unusual shapes that a site can send.

use proptest::prelude::*;
use proptest::sample::select;

use super::table::{Dice, Table};

/// The unusual property of a dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// All rows are the same, with every class.
    IdenticalRows,
    /// No column varies.
    NothingVaries,
    /// One column determines the class.
    Separable,
    /// One sample per class.
    OneOfEach,
    /// Many more columns than rows.
    ManyColumns,
    /// Columns of enormous, tiny and ordinary numbers.
    Scales,
    /// All cells are empty.
    AllEmpty,
    /// All but one of the classes have a single sample.
    Imbalanced,
    /// Few distinct rows, each many times, with one class or with several.
    Duplicates,
    /// Every row occurs once with every class.
    Contradictions,
    /// Columns that repeat others, some negated.
    CopiedColumns,
    /// A column of which only the empty cells predict the class.
    MissingTells,
    /// One value is far from all others.
    Outlier,
    /// Ordinary noise with empty cells.
    Noise,
}

pub const SHAPES: [Shape; 14] = [
    Shape::IdenticalRows,
    Shape::NothingVaries,
    Shape::Separable,
    Shape::OneOfEach,
    Shape::ManyColumns,
    Shape::Scales,
    Shape::AllEmpty,
    Shape::Imbalanced,
    Shape::Duplicates,
    Shape::Contradictions,
    Shape::CopiedColumns,
    Shape::MissingTells,
    Shape::Outlier,
    Shape::Noise,
];

/// Datasets of one unusual shape, with up to 20 classes, each of which has a sample. Most have few rows; from some tens
/// of rows the learner compares hyperparameters.
pub fn hostile(shape: Shape) -> impl Strategy<Value = Table> {
    // Moodle mostly sends two classes.
    let classes = select(vec![2_usize, 2, 2, 3, 5, 20]);
    let rows = prop_oneof![3 => 2_usize..50, 1 => 50_usize..150];
    (classes, 1_usize..8, rows, any::<u64>()).prop_map(move |(classes, columns, rows, seed)| {
        let (columns, rows) = match shape {
            Shape::ManyColumns => (400, 20),
            Shape::OneOfEach => (columns, classes),
            _ => (columns, rows),
        };
        build(shape, classes, columns, rows.max(classes), seed)
    })
}

/// The same with enough rows for trees and for the calibration of ensembles.
pub fn hostile_and_large(shape: Shape) -> impl Strategy<Value = Table> {
    (2_usize..4, 1_usize..6, 400_usize..1_300, any::<u64>())
        .prop_map(move |(classes, columns, rows, seed)| build(shape, classes, columns, rows, seed))
}

fn build(shape: Shape, classes: usize, columns: usize, rows: usize, seed: u64) -> Table {
    let mut dice = Dice::new(seed);
    // Labels need not start at 0, nor be positive.
    let first = [0_i64, 0, 1, -3][dice.below(4)];
    let labels: Vec<String> = (0..classes).map(|class| (first + class as i64).to_string()).collect();
    let names: Vec<String> = (0..columns).map(|column| format!("\\column_{column}")).collect();
    let mut table = Table { names, classes: labels.clone(), rows: Vec::new(), targets: Vec::new() };
    let scales: Vec<f64> = (0..columns).map(|_| [1e30, 1e-30, 1.0, 3e38, 1e-44][dice.below(5)]).collect();
    let origins: Vec<Vec<Option<f32>>> = (0..3).map(|_| noise(&mut dice, columns)).collect();
    for row in 0..rows {
        let class = match shape {
            _ if row < classes => row,
            Shape::Imbalanced => 0,
            _ => dice.below(classes),
        };
        let mut cells = noise(&mut dice, columns);
        match shape {
            Shape::IdenticalRows => cells.clone_from(&origins[0]),
            Shape::NothingVaries => cells = vec![Some(0.5); columns],
            Shape::Separable => cells[0] = Some(class as f32 / classes as f32),
            Shape::Scales => {
                for (cell, scale) in cells.iter_mut().zip(&scales) {
                    *cell = cell.map(|value| (f64::from(value) * scale) as f32);
                }
            }
            Shape::AllEmpty => cells = vec![None; columns],
            Shape::Duplicates => cells.clone_from(&origins[dice.below(3)]),
            Shape::CopiedColumns => {
                let origin = cells[0];
                for (at, cell) in cells.iter_mut().enumerate() {
                    *cell = origin.map(|value| [value, -value, value * 2.0, value.abs()][at % 4]);
                }
            }
            Shape::MissingTells => cells[0] = (class != 0).then_some(0.25),
            Shape::Outlier => {
                cells = vec![Some(if row + 1 == rows { 1e30 } else { 0.0 }); columns];
            }
            _ => {}
        }
        let listed = if shape == Shape::Contradictions { &labels[..] } else { &labels[class..=class] };
        for label in listed {
            table.rows.push(cells.clone());
            table.targets.push(label.clone());
        }
    }
    table
}

/// Two decimals in [-1, 1], a third of them missing.
fn noise(dice: &mut Dice, columns: usize) -> Vec<Option<f32>> {
    (0..columns)
        .map(|_| {
            let value = (dice.between(-100.0, 100.0).round() / 100.0) as f32;
            (!dice.chance(0.33)).then_some(value)
        })
        .collect()
}
