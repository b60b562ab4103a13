//! How long encoding and decoding take, from the row to its bytes and back.

use std::hint::black_box;
use std::time::Instant;

use cache::codec::{self, Codec};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::forms::snappy;
use crate::figures::Samples;

/// Nanoseconds a row, the median of the rounds.
pub(crate) struct Speed {
    pub(crate) form: &'static str,
    pub(crate) encode: f64,
    pub(crate) decode: f64,
}

type Encode<T> = fn(&T) -> anyhow::Result<Vec<u8>>;
type Decode<T> = fn(&[u8]) -> anyhow::Result<T>;

/// The forms take turns in every round.
pub(crate) fn measure<T: Serialize + DeserializeOwned>(rows: &[T], rounds: usize) -> anyhow::Result<Vec<Speed>> {
    let forms: [(&str, Encode<T>, Decode<T>); 3] = [
        (
            "Snappy over JSON",
            |row| Ok(snappy(&serde_json::to_vec(row)?)),
            |bytes| Ok(serde_json::from_slice(&snap::raw::Decoder::new().decompress_vec(bytes)?)?),
        ),
        (
            "format 1",
            |row| Ok(snappy(&rmp_serde::to_vec_named(row)?)),
            |bytes| Ok(rmp_serde::from_slice(&snap::raw::Decoder::new().decompress_vec(bytes)?)?),
        ),
        ("format 2", |row| Ok(codec::encode(row, Codec::Snappy, 1, [0; 8], 0)?.with_sequence(1)), |bytes| Ok(codec::decode(bytes)?.1)),
    ];
    let mut samples = forms.map(|_| (Samples::default(), Samples::default()));
    #[allow(clippy::cast_precision_loss)]
    let nanos = |since: Instant| since.elapsed().as_secs_f64() * 1e9 / rows.len().max(1) as f64;
    for _ in 0..rounds {
        for ((_, encode, decode), (encoding, decoding)) in forms.iter().zip(&mut samples) {
            let started = Instant::now();
            let encoded = rows.iter().map(encode).collect::<anyhow::Result<Vec<_>>>()?;
            encoding.push(nanos(started));
            let started = Instant::now();
            for bytes in &encoded {
                black_box(decode(bytes)?);
            }
            decoding.push(nanos(started));
        }
    }
    let speeds = forms.iter().zip(&samples);
    Ok(speeds.map(|((form, ..), (encode, decode))| Speed { form, encode: encode.median(), decode: decode.median() }).collect())
}
