//! Flags of `capture export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::validate::LayoutArgs;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).multiple(false))]
pub(crate) struct ExportArgs {
    /// The capture
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Draw a picture into a PNG file
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) png: Option<PathBuf>,

    /// Write the received messages, each preceded by its length as a varint
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) frames: Option<PathBuf>,

    /// Write one JSON object for each event
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) jsonl: Option<PathBuf>,

    /// Write a NumPy array, rows × sensors × bins: .npy, or .npz with times and sensors beside it
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) npy: Option<PathBuf>,

    /// Write a Parquet table, a line for each sensor of each row
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) parquet: Option<PathBuf>,

    /// Write an MCAP file
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) mcap: Option<PathBuf>,

    /// Write a gRPC binary log
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) binlog: Option<PathBuf>,

    /// Only this call
    #[arg(long, value_name = "N", conflicts_with = "png")]
    pub(crate) call: Option<u32>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) picture: PictureArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// What a picture shows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Picture")]
pub(crate) struct PictureArgs {
    /// What to draw
    #[arg(long, value_enum, default_value_t)]
    pub(crate) what: What,

    /// The sensor of a spectrogram; the liveliest by default
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) sensor: Option<i32>,

    /// Width in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1200, value_parser = clap::value_parser!(u32).range(360..=8000))]
    pub(crate) width: u32,

    /// Height in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 640, value_parser = clap::value_parser!(u32).range(240..=8000))]
    pub(crate) height: u32,
}

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum What {
    /// Time × sensor: the level over each bin's median
    #[default]
    Waterfall,
    /// Time × frequency of one sensor
    Spectrogram,
    /// When messages arrived, with stalls, losses and findings
    Timeline,
    /// How often each amplitude occurs
    Histogram,
}
