//! Where each stage stands in a drawing.

use super::Edge;

/// Rows are counted in hundredths, so that a stage can stand between two others.
pub(super) const ROW: isize = 100;
/// Times that every stage is moved towards its neighbours.
const ROUNDS: usize = 3;

/// Column, and row in hundredths, of each stage: the column is the longest way to it, rows are near those of
/// the neighbours. Stages are in topological order.
pub(super) fn cells(stages: usize, edges: &[Edge]) -> Vec<(usize, usize)> {
    let mut neighbours = vec![(Vec::new(), Vec::new()); stages];
    for edge in edges.iter().filter(|edge| edge.from < edge.to) {
        neighbours[edge.to].0.push(edge.from);
        neighbours[edge.from].1.push(edge.to);
    }
    let mut columns = vec![0_usize; stages];
    for stage in 0..stages {
        let before = neighbours[stage].0.iter();
        columns[stage] = before.map(|from| columns[*from] + 1).max().unwrap_or(0);
    }
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let members = |column: usize| -> Vec<usize> {
        let all = 0..stages;
        all.filter(|stage| columns[*stage] == column).collect()
    };
    let mut rows: Vec<isize> = vec![0; stages];
    for _ in 0..ROUNDS {
        for column in 0..count {
            place(&members(column), &mut rows, |stage| &neighbours[stage].0);
        }
        for column in (0..count).rev() {
            place(&members(column), &mut rows, |stage| &neighbours[stage].1);
        }
    }
    let top = rows.iter().min().copied().unwrap_or(0);
    let rows = rows.into_iter().map(|row| (row - top).unsigned_abs());
    columns.into_iter().zip(rows).collect()
}

/// Puts the stages of a column beside the middle of their neighbours, in the order of these middles. Where
/// there is too little room, all of them give way alike.
fn place<'a>(members: &[usize], rows: &mut [isize], neighbours: impl Fn(usize) -> &'a Vec<usize>) {
    let middle = |stage: usize, rows: &[isize]| {
        let near = neighbours(stage);
        let sum: isize = near.iter().map(|other| rows[*other]).sum();
        isize::try_from(near.len())
            .ok()
            .filter(|count| *count > 0)
            .map_or(rows[stage], |count| sum / count)
    };
    let mut wishes: Vec<(isize, usize)> = members
        .iter()
        .map(|stage| (middle(*stage, rows), *stage))
        .collect();
    wishes.sort_unstable();
    let mut free = isize::MIN;
    for (wish, stage) in &wishes {
        rows[*stage] = free.max(*wish);
        free = rows[*stage] + ROW;
    }
    let moved: isize = wishes.iter().map(|(wish, stage)| rows[*stage] - wish).sum();
    let each = isize::try_from(wishes.len()).map_or(0, |count| moved / count.max(1));
    for (_, stage) in &wishes {
        rows[*stage] -= each;
    }
}
