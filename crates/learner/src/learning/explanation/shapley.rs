//! The weights of coalitions in Shapley values.
//!
//! Must not know what the players are.

/// The share of the orders of `players` in which exactly a certain set of `size` others precedes a certain one:
/// size! (players − size − 1)! / players!
pub(super) fn weight(players: usize, size: usize) -> f64 {
    let mut orders = players as f64;
    for chosen in 0..size.min(players - 1 - size) {
        orders *= (players - 1 - chosen) as f64 / (chosen + 1) as f64;
    }
    1.0 / orders
}

/// Weights of the values of coalitions, by their size, for a number of players.
///
/// With a = Σ `lacking`·v(S) over all S, the Shapley value of player j is Σ `having`·v(S) over the S with j, minus a.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) having: Vec<f64>,
    pub(super) lacking: Vec<f64>,
}

impl Weights {
    pub(super) fn new(players: usize) -> Self {
        let lacking = |size: usize| if size < players { weight(players, size) } else { 0.0 };
        let having = |size: usize| lacking(size) + if size > 0 { weight(players, size - 1) } else { 0.0 };
        Self { having: (0..=players).map(having).collect(), lacking: (0..=players).map(lacking).collect() }
    }

    /// The Shapley values of all players from the values of all coalitions, whose index has a bit for each player.
    pub(super) fn values(&self, coalitions: &mut [f64], out: &mut [f64]) {
        let mut lacking = 0.0;
        for (set, value) in coalitions.iter_mut().enumerate() {
            let size = set.count_ones() as usize;
            lacking += self.lacking[size] * *value;
            *value *= self.having[size];
        }
        for (player, out) in out.iter_mut().enumerate() {
            let mut having = 0.0;
            let half = 1 << player;
            for pair in coalitions.chunks_exact(2 * half) {
                having += pair[half..].iter().sum::<f64>();
            }
            *out = having - lacking;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_shares_of_orders() {
        assert!((weight(3, 0) - 1.0 / 3.0).abs() < 1e-15 && (weight(3, 1) - 1.0 / 6.0).abs() < 1e-15);
        for players in 1..12_usize {
            let binomial = |size: usize| (1.0 / weight(players, size) / players as f64).round();
            let sum: f64 = (0..players).map(|size| binomial(size) * weight(players, size)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{players}: {sum}");
        }
    }

    #[test]
    fn players_share_what_only_both_earn() {
        let mut coalitions = [0.0, 0.0, 0.0, 1.0];
        let mut out = [0.0; 2];
        Weights::new(2).values(&mut coalitions, &mut out);
        assert!(out.iter().all(|value| (value - 0.5).abs() < 1e-15), "{out:?}");
    }
}
