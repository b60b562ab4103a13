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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_one_more_than_there_are_better_ones_among_those_who_are_shown(all in proptest::collection::vec((0_u8..5, any::<bool>()), 0..30)) {
            let scores = all.iter().enumerate().map(|(who, (score, _))| (who, f64::from(*score))).collect();
            let lines = places(scores, |who| all[*who].1);
            let shown: Vec<u8> = all.iter().filter(|(_, hidden)| !hidden).map(|(score, _)| *score).collect();
            prop_assert_eq!(lines.len(), shown.len());
            prop_assert!(lines.windows(2).all(|pair| pair[0].rank <= pair[1].rank));
            for line in lines {
                let (own, hidden) = all[line.who];
                prop_assert!(!hidden);
                prop_assert_eq!(line.rank, 1 + shown.iter().filter(|other| **other > own).count());
            }
        }
    }

    #[test]
    fn ties_share_a_place_and_who_is_hidden_takes_none() {
        let scores = vec![("a", 5.0), ("b", 9.0), ("c", 9.0), ("d", 7.0), ("hidden", 9.0)];
        let lines = places(scores, |who| *who == "hidden");
        let told: Vec<(usize, &str)> = lines.iter().map(|line| (line.rank, line.who)).collect();
        assert_eq!(told, [(1, "b"), (1, "c"), (3, "d"), (4, "a")]);
    }
}
