//! From where and with what a quiz may be sat: from certain networks only, or with Safe Exam Browser only.
//!
//! Safe Exam Browser sends with each request what SHA-256 makes of the URL and a key, in hexadecimal: the Config Key, which stands for the settings that it runs
//! with, in `X-SafeExamBrowser-ConfigKeyHash`, and the Browser Exam Key, which also stands for the program, in `X-SafeExamBrowser-RequestHash`. Source:
//! <https://safeexambrowser.org/developer/seb-config-key.html> and <https://safeexambrowser.org/developer/documents/seb-server-integration.html>. The keys are
//! as good as passwords: nobody reads them back.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::{Fault, Faults};
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The most networks, and the most keys of a kind.
pub const MAX_ENTRIES: usize = 50;

/// A network, as its first address and the length of its prefix: `192.168.20.0/24`. A single address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address belongs to it. One of IPv4 does also when it is written as one of IPv6.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A network of IPv4 that is written as one of IPv6, as what it is: addresses are compared so.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

impl FromStr for Network {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let network = text.parse::<IpNet>().ok().map(canonical).or_else(single);
        network.map(|network| Self(network.trunc())).ok_or("must be a network such as 192.168.20.0/24")
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Network {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(43))
            .description(Some("A network, IPv4 or IPv6, such as `192.168.20.0/24`, or a single address."))
            .into()
    }
}
impl utoipa::ToSchema for Network {}

/// The keys of Safe Exam Browser that a quiz takes: 64 hexadecimal digits each. Where there are some of a kind, one of them must fit.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SafeBrowser {
    /// Config Keys: one for each configuration that is given out.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub config_keys: Vec<String>,
    /// Browser Exam Keys: one for each configuration and version of the program.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub exam_keys: Vec<String>,
}

/// Keys don't belong into logs.
impl fmt::Debug for SafeBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeBrowser({} and {} keys)", self.config_keys.len(), self.exam_keys.len())
    }
}

impl SafeBrowser {
    /// Whether any browser will do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.config_keys.is_empty() && self.exam_keys.is_empty()
    }

    /// Every fault, as JSON pointers.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        for (pointer, keys) in [("/safe_browser/config_keys", &self.config_keys), ("/safe_browser/exam_keys", &self.exam_keys)] {
            faults.require(keys.len() <= MAX_ENTRIES, pointer, format!("must be at most {MAX_ENTRIES}"));
            let fits = |key: &String| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
            faults.require(keys.iter().all(fits), pointer, "a key is 64 hexadecimal digits");
        }
        faults.into_result()
    }
}

/// Where a request comes from, and what its browser says of itself.
#[derive(Debug, Clone, Default)]
pub struct Origin<'r> {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The URL as the client asked for it.
    pub url: String,
    /// `X-SafeExamBrowser-ConfigKeyHash`.
    pub config_key_hash: Option<&'r str>,
    /// `X-SafeExamBrowser-RequestHash`.
    pub exam_key_hash: Option<&'r str>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// From another network.
    Network,
    /// Not with the browser and the settings that are asked for.
    Browser,
}

/// Whether a quiz that is held so may be sat from there.
pub fn admit(networks: &[Network], browser: &SafeBrowser, origin: &Origin<'_>) -> Result<(), Refused> {
    let near = networks.is_empty() || origin.address.is_some_and(|address| networks.iter().any(|network| network.holds(address)));
    if !near {
        return Err(Refused::Network);
    }
    let fits = |keys: &[String], hash: Option<&str>| keys.is_empty() || hash.is_some_and(|hash| any_fits(keys, &origin.url, hash));
    if fits(&browser.config_keys, origin.config_key_hash) && fits(&browser.exam_keys, origin.exam_key_hash) {
        Ok(())
    } else {
        Err(Refused::Browser)
    }
}

/// All keys are tried, and each for as long as any other, so that nothing can be told from how long it takes.
fn any_fits(keys: &[String], url: &str, given: &str) -> bool {
    let given = given.trim().to_ascii_lowercase();
    keys.iter().fold(false, |fits, key| fits | verify_slices_are_equal(key_hash(url, key).as_bytes(), given.as_bytes()).is_ok())
}

/// What Safe Exam Browser sends for a URL, without its fragment, and a key.
#[must_use]
pub fn key_hash(url: &str, key: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    hex::encode(Sha256::new().chain_update(url).chain_update(key.to_ascii_lowercase()).finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "81aad4ab9dfd447cc479e6a4a7c9a544e2cafc7f3adeb68b2a21efad68eca4dc";

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().holds(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.255") && !holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("10.1.2.3/16", "10.1.9.9"), "what stands behind the prefix does not count");
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1") && !holds("::/0", "10.1.1.1"));
        for mapped in ["::ffff:10.0.0.0/104", "::ffff:10.9.9.9/104", "::ffff:a00:0/104"] {
            assert!(holds(mapped, "10.1.1.1") && holds(mapped, "::ffff:10.1.1.1") && !holds(mapped, "11.1.1.1"), "{mapped}");
            assert_eq!(mapped.parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
        }
        assert!(holds("::ffff:10.1.1.1/128", "10.1.1.1") && !holds("::ffff:10.1.1.1/128", "10.1.1.2"));
        assert!(holds("::ffff:0.0.0.0/96", "8.8.8.8") && !holds("::ffff:0.0.0.0/96", "2001:db8::1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "2001:db8::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "example.org", "10.0.0.0-10.0.0.9", "2001:db8::/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_is_of_the_url_and_the_key() {
        let url = "https://exams.example/api/v1/attempts/1";
        // printf '%s' "$url$key" | sha256sum
        assert_eq!(key_hash(url, KEY), hex::encode(Sha256::digest(format!("{url}{KEY}"))));
        assert_eq!(key_hash(&format!("{url}#top"), &KEY.to_uppercase()), key_hash(url, KEY));
        let browser = SafeBrowser { config_keys: vec!["0".repeat(64), KEY.to_owned()], exam_keys: Vec::new() };
        let (hash, other) = (key_hash(url, KEY), key_hash("https://exams.example/api/v1/attempts/2", KEY));
        let upper = hash.to_uppercase();
        let with = |hash| admit(&[], &browser, &Origin { url: url.to_owned(), config_key_hash: hash, ..Origin::default() });
        assert_eq!(with(Some(hash.as_str())), Ok(()));
        assert_eq!(with(Some(upper.as_str())), Ok(()));
        for wrong in [None, Some(""), Some(other.as_str()), Some(KEY), hash.get(..63)] {
            assert_eq!(with(wrong), Err(Refused::Browser), "{wrong:?}");
        }
        let both = SafeBrowser { exam_keys: vec![KEY.to_owned()], ..browser.clone() };
        let one = Origin { url: url.to_owned(), config_key_hash: Some(&hash), ..Origin::default() };
        assert_eq!(admit(&[], &both, &one), Err(Refused::Browser), "both are asked for");
        assert_eq!(admit(&[], &both, &Origin { exam_key_hash: Some(&hash), ..one }), Ok(()));
        assert!(!format!("{both:?}").contains(KEY), "keys don't belong into logs");
    }

    proptest! {
        #[test]
        fn whoever_is_let_in_is_in_one_of_the_networks(bits in any::<u32>(), prefix in 0_u8..=32, client in any::<u32>()) {
            let address = |bits: u32| IpAddr::from(std::net::Ipv4Addr::from(bits));
            let network: Network = format!("{}/{prefix}", address(bits)).parse().unwrap();
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let origin = Origin { address: Some(address(client)), ..Origin::default() };
            prop_assert_eq!(admit(&[network], &SafeBrowser::default(), &origin).is_ok(), bits & mask == client & mask);
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
        }
    }
}
