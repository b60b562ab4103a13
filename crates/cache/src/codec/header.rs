//! What stands in front of a value.
//!
//! The first 22 bytes are the same in both formats: the scripts of the write buffer read them.

use super::error::DecodeError;
use super::tag;

/// Format of the releases before packing: the header is 32 bytes, the body MessagePack.
pub(super) const NAMED: u8 = 1;
/// What is written today: a shorter header, and a body that may be packed.
pub(super) const PACKED: u8 = 2;
/// Set in the codec byte of format 2 if the body is packed.
const IS_PACKED: u8 = 0x10;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all: MessagePack as it is, for people who look into Redis.
    Raw,
    /// Packed, and what is long with Snappy if that is shorter; the default.
    Snappy,
    /// Packed, and what is long with LZ4 (block format) if that is shorter.
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

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Raw),
            1 => Some(Self::Snappy),
            2 => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// What stands in front of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How the body is compressed, after packing.
    pub codec: Codec,
    /// Whether the body is packed, and with which dictionary.
    pub dictionary: Option<u8>,
    /// The write's number in its partition; 0 for a value filled from PostgreSQL.
    pub sequence: u64,
    /// The row's version.
    pub version: u32,
    /// The first bytes of the operation's hash.
    pub operation: [u8; 8],
    /// Bytes of the body as MessagePack, before packing and compression.
    pub original_len: u32,
    /// When it was written, in milliseconds since 1970. Format 2 keeps seconds.
    pub written_at_ms: u64,
}

impl Header {
    /// Format and codec.
    pub(super) const fn head(&self) -> [u8; 2] {
        let packed = if self.dictionary.is_some() { IS_PACKED } else { 0 };
        [PACKED, self.codec.byte() | packed]
    }

    /// What follows the sequence.
    pub(super) fn put_tail(&self, tail: &mut Vec<u8>) {
        tail.extend_from_slice(&self.version.to_be_bytes());
        tail.extend_from_slice(&self.operation);
        let seconds = u32::try_from(self.written_at_ms / 1_000).unwrap_or(u32::MAX);
        tail.extend_from_slice(&seconds.to_be_bytes());
        tail.extend(self.dictionary);
        tag::put_number(self.original_len.into(), tail);
    }

    /// Reads the header of either format and returns it with the stored body.
    pub(super) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut rest = Rest(bytes, bytes.len());
        let [format, codec] = rest.chunk()?;
        let unknown = || DecodeError::UnknownFormat(format, codec);
        let known = match format {
            NAMED => Codec::of(codec),
            PACKED => Codec::of(codec & !IS_PACKED),
            _ => None,
        };
        let mut header = Self {
            codec: known.ok_or_else(unknown)?,
            dictionary: None,
            sequence: u64::from_be_bytes(rest.chunk()?),
            version: u32::from_be_bytes(rest.chunk()?),
            operation: rest.chunk()?,
            original_len: 0,
            written_at_ms: 0,
        };
        if format == NAMED {
            header.original_len = u32::from_be_bytes(rest.chunk()?);
            let millis: [u8; 6] = rest.chunk()?;
            header.written_at_ms = millis.iter().fold(0, |millis, byte| (millis << 8) | u64::from(*byte));
        } else {
            header.written_at_ms = u64::from(u32::from_be_bytes(rest.chunk()?)) * 1_000;
            if codec & IS_PACKED != 0 {
                let [dictionary] = rest.chunk()?;
                header.dictionary = Some(dictionary);
            }
            header.original_len = rest.number()?;
        }
        Ok((header, rest.0))
    }
}

struct Rest<'b>(&'b [u8], usize);

impl Rest<'_> {
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Truncated(self.1))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A number of up to 28 bits: more than any value may have.
    fn number(&mut self) -> Result<u32, DecodeError> {
        let mut number = 0;
        for shift in (0..28).step_by(7) {
            let [byte] = self.chunk()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::TooLarge(usize::try_from(number).unwrap_or(usize::MAX)))
    }
}
