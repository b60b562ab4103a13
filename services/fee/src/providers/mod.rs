//! Providers of payments behind one trait: an order that somebody pays at the provider's, money that goes back, and webhooks that tell of both.
//!
//! What a provider says counts only if it is signed, and only for the order that it names: its amount and currency must be those that we asked for.

mod calls;
mod event;
mod razorpay;
mod signature;
mod stripe;

use std::sync::{Arc, OnceLock};

use actix_web::http::header::HeaderMap;
use async_trait::async_trait;
use domain::{Currency, SchoolId, Timestamp};
use service_kit::config::PaymentsConfig;
use thiserror::Error;
use uuid::Uuid;

pub use event::{Event, Notice, RefundWord, Sum};
pub use razorpay::Razorpay;
pub use stripe::Stripe;

/// The providers that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// Razorpay.
    Razorpay,
    /// Stripe.
    Stripe,
}

impl ProviderName {
    /// The name in tables and paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Razorpay => "razorpay",
            Self::Stripe => "stripe",
        }
    }

    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Razorpay, Self::Stripe].into_iter().find(|one| one.as_str() == name)
    }
}

/// What is to be paid.
#[derive(Debug, Clone)]
pub struct OrderRequest {
    /// Our payment, which is the key under which a repeated request is recognised.
    pub payment_id: Uuid,
    /// The school.
    pub school_id: SchoolId,
    /// How much.
    pub sum: Sum,
    /// What for, for the payer's statement.
    pub description: String,
}

/// An order at the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id there.
    pub id: String,
    /// What a checkout in a browser needs besides: Razorpay's public key.
    pub key_id: Option<String>,
    /// What a checkout in a browser needs besides: the secret of Stripe's payment intent, good for this one payment.
    pub client_secret: Option<String>,
}

/// What is to be given back.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    /// Our refund, which is the key under which a repeated request is recognised.
    pub refund_id: Uuid,
    /// The provider's payment.
    pub provider_payment_id: String,
    /// The provider's order.
    pub provider_order_id: String,
    /// How much.
    pub sum: Sum,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// It did not answer, or said that it can't now. It may have done it: asking again under the same key is safe.
    #[error("the provider did not answer: {0}")]
    Away(String),
    /// It refuses; asking again would not help.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// It takes no such sum.
    #[error("{0}")]
    Unpayable(String),
    /// Its answer makes no sense, or it can't be asked for this.
    #[error("{0}")]
    Unusable(String),
}

/// Why a webhook is not taken. The provider learns no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// It is not signed, or not by who knows the secret.
    #[error("the signature is missing or wrong")]
    Signature,
    /// It was signed too long ago: somebody may be sending it again.
    #[error("the signature is too old")]
    Stale,
    /// It is signed and can't be read.
    #[error("the event can't be read")]
    Unreadable,
}

/// A school's account with a provider of payments.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which one it is.
    fn name(&self) -> ProviderName;
    /// Makes an order.
    async fn create_order(&self, order: &OrderRequest) -> Result<Order, ProviderError>;
    /// The order again, for a client that lost the answer.
    async fn find_order(&self, id: &str) -> Result<Order, ProviderError>;
    /// What became of an order: what an event that never came would have told, with the words of the provider's answer. Nothing, as long as nobody has paid.
    async fn look_up(&self, id: &str) -> Result<Vec<(Event, serde_json::Value)>, ProviderError>;
    /// Gives money back. Answers the provider's id and where it stands.
    async fn refund(&self, refund: &RefundRequest) -> Result<(String, RefundWord), ProviderError>;
    /// The event in `body`, if it is the provider's.
    fn read_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, WebhookError>;
}

/// The providers, for all schools of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gateways {
    client: Arc<OnceLock<reqwest::Client>>,
}

impl Gateways {
    /// The school's account with `provider`, if it has one.
    pub fn of(
        &self,
        config: &PaymentsConfig,
        school: SchoolId,
        provider: ProviderName,
    ) -> Result<Option<Box<dyn Provider>>, ProviderError> {
        let client = if let Some(client) = self.client.get() {
            client.clone()
        } else {
            let made = calls::client()?;
            self.client.get_or_init(|| made).clone()
        };
        Ok(match provider {
            ProviderName::Razorpay => {
                config.razorpay(school).map(|keys| Box::new(Razorpay::new(client, &config.razorpay_url, keys.clone())) as Box<dyn Provider>)
            }
            ProviderName::Stripe => {
                config.stripe(school).map(|keys| Box::new(Stripe::new(client, &config.stripe_url, keys.clone())) as Box<dyn Provider>)
            }
        })
    }
}

/// A currency in a provider's spelling.
fn currency(code: &str) -> Option<Currency> {
    code.to_ascii_uppercase().parse().ok()
}
