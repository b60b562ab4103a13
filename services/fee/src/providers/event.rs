//! What a provider's event means to us.

use domain::Currency;

/// An amount in a currency's own minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Minor units.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's id of it; the same when it is sent again.
    pub id: String,
    /// The provider's name for what happened.
    pub kind: String,
    /// What it means.
    pub notice: Notice,
}

/// What an event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The provider has the money.
    Captured {
        /// The order.
        order_id: String,
        /// The provider's payment.
        payment_id: String,
        /// How much.
        money: Sum,
    },
    /// The provider had the money, and gave some of it back without being asked by us, or the bank did.
    GivenBack {
        /// The order.
        order_id: String,
    },
    /// An attempt to pay failed.
    Failed {
        /// The order.
        order_id: String,
        /// Why.
        reason: String,
    },
    /// News of a refund.
    Refund {
        /// The provider's refund.
        refund_id: String,
        /// Ours, if the provider repeats it.
        our_id: Option<uuid::Uuid>,
        /// How much.
        money: Sum,
        /// Where it stands.
        word: RefundWord,
    },
    /// News of a dispute: the bank may take the money back, and the provider wants an answer from a person.
    Disputed,
    /// Nothing that concerns us.
    Other,
}

impl Notice {
    /// The order that it is about, if it is about one.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        match self {
            Self::Captured { order_id, .. } | Self::GivenBack { order_id } | Self::Failed { order_id, .. } => Some(order_id),
            Self::Refund { .. } | Self::Disputed | Self::Other => None,
        }
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundWord {
    /// Under way.
    Pending,
    /// The money went.
    Succeeded,
    /// It did not, and why.
    Failed(String),
}
