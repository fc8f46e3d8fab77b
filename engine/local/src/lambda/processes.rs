//! The processes of a sandbox: the first one and all that descend from it, and the memory they have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process and its descendants, by id, with the time each started: ids are used again.
///
/// A process that was seen once belongs to the tree until it ends, also if its parent ends first.
#[derive(Debug, Default)]
pub(crate) struct ProcessTree {
    members: BTreeMap<i32, u64>,
    /// A thread of this process that starts processes; each becomes a member.
    thread: Option<Pid>,
}

/// Memory of a tree, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// What all processes have now. Mapped files do not count: the system takes their pages back
    /// when it needs them.
    pub(crate) used_kib: u64,
    /// The most that one process has had.
    pub(crate) peak_of_one_kib: u64,
}

impl ProcessTree {
    /// The tree of `first`.
    pub(crate) fn of(first: Pid) -> Self {
        let id = first.as_raw_nonzero().get();
        let members = start_time(id).map(|started| (id, started));
        Self {
            members: members.into_iter().collect(),
            thread: None,
        }
    }

    /// The tree of what a thread of this process starts.
    pub(crate) fn of_thread(thread: Pid) -> Self {
        Self {
            members: BTreeMap::new(),
            thread: Some(thread),
        }
    }

    /// Memory of all processes, where pages that several share count once for each of them.
    pub(crate) fn memory(&mut self) -> Memory {
        self.look();
        let each = self.members.keys().map(|id| memory_of(*id));
        each.fold(
            Memory {
                used_kib: 0,
                peak_of_one_kib: 0,
            },
            |sum, one| Memory {
                used_kib: sum.used_kib + one.used_kib,
                peak_of_one_kib: sum.peak_of_one_kib.max(one.peak_of_one_kib),
            },
        )
    }

    /// Memory now in KiB, where shared pages count once. Costs the system a walk through all pages.
    pub(crate) fn exact_memory_kib(&self) -> u64 {
        self.members.keys().map(|id| exact_memory_kib(*id)).sum()
    }

    /// Adds the processes that a thread of this process started.
    pub(crate) fn adopt_children_of(&mut self, thread: Pid) {
        let thread = thread.as_raw_nonzero();
        let path = format!("/proc/self/task/{thread}/children");
        for id in ids(&fs::read_to_string(path).unwrap_or_default()) {
            if let Some(started) = start_time(id) {
                self.members.entry(id).or_insert(started);
            }
        }
    }

    /// Kills all processes.
    pub(crate) fn kill(&mut self) {
        self.look();
        self.members.keys().for_each(|id| send(*id, Signal::KILL));
    }

    /// Sends a signal to the first processes that have a variable which starts with `mark`: not to those
    /// that inherited it. Containers are stopped in this way. Returns whether there are any.
    pub(crate) fn signal_first_marked(&mut self, mark: &str, signal: Signal) -> bool {
        self.look();
        let marked: BTreeSet<i32> = self
            .members
            .keys()
            .copied()
            .filter(|id| is_marked(*id, mark))
            .collect();
        let first = marked
            .iter()
            .filter(|id| parent(**id).is_none_or(|parent| !marked.contains(&parent)));
        first.for_each(|id| send(*id, signal));
        !marked.is_empty()
    }

    /// Forgets those that ended and finds new ones.
    fn look(&mut self) {
        if let Some(thread) = self.thread {
            self.adopt_children_of(thread);
        }
        let mut found = BTreeMap::new();
        let known = std::mem::take(&mut self.members);
        let mut waiting: Vec<(i32, u64)> = known
            .into_iter()
            .filter(|(id, started)| start_time(*id) == Some(*started))
            .collect();
        while let Some((id, started)) = waiting.pop() {
            if found.insert(id, started).is_none() {
                let started = |child| start_time(child).map(|started| (child, started));
                waiting.extend(children(id).into_iter().filter_map(started));
            }
        }
        self.members = found;
    }
}

/// Children of all threads of a process: `/proc/<id>/task/<thread>/children` in proc(5).
fn children(id: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten();
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| ids(&list)).collect()
}

fn send(id: i32, signal: Signal) {
    if let Some(id) = Pid::from_raw(id) {
        // One that has ended meanwhile needs none.
        kill_process(id, signal).ok();
    }
}

/// Whether a process has a variable that starts with `mark`.
pub(crate) fn is_marked(id: i32, mark: &str) -> bool {
    fs::read(format!("/proc/{id}/environ")).is_ok_and(|variables| {
        let mut variables = variables.split(|byte| *byte == 0);
        variables.any(|variable| variable.starts_with(mark.as_bytes()))
    })
}

/// The ids in a list of the kernel.
fn ids(list: &str) -> Vec<i32> {
    let words = list.split_ascii_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// When a process started, in clock ticks since boot; `None` if it is gone. Fields are those of
/// `/proc/<id>/stat` in proc(5); the name before the third may have spaces and brackets.
fn start_time(id: i32) -> Option<u64> {
    field(id, 22)?.parse().ok()
}

fn parent(id: i32) -> Option<i32> {
    field(id, 4)?.parse().ok()
}

fn field(id: i32, number: usize) -> Option<String> {
    let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    fields.nth(number - 3).map(str::to_owned)
}

fn memory_of(id: i32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    Memory {
        used_kib: sum_kib(&status, &["RssAnon:", "RssShmem:"]).unwrap_or(0),
        peak_of_one_kib: sum_kib(&status, &["VmHWM:"]).unwrap_or(0),
    }
}

fn exact_memory_kib(id: i32) -> u64 {
    let shares = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    sum_kib(&shares, &["Pss_Anon:", "Pss_Shmem:"]).unwrap_or_else(|| memory_of(id).used_kib)
}

/// The sum of the named values of a file in `/proc`; `None` if it has none of them.
fn sum_kib(text: &str, names: &[&str]) -> Option<u64> {
    let value = |line: &str| {
        let value = names.iter().find_map(|name| line.strip_prefix(name))?;
        value.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let values: Vec<u64> = text.lines().filter_map(value).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn descendants_belong_to_the_tree_also_without_their_parent() {
        // The shell in the middle ends and leaves its child behind.
        let script = "sh -c 'setsid sleep 60 & sleep 1' & wait; exec sleep 60";
        let mut first = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let id = Pid::from_raw(i32::try_from(first.id()).unwrap()).unwrap();
        let mut tree = ProcessTree::of(id);
        let mut wait_for = |is_there: fn(usize) -> bool| {
            for _ in 0..500 {
                assert!(tree.memory().used_kib > 0);
                if is_there(tree.members.len()) {
                    return tree.members.clone();
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            panic!("{tree:?}");
        };
        wait_for(|count| count >= 3);
        let members = wait_for(|count| count == 2);
        tree.kill();
        first.wait().unwrap();
        let is_running = |id: &i32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        for _ in 0..500 {
            if !members.keys().any(is_running) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{members:?}");
    }

    #[test]
    fn shared_pages_count_once_when_it_matters() {
        let text = "Rss: 10 kB\nPss_Anon:      7 kB\nPss_Shmem:     2 kB\n";
        assert_eq!(sum_kib(text, &["Pss_Anon:", "Pss_Shmem:"]), Some(9));
        assert_eq!(sum_kib(text, &["VmHWM:"]), None);
    }
}
