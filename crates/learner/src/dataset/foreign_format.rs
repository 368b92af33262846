//! Recognises files that are no comma-separated UTF-8 text: other encodings, other separators, and files of other
//! programs.
//!
//! Owns the messages that name the format and the remedy. Must not know the lines of a dataset beyond the key `nfeatures`.

/// The number of bytes from the start of a file that are looked at.
pub(super) const START: usize = 4096;

/// The first bytes of files that are not text, with what they are and what to do.
const SIGNATURES: [(&[u8], &str); 18] = [
    (b"\x1f\x8b", "the file is compressed (gzip); unpack it first"),
    (b"BZh", "the file is compressed (bzip2); unpack it first"),
    (b"\xfd7zXZ\0", "the file is compressed (xz); unpack it first"),
    (b"\x28\xb5\x2f\xfd", "the file is compressed (zstd); unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "the file is compressed (7z); unpack it first"),
    (b"Rar!", "the file is compressed (RAR); unpack it first"),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (
        b"\xd0\xcf\x11\xe0",
        "the file is a workbook of an old Excel (.xls); save it as \"CSV UTF-8 (comma delimited)\"",
    ),
    (b"%PDF", "the file is a PDF; Moodle writes CSV"),
    (b"PAR1", "the file is in Parquet format; write it as CSV"),
    (b"ARROW1", "the file is in Arrow format; write it as CSV"),
    (b"\x89HDF", "the file is in HDF5 format; write it as CSV"),
    (b"SQLite format 3", "the file is an SQLite database; write the table as CSV"),
    (b"\x93NUMPY", "the file is a NumPy array; write it as CSV"),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
];

const PICTURE: &str = "the file is a picture; Moodle writes CSV";

/// The start of messages that PHP prints into its output.
const PHP_MESSAGES: [&str; 7] =
    ["PHP ", "Notice: ", "Warning: ", "Deprecated: ", "Fatal error: ", "Parse error: ", "Strict Standards: "];

/// The key `nfeatures` in EBCDIC, the encoding of mainframes.
const NFEATURES_IN_EBCDIC: &[u8] = b"\x95\x86\x85\x81\xa3\xa4\x99\x85\xa2";

const ZIP: &str = "the file is an Excel workbook (.xlsx) or another zip archive; unpack an archive, or save a workbook as \
                   \"CSV UTF-8 (comma delimited)\"";

/// The problem of a file that starts with these bytes; `None` if it may be a dataset.
pub(super) fn recognise(start: &[u8]) -> Option<String> {
    if let Some((_, problem)) = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature)) {
        return Some((*problem).to_owned());
    }
    if let Some(encoding) = wide_encoding(start) {
        return Some(format!("the file is {encoding}; Moodle writes UTF-8"));
    }
    if start.windows(NFEATURES_IN_EBCDIC.len()).any(|window| window == NFEATURES_IN_EBCDIC) {
        return Some("the file is EBCDIC; Moodle writes UTF-8".to_owned());
    }
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first_line = text.split(['\n', '\r']).next().unwrap_or_default();
    if first_line.trim_matches('"').to_ascii_lowercase().starts_with("sep=") {
        return Some("the file begins with the line \"sep=\" of Excel; delete this line".to_owned());
    }
    if has_key(first_line, ',') {
        return None;
    }
    let separators = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars"), (' ', "spaces")];
    if let Some((_, name)) = separators.iter().find(|(separator, _)| has_key(first_line, *separator)) {
        return Some(separated_by(name));
    }
    if text.starts_with('<') {
        return Some(
            "the file is an HTML or XML page, not a dataset; perhaps it is an error message".to_owned(),
        );
    }
    if PHP_MESSAGES.iter().any(|message| first_line.starts_with(message)) {
        return Some(
            "the file begins with a message of PHP; find its cause in the log of Moodle's web server"
                .to_owned(),
        );
    }
    if text.starts_with(['{', '[']) {
        return Some("the file is JSON; Moodle writes CSV".to_owned());
    }
    let mut separators = separators.iter().take(2).filter(|_| !first_line.contains(','));
    separators.find(|(separator, _)| first_line.contains(*separator)).map(|(_, name)| separated_by(name))
}

fn separated_by(separators: &str) -> String {
    format!("the fields are separated by {separators}; Moodle separates them by commas")
}

/// Whether a line of keys with this separator has the key `nfeatures`.
fn has_key(line: &str, separator: char) -> bool {
    let is_quote = |c: char| c.is_whitespace() || matches!(c, '"' | '\'') || is_typographic_quote(c);
    // Without the separator, the whole line would be the key.
    line.contains(separator)
        && line.split(separator).any(|field| field.trim_matches(is_quote).eq_ignore_ascii_case("nfeatures"))
}

/// The encoding of text with two or four bytes for each character.
fn wide_encoding(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"\xff\xfe\0\0") || start.starts_with(b"\0\0\xfe\xff") {
        return Some("UTF-32");
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Some("UTF-16");
    }
    // Without a mark: ASCII characters, each with one or three NUL bytes.
    let start = &start[..start.len().min(64)];
    let nuls = |offset: usize, step: usize| start.iter().skip(offset).step_by(step).all(|&byte| byte == 0);
    let any = |offset: usize, step: usize| start.iter().skip(offset).step_by(step).all(|&byte| byte != 0);
    match start.len() {
        8.. if nuls(1, 4) && nuls(2, 4) && (nuls(0, 4) != nuls(3, 4)) => Some("UTF-32"),
        4.. if (nuls(1, 2) && any(0, 2)) || (nuls(0, 2) && any(1, 2)) => Some("UTF-16"),
        _ => None,
    }
}

/// Whether a text has quotes as word processors set them.
pub(super) fn has_typographic_quotes(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().any(is_typographic_quote),
        // In the encoding of Windows.
        Err(_) => bytes.iter().any(|byte| (0x91..=0x94).contains(byte)),
    }
}

fn is_typographic_quote(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' | '\u{ff02}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KEYS: &str = "timesplitting,nfeatures,targetclasses\n";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn problem(start: impl AsRef<[u8]>) -> String {
        recognise(start.as_ref()).expect("recognised")
    }

    #[test]
    fn names_the_encoding_with_and_without_a_mark() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{KEYS}");
            assert!(problem(utf16(&text, u16::to_le_bytes)).contains("UTF-16"), "{mark:?}");
            assert!(problem(utf16(&text, u16::to_be_bytes)).contains("UTF-16"), "{mark:?}");
            let wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            assert!(problem(wide).contains("UTF-32"), "{mark:?}");
        }
    }

    #[rstest]
    #[case(';', "semicolons")]
    #[case('\t', "tabs")]
    #[case('|', "vertical bars")]
    fn names_another_separator(#[case] separator: char, #[case] name: &str) {
        let keys = KEYS.replace(',', &separator.to_string());
        assert!(problem(&keys).contains(name));
        assert!(problem(format!("\u{feff}{}", keys.replace("nfeatures", "\"nfeatures\""))).contains(name));
    }

    #[rstest]
    #[case::gzip(b"\x1f\x8b\x08\0", "gzip")]
    #[case::a_workbook(b"PK\x03\x04\x14\0", "xlsx")]
    #[case::an_old_workbook(b"\xd0\xcf\x11\xe0\xa1", ".xls)")]
    #[case::a_page(b"\n <!DOCTYPE html>\n", "HTML")]
    #[case::a_picture(b"\x89PNG\r\n\x1a\n", "a picture")]
    #[case::ebcdic(b"\xa3\x6b\x95\x86\x85\x81\xa3\xa4\x99\x85\xa2\x25", "EBCDIC")]
    #[case::a_message_of_php(b"Notice: Undefined variable: x in y.php on line 3\n", "a message of PHP")]
    #[case::a_table_of_excel(b"id;grade\r\n1;2\r\n", "semicolons")]
    #[case::json(b"{\"features\":[1]}", "JSON")]
    #[case::the_line_of_excel(b"sep=;\r\nnfeatures;targetclasses", "\"sep=\"")]
    #[case::the_same_in_quotes(b"\"sep=,\"\n", "\"sep=\"")]
    fn names_the_format(#[case] start: &[u8], #[case] name: &str) {
        assert!(problem(start).contains(name));
    }

    #[rstest]
    #[case(KEYS)]
    #[case("\u{feff}nfeatures,targetclasses\n")]
    #[case("nfeatures\n")]
    #[case("")]
    #[case("\0\0\0\0")]
    #[case("a;b,c\n")]
    #[case("<x>,nfeatures,targetclasses\n")]
    fn passes_what_may_be_a_dataset(#[case] start: &str) {
        assert_eq!(recognise(start.as_bytes()), None);
    }

    #[test]
    fn finds_typographic_quotes_in_utf8_and_in_the_encoding_of_windows() {
        for text in ["\u{201c}[0,1]\u{201d}".as_bytes(), "\u{201e}0\u{201c}".as_bytes(), b"\x93[0,1]\x94"] {
            assert!(has_typographic_quotes(text), "{text:?}");
        }
        assert!(!has_typographic_quotes(b"\"[0,1]\"") && !has_typographic_quotes(b"\xe4"));
    }
}
