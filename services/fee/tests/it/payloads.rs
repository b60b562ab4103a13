//! Each event of both providers as it comes over the wire (`tests/payloads`), signed as they sign it, and what it means to us.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use domain::Timestamp;
use fee::providers::{Event, Notice, Provider, Razorpay, RefundWord, Stripe, Sum, WebhookError};
use secrecy::SecretString;
use service_kit::config::{RazorpayKeys, StripeKeys};

use crate::webhooks::sign;

const SECRET: &str = "a secret";

fn client() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().build().unwrap()
}

fn razorpay() -> Razorpay {
    let keys = RazorpayKeys { key_id: "rzp".into(), key_secret: SecretString::from("k"), webhook_secret: SecretString::from(SECRET) };
    Razorpay::new(client(), "http://127.0.0.1:9", keys)
}

fn stripe() -> Stripe {
    let keys = StripeKeys { secret_key: SecretString::from("sk"), webhook_secret: SecretString::from(SECRET) };
    Stripe::new(client(), "http://127.0.0.1:9", keys)
}

fn payload(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/payloads/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn now() -> Timestamp {
    "2026-11-21T06:00:05Z".parse().unwrap()
}

/// The event in a payload, read by who signed it.
fn heard(name: &str) -> Event {
    let body = payload(name);
    let read = if name.starts_with("stripe") {
        let at = now().timestamp().to_string();
        let signature = format!("t={at},v1={}", sign(SECRET, &[&at, ".", &body]));
        stripe().read_webhook(&headers(&[("stripe-signature", signature)]), body.as_bytes(), now())
    } else {
        let pairs = [("x-razorpay-signature", sign(SECRET, &[&body])), ("x-razorpay-event-id", "evt_1".to_owned())];
        razorpay().read_webhook(&headers(&pairs), body.as_bytes(), now())
    };
    read.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn sum(minor: i64, currency: &str) -> Sum {
    Sum { minor, currency: currency.parse().unwrap() }
}

#[test]
fn every_kind_of_event_means_what_the_provider_documents() {
    let captured = |order: &str, payment: &str, money| Notice::Captured { order_id: order.into(), payment_id: payment.into(), money };
    let failed = |order: &str, reason: &str| Notice::Failed { order_id: order.into(), reason: reason.into() };
    let our_id = Some("01aa0000-0000-7000-8000-000000000002".parse().unwrap());
    let refund = |id: &str, our_id, money, word| Notice::Refund { refund_id: id.into(), our_id, money, word };
    let (order, intent) = ("order_Q1v7zB9nYw5HsE", "pi_3SchoolFees0000000001");
    let (rupees, back) = (sum(4_500_000, "INR"), sum(150_000, "INR"));
    for (name, kind, notice) in [
        ("razorpay_payment_authorized", "payment.authorized", Notice::Other),
        ("razorpay_payment_captured", "payment.captured", captured(order, "pay_Q1v8mT4kXc2LdR", rupees)),
        ("razorpay_order_paid", "order.paid", captured(order, "pay_Q1v8mT4kXc2LdR", rupees)),
        ("razorpay_payment_failed", "payment.failed", failed(order, "Payment was unsuccessful as the bank declined it.")),
        ("razorpay_refund_created", "refund.created", refund("rfnd_Q2b3C4d5E6f7G8", our_id, back, RefundWord::Pending)),
        ("razorpay_refund_processed", "refund.processed", refund("rfnd_Q2b3C4d5E6f7G8", our_id, back, RefundWord::Succeeded)),
        (
            "razorpay_refund_failed",
            "refund.failed",
            refund("rfnd_Q2b3C4d5E6f7G8", None, back, RefundWord::Failed("the provider could not give the money back".into())),
        ),
        ("stripe_payment_intent_created", "payment_intent.created", Notice::Other),
        ("stripe_payment_intent_succeeded", "payment_intent.succeeded", captured(intent, "ch_3SchoolFees0000000001", sum(12_340, "KWD"))),
        (
            "stripe_payment_intent_succeeded_expanded",
            "payment_intent.succeeded",
            captured(intent, "ch_3SchoolFees0000000002", sum(1_234, "JPY")),
        ),
        ("stripe_payment_intent_payment_failed", "payment_intent.payment_failed", failed(intent, "Your card was declined.")),
        ("stripe_payment_intent_canceled", "payment_intent.canceled", failed(intent, "cancelled")),
        ("stripe_refund_created", "refund.created", refund("re_3SchoolFees0000000001", our_id, sum(2_340, "KWD"), RefundWord::Pending)),
        ("stripe_refund_updated", "refund.updated", refund("re_3SchoolFees0000000001", our_id, sum(2_340, "KWD"), RefundWord::Succeeded)),
        (
            "stripe_charge_refund_updated",
            "charge.refund.updated",
            refund("re_3SchoolFees0000000001", None, sum(2_340, "KWD"), RefundWord::Failed("lost_or_stolen_card".into())),
        ),
    ] {
        let event = heard(name);
        assert_eq!((event.kind.as_str(), event.notice), (kind, notice), "{name}");
        assert!(event.id.starts_with("evt_"), "{name}: {}", event.id);
    }
}

#[test]
fn a_payload_is_its_bytes_and_no_byte_may_differ() {
    for name in ["razorpay_payment_captured", "stripe_payment_intent_succeeded"] {
        let body = payload(name);
        let at = now().timestamp().to_string();
        let read = |sent: &str| {
            if name.starts_with("stripe") {
                let signature = format!("t={at},v1={}", sign(SECRET, &[&at, ".", &body]));
                stripe().read_webhook(&headers(&[("stripe-signature", signature)]), sent.as_bytes(), now())
            } else {
                razorpay().read_webhook(&headers(&[("x-razorpay-signature", sign(SECRET, &[&body]))]), sent.as_bytes(), now())
            }
        };
        assert!(read(&body).is_ok(), "{name}");
        // The same JSON, written in another way.
        let again = serde_json::from_str::<serde_json::Value>(&body).unwrap().to_string();
        assert_eq!(read(&again), Err(WebhookError::Signature), "{name}");
        for place in (0..body.len()).step_by(97) {
            let mut bytes = body.clone().into_bytes();
            bytes[place] ^= 1;
            assert_eq!(read(&String::from_utf8_lossy(&bytes)), Err(WebhookError::Signature), "{name} at {place}");
        }
        assert_eq!(read(""), Err(WebhookError::Signature), "{name}");
    }
}

#[test]
fn what_is_signed_and_makes_no_sense_is_no_event() {
    for body in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"event": "payment.captured", "payload": {}}"#,
        r#"{"event": "refund.processed", "payload": {"refund": {}}}"#,
    ] {
        let read = razorpay().read_webhook(&headers(&[("x-razorpay-signature", sign(SECRET, &[body]))]), body.as_bytes(), now());
        assert_eq!(read, Err(WebhookError::Unreadable), "{body}");
    }
    let at = now().timestamp().to_string();
    for body in [
        r#"{"id": "", "type": "x", "data": {"object": {}}}"#,
        r#"{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}"#,
    ] {
        let signature = format!("t={at},v1={}", sign(SECRET, &[&at, ".", body]));
        let read = stripe().read_webhook(&headers(&[("stripe-signature", signature)]), body.as_bytes(), now());
        assert_eq!(read, Err(WebhookError::Unreadable), "{body}");
    }
}
