//! The forms in which a row can lie in Redis, and what else is kept for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cache::codec::{self, Codec, Encoded};
use cache::key;
use domain::{Partition, SchoolId, ServiceName};
use fred::types::Value;
use serde::Serialize;
use uuid::Uuid;

use super::rows::{HomeworkRow, MarkRow, QuizSubmission, Register};
use super::server::Call;

/// A row in every form.
pub(crate) struct Item {
    entity: &'static str,
    service: ServiceName,
    school: Uuid,
    id: Uuid,
    version: i32,
    /// The lists that it stands in while it is unsaved.
    scopes: Vec<String>,
    /// What the plan's pointer says of it, besides where it lies.
    pointer: Vec<(&'static str, Uuid)>,
    pub(crate) json: Vec<u8>,
    pub(crate) named: Vec<u8>,
    encoded: Encoded,
}

/// How a row lies in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON under the plan's key.
    Json,
    /// The plan's value: Snappy over JSON.
    PlanValue,
    /// With its `meta:` hash.
    PlanMeta,
    /// And its `ptr:` hash.
    Plan,
    /// The format of the releases before: named MessagePack, Snappy, a header of 32 bytes.
    Named,
    /// Today's.
    Packed,
    /// Today's value with the id in the key as 32 digits, as 22 of base64, as 16 raw bytes.
    KeyDigits,
    KeyBase64,
    KeyRaw,
}

impl Form {
    pub(crate) const ALL: [Self; 9] = [
        Self::Json,
        Self::PlanValue,
        Self::PlanMeta,
        Self::Plan,
        Self::Named,
        Self::Packed,
        Self::KeyDigits,
        Self::KeyBase64,
        Self::KeyRaw,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::PlanValue => "the plan's value: Snappy over JSON",
            Self::PlanMeta => "… with its `meta:` hash",
            Self::Plan => "… and its `ptr:` hash",
            Self::Named => "format 1: named MessagePack, Snappy",
            Self::Packed => "**format 2: packed**",
            Self::KeyDigits => "… id in the key without hyphens",
            Self::KeyBase64 => "… id in the key as base64url",
            Self::KeyRaw => "… id in the key as 16 bytes",
        }
    }
}

impl Item {
    fn new<T: Serialize>(
        entity: &'static str,
        service: ServiceName,
        [school, id]: [Uuid; 2],
        version: i32,
        row: &T,
    ) -> anyhow::Result<Self> {
        let numbered = u32::try_from(version)?;
        Ok(Self {
            entity,
            service,
            school,
            id,
            version,
            scopes: Vec::new(),
            pointer: Vec::new(),
            json: serde_json::to_vec(row)?,
            named: rmp_serde::to_vec_named(row)?,
            encoded: codec::encode(row, Codec::Snappy, numbered, *b"operatio", 1_763_971_800_000)?,
        })
    }

    pub(crate) fn homework(row: &HomeworkRow) -> anyhow::Result<Self> {
        let scopes = vec![format!("school:{}", row.school_id), format!("class:{}", row.class_id), format!("author:{}", row.created_by)];
        let pointer = vec![("class_id", row.class_id), ("teacher_id", row.teacher_id.unwrap_or_default())];
        let item = Self::new("homework", ServiceName::Homework, [row.school_id, row.id], row.version, row)?;
        Ok(Self { scopes, pointer, ..item })
    }

    pub(crate) fn quiz_submission(row: &QuizSubmission) -> anyhow::Result<Self> {
        let scopes = vec![format!("quiz:{}", row.quiz_id), format!("student:{}", row.student_id)];
        let pointer = vec![("student_id", row.student_id), ("quiz_id", row.quiz_id)];
        let item = Self::new("quiz_submission", ServiceName::Quiz, [row.school_id, row.id], row.version, row)?;
        Ok(Self { scopes, pointer, ..item })
    }

    pub(crate) fn register(row: &Register) -> anyhow::Result<Self> {
        let scopes = vec![format!("school:{}", row.school_id), format!("class:{}", row.class_id)];
        let pointer = vec![("class_id", row.class_id), ("teacher_id", row.teacher_id.unwrap_or_default())];
        let item = Self::new("attendance", ServiceName::Attendance, [row.school_id, row.id], row.version, row)?;
        Ok(Self { scopes, pointer, ..item })
    }

    pub(crate) fn mark(row: &MarkRow) -> anyhow::Result<Self> {
        let scopes = vec![format!("session:{}", row.session_id), format!("student:{}", row.student_id)];
        let pointer = vec![("student_id", row.student_id), ("session_id", row.session_id)];
        let item = Self::new("attendance_record", ServiceName::Attendance, [row.school_id, row.id], row.version, row)?;
        Ok(Self { scopes, pointer, ..item })
    }

    fn partition(&self) -> Partition {
        Partition::of(SchoolId::from_uuid(self.school))
    }

    /// Bytes of the value itself.
    pub(crate) fn len(&self, form: Form) -> usize {
        match form {
            Form::Json => self.json.len(),
            Form::PlanValue | Form::PlanMeta | Form::Plan => snappy(&self.json).len(),
            Form::Named => self.format_1().len(),
            Form::Packed | Form::KeyDigits | Form::KeyBase64 | Form::KeyRaw => self.encoded.with_sequence(1).len(),
        }
    }

    /// What a release of format 1 wrote, but for what the header says.
    fn format_1(&self) -> Vec<u8> {
        let compressed = snappy(&self.named);
        let body = if self.named.len() >= 128 && compressed.len() < self.named.len() { &compressed } else { &self.named };
        [&[1; 32], body.as_slice()].concat()
    }

    /// The commands that put it there, and the keys that they make.
    pub(crate) fn put(&self, form: Form) -> (Vec<Call>, Vec<Value>) {
        let plan = format!("write_buffer:{}:{}", self.entity, self.id);
        let ours = |id: &str| format!("write_buffer:{}:{}:{id}", self.entity, self.partition());
        let packed = || Value::Bytes(self.encoded.with_sequence(1).into());
        let (key, value) = match form {
            Form::Json => (plan.into(), Value::Bytes(self.json.clone().into())),
            Form::PlanValue => (plan.into(), Value::Bytes(snappy(&self.json).into())),
            Form::PlanMeta | Form::Plan => return self.put_plan(&plan, form == Form::Plan),
            Form::Named => (key::value(self.entity, self.partition(), self.id).into(), Value::Bytes(self.format_1().into())),
            Form::Packed => (key::value(self.entity, self.partition(), self.id).into(), packed()),
            Form::KeyDigits => (ours(&self.id.simple().to_string()).into(), packed()),
            Form::KeyBase64 => (ours(&URL_SAFE_NO_PAD.encode(self.id)).into(), packed()),
            Form::KeyRaw => (Value::Bytes([ours("").as_bytes(), self.id.as_bytes()].concat().into()), packed()),
        };
        (vec![("SET", vec![key.clone(), value])], vec![key])
    }

    /// As the plan's `CompressAndStore` does, and its structured pointer.
    fn put_plan(&self, key: &str, with_pointer: bool) -> (Vec<Call>, Vec<Value>) {
        let compressed = snappy(&self.json);
        let (meta, pointer) = (format!("meta:{key}"), format!("ptr:{}:{}", self.entity, self.id));
        let sizes = [compressed.len().to_string(), self.json.len().to_string()];
        let [compressed_size, original_size] = &sizes;
        let mut fields: Vec<Value> = vec![meta.as_str().into()];
        for (field, value) in [
            ("compressed", "1"),
            ("original_size", original_size),
            ("compressed_size", compressed_size),
            ("timestamp", "1763971800"),
            ("synced_to_db", "0"),
        ] {
            fields.extend([field.into(), value.into()]);
        }
        let mut calls = vec![("SET", vec![key.into(), Value::Bytes(compressed.into())]), ("HSET", fields)];
        let mut keys = vec![key.into(), meta.into()];
        if with_pointer {
            let mut fields: Vec<Value> = vec![pointer.as_str().into()];
            for (field, id) in &self.pointer {
                fields.extend([(*field).into(), id.to_string().into()]);
            }
            for (field, value) in [("data_location", key), ("compressed", "true"), ("last_accessed", "1763971800")] {
                fields.extend([field.into(), value.into()]);
            }
            calls.push(("HSET", fields));
            keys.push(pointer.into());
        }
        (calls, keys)
    }
}

/// What is kept for a row besides its value, for as long as it is not saved or may be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aside {
    /// The log's entry.
    Log,
    /// The lists of unsaved rows, as sets.
    Sets,
    /// The same lists as hashes of up to 512 entries, which Redis keeps as one block each.
    SmallHashes,
    /// The answer to an idempotency key, its field in hexadecimal.
    Answers,
    /// The same with a field of 16 bytes.
    RawAnswers,
    /// The same in 64 hashes of one day.
    SmallAnswers,
    /// The time at which a saved value may go.
    Expiry,
}

impl Aside {
    pub(crate) const ALL: [Self; 7] =
        [Self::Log, Self::Sets, Self::SmallHashes, Self::Answers, Self::RawAnswers, Self::SmallAnswers, Self::Expiry];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Log => "pointer in the log",
            Self::Sets => "lists of unsaved rows (sets)",
            Self::SmallHashes => "… as hashes of up to 512 ids",
            Self::Answers => "answer to an idempotency key, if there was one",
            Self::RawAnswers => "… its field as 16 bytes",
            Self::SmallAnswers => "… and in 64 hashes a day",
            Self::Expiry => "expiry of a saved value",
        }
    }

    pub(crate) const fn lives(self) -> &'static str {
        match self {
            Self::Log | Self::Sets | Self::SmallHashes => "until saved: about a second",
            Self::Answers | Self::RawAnswers | Self::SmallAnswers => "a day or two",
            Self::Expiry => "two hours, with the value",
        }
    }

    /// The commands that keep it for `item`, the `number`th of them.
    pub(crate) fn put(self, item: &Item, number: usize) -> Vec<Call> {
        let (id, partition) = (Value::Bytes(item.id.as_bytes().to_vec().into()), item.partition());
        let answer = Value::Bytes([item.id.as_bytes().as_slice(), &[7; 8]].concat().into());
        let answers = format!("{}20416", key::operations(item.service, partition));
        match self {
            Self::Log => {
                let (key, sequence) = (key::log(item.service, partition), format!("{}-0", number + 1));
                let entry: Vec<Value> = vec![key.into(), sequence.into(), "e".into(), item.entity.into(), "i".into(), id];
                vec![("XADD", [entry, vec!["v".into(), item.version.to_string().into()]].concat())]
            }
            Self::Sets => {
                let sets = item.scopes.iter().map(|scope| key::unsaved(item.entity, partition, scope));
                sets.map(|set| ("SADD", vec![set.into(), id.clone()])).collect()
            }
            Self::SmallHashes => {
                let part = number / 512;
                let lists = item.scopes.iter().map(|scope| format!("{}:{part}", key::unsaved(item.entity, partition, scope)));
                lists.map(|list| ("HSET", vec![list.into(), id.clone(), "".into()])).collect()
            }
            Self::Answers => vec![("HSET", vec![answers.into(), item.id.simple().to_string().into(), answer])],
            Self::RawAnswers => vec![("HSET", vec![answers.into(), id, answer])],
            Self::SmallAnswers => {
                let place = item.id.as_bytes().last().copied().unwrap_or_default() & 63;
                vec![("HSET", vec![format!("{answers}:{place}").into(), id, answer])]
            }
            Self::Expiry => {
                vec![("PEXPIRE", vec![key::value(item.entity, partition, item.id).into(), 7_200_000.into()])]
            }
        }
    }
}

pub(crate) fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap_or_else(|_| bytes.to_vec())
}
