//! Odd characters of coalitions, weighted by player, summed in closed form.
//!
//! With entries z_i = x_i x'_i = ±1 and player weights a_i, the sum over all sets T of
//! size k of Π_{i∈T} a_i z_i is the elementary symmetric polynomial e_k of the a_i z_i.
//! Newton's identities give it from power sums, of which the odd ones are bilinear in
//! the coalitions (Σ a_i³ z_i and so on) and the even ones constants.

use ndarray::{Array1, Array2, ArrayView2, Zip};

/// Orders of the characters.
pub(super) const ORDERS: [usize; 3] = [1, 3, 5];

/// The characters of a set of coalitions, each order normalised to sum 1 at x = x'.
pub(super) struct Characters<'a> {
    /// Rows × players, ±1.
    signs: ArrayView2<'a, f64>,
    /// How much each player's characters are expected to count, about 1.
    weights: &'a Array1<f64>,
    even: Even,
    /// Sum of each order's characters at x = x', 1 where there are none.
    sums: [f64; 3],
}

/// Σ a² and Σ a⁴.
#[derive(Clone, Copy)]
struct Even(f64, f64);

impl<'a> Characters<'a> {
    pub(super) fn new(signs: ArrayView2<'a, f64>, weights: &'a Array1<f64>) -> Self {
        let power = |exponent: i32| weights.iter().map(|a| a.powi(exponent)).sum::<f64>();
        Self {
            signs,
            weights,
            even: Even(power(2), power(4)),
            sums: sums(weights),
        }
    }

    fn exists(&self, order: usize) -> bool {
        ORDERS[order] <= self.weights.len()
    }

    fn uniform(&self) -> bool {
        self.weights.iter().all(|&a| a == 1.0)
    }

    /// Kernel matrices of the orders between these rows and others.
    pub(super) fn kernels(&self, others: ArrayView2<f64>) -> [Array2<f64>; 3] {
        let bilinear = |exponent: i32| {
            let weighted = &self.signs * &self.weights.mapv(|a| a.powi(exponent));
            weighted.dot(&others.t())
        };
        let mut first = bilinear(1);
        let (mut third, mut fifth) = if self.uniform() {
            (first.clone(), first.clone())
        } else {
            (bilinear(3), bilinear(5))
        };
        Zip::from(&mut first)
            .and(&mut third)
            .and(&mut fifth)
            .for_each(|first, third, fifth| {
                let e = elementary([*first, *third, *fifth], self.even);
                (*first, *third, *fifth) = (
                    e[1] / self.sums[0],
                    e[3] / self.sums[1],
                    e[5] / self.sums[2],
                );
            });
        if !self.exists(1) {
            third.fill(0.0);
        }
        if !self.exists(2) {
            fifth.fill(0.0);
        }
        [first, third, fifth]
    }

    /// For each order, what a row's weight in the regression adds to each Shapley
    /// value: `(2/k) a_i x_i e_{k−1}(the others) / Σ`. Rows × players.
    pub(super) fn read_off(&self) -> [Array2<f64>; 3] {
        let mut read_off: [Array2<f64>; 3] =
            std::array::from_fn(|_| Array2::zeros(self.signs.dim()));
        for (row, signs) in self.signs.outer_iter().enumerate() {
            let power = |exponent: i32| -> f64 {
                let terms = signs.iter().zip(self.weights);
                terms.map(|(x, a)| x * a.powi(exponent)).sum()
            };
            let all = [power(1), power(3), power(5)];
            for (player, (&x, &a)) in signs.iter().zip(self.weights).enumerate() {
                let e = elementary_without(all, self.even, x, a);
                for order in (0..3).filter(|&order| self.exists(order)) {
                    let k = ORDERS[order];
                    read_off[order][[row, player]] =
                        2.0 / k as f64 * a * x * e[k - 1] / self.sums[order];
                }
            }
        }
        read_off
    }

    /// For each order, the prior variance of each Shapley value:
    /// `(4/k²) a_i e_{k−1}(the others) / Σ`.
    pub(super) fn prior(&self) -> [Array1<f64>; 3] {
        let power = |exponent: i32| self.weights.iter().map(|a| a.powi(exponent)).sum::<f64>();
        let all = [power(1), power(3), power(5)];
        std::array::from_fn(|order| {
            let k = ORDERS[order];
            let of_player = |&a: &f64| {
                let e = elementary_without(all, self.even, 1.0, a);
                (4.0 / (k * k) as f64 * a * e[k - 1] / self.sums[order]).max(0.0)
            };
            if self.exists(order) {
                self.weights.iter().map(of_player).collect()
            } else {
                Array1::zeros(self.weights.len())
            }
        })
    }
}

/// e_1, e_3 and e_5 of the weights themselves; all terms are positive.
fn sums(weights: &Array1<f64>) -> [f64; 3] {
    let mut e = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for a in weights {
        for k in (1..=5).rev() {
            e[k] += a * e[k - 1];
        }
    }
    [e[1], e[3], e[5]].map(|sum| if sum > 0.0 { sum } else { 1.0 })
}

/// e_0 to e_5 from the power sums, by k e_k = Σ_j (−1)^{j−1} e_{k−j} p_j.
fn elementary([p1, p3, p5]: [f64; 3], Even(p2, p4): Even) -> [f64; 6] {
    let e1 = p1;
    let e2 = (e1 * p1 - p2) / 2.0;
    let e3 = (e2 * p1 - e1 * p2 + p3) / 3.0;
    let e4 = (e3 * p1 - e2 * p2 + e1 * p3 - p4) / 4.0;
    let e5 = (e4 * p1 - e3 * p2 + e2 * p3 - e1 * p4 + p5) / 5.0;
    [1.0, e1, e2, e3, e4, e5]
}

/// The same without the entry a x.
fn elementary_without([p1, p3, p5]: [f64; 3], Even(p2, p4): Even, x: f64, a: f64) -> [f64; 6] {
    let square = a * a;
    elementary(
        [
            p1 - x * a,
            p3 - x * a * square,
            p5 - x * a * square * square,
        ],
        Even(p2 - square, p4 - square * square),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn elementary_polynomials_of_signs() {
        // Entries +1 +1 +1 −1 −1: (1+t)³(1−t)² = 1 + t − 2t² − 2t³ + t⁴ + t⁵.
        let e = elementary([1.0; 3], Even(5.0, 5.0));
        assert_eq!(e, [1.0, 1.0, -2.0, -2.0, 1.0, 1.0]);
    }

    #[test]
    fn kernels_and_read_off_against_sums_over_sets() {
        let weights = array![0.3, 2.0, 1.1, 0.6, 1.7, 0.9];
        let signs = array![
            [1.0, -1.0, 1.0, 1.0, -1.0, -1.0],
            [1.0, 1.0, 1.0, -1.0, 1.0, -1.0],
        ];
        let characters = Characters::new(signs.view(), &weights);
        let (kernels, read_off, prior) = (
            characters.kernels(signs.view()),
            characters.read_off(),
            characters.prior(),
        );
        for (order, k) in ORDERS.into_iter().enumerate() {
            let sets: Vec<u32> = (0..64_u32)
                .filter(|s| s.count_ones() as usize == k)
                .collect();
            let product = |set: u32, of: &dyn Fn(usize) -> f64| -> f64 {
                (0..6).filter(|i| set >> i & 1 == 1).map(of).product()
            };
            let sum: f64 = sets.iter().map(|&s| product(s, &|i| weights[i])).sum();
            let kernel: f64 = sets
                .iter()
                .map(|&s| product(s, &|i| weights[i] * signs[[0, i]] * signs[[1, i]]))
                .sum();
            assert!((kernels[order][[0, 1]] - kernel / sum).abs() < 1e-12);
            assert!((kernels[order][[1, 1]] - 1.0).abs() < 1e-12);
            for player in 0..6 {
                let with = || sets.iter().filter(|&&s| s >> player & 1 == 1);
                let read: f64 = with()
                    .map(|&s| product(s, &|i| weights[i] * signs[[0, i]]))
                    .sum();
                let expected = 2.0 / k as f64 * read / sum;
                assert!((read_off[order][[0, player]] - expected).abs() < 1e-12);
                let share: f64 = with().map(|&s| product(s, &|i| weights[i])).sum();
                let expected = 4.0 / (k * k) as f64 * share / sum;
                assert!((prior[order][player] - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn orders_beyond_the_players_are_left_out() {
        let (weights, signs) = (Array1::ones(2), array![[1.0, -1.0], [1.0, 1.0]]);
        let characters = Characters::new(signs.view(), &weights);
        let [_, third, fifth] = characters.kernels(signs.view());
        assert!(third.iter().chain(&fifth).all(|&k| k == 0.0));
        assert!(characters.read_off()[1].iter().all(|&b| b == 0.0));
    }
}
