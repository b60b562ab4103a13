//! What must hold for values of any shape, of other releases, and of nobody.

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dictionary::{CURRENT, Dictionary};
use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InProgress,
    Submitted,
    Late { minutes: u16 },
    Moved(Uuid, NaiveDate),
}

/// A bit of everything that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: Uuid,
    school_id: Uuid,
    title: String,
    note: Option<String>,
    state: State,
    marks: Vec<i64>,
    share: f64,
    size: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    parts: Vec<Part>,
    raw: Option<serde_json::Value>,
    held_on: NaiveDate,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    student_id: Uuid,
    code: String,
    parts: Vec<Part>,
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let micros = prop_oneof![Just(0_i64), (0_i64..1_000).prop_map(|millis| millis * 1_000), 0_i64..1_000_000];
    (-2_000_000_000_i64..9_000_000_000, micros)
        .prop_map(|(second, micros)| DateTime::from_timestamp_micros(second * 1_000_000 + micros).unwrap())
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = (0_u128..4, "[A-Z]{0,2}").prop_map(|(id, code)| Part { student_id: Uuid::from_u128(id), code, parts: vec![] });
    leaf.prop_recursive(3, 20, 4, |inner| {
        (any::<u128>(), ".{0,40}", prop::collection::vec(inner, 0..4)).prop_map(|(id, code, parts)| Part {
            student_id: Uuid::from_u128(id),
            code,
            parts,
        })
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,400}",
        "[a-z ,.]{0,900}",
        Just("published".to_owned()),
        any::<u128>().prop_map(|id| Uuid::from_u128(id).to_string()),
        any::<u128>().prop_map(|id| Uuid::from_u128(id).to_string().to_uppercase()),
        instant().prop_map(|instant| instant.to_rfc3339()),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        Just("गबन का सार".repeat(9)),
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 30, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            prop::collection::btree_map("[a-z]{0,8}", inner, 0..20).prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::InProgress),
        Just(State::Submitted),
        any::<u16>().prop_map(|minutes| State::Late { minutes }),
        (any::<u128>(), 0_u16..)
            .prop_map(|(id, days)| State::Moved(Uuid::from_u128(id), NaiveDate::default() + chrono::Days::new(days.into()))),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let ids = (any::<u128>(), 0_u128..3);
    let texts = (text(), prop::option::of(text()), prop::option::of(json().prop_filter("null is read as none", |json| !json.is_null())));
    let numbers = (prop::collection::vec(any::<i64>(), 0..20), any::<i32>(), prop_oneof![0_u64..300, any::<u64>()]);
    let times = (instant(), instant(), 0_u16..40_000);
    (ids, texts, state(), numbers, prop::collection::vec(part(), 0..5), times).prop_map(
        |((id, school), (title, note, raw), state, (marks, share, size), parts, (created_at, updated_at, day))| Row {
            id: Uuid::from_u128(id),
            school_id: Uuid::from_u128(school),
            title,
            note,
            state,
            marks,
            share: f64::from(share) / 7.0,
            size,
            parts,
            raw,
            held_on: NaiveDate::default() + chrono::Days::new(day.into()),
            created_at,
            updated_at,
        },
    )
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(vec![Codec::Raw, Codec::Snappy, Codec::Lz4])
}

/// Knows the shape of a part, some words and a few symbols.
const SMALL: &str =
    "shape student_id code parts\nword in_progress\nword P\nsymbol 20746865\nsymbol 696e67\nsymbol 61\nsymbol 62\nsymbol e0a4";

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(row in row(), codec in codec(), sequence in any::<u64>(), version in any::<u32>()) {
        let encoded = encode(&row, codec, version, *b"12345678", 1_700_000_000_000).unwrap();
        let (header, back): (Header, Row) = decode(&encoded.with_sequence(sequence)).unwrap();
        prop_assert_eq!(back, row);
        prop_assert_eq!((header.sequence, header.version, header.operation, header.written_at_ms), (sequence, version, *b"12345678", 1_700_000_000_000));
    }

    #[test]
    fn packing_is_reversed_byte_for_byte_whatever_the_dictionary_knows(row in row(), text in prop::sample::select(vec!["", SMALL, include_str!("../../dictionaries/1.txt")])) {
        let dictionary = Dictionary::parse(text).unwrap();
        let plain = rmp_serde::to_vec_named(&row).unwrap();
        let packed = pack::pack(&plain, &dictionary).unwrap();
        prop_assert!(packed.len() <= plain.len() * 2 + 16);
        prop_assert_eq!(unpack::unpack(&packed, plain.len(), &dictionary).unwrap(), plain);
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(row in row(), codec in codec(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&row, codec, 1, [0; 8], 0).unwrap().with_sequence(1);
        let i = at.index(bytes.len());
        bytes[i] = byte;
        let _ = decode::<Row>(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode::<Row>(&bytes).is_err());
    }

    #[test]
    fn bytes_that_nobody_wrote_never_unpack_to_more_than_was_asked_for(packed in prop::collection::vec(any::<u8>(), 0..400), len in 0_usize..2_000) {
        let dictionary = Dictionary::parse(SMALL).unwrap();
        if let Ok(plain) = unpack::unpack(&packed, len, &dictionary) {
            prop_assert_eq!(plain.len(), len);
        }
    }
}

/// What a release of format 1 wrote: version 7, operation `operatio`, write 42.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)]
struct Note {
    id: Uuid,
    title: String,
    note: Option<String>,
    marks: Vec<i64>,
    created_at: DateTime<Utc>,
}

fn note() -> Note {
    Note {
        id: Uuid::from_u128(0x0191_f3a0_5b7c_7d2e_9f10_a1b2_c3d4_e5f6),
        title: "Fractions, fractions and more fractions".to_owned(),
        note: Some("Show your working. Show your working again, and then show your working to a friend.".to_owned()),
        marks: vec![1, -40, 300, 70_000],
        created_at: DateTime::from_timestamp_micros(1_764_002_400_123_456).unwrap(),
    }
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<char> = hexadecimal.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

const FORMAT_1_RAW: &str = "\
    0100000000000000002a000000076f7065726174696f000000d8019ab6bc88f485a26964c4100191f3a05b7c7d2e9f10a1b2c3d4e5f6a57469746c65d9274672616374696f6e\
    732c206672616374696f6e7320616e64206d6f7265206672616374696f6e73a46e6f7465d95353686f7720796f757220776f726b696e672e2053686f7720796f757220776f72\
    6b696e6720616761696e2c20616e64207468656e2073686f7720796f757220776f726b696e6720746f206120667269656e642ea56d61726b739401d0d8cd012cce00011170aa\
    637265617465645f6174bb323032352d31312d32345431363a34303a30302e3132333435365a";
const FORMAT_1_SNAPPY: &str = "\
    0101000000000000002a000000076f7065726174696f000000d8019ab6bc88f4d801a885a26964c4100191f3a05b7c7d2e9f10a1b2c3d4e5f6a57469746c65d9274672616374\
    696f6e732c2066720d0b2420616e64206d6f726520151364a46e6f7465d95353686f7720796f757220776f726b696e672e204213001820616761696e2c0545147468656e2073\
    3e3500f04520746f206120667269656e642ea56d61726b739401d0d8cd012cce00011170aa637265617465645f6174bb323032352d31312d32345431363a34303a30302e3132\
    333435365a";
const FORMAT_1_LZ4: &str = "\
    0102000000000000002a000000076f7065726174696f000000d8019ab6bc88f4f41b85a26964c4100191f3a05b7c7d2e9f10a1b2c3d4e5f6a57469746c65d927467261637469\
    6f6e732c20660b009620616e64206d6f72651300fd0ba46e6f7465d95353686f7720796f757220776f726b696e672e2013007120616761696e2c45006c7468656e20733500f0\
    3720746f206120667269656e642ea56d61726b739401d0d8cd012cce00011170aa637265617465645f6174bb323032352d31312d32345431363a34303a30302e313233343536\
    5a";

const FORMAT_2_DICTIONARY_1: &str = "\
    0210000000000000002a000000076f7065726174696f69248a6001d801d4057ad629d62c845b23b10bd622d90191f3a05b7c7d2e9f10a1b2c3d4e5f68fff463de324553de315\
    302109553de3a4ff53e52e7db1032a0717ff53e52e7db11f252a250308f0c94e2e7db11f360e813a673107c401e127e0ac02e0f0a204dc064459d0713a40";

#[test]
fn values_of_format_1_are_still_read() {
    for (codec, hexadecimal) in [(Codec::Raw, FORMAT_1_RAW), (Codec::Snappy, FORMAT_1_SNAPPY), (Codec::Lz4, FORMAT_1_LZ4)] {
        let (header, read): (Header, Note) = decode(&bytes(hexadecimal)).unwrap();
        assert_eq!(read, note(), "{codec:?}");
        let expected = Header {
            codec,
            dictionary: None,
            sequence: 42,
            version: 7,
            operation: *b"operatio",
            original_len: header.original_len,
            written_at_ms: 1_764_002_400_500,
        };
        assert_eq!(header, expected);
    }
}

#[test]
fn what_the_first_release_with_this_dictionary_wrote_is_still_read() {
    let (header, read): (Header, Note) = decode(&bytes(FORMAT_2_DICTIONARY_1)).unwrap();
    assert_eq!((read, header.dictionary), (note(), Some(1)), "dictionary 1 was changed: values in Redis can't be read any more");
}

#[test]
fn the_scripts_find_sequence_version_and_operation_where_they_have_always_been() {
    let value = encode(&note(), Codec::Snappy, 7, *b"operatio", 0).unwrap().with_sequence(42);
    for value in [value, bytes(FORMAT_1_RAW)] {
        assert_eq!(
            (&value[2..10], &value[10..14], &value[14..22]),
            (&42_u64.to_be_bytes()[..], &7_u32.to_be_bytes()[..], &b"operatio"[..])
        );
    }
}

mod releases {
    //! One row as three releases have it: a field comes, a field goes, and they change places.

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Old {
        pub(super) student_id: Uuid,
        pub(super) code: String,
        pub(super) parts: Vec<u8>,
    }

    fn usual() -> u8 {
        9
    }

    #[derive(Debug, PartialEq, Deserialize)]
    pub(super) struct OldWithDefault {
        pub(super) student_id: Uuid,
        pub(super) code: String,
        #[serde(default)]
        pub(super) parts: Vec<u8>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct New {
        #[serde(default = "usual")]
        pub(super) weight: u8,
        pub(super) code: String,
        pub(super) student_id: Uuid,
        #[serde(default)]
        pub(super) reason: Option<String>,
    }
}

#[test]
fn a_field_may_come_go_and_change_places_between_releases() {
    use releases::{New, Old, OldWithDefault};
    let id = Uuid::from_u128(7);
    let known = Dictionary::parse(SMALL).unwrap();
    let between = |plain: Vec<u8>, shape: bool| {
        let packed = pack::pack(&plain, &known).unwrap();
        assert_eq!(packed[0] & 0xe0 == tag::STRUCT, shape, "whether the dictionary has the shape");
        unpack::unpack(&packed, plain.len(), &known).unwrap()
    };
    let old = between(rmp_serde::to_vec_named(&Old { student_id: id, code: "P".to_owned(), parts: vec![1] }).unwrap(), true);
    let read: New = rmp_serde::from_slice(&old).unwrap();
    assert_eq!(read, New { weight: 9, code: "P".to_owned(), student_id: id, reason: None });

    let new = New { weight: 2, code: "A".to_owned(), student_id: id, reason: Some("ill".to_owned()) };
    let new = between(rmp_serde::to_vec_named(&new).unwrap(), false);
    let read: OldWithDefault = rmp_serde::from_slice(&new).unwrap();
    assert_eq!(read, OldWithDefault { student_id: id, code: "A".to_owned(), parts: vec![] });
}

#[test]
fn a_value_that_needs_an_unknown_dictionary_says_so() {
    let mut value = encode(&note(), Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(0);
    assert_eq!(value[26], CURRENT);
    value[26] = 250;
    assert!(matches!(decode::<Note>(&value), Err(DecodeError::UnknownDictionary(250))));
}

#[test]
fn a_value_read_with_another_dictionary_is_an_error() {
    let plain = rmp_serde::to_vec_named(&note()).unwrap();
    let packed = pack::pack(&plain, Dictionary::numbered(CURRENT).unwrap()).unwrap();
    assert!(matches!(
        unpack::unpack(&packed, plain.len(), Dictionary::numbered(0).unwrap()),
        Err(Damage::Symbol(_) | Damage::Word(_) | Damage::Shape(_))
    ));
    let value = encode(&note(), Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(0);
    let mut wrong = value;
    wrong[26] = 0;
    let error = decode::<Note>(&wrong).unwrap_err();
    assert!(error.to_string().contains("not in the dictionary"), "{error}");
}

#[test]
fn a_format_of_a_later_release_is_named() {
    let mut value = encode(&note(), Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(0);
    value[0] = 3;
    assert!(matches!(decode::<Note>(&value), Err(DecodeError::UnknownFormat(3, _))));
}

#[test]
fn every_dictionary_can_be_read_and_the_current_one_is_among_them() {
    let (listed, read) = dictionary::listed_and_read();
    assert_eq!(read, listed);
    assert!(Dictionary::numbered(CURRENT).is_some());
}

#[test]
fn a_row_takes_less_room_than_with_snappy_alone() {
    let plain = rmp_serde::to_vec_named(&note()).unwrap();
    let snappy = snap::raw::Encoder::new().compress_vec(&plain).unwrap().len();
    let encoded = encode(&note(), Codec::Snappy, 1, [0; 8], 0).unwrap();
    let (header, body) = header(&encoded.with_sequence(0)).map(|(header, body)| (header, body.len())).unwrap();
    assert_eq!(header.dictionary, Some(CURRENT));
    assert!(body * 10 < snappy * 8, "{body} bytes packed, {snappy} with Snappy, {} plain", plain.len());
    assert!(encoded.ratio() < 0.8, "{}", encoded.ratio());
}

#[test]
fn raw_is_message_pack_as_it_is() {
    let value = encode(&note(), Codec::Raw, 1, [0; 8], 0).unwrap().with_sequence(0);
    let (header, body) = header(&value).unwrap();
    assert_eq!((header.codec, header.dictionary, body), (Codec::Raw, None, rmp_serde::to_vec_named(&note()).unwrap().as_slice()));
}

#[test]
fn what_is_long_and_repeats_itself_is_compressed_as_well() {
    for codec in [Codec::Snappy, Codec::Lz4] {
        let long: Vec<String> = (0..500).map(|line| format!("line {} of the same", line % 7)).collect();
        let encoded = encode(&long, codec, 1, [0; 8], 0).unwrap();
        let value = encoded.with_sequence(3);
        assert_eq!(header(&value).unwrap().0.codec, codec);
        assert!(encoded.ratio() < 0.1, "{}", encoded.ratio());
        assert_eq!(decode::<Vec<String>>(&value).unwrap().1, long);
    }
}

#[test]
fn a_value_that_claims_to_be_huge_allocates_nothing() {
    // Format 1, LZ4, 4 GiB.
    let mut old = bytes(FORMAT_1_LZ4);
    old[22..26].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(decode::<Note>(&old), Err(DecodeError::TooLarge(_))));
    // Format 2: a size of more than 28 bits, and one of 20 MiB.
    let value = encode(&note(), Codec::Snappy, 1, [0; 8], 0).unwrap().with_sequence(0);
    for size in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x0a]] {
        let claims = [&value[..27], size, &value[29..]].concat();
        assert!(matches!(decode::<Note>(&claims), Err(DecodeError::TooLarge(_))));
    }
    // Compressed bodies whose own length disagrees with the header's.
    for (codec, claim) in [(0x11, &[0xff, 0xff, 0xff, 0x7f][..]), (0x12, &[0xff, 0xff, 0xff, 0x00])] {
        let mut bomb = [&value[..29], claim, &[0; 40]].concat();
        bomb[1] = codec;
        assert!(matches!(decode::<Note>(&bomb), Err(DecodeError::Compression(reason)) if reason.contains("claimed")), "codec {codec}");
    }
}

#[test]
fn deep_nesting_is_kept_as_it_is_and_refused_when_it_was_forged() {
    let mut deep = vec![0x91; 100];
    deep.push(0xc0);
    let dictionary = Dictionary::parse("").unwrap();
    assert!(pack::pack(&deep, &dictionary).is_none());
    let forged: Vec<u8> = std::iter::repeat_n(tag::ARRAY | 1, 1_000).chain([tag::NIL]).collect();
    assert_eq!(unpack::unpack(&forged, 1_001, &dictionary), Err(Damage::Depth));
}
