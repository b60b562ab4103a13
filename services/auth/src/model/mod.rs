//! Pure rules.

pub mod capacity;
pub mod dates;
pub mod lockout;
pub mod password;
pub mod place;
pub mod rank;
pub mod refresh_token;
pub mod row_status;
pub mod term_kind;
