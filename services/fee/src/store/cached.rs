//! Payments in Redis, under the brief's `write_buffer:payment:` keys, after they have committed in PostgreSQL.
//!
//! A value is replaced only by a later version, so that a slow reader can't put an older one back. It is a cache: nothing is decided by it.

use std::time::Duration;

use cache::codec::{self, Codec};
use cache::key;
use domain::{Partition, PaymentId, SchoolId};
use fred::clients::Pool;
use fred::error::Error;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use serde::{Deserialize, Serialize};
use service_kit::Platform;

use crate::routes::views::PaymentView;

/// `KEYS`: the value. `ARGV`: the value to be, its version, its life in milliseconds. The version stands behind format, codec and sequence.
const PUT: &str = r"
local current = redis.call('GETRANGE', KEYS[1], 10, 13)
if #current == 4 and struct.unpack('>I4', current) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
";

/// The cache of payments.
#[derive(Debug, Clone)]
pub(crate) struct Payments {
    redis: Pool,
    codec: Codec,
    life: Duration,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    school_id: SchoolId,
    payment: T,
}

impl Payments {
    pub(crate) fn of(platform: &Platform) -> Self {
        let config = platform.config();
        Self { redis: platform.redis().clone(), codec: config.values.codec, life: config.write_buffer.saved_ttl }
    }

    fn key(school: SchoolId, id: PaymentId) -> String {
        key::value("payment", Partition::of(school), id)
    }

    /// Puts committed payments there, in one go, each unless a later version is there.
    pub(crate) async fn put(&self, school: SchoolId, payments: &[PaymentView]) -> Result<(), Error> {
        let pipeline = self.redis.next().pipeline();
        let life = i64::try_from(self.life.as_millis()).unwrap_or(i64::MAX);
        let mut is_empty = true;
        for payment in payments {
            let version = u32::try_from(payment.version).unwrap_or(0);
            let value = Cached { school_id: school, payment };
            let Ok(encoded) = codec::encode(&value, self.codec, version, [0; 8], 0) else { continue };
            let arguments: Vec<Value> = vec![
                PUT.into(),
                1.into(),
                Self::key(school, payment.id).into(),
                encoded.with_sequence(0).as_slice().into(),
                i64::from(version).into(),
                life.into(),
            ];
            let () = pipeline.custom(CustomCommand::new_static("EVAL", ClusterHash::Offset(2), false), arguments).await?;
            is_empty = false;
        }
        if is_empty { Ok(()) } else { pipeline.all::<Vec<Value>>().await.map(drop) }
    }

    /// The payment, if it is there and the school's.
    pub(crate) async fn get(&self, school: SchoolId, id: PaymentId) -> Option<PaymentView> {
        let bytes: Option<Vec<u8>> = self.redis.get(Self::key(school, id)).await.ok().flatten();
        let found = bytes.and_then(|bytes| codec::decode::<Cached<PaymentView>>(&bytes).ok()).map(|(_, cached)| cached);
        cache::record_lookup(found.is_some());
        found.filter(|cached| cached.school_id == school).map(|cached| cached.payment)
    }
}
