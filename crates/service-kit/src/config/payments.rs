//! Providers of payments: whose account a school's money goes to, and what proves that a webhook is theirs.

use std::collections::HashMap;

use domain::SchoolId;
use secrecy::SecretString;
use serde::Deserialize;

/// A school's account with Razorpay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RazorpayKeys {
    /// The public half of the key.
    pub key_id: String,
    /// The secret half.
    pub key_secret: SecretString,
    /// What webhooks are signed with.
    pub webhook_secret: SecretString,
}

/// A school's account with Stripe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeKeys {
    /// The secret key.
    pub secret_key: SecretString,
    /// What webhooks are signed with.
    pub webhook_secret: SecretString,
}

/// The accounts of a school.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderKeys {
    /// With Razorpay.
    pub razorpay: Option<RazorpayKeys>,
    /// With Stripe.
    pub stripe: Option<StripeKeys>,
}

/// Providers of payments.
#[derive(Debug, Clone)]
pub struct PaymentsConfig {
    /// Where Razorpay answers.
    pub razorpay_url: String,
    /// Where Stripe answers.
    pub stripe_url: String,
    /// The accounts of schools that have none of their own.
    pub shared: ProviderKeys,
    /// Accounts by school.
    pub schools: HashMap<SchoolId, ProviderKeys>,
}

impl PaymentsConfig {
    /// The school's account with Razorpay.
    #[must_use]
    pub fn razorpay(&self, school: SchoolId) -> Option<&RazorpayKeys> {
        self.schools.get(&school).map_or(&self.shared, |own| own).razorpay.as_ref()
    }

    /// The school's account with Stripe.
    #[must_use]
    pub fn stripe(&self, school: SchoolId) -> Option<&StripeKeys> {
        self.schools.get(&school).map_or(&self.shared, |own| own).stripe.as_ref()
    }
}
