//! Which partition a school's writes go through.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::SchoolId;

/// How many partitions a service's write buffer has. Changing it moves schools between partitions,
/// so it may only change after a full drain; the layout version in PostgreSQL guards that.
pub const PARTITIONS: u16 = 64;

/// One of a service's write-buffer partitions. All of a school's writes of one service go through one
/// partition, which is what keeps them in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(u16);

impl Partition {
    /// The school's partition: FNV-1a over the id's bytes. The hash is part of the stored layout, hence spelt out and never `std`'s.
    #[must_use]
    pub fn of(school: SchoolId) -> Self {
        let hash = school
            .as_uuid()
            .as_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        // FNV's low bits are weak on short inputs: fold the high half in before reducing.
        let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
        Self(u16::try_from(folded % u64::from(PARTITIONS)).unwrap_or_default())
    }

    /// A partition by number, if there is one.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        if number < PARTITIONS { Some(Self(number)) } else { None }
    }

    /// All partitions, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    /// The partition's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// The Redis hash tag, `{p17}`: keys that share it live on one node of a Redis Cluster.
impl Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{p{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_school_keeps_its_partition_forever() {
        // Fixed vectors: a change here would lose the way to every unsaved write.
        let of = |n: u128| Partition::of(SchoolId::from_uuid(Uuid::from_u128(n))).number();
        // Computed by another program from the published definition of FNV-1a.
        assert_eq!([of(0), of(1), of(u128::MAX), of(0x0190_a5c4_0000_7000_8000_0000_0000_abcd)], [28, 11, 29, 63]);
        assert_eq!(Partition::of(SchoolId::from_uuid(Uuid::nil())).to_string(), "{p28}");
    }

    #[test]
    fn schools_created_in_sequence_spread_over_the_partitions() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for _ in 0..6_400 {
            counts[usize::from(Partition::of(SchoolId::generate()).number())] += 1;
        }
        assert!(counts.iter().all(|count| (40..=180).contains(count)), "{counts:?}");
    }
}
