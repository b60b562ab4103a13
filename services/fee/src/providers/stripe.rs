//! Stripe: payment intents over bearer authentication, webhooks signed with HMAC-SHA256 over time and raw body in `Stripe-Signature`, good for five minutes.
//!
//! Stripe's smallest unit is not always that of ISO 4217: see [`decimals`].

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use async_trait::async_trait;
use domain::{Currency, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use service_kit::config::StripeKeys;

use super::calls::{form, send};
use super::event::{Event, Notice, RefundWord, Sum};
use super::{Order, OrderRequest, Provider, ProviderError, ProviderName, RefundRequest, WebhookError, currency, signature};

/// How far a signature's time may be from ours, in seconds: what Stripe's own libraries allow.
const TOLERANCE: i64 = 300;

/// A school's account with Stripe.
#[derive(Debug, Clone)]
pub struct Stripe {
    client: reqwest::Client,
    url: String,
    keys: StripeKeys,
}

impl Stripe {
    /// An account; `url` is where the API answers.
    #[must_use]
    pub fn new(client: reqwest::Client, url: &str, keys: StripeKeys) -> Self {
        Self { client, url: url.to_owned(), keys }
    }

    fn post(&self, path: &str, key: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{path}", self.url))
            .bearer_auth(self.keys.secret_key.expose_secret())
            .header("Idempotency-Key", key)
            .header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
            .body(form(fields))
    }
}

/// The decimals that Stripe reckons with: those of ISO 4217, but for Malagasy ariary, which it takes whole, and for Icelandic krónur and Ugandan shillings,
/// which it takes in hundredths that must be zero.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "MGA" => 0,
        "ISK" | "UGX" => 2,
        _ => currency.decimals(),
    }
}

/// Our minor units in Stripe's. Of three decimals the last must be zero.
fn to_stripe(sum: Sum) -> Result<i64, ProviderError> {
    let unpayable = || ProviderError::Unpayable(format!("{} {} can't be paid with Stripe", sum.currency.format(sum.minor), sum.currency));
    let (ours, theirs) = (sum.currency.decimals(), decimals(sum.currency));
    let scaled = if theirs >= ours {
        10_i64.checked_pow(theirs - ours).and_then(|factor| sum.minor.checked_mul(factor))
    } else {
        let factor = 10_i64.pow(ours - theirs);
        (sum.minor % factor == 0).then_some(sum.minor / factor)
    };
    scaled.filter(|minor| theirs != 3 || minor % 10 == 0).ok_or_else(unpayable)
}

/// Stripe's minor units in ours. What is no whole number of ours is no sum of an order of ours.
fn from_stripe(minor: i64, currency: Currency) -> Option<Sum> {
    let (ours, theirs) = (currency.decimals(), decimals(currency));
    let minor = if theirs >= ours {
        let factor = 10_i64.pow(theirs - ours);
        (minor % factor == 0).then_some(minor / factor)?
    } else {
        minor.checked_mul(10_i64.pow(ours - theirs))?
    };
    Some(Sum { minor, currency })
}

/// `{"error": {"type": …, "code": …, "message": …}}`
fn explain(body: &serde_json::Value) -> Option<String> {
    let error = body.get("error")?;
    let part = |name: &str| error.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    Some(format!("{} {}: {}", part("type"), part("code"), part("message")))
}

#[derive(Deserialize)]
struct Intent {
    id: String,
    client_secret: Option<String>,
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    latest_charge: Option<serde_json::Value>,
    #[serde(default)]
    status: String,
    last_payment_error: Option<PaymentError>,
}

#[derive(Deserialize)]
struct PaymentError {
    message: Option<String>,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

impl Intent {
    fn order(self) -> Order {
        Order { id: self.id, key_id: None, client_secret: self.client_secret }
    }
}

impl Refund {
    fn word(&self) -> RefundWord {
        match self.status.as_deref() {
            Some("succeeded") => RefundWord::Succeeded,
            Some("failed" | "canceled") => RefundWord::Failed(self.failure_reason.clone().unwrap_or_else(|| "cancelled".to_owned())),
            _ => RefundWord::Pending,
        }
    }
}

fn notice(kind: &str, object: serde_json::Value) -> Option<Notice> {
    Some(match kind {
        "payment_intent.succeeded" => {
            let intent: Intent = serde_json::from_value(object).ok()?;
            let money = from_stripe(intent.amount_received, currency(&intent.currency)?)?;
            // An id, or the charge itself where the account expands it.
            let charge = intent.latest_charge.as_ref().and_then(|charge| charge.as_str().or_else(|| charge.get("id")?.as_str()));
            let payment_id = charge.unwrap_or(&intent.id).to_owned();
            Notice::Captured { order_id: intent.id, payment_id, money }
        }
        "payment_intent.payment_failed" | "payment_intent.canceled" => {
            let intent: Intent = serde_json::from_value(object).ok()?;
            let reason = intent.last_payment_error.and_then(|error| error.message).unwrap_or_else(|| "cancelled".to_owned());
            Notice::Failed { order_id: intent.id, reason }
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let refund: Refund = serde_json::from_value(object).ok()?;
            let our_id = refund.metadata.get("refund_id").and_then(|id| id.as_str()?.parse().ok());
            let money = from_stripe(refund.amount, currency(&refund.currency)?)?;
            let word = refund.word();
            Notice::Refund { refund_id: refund.id, our_id, money, word }
        }
        kind if kind.starts_with("charge.dispute.") => Notice::Disputed,
        _ => Notice::Other,
    })
}

/// Whether the money of a charge, or some of it, went back, or a bank may still take it.
fn was_given_back(charge: &serde_json::Value) -> bool {
    let is_set = |name: &str| charge.get(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
    is_set("refunded")
        || is_set("disputed")
        || charge.get("amount_refunded").and_then(serde_json::Value::as_i64).is_some_and(|back| back > 0)
}

/// `t=1492774577,v1=5257a8…,v1=…`: one `t`, and a `v1` for each secret while secrets are exchanged.
fn signed(header: &str) -> Option<(&str, Vec<&str>)> {
    let pairs: Vec<(&str, &str)> = header.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let mut times = pairs.iter().filter(|(name, _)| *name == "t").map(|(_, value)| *value);
    let time = times.next().filter(|_| times.next().is_none())?;
    Some((time, pairs.iter().filter(|(name, _)| *name == "v1").map(|(_, value)| *value).collect()))
}

#[async_trait]
impl Provider for Stripe {
    fn name(&self) -> ProviderName {
        ProviderName::Stripe
    }

    async fn create_order(&self, order: &OrderRequest) -> Result<Order, ProviderError> {
        let amount = to_stripe(order.sum)?;
        let (payment, school) = (order.payment_id.to_string(), order.school_id.to_string());
        let fields = [
            ("amount", &*amount.to_string()),
            ("currency", &order.sum.currency.code().to_ascii_lowercase()),
            ("automatic_payment_methods[enabled]", "true"),
            ("description", &order.description),
            ("metadata[payment_id]", &payment),
            ("metadata[school_id]", &school),
        ];
        let intent: Intent = send(self.post("/v1/payment_intents", &payment, &fields), explain).await?;
        if intent.amount != amount || !intent.currency.eq_ignore_ascii_case(order.sum.currency.code()) {
            return Err(ProviderError::Unusable("the provider made an order over another sum".to_owned()));
        }
        Ok(intent.order())
    }

    async fn find_order(&self, id: &str) -> Result<Order, ProviderError> {
        let request = self.client.get(format!("{}/v1/payment_intents/{id}", self.url)).bearer_auth(self.keys.secret_key.expose_secret());
        Ok(send::<Intent>(request, explain).await?.order())
    }

    async fn look_up(&self, id: &str) -> Result<Vec<(Event, serde_json::Value)>, ProviderError> {
        // The charge as a whole, which says whether the money is still there: an intent stays `succeeded` when it is given back. It is in this version and later ones.
        let request = self.client.get(format!("{}/v1/payment_intents/{id}?expand[]=latest_charge", self.url));
        let request = request.header("Stripe-Version", "2022-11-15").bearer_auth(self.keys.secret_key.expose_secret());
        let answer: serde_json::Value = send(request, explain).await?;
        let unreadable = || ProviderError::Unusable("the provider's answer about an order can't be read".to_owned());
        let intent: Intent = serde_json::from_value(answer.clone()).map_err(|_| unreadable())?;
        // Other states may still become one of these.
        let kind = match intent.status.as_str() {
            "succeeded" => "payment_intent.succeeded",
            "canceled" => "payment_intent.canceled",
            _ => return Ok(Vec::new()),
        };
        let notice = match &intent.latest_charge {
            Some(charge) if was_given_back(charge) => Notice::GivenBack { order_id: intent.id.clone() },
            _ => notice(kind, answer.clone()).ok_or_else(unreadable)?,
        };
        let became = if matches!(notice, Notice::GivenBack { .. }) { "given_back" } else { &intent.status };
        Ok(vec![(Event { id: format!("check/{}/{became}", intent.id), kind: "check".to_owned(), notice }, answer)])
    }

    async fn refund(&self, refund: &RefundRequest) -> Result<(String, RefundWord), ProviderError> {
        let (amount, id) = (to_stripe(refund.sum)?.to_string(), refund.refund_id.to_string());
        let fields = [("payment_intent", refund.provider_order_id.as_str()), ("amount", &amount), ("metadata[refund_id]", &id)];
        let answer: Refund = send(self.post("/v1/refunds", &id, &fields), explain).await?;
        let word = answer.word();
        Ok((answer.id, word))
    }

    fn read_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, WebhookError> {
        let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).ok_or(WebhookError::Signature)?;
        let (time, signatures) = signed(header).ok_or(WebhookError::Signature)?;
        let right = |signature: &&str| signature::is_of(&self.keys.webhook_secret, &[time.as_bytes(), b".", body], signature);
        if !signatures.iter().any(right) {
            return Err(WebhookError::Signature);
        }
        // After the signature: nobody learns our clock by trying.
        let signed_at: i64 = time.parse().map_err(|_| WebhookError::Signature)?;
        if (now.timestamp().saturating_sub(signed_at)).abs() > TOLERANCE {
            return Err(WebhookError::Stale);
        }
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| WebhookError::Unreadable)?;
        if !(1..=255).contains(&envelope.id.len()) {
            return Err(WebhookError::Unreadable);
        }
        let notice = notice(&envelope.r#type, envelope.data.object).ok_or(WebhookError::Unreadable)?;
        Ok(Event { id: envelope.id, kind: envelope.r#type.chars().take(100).collect(), notice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(minor: i64, code: &str) -> Sum {
        Sum { minor, currency: code.parse().unwrap() }
    }

    #[test]
    fn amounts_are_in_stripes_units_and_come_back_as_ours() {
        for (minor, code, theirs) in
            [(12_345, "INR", 12_345), (500, "JPY", 500), (500, "UGX", 50_000), (7, "ISK", 700), (1_230, "KWD", 1_230), (500, "MGA", 5)]
        {
            assert_eq!(to_stripe(sum(minor, code)).unwrap(), theirs, "{code}");
            assert_eq!(from_stripe(theirs, code.parse().unwrap()), Some(sum(minor, code)), "{code}");
        }
        assert!(to_stripe(sum(1_231, "KWD")).is_err(), "the third decimal must be zero");
        assert!(to_stripe(sum(501, "MGA")).is_err(), "no fraction of an ariary");
        assert_eq!(from_stripe(50_001, "UGX".parse().unwrap()), None);
    }

    #[test]
    fn a_signature_header_has_one_time_and_any_number_of_signatures() {
        assert_eq!(signed("t=1,v1=a,v0=b,v1=c"), Some(("1", vec!["a", "c"])));
        assert_eq!(signed("t=1,t=2,v1=a"), None);
        assert_eq!(signed("v1=a"), None);
    }
}
