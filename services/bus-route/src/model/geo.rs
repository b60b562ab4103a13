//! Distances on the globe.

/// The mean radius of the earth in metres (IUGG R₁).
const EARTH_RADIUS: f64 = 6_371_008.8;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees north, from -90 to 90.
    pub latitude: f64,
    /// Degrees east, from -180 to 180.
    pub longitude: f64,
}

/// Whether it is a latitude; no number is none.
#[must_use]
pub fn is_latitude(degrees: f64) -> bool {
    (-90.0..=90.0).contains(&degrees)
}

/// Whether it is a longitude.
#[must_use]
pub fn is_longitude(degrees: f64) -> bool {
    (-180.0..=180.0).contains(&degrees)
}

/// Metres between two places along the great circle, by the haversine formula (R. W. Sinnott, 1984):
/// `a = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2)`, `d = 2 R asin √a`. Right to half a per cent, for the earth is no sphere.
#[must_use]
pub fn haversine(from: Place, to: Place) -> f64 {
    let (first, second) = (from.latitude.to_radians(), to.latitude.to_radians());
    let north = ((to.latitude - from.latitude) / 2.0).to_radians().sin();
    let east = ((to.longitude - from.longitude) / 2.0).to_radians().sin();
    let a = north * north + first.cos() * second.cos() * east * east;
    2.0 * EARTH_RADIUS * a.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_distances_come_out() {
        let paris = Place { latitude: 48.8566, longitude: 2.3522 };
        let london = Place { latitude: 51.5074, longitude: -0.1278 };
        assert!((haversine(paris, london) - 343_556.0).abs() < 200.0, "{}", haversine(paris, london));
        // A degree of latitude, and one of longitude across the date line.
        let equator = |longitude| Place { latitude: 0.0, longitude };
        assert!((haversine(equator(179.5), equator(-179.5)) - 111_195.0).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn distances_are_the_same_both_ways_and_no_detour_is_shorter(
            a in (-90.0..90.0_f64, -180.0..180.0_f64), b in (-90.0..90.0_f64, -180.0..180.0_f64), c in (-90.0..90.0_f64, -180.0..180.0_f64),
        ) {
            let [a, b, c] = [a, b, c].map(|(latitude, longitude)| Place { latitude, longitude });
            prop_assert!(haversine(a, a) < 1e-6);
            prop_assert!((haversine(a, b) - haversine(b, a)).abs() < 1e-3);
            prop_assert!(haversine(a, c) <= haversine(a, b) + haversine(b, c) + 0.5);
        }
    }
}
