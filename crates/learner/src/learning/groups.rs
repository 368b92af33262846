//! Errors by groups of samples: whether a model is as good for some as for others.
//!
//! Owns how the values of a column become groups, and the intervals. Must not know which column a question of fairness is
//! about: the caller names it.

use ndarray::Array2;
use serde::Serialize;

use super::metrics::most_probable;
use crate::dataset::{Column, Features};

/// Groups with fewer samples are hidden: their figures would be chance, and could be about single people.
const MIN_SAMPLES: usize = 10;
/// A column with more distinct values is divided into four groups of about equal size.
const MAX_VALUES: usize = 8;
/// The normal quantile of a two-sided interval of 95 %.
const Z: f64 = 1.959_963_985;
/// The number of names that an error suggests.
const MAX_SUGGESTIONS: usize = 3;

/// The group of each sample, by the values of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    column: String,
    names: Vec<String>,
    /// One for each sample, an index into the names.
    of_row: Vec<u16>,
}

/// Why a column cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The dataset has no such column.
    #[error("The dataset has no column {column:?}.{}", suggestions(.similar))]
    UnknownColumn {
        /// The name.
        column: String,
        /// Some names that contain it.
        similar: Vec<String>,
    },
    /// All samples have the same value.
    #[error("All samples have the same value in column {0:?}, so it makes no groups.")]
    OneValue(String),
}

fn suggestions(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!(" Similar ones: {}.", similar.join(", ")) }
}

/// The errors of each group. Reports are written with these field names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupErrors {
    /// The column that makes the groups.
    pub column: String,
    /// In the order of their values, without those that are hidden.
    pub groups: Vec<GroupMetrics>,
    /// The number of groups with fewer than ten test samples.
    pub hidden: usize,
}

/// The errors of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupMetrics {
    /// Its value, or range of values, in the column.
    pub group: String,
    /// The number of its samples that were tested, each counted once.
    pub samples: usize,
    /// The share of samples whose class was predicted.
    pub accuracy: Rate,
    /// Of its samples of the second class, the share predicted to be; two classes only, and `None` without such a sample.
    pub recall: Option<Rate>,
    /// Of its samples of the first class, the share predicted to be of the second; as `recall`.
    pub false_positive_rate: Option<Rate>,
    /// The mean predicted probability: of the second of two classes, of the predicted class of more.
    pub predicted: f64,
    /// The share of samples that are of that class. A difference from `predicted` is an error of calibration.
    pub observed: Rate,
}

/// A share with its 95 % interval (Wilson 1927).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rate {
    /// The share.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// `part` of `whole` outcomes, of which `weight` count as independent; `None` of none.
    fn of(part: usize, whole: usize, weight: f64) -> Option<Self> {
        if whole == 0 {
            return None;
        }
        let (p, n) = (part as f64 / whole as f64, (whole as f64 * weight).max(1.0));
        let z2 = Z * Z / n;
        let middle = (p + z2 / 2.0) / (1.0 + z2);
        let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt() / (1.0 + z2);
        Some(Self { value: p, low: (middle - half).clamp(0.0, p), high: (middle + half).clamp(p, 1.0) })
    }
}

impl Groups {
    /// Groups by a column: by each of its values, or by quarters where it has many.
    ///
    /// # Errors
    /// [`GroupError`] for an unknown column, or one that does not vary.
    pub fn by_column(features: &Features, column: &str) -> Result<Self, GroupError> {
        let at = features.names().iter().position(|name| name == column).ok_or_else(|| {
            let similar = features.names().iter().filter(|name| is_similar(name, column));
            GroupError::UnknownColumn {
                column: column.to_owned(),
                similar: similar.take(MAX_SUGGESTIONS).cloned().collect(),
            }
        })?;
        let values = &features.columns()[at];
        if values.is_constant() {
            return Err(GroupError::OneValue(column.to_owned()));
        }
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let (names, of_value) = groups_of_values(values, &rows);
        let of_row = rows.iter().map(|&row| of_value[values.code(row as usize)]).collect();
        Ok(Self { column: column.to_owned(), names, of_row })
    }

    /// Counts predictions for `rows`, whose classes are `targets`.
    pub(super) fn count(&self, rows: &[u32], probabilities: &Array2<f64>, targets: &[usize]) -> GroupCounts {
        let mut counts = GroupCounts(vec![Count::default(); self.names.len()]);
        for ((&row, probabilities), &target) in rows.iter().zip(probabilities.outer_iter()).zip(targets) {
            let probabilities = probabilities.to_vec();
            let predicted = most_probable(&probabilities);
            let class = if probabilities.len() == 2 { 1 } else { predicted };
            let count = &mut counts.0[usize::from(self.of_row[row as usize])];
            count.rows.push(row);
            count.tested += 1;
            count.right += usize::from(predicted == target);
            count.members += usize::from(target == class);
            count.probability += probabilities[class];
            let flagged = usize::from(predicted == class);
            if target == class {
                count.found += flagged;
            } else {
                count.false_alarms += flagged;
            }
        }
        counts
    }

    /// The errors of all predictions.
    pub(super) fn errors(&self, counts: GroupCounts, classes: usize) -> GroupErrors {
        let named = self.names.iter().zip(counts.0).map(|(name, count)| count.metrics(name, classes));
        let all: Vec<GroupMetrics> = named.flatten().collect();
        let groups: Vec<GroupMetrics> =
            all.iter().filter(|group| group.samples >= MIN_SAMPLES).cloned().collect();
        let hidden = self.names.len() - groups.len();
        GroupErrors { column: self.column.clone(), groups, hidden }
    }

    /// The errors of the predictions for all samples.
    ///
    /// # Panics
    /// When the numbers of rows and targets are not the number of samples.
    #[must_use]
    pub fn errors_of(&self, probabilities: &Array2<f64>, targets: &[usize]) -> GroupErrors {
        assert_eq!(
            (probabilities.nrows(), targets.len()),
            (self.of_row.len(), self.of_row.len()),
            "all samples"
        );
        let rows: Vec<u32> = (0..self.of_row.len() as u32).collect();
        self.errors(self.count(&rows, probabilities, targets), probabilities.ncols())
    }
}

/// Without the difference of upper and lower case.
fn is_similar(name: &str, column: &str) -> bool {
    !column.is_empty() && name.to_lowercase().contains(&column.to_lowercase())
}

/// The names of the groups in the order of their values, missing last, and the group of each distinct value.
fn groups_of_values(column: &Column, rows: &[u32]) -> (Vec<String>, Vec<u16>) {
    let counts = column.value_counts(rows);
    let mut order: Vec<usize> = (0..counts.len()).filter(|&at| !column.values()[at].is_nan()).collect();
    order.sort_unstable_by(|&a, &b| column.values()[a].total_cmp(&column.values()[b]));
    let parts: Vec<Vec<usize>> = if order.len() <= MAX_VALUES {
        order.iter().map(|&at| vec![at]).collect()
    } else {
        quarters(&order, &counts)
    };
    let (mut names, mut of_value) = (Vec::new(), vec![0; counts.len()]);
    for part in &parts {
        let (first, last) = (column.values()[part[0]], column.values()[part[part.len() - 1]]);
        part.iter().for_each(|&at| of_value[at] = names.len() as u16);
        names.push(if part.len() == 1 { first.to_string() } else { format!("{first} to {last}") });
    }
    if let Some(missing) = column.values().iter().position(|value| value.is_nan()) {
        of_value[missing] = names.len() as u16;
        names.push("no value".to_owned());
    }
    (names, of_value)
}

/// Up to four parts of about equally many samples; equal values stay together.
fn quarters(order: &[usize], counts: &[u32]) -> Vec<Vec<usize>> {
    let total: f64 = order.iter().map(|&at| f64::from(counts[at])).sum();
    let mut parts = vec![Vec::new(); 4];
    let mut before = 0.0;
    for &at in order {
        let middle = before + f64::from(counts[at]) / 2.0;
        parts[((middle / total * 4.0) as usize).min(3)].push(at);
        before += f64::from(counts[at]);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// What was counted of each group.
#[derive(Debug, Clone)]
pub(super) struct GroupCounts(Vec<Count>);

#[derive(Debug, Clone, Default)]
struct Count {
    /// Of every test, so that a sample that was tested twice counts once.
    rows: Vec<u32>,
    tested: usize,
    right: usize,
    /// Samples of the second of two classes; of more, of the predicted one.
    members: usize,
    found: usize,
    false_alarms: usize,
    probability: f64,
}

impl GroupCounts {
    /// These and the counts of other predictions.
    pub fn merged_with(mut self, other: Self) -> Self {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            count.rows.extend(more.rows);
            count.tested += more.tested;
            count.right += more.right;
            count.members += more.members;
            count.found += more.found;
            count.false_alarms += more.false_alarms;
            count.probability += more.probability;
        }
        self
    }
}

impl Count {
    fn metrics(mut self, name: &str, classes: usize) -> Option<GroupMetrics> {
        self.rows.sort_unstable();
        self.rows.dedup();
        let weight = self.rows.len() as f64 / self.tested.max(1) as f64;
        let two = classes == 2;
        let rate = |part, whole| Rate::of(part, whole, weight);
        Some(GroupMetrics {
            group: name.to_owned(),
            samples: self.rows.len(),
            accuracy: rate(self.right, self.tested)?,
            recall: rate(self.found, self.members).filter(|_| two),
            false_positive_rate: rate(self.false_alarms, self.tested - self.members).filter(|_| two),
            predicted: self.probability / self.tested as f64,
            observed: rate(self.members, self.tested)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn column(values: &[f32]) -> Features {
        Features::of_columns(vec![r"\core\Gender".to_owned()], &[values.to_vec()])
    }

    #[test]
    fn few_values_are_groups_and_many_are_quarters() {
        let few =
            Groups::by_column(&column(&[1.0, -1.0, f32::NAN, 1.0]), r"\core\Gender").expect("it varies");
        assert_eq!(few.names, ["-1", "1", "no value"]);
        assert_eq!(few.of_row, [1, 0, 2, 1]);
        let many: Vec<f32> = (0..40_u8).map(f32::from).collect();
        let many = Groups::by_column(&column(&many), r"\core\Gender").expect("it varies");
        assert_eq!(many.names, ["0 to 9", "10 to 19", "20 to 29", "30 to 39"]);
    }

    #[test]
    fn an_unknown_or_constant_column_is_an_error_that_names_similar_ones() {
        let error = Groups::by_column(&column(&[1.0, 2.0]), "gender").expect_err("another name");
        assert!(error.to_string().ends_with(r"Similar ones: \core\Gender."), "{error}");
        let error = Groups::by_column(&column(&[1.0, 1.0]), r"\core\Gender").expect_err("one value");
        assert!(error.to_string().contains("same value"), "{error}");
    }

    #[test]
    fn each_group_has_its_own_errors_and_small_ones_are_hidden() {
        let values: Vec<f32> = (0..23_u8).map(|row| f32::from(row / 10)).collect();
        let groups = Groups::by_column(&column(&values), r"\core\Gender").expect("it varies");
        // The first group is predicted rightly; in the second, class 0 is always taken for class 1.
        let targets: Vec<usize> = (0..23).map(|row| row % 2).collect();
        let of_one = |row: usize| if row < 10 && targets[row] == 0 { 0.25 } else { 0.75 };
        let probabilities =
            Array2::from_shape_fn(
                (23, 2),
                |(row, class)| if class == 1 { of_one(row) } else { 1.0 - of_one(row) },
            );
        let errors = groups.errors_of(&probabilities, &targets);
        assert_eq!((errors.groups.len(), errors.hidden), (2, 1));
        let [first, second] = &errors.groups[..] else { panic!("{errors:?}") };
        assert_eq!((first.samples, first.accuracy.value, second.accuracy.value), (10, 1.0, 0.5));
        let rates = |group: &GroupMetrics| {
            (group.recall.expect("class 1").value, group.false_positive_rate.expect("class 0").value)
        };
        assert_eq!((rates(first), rates(second)), ((1.0, 0.0), (1.0, 1.0)));
        assert!((second.predicted - 0.75).abs() < 1e-12 && (second.observed.value - 0.5).abs() < 1e-12);
    }

    /// 8 of 10: 0.490 to 0.943 (Wilson's interval, as R's prop.test without correction computes it).
    #[test]
    fn intervals_are_wilsons_and_repeated_tests_do_not_narrow_them() {
        let rate = Rate::of(8, 10, 1.0).expect("ten");
        assert!((rate.low - 0.4902).abs() < 1e-4 && (rate.high - 0.9433).abs() < 1e-4, "{rate:?}");
        let repeated = Rate::of(16, 20, 0.5).expect("twenty");
        assert!((rate.low - repeated.low).abs() < 1e-12, "{repeated:?}");
        assert_eq!(Rate::of(0, 0, 1.0), None);
    }

    #[test]
    fn of_more_classes_only_accuracy_and_calibration_are_known() {
        let groups = Groups::by_column(&column(&[0.0; 10].map(|_| 0.0_f32)), r"\core\Gender");
        assert!(groups.is_err(), "one value");
        let values: Vec<f32> = (0..20_u8).map(|row| f32::from(row / 10)).collect();
        let groups = Groups::by_column(&column(&values), r"\core\Gender").expect("it varies");
        let row = array![0.5, 0.25, 0.25];
        let probabilities = Array2::from_shape_fn((20, 3), |(_, class)| row[class]);
        let errors = groups.errors_of(&probabilities, &[0; 20]);
        assert_eq!(errors.groups[0].recall, None);
        assert!((errors.groups[0].predicted - 0.5).abs() < 1e-12);
    }
}
