//! Pickles, read as data.
//!
//! A pickle is a program for a small stack machine, and Python's own reader calls whatever it names. This
//! one knows the instructions that a list of plain values takes, and the five names that a `classifier.pkl`
//! written with joblib holds. It calls nothing: objects become records of what was said about them, and
//! everything else is refused. The instructions are described in Python's `pickletools`; that joblib puts
//! the bytes of an array right behind the object that describes it, in `joblib.numpy_pickle`.

use super::bytes::Bytes;
use super::value::{Global, Id, Value, Values, integers, width};

/// More values than any classifier has; the real ones have about sixty.
const MAX_VALUES: usize = 4_096;

/// Reads a pickle; gives its values and the place of the one that it is.
pub(crate) fn read(bytes: &[u8]) -> Result<(Values, Id), String> {
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

/// The instructions that are known.
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
    values: Values,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: Vec<Id>,
}

impl Machine {
    fn step(&mut self, code: u8, rest: &mut Bytes<'_>) -> Result<(), String> {
        let value = match code {
            op::PROTO => return version(rest.byte()?),
            // Frames only help reading in pieces.
            op::FRAME => return rest.take(8).map(drop),
            op::MARK => return self.mark(),
            op::NONE => Value::None,
            op::TRUE => Value::Bool(true),
            op::FALSE => Value::Bool(false),
            op::INT_1 => Value::Int(rest.byte()?.into()),
            op::INT_2 => Value::Int(u16::from_le_bytes(rest.array()?).into()),
            op::INT_4 => Value::Int(i32::from_le_bytes(rest.array()?).into()),
            op::LONG => Value::Int(long(rest)?),
            op::FLOAT => rest.take(8).map(|_| Value::Float)?,
            op::TEXT_SHORT => {
                let length = rest.byte()?;
                Value::Text(utf8(rest.take(length.into())?)?)
            }
            op::TEXT => {
                let length = rest.u32()?;
                Value::Text(utf8(rest.take(length as usize)?)?)
            }
            op::BYTES_SHORT => {
                let length = rest.byte()?;
                Value::Bytes(rest.take(length.into())?.to_vec())
            }
            op::EMPTY_TUPLE => Value::Tuple(Vec::new()),
            op::TUPLE => Value::Tuple(self.since_mark()?),
            op::TUPLE_1..=op::TUPLE_3 => Value::Tuple(self.top(usize::from(code - op::TUPLE_1) + 1)?),
            op::EMPTY_LIST => Value::List(Vec::new()),
            op::EMPTY_DICT => Value::Dict(Vec::new()),
            op::GLOBAL => Value::Global(Global::named(&utf8(rest.line()?)?, &utf8(rest.line()?)?)?),
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
            other => return Err(format!("it holds the instruction {other:#04x}, which no such model needs")),
        };
        self.push(value)
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        let id = self.values.add(value);
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), String> {
        self.stack.push(id);
        let few = self.values.len().max(self.stack.len()) <= MAX_VALUES;
        if few { Ok(()) } else { Err(too_much()) }
    }

    fn mark(&mut self) -> Result<(), String> {
        self.marks.push(self.stack.len());
        if self.marks.len() <= MAX_VALUES { Ok(()) } else { Err(too_much()) }
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.top(1).map(|ids| ids[0])
    }

    /// Takes the `count` topmost, the lowest first; never what is below the last mark.
    fn top(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let from = self.stack.len().checked_sub(count).filter(|&from| from >= floor);
        Ok(self.stack.split_off(from.ok_or_else(nonsense)?))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let from = self.marks.pop().ok_or_else(nonsense)?;
        Ok(self.stack.split_off(from))
    }

    fn put(&mut self, key: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or_else(nonsense)?;
        let key = key as usize;
        // Picklers number from 0 on.
        if key > self.memo.len() || key >= MAX_VALUES {
            return Err(too_much());
        }
        match self.memo.get_mut(key) {
            Some(place) => *place = top,
            None => self.memo.push(top),
        }
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        let id = *self.memo.get(key as usize).ok_or_else(nonsense)?;
        self.push_id(id)
    }

    fn global(&mut self) -> Result<Value, String> {
        let [module, name] = self.top(2)?[..] else { return Err(nonsense()) };
        match (self.values.at(module), self.values.at(name)) {
            (Value::Text(module), Value::Text(name)) => Global::named(module, name).map(Value::Global),
            _ => Err(nonsense()),
        }
    }

    fn new_object(&mut self) -> Result<Value, String> {
        let [class, arguments] = self.top(2)?[..] else { return Err(nonsense()) };
        match (self.values.at(class), self.values.at(arguments)) {
            (Value::Global(class @ (Global::Classifier | Global::ArrayWrapper)), Value::Tuple(none))
                if none.is_empty() =>
            {
                Ok(Value::Object(*class, None))
            }
            _ => Err(called()),
        }
    }

    /// Where Python would call a function: two are known, and what they would give.
    fn reduce(&mut self) -> Result<Value, String> {
        let [function, arguments] = self.top(2)?[..] else { return Err(nonsense()) };
        let (Value::Global(function), Value::Tuple(arguments)) =
            (self.values.at(function), self.values.at(arguments))
        else {
            return Err(called());
        };
        let arguments: Vec<&Value> = arguments.iter().map(|&id| self.values.at(id)).collect();
        match (function, arguments.as_slice()) {
            (Global::Dtype, [Value::Text(kind), ..]) => {
                Ok(Value::Dtype { kind: short(kind)?, order: String::new() })
            }
            (Global::Scalar, [Value::Dtype { kind, order }, Value::Bytes(bytes)]) => {
                match integers(kind, order, bytes)?.as_slice() {
                    [number] => Ok(Value::Int(*number)),
                    _ => Err(nonsense()),
                }
            }
            _ => Err(called()),
        }
    }

    /// Fills the object below the top with the top. An array's bytes follow right behind.
    fn build(&mut self, rest: &mut Bytes<'_>) -> Result<(), String> {
        let state = self.pop()?;
        let object = *self.stack.last().ok_or_else(nonsense)?;
        let built = match (self.values.at(object), self.values.at(state)) {
            (Value::Dtype { kind, .. }, Value::Tuple(parts)) => {
                match parts.get(1).map(|&id| self.values.at(id)) {
                    Some(Value::Text(order)) => Value::Dtype { kind: kind.clone(), order: short(order)? },
                    _ => return Err(nonsense()),
                }
            }
            (Value::Object(Global::ArrayWrapper, None), Value::Dict(_)) => self.array(state, rest)?,
            (Value::Object(Global::Classifier, None), Value::Dict(_)) => {
                Value::Object(Global::Classifier, Some(state))
            }
            _ => return Err(called()),
        };
        self.values.at_mut(object).map(|place| *place = built).ok_or_else(nonsense)
    }

    /// The array that a wrapper's state describes, from the bytes behind it.
    fn array(&self, state: Id, rest: &mut Bytes<'_>) -> Result<Value, String> {
        let entry = |key: &str| self.values.entry(state, key);
        let (Some(Value::Tuple(shape)), Some(Value::Dtype { kind, order })) =
            (entry("shape"), entry("dtype"))
        else {
            return Err(nonsense());
        };
        let length = match shape.iter().map(|&id| self.values.at(id)).collect::<Vec<_>>()[..] {
            [&Value::Int(length)] => usize::try_from(length).map_err(|_| nonsense())?,
            _ => return Err("its list of columns is no list".to_owned()),
        };
        // Newer versions of joblib align arrays, and say first how many bytes that takes.
        if matches!(entry("numpy_array_alignment_bytes"), Some(Value::Int(_))) {
            let padding = rest.byte()?;
            rest.take(padding.into())?;
        }
        let size = length.checked_mul(width(kind)?).ok_or_else(too_much)?;
        integers(kind, order, rest.take(size)?).map(Value::Integers)
    }

    fn append(&mut self, many: bool) -> Result<(), String> {
        let items = if many { self.since_mark()? } else { self.top(1)? };
        let list = *self.stack.last().ok_or_else(nonsense)?;
        match self.values.at_mut(list) {
            Some(Value::List(list)) => list.extend(items),
            _ => return Err(nonsense()),
        }
        Ok(())
    }

    fn set_items(&mut self, many: bool) -> Result<(), String> {
        let items = if many { self.since_mark()? } else { self.top(2)? };
        let dict = *self.stack.last().ok_or_else(nonsense)?;
        match self.values.at_mut(dict) {
            Some(Value::Dict(entries)) if items.len().is_multiple_of(2) => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err(nonsense()),
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
    let length = rest.byte()?;
    let bytes = rest.take(length.into())?;
    let mut eight = [if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 }; 8];
    eight.get_mut(..bytes.len()).ok_or("it holds a number that is too large")?.copy_from_slice(bytes);
    Ok(i64::from_le_bytes(eight))
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text in it is not UTF-8".to_owned())
}

/// A copy of a word about an array: long ones could be copied again and again.
fn short(word: &str) -> Result<String, String> {
    const MAX_BYTES: usize = 16;
    if word.len() <= MAX_BYTES { Ok(word.to_owned()) } else { Err(nonsense()) }
}

fn nonsense() -> String {
    "its instructions do not fit together".to_owned()
}

fn called() -> String {
    "it wants something called that no model of the Python server needs; nothing in it was run".to_owned()
}

fn too_much() -> String {
    "it holds more than any model of the Python server".to_owned()
}
