//! The tags of a packed body, shared by packing and unpacking. A tag is the first byte of a value; several carry a small number with them.
//!
//! They are part of what lies in Redis: a tag keeps its meaning for ever, a new one takes a free byte and needs a new format byte or dictionary, so
//! that a release that does not know it says so.

/// 0–63: that number.
pub(super) const SMALL: u8 = 0x00;
/// A struct of known shape 0–31; its values follow in the order of the shape's fields.
pub(super) const STRUCT: u8 = 0x40;
/// Word 0–31 of the dictionary.
pub(super) const WORD: u8 = 0x60;
/// Squeezed text of 0–63 bytes.
pub(super) const TEXT: u8 = 0x80;
/// An array of 0–15 values.
pub(super) const ARRAY: u8 = 0xc0;
pub(super) const NIL: u8 = 0xd0;
pub(super) const FALSE: u8 = 0xd1;
pub(super) const TRUE: u8 = 0xd2;
/// Length, values.
pub(super) const LONG_ARRAY: u8 = 0xd3;
/// A struct of a shape that is new here: number of fields, their names as text or words, then the values. The shape gets the next number.
pub(super) const NEW_STRUCT: u8 = 0xd4;
/// Shape from 32 on, values.
pub(super) const FAR_STRUCT: u8 = 0xd5;
/// Word from 32 on.
pub(super) const FAR_WORD: u8 = 0xd6;
/// Length, squeezed bytes.
pub(super) const LONG_TEXT: u8 = 0xd7;
/// Length, bytes as they are.
pub(super) const PLAIN_TEXT: u8 = 0xd8;
/// 16 bytes, binary.
pub(super) const ID: u8 = 0xd9;
/// 16 bytes, to be spelled as a UUID with hyphens.
pub(super) const ID_TEXT: u8 = 0xda;
/// One of the first ids of the value, spelled.
pub(super) const SAME_ID_TEXT: u8 = 0xdb;
/// Microseconds since 1970 in 7 bytes.
pub(super) const INSTANT: u8 = 0xdc;
/// Seconds since 1970 in 4 bytes.
pub(super) const SECOND: u8 = 0xdd;
/// Microseconds after (or before) the last instant.
pub(super) const LATER: u8 = 0xde;
/// Days since 1970 in 2 bytes.
pub(super) const DATE: u8 = 0xdf;
/// A number of 64 or more.
pub(super) const UNSIGNED: u8 = 0xe0;
/// -1 minus that number.
pub(super) const NEGATIVE: u8 = 0xe1;
/// 4 bytes.
pub(super) const FLOAT: u8 = 0xe2;
/// 8 bytes.
pub(super) const DOUBLE: u8 = 0xe3;
/// Length, bytes.
pub(super) const BYTES: u8 = 0xe4;
/// Number of pairs, then each key and its value.
pub(super) const MAP: u8 = 0xe5;
/// One of the first 16 ids of the value, binary.
pub(super) const SAME_ID: u8 = 0xf0;

/// How many ids of a value can be pointed back at.
pub(super) const IDS: usize = 16;
/// Values within values: no row comes near.
pub(super) const DEPTH: usize = 64;

/// Appends `number` in groups of seven bits, lowest first, as LEB128 does.
pub(super) fn put_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(0x80 | u8::try_from(number & 0x7f).unwrap_or_default());
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

/// Numbers near zero, of either sign, as small ones.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The way back from [`zigzag`].
pub(super) const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
