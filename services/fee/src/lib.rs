//! Fees: what is owed, what was paid, and the ledger that says so.
//!
//! Routes: what is owed in [`routes::structures`], [`routes::fine_rules`], [`routes::fine_runs`] and [`routes::concessions`]; invoices in [`routes::runs`], [`routes::invoices`] and
//! [`routes::moves`]; money in [`routes::payments`], [`routes::shared_payments`], [`routes::payment_moves`], [`routes::orders`], [`routes::payment_checks`],
//! [`routes::refunds`] and [`routes::webhooks`]; the books in [`routes::statements`], [`routes::dues`], [`routes::ledger`], [`routes::closings`],
//! [`routes::deposits`], [`routes::reconciliation`] and [`routes::provider_events`]; receipts as PDF in [`routes::receipts`].
//!
//! Tables: `fee_settings`, `fee_profiles`, `fee_structures`, `fee_items`, `fine_rules`, `concessions`, `invoices`, `invoice_lines`, `invoice_counters`,
//! `payments`, `payment_allocations`, `refunds`, `waivers`, `receipt_counters`, `voucher_counters`, `ledger_entries`, `day_closings`, `provider_events`. All of it commits in
//! PostgreSQL before the answer; payments are then cached as `write_buffer:payment:{p17}:<id>`.
//!
//! Events: `invoice:*`, `payment:*` and `refund:*` through the outbox. Durable consumers make invoices of `inventory:penalty_due` and `transport:fee_due`,
//! work off `invoice_run:requested` and `fine_run:requested`, ask providers for `refund:requested`, and keep the cached payments current.
//!
//! What the database itself refuses: a ledger that does not balance or is rewritten, an invoice or payment that differs from its lines, allocations, refunds
//! or the ledger, a receipt or voucher number that leaves a gap, an entry on a day that is closed, another word of what a provider told, an optional head that
//! is charged twice.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod desk;
mod events;
pub mod model;
pub mod providers;
mod receipt;
mod remember;
pub mod routes;
pub mod store;
mod workers;

use domain::ServiceName;
use service_kit::Service;

/// The fee service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    consumers: workers::consumers,
    ..Service::new(ServiceName::Fee, "Fees, invoices, payments and the ledger.")
};
