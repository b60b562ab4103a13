//! One file a resource.

mod access;
pub mod charges;
pub mod closings;
pub mod concession_requests;
pub mod concessions;
pub mod deposits;
pub mod dues;
pub mod fine_rules;
pub mod fine_runs;
pub mod heads;
pub mod invoice_views;
pub mod invoices;
pub mod ledger;
pub mod moves;
pub mod orders;
pub mod payment_checks;
pub mod payment_moves;
pub mod payments;
pub mod profiles;
pub mod provider_events;
pub mod receipts;
pub mod reconciliation;
pub mod refunds;
pub mod runs;
pub mod settings;
pub mod shared_payments;
pub mod statements;
pub mod structures;
pub mod views;
pub mod webhooks;

use actix_web::web::Data;
use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::providers::Gateways;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config.app_data(Data::new(Rooms { platform: platform.clone(), gateways: Gateways::default() }));
    settings::configure(config);
    structures::configure(config);
    fine_rules::configure(config);
    fine_runs::configure(config);
    concessions::configure(config);
    concession_requests::configure(config);
    profiles::configure(config);
    // Paths that name something come before those that take any id.
    runs::configure(config);
    invoices::configure(config);
    moves::configure(config);
    orders::configure(config);
    shared_payments::configure(config);
    payments::configure(config);
    payment_moves::configure(config);
    payment_checks::configure(config);
    refunds::configure(config);
    receipts::configure(config);
    statements::configure(config);
    dues::configure(config);
    closings::configure(config);
    deposits::configure(config);
    ledger::configure(config);
    reconciliation::configure(config);
    provider_events::configure(config);
    webhooks::configure(config);
}

/// What handlers without a caller, or with a provider, work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    platform: Platform,
    gateways: Gateways,
}
