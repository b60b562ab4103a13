//! A school's own codes, and what each counts as.
//!
//! What a code counts as never changes once it is there, nor does its letter: marks of years past would mean something else. A school that wants another
//! meaning takes the code out of use and makes a new one.

use domain::{AttendanceCodeId, SchoolId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a mark counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountsAs {
    /// There, from the beginning.
    Present,
    /// Not there.
    Absent,
    /// There, but not from the beginning.
    Late,
    /// Not there, with leave or a good reason: shown by itself, and no part of the rate.
    Excused,
    /// As if the register had not been taken for this student: a trip, an examination elsewhere.
    NotCounted,
}

impl CountsAs {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Late => "late",
            Self::Excused => "excused",
            Self::NotCounted => "not_counted",
        }
    }
}

/// A code as it is stored.
// Each is a column of its own, and any may be set without the others.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Its id.
    pub id: AttendanceCodeId,
    /// The school.
    pub school_id: SchoolId,
    /// What is written into the register: `P`.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// What it counts as.
    pub counts_as: CountsAs,
    /// Whether a register starts with it.
    pub is_default: bool,
    /// Whether it can be given.
    pub is_active: bool,
    /// Whether only the office may give it.
    pub office_only: bool,
    /// Whether approved leave gives it.
    pub is_leave: bool,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A code that a school starts with.
#[derive(Debug, Clone, Copy)]
pub struct Seeded {
    /// What is written into the register.
    pub code: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What it counts as.
    pub counts_as: CountsAs,
    /// Whether approved leave gives it.
    pub is_leave: bool,
}

/// The codes that a school starts with; `P` is the default.
pub const SEEDED: &[Seeded] = &[
    Seeded { code: "P", name: "Present", counts_as: CountsAs::Present, is_leave: false },
    Seeded { code: "A", name: "Absent", counts_as: CountsAs::Absent, is_leave: false },
    Seeded { code: "L", name: "Late", counts_as: CountsAs::Late, is_leave: false },
    Seeded { code: "E", name: "Excused", counts_as: CountsAs::Excused, is_leave: true },
    Seeded { code: "T", name: "School trip", counts_as: CountsAs::NotCounted, is_leave: false },
];

/// All codes of a school, those out of use included: old marks carry them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBook(pub Vec<Code>);

impl CodeBook {
    /// The code that is written so, exactly.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<&Code> {
        self.0.iter().find(|known| known.code == code)
    }

    /// The code as the school writes it, whatever the case it is asked for in: no two differ in that alone. What the school doesn't have stays as it is.
    #[must_use]
    pub fn spelt<'a>(&'a self, code: &'a str) -> &'a str {
        let alike = || self.0.iter().find(|known| known.code.to_lowercase() == code.to_lowercase());
        self.get(code).or_else(alike).map_or(code, |known| &known.code)
    }

    /// What a register starts with.
    #[must_use]
    pub fn default_code(&self) -> Option<&Code> {
        self.0.iter().find(|known| known.is_default && known.is_active)
    }

    /// What approved leave gives.
    #[must_use]
    pub fn leave_code(&self) -> Option<&Code> {
        self.0.iter().find(|known| known.is_leave && known.is_active)
    }

    /// What a mark with this code counts as. A code that isn't known any more can't be judged.
    #[must_use]
    pub fn counts_as(&self, code: &str) -> CountsAs {
        self.get(code).map_or(CountsAs::NotCounted, |known| known.counts_as)
    }
}
