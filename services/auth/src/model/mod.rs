//! Pure rules.

pub mod lockout;
pub mod password;
pub mod place;
pub mod rank;
pub mod refresh_token;
