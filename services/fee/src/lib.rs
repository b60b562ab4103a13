//! Fees, invoices, payments and the ledger.
//!
//! So far this service owns its tables (`fee_structures`, `fee_items`, `concessions`, `invoices`, `invoice_lines`, `payments`, `refunds`, `ledger_entries`, `receipt_counters`, `provider_events`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The fee service.
pub const SERVICE: Service = Service::new(ServiceName::Fee, "Fees, invoices, payments and the ledger.");
