//! A value's bytes in Redis: a header, then the body.
//!
//! The brief keeps size, time and sync state in a second key, `meta:<key>`. A second key costs some 240 bytes in Redis, more than compression saves
//! on an everyday row, so all of it stands in front of the value:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 0 | format | 2; 1 in values of older releases, which stay readable |
//! | 1 | codec | 0 raw, 1 Snappy, 2 LZ4; plus 16 if the body is packed |
//! | 2–9 | sequence | big-endian; the write's number in its partition, 0 for a value that was filled from PostgreSQL |
//! | 10–13 | version | big-endian; the row's version |
//! | 14–21 | operation | the first 8 bytes of the operation's hash: a repeated command recognises its own write |
//! | 22–25 | time | big-endian seconds since 1970 |
//! | 26 | dictionary | only if packed: its number |
//! | then | size | bytes as MessagePack, LEB128: one to three bytes for all but the longest rows |
//!
//! The write script reads `version` and `operation` and fills in `sequence`; their offsets are part of that script, and no format may move them.
//!
//! The body is MessagePack with named fields, so that a service can read what an older or newer release wrote, and [`pack`](mod@pack)ed: field names,
//! ids, times and texts take the room that they need and no more. Only what is long is then compressed as a whole, if that is shorter. A row that
//! the dictionary knows nothing of is packed too; it merely takes more room. Which dictionaries there are, and how to make one, is in `dictionary.rs`.
//!
//! A service need not do anything for it. For the last 20 to 30 bytes of a row: its shape at the end of `crates/bench/corpus/shapes.txt` before the
//! next dictionary is made, and a test that [`knows_shape`] of it.

mod dictionary;
mod error;
mod header;
mod instant;
mod pack;
mod symbols;
mod tag;
#[cfg(test)]
mod tests;
mod unpack;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use dictionary::Dictionary;
pub use error::{Damage, DecodeError, EncodeError};
pub use header::{Codec, Header};

/// No value grows beyond this when decompressed: a corrupt length can't take the memory.
pub const MAX_DECODED: usize = 16 * 1024 * 1024;
/// Below this, compression of the whole is not tried: after packing there is nothing left to find.
const WORTH_TRYING: usize = 1024;

/// A value ready for Redis: two bytes of head, then (after eight bytes of sequence, which the write script puts in) the tail.
#[derive(Debug, Clone)]
pub struct Encoded {
    head: [u8; 2],
    tail: Vec<u8>,
    original_len: usize,
    body_len: usize,
}

impl Encoded {
    /// Format and codec byte.
    #[must_use]
    pub const fn head(&self) -> [u8; 2] {
        self.head
    }

    /// Everything after the sequence.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The whole value with `sequence` in place.
    #[must_use]
    pub fn with_sequence(&self, sequence: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + self.tail.len());
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    /// Stored body bytes per byte of the row as MessagePack: 0.25 means that a quarter is left.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn ratio(&self) -> f64 {
        if self.original_len == 0 { 1.0 } else { self.body_len as f64 / self.original_len as f64 }
    }
}

/// Encodes `value`: packed and, with `codec`, compressed where that is shorter.
pub fn encode<T: Serialize>(value: &T, codec: Codec, version: u32, operation: [u8; 8], written_at_ms: u64) -> Result<Encoded, EncodeError> {
    encode_with(value, codec, dictionary::CURRENT, version, operation, written_at_ms)
}

fn encode_with<T: Serialize>(
    value: &T,
    codec: Codec,
    dictionary: u8,
    version: u32,
    operation: [u8; 8],
    written_at_ms: u64,
) -> Result<Encoded, EncodeError> {
    let plain = rmp_serde::to_vec_named(value)?;
    let original_len = plain.len();
    let size = u32::try_from(original_len).ok().filter(|_| original_len <= MAX_DECODED).ok_or(EncodeError::TooLarge(original_len))?;
    let packed = match codec {
        Codec::Raw => None,
        Codec::Snappy | Codec::Lz4 => Dictionary::numbered(dictionary).and_then(|known| pack::pack(&plain, known)),
    };
    let dictionary = packed.as_ref().map(|_| dictionary);
    let (codec, body) = compress(packed.unwrap_or(plain), codec);
    let header = Header { codec, dictionary, sequence: 0, version, operation, original_len: size, written_at_ms };
    let mut tail = Vec::with_capacity(20 + body.len());
    header.put_tail(&mut tail);
    tail.extend_from_slice(&body);
    Ok(Encoded { head: header.head(), tail, original_len, body_len: body.len() })
}

fn compress(body: Vec<u8>, codec: Codec) -> (Codec, Vec<u8>) {
    if body.len() < WORTH_TRYING {
        return (Codec::Raw, body);
    }
    let compressed = match codec {
        Codec::Raw => return (Codec::Raw, body),
        Codec::Snappy => snap::raw::Encoder::new().compress_vec(&body).ok(),
        Codec::Lz4 => Some(lz4_flex::block::compress_prepend_size(&body)),
    };
    match compressed {
        Some(smaller) if smaller.len() < body.len() => (codec, smaller),
        _ => (Codec::Raw, body),
    }
}

/// Whether the dictionary in use knows the fields of `value`, so that none of their names is stored with it. For tests of services.
#[must_use]
pub fn knows_shape<T: Serialize>(value: &T) -> bool {
    let plain = rmp_serde::to_vec_named(value).ok();
    let packed = plain.zip(Dictionary::numbered(dictionary::CURRENT)).and_then(|(plain, known)| pack::pack(&plain, known));
    packed.and_then(|packed| packed.first().copied()).is_some_and(|tag| (tag::STRUCT..tag::WORD).contains(&tag) || tag == tag::FAR_STRUCT)
}

/// Reads the header and returns it with the stored body.
pub fn header(bytes: &[u8]) -> Result<(Header, &[u8]), DecodeError> {
    Header::split(bytes)
}

/// Decodes a value and its header.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(Header, T), DecodeError> {
    let (header, body) = header(bytes)?;
    let original_len = usize::try_from(header.original_len).unwrap_or(usize::MAX);
    if original_len > MAX_DECODED {
        return Err(DecodeError::TooLarge(original_len));
    }
    let Some(number) = header.dictionary else {
        let plain = decompress(bytes, body, header.codec, original_len)?;
        if plain.len() != original_len {
            return Err(DecodeError::Compression(format!("{} bytes where {original_len} were expected", plain.len())));
        }
        return Ok((header, rmp_serde::from_slice(&plain)?));
    };
    let dictionary = Dictionary::numbered(number).ok_or(DecodeError::UnknownDictionary(number))?;
    // Packing at worst doubles a body (numbers from 64 to 127 take two bytes): a length that claims more is damaged.
    let packed = decompress(bytes, body, header.codec, original_len * 2 + 16)?;
    let plain = unpack::unpack(&packed, original_len, dictionary)?;
    Ok((header, rmp_serde::from_slice(&plain)?))
}

/// The body before compression. What it claims to be must not be more than `most` before anything is allocated for it.
fn decompress<'b>(value: &[u8], body: &'b [u8], codec: Codec, most: usize) -> Result<Cow<'b, [u8]>, DecodeError> {
    let damaged = |reason: &dyn std::fmt::Display| DecodeError::Compression(reason.to_string());
    let claims = |claimed: usize| {
        if claimed > most { Err(DecodeError::Compression(format!("{claimed} bytes claimed, {most} expected"))) } else { Ok(claimed) }
    };
    match codec {
        Codec::Raw => Ok(Cow::Borrowed(body)),
        Codec::Snappy => {
            claims(snap::raw::decompress_len(body).map_err(|error| damaged(&error))?)?;
            Ok(Cow::Owned(snap::raw::Decoder::new().decompress_vec(body).map_err(|error| damaged(&error))?))
        }
        // In format 1 the header's size was that of the LZ4 block too.
        Codec::Lz4 if value.first() == Some(&header::NAMED) => {
            Ok(Cow::Owned(lz4_flex::block::decompress(body, most).map_err(|error| damaged(&error))?))
        }
        Codec::Lz4 => {
            let (claimed, block) = lz4_flex::block::uncompressed_size(body).map_err(|error| damaged(&error))?;
            Ok(Cow::Owned(lz4_flex::block::decompress(block, claims(claimed)?).map_err(|error| damaged(&error))?))
        }
    }
}
