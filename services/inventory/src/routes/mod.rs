//! One file a resource.

mod access;
pub mod barcodes;
pub mod books;
pub mod catalogue;
pub mod categories;
pub mod exchange;
pub mod issues;
pub mod items;
pub mod keepers;
pub mod loans;
pub mod locations;
pub mod movements;
pub mod opening_stock;
pub mod repairs;
pub mod reports;
pub mod reservations;
pub mod returns;
pub mod splits;
pub mod stock_takes;
pub mod suppliers;
pub mod transfers;
pub mod units;
mod upload;

use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(_: &Platform, config: &mut ServiceConfig<'_>) {
    categories::configure(config);
    suppliers::configure(config);
    locations::configure(config);
    keepers::configure(config);
    exchange::configure(config);
    books::configure(config);
    catalogue::configure(config);
    opening_stock::configure(config);
    items::configure(config);
    units::configure(config);
    movements::configure(config);
    issues::configure(config);
    returns::configure(config);
    transfers::configure(config);
    loans::configure(config);
    splits::configure(config);
    reservations::configure(config);
    repairs::configure(config);
    stock_takes::configure(config);
    barcodes::configure(config);
    reports::configure(config);
}
