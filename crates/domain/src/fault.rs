//! What is wrong with a request, in the words of RFC 9457's `errors[]`.

use serde::{Deserialize, Serialize};

/// One fault in what a client sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// Where: a JSON pointer into the body (`/due_at`), or `query:limit`, `header:If-Match`, `path:id`.
    pub pointer: String,
    /// Why, for a person.
    pub detail: String,
}

impl Fault {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// Collects every fault before refusing, so that a client can mend all of them at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// None so far.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Notes a fault unless `holds`.
    pub fn require(&mut self, holds: bool, pointer: &str, detail: impl Into<String>) {
        if !holds {
            self.0.push(Fault::new(pointer, detail));
        }
    }

    /// Notes a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// `Ok` if there were none.
    pub fn into_result(self) -> Result<(), Vec<Fault>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
