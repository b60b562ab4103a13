//! What a write of grades and a change of their item's rules agree on.

use domain::{GradeItemId, SchoolId, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// Where the sheet of an item has got to. One row an item, made when it is first needed; its id is the item's.
///
/// Every write of grades moves it, and so does whoever is about to change what may be written: so none of them misses another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradeSheet {
    /// The item.
    pub id: GradeItemId,
    /// The school.
    pub school_id: SchoolId,
    /// The item's version that is to come, or came, with the last change of its rules that was announced.
    pub item_version: Version,
    /// One more with each write of grades and each announcement.
    pub version: Version,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl GradeSheet {
    /// The first version of an item's sheet.
    #[must_use]
    pub const fn first(school_id: SchoolId, id: GradeItemId, now: Timestamp) -> Self {
        Self { id, school_id, item_version: Version::FIRST, version: Version::FIRST, created_at: now, updated_at: now }
    }

    /// The next version.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }

    /// Whether a change is announced that an item of version `item_version` has not seen.
    #[must_use]
    pub fn awaits_more_than(&self, item_version: Version) -> bool {
        self.item_version > item_version
    }
}
