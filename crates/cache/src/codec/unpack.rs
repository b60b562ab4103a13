//! The way back from a packed body to MessagePack with named fields.
//!
//! The bytes may be damaged, or made to be: every length is checked against what is there, and the result never grows beyond what the header says.

use std::rc::Rc;

use uuid::Uuid;

use super::dictionary::Dictionary;
use super::error::Damage;
use super::{instant, tag};

/// Unpacks a body that stands for `len` bytes of MessagePack.
pub(super) fn unpack(packed: &[u8], len: usize, dictionary: &Dictionary) -> Result<Vec<u8>, Damage> {
    let mut unpacker = Unpacker {
        rest: packed,
        dictionary,
        // A damaged header may claim megabytes: the room grows with what is really there.
        plain: Vec::with_capacity(len.min(packed.len().saturating_mul(8))),
        limit: len,
        shapes: Vec::new(),
        ids: Vec::new(),
        last_instant: 0,
    };
    unpacker.value(tag::DEPTH)?;
    match (unpacker.rest.is_empty(), unpacker.plain.len()) {
        (false, _) => Err(Damage::Trailing),
        (true, short) if short < len => Err(Damage::Shorter),
        (true, long) if long > len => Err(Damage::Longer),
        (true, _) => Ok(unpacker.plain),
    }
}

struct Unpacker<'p, 'd> {
    rest: &'p [u8],
    dictionary: &'d Dictionary,
    plain: Vec<u8>,
    limit: usize,
    /// Field names of the structs that were new in this value, as MessagePack.
    shapes: Vec<Rc<[Vec<u8>]>>,
    ids: Vec<[u8; 16]>,
    last_instant: i64,
}

impl<'p> Unpacker<'p, '_> {
    fn take(&mut self, count: u64) -> Result<&'p [u8], Damage> {
        let count = usize::try_from(count).map_err(|_| Damage::Cut)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damage::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Damage::Cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.chunk()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Damage::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damage::Number)
    }

    fn value(&mut self, depth: usize) -> Result<(), Damage> {
        let deeper = depth.checked_sub(1).ok_or(Damage::Depth)?;
        let [tag] = self.chunk()?;
        match tag {
            tag::SMALL..tag::STRUCT => self.plain.push(tag),
            tag::STRUCT..tag::WORD => self.known_struct(u64::from(tag - tag::STRUCT), deeper)?,
            tag::ARRAY..tag::NIL => self.array(u64::from(tag - tag::ARRAY), deeper)?,
            tag::NIL => self.plain.push(0xc0),
            tag::FALSE => self.plain.push(0xc2),
            tag::TRUE => self.plain.push(0xc3),
            tag::LONG_ARRAY => {
                let len = self.number()?;
                self.array(len, deeper)?;
            }
            tag::NEW_STRUCT => self.new_struct(deeper)?,
            tag::FAR_STRUCT => {
                let shape = self.number()?;
                self.known_struct(shape, deeper)?;
            }
            tag::ID => {
                let id = self.chunk()?;
                self.remember(id);
                self.id(id);
            }
            tag::UNSIGNED => {
                let number = self.number()?;
                self.unsigned(number);
            }
            tag::NEGATIVE => {
                let number = self.number()?;
                self.negative(number)?;
            }
            tag::FLOAT => {
                let bytes: [u8; 4] = self.chunk()?;
                self.plain.push(0xca);
                self.plain.extend(bytes);
            }
            tag::DOUBLE => {
                let bytes: [u8; 8] = self.chunk()?;
                self.plain.push(0xcb);
                self.plain.extend(bytes);
            }
            tag::BYTES => {
                let len = self.number()?;
                let bytes = self.take(len)?;
                self.bytes(bytes);
            }
            tag::MAP => {
                let len = self.number()?;
                self.head(len, 0x80, 15, [0xde, 0xdf])?;
                for _ in 0..len.checked_mul(2).ok_or(Damage::Number)? {
                    self.value(deeper)?;
                }
            }
            tag::SAME_ID.. => {
                let id = self.earlier(u64::from(tag - tag::SAME_ID))?;
                self.id(id);
            }
            _ => self.text(tag)?,
        }
        if self.plain.len() > self.limit { Err(Damage::Longer) } else { Ok(()) }
    }

    fn array(&mut self, len: u64, depth: usize) -> Result<(), Damage> {
        self.head(len, 0x90, 15, [0xdc, 0xdd])?;
        (0..len).try_for_each(|_| self.value(depth))
    }

    fn known_struct(&mut self, shape: u64, depth: usize) -> Result<(), Damage> {
        let unknown = Damage::Shape(shape);
        let place = usize::try_from(shape).map_err(|_| unknown)?;
        let dictionary = self.dictionary;
        if let Some(shape) = dictionary.shapes().get(place) {
            return self.fields(shape, depth);
        }
        let shape = self.shapes.get(place - dictionary.shapes().len()).cloned().ok_or(unknown)?;
        self.fields(&shape, depth)
    }

    fn fields(&mut self, names: &[Vec<u8>], depth: usize) -> Result<(), Damage> {
        self.head(u64::try_from(names.len()).unwrap_or(u64::MAX), 0x80, 15, [0xde, 0xdf])?;
        names.iter().try_for_each(|name| {
            self.plain.extend_from_slice(name);
            self.value(depth)
        })
    }

    fn new_struct(&mut self, depth: usize) -> Result<(), Damage> {
        let len = self.number()?;
        let mut names = Vec::new();
        for _ in 0..len {
            let start = self.plain.len();
            let [tag] = self.chunk()?;
            self.text(tag)?;
            if self.plain.len() > self.limit {
                return Err(Damage::Longer);
            }
            names.push(self.plain.split_off(start));
        }
        let names: Rc<[Vec<u8>]> = names.into();
        self.shapes.push(Rc::clone(&names));
        self.fields(&names, depth)
    }

    fn text(&mut self, tag: u8) -> Result<(), Damage> {
        match tag {
            tag::WORD..tag::TEXT => self.word(u64::from(tag - tag::WORD)),
            tag::TEXT..tag::ARRAY => self.squeezed(u64::from(tag - tag::TEXT)),
            tag::FAR_WORD => {
                let word = self.number()?;
                self.word(word)
            }
            tag::LONG_TEXT => {
                let len = self.number()?;
                self.squeezed(len)
            }
            tag::PLAIN_TEXT => {
                let len = self.number()?;
                let text = self.take(len)?;
                self.put_text(text)
            }
            tag::ID_TEXT => {
                let id = self.chunk()?;
                self.remember(id);
                self.spelled_id(id)
            }
            tag::SAME_ID_TEXT => {
                let [place] = self.chunk()?;
                let id = self.earlier(place.into())?;
                self.spelled_id(id)
            }
            tag::INSTANT => {
                let bytes: [u8; 7] = self.chunk()?;
                self.instant(bytes.iter().fold(0, |micros, byte| (micros << 8) | i64::from(*byte)))
            }
            tag::SECOND => {
                let second = u32::from_be_bytes(self.chunk()?);
                self.instant(i64::from(second) * 1_000_000)
            }
            tag::LATER => {
                let later = tag::unzigzag(self.number()?);
                self.instant(self.last_instant.checked_add(later).ok_or(Damage::Number)?)
            }
            tag::DATE => {
                let days = u16::from_be_bytes(self.chunk()?);
                self.plain.push(0xaa);
                instant::format_date(days.into(), &mut self.plain).ok_or(Damage::Number)
            }
            other => Err(Damage::Tag(other)),
        }
    }

    fn word(&mut self, number: u64) -> Result<(), Damage> {
        let word = usize::try_from(number).ok().and_then(|place| self.dictionary.words().get(place)).ok_or(Damage::Word(number))?;
        self.plain.extend_from_slice(word);
        Ok(())
    }

    fn squeezed(&mut self, len: u64) -> Result<(), Damage> {
        let squeezed = self.take(len)?;
        // The text's own head goes in front of it, and how long that is shows afterwards.
        let start = self.plain.len();
        self.dictionary.symbols().expand(squeezed, self.limit, &mut self.plain)?;
        let len = self.plain.len() - start;
        self.text_head(len)?;
        let head = self.plain.len() - start - len;
        if let Some(text) = self.plain.get_mut(start..) {
            text.rotate_right(head);
        }
        Ok(())
    }

    fn put_text(&mut self, text: &[u8]) -> Result<(), Damage> {
        self.text_head(text.len())?;
        self.plain.extend_from_slice(text);
        Ok(())
    }

    fn text_head(&mut self, len: usize) -> Result<(), Damage> {
        match u8::try_from(len) {
            Ok(len @ 32..) => self.plain.extend([0xd9, len]),
            _ => self.head(u64::try_from(len).map_err(|_| Damage::Number)?, 0xa0, 31, [0xda, 0xdb])?,
        }
        Ok(())
    }

    fn spelled_id(&mut self, id: [u8; 16]) -> Result<(), Damage> {
        let mut spelling = [0; 36];
        self.put_text(Uuid::from_bytes(id).hyphenated().encode_lower(&mut spelling).as_bytes())
    }

    fn instant(&mut self, micros: i64) -> Result<(), Damage> {
        self.last_instant = micros;
        let start = self.plain.len();
        self.plain.push(0);
        instant::format(micros, &mut self.plain).ok_or(Damage::Number)?;
        let len = self.plain.len() - start - 1;
        if let (Some(head), Ok(len)) = (self.plain.get_mut(start), u8::try_from(len)) {
            *head = 0xa0 | len;
        }
        Ok(())
    }

    /// A head of MessagePack: up to `most` within its first byte, above that with 16 or 32 bits.
    fn head(&mut self, len: u64, first: u8, most: u8, [wide, wider]: [u8; 2]) -> Result<(), Damage> {
        match (u8::try_from(len), u16::try_from(len), u32::try_from(len)) {
            (Ok(len), ..) if len <= most => self.plain.push(first | len),
            (_, Ok(len), _) => {
                self.plain.push(wide);
                self.plain.extend(len.to_be_bytes());
            }
            (.., Ok(len)) => {
                self.plain.push(wider);
                self.plain.extend(len.to_be_bytes());
            }
            _ => return Err(Damage::Number),
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match (u8::try_from(bytes.len()), u16::try_from(bytes.len()), u32::try_from(bytes.len())) {
            (Ok(len), ..) => self.plain.extend([0xc4, len]),
            (_, Ok(len), _) => {
                self.plain.push(0xc5);
                self.plain.extend(len.to_be_bytes());
            }
            (.., len) => {
                self.plain.push(0xc6);
                self.plain.extend(len.unwrap_or_default().to_be_bytes());
            }
        }
        self.plain.extend_from_slice(bytes);
    }

    fn id(&mut self, id: [u8; 16]) {
        self.plain.extend([0xc4, 16]);
        self.plain.extend(id);
    }

    fn remember(&mut self, id: [u8; 16]) {
        if self.ids.len() < tag::IDS {
            self.ids.push(id);
        }
    }

    fn earlier(&self, place: u64) -> Result<[u8; 16], Damage> {
        usize::try_from(place).ok().and_then(|place| self.ids.get(place)).copied().ok_or(Damage::Reference(place))
    }

    fn unsigned(&mut self, number: u64) {
        match (u8::try_from(number), u16::try_from(number), u32::try_from(number)) {
            (Ok(number @ 0..=0x7f), ..) => self.plain.push(number),
            (Ok(number), ..) => self.plain.extend([0xcc, number]),
            (_, Ok(number), _) => {
                self.plain.push(0xcd);
                self.plain.extend(number.to_be_bytes());
            }
            (.., Ok(number)) => {
                self.plain.push(0xce);
                self.plain.extend(number.to_be_bytes());
            }
            _ => {
                self.plain.push(0xcf);
                self.plain.extend(number.to_be_bytes());
            }
        }
    }

    fn negative(&mut self, number: u64) -> Result<(), Damage> {
        let number = i64::try_from(number).map_err(|_| Damage::Number)?;
        let number = !number;
        match (i8::try_from(number), i16::try_from(number), i32::try_from(number)) {
            (Ok(number @ -32..), ..) => self.plain.extend(number.to_be_bytes()),
            (Ok(number), ..) => {
                self.plain.push(0xd0);
                self.plain.extend(number.to_be_bytes());
            }
            (_, Ok(number), _) => {
                self.plain.push(0xd1);
                self.plain.extend(number.to_be_bytes());
            }
            (.., Ok(number)) => {
                self.plain.push(0xd2);
                self.plain.extend(number.to_be_bytes());
            }
            _ => {
                self.plain.push(0xd3);
                self.plain.extend(number.to_be_bytes());
            }
        }
        Ok(())
    }
}
