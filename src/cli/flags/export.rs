//! Flags of `capture export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::validate::LayoutArgs;

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("target").required(true).multiple(false),
    after_help = "Examples:\n  \
                  capture export job.gcap --png waterfall.png\n  \
                  capture export job.gcap --png sensor.png --what spectrogram --sensor 34050\n  \
                  capture export job.gcap --npy job.npz"
)]
pub(crate) struct ExportArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Draw a picture (PNG)
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) png: Option<PathBuf>,

    /// Write the received messages, each preceded by its length as a varint
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) frames: Option<PathBuf>,

    /// Write one JSON object per event
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) jsonl: Option<PathBuf>,

    /// Write a NumPy array, rows × sensors × bins; a name in .npz adds times and sensors
    #[arg(long, value_name = "FILE", group = "target")]
    pub(crate) npy: Option<PathBuf>,

    /// Write a Parquet table with one line per sensor and row
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

/// Flags of a picture.
#[derive(Debug, Args)]
#[command(next_help_heading = "Picture")]
pub(crate) struct PictureArgs {
    /// Kind of picture
    #[arg(long, value_enum, default_value_t)]
    pub(crate) what: PictureKind,

    /// Sensor of the spectrogram [default: the one with the most activity]
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
pub(crate) enum PictureKind {
    /// Time × sensor: the level above the median of each bin
    #[default]
    Waterfall,
    /// Time × frequency of one sensor
    Spectrogram,
    /// Arrival of messages, with stalls, losses and findings
    Timeline,
    /// Frequency of each amplitude
    Histogram,
}
