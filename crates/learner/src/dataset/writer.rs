//! Samples as a dataset file in Moodle's format.
//!
//! Owns the text of the header and of a sample; [`read_labelled`](super::read_labelled) reads the same samples from it. Must
//! not know where the text goes.

use super::labelled::Labelled;

/// Writes labelled samples as a dataset file, some samples at a time: a file of a million samples need not be in memory.
///
/// ```
/// use learner::dataset::{Class, CsvWriter, Features, Labelled, Limits, read_labelled};
///
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.5, f32::NAN]]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let samples = Labelled::new(features, vec![1, 0], classes);
/// let mut writer = CsvWriter::new(samples.clone(), Some("\\core\\dropout"), None);
/// let file: Vec<u8> = std::iter::from_fn(|| writer.next_part(1)).flatten().collect();
/// assert!(file.ends_with(b"clicks,\\core\\dropout\n0.5,1\n,0\n"));
/// let again = read_labelled(&file[..], &Limits::default())?.into_samples()?;
/// assert_eq!(again.targets(), samples.targets());
/// # Ok::<(), learner::dataset::DatasetError>(())
/// ```
#[derive(Debug)]
pub struct CsvWriter {
    samples: Labelled,
    /// The header, until it is written.
    header: Option<Vec<u8>>,
    /// The text of each class.
    labels: Vec<String>,
    /// The text of each distinct value of each column.
    cells: Vec<Vec<String>>,
    /// The next sample.
    row: usize,
}

impl CsvWriter {
    /// A file of these samples, with Moodle's names of the target and the time-splitting method if they are known.
    #[must_use]
    pub fn new(samples: Labelled, target: Option<&str>, time_splitting: Option<&str>) -> Self {
        let cell = |value: &f32| if value.is_nan() { String::new() } else { value.to_string() };
        let columns = samples.features().columns().iter();
        let cells = columns.map(|column| column.values().iter().map(cell).collect()).collect();
        let labels: Vec<String> = samples.classes().iter().map(ToString::to_string).collect();
        let header = header(&samples, &labels, target, time_splitting);
        Self { samples, header: Some(header), labels, cells, row: 0 }
    }

    /// The number of samples in the file.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.targets().len()
    }

    /// The header, and then the lines of up to `samples` further samples; `None` at the end.
    pub fn next_part(&mut self, samples: usize) -> Option<Vec<u8>> {
        if let Some(header) = self.header.take() {
            return Some(header);
        }
        let rows = self.samples.targets().len();
        let end = self.row.saturating_add(samples.max(1)).min(rows);
        let mut text = Vec::new();
        for row in self.row..end {
            for (column, cells) in self.samples.features().columns().iter().zip(&self.cells) {
                text.extend_from_slice(cells[column.code(row)].as_bytes());
                text.push(b',');
            }
            text.extend_from_slice(self.labels[self.samples.targets()[row] as usize].as_bytes());
            text.push(b'\n');
        }
        let is_over = self.row >= rows;
        self.row = end;
        (!is_over).then_some(text)
    }
}

fn header(
    samples: &Labelled,
    labels: &[String],
    target: Option<&str>,
    time_splitting: Option<&str>,
) -> Vec<u8> {
    let names = samples.features().names();
    let target = target.unwrap_or("target");
    let (nfeatures, classes) = (names.len().to_string(), format!("[{}]", labels.join(",")));
    let keys = ["timesplitting", "nfeatures", "targetcolumn", "targettype", "targetclasses"];
    let values = [time_splitting.unwrap_or_default(), &nfeatures, target, "discrete", &classes];
    let mut lines = line(keys);
    lines.extend(line(values));
    lines.extend(line(names.iter().map(String::as_str).chain([target])));
    lines
}

fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let cells: Vec<String> = cells.into_iter().map(quoted).collect();
    format!("{}\n", cells.join(",")).into_bytes()
}

/// Quoted as PHP's `fputcsv` does where a reader needs it.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r', ' ', '\t']);
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Features, Limits, read_labelled};

    #[test]
    fn names_with_any_characters_and_all_numbers_are_read_back() {
        let names = ["a,b", "a \"quoted\" name", "two\nlines", "é"].map(str::to_owned).to_vec();
        let numbers = [f32::MIN_POSITIVE, 0.1, -0.33, f32::MAX, f32::NAN, 0.0, 1e-7, -1.0];
        let columns = vec![numbers.to_vec(); 4];
        let classes: Vec<Class> = [-1.0, 0.5, 3.0].into_iter().filter_map(Class::new).collect();
        let targets = vec![0, 1, 2, 0, 1, 2, 0, 1];
        let samples = Labelled::new(Features::of_columns(names, &columns), targets, classes);
        let mut writer = CsvWriter::new(samples.clone(), None, Some("\\core\\quarters"));
        let file: Vec<u8> = std::iter::from_fn(|| writer.next_part(3)).flatten().collect();
        let read = read_labelled(&file[..], &Limits::default()).expect("a dataset");
        assert_eq!(read.header.time_splitting.as_deref(), Some("\\core\\quarters"));
        // A missing value is not equal to itself.
        assert_eq!(format!("{:?}", read.into_samples().expect("its classes")), format!("{samples:?}"));
    }
}
