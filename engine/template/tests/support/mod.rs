//! Workflows in a few words.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part"
)]

pub mod constructs;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_schemas::construct::{Architecture, Package};
use scar_schemas::contract::{ARTIFACTS, Image, OutputKey};
use scar_schemas::digest::Digest;
use scar_schemas::manifest::{Limits, Safeguards, Work};
use scar_template::{Blob, Materials};
use scar_workflow::{Input, Output, Stage, Workflow};

/// A workflow being described.
pub struct Builder {
    pub name: String,
    pub buckets: Vec<(String, Option<String>)>,
    pub stages: Vec<(String, Vec<String>, Vec<String>)>,
    pub image_in_bucket: bool,
    pub memory_mib: u32,
    pub image: &'static str,
    pub supervisor: &'static str,
}

impl Builder {
    pub fn new(name: &str) -> Self {
        let buckets = vec![("data".to_owned(), None)];
        Self {
            name: name.to_owned(),
            buckets,
            stages: Vec::new(),
            image_in_bucket: false,
            memory_mib: 1024,
            image: "image",
            supervisor: "supervisor",
        }
    }

    pub fn bucket(mut self, name: &str, existing: Option<&str>) -> Self {
        self.buckets
            .push((name.to_owned(), existing.map(str::to_owned)));
        self
    }

    pub fn image_in_bucket(mut self) -> Self {
        self.image_in_bucket = true;
        self
    }

    pub fn stage(mut self, name: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        self.stages
            .push((name.to_owned(), owned(inputs), owned(outputs)));
        self
    }

    pub fn workflow(&self) -> Workflow {
        self.try_workflow().unwrap()
    }

    /// `None` if a pattern is none.
    pub fn try_workflow(&self) -> Option<Workflow> {
        Some(Workflow {
            name: self.name.clone(),
            environment: "dev".to_owned(),
            description: None,
            region: None,
            protect: false,
            tags: BTreeMap::new(),
            buckets: self.buckets.iter().cloned().collect::<IndexMap<_, _>>(),
            state_bucket: "data".to_owned(),
            stages: self
                .stages
                .iter()
                .map(|one| stage(one, self.memory_mib))
                .collect::<Option<_>>()?,
            links: Vec::new(),
            account: None,
            alarm: None,
            limits: Limits::default(),
            safeguards: Safeguards::default(),
            bucket_settings: BTreeMap::new(),
        })
    }
}

/// An image and a script for every stage.
pub fn materials(builder: &Builder) -> Materials {
    let digest = Digest::of(builder.image.as_bytes());
    let image = if builder.image_in_bucket {
        Image::Bucket {
            reference: "oci:images/x".to_owned(),
            bucket: ARTIFACTS.to_owned(),
            prefix: "images/".to_owned(),
            digest: digest.clone(),
        }
    } else {
        let reference = "ghcr.io/acme/x:1".to_owned();
        Image::Registry {
            reference,
            digest: digest.clone(),
            plain_http: false,
        }
    };
    let names = || builder.stages.iter().map(|(name, _, _)| name.clone());
    Materials {
        images: names().map(|name| (name, image.clone())).collect(),
        image_blobs: names()
            .map(|name| {
                (
                    name,
                    vec![Blob {
                        digest: digest.clone(),
                        size_bytes: 5,
                    }],
                )
            })
            .collect(),
        scripts: names()
            .map(|name| (name, b"cp \"$SCAR_INPUT\" \"$SCAR_OUT\"\n".to_vec()))
            .collect(),
        ..Materials::new(
            Digest::of(builder.supervisor.as_bytes()),
            Digest::of(b"manifest"),
        )
    }
}

/// An image and a script for every stage, and a supervisor of each kind.
pub fn materials_for(workflow: &Workflow) -> Materials {
    let image = Image::Registry {
        reference: "ghcr.io/acme/x:1".to_owned(),
        digest: Digest::of(b"image"),
        plain_http: false,
    };
    let stages = || workflow.stages.iter();
    let derived = |stage: &&Stage| stage.package == Package::Image;
    Materials {
        images: stages()
            .map(|it| (it.name.clone(), image.clone()))
            .collect(),
        scripts: stages()
            .map(|it| (it.name.clone(), b"true".to_vec()))
            .collect(),
        supervisor_arm64: Some(Digest::of(b"supervisor for ARM")),
        supervisor_images: [Architecture::X86_64, Architecture::Arm64]
            .map(|it| (it, Digest::of(format!("{it:?}").as_bytes())))
            .into(),
        derived_images: stages()
            .filter(derived)
            .map(|it| (it.name.clone(), Digest::of(b"derived")))
            .collect(),
        ..Materials::new(Digest::of(b"supervisor"), Digest::of(b"manifest"))
    }
}

fn stage(
    (name, inputs, outputs): &(String, Vec<String>, Vec<String>),
    memory_mib: u32,
) -> Option<Stage> {
    Some(Stage {
        name: name.clone(),
        image: "ghcr.io/acme/x:1".to_owned(),
        work: Work::Run(String::new()),
        inputs: inputs
            .iter()
            .map(|text| input(text))
            .collect::<Option<_>>()?,
        outputs: outputs.iter().map(|text| output(text)).collect(),
        variables: BTreeMap::from([("GREETING".to_owned(), "${x} {{resolve:y}}".to_owned())]),
        memory_mib,
        timeout_s: 300,
        disk_mib: 512,
        attempts: 2,
        log_days: 30,
        id: name.clone(),
        ..Stage::default()
    })
}

fn input(text: &str) -> Option<Input> {
    let (bucket, pattern) = text.split_once(':').unwrap();
    Some(Input {
        bucket: bucket.to_owned(),
        pattern: pattern.parse().ok()?,
    })
}

fn output(text: &str) -> Output {
    let (bucket, path) = text.split_once(':').unwrap();
    let key = match path.split_once('*') {
        Some((before, after)) => OutputKey::Single {
            before: before.to_owned(),
            after: after.to_owned(),
        },
        None => OutputKey::Prefix {
            prefix: path.to_owned(),
            files: None,
        },
    };
    Output {
        bucket: bucket.to_owned(),
        key,
    }
}
