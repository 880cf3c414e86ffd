//! Which input channels (sequences, phases) matter, and where.
//!
//! Two games answer that. In the first each channel is one player: 2^C runs give exact
//! Shapley values ([`channel_coalitions`], [`channel_values`]; as in Ren et al. 2025,
//! arXiv 2504.04645). In the second some supervoxels are split into one player for each
//! channel while all others stay whole ([`SplitPlayers`]). Its values are Owen's with the
//! supervoxels as a-priori unions (Owen 1977, Values of games with a priori unions):
//!
//! ```text
//! φ_{i,c} = mean over H of  Σ_{T ⊆ C∖c}  |T|! (C−|T|−1)! / C!  ·  (v(H ∪ T_i ∪ c_i) − v(H ∪ T_i))
//! ```
//!
//! H are the whole supervoxels that come before i in a random order, T_i the channels T
//! of supervoxel i. The inner sum is exact. Its values add up to v(H ∪ i) − v(H), so for
//! the same sample of H the channels of i add up to the SHAP value of i exactly.

use std::ops::Range;

use super::exact::shapley_values;
use super::game::{Game, TableGame};
use super::permutation::PermutationSampler;
use super::{Coalition, ExplainError, MAX_PLAYERS};

/// Most channels that are enumerated: 256 runs.
pub const MAX_CHANNELS: usize = 8;

/// All coalitions of channels, of which number `n` holds channel `c` where bit `c` of `n`
/// is set. Their values in this order are what [`channel_values`] takes.
///
/// Errors: no channel, or more than [`MAX_CHANNELS`].
pub fn channel_coalitions(channels: usize) -> Result<Vec<Coalition>, ExplainError> {
    check_channels(channels)?;
    let coalition = |number: usize| {
        let mut coalition = Coalition::empty(channels);
        for channel in (0..channels).filter(|channel| number >> channel & 1 == 1) {
            coalition.insert(channel);
        }
        coalition
    };
    Ok((0..1_usize << channels).map(coalition).collect())
}

/// The exact Shapley value of each channel from the values of all coalitions, in the
/// order of [`channel_coalitions`]. They add up to v(all) − v(none).
///
/// Errors: another number of values, values that are not finite.
pub fn channel_values(values: Vec<f64>) -> Result<Vec<f64>, ExplainError> {
    let game = TableGame::new(values)?;
    check_channels(game.players())?;
    shapley_values(&game)
}

fn check_channels(channels: usize) -> Result<(), ExplainError> {
    match channels {
        0 => Err(ExplainError::NoChannels),
        1..=MAX_CHANNELS => Ok(()),
        _ => Err(ExplainError::TooManyToEnumerate(channels, MAX_CHANNELS)),
    }
}

/// Players of a game in which some supervoxels are split into their channels.
///
/// They are numbered supervoxel by supervoxel: one for a whole one, one a channel for one
/// that is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPlayers {
    channels: usize,
    /// The first player of each supervoxel, and one past the last player.
    starts: Vec<usize>,
}

impl SplitPlayers {
    /// Of `supervoxels` numbered from 0, those of `split` are split into `channels`.
    ///
    /// Errors: no channel or too many, a supervoxel that there is not, too many players.
    pub fn new(supervoxels: usize, split: &[usize], channels: usize) -> Result<Self, ExplainError> {
        check_channels(channels)?;
        let mut sizes = vec![1; supervoxels];
        for &supervoxel in split {
            *sizes
                .get_mut(supervoxel)
                .ok_or(ExplainError::NoSuchSupervoxel {
                    supervoxel,
                    supervoxels,
                })? = channels;
        }
        let mut starts = vec![0];
        starts.extend(sizes.iter().scan(0, |sum, size| {
            *sum += size;
            Some(*sum)
        }));
        let players = starts.last().copied().unwrap_or_default();
        if !(1..=MAX_PLAYERS).contains(&players) {
            return Err(ExplainError::BadPlayerCount(players));
        }
        Ok(Self { channels, starts })
    }

    pub fn supervoxels(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn players(&self) -> usize {
        self.starts.last().copied().unwrap_or_default()
    }

    /// The players of a supervoxel: one, or one for each channel. Empty of one that there
    /// is not.
    pub fn players_of(&self, supervoxel: usize) -> Range<usize> {
        match (self.starts.get(supervoxel), self.starts.get(supervoxel + 1)) {
            (Some(&first), Some(&end)) => first..end,
            _ => 0..0,
        }
    }

    /// The 2^C coalitions that decide how a split supervoxel's value is shared among its
    /// channels where the supervoxels of `before` are present, in the order of
    /// [`channel_coalitions`]. The first and the last are those of the game of whole
    /// supervoxels, without and with this one.
    ///
    /// Errors: `before` of another number of supervoxels, a supervoxel that is not split.
    pub fn inner_coalitions(
        &self,
        supervoxel: usize,
        before: &Coalition,
    ) -> Result<Vec<Coalition>, ExplainError> {
        super::game::check_players(before.players(), self.supervoxels())?;
        let own = self.players_of(supervoxel);
        if own.len() != self.channels {
            return Err(ExplainError::NotSplit(supervoxel));
        }
        let mut outer = Coalition::empty(self.players());
        let whole = before.iter().filter(|&other| other != supervoxel);
        for player in whole.flat_map(|other| self.players_of(other)) {
            outer.insert(player);
        }
        let coalitions = channel_coalitions(self.channels)?.into_iter();
        let with = |channels: Coalition| {
            let mut coalition = outer.clone();
            for channel in channels.iter() {
                coalition.insert(own.start + channel);
            }
            coalition
        };
        Ok(coalitions.map(with).collect())
    }
}

/// The supervoxels before a given one in the random orders of the first passes of
/// [`PermutationSampler`] and in their reverse, two for each pass. They are among the
/// coalitions that an antithetic permutation run of this seed has evaluated, with and
/// without the supervoxel.
///
/// Errors: too few or too many supervoxels, one that there is not.
pub fn coalitions_before(
    supervoxel: usize,
    supervoxels: usize,
    seed: u64,
    passes: usize,
) -> Result<Vec<[Coalition; 2]>, ExplainError> {
    if supervoxel >= supervoxels {
        return Err(ExplainError::NoSuchSupervoxel {
            supervoxel,
            supervoxels,
        });
    }
    let mut sampler = PermutationSampler::new(supervoxels, seed)?;
    // What is evaluated once, before the first pass.
    let Some((nobody, _)) = sampler.next_pair() else {
        return Ok(Vec::new());
    };
    let mut found = Vec::with_capacity(passes);
    for _ in 0..passes {
        let mut last = nobody.clone();
        // Those after it; nobody where it comes last.
        let mut after = nobody.clone();
        for _ in 1..supervoxels {
            let Some((coalition, complement)) = sampler.next_pair() else {
                break;
            };
            if !coalition.contains(supervoxel) {
                last = coalition;
            } else if after.count() == 0 {
                after = complement;
            }
        }
        found.push([last, after]);
    }
    Ok(found)
}

/// What the channels of one supervoxel contribute.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelShares {
    /// The Owen value of each channel. They add up to `total`.
    pub values: Vec<f64>,
    /// Standard error of each; `None` from fewer than two passes.
    pub standard_errors: Option<Vec<f64>>,
    /// The supervoxel's own SHAP value from the same coalitions.
    pub total: f64,
    pub passes: usize,
}

impl ChannelShares {
    /// From the values of the inner coalitions of each pass, before and after, in the order
    /// of [`SplitPlayers::inner_coalitions`].
    ///
    /// Errors: no pass, values of another number or not finite.
    pub fn from_values(
        passes: impl IntoIterator<Item = [Vec<f64>; 2]>,
    ) -> Result<Self, ExplainError> {
        let mut of_passes: Vec<Vec<f64>> = Vec::new();
        for [before, after] in passes {
            let (before, after) = (channel_values(before)?, channel_values(after)?);
            if before.len() != after.len() {
                return Err(ExplainError::WrongPlayers {
                    found: after.len(),
                    expected: before.len(),
                });
            }
            let pairs = before.iter().zip(&after);
            of_passes.push(pairs.map(|(a, b)| 0.5 * (a + b)).collect());
        }
        let Some(channels) = of_passes.first().map(Vec::len) else {
            return Err(ExplainError::TooFewObservations {
                observations: 0,
                players: 1,
            });
        };
        if let Some(other) = of_passes.iter().find(|values| values.len() != channels) {
            return Err(ExplainError::WrongPlayers {
                found: other.len(),
                expected: channels,
            });
        }
        let passes = of_passes.len();
        let of_channel = |channel: usize| of_passes.iter().filter_map(move |own| own.get(channel));
        let values: Vec<f64> = (0..channels)
            .map(|channel| of_channel(channel).sum::<f64>() / passes as f64)
            .collect();
        let standard_error = |(channel, mean): (usize, &f64)| {
            let squares: f64 = of_channel(channel).map(|v| (v - mean).powi(2)).sum();
            (squares / (passes * (passes - 1)) as f64).sqrt()
        };
        Ok(Self {
            total: values.iter().sum(),
            standard_errors: (passes > 1)
                .then(|| values.iter().enumerate().map(standard_error).collect()),
            values,
            passes,
        })
    }

    /// The values moved, all by the same, so that they add up to a SHAP value that is known
    /// better than from these coalitions (the closest that do).
    pub fn summing_to(&self, shap_value: f64) -> Vec<f64> {
        let move_by = (shap_value - self.total) / self.values.len().max(1) as f64;
        self.values.iter().map(|value| value + move_by).collect()
    }
}

/// The channel shares of a split supervoxel in a game of `players`, from `passes` random
/// orders; each costs 2 · 2^C evaluations.
///
/// Errors: a game of other players, a supervoxel that is not split, no pass, and what the
/// game gives.
pub fn channel_shares(
    game: &mut impl Game,
    players: &SplitPlayers,
    supervoxel: usize,
    seed: u64,
    passes: usize,
) -> Result<ChannelShares, ExplainError> {
    super::game::check_players(game.players(), players.players())?;
    let before = coalitions_before(supervoxel, players.supervoxels(), seed, passes)?;
    let mut values = Vec::with_capacity(before.len());
    for pair in before {
        let mut of_pair = [Vec::new(), Vec::new()];
        for (values, before) in of_pair.iter_mut().zip(&pair) {
            *values = game.evaluate(&players.inner_coalitions(supervoxel, before)?)?;
        }
        values.push(of_pair);
    }
    ChannelShares::from_values(values)
}

#[cfg(test)]
mod tests;
