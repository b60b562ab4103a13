//! The store room and the library: what the school has, where it is, what it is worth, and who has borrowed it.
//!
//! Routes, under `/api/v1/inventory`: what things are filed under in [`routes::categories`], [`routes::suppliers`] and [`routes::locations`], and who of the
//! staff keeps what in [`routes::keepers`]; things in [`routes::items`], [`routes::books`] and their [`routes::units`], for borrowers in [`routes::catalogue`]; what happens to them in
//! [`routes::movements`], [`routes::issues`], [`routes::returns`] and [`routes::transfers`]; lending in [`routes::loans`], [`routes::splits`] and [`routes::reservations`];
//! [`routes::repairs`]; counting in [`routes::stock_takes`]; labels and scanning in [`routes::barcodes`]; [`routes::reports`]; files in [`routes::exchange`],
//! [`routes::opening_stock`] and [`routes::books`].
//!
//! Tables: `inventory_categories`, `inventory_suppliers`, `inventory_locations`, `inventory_keepers`, `inventory_items`, `inventory_books`, `inventory_units`,
//! `inventory_loans`, `inventory_reservations`, `inventory_repairs`, `inventory_stock_takes`, `inventory_counts` and the append-only `stock_movements`.
//! `inventory_stock`, `inventory_valuations` and the whereabouts of units follow from movements: triggers write them, and nobody else can. Everything commits in
//! PostgreSQL before the answer. A movement of an item waits for the one before (its valuation's row is locked first), so stock never falls below zero and two
//! transfers never wait for each other. What moves wants an `Idempotency-Key`.
//!
//! Events, through the outbox: `inventory:penalty_due` for a loan of a student that is closed late or as lost, once for each loan; `loan:overdue`, once for each
//! due day; `reservation:ready` when something is kept for whoever waited for it; `item:lost`, `repair:started`, `repair:finished`, and `stock:low` when an item
//! falls to its reorder level. What ran low is told, and queues are settled, when the books of an item are closed, by what there was when they were opened. What time does by itself is in [`sweep`].
//!
//! The rules are in [`model`]: the moving average in [`model::valuation`], what being late costs in [`model::penalty`], who is next in [`model::queue`], what a
//! count says in [`model::count`], barcodes in [`model::barcode`], catalogue records in [`model::marc`] and [`model::book`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod desk;
mod events;
pub mod model;
pub mod routes;
pub mod store;
pub mod sweep;

use domain::ServiceName;
use service_kit::Service;

/// The inventory service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    background: |platform| vec![sweep::task(platform)],
    ..Service::new(ServiceName::Inventory, "Items, stock and loans.")
};
