//! MessagePack with named fields, packed: what a row says about itself in every copy is said once, in the dictionary.
//!
//! - A struct whose field names the dictionary lists is the number of that list and its values. The list is found by comparing names, so a field
//!   that is added, taken out or moved costs bytes until the dictionary has the new list, and never puts a value under a wrong name.
//! - A struct that comes again within the value, such as the fortieth mark of a register, names its fields only the first time.
//! - Frequent words (`published`) are numbers; other text is squeezed with the dictionary's symbols where that is shorter.
//! - UUIDs are 16 bytes also where JSON spells them, and one byte where they come again; instants are numbers, or the distance from the last.
//!
//! It is a transformation of bytes that `unpack` reverses, whatever the type was: serde keeps its rules for defaults and unknown fields.

use uuid::Uuid;

use super::dictionary::Dictionary;
use super::{instant, tag};

/// Packs one MessagePack value. None if it holds what packing does not cover (extension types, unusual nesting): it is then kept as it is.
pub(super) fn pack(plain: &[u8], dictionary: &Dictionary) -> Option<Vec<u8>> {
    let mut packer = Packer {
        rest: plain,
        dictionary,
        packed: Vec::with_capacity(plain.len() / 2),
        shapes: Vec::new(),
        ids: Vec::new(),
        last_instant: 0,
        last_spelling: &[],
    };
    packer.value(tag::DEPTH)?;
    packer.rest.is_empty().then_some(packer.packed)
}

struct Packer<'p, 'd> {
    rest: &'p [u8],
    dictionary: &'d Dictionary,
    packed: Vec<u8>,
    /// Field names of the structs that were new in this value.
    shapes: Vec<Vec<&'p [u8]>>,
    ids: Vec<u128>,
    last_instant: i64,
    /// How the last instant was spelled.
    last_spelling: &'p [u8],
}

/// The head of a MessagePack value: what follows it and how much.
enum Head {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Negative(u64),
    Float([u8; 4]),
    Double([u8; 8]),
    Text(usize),
    Bytes(usize),
    Array(usize),
    Map(usize),
}

/// The keys of a map.
enum Keys<'p> {
    /// All of them are text.
    Names(Vec<&'p [u8]>),
    /// Some are not.
    Mixed,
}

impl<'p> Packer<'p, '_> {
    fn take(&mut self, count: usize) -> Option<&'p [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn head(&mut self) -> Option<Head> {
        let [first] = self.chunk()?;
        let low = usize::from(first & 0x0f);
        Some(match first {
            0x00..=0x7f => Head::Unsigned(first.into()),
            0x80..=0x8f => Head::Map(low),
            0x90..=0x9f => Head::Array(low),
            0xa0..=0xbf => Head::Text(usize::from(first & 0x1f)),
            0xc0 => Head::Nil,
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => Head::Bytes(u8::from_be_bytes(self.chunk()?).into()),
            0xc5 => Head::Bytes(u16::from_be_bytes(self.chunk()?).into()),
            0xc6 => Head::Bytes(usize::try_from(u32::from_be_bytes(self.chunk()?)).ok()?),
            0xca => Head::Float(self.chunk()?),
            0xcb => Head::Double(self.chunk()?),
            0xcc => Head::Unsigned(u8::from_be_bytes(self.chunk()?).into()),
            0xcd => Head::Unsigned(u16::from_be_bytes(self.chunk()?).into()),
            0xce => Head::Unsigned(u32::from_be_bytes(self.chunk()?).into()),
            0xcf => Head::Unsigned(u64::from_be_bytes(self.chunk()?)),
            0xd0 => signed(i8::from_be_bytes(self.chunk()?).into()),
            0xd1 => signed(i16::from_be_bytes(self.chunk()?).into()),
            0xd2 => signed(i32::from_be_bytes(self.chunk()?).into()),
            0xd3 => signed(i64::from_be_bytes(self.chunk()?)),
            0xd9 => Head::Text(u8::from_be_bytes(self.chunk()?).into()),
            0xda => Head::Text(u16::from_be_bytes(self.chunk()?).into()),
            0xdb => Head::Text(usize::try_from(u32::from_be_bytes(self.chunk()?)).ok()?),
            0xdc => Head::Array(u16::from_be_bytes(self.chunk()?).into()),
            0xdd => Head::Array(usize::try_from(u32::from_be_bytes(self.chunk()?)).ok()?),
            0xde => Head::Map(u16::from_be_bytes(self.chunk()?).into()),
            0xdf => Head::Map(usize::try_from(u32::from_be_bytes(self.chunk()?)).ok()?),
            0xe0..=0xff => signed(i8::from_be_bytes([first]).into()),
            // Unused, and extension types: rmp-serde writes none for the types of this project.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return None,
        })
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match self.head()? {
            Head::Nil => self.packed.push(tag::NIL),
            Head::Bool(value) => self.packed.push(if value { tag::TRUE } else { tag::FALSE }),
            Head::Unsigned(number) => match u8::try_from(number) {
                Ok(small @ 0..=63) => self.packed.push(tag::SMALL | small),
                _ => self.tagged(tag::UNSIGNED, number),
            },
            Head::Negative(number) => self.tagged(tag::NEGATIVE, number),
            Head::Float(bytes) => {
                self.packed.push(tag::FLOAT);
                self.packed.extend(bytes);
            }
            Head::Double(bytes) => {
                self.packed.push(tag::DOUBLE);
                self.packed.extend(bytes);
            }
            Head::Text(len) => {
                let text = self.take(len)?;
                self.text(text);
            }
            Head::Bytes(len) => {
                let bytes = self.take(len)?;
                if let Ok(id) = bytes.try_into() {
                    self.id(id);
                } else {
                    self.counted(tag::BYTES, bytes);
                }
            }
            Head::Array(len) => {
                match u8::try_from(len) {
                    Ok(few @ 0..=15) => self.packed.push(tag::ARRAY | few),
                    _ => self.tagged(tag::LONG_ARRAY, u64::try_from(len).ok()?),
                }
                for _ in 0..len {
                    self.value(deeper)?;
                }
            }
            Head::Map(len) => self.map(len, deeper)?,
        }
        Some(())
    }

    fn tagged(&mut self, tag: u8, number: u64) {
        self.packed.push(tag);
        tag::put_number(number, &mut self.packed);
    }

    fn counted(&mut self, tag: u8, bytes: &[u8]) {
        self.tagged(tag, u64::try_from(bytes.len()).unwrap_or_default());
        self.packed.extend_from_slice(bytes);
    }

    /// A struct, or a map with text for keys, by its shape; any other map pair by pair.
    fn map(&mut self, len: usize, depth: usize) -> Option<()> {
        if self.guessed_struct(len, depth)? {
            return Some(());
        }
        let Keys::Names(names) = self.keys(len, depth)? else {
            self.tagged(tag::MAP, u64::try_from(len).ok()?);
            for _ in 0..len * 2 {
                self.value(depth)?;
            }
            return Some(());
        };
        if let Some(shape) = self.shape(&names) {
            self.shape_tag(shape)?;
        } else {
            self.tagged(tag::NEW_STRUCT, u64::try_from(len).ok()?);
            for name in &names {
                self.text(name);
            }
            self.shapes.push(names);
        }
        for _ in 0..len {
            self.name()?;
            self.value(depth)?;
        }
        Some(())
    }

    /// The number of the shape with these names.
    fn shape(&self, names: &[&[u8]]) -> Option<usize> {
        let own = || self.shapes.iter().position(|shape| *shape == names).map(|place| place + self.dictionary.shapes().len());
        self.dictionary.shape(names).or_else(own)
    }

    fn shape_tag(&mut self, shape: usize) -> Option<()> {
        match u8::try_from(shape) {
            Ok(near @ 0..=31) => self.packed.push(tag::STRUCT | near),
            _ => self.tagged(tag::FAR_STRUCT, u64::try_from(shape).ok()?),
        }
        Some(())
    }

    /// Tries the shape that the number of fields and the first name suggest, without looking at all names before: it is nearly always the right one.
    /// If it is not, everything is as before, and the answer is false.
    fn guessed_struct(&mut self, len: usize, depth: usize) -> Option<bool> {
        let start = self.rest;
        let first = self.name();
        self.rest = start;
        let Some(first) = first else { return Some(false) };
        let dictionary = self.dictionary;
        let own = self.shapes.iter().position(|shape| shape.len() == len && shape.first() == Some(&first));
        let shape = match (dictionary.likely_shape(len, first), own) {
            (Some(shape), _) => shape,
            (None, Some(own)) => own + dictionary.shapes().len(),
            (None, None) => return Some(false),
        };
        let (packed, ids, shapes) = (self.packed.len(), self.ids.len(), self.shapes.len());
        let last = (self.last_instant, self.last_spelling);
        self.shape_tag(shape)?;
        for place in 0..len {
            let name = self.name();
            let known = match dictionary.shapes().get(shape) {
                Some(names) => names.get(place).and_then(|name| name.get(1..)),
                None => own.and_then(|own| self.shapes.get(own)?.get(place)).copied(),
            };
            if name.is_none() || name != known {
                self.rest = start;
                self.packed.truncate(packed);
                self.ids.truncate(ids);
                self.shapes.truncate(shapes);
                (self.last_instant, self.last_spelling) = last;
                return Some(false);
            }
            self.value(depth)?;
        }
        Some(true)
    }

    /// The text that comes next.
    fn name(&mut self) -> Option<&'p [u8]> {
        match self.head()? {
            Head::Text(len) => self.take(len),
            _ => None,
        }
    }

    /// The keys of the map of `len` pairs that comes next. Leaves the position where it is.
    fn keys(&mut self, len: usize, depth: usize) -> Option<Keys<'p>> {
        let start = self.rest;
        let mut names = Vec::with_capacity(len.min(64));
        for _ in 0..len {
            let Head::Text(text) = self.head()? else {
                self.rest = start;
                return Some(Keys::Mixed);
            };
            names.push(self.take(text)?);
            self.skip(depth)?;
        }
        self.rest = start;
        Some(Keys::Names(names))
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match self.head()? {
            Head::Text(len) | Head::Bytes(len) => {
                self.take(len)?;
            }
            Head::Array(len) => {
                for _ in 0..len {
                    self.skip(deeper)?;
                }
            }
            Head::Map(len) => {
                for _ in 0..len.checked_mul(2)? {
                    self.skip(deeper)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn id(&mut self, id: [u8; 16]) {
        if let Some(place) = self.known_id(id) {
            self.packed.push(tag::SAME_ID | place);
        } else {
            self.packed.push(tag::ID);
            self.packed.extend(id);
        }
    }

    /// Where this id was given before; remembers it if not.
    fn known_id(&mut self, id: [u8; 16]) -> Option<u8> {
        let id = u128::from_be_bytes(id);
        if let Some(place) = self.ids.iter().position(|known| *known == id) {
            return u8::try_from(place).ok();
        }
        if self.ids.len() < tag::IDS {
            self.ids.push(id);
        }
        None
    }

    fn text(&mut self, text: &'p [u8]) {
        if let Some(word) = self.dictionary.word(text) {
            match u8::try_from(word) {
                Ok(near @ 0..=31) => self.packed.push(tag::WORD | near),
                _ => self.tagged(tag::FAR_WORD, word.into()),
            }
            return;
        }
        match text.len() {
            10 => {
                let days = text.try_into().ok().and_then(instant::parse_date).and_then(|days| u16::try_from(days).ok());
                if let Some(days) = days {
                    self.packed.push(tag::DATE);
                    self.packed.extend(days.to_be_bytes());
                    return;
                }
            }
            20 | 24 | 27 => {
                if text == self.last_spelling {
                    self.packed.extend([tag::LATER, 0]);
                    return;
                }
                if let Some(micros) = instant::parse(text).filter(|micros| (0..1 << 55).contains(micros)) {
                    self.instant(micros);
                    self.last_spelling = text;
                    return;
                }
            }
            36 => {
                if let Some(id) = spelled_id(text) {
                    if let Some(place) = self.known_id(id) {
                        self.packed.extend([tag::SAME_ID_TEXT, place]);
                    } else {
                        self.packed.push(tag::ID_TEXT);
                        self.packed.extend(id);
                    }
                    return;
                }
            }
            _ => {}
        }
        self.prose(text);
    }

    fn instant(&mut self, micros: i64) {
        let later = tag::zigzag(micros - self.last_instant);
        self.last_instant = micros;
        let second = if micros % 1_000_000 == 0 { u32::try_from(micros / 1_000_000).ok() } else { None };
        if later < 1 << 28 {
            self.tagged(tag::LATER, later);
        } else if let Some(second) = second {
            self.packed.push(tag::SECOND);
            self.packed.extend(second.to_be_bytes());
        } else if later < 1 << 42 {
            self.tagged(tag::LATER, later);
        } else {
            let [_, bytes @ ..] = micros.to_be_bytes();
            self.packed.push(tag::INSTANT);
            self.packed.extend(bytes);
        }
    }

    fn prose(&mut self, text: &[u8]) {
        // The length stands in front of what it counts, so the text is squeezed behind a guess and moved if it was wrong.
        let start = self.packed.len();
        self.packed.push(tag::TEXT);
        if text.is_empty() {
            return;
        }
        if !self.dictionary.symbols().squeeze(text, &mut self.packed) {
            self.packed.truncate(start);
            self.counted(tag::PLAIN_TEXT, text);
            return;
        }
        let len = self.packed.len() - start - 1;
        if let (Ok(short @ 0..=63), Some(first)) = (u8::try_from(len), self.packed.get_mut(start)) {
            *first = tag::TEXT | short;
        } else {
            let squeezed = self.packed.split_off(start + 1);
            self.packed.truncate(start);
            self.counted(tag::LONG_TEXT, &squeezed);
        }
    }
}

fn signed(number: i64) -> Head {
    // -1 minus n, so that all 64 bits are good for a number.
    if number < 0 { Head::Negative((!number).cast_unsigned()) } else { Head::Unsigned(number.cast_unsigned()) }
}

/// The id of a UUID in the one spelling that comes back: lower case, with hyphens.
fn spelled_id(text: &[u8]) -> Option<[u8; 16]> {
    let id = Uuid::try_parse_ascii(text).ok()?;
    let mut spelling = [0; 36];
    (id.hyphenated().encode_lower(&mut spelling).as_bytes() == text).then_some(id.into_bytes())
}
