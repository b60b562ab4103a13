//! Moments of samples. Each is none where it is not defined.

/// What counts as no spread: below this, a variance is what rounding left.
const NOTHING: f64 = 1e-12;

#[allow(clippy::cast_precision_loss)]
fn size(values: &[f64]) -> f64 {
    values.len() as f64
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / size(values))
}

pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied()?;
    if sorted.len() % 2 == 1 { Some(upper) } else { sorted.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper)) }
}

/// The sum of (x − mean)^power.
fn central(values: &[f64], power: i32) -> f64 {
    let mean = mean(values).unwrap_or_default();
    values.iter().map(|value| (value - mean).powi(power)).sum()
}

/// Σ (x − mean)(y − mean) / (n − 1).
pub(super) fn covariance(one: &[f64], other: &[f64]) -> Option<f64> {
    let (mean_one, mean_other) = (mean(one)?, mean(other)?);
    let sum: f64 = one.iter().zip(other).map(|(x, y)| (x - mean_one) * (y - mean_other)).sum();
    (one.len() > 1 && one.len() == other.len()).then(|| sum / (size(one) - 1.0))
}

pub(super) fn variance(values: &[f64]) -> Option<f64> {
    covariance(values, values)
}

pub(super) fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let (var_one, var_other) = (variance(one)?, variance(other)?);
    (var_one > NOTHING && var_other > NOTHING).then_some(())?;
    Some((covariance(one, other)? / (var_one * var_other).sqrt()).clamp(-1.0, 1.0))
}

/// k₃ / k₂^1.5; R. A. Fisher, "Moments and product moments of sampling distributions" (1930).
pub(super) fn skewness(values: &[f64]) -> Option<f64> {
    let n = size(values);
    let k2 = variance(values).filter(|k2| *k2 > NOTHING && n > 2.0)?;
    let k3 = n / ((n - 1.0) * (n - 2.0)) * central(values, 3);
    Some(k3 / k2.powf(1.5))
}

/// k₄ / k₂².
pub(super) fn kurtosis(values: &[f64]) -> Option<f64> {
    let n = size(values);
    let k2 = variance(values).filter(|k2| *k2 > NOTHING && n > 3.0)?;
    let (second, fourth) = (central(values, 2), central(values, 4));
    let k4 = (n * (n + 1.0) * fourth - 3.0 * (n - 1.0) * second * second) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
    Some(k4 / (k2 * k2))
}
