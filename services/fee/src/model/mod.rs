//! Rules about money, as functions of values: no I/O, no clock.

pub mod ageing;
pub mod charge;
pub mod concession;
pub mod fine;
pub mod fiscal;
pub mod ledger;
pub mod settle;
pub mod split;
