//! A value's bytes in Redis: a fixed header, then the body.
//!
//! The brief keeps size, time and sync state in a second key, `meta:<key>`. A second key costs some 100 bytes in Redis, more than
//! compression saves on an everyday row, so all of it stands in a header of 32 bytes in front of the value:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 0 | format | 1 |
//! | 1 | codec | 0 raw, 1 Snappy, 2 LZ4 |
//! | 2–9 | sequence | big-endian; the write's number in its partition, 0 for a value that was filled from PostgreSQL |
//! | 10–13 | version | big-endian; the row's version |
//! | 14–21 | operation | the first 8 bytes of the operation's hash: a repeated command recognises its own write |
//! | 22–25 | size | big-endian; bytes before compression |
//! | 26–31 | time | big-endian milliseconds since 1970 |
//!
//! The write script reads `version` and `operation` and fills in `sequence`; their offsets are part of that script.
//! The body is MessagePack with named fields, so that a service can read what an older or newer release wrote.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Bytes before the body.
pub const HEADER_LEN: usize = 32;
/// No value grows beyond this when decompressed: a corrupt length can't take the memory.
pub const MAX_DECODED: usize = 16 * 1024 * 1024;
const FORMAT: u8 = 1;
/// Below this, compression is not even tried: Snappy's own framing eats what little it finds.
const WORTH_TRYING: usize = 128;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Raw,
    /// Snappy, the default.
    Snappy,
    /// LZ4, block format.
    Lz4,
}

impl Codec {
    const fn byte(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Snappy => 1,
            Self::Lz4 => 2,
        }
    }
}

/// What stands in front of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How the body is compressed.
    pub codec: Codec,
    /// The write's number in its partition; 0 for a value filled from PostgreSQL.
    pub sequence: u64,
    /// The row's version.
    pub version: u32,
    /// The first bytes of the operation's hash.
    pub operation: [u8; 8],
    /// Bytes of the body before compression.
    pub original_len: u32,
    /// When it was written, milliseconds since 1970.
    pub written_at_ms: u64,
}

/// Why bytes could not be read as a value.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Shorter than a header.
    #[error("a value of {0} bytes is shorter than its header")]
    Truncated(usize),
    /// A format or codec of a later release, or not a value at all.
    #[error("unknown value format {0} or codec {1}")]
    UnknownFormat(u8, u8),
    /// The header claims more than any value may have.
    #[error("a decoded size of {0} bytes is over the limit")]
    TooLarge(usize),
    /// The compressed body is damaged.
    #[error("the compressed body is damaged: {0}")]
    Compression(String),
    /// The body is not the expected type.
    #[error("the body does not have the expected shape: {0}")]
    Shape(#[from] rmp_serde::decode::Error),
}

/// Why a value could not be turned into bytes.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The type can't be represented.
    #[error("the value can't be encoded: {0}")]
    Shape(#[from] rmp_serde::encode::Error),
    /// More than [`MAX_DECODED`].
    #[error("a value of {0} bytes is over the limit")]
    TooLarge(usize),
}

/// A value ready for Redis: two bytes of head, then (after eight bytes of sequence, which the write script puts in) the tail.
#[derive(Debug, Clone)]
pub struct Encoded {
    head: [u8; 2],
    tail: Vec<u8>,
    original_len: usize,
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

    /// Stored body bytes per original body byte: 0.25 means that a quarter is left.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn ratio(&self) -> f64 {
        let stored = self.tail.len() + 10 - HEADER_LEN;
        if self.original_len == 0 { 1.0 } else { stored as f64 / self.original_len as f64 }
    }
}

/// Encodes `value`, compressed with `codec` when that makes it smaller.
pub fn encode<T: Serialize>(value: &T, codec: Codec, version: u32, operation: [u8; 8], written_at_ms: u64) -> Result<Encoded, EncodeError> {
    let body = rmp_serde::to_vec_named(value)?;
    let original_len = body.len();
    let (codec, body) = compress(body, codec);
    let size = u32::try_from(original_len).ok().filter(|_| original_len <= MAX_DECODED).ok_or(EncodeError::TooLarge(original_len))?;
    let mut tail = Vec::with_capacity(HEADER_LEN - 10 + body.len());
    tail.extend_from_slice(&version.to_be_bytes());
    tail.extend_from_slice(&operation);
    tail.extend_from_slice(&size.to_be_bytes());
    let [_, _, time @ ..] = written_at_ms.to_be_bytes();
    tail.extend_from_slice(&time);
    tail.extend_from_slice(&body);
    Ok(Encoded { head: [FORMAT, codec.byte()], tail, original_len })
}

fn compress(body: Vec<u8>, codec: Codec) -> (Codec, Vec<u8>) {
    if body.len() < WORTH_TRYING {
        return (Codec::Raw, body);
    }
    let compressed = match codec {
        Codec::Raw => return (Codec::Raw, body),
        Codec::Snappy => snap::raw::Encoder::new().compress_vec(&body).ok(),
        Codec::Lz4 => Some(lz4_flex::block::compress(&body)),
    };
    match compressed {
        Some(smaller) if smaller.len() < body.len() => (codec, smaller),
        _ => (Codec::Raw, body),
    }
}

/// Reads the header and returns it with the stored body.
pub fn header(bytes: &[u8]) -> Result<(Header, &[u8]), DecodeError> {
    let truncated = || DecodeError::Truncated(bytes.len());
    let (fixed, body) = bytes.split_first_chunk::<HEADER_LEN>().ok_or_else(truncated)?;
    let [
        format,
        codec,
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        s6,
        s7,
        v0,
        v1,
        v2,
        v3,
        o0,
        o1,
        o2,
        o3,
        o4,
        o5,
        o6,
        o7,
        n0,
        n1,
        n2,
        n3,
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
    ] = *fixed;
    let codec = match (format, codec) {
        (FORMAT, 0) => Codec::Raw,
        (FORMAT, 1) => Codec::Snappy,
        (FORMAT, 2) => Codec::Lz4,
        _ => return Err(DecodeError::UnknownFormat(format, codec)),
    };
    let header = Header {
        codec,
        sequence: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        version: u32::from_be_bytes([v0, v1, v2, v3]),
        operation: [o0, o1, o2, o3, o4, o5, o6, o7],
        original_len: u32::from_be_bytes([n0, n1, n2, n3]),
        written_at_ms: u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]),
    };
    Ok((header, body))
}

/// Decodes a value and its header.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(Header, T), DecodeError> {
    let (header, body) = header(bytes)?;
    let original_len = usize::try_from(header.original_len).unwrap_or(usize::MAX);
    if original_len > MAX_DECODED {
        return Err(DecodeError::TooLarge(original_len));
    }
    let value = match header.codec {
        Codec::Raw => rmp_serde::from_slice(body)?,
        Codec::Snappy => {
            // Snappy carries its own length: it must agree with ours before anything is allocated for it.
            let claimed = snap::raw::decompress_len(body).map_err(|e| DecodeError::Compression(e.to_string()))?;
            if claimed != original_len {
                return Err(DecodeError::Compression(format!("{claimed} bytes claimed, {original_len} expected")));
            }
            let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|e| DecodeError::Compression(e.to_string()))?;
            rmp_serde::from_slice(&plain)?
        }
        Codec::Lz4 => {
            let plain = lz4_flex::block::decompress(body, original_len).map_err(|e| DecodeError::Compression(e.to_string()))?;
            rmp_serde::from_slice(&plain)?
        }
    };
    Ok((header, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Row {
        id: Uuid,
        title: String,
        note: Option<String>,
        marks: Vec<i64>,
    }

    fn row() -> impl Strategy<Value = Row> {
        (any::<u128>(), ".{0,400}", proptest::option::of("[a-z ]{0,900}"), prop::collection::vec(any::<i64>(), 0..20))
            .prop_map(|(id, title, note, marks)| Row { id: Uuid::from_u128(id), title, note, marks })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(row in row(), codec in prop::sample::select(vec![Codec::Raw, Codec::Snappy, Codec::Lz4]), sequence in any::<u64>(), version in any::<u32>()) {
            let encoded = encode(&row, codec, version, *b"12345678", 1_700_000_000_000).unwrap();
            let (header, back): (Header, Row) = decode(&encoded.with_sequence(sequence)).unwrap();
            prop_assert_eq!(back, row);
            prop_assert_eq!((header.sequence, header.version, header.operation, header.written_at_ms), (sequence, version, *b"12345678", 1_700_000_000_000));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(row in row(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = encode(&row, Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(1);
            let i = at.index(bytes.len());
            bytes[i] = byte;
            let _ = decode::<Row>(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = decode::<Row>(&bytes);
        }
    }

    #[test]
    fn a_value_that_does_not_compress_is_kept_raw_and_one_that_does_is_smaller() {
        let noise = Row { id: Uuid::nil(), title: String::new(), note: None, marks: vec![1] };
        assert_eq!(header(&encode(&noise, Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(0)).unwrap().0.codec, Codec::Raw);
        let prose = Row { id: Uuid::nil(), title: "read the chapter and answer ".repeat(20), note: None, marks: vec![] };
        let encoded = encode(&prose, Codec::Snappy, 1, [0; 8], 0).unwrap();
        assert_eq!(header(&encoded.with_sequence(0)).unwrap().0.codec, Codec::Snappy);
        assert!(encoded.ratio() < 0.2, "{}", encoded.ratio());
    }

    #[test]
    fn a_header_that_claims_a_huge_body_allocates_nothing() {
        let mut bytes = encode(&"x".repeat(500), Codec::Lz4, 1, [0; 8], 0).unwrap().with_sequence(0);
        bytes[22..26].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(decode::<String>(&bytes), Err(DecodeError::TooLarge(_))));
    }
}
