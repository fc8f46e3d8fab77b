//! Watching a running tree: its output line by line, its deadline, its end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::engine::{Job, Output, Stream};
use crate::sys::Child;

/// A longer line comes in parts.
const MAX_LINE_BYTES: usize = 16 << 10;
const BUFFER_BYTES: usize = 32 << 10;
/// How long an output may stay open after the last process has ended; somebody else has it then.
const DRAIN: Duration = Duration::from_millis(200);

/// What was seen.
pub(crate) struct Watched {
    /// The deadline passed before the end.
    pub(crate) timed_out: bool,
    /// Bytes that the first process wrote on its reporting pipe.
    pub(crate) reports: Vec<u8>,
    /// Output was dropped.
    pub(crate) truncated: bool,
    /// Wait status of the first process and the largest resident memory in KiB.
    pub(crate) collected: (i32, i64),
}

/// Watches until nothing of the tree is left.
pub(crate) fn watch(
    mut child: Child,
    files: Vec<(Stream, File)>,
    job: &Job,
    output: &mut Output<'_>,
) -> io::Result<Watched> {
    let mut streams: Vec<_> = files.into_iter().map(Lines::new).collect();
    let mut left = job.max_output_bytes;
    let mut truncated = false;
    let mut clock = Clock::new(job);
    let mut ended = false;
    while !(ended && streams.iter().all(|lines| lines.is_closed)) {
        let ready = wait(&child, &streams, ended, clock.left(ended))?;
        let waited_enough = ready.is_empty() && ended;
        for index in ready.iter().filter_map(|index| index.checked_sub(1)) {
            truncated |= streams[index].read(&mut left, output)?;
        }
        if waited_enough {
            break;
        }
        ended |= ready.contains(&0);
        if !ended {
            clock.enforce(&child);
        }
    }
    for lines in &mut streams {
        lines.flush(output);
    }
    let collected = child.collect();
    let mut reports = Vec::new();
    child.reports.read_to_end(&mut reports)?;
    Ok(Watched {
        timed_out: clock.timed_out,
        reports,
        truncated,
        collected,
    })
}

/// Waits for the end (index 0) or output (index of the stream plus 1).
fn wait(
    child: &Child,
    streams: &[Lines],
    ended: bool,
    limit: Option<Duration>,
) -> io::Result<Vec<usize>> {
    let mut indices = Vec::new();
    let mut entries = Vec::new();
    if !ended {
        indices.push(0);
        entries.push(PollFd::from_borrowed_fd(child.pidfd.as_fd(), PollFlags::IN));
    }
    for (index, lines) in streams
        .iter()
        .enumerate()
        .filter(|(_, lines)| !lines.is_closed)
    {
        indices.push(index + 1);
        entries.push(PollFd::from_borrowed_fd(lines.file.as_fd(), PollFlags::IN));
    }
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match rustix::event::poll(&mut entries, limit.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = indices.into_iter().zip(&entries);
    Ok(ready
        .filter(|(_, entry)| !entry.revents().is_empty())
        .map(|(index, _)| index)
        .collect())
}

/// The deadline and what happens at it: first `SIGTERM`, after the grace `SIGKILL`.
struct Clock {
    next: Option<Instant>,
    grace: Duration,
    timed_out: bool,
}

impl Clock {
    fn new(job: &Job) -> Self {
        let next = Instant::now().checked_add(job.timeout);
        Self {
            next,
            grace: job.grace,
            timed_out: false,
        }
    }

    fn left(&self, ended: bool) -> Option<Duration> {
        if ended {
            return Some(DRAIN);
        }
        self.next
            .map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn enforce(&mut self, child: &Child) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        let signal = if self.timed_out {
            libc::SIGKILL
        } else {
            libc::SIGTERM
        };
        child.signal(signal);
        let grace = Instant::now().checked_add(self.grace);
        self.next = if self.timed_out { None } else { grace };
        self.timed_out = true;
    }
}

/// One stream of output, cut into lines.
struct Lines {
    stream: Stream,
    file: File,
    line: Vec<u8>,
    is_closed: bool,
}

impl Lines {
    fn new((stream, file): (Stream, File)) -> Self {
        Self {
            stream,
            file,
            line: Vec::new(),
            is_closed: false,
        }
    }

    /// Reads once; tells whether something was dropped.
    fn read(&mut self, left: &mut u64, output: &mut Output<'_>) -> io::Result<bool> {
        let mut buffer = [0; BUFFER_BYTES];
        let count = match self.file.read(&mut buffer) {
            Ok(0) => {
                self.is_closed = true;
                return Ok(false);
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error),
        };
        let kept = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= kept as u64;
        for &byte in &buffer[..kept] {
            if byte == b'\n' {
                output(self.stream, &self.line);
                self.line.clear();
                continue;
            }
            if self.line.len() == MAX_LINE_BYTES {
                output(self.stream, &self.line);
                self.line.clear();
            }
            self.line.push(byte);
        }
        Ok(kept < count)
    }

    fn flush(&mut self, output: &mut Output<'_>) {
        if !self.line.is_empty() {
            output(self.stream, &self.line);
            self.line.clear();
        }
    }
}
