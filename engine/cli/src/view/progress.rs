//! What goes on for a while, shown in one of three ways: live on a terminal, as plain lines, or as one
//! JSON object per line.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use scar_apply::data::Transfer;
use scar_apply::trace::{State, TaskView};
use scar_apply::{Event, Operation};
use serde_json::Value;

use super::Screen;
use super::events;
use super::style::Style;
use super::text::{bytes, clean, count};

/// A reader of events.
pub(crate) struct Progress<'a> {
    screen: &'a Screen,
    style: Style,
    bars: MultiProgress,
    /// One bar per stack.
    stacks: BTreeMap<String, ProgressBar>,
    /// One bar per stage, and what its tasks came to by their identity.
    stages: BTreeMap<String, (ProgressBar, BTreeMap<String, Mark>)>,
    transfers: Option<ProgressBar>,
    /// Changes that each stack has before it, so that its bar has a length.
    lengths: BTreeMap<String, u64>,
}

/// Where a task stands, as far as counting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Waiting,
    Done,
    Failed,
}

impl<'a> Progress<'a> {
    /// For one verb.
    pub(crate) fn new(screen: &'a Screen) -> Self {
        let target = match screen.animated {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            screen,
            style: screen.note_style,
            bars: MultiProgress::with_draw_target(target),
            stacks: BTreeMap::new(),
            stages: BTreeMap::new(),
            transfers: None,
            lengths: BTreeMap::new(),
        }
    }

    /// Tells how many changes a stack has before it.
    pub(crate) fn expect(&mut self, stack: &str, changes: usize) {
        self.lengths
            .insert(stack.to_owned(), u64::try_from(changes).unwrap_or(u64::MAX));
    }

    /// Something happened to a stack or an asset.
    pub(crate) fn deployment(&mut self, event: &Event) {
        if self.screen.json {
            return self.object(&events::deployment(event));
        }
        match event {
            Event::CleanUp { stack, status } => {
                self.say(&format!(
                    "  remove   what is left of stack {} ({status})",
                    clean(stack)
                ));
            }
            Event::UploadStarted { objects } => self.upload_started(*objects),
            Event::Uploaded { key, size_bytes } => self.uploaded(key, *size_bytes),
            Event::PushStarted { stage, .. } => self.push_started(stage.as_deref()),
            Event::PushedLayer { size_bytes, .. } => self.pushed_layer(*size_bytes),
            Event::Pushed { tag, size_bytes } => {
                self.end_stack("");
                let tag: String = tag.chars().take(12).collect();
                self.say(&format!(
                    "  pushed   image {}, {}",
                    clean(&tag),
                    bytes(*size_bytes)
                ));
            }
            Event::Notified { bucket } => {
                self.say(&format!("  notified bucket {}", clean(bucket)));
            }
            Event::StackStarted { stack, operation } => self.stack_started(stack, *operation),
            Event::Resource(progress) => self.resource(progress),
            Event::RollbackStarted { stack, cause } => self.rollback(stack, cause.as_ref()),
            Event::RolledBack { stack } => {
                self.end_stack(stack);
                self.say(&format!(
                    "  restored stack {}: it is as it was before",
                    clean(stack)
                ));
            }
            Event::StackFinished {
                stack,
                operation,
                changed,
            } => {
                self.end_stack(stack);
                self.stack_finished(stack, *operation, *changed);
            }
            Event::BucketDeleted { bucket, objects } => {
                self.say(&format!(
                    "  deleted  bucket {} with {objects} objects",
                    clean(bucket)
                ));
            }
        }
    }

    /// Some bytes went through.
    pub(crate) fn transfer(&mut self, transfer: &Transfer) {
        if self.screen.json {
            if let Some(value) = events::transfer(transfer) {
                self.object(&value);
            }
            return;
        }
        let bars = &self.bars;
        let bar = self
            .transfers
            .get_or_insert_with(|| spinner(bars, "transfer"));
        match transfer {
            Transfer::Bytes { bytes, .. } => {
                bar.inc(*bytes);
                bar.set_message(super::text::bytes(bar.position()));
            }
            Transfer::Done { object } => {
                let line = format!("  copied   {}, {}", clean(&object.key), bytes(object.size));
                self.say(&line);
            }
        }
    }

    /// A task was found or changed. `already` is one that was over before anybody asked for it.
    pub(crate) fn task(&mut self, task: &TaskView, already: bool) {
        if self.screen.json {
            return self.object(&events::task(task));
        }
        let mark = match task.state {
            State::Waiting | State::Incomplete { .. } => Mark::Waiting,
            State::Published { .. } | State::Superseded => Mark::Done,
            State::Failed { .. } => Mark::Failed,
        };
        let bars = &self.bars;
        let (bar, tasks) = self
            .stages
            .entry(task.stage.clone())
            .or_insert_with(|| (spinner(bars, &task.stage), BTreeMap::new()));
        tasks.insert(task.task.clone(), mark);
        bar.set_message(tally(tasks));
        // What waits will be told when it ends, unless it is known to wait for ever.
        let is_incomplete = matches!(task.state, State::Incomplete { .. });
        if mark != Mark::Waiting || is_incomplete {
            let already = match (already, mark) {
                (false, _) | (true, Mark::Waiting) => "",
                (true, Mark::Failed) => "  already failed",
                (true, _) => "  already done",
            };
            self.say(&format!("{}{already}", events::task_line(task, self.style)));
        }
    }

    /// Says something above what is animated, also while the progress itself is in use.
    pub(crate) fn above(&self) -> impl Fn(&str) + use<'a> {
        let (bars, screen) = (self.bars.clone(), self.screen);
        move |text| bars.suspend(|| screen.complain(text))
    }

    /// Takes all that is animated off the screen.
    pub(crate) fn finish(&mut self) {
        let stages = self.stages.values().map(|(bar, _)| bar);
        for bar in stages
            .chain(self.stacks.values())
            .chain(self.transfers.as_ref())
        {
            bar.finish_and_clear();
        }
    }

    fn upload_started(&mut self, objects: usize) {
        self.say(&format!("  upload   {}", count(objects, "object")));
        let bar = spinner(&self.bars, "upload");
        bar.set_length(u64::try_from(objects).unwrap_or(u64::MAX));
        self.stacks.insert(String::new(), bar);
    }

    fn uploaded(&mut self, key: &str, size_bytes: u64) {
        if let Some(bar) = self.stacks.get("") {
            bar.inc(1);
            bar.set_message(progress_of(bar, &clean(key)));
        }
        if self.screen.verbose {
            self.say(&format!("  uploaded {}, {}", clean(key), bytes(size_bytes)));
        }
    }

    fn push_started(&mut self, stage: Option<&str>) {
        self.end_stack("");
        let what = stage.map_or_else(
            || "image of the supervisor".to_owned(),
            |stage| format!("image of stage {}", clean(stage)),
        );
        self.say(&format!("  push     {what}"));
        let bar = spinner(&self.bars, "push");
        self.stacks.insert(String::new(), bar);
    }

    fn pushed_layer(&mut self, size_bytes: u64) {
        if let Some(bar) = self.stacks.get("") {
            bar.inc(size_bytes);
            bar.set_message(bytes(bar.position()));
        }
    }

    fn stack_started(&mut self, stack: &str, operation: Operation) {
        self.end_stack("");
        let verb = match operation {
            Operation::Create => "create  ",
            Operation::Update => "update  ",
            Operation::Delete => "delete  ",
        };
        self.say(&format!("  {verb} stack {}", clean(stack)));
        let bar = spinner(&self.bars, stack);
        bar.set_length(self.lengths.get(stack).copied().unwrap_or_default());
        self.stacks.insert(stack.to_owned(), bar);
    }

    fn resource(&mut self, progress: &scar_apply::Progress) {
        let done = progress.status.ends_with("_COMPLETE");
        let text = events::resource_line(progress, self.style);
        if let Some(bar) = self.stacks.get(&progress.stack) {
            bar.inc(u64::from(done));
            bar.set_message(progress_of(bar, &text));
        }
        let failed = progress.status.ends_with("_FAILED");
        if failed || done && (self.screen.verbose || !self.screen.animated) {
            self.say(&format!("           {text}"));
        }
    }

    fn rollback(&mut self, stack: &str, cause: Option<&scar_apply::Progress>) {
        let mark = self.style.red("×");
        self.say(&format!(
            "  {mark} stack {} failed, everything is being put back",
            clean(stack)
        ));
        if let Some(cause) = cause {
            self.say(&format!(
                "    because {}",
                events::resource_line(cause, self.style)
            ));
        }
    }

    fn stack_finished(&self, stack: &str, operation: Operation, changed: bool) {
        let word = match (operation, changed) {
            (_, false) => "unchanged",
            (Operation::Create, true) => "created",
            (Operation::Update, true) => "updated",
            (Operation::Delete, true) => "deleted",
        };
        self.say(&format!("  {word:<8} stack {}", clean(stack)));
    }

    fn end_stack(&mut self, stack: &str) {
        if let Some(bar) = self.stacks.remove(stack) {
            bar.finish_and_clear();
        }
    }

    /// A line that stays, above what is animated.
    fn say(&self, line: &str) {
        self.bars.suspend(|| self.screen.note(line));
    }

    fn object(&self, value: &Value) {
        // A reader that went away is noticed by the verb's own last words.
        drop(self.screen.object(value));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

fn spinner(bars: &MultiProgress, name: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix:<20} {wide_msg} {elapsed}")
    {
        bar.set_style(style);
    }
    bar.set_prefix(clean(name).into_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

fn progress_of(bar: &ProgressBar, text: &str) -> String {
    match bar.length() {
        Some(length) if length > 0 => format!("{}/{length}  {text}", bar.position().min(length)),
        _ => text.to_owned(),
    }
}

fn tally(tasks: &BTreeMap<String, Mark>) -> String {
    let of = |mark| tasks.values().filter(|one| **one == mark).count();
    let failed = match of(Mark::Failed) {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!("{} of {} done{failed}", of(Mark::Done), tasks.len())
}
