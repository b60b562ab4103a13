//! Items, stock and loans.
//!
//! So far this service owns its tables (`inventory_locations`, `inventory_items`, `stock_movements`, `inventory_loans`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The inventory service.
pub const SERVICE: Service = Service::new(ServiceName::Inventory, "Items, stock and loans.");
