//! Places on a leaderboard: equal scores share one, and the next place is as far down as there are better ones (1, 2, 2, 4).

/// A line: who, with what, in which place.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<T> {
    /// 1 is best.
    pub rank: usize,
    /// Who.
    pub who: T,
    /// With what.
    pub score: f64,
}

/// The places of `scores`, best first, without those who don't want to be shown: nobody can tell from the others' places that they are there.
pub fn places<T>(mut scores: Vec<(T, f64)>, hidden: impl Fn(&T) -> bool) -> Vec<Line<T>> {
    scores.retain(|(who, _)| !hidden(who));
    scores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let mut lines: Vec<Line<T>> = Vec::with_capacity(scores.len());
    for (at, (who, score)) in scores.into_iter().enumerate() {
        let rank = match lines.last() {
            Some(above) if above.score.total_cmp(&score).is_eq() => above.rank,
            _ => at + 1,
        };
        lines.push(Line { rank, who, score });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_a_place_and_who_is_hidden_takes_none() {
        let scores = vec![("a", 5.0), ("b", 9.0), ("c", 9.0), ("d", 7.0), ("hidden", 9.0)];
        let lines = places(scores, |who| *who == "hidden");
        let told: Vec<(usize, &str)> = lines.iter().map(|line| (line.rank, line.who)).collect();
        assert_eq!(told, [(1, "b"), (1, "c"), (3, "d"), (4, "a")]);
    }
}
