//! One file a resource.

mod access;
pub mod attained;
pub mod categories;
pub mod changes;
pub mod concerns;
pub mod exchange;
pub mod gradebook;
pub mod grades;
pub mod history;
pub mod honour_roll;
pub mod honour_rules;
pub mod item_outcomes;
pub mod items;
pub mod locking;
mod number;
pub mod outcomes;
pub mod recompute;
pub mod scales;
pub mod settings;
pub mod sheets;
pub mod students;
pub mod targets;
pub mod totals;
mod writing;

use actix_web::web::Data;
use domain::Fault;
use rust_decimal::Decimal;
use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config.app_data(Data::new(Rooms { platform: platform.clone() }));
    scales::configure(config);
    settings::configure(config);
    categories::configure(config);
    items::configure(config);
    locking::configure(config);
    sheets::configure(config);
    history::configure(config);
    grades::configure(config);
    exchange::configure(config);
    gradebook::configure(config);
    recompute::configure(config);
    students::configure(config);
    changes::configure(config);
    targets::configure(config);
    honour_rules::configure(config);
    honour_roll::configure(config);
    outcomes::configure(config);
    item_outcomes::configure(config);
    attained::configure(config);
}

/// What the handlers of grades work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    platform: Platform,
}

/// What is wrong with a percentage that may be at most `most`.
fn percent_fault(percent: Decimal, most: i64, pointer: &str) -> Option<Fault> {
    let is_fine = (Decimal::ZERO..=Decimal::from(most)).contains(&percent) && percent.normalize().scale() <= 2;
    (!is_fine).then(|| Fault::new(pointer, format!("must be a number from 0 to {most} with at most two decimals")))
}
