//! Why bytes are no value, or a value can't become bytes.

use thiserror::Error;

/// Why bytes could not be read as a value.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Shorter than a header.
    #[error("a value of {0} bytes is shorter than its header")]
    Truncated(usize),
    /// A format or codec of a later release, or not a value at all.
    #[error("unknown value format {0} or codec {1}")]
    UnknownFormat(u8, u8),
    /// A dictionary of a later release, or a damaged header.
    #[error("unknown dictionary {0}: a later release wrote the value, or it is damaged")]
    UnknownDictionary(u8),
    /// The header claims more than any value may have.
    #[error("a decoded size of {0} bytes is over the limit")]
    TooLarge(usize),
    /// The compressed body is damaged.
    #[error("the compressed body is damaged: {0}")]
    Compression(String),
    /// The packed body is damaged.
    #[error("the packed body is damaged: {0}")]
    Packed(#[from] Damage),
    /// The body is not the expected type.
    #[error("the body does not have the expected shape: {0}")]
    Shape(#[from] rmp_serde::decode::Error),
}

/// What is wrong with a packed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// It ends within a value.
    #[error("it is cut off")]
    Cut,
    /// It goes on after its value.
    #[error("something follows it")]
    Trailing,
    /// It unpacks to more than its header says.
    #[error("it is longer than its header says")]
    Longer,
    /// It unpacks to less than its header says.
    #[error("it is shorter than its header says")]
    Shorter,
    /// A tag that has no meaning.
    #[error("tag {0} has no meaning")]
    Tag(u8),
    /// A symbol that the dictionary does not have.
    #[error("symbol {0} is not in the dictionary")]
    Symbol(u8),
    /// A word that the dictionary does not have.
    #[error("word {0} is not in the dictionary")]
    Word(u64),
    /// A struct whose fields neither the dictionary nor the value has named.
    #[error("shape {0} is not known")]
    Shape(u64),
    /// An id that points back at none.
    #[error("id {0} was not given before")]
    Reference(u64),
    /// A number or time out of range.
    #[error("a number is out of range")]
    Number,
    /// Values within values within values.
    #[error("it is nested too deeply")]
    Depth,
}

/// Why a value could not be turned into bytes.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The type can't be represented.
    #[error("the value can't be encoded: {0}")]
    Shape(#[from] rmp_serde::encode::Error),
    /// More than [`super::MAX_DECODED`].
    #[error("a value of {0} bytes is over the limit")]
    TooLarge(usize),
}
