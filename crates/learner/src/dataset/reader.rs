//! Reads a dataset line by line.
//!
//! Owns the order of the lines, the position of an error, and the limits on lines. Must not know what the header's values
//! mean.

use std::io::{self, Chain, Cursor, Read, Take};

use csv::ByteRecord;

use super::builder::ColumnBuilder;
use super::error::{DatasetError, Dimension, quoted};
use super::features::Features;
use super::foreign_format::{START, recognise};
use super::header::Header;
use super::labelled::LabelledFile;
use super::limits::Limits;
use super::newlines::Newlines;
use crate::text::Untrusted;

/// Samples whose class is to be predicted.
///
/// Ids, features and rows have the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Unlabelled {
    /// The first two lines.
    pub header: Header,
    /// The id of each sample, byte for byte.
    pub ids: Vec<String>,
    /// The samples' features.
    pub features: Features,
    /// Whether the first column is called `sampleid`, as Moodle calls it. Otherwise the columns were renamed, as in
    /// anonymised datasets: match them by their position.
    pub named: bool,
    /// How many names the line of column names has, if that is not the number of columns. Then no column is named.
    pub miscounted_names: Option<usize>,
}

/// Reads a training or evaluation dataset: features, then the target as the last column.
///
/// Reads line by line; memory grows with the distinct values, not with the size of the file.
///
/// ```
/// use learner::dataset::{Limits, read_labelled};
///
/// let file = "nfeatures,targetclasses\n2,\"[0,1]\"\nclicks,posts,dropout\n0.5,,1\n-1,0.25,0\n";
/// let file = read_labelled(file.as_bytes(), &Limits::default())?;
/// assert_eq!(file.header.nfeatures, 2);
/// let samples = file.into_samples()?;
/// assert_eq!(samples.features().names(), ["clicks", "posts"]);
/// assert_eq!(samples.targets(), [1, 0]);
/// # Ok::<(), learner::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// [`DatasetError`] when the file is not such a dataset or exceeds `limits`.
pub fn read_labelled(source: impl Read, limits: &Limits) -> Result<LabelledFile, DatasetError> {
    let mut lines = Lines::open(source, *limits)?;
    let header = lines.read_header()?;
    lines.check_width(header.nfeatures + 1)?;
    let names = lines.names()?;
    let target = lines.columns.len() - 1;
    if names[0] == SAMPLE_ID {
        let reason = "this is a prediction dataset (its first column is sampleid); send one that ends \
                      with the target"
            .to_owned();
        return Err(DatasetError::Name { line: lines.line, column: 1, reason });
    }

    let mut target_lines = Vec::new();
    while let Some(row) = lines.next_sample()? {
        for at in 0..=target {
            let is_false =
                at == target && header.empty_target_is_0 && lines.record[at].trim_ascii().is_empty();
            if is_false {
                lines.record = with_last_cell(&lines.record, b"0");
            }
            let code = lines.push_cell(row, at, &names)?;
            if at == target && code as usize == target_lines.len() {
                target_lines.push(lines.line);
                if lines.record[at].trim_ascii().is_empty() {
                    return Err(lines.cell_error(at, &names, "the target is missing".to_owned()));
                }
            }
        }
    }

    let rows = lines.rows;
    let mut columns: Vec<_> = lines.columns.into_iter().map(ColumnBuilder::finish).collect();
    let target = columns.pop().expect("nfeatures + 1 columns, checked in read_header");
    let names = names[..columns.len()].to_vec();
    Ok(LabelledFile { header, features: Features::new(names, columns, rows), target, target_lines })
}

/// Reads a prediction dataset: `sampleid` as the first column, then features.
///
/// ```
/// use learner::dataset::{Limits, read_unlabelled};
///
/// let file = "nfeatures,targetclasses\n1,\"[0,1]\"\nsampleid,clicks\n183021-0,0.5\n183020-0,\n";
/// let samples = read_unlabelled(file.as_bytes(), &Limits::default())?;
/// assert_eq!(samples.ids, ["183021-0", "183020-0"]);
/// assert!(samples.features.columns()[0].value(1).is_nan());
/// # Ok::<(), learner::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// [`DatasetError`] when the file is not such a dataset or exceeds `limits`.
pub fn read_unlabelled(source: impl Read, limits: &Limits) -> Result<Unlabelled, DatasetError> {
    let mut lines = Lines::open(source, *limits)?;
    let header = lines.read_header()?;
    let mut names = lines.names()?;
    let has_ids = names[0] == SAMPLE_ID;
    if !has_ids && names.last() == header.target.as_ref() {
        let reason = format!(
            "this is a training dataset (it ends with the target {}); send one that begins with {SAMPLE_ID}",
            quoted(names[names.len() - 1].as_bytes())
        );
        return Err(DatasetError::Name { line: lines.line, column: names.len(), reason });
    }

    // The Python server does not read the names, so a file with too many or too few of them worked there.
    let columns = header.nfeatures + 1;
    let miscounted_names = (names.len() != columns).then_some(names.len());
    names.resize_with(columns, String::new);

    let mut ids = Vec::new();
    while let Some(row) = lines.next_sample()? {
        let id = std::str::from_utf8(&lines.record[0]);
        ids.push(id.map_err(|_| lines.cell_error(0, &names, "it is not UTF-8 text".to_owned()))?.to_owned());
        for at in 1..lines.columns.len() {
            lines.push_cell(row, at, &names)?;
        }
    }

    let rows = lines.rows;
    let columns = lines.columns.into_iter().skip(1).map(ColumnBuilder::finish).collect();
    let features = Features::new(names[1..].to_vec(), columns, rows);
    let named = has_ids && miscounted_names.is_none();
    Ok(Unlabelled { header, ids, features, named, miscounted_names })
}

/// The name of the column of sample ids in Moodle's files.
pub(super) const SAMPLE_ID: &str = "sampleid";

/// The start of a file, which was looked at before, and its rest.
type Source<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads the lines of a dataset into columns, holding one line at a time.
pub(super) struct Lines<R> {
    /// Before each line it is limited to a little more than the longest line, so that the CSV reader does not load a
    /// whole file after an open quote.
    csv: csv::Reader<Take<Newlines<Source<R>>>>,
    limits: Limits,
    record: ByteRecord,
    /// Where `record` starts.
    line: u64,
    pub(super) columns: Vec<ColumnBuilder>,
    pub(super) rows: usize,
}

impl<R: Read> Lines<R> {
    /// Starts to read, and refuses a file of another format.
    pub(super) fn open(mut source: R, limits: Limits) -> Result<Self, DatasetError> {
        let mut start = Vec::new();
        (&mut source).take(START as u64).read_to_end(&mut start).map_err(DatasetError::Read)?;
        if let Some(reason) = recognise(&start) {
            return Err(DatasetError::Header { line: 1, reason });
        }
        let source = Cursor::new(start).chain(source);
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(Newlines::new(source).take(0));
        Ok(Self { csv, limits, record: ByteRecord::new(), line: 0, columns: Vec::new(), rows: 0 })
    }

    /// Reads the next line that is not blank into `record`; false at the end.
    fn read(&mut self) -> Result<bool, DatasetError> {
        // The CSV reader reads ahead up to the size of its buffer.
        self.csv.get_mut().set_limit((self.limits.line_bytes + 2 * BUFFER) as u64);
        let first_line = self.csv.position().line();
        let read = self.csv.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => DatasetError::Read(error),
            other => DatasetError::Read(io::Error::other(format!("{other:?}"))),
        })?;
        let source = self.csv.get_ref();
        if source.limit() == 0 {
            // The line of the open quote, not the one where the limit was exceeded.
            return Err(self.line_too_long(first_line));
        }
        // Counted back from the end of the record, because blank lines may precede it.
        let inside = memchr::memchr_iter(b'\n', self.record.as_slice()).count() as u64;
        let ended = u64::from(!self.csv.is_done() || source.get_ref().ends_line);
        self.line = self.csv.position().line().saturating_sub(inside + ended).max(1);
        // Including the commas between its fields; the reader's own limit is only exact to the size of its buffer.
        if self.record.as_slice().len() + self.record.len() > self.limits.line_bytes.saturating_add(1) {
            return Err(self.line_too_long(self.line));
        }
        Ok(read)
    }

    pub(super) fn read_header_line(&mut self, line: u64, what: &'static str) -> Result<(), DatasetError> {
        if self.read()? { Ok(()) } else { Err(DatasetError::Truncated { line, what }) }
    }

    fn line_too_long(&self, line: u64) -> DatasetError {
        DatasetError::LineTooLong { line, limit: self.limits.line_bytes }
    }

    /// Reads the three header lines and makes room for `nfeatures` + 1 columns. The last line stays the current one.
    fn read_header(&mut self) -> Result<Header, DatasetError> {
        self.read_header_line(1, "line of keys")?;
        let keys = self.record.clone();
        self.read_header_line(2, "line of values")?;
        let header = Header::parse(&keys, &self.record, self.line, &self.limits)?;
        self.read_header_line(3, "line of column names")?;
        self.columns.resize_with(header.nfeatures + 1, ColumnBuilder::default);
        Ok(header)
    }

    /// The names in the current line.
    pub(super) fn names(&self) -> Result<Vec<String>, DatasetError> {
        let line = self.line;
        let name = |(at, field): (usize, &[u8])| {
            std::str::from_utf8(field).map(str::to_owned).map_err(|_| DatasetError::Name {
                line,
                column: at + 1,
                reason: "the name is not UTF-8 text".to_owned(),
            })
        };
        self.record.iter().enumerate().map(name).collect()
    }

    pub(super) fn too_many_features(&self) -> DatasetError {
        DatasetError::TooLarge { line: self.line, what: Dimension::Features, limit: self.limits.columns }
    }

    /// Reads the line of the next sample; returns its row.
    pub(super) fn next_sample(&mut self) -> Result<Option<usize>, DatasetError> {
        if !self.read()? {
            return Ok(None);
        }
        self.check_width(self.columns.len())?;
        if self.rows == self.limits.rows {
            let (line, limit) = (self.line, self.limits.rows);
            return Err(DatasetError::TooLarge { line, what: Dimension::Samples, limit });
        }
        self.rows += 1;
        Ok(Some(self.rows - 1))
    }

    fn check_width(&self, expected: usize) -> Result<(), DatasetError> {
        let found = self.record.len();
        let ragged = DatasetError::Ragged { line: self.line, expected, found };
        if found == expected { Ok(()) } else { Err(ragged) }
    }

    #[inline]
    pub(super) fn push_cell(&mut self, row: usize, at: usize, names: &[String]) -> Result<u32, DatasetError> {
        self.columns[at].push_text(row, &self.record[at]).map_err(|why| {
            let found = quoted(&self.record[at]);
            self.cell_error(at, names, format!("expected a number or nothing, got {found}: {why}"))
        })
    }

    #[cold]
    fn cell_error(&self, at: usize, names: &[String], reason: String) -> DatasetError {
        let name = Untrusted(&names[at]).inert(80);
        DatasetError::Cell { line: self.line, column: at + 1, name, reason }
    }
}

/// The record with another last field.
fn with_last_cell(record: &ByteRecord, cell: &[u8]) -> ByteRecord {
    let fields = record.len().saturating_sub(1);
    record.iter().take(fields).chain([cell]).collect()
}

/// The size of the CSV reader's buffer, in bytes.
const BUFFER: usize = 1 << 16;
