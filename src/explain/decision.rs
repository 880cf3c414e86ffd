//! When an explanation is good enough to stop by itself.
//!
//! What a user acts on is which players are in the mask or at the top, not the last
//! digit of a value. A [`DecisionRule`] says what is to be decided, [`Estimate::decide`]
//! which players are not, by their 95 % intervals. Looking often would sooner or later
//! find a lucky moment, so a [`DecisionWatch`] looks at evaluation counts that are fixed
//! beforehand and wants the decision at two of them in a row: when a run stops does not
//! depend on when somebody looked.

use super::Estimate;

/// What is to be decided of each player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DecisionRule {
    /// Whether its value is above or below a threshold; 0 asks for the sign.
    Threshold(f64),
    /// Whether it is among so many players of the largest values.
    Top(usize),
}

/// Who is undecided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Players whose interval leaves both answers open, or of which nothing is known.
    pub undecided: Vec<usize>,
}

impl Decision {
    pub fn is_made(&self) -> bool {
        self.undecided.is_empty()
    }
}

impl Estimate {
    /// The players that a rule cannot place yet. An interval that only touches a
    /// threshold decides; a value known to be exactly the threshold counts as above.
    pub fn decide(&self, rule: DecisionRule) -> Decision {
        let intervals: Vec<Option<[f64; 2]>> = (0..self.players.len())
            .map(|player| self.interval(player))
            .collect();
        let undecided = match rule {
            DecisionRule::Threshold(threshold) => {
                let open = |interval: &Option<[f64; 2]>| {
                    interval.is_none_or(|[low, high]| low < threshold && high > threshold)
                };
                (0..intervals.len())
                    .filter(|&p| open(&intervals[p]))
                    .collect()
            }
            DecisionRule::Top(number) => self.undecided_top(number, &intervals),
        };
        Decision { undecided }
    }

    /// Players whose interval overlaps one on the other side of the cut.
    fn undecided_top(&self, number: usize, intervals: &[Option<[f64; 2]>]) -> Vec<usize> {
        if number == 0 || number >= self.players.len() {
            return Vec::new();
        }
        let mut order: Vec<usize> = (0..self.players.len()).collect();
        order.sort_by(|&a, &b| {
            self.players[b]
                .shap_value
                .total_cmp(&self.players[a].shap_value)
        });
        let (top, rest) = order.split_at(number);
        // An unknown interval reaches everywhere.
        let low = |&player: &usize| intervals[player].map_or(f64::NEG_INFINITY, |i| i[0]);
        let high = |&player: &usize| intervals[player].map_or(f64::INFINITY, |i| i[1]);
        let least = top.iter().map(low).fold(f64::INFINITY, f64::min);
        let largest = rest.iter().map(high).fold(f64::NEG_INFINITY, f64::max);
        let of_top = top.iter().copied().filter(|player| low(player) <= largest);
        let of_rest = rest.iter().copied().filter(|player| high(player) >= least);
        let mut undecided: Vec<usize> = of_top.chain(of_rest).collect();
        undecided.sort_unstable();
        undecided
    }
}

/// The first evaluation count above `evaluations` at which a decision is looked at:
/// 2M, 3M, 4M, 6M, 8M, 12M, … for M players.
pub fn next_look(players: usize, evaluations: usize) -> usize {
    let mut power = players.max(1).saturating_mul(2);
    loop {
        for look in [power, power.saturating_add(power / 2)] {
            if look > evaluations || look == usize::MAX {
                return look;
            }
        }
        power = power.saturating_mul(2);
    }
}

/// Looks at fixed evaluation counts, and an answer that must hold at two of them in a row.
#[derive(Debug, Clone)]
pub struct Looks {
    players: usize,
    next: usize,
    held: bool,
    stopped: bool,
}

impl Looks {
    pub fn new(players: usize) -> Self {
        Self {
            players,
            next: next_look(players, 0),
            held: false,
            stopped: false,
        }
    }

    /// The evaluation count of the next look. A run that reaches it looks at its first so
    /// many coalitions.
    pub fn next_look(&self) -> usize {
        self.next
    }

    /// Takes what was seen at `next_look()` evaluations (rounded down to pairs) and says
    /// whether the run may stop.
    pub fn note(&mut self, decided: bool) -> bool {
        self.stopped |= decided && self.held;
        self.held = decided;
        self.next = next_look(self.players, self.next);
        self.stopped
    }

    /// Whether the run may stop.
    pub fn stopped(&self) -> bool {
        self.stopped
    }
}

/// Looks for a decision of a rule that holds at two looks in a row.
#[derive(Debug, Clone)]
pub struct DecisionWatch {
    rule: DecisionRule,
    /// Undecided players that are accepted.
    allowed: usize,
    looks: Looks,
}

impl DecisionWatch {
    /// `allowed` players may stay undecided; they are to be marked so.
    pub fn new(rule: DecisionRule, players: usize, allowed: usize) -> Self {
        Self {
            rule,
            allowed,
            looks: Looks::new(players),
        }
    }

    /// The evaluation count at which [`DecisionWatch::look`] wants the estimate, see
    /// [`Looks::next_look`].
    pub fn next_look(&self) -> usize {
        self.looks.next_look()
    }

    /// Takes the estimate of the first `next_look()` evaluations (rounded down to
    /// pairs) and says whether the run may stop.
    pub fn look(&mut self, estimate: &Estimate) -> bool {
        let decided = estimate.decide(self.rule).undecided.len() <= self.allowed;
        self.looks.note(decided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::PlayerEstimate;

    fn estimate(values: &[(f64, Option<f64>)]) -> Estimate {
        let player = |&(shap_value, standard_error)| PlayerEstimate {
            shap_value,
            standard_error,
            samples: 2,
        };
        Estimate {
            players: values.iter().map(player).collect(),
            value_empty: 0.0,
            value_full: 1.0,
            evaluations: 10,
            interval_factor: 2.0,
        }
    }

    #[test]
    fn thresholds_and_tops() {
        let now = estimate(&[
            (0.5, Some(0.1)),
            (0.05, Some(0.1)),
            (-0.3, Some(0.1)),
            (0.2, None),
            (0.0, Some(0.0)),
        ]);
        let undecided = |rule| now.decide(rule).undecided;
        assert_eq!(undecided(DecisionRule::Threshold(0.0)), [1, 3]);
        assert_eq!(undecided(DecisionRule::Threshold(0.4)), [0, 3]);
        assert_eq!(undecided(DecisionRule::Top(1)), [0, 3]);
        assert_eq!(undecided(DecisionRule::Top(4)), [1, 2, 3]);
        assert!(now.decide(DecisionRule::Top(5)).is_made());
        assert!(now.decide(DecisionRule::Top(0)).is_made());

        let clear = estimate(&[(0.5, Some(0.05)), (0.1, Some(0.1)), (0.05, Some(0.1))]);
        assert!(clear.decide(DecisionRule::Top(1)).is_made());
        assert_eq!(clear.decide(DecisionRule::Top(2)).undecided, [1, 2]);
    }

    #[test]
    fn looks_are_fixed_and_two_must_agree() {
        let looks: Vec<usize> = std::iter::successors(Some(0), |&at| Some(next_look(10, at)))
            .skip(1)
            .take(7)
            .collect();
        assert_eq!(looks, [20, 30, 40, 60, 80, 120, 160]);
        assert_eq!(next_look(10, 41), 60);
        assert_eq!(next_look(usize::MAX, 7), usize::MAX);

        let (open, decided) = (
            estimate(&[(0.1, Some(1.0))]),
            estimate(&[(0.1, Some(0.01))]),
        );
        let mut watch = DecisionWatch::new(DecisionRule::Threshold(0.0), 10, 0);
        let stops: Vec<bool> = [&decided, &open, &decided, &decided, &open]
            .into_iter()
            .map(|estimate| watch.look(estimate))
            .collect();
        assert_eq!(stops, [false, false, false, true, true]);
        assert_eq!(watch.next_look(), 120);
    }
}
