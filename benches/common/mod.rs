//! Generated datasets for the benches: the same on every machine, and like those of Moodle.
//!
//! In real ones, 55 to 85 % of the columns are constant; the others mostly hold one usual
//! value; many cells are empty; the rest are numbers in [-1, 1] with two decimals and few distinct
//! values a column; one class has some 15 % of the samples; the rows come sorted by class. Here a hidden variable
//! of each sample, its effort, influences the unusual cells and the class, so that the class can be predicted, but not
//! perfectly.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each bench uses some of it, and stops when it cannot go on"
)]

use std::fmt::Write as _;
use std::io::{self, Write};

use moodle_mlbackend::dataset::{Labelled, Limits, Unlabelled, read_labelled, read_unlabelled};

/// The share of cells of varying columns that do not hold their column's usual value.
const UNUSUAL: f64 = 0.1;

/// The size of a dataset.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Samples.
    pub rows: usize,
    /// Columns without the target.
    pub features: usize,
    /// Columns that do not hold the same value in every row.
    pub varying: usize,
    /// How many interactions of columns influence the class; see [`Interactions`].
    pub interactions: usize,
}

/// As large as what Moodle writes for a site with a thousand samples.
pub const SMALL: Shape = Shape { rows: 960, features: 98, varying: 30, interactions: 0 };
/// As large as a recorded dataset of a real site.
pub const MIDDLE: Shape = Shape { rows: 1_904, features: 365, varying: 60, interactions: 0 };
/// As large as the largest known dataset of a real site: 30 MB.
pub const LARGE: Shape = Shape { rows: 38_000, features: 414, varying: 149, interactions: 0 };
/// As large as [`LARGE`], and as hard as the largest known dataset: it takes as many trees.
pub const HARD: Shape = Shape { rows: 38_000, features: 414, varying: 149, interactions: 240 };
/// As large as a real site's file of samples to predict.
pub const TO_PREDICT: Shape = Shape { rows: 1_570, features: 422, varying: 149, interactions: 0 };

impl Shape {
    /// `1904x365`; `38000x414-hard` with interactions.
    pub fn name(self) -> String {
        format!("{}x{}{}", self.rows, self.features, if self.interactions > 0 { "-hard" } else { "" })
    }

    /// A labelled dataset, as Moodle sends it for training and evaluation.
    pub fn training_csv(self, seed: u64) -> String {
        let mut dice = Dice(seed);
        let columns = self.columns();
        let interactions = Interactions::draw(self);
        let mut rows: Vec<(bool, String)> = if self.interactions > 0 {
            (0..self.rows).map(|_| interactions.row(&columns, &mut dice)).collect()
        } else {
            (0..self.rows).map(|_| row(&columns, &mut dice)).collect()
        };
        rows.sort_by_key(|(positive, _)| *positive);
        let mut text = self.header(None);
        for (positive, cells) in rows {
            let _ = writeln!(text, "{cells}{}", u8::from(positive));
        }
        text
    }

    /// The same without classes, as Moodle sends it for predictions.
    pub fn prediction_csv(self, seed: u64) -> String {
        let mut dice = Dice(seed);
        let columns = self.columns();
        let mut text = self.header(Some("sampleid"));
        for number in 0..self.rows {
            let (_, cells) = row(&columns, &mut dice);
            let _ = writeln!(text, "{}-{},{}", 183_021 + number / 4, number % 4, &cells[..cells.len() - 1]);
        }
        text
    }

    /// [`Self::training_csv`], read.
    pub fn labelled(self, seed: u64) -> Labelled {
        let file = read_labelled(self.training_csv(seed).as_bytes(), &Limits::default()).unwrap();
        file.into_samples().unwrap().canonical(usize::MAX)
    }

    /// [`Self::prediction_csv`], read.
    pub fn unlabelled(self, seed: u64) -> Unlabelled {
        read_unlabelled(self.prediction_csv(seed).as_bytes(), &Limits::default()).unwrap()
    }

    /// The columns depend on the shape alone, so that every file of it fits every model of it.
    fn columns(self) -> Vec<Column> {
        let mut dice = Dice(self.features as u64);
        (0..self.features)
            .map(|place| Column::draw(&mut dice, place * self.varying % self.features < self.varying))
            .collect()
    }

    fn header(self, first: Option<&str>) -> String {
        let mut text = format!(
            "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses\n\
             \"\\core\\analytics\\time_splitting\\quarters\",{},2024100700,\"\\core_course\\analytics\\target\\course_dropout\",discrete,\"[0,1]\"\n",
            self.features
        );
        let names =
            (0..self.features).map(|place| format!("\"\\mod_bench\\analytics\\indicator\\number_{place}\""));
        let target =
            first.is_none().then(|| "\"\\core_course\\analytics\\target\\course_dropout\"".to_owned());
        let names: Vec<String> = first.map(str::to_owned).into_iter().chain(names).chain(target).collect();
        text += &names.join(",");
        text.push('\n');
        text
    }
}

/// Writes a labelled dataset of [`SPARSE_FEATURES`] columns in which four of five cells are empty, as large as wanted. The
/// class depends on a hidden variable that influences the cells, and on an interaction of two columns.
pub fn write_sparse(rows: usize, out: &mut impl Write) -> io::Result<()> {
    let mut dice = Dice(7);
    let shape = Shape { rows, features: SPARSE_FEATURES, varying: SPARSE_FEATURES, interactions: 0 };
    let columns = shape.columns();
    out.write_all(shape.header(None).as_bytes())?;
    for _ in 0..rows {
        let effort = dice.normal();
        let mut signs = 0.0;
        let mut first_two = [0.0; 2];
        for (place, column) in columns.iter().enumerate() {
            if dice.share() < SPARSE_PRESENT {
                let value = column.draw_value(effort, &mut dice);
                signs += column.weight * value;
                if let Some(cell) = first_two.get_mut(place) {
                    *cell = value;
                }
                write!(out, "{value:.2}")?;
            }
            out.write_all(b",")?;
        }
        let tendency = -2.0 - effort + 0.3 * signs + 3.0 * first_two[0] * first_two[1];
        writeln!(out, "{}", u8::from(dice.share() < 1.0 / (1.0 + (-tendency).exp())))?;
    }
    Ok(())
}

/// The columns of [`write_sparse`],
pub const SPARSE_FEATURES: usize = 400;

/// and the share of their cells that is not empty.
const SPARSE_PRESENT: f64 = 0.2;

/// One sample: whether it is of the rare class, and its cells, each with a comma behind it.
fn row(columns: &[Column], dice: &mut Dice) -> (bool, String) {
    let effort = dice.normal();
    let mut cells = String::with_capacity(columns.len() * 3);
    let mut signs = 0.0;
    for column in columns {
        match column.draw_unusual(effort, dice) {
            Some(value) => {
                signs += column.weight * value;
                let _ = write!(cells, "{value:.2}");
            }
            None => cells.push_str(column.usual),
        }
        cells.push(',');
    }
    let tendency = -2.6 - 1.6 * effort + (effort * signs).clamp(-2.0, 2.0);
    (dice.share() < 1.0 / (1.0 + (-tendency).exp()), cells)
}

/// The number of kinds of samples.
const KINDS: usize = 8;
/// The columns that are unusual in samples of one kind, and the share of such samples in which they are.
const COLUMNS_OF_KIND: usize = 24;
const UNUSUAL_OF_KIND: f64 = 0.3;

/// The class depends on many products of two or three columns. Samples are of several kinds, as those of different courses
/// are: the same columns are unusual in samples of the same kind, about nine cells a row.
struct Interactions {
    /// The varying columns that are unusual in samples of each kind.
    columns: Vec<Vec<usize>>,
    /// The columns of each product of each kind, and the product's effect.
    products: Vec<Vec<(Vec<usize>, f64)>>,
}

impl Interactions {
    /// Interactions that depend on the shape alone.
    fn draw(shape: Shape) -> Self {
        let mut dice = Dice(shape.interactions as u64);
        let varying: Vec<usize> = (0..shape.features)
            .filter(|place| place * shape.varying % shape.features < shape.varying)
            .collect();
        let mut draw = |from: &[usize], count: usize| -> Vec<usize> {
            (0..count).map(|_| from[dice.below(from.len())]).collect()
        };
        let columns: Vec<Vec<usize>> = (0..KINDS).map(|_| draw(&varying, COLUMNS_OF_KIND)).collect();
        let products = columns.iter().map(|columns| {
            let product = |at: usize| {
                let factors = draw(columns, 2 + at % 2);
                (factors, if at.is_multiple_of(3) { 1.0 } else { -1.0 })
            };
            (0..shape.interactions / KINDS).map(product).collect()
        });
        let products = products.collect();
        Self { columns, products }
    }

    /// One sample, as [`row`] draws it.
    fn row(&self, columns: &[Column], dice: &mut Dice) -> (bool, String) {
        let kind = dice.below(KINDS);
        let effort = dice.normal();
        let mut values = vec![None; columns.len()];
        for &place in &self.columns[kind] {
            if dice.share() < UNUSUAL_OF_KIND * (1.0 + 0.5 * effort.clamp(-1.5, 1.5)) {
                values[place] = Some(columns[place].draw_value(effort, dice));
            }
        }
        // Unusual cells that do not depend on the kind.
        for (value, column) in values.iter_mut().zip(columns) {
            if column.unusual > 0.0 && dice.share() < 0.02 {
                *value = Some(column.draw_value(effort, dice));
            }
        }
        let of_product = |(factors, effect): &(Vec<usize>, f64)| -> f64 {
            let factor =
                |&place: &usize| values[place].map_or(0.3, |value: f64| if value > 0.0 { 1.0 } else { -1.0 });
            effect * factors.iter().map(factor).product::<f64>()
        };
        let products: f64 = self.products[kind].iter().map(of_product).sum();
        let tendency = -6.0 - 0.5 * effort + 3.0 * products;
        let cell = |(value, column): (&Option<f64>, &Column)| match value {
            Some(value) => format!("{value:.2},"),
            None => format!("{},", column.usual),
        };
        let cells = values.iter().zip(columns).map(cell).collect();
        (dice.share() < 1.0 / (1.0 + (-tendency).exp()), cells)
    }
}

/// How the cells of one column are drawn.
struct Column {
    usual: &'static str,
    /// The share of unusual cells among samples of middle effort; 0 in a column that never varies.
    unusual: f64,
    /// The distance between its values: 1 divided by a small number.
    step: f64,
    /// The effect of the effort on its values.
    follows: f64,
    /// The effect of its values on the class.
    weight: f64,
}

impl Column {
    fn draw(dice: &mut Dice, varies: bool) -> Self {
        let usual = ["", "0", "-1", "", "-1"][dice.below(5)];
        // A few columns vary much, most of them hardly: the mean of a squared share is a third.
        let share = dice.share();
        let unusual = if varies { 0.002 + 3.0 * (UNUSUAL - 0.002) * share * share } else { 0.0 };
        let step = 1.0 / [1.0, 2.0, 3.0, 10.0, 50.0][dice.below(5)];
        let weight = if dice.share() < 0.2 { 2.0 * dice.share() - 1.0 } else { 0.0 };
        Self { usual, unusual, step, follows: dice.share(), weight }
    }

    fn draw_unusual(&self, effort: f64, dice: &mut Dice) -> Option<f64> {
        let chance = self.unusual * (1.0 + 0.5 * effort.clamp(-1.5, 1.5));
        if self.unusual == 0.0 || dice.share() >= chance {
            return None;
        }
        Some(self.draw_value(effort, dice))
    }

    fn draw_value(&self, effort: f64, dice: &mut Dice) -> f64 {
        let value = 0.5 * self.follows * effort + (2.0 * dice.share() - 1.0) * 0.6;
        ((value / self.step).round() * self.step).clamp(-1.0, 1.0)
    }
}

/// Splitmix64 (Steele, Lea and Flood 2014): the same numbers on every machine and in every version.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Nearly normal: twelve shares have a variance of 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}
