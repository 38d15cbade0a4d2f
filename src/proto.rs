//! The generated code of package `leadward.v1`; its manual is the comments of the protos.
#![allow(warnings, clippy::all, clippy::restriction, reason = "generated code")]

tonic::include_proto!("leadward.v1");

/// The encoded descriptors of the package and all that it imports, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/leadward.descriptors.bin"));
