//! Pickles, read as data.
//!
//! A pickle is a program for a small stack machine, and Python's own reader calls every function that it refers to.
//! This reader knows the instructions for plain values, and the five names in a `classifier.pkl` written with joblib.
//! It calls nothing: objects become records of their state, and everything else is refused. The instructions are
//! described in Python's `pickletools`; that joblib puts the bytes of an array right after the object that describes
//! it, in `joblib.numpy_pickle`. Must not know what the values mean to the Python server.

use super::bytes::Bytes;
use super::value::{Global, Id, PickleValue, PickleValues, integers, signed, width};

/// The maximum number of values; real classifiers have about sixty.
const MAX_VALUES: usize = 4_096;

/// Reads a pickle; returns its values and the index of the result.
pub(crate) fn read(bytes: &[u8]) -> Result<(PickleValues, Id), String> {
    if bytes.first() != Some(&op::PROTO) {
        return Err("it is no pickle, or a compressed one".to_owned());
    }
    let mut machine = Machine::default();
    let mut rest = Bytes(bytes);
    loop {
        let code = rest.byte()?;
        if code == op::STOP {
            break;
        }
        machine.step(code, &mut rest)?;
    }
    match machine.stack.as_slice() {
        [only] if rest.0.is_empty() && machine.marks.is_empty() => Ok((machine.values, *only)),
        _ => Err("it does not hold exactly one value".to_owned()),
    }
}

/// The supported instructions.
mod op {
    pub const PROTO: u8 = 0x80;
    pub const FRAME: u8 = 0x95;
    pub const STOP: u8 = b'.';
    pub const MARK: u8 = b'(';
    pub const NONE: u8 = b'N';
    pub const TRUE: u8 = 0x88;
    pub const FALSE: u8 = 0x89;
    pub const INT_1: u8 = b'K';
    pub const INT_2: u8 = b'M';
    pub const INT_4: u8 = b'J';
    pub const LONG: u8 = 0x8a;
    pub const FLOAT: u8 = b'G';
    pub const TEXT_SHORT: u8 = 0x8c;
    pub const TEXT: u8 = b'X';
    pub const BYTES_SHORT: u8 = b'C';
    pub const EMPTY_TUPLE: u8 = b')';
    pub const TUPLE: u8 = b't';
    pub const TUPLE_1: u8 = 0x85;
    pub const TUPLE_3: u8 = 0x87;
    pub const EMPTY_LIST: u8 = b']';
    pub const APPEND: u8 = b'a';
    pub const APPENDS: u8 = b'e';
    pub const EMPTY_DICT: u8 = b'}';
    pub const SET_ITEM: u8 = b's';
    pub const SET_ITEMS: u8 = b'u';
    pub const GLOBAL: u8 = b'c';
    pub const GLOBAL_OF_STACK: u8 = 0x93;
    pub const NEW_OBJECT: u8 = 0x81;
    pub const REDUCE: u8 = b'R';
    pub const BUILD: u8 = b'b';
    pub const PUT: u8 = b'q';
    pub const PUT_LONG: u8 = b'r';
    pub const MEMOIZE: u8 = 0x94;
    pub const GET: u8 = b'h';
    pub const GET_LONG: u8 = b'j';
}

#[derive(Debug, Default)]
struct Machine {
    values: PickleValues,
    stack: Vec<Id>,
    /// The height of the stack at each mark.
    marks: Vec<usize>,
    memo: Vec<Id>,
}

impl Machine {
    fn step(&mut self, code: u8, rest: &mut Bytes<'_>) -> Result<(), String> {
        let value = match code {
            op::PROTO => return version(rest.byte()?),
            // Frames are only needed for reading in pieces.
            op::FRAME => return rest.take(8).map(drop),
            op::MARK => return self.mark(),
            op::NONE => PickleValue::None,
            op::TRUE => PickleValue::Bool(true),
            op::FALSE => PickleValue::Bool(false),
            op::INT_1 => PickleValue::Int(rest.byte()?.into()),
            op::INT_2 => PickleValue::Int(u16::from_le_bytes(rest.array()?).into()),
            op::INT_4 => PickleValue::Int(i32::from_le_bytes(rest.array()?).into()),
            op::LONG => PickleValue::Int(long(rest)?),
            op::FLOAT => rest.take(8).map(|_| PickleValue::Float)?,
            op::TEXT_SHORT => PickleValue::Text(utf8(rest.counted()?)?),
            op::TEXT => {
                let length = rest.u32()?;
                PickleValue::Text(utf8(rest.take(length as usize)?)?)
            }
            op::BYTES_SHORT => PickleValue::Bytes(rest.counted()?.to_vec()),
            op::EMPTY_TUPLE => PickleValue::Tuple(Vec::new()),
            op::TUPLE => PickleValue::Tuple(self.since_mark()?),
            op::TUPLE_1..=op::TUPLE_3 => PickleValue::Tuple(self.top(usize::from(code - op::TUPLE_1) + 1)?),
            op::EMPTY_LIST => PickleValue::List(Vec::new()),
            op::EMPTY_DICT => PickleValue::Dict(Vec::new()),
            op::GLOBAL => PickleValue::Global(Global::named(&utf8(rest.line()?)?, &utf8(rest.line()?)?)?),
            op::GLOBAL_OF_STACK => self.global()?,
            op::NEW_OBJECT => self.new_object()?,
            op::REDUCE => self.reduce()?,
            op::BUILD => return self.build(rest),
            op::APPEND | op::APPENDS => return self.append(code == op::APPENDS),
            op::SET_ITEM | op::SET_ITEMS => return self.set_items(code == op::SET_ITEMS),
            op::PUT => return self.put(rest.byte()?.into()),
            op::PUT_LONG => return self.put(rest.u32()?),
            op::MEMOIZE => return self.put(self.memo.len() as u32),
            op::GET => return self.recall(rest.byte()?.into()),
            op::GET_LONG => return self.recall(rest.u32()?),
            other => {
                return Err(format!(
                    "it holds the instruction {other:#04x}, which models of the Python server do not need"
                ));
            }
        };
        self.push(value)
    }

    fn push(&mut self, value: PickleValue) -> Result<(), String> {
        self.values.0.push(value);
        self.push_id(self.values.0.len() - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<(), String> {
        self.stack.push(id);
        let fits = self.values.0.len().max(self.stack.len()) <= MAX_VALUES;
        if fits { Ok(()) } else { Err(too_much()) }
    }

    fn mark(&mut self) -> Result<(), String> {
        self.marks.push(self.stack.len());
        if self.marks.len() <= MAX_VALUES { Ok(()) } else { Err(too_much()) }
    }

    /// Pops the topmost `count` values, the lowest first; never below the last mark.
    fn top(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let from = self.stack.len().checked_sub(count).filter(|&from| from >= floor);
        Ok(self.stack.split_off(from.ok_or_else(inconsistent)?))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let from = self.marks.pop().ok_or_else(inconsistent)?;
        Ok(self.stack.split_off(from))
    }

    fn put(&mut self, key: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or_else(inconsistent)?;
        let key = key as usize;
        // Picklers number from 0.
        if key > self.memo.len() || key >= MAX_VALUES {
            return Err(too_much());
        }
        match self.memo.get_mut(key) {
            Some(value) => *value = top,
            None => self.memo.push(top),
        }
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        let id = *self.memo.get(key as usize).ok_or_else(inconsistent)?;
        self.push_id(id)
    }

    fn global(&mut self) -> Result<PickleValue, String> {
        let [module, name] = self.top(2)?[..] else { return Err(inconsistent()) };
        match (self.values.at(module), self.values.at(name)) {
            (PickleValue::Text(module), PickleValue::Text(name)) => {
                Global::named(module, name).map(PickleValue::Global)
            }
            _ => Err(inconsistent()),
        }
    }

    fn new_object(&mut self) -> Result<PickleValue, String> {
        let [class, arguments] = self.top(2)?[..] else { return Err(inconsistent()) };
        match (self.values.at(class), self.values.at(arguments)) {
            (
                PickleValue::Global(class @ (Global::Classifier | Global::ArrayWrapper)),
                PickleValue::Tuple(none),
            ) if none.is_empty() => Ok(PickleValue::Object(*class, None)),
            _ => Err(forbidden_call()),
        }
    }

    /// Python would call a function here. Two functions are known, with their results.
    fn reduce(&mut self) -> Result<PickleValue, String> {
        let [function, arguments] = self.top(2)?[..] else { return Err(inconsistent()) };
        let (PickleValue::Global(function), PickleValue::Tuple(arguments)) =
            (self.values.at(function), self.values.at(arguments))
        else {
            return Err(forbidden_call());
        };
        let arguments: Vec<&PickleValue> = arguments.iter().map(|&id| self.values.at(id)).collect();
        match (function, arguments.as_slice()) {
            (Global::Dtype, [PickleValue::Text(kind), ..]) => {
                Ok(PickleValue::Dtype { kind: short(kind)?, order: String::new() })
            }
            (Global::Scalar, [PickleValue::Dtype { kind, order }, PickleValue::Bytes(bytes)]) => {
                match integers(kind, order, bytes)?.as_slice() {
                    [number] => Ok(PickleValue::Int(*number)),
                    _ => Err(inconsistent()),
                }
            }
            _ => Err(forbidden_call()),
        }
    }

    /// Sets the state of the object below the top to the top. The bytes of an array follow right after.
    fn build(&mut self, rest: &mut Bytes<'_>) -> Result<(), String> {
        let state = self.top(1)?[0];
        let object = *self.stack.last().ok_or_else(inconsistent)?;
        let built = match (self.values.at(object), self.values.at(state)) {
            (PickleValue::Dtype { kind, .. }, PickleValue::Tuple(parts)) => {
                let Some(PickleValue::Text(order)) = parts.get(1).map(|&id| self.values.at(id)) else {
                    return Err(inconsistent());
                };
                PickleValue::Dtype { kind: kind.clone(), order: short(order)? }
            }
            (PickleValue::Object(Global::ArrayWrapper, None), PickleValue::Dict(_)) => {
                self.array(state, rest)?
            }
            (PickleValue::Object(Global::Classifier, None), PickleValue::Dict(_)) => {
                PickleValue::Object(Global::Classifier, Some(state))
            }
            _ => return Err(forbidden_call()),
        };
        self.values.0.get_mut(object).map(|value| *value = built).ok_or_else(inconsistent)
    }

    /// The array that the state of a wrapper describes, from the bytes after it.
    fn array(&self, state: Id, rest: &mut Bytes<'_>) -> Result<PickleValue, String> {
        let entry = |key: &str| self.values.entry(state, key);
        let (Some(PickleValue::Tuple(shape)), Some(PickleValue::Dtype { kind, order })) =
            (entry("shape"), entry("dtype"))
        else {
            return Err(inconsistent());
        };
        let length = match shape.iter().map(|&id| self.values.at(id)).collect::<Vec<_>>()[..] {
            [&PickleValue::Int(length)] => usize::try_from(length).map_err(|_| inconsistent())?,
            _ => return Err("its list of columns has not one dimension".to_owned()),
        };
        // Newer versions of joblib align arrays; the first byte is the number of padding bytes.
        if matches!(entry("numpy_array_alignment_bytes"), Some(PickleValue::Int(_))) {
            rest.counted()?;
        }
        let size = length.checked_mul(width(kind)?).ok_or_else(too_much)?;
        integers(kind, order, rest.take(size)?).map(PickleValue::Integers)
    }

    fn append(&mut self, several: bool) -> Result<(), String> {
        let items = if several { self.since_mark()? } else { self.top(1)? };
        let list = *self.stack.last().ok_or_else(inconsistent)?;
        let Some(PickleValue::List(list)) = self.values.0.get_mut(list) else { return Err(inconsistent()) };
        list.extend(items);
        Ok(())
    }

    fn set_items(&mut self, several: bool) -> Result<(), String> {
        let items = if several { self.since_mark()? } else { self.top(2)? };
        let dict = *self.stack.last().ok_or_else(inconsistent)?;
        match self.values.0.get_mut(dict) {
            Some(PickleValue::Dict(entries)) if items.len().is_multiple_of(2) => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err(inconsistent()),
        }
        Ok(())
    }
}

fn version(version: u8) -> Result<(), String> {
    match version {
        2..=5 => Ok(()),
        _ => Err(format!("its pickle protocol is {version}, not 2 to 5")),
    }
}

fn long(rest: &mut Bytes<'_>) -> Result<i64, String> {
    let bytes = rest.counted()?;
    Ok(signed(bytes).ok_or("it holds a number that is too large")?)
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text in it is not UTF-8".to_owned())
}

/// A copy of a word about an array. Its length is limited because a pickle can have it copied again and again.
fn short(word: &str) -> Result<String, String> {
    const MAX_BYTES: usize = 16;
    if word.len() <= MAX_BYTES { Ok(word.to_owned()) } else { Err(inconsistent()) }
}

fn inconsistent() -> String {
    "its instructions do not fit together".to_owned()
}

fn forbidden_call() -> String {
    "it calls something that models of the Python server do not need; nothing in it was run".to_owned()
}

fn too_much() -> String {
    "it holds more values than any model of the Python server".to_owned()
}
