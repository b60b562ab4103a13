//! What a violated constraint means to a client. The constraints are the rules; this gives each its words and the field that it is about.

use domain::Fault;
use service_kit::{Kind, Problem};
use store::StoreError;

/// A rule that the database keeps.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The constraint or unique index; every one named here exists, which a service's tests check against the catalogue.
    pub constraint: &'static str,
    kind: Kind,
    pointer: &'static str,
    detail: &'static str,
}

impl Rule {
    /// There is one already.
    #[must_use]
    pub const fn once(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Self {
        Self { constraint, kind: Kind::AlreadyExists, pointer, detail }
    }

    /// It doesn't go together with what there is.
    #[must_use]
    pub const fn overlap(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Self {
        Self { constraint, kind: Kind::Conflict, pointer, detail }
    }

    /// It points at what is not there.
    #[must_use]
    pub const fn exists(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Self {
        Self { constraint, kind: Kind::ReferenceNotFound, pointer, detail }
    }
}

/// The problem that `error` is to a client, in the words of `rules`.
pub fn refuse(rules: &[Rule], error: impl Into<StoreError>) -> Problem {
    let error = error.into();
    let Some(rule) = error.constraint().and_then(|name| rules.iter().find(|rule| rule.constraint == name)) else {
        return error.into();
    };
    let mut sentence = rule.detail.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::new(rule.kind, format!("{sentence}.")).with_faults(vec![Fault::new(rule.pointer, rule.detail)])
}
