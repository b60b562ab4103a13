//! Razorpay: orders over basic authentication, webhooks signed with HMAC-SHA256 over the raw body in `X-Razorpay-Signature`. An event is known by
//! `x-razorpay-event-id`; events come at least once and in any order.

use actix_web::http::header::HeaderMap;
use async_trait::async_trait;
use domain::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use service_kit::config::RazorpayKeys;
use sha2::{Digest, Sha256};

use super::calls::send;
use super::event::{Event, Notice, RefundWord, Sum};
use super::{Order, OrderRequest, Provider, ProviderError, ProviderName, RefundRequest, WebhookError, currency, signature};

/// A school's account with Razorpay.
#[derive(Debug, Clone)]
pub struct Razorpay {
    client: reqwest::Client,
    url: String,
    keys: RazorpayKeys,
}

impl Razorpay {
    /// An account; `url` is where the API answers.
    #[must_use]
    pub fn new(client: reqwest::Client, url: &str, keys: RazorpayKeys) -> Self {
        Self { client, url: url.to_owned(), keys }
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).basic_auth(&self.keys.key_id, Some(self.keys.key_secret.expose_secret()))
    }

    fn order(&self, id: String) -> Order {
        Order { id, key_id: Some(self.keys.key_id.clone()), client_secret: None }
    }
}

/// `{"error": {"code": …, "description": …}}`
fn explain(body: &serde_json::Value) -> Option<String> {
    let error = body.get("error")?;
    let part = |name: &str| error.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    Some(format!("{}: {}", part("code"), part("description")))
}

#[derive(Deserialize)]
struct OrderAnswer {
    id: String,
    amount: i64,
    currency: String,
}

/// The payments of an order, word for word: what they mean is read of each by itself.
#[derive(Deserialize)]
struct Attempts {
    items: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct RefundAnswer {
    id: String,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    event: String,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    payment: Option<Wrapped<Payment>>,
    refund: Option<Wrapped<Refund>>,
}

#[derive(Deserialize)]
struct Wrapped<T> {
    entity: T,
}

#[derive(Deserialize)]
struct Payment {
    id: String,
    amount: i64,
    currency: String,
    order_id: Option<String>,
    error_description: Option<String>,
    #[serde(default)]
    status: String,
    amount_refunded: Option<i64>,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    amount: i64,
    currency: String,
    // An object, or an empty list where there are none.
    #[serde(default)]
    notes: serde_json::Value,
}

fn word(status: &str) -> RefundWord {
    match status {
        "processed" => RefundWord::Succeeded,
        "failed" => RefundWord::Failed("the provider could not give the money back".to_owned()),
        _ => RefundWord::Pending,
    }
}

fn notice(event: &str, payload: Payload) -> Option<Notice> {
    Some(match event {
        "payment.captured" | "order.paid" => {
            let payment = payload.payment?.entity;
            // A payment without an order was not asked for by us.
            let Some(order_id) = payment.order_id else { return Some(Notice::Other) };
            Notice::Captured {
                order_id,
                payment_id: payment.id,
                money: Sum { minor: payment.amount, currency: currency(&payment.currency)? },
            }
        }
        "payment.failed" => {
            let payment = payload.payment?.entity;
            let Some(order_id) = payment.order_id else { return Some(Notice::Other) };
            Notice::Failed { order_id, reason: payment.error_description.unwrap_or_default() }
        }
        "refund.created" | "refund.processed" | "refund.failed" => {
            let refund = payload.refund?.entity;
            let our_id = refund.notes.get("refund_id").and_then(|id| id.as_str()?.parse().ok());
            let word = word(event.strip_prefix("refund.").unwrap_or_default());
            Notice::Refund {
                refund_id: refund.id,
                our_id,
                money: Sum { minor: refund.amount, currency: currency(&refund.currency)? },
                word,
            }
        }
        event if event.starts_with("payment.dispute.") => Notice::Disputed,
        _ => Notice::Other,
    })
}

#[async_trait]
impl Provider for Razorpay {
    fn name(&self) -> ProviderName {
        ProviderName::Razorpay
    }

    async fn create_order(&self, order: &OrderRequest) -> Result<Order, ProviderError> {
        // The receipt may have 40 characters; a UUID has 36.
        let body = json!({"amount": order.sum.minor, "currency": order.sum.currency, "receipt": order.payment_id,
            "notes": {"payment_id": order.payment_id, "school_id": order.school_id, "description": order.description}});
        let answer: OrderAnswer = send(self.post("/v1/orders").json(&body), explain).await?;
        if answer.amount != order.sum.minor || answer.currency != order.sum.currency.code() {
            return Err(ProviderError::Unusable("the provider made an order over another sum".to_owned()));
        }
        Ok(self.order(answer.id))
    }

    async fn find_order(&self, id: &str) -> Result<Order, ProviderError> {
        Ok(self.order(id.to_owned()))
    }

    async fn look_up(&self, id: &str) -> Result<Vec<(Event, serde_json::Value)>, ProviderError> {
        let request = self.client.get(format!("{}/v1/orders/{id}/payments", self.url));
        let request = request.basic_auth(&self.keys.key_id, Some(self.keys.key_secret.expose_secret()));
        let attempts: Attempts = send(request, explain).await?;
        let unreadable = || ProviderError::Unusable("the provider's answer about an order can't be read".to_owned());
        let mut found = Vec::new();
        for item in attempts.items {
            // An attempt that failed may be followed by one that succeeds; what is only authorised is not the school's yet. What else they hold is not looked at.
            if !matches!(item.get("status").and_then(serde_json::Value::as_str), Some("captured" | "refunded")) {
                continue;
            }
            let payment: Payment = serde_json::from_value(item.clone()).map_err(|_| unreadable())?;
            let mut event_id = format!("check/{}", payment.id);
            let notice = if payment.status == "refunded" || payment.amount_refunded.unwrap_or_default() > 0 {
                event_id.push_str("/given_back");
                Notice::GivenBack { order_id: payment.order_id.unwrap_or_else(|| id.to_owned()) }
            } else {
                let payload = Payload { payment: Some(Wrapped { entity: payment }), refund: None };
                notice("payment.captured", payload).ok_or_else(unreadable)?
            };
            found.push((Event { id: event_id, kind: "check".to_owned(), notice }, item));
        }
        // In one order, however they are listed: whoever asks at the same time takes them in the same.
        found.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
        Ok(found)
    }

    async fn refund(&self, refund: &RefundRequest) -> Result<(String, RefundWord), ProviderError> {
        let path = format!("/v1/payments/{}/refund", refund.provider_payment_id);
        let body = json!({"amount": refund.sum.minor, "receipt": refund.refund_id, "notes": {"refund_id": refund.refund_id}});
        let request = self.post(&path).header("X-Refund-Idempotency", refund.refund_id.to_string()).json(&body);
        let answer: RefundAnswer = send(request, explain).await?;
        Ok((answer.id, word(answer.status.as_deref().unwrap_or_default())))
    }

    fn read_webhook(&self, headers: &HeaderMap, body: &[u8], _: Timestamp) -> Result<Event, WebhookError> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let signature = header("x-razorpay-signature").ok_or(WebhookError::Signature)?;
        if !signature::is_of(&self.keys.webhook_secret, &[body], signature) {
            return Err(WebhookError::Signature);
        }
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| WebhookError::Unreadable)?;
        // The header is not signed. An event without one is known by its content; one under another id changes nothing that is settled.
        let id = header("x-razorpay-event-id").filter(|id| (1..=255).contains(&id.len())).map(str::to_owned);
        let id = id.unwrap_or_else(|| hex::encode(Sha256::digest(body)));
        let notice = notice(&envelope.event, envelope.payload).ok_or(WebhookError::Unreadable)?;
        Ok(Event { id, kind: envelope.event.chars().take(100).collect(), notice })
    }
}
