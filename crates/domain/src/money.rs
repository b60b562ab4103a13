//! Money: whole minor units of an ISO 4217 currency, never a fraction and never a float. How many minor units make a major one is the currency's own
//! business: 100 paise, 1 yen, 1000 fils.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The active codes of ISO 4217 (list one), by the number of decimals. Funds and metals that nobody pays fees in are left out.
const BY_DECIMALS: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC \
         CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD \
         KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN \
         QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED \
         VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Not a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a currency code of ISO 4217, such as INR")]
pub struct UnknownCurrency;

impl Currency {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        // Built from ASCII letters only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many decimals it has: a major unit is ten to the power of this many minor ones.
    #[must_use]
    pub fn decimals(self) -> u32 {
        BY_DECIMALS.iter().find(|(_, codes)| codes.split(' ').any(|code| code == self.code())).map_or(2, |(decimals, _)| *decimals)
    }

    /// `minor` as people write it, without the code: `1234.50`.
    #[must_use]
    pub fn format(self, minor: i64) -> String {
        let sign = if minor < 0 { "-" } else { "" };
        let (size, decimals) = (minor.unsigned_abs(), self.decimals());
        let unit = 10_u64.pow(decimals);
        if decimals == 0 {
            return format!("{sign}{size}");
        }
        format!("{sign}{}.{:0width$}", size / unit, size % unit, width = decimals as usize)
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let known = BY_DECIMALS.iter().any(|(_, codes)| codes.split(' ').any(|one| one == code));
        code.as_bytes().try_into().ok().filter(|_| known).map(Self).ok_or(UnknownCurrency)
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money that moves: at least one minor unit, and so bounded that millions of them add up without overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

/// Not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number of minor units from 1 to 1000000000000")]
pub struct InvalidAmount;

impl Amount {
    /// The most: ten thousand million of a currency with two decimals.
    pub const MAX: i64 = 1_000_000_000_000;

    /// The number of minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = InvalidAmount;
    fn try_from(minor: i64) -> Result<Self, InvalidAmount> {
        if (1..=Self::MAX).contains(&minor) { Ok(Self(minor)) } else { Err(InvalidAmount) }
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    use utoipa::openapi::{RefOr, Schema};

    impl utoipa::PartialSchema for super::Currency {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[A-Z]{3}$"))
                .description(Some("A currency code of ISO 4217."))
                .into()
        }
    }
    impl utoipa::ToSchema for super::Currency {}

    impl utoipa::PartialSchema for super::Amount {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .maximum(Some(super::Amount::MAX))
                .description(Some("Minor units of the currency: 100 is one rupee, one yen would be 1."))
                .into()
        }
    }
    impl utoipa::ToSchema for super::Amount {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn every_currency_is_written_with_its_own_decimals() {
        assert_eq!(currency("INR").format(123_450), "1234.50");
        assert_eq!(currency("JPY").format(123_450), "123450");
        assert_eq!(currency("KWD").format(-1_005), "-1.005");
        assert_eq!(currency("CLF").format(1), "0.0001");
        assert_eq!(currency("INR").format(i64::MIN), "-92233720368547758.08");
    }

    #[test]
    fn no_code_stands_twice_and_what_is_no_code_is_refused() {
        let mut codes: Vec<&str> = BY_DECIMALS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        assert!(codes.iter().all(|code| code.len() == 3), "{codes:?}");
        assert!(codes.len() > 150);
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
        for bad in ["", "inr", "INRR", "IN", "XXX", "₹₹₹", "I R", "BIF CLP"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_amount_is_whole_positive_and_bounded() {
        for bad in ["0", "-1", "1.5", "1.0", "1e3", "1000000000001", "9223372036854775808", "\"5\"", "null"] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Amount>("1000000000000").unwrap().minor(), Amount::MAX);
    }
}
