//! Synthetic datasets of students at risk, in Moodle's format, for the demo, tests and benches.
//!
//! Owns the behaviour of the students. The data has the properties of real Moodle data: one-hot quarters, many columns
//! with mostly empty cells (an activity that a course does not have, work that is not due yet or was not submitted),
//! constant columns, two decimals, one drop-out in seven, rows sorted by outcome, and noise: the activity of students
//! explains only part of the outcome. The same seed gives the same data on every machine. Must not know how the data
//! is used.

use std::fmt::Write as _;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Moodle's "quarters" split a course into four parts; each is one sample per student.
const QUARTERS: usize = 4;

/// The number of courses.
const COURSES: usize = 16;

const TIME_SPLITTING: &str = r"\core\analytics\time_splitting\quarters";
const TARGET: &str = r"\core_course\analytics\target\course_dropout";

/// The features of every dataset, in order.
pub const FEATURES: [&str; 29] = [
    "range/0",
    "range/1",
    "range/2",
    "range/3",
    r"\core\analytics\indicator\any_access_after_end",
    r"\core\analytics\indicator\any_access_before_start",
    r"\core\analytics\indicator\any_write_action_in_course",
    r"\core\analytics\indicator\read_actions",
    r"\core\analytics\indicator\read_actions/mean",
    r"\core_course\analytics\indicator\completion_enabled",
    r"\core_course\analytics\indicator\no_teacher",
    r"\core_course\analytics\indicator\potential_cognitive_depth",
    r"\core_course\analytics\indicator\potential_social_breadth",
    r"\core_user\analytics\indicator\user_profile_set",
    r"\core_user\analytics\indicator\user_track_forums",
    r"\mod_assign\analytics\indicator\cognitive_depth",
    r"\mod_assign\analytics\indicator\social_breadth",
    r"\mod_chat\analytics\indicator\cognitive_depth",
    r"\mod_chat\analytics\indicator\social_breadth",
    r"\mod_feedback\analytics\indicator\cognitive_depth",
    r"\mod_feedback\analytics\indicator\social_breadth",
    r"\mod_forum\analytics\indicator\cognitive_depth",
    r"\mod_forum\analytics\indicator\social_breadth",
    r"\mod_quiz\analytics\indicator\cognitive_depth",
    r"\mod_quiz\analytics\indicator\social_breadth",
    r"\mod_resource\analytics\indicator\cognitive_depth",
    r"\mod_resource\analytics\indicator\social_breadth",
    r"\mod_scorm\analytics\indicator\cognitive_depth",
    r"\mod_scorm\analytics\indicator\social_breadth",
];

/// A university from whose students samples are drawn.
#[derive(Debug, Clone)]
pub struct Campus {
    seed: u64,
    courses: Vec<Course>,
}

/// Students of running courses, with their future outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// The dataset that Moodle sends for a prediction.
    pub csv: String,
    /// Sample id and outcome (`true`: will drop out), in the order of the file.
    pub truth: Vec<(String, bool)>,
}

impl Campus {
    /// The campus of one seed; its courses are the same in every dataset.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let courses = (0..COURSES).map(|_| Course::draw(&mut dice)).collect();
        Self { seed, courses }
    }

    /// A labelled dataset of `samples` rows from finished courses, sorted by outcome as Moodle's are.
    /// Each `batch` has different students.
    #[must_use]
    pub fn training_csv(&self, batch: u32, samples: usize) -> String {
        let mut students = self.samples(2 * u64::from(batch) + 1, samples);
        students.sort_by_key(|sample| sample.drops_out);
        let mut csv = header(None);
        for Sample { cells, drops_out } in &students {
            let _ = writeln!(csv, "{},{}", cells.join(","), u8::from(*drops_out));
        }
        csv
    }

    /// An unlabelled dataset of `samples` rows from running courses, with the outcomes.
    #[must_use]
    pub fn cohort(&self, batch: u32, samples: usize) -> Cohort {
        let mut csv = header(Some("sampleid"));
        let mut truth = Vec::with_capacity(samples);
        for (row, sample) in self.samples(2 * u64::from(batch) + 2, samples).iter().enumerate() {
            let id = format!("{}-{}", 183_021 + row / QUARTERS, row % QUARTERS);
            let _ = writeln!(csv, "{id},{}", sample.cells.join(","));
            truth.push((id, sample.drops_out));
        }
        Cohort { csv, truth }
    }

    /// One sample per student and quarter; streams never share a student.
    fn samples(&self, stream: u64, count: usize) -> Vec<Sample> {
        let mut dice = Dice::new(self.seed, stream);
        let mut samples = Vec::with_capacity(count + QUARTERS);
        while samples.len() < count {
            let course = &self.courses[dice.below(COURSES)];
            let student = Student::draw(&mut dice, course);
            samples.extend((0..QUARTERS).map(|quarter| student.sample(&mut dice, course, quarter)));
        }
        samples.truncate(count);
        samples
    }
}

/// The three header lines. A prediction's rows start with an id; all others end with the target.
fn header(first: Option<&str>) -> String {
    let target = if first.is_none() { Some(TARGET) } else { None };
    let names: Vec<String> = first.into_iter().chain(FEATURES).chain(target).map(quoted).collect();
    format!(
        "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses\n\
         \"{TIME_SPLITTING}\",{},2024100700,\"{TARGET}\",discrete,\"[0,1]\"\n{}\n",
        FEATURES.len(),
        names.join(",")
    )
}

/// PHP's `fputcsv` quotes fields with a backslash.
fn quoted(name: &str) -> String {
    if name.contains('\\') { format!("\"{name}\"") } else { name.to_owned() }
}

/// The activities and requirements of a course.
#[derive(Debug, Clone)]
struct Course {
    hardness: f64,
    completion: bool,
    forum: bool,
    quiz: bool,
    asks_feedback: f64,
    first_work_due: usize,
    depth: f64,
    breadth: f64,
}

impl Course {
    fn draw(dice: &mut Dice) -> Self {
        Self {
            hardness: if dice.chance(0.3) { 0.9 } else { 0.0 },
            completion: dice.chance(0.6),
            forum: dice.chance(0.7),
            quiz: dice.chance(0.6),
            asks_feedback: if dice.chance(0.2) { 1.0 } else { 0.0 },
            first_work_due: dice.below(2),
            depth: dice.uniform() * 2.0 - 1.0,
            breadth: dice.uniform() * 1.4 - 1.0,
        }
    }
}

/// The hidden traits of a student, which are not in the dataset.
#[derive(Debug)]
struct Student {
    motivation: f64,
    sociable: f64,
    early: bool,
    profile: bool,
    drops_out: bool,
}

impl Student {
    fn draw(dice: &mut Dice, course: &Course) -> Self {
        let motivation = dice.normal();
        let sociable = dice.normal();
        // Isolation raises the risk of students with low motivation only.
        let isolation = if sociable < 0.0 && motivation < 0.2 { 1.5 } else { 0.0 };
        let risk = -5.0 - 2.8 * motivation + course.hardness + isolation;
        Self {
            motivation,
            sociable,
            early: dice.chance(sigmoid(motivation)),
            profile: dice.chance(0.4),
            drops_out: dice.chance(sigmoid(risk)),
        }
    }

    /// The engagement of the student in one quarter. It declines from the second quarter on in students who drop
    /// out.
    fn involvement(&self, dice: &mut Dice, quarter: usize) -> f64 {
        let fading = if self.drops_out { 0.75 * quarter as f64 } else { 0.0 };
        0.9 * self.motivation - fading + 0.7 * dice.normal()
    }

    fn sample(&self, dice: &mut Dice, course: &Course, quarter: usize) -> Sample {
        let involved = self.involvement(dice, quarter);
        let together = 0.6 * self.sociable + 0.5 * involved;
        let reads = squash(0.8 * involved + 0.3 * dice.normal());
        let hands_in = quarter >= course.first_work_due && dice.chance(sigmoid(1.5 + 1.6 * involved));
        let takes_quiz = course.quiz && dice.chance(sigmoid(1.0 + 1.3 * involved));
        let posts = course.forum && dice.chance(sigmoid(0.6 + 1.2 * together));
        let answers = dice.chance(course.asks_feedback * sigmoid(involved));

        let mut cells: Vec<String> = (0..QUARTERS).map(|range| either(range == quarter, "1", "0")).collect();
        cells.extend([
            String::new(), // the course was still running, so there was no access after its end
            either(self.early, "1", "-1"),
            either(hands_in || takes_quiz || posts, "1", "-1"),
            decimals(reads),
            decimals(squash(reads + 0.2 * dice.normal())),
            either(course.completion, "1", "-1"),
            "-1".to_owned(), // every course has a teacher
            decimals(course.depth),
            decimals(course.breadth),
            either(self.profile, "1", "-1"),
            "1".to_owned(), // the site's default
        ]);
        cells.extend(activity(dice, hands_in, involved, 0.2 * together));
        cells.extend(nothing()); // no course uses chat
        cells.extend(activity(dice, answers, involved, -0.5));
        cells.extend(activity(dice, posts, 0.5 * involved, together));
        cells.extend(activity(dice, takes_quiz, involved, -0.5));
        cells.extend(activity(dice, true, involved - 0.4, -1.0));
        cells.extend(nothing()); // nor SCORM packages
        Sample { cells, drops_out: self.drops_out }
    }
}

/// One row.
#[derive(Debug)]
struct Sample {
    cells: Vec<String>,
    drops_out: bool,
}

/// Cognitive depth and social breadth in one activity, on Moodle's coarse scales; empty without participation.
fn activity(dice: &mut Dice, takes_part: bool, depth: f64, breadth: f64) -> [String; 2] {
    if !takes_part {
        return nothing();
    }
    let noisy = [depth, breadth].map(|level| squash(level + 0.4 * dice.normal()));
    [decimals((noisy[0] * 4.0).round() / 4.0), decimals((noisy[1] * 3.0).round() / 3.0)]
}

fn nothing() -> [String; 2] {
    [String::new(), String::new()]
}

fn either(condition: bool, yes: &str, no: &str) -> String {
    (if condition { yes } else { no }).to_owned()
}

/// Two decimals; PHP drops those of whole numbers and writes a negative zero as `-0`.
fn decimals(value: f64) -> String {
    let text = format!("{value:.2}");
    text.strip_suffix(".00").unwrap_or(&text).to_owned()
}

/// Maps to [-1, 1], without a function whose result differs between platforms.
fn squash(value: f64) -> f64 {
    value / (1.0 + value * value).sqrt()
}

fn sigmoid(value: f64) -> f64 {
    f64::midpoint(1.0, squash(0.6 * value))
}

/// A seeded random generator, the same on every platform.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize // the bias is far below 2^-50
    }

    /// Mean 0, variance 1: the sum of twelve uniform numbers is close enough to a normal distribution,
    /// and the same on every platform.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(csv: &str) -> Vec<Vec<&str>> {
        csv.lines().skip(3).map(|line| line.split(',').collect()).collect()
    }

    #[test]
    fn gives_the_same_students_for_the_same_seed_only() {
        let csv = Campus::new(7).training_csv(0, 200);
        assert_eq!(csv, Campus::new(7).training_csv(0, 200));
        assert_ne!(csv, Campus::new(8).training_csv(0, 200));
        assert_ne!(csv, Campus::new(7).training_csv(1, 200));
    }

    #[test]
    fn every_row_has_the_number_of_cells_in_the_header() {
        let csv = Campus::new(1).training_csv(0, 203);
        let rows = rows(&csv);
        assert_eq!(rows.len(), 203);
        assert!(csv.lines().nth(1).is_some_and(|line| line.contains(&format!(",{},", FEATURES.len()))));
        assert!(rows.iter().all(|row| row.len() == FEATURES.len() + 1));
    }

    #[test]
    fn every_cell_is_empty_or_between_minus_one_and_one() {
        let csv = Campus::new(1).training_csv(0, 400);
        for cell in rows(&csv).concat().into_iter().filter(|cell| !cell.is_empty()) {
            let value: f64 = cell.parse().expect("a number");
            assert!((-1.0..=1.0).contains(&value), "{cell}");
        }
    }

    #[test]
    fn about_one_sample_in_seven_is_a_drop_out() {
        for seed in 1..=5 {
            let csv = Campus::new(seed).training_csv(0, 4000);
            let dropped = rows(&csv).iter().filter(|row| row.last() == Some(&"1")).count();
            assert!((400..=850).contains(&dropped), "seed {seed}: {dropped} of 4000");
        }
    }

    #[test]
    fn rows_are_sorted_by_outcome() {
        let csv = Campus::new(1).training_csv(0, 400);
        let labels: Vec<_> = rows(&csv).iter().map(|row| row[FEATURES.len()].to_owned()).collect();
        assert!(labels.is_sorted());
    }

    #[test]
    fn a_third_of_the_cells_is_empty_and_some_columns_are_constant() {
        let csv = Campus::new(1).training_csv(0, 2000);
        let rows = rows(&csv);
        let empty = rows.iter().flatten().filter(|cell| cell.is_empty()).count();
        let share = empty as f64 / (rows.len() * FEATURES.len()) as f64;
        assert!((0.25..0.5).contains(&share), "{share}");
        let constant = (0..FEATURES.len())
            .filter(|&column| rows.iter().all(|row| row[column] == rows[0][column]))
            .count();
        assert!(constant >= 5, "{constant}");
    }

    #[test]
    fn a_cohort_has_ids_and_outcomes_but_no_target_column() {
        let cohort = Campus::new(1).cohort(0, 100);
        let rows = rows(&cohort.csv);
        assert!(cohort.csv.lines().nth(2).is_some_and(|line| line.starts_with("sampleid,range/0,")));
        assert!(rows.iter().zip(&cohort.truth).all(|(row, (id, _))| row[0] == id));
        assert!(rows.iter().all(|row| row.len() == FEATURES.len() + 1));
        assert!(cohort.truth.iter().any(|(_, drops_out)| *drops_out));
    }
}
