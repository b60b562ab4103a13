//! A field of a `PATCH` body: left out, set to null, or given.

use serde::{Deserialize, Deserializer};

/// What a `PATCH` says about a field that may be empty. The field carries `#[serde(default)]`, so that left out means [`Patch::Keep`], and for its
/// documentation `#[schema(value_type = Option<T>)]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Not mentioned: stays as it is.
    #[default]
    Keep,
    /// `null`: becomes empty.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// The field after the change.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// Whether the field is mentioned.
    #[must_use]
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Change {
        #[serde(default)]
        note: Patch<String>,
    }

    #[test]
    fn left_out_null_and_given_are_three_different_things() {
        let note = |json: &str| serde_json::from_str::<Change>(json).unwrap().note;
        assert_eq!(note("{}").apply(Some("old".into())), Some("old".to_owned()));
        assert_eq!(note(r#"{"note":null}"#).apply(Some("old".into())), None);
        assert_eq!(note(r#"{"note":"new"}"#).apply(None), Some("new".to_owned()));
    }
}
