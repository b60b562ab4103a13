//! A bell: when the periods of a day are, and what lies between them.

use std::collections::HashSet;

use domain::{Fault, Faults, SchoolId, Timestamp, TimetableColumnId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most blocks of one bell.
pub const MOST_BLOCKS: usize = 60;

/// A period, or a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TimetableBlock)]
pub struct Block {
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, example = "First period")]
    pub name: String,
    /// The number of its period; null for a break.
    #[schema(minimum = 0, maximum = 99)]
    pub period: Option<u8>,
    /// When it begins, in minutes since midnight in the school's zone.
    #[schema(minimum = 0, maximum = 1439)]
    pub start_minute: u16,
    /// When it is over.
    #[schema(minimum = 1, maximum = 1440)]
    pub end_minute: u16,
}

/// A bell with its blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bell {
    /// Its id.
    pub id: TimetableColumnId,
    /// The school.
    pub school_id: SchoolId,
    /// What it is called.
    pub name: String,
    /// Its blocks, in order of time.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Bell {
    /// Every fault that the blocks have, by themselves and among each other.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require((1..=MOST_BLOCKS).contains(&self.blocks.len()), "/blocks", format!("must have from 1 to {MOST_BLOCKS} entries"));
        let mut periods = HashSet::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let at = |field: &str| format!("/blocks/{index}/{field}");
            let named = (1..=100).contains(&block.name.chars().count()) && !block.name.chars().any(char::is_control);
            faults.require(named, &at("name"), "must have from 1 to 100 characters, and no control characters");
            faults.require(block.period.is_none_or(|period| period <= 99), &at("period"), "must be from 0 to 99");
            faults.require(block.period.is_none_or(|period| periods.insert(period)), &at("period"), "is the number of two blocks");
            faults.require(
                block.end_minute > block.start_minute && block.end_minute <= 1440,
                &at("end_minute"),
                "must be after start_minute",
            );
            let before = index.checked_sub(1).and_then(|before| self.blocks.get(before));
            let in_turn = before.is_none_or(|before| block.start_minute >= before.end_minute);
            faults.require(in_turn, &at("start_minute"), "must not be before the end of the block before it");
        }
        faults.into_result()
    }

    /// How many minutes its periods have.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        let taught = self.blocks.iter().filter(|block| block.period.is_some());
        taught.map(|block| u32::from(block.end_minute.saturating_sub(block.start_minute))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell(blocks: &[(Option<u8>, u16, u16)]) -> Bell {
        let blocks = blocks.iter().map(|(period, start_minute, end_minute)| Block {
            name: "Block".to_owned(),
            period: *period,
            start_minute: *start_minute,
            end_minute: *end_minute,
        });
        Bell {
            id: TimetableColumnId::generate(),
            school_id: SchoolId::generate(),
            name: "Short day".to_owned(),
            blocks: blocks.collect(),
            version: Version::FIRST,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_minutes_of_a_day_are_those_of_its_periods() {
        let day = bell(&[(Some(1), 540, 570), (None, 570, 580), (Some(2), 580, 610)]);
        assert_eq!((day.check(), day.minutes()), (Ok(()), 60));
    }

    #[test]
    fn blocks_come_one_after_the_other_and_each_period_once() {
        let pointers = |blocks: &[(Option<u8>, u16, u16)]| {
            bell(blocks).check().unwrap_err().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(&[]), ["/blocks"]);
        assert_eq!(pointers(&[(Some(1), 540, 570), (Some(1), 570, 600)]), ["/blocks/1/period"]);
        assert_eq!(pointers(&[(Some(1), 540, 570), (None, 569, 600)]), ["/blocks/1/start_minute"]);
        assert_eq!(
            pointers(&[(Some(1), 540, 540), (Some(100), 1400, 1441)]),
            ["/blocks/0/end_minute", "/blocks/1/period", "/blocks/1/end_minute"]
        );
        assert_eq!(pointers(&[(None, 0, 1); MOST_BLOCKS + 1])[0], "/blocks");
    }
}
