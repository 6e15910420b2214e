//! Pictures as PNG files.

use super::canvas::Canvas;
pub(crate) use super::draw::{Mark, histogram, timeline};
pub use super::draw::{Sheet, spectrogram, waterfall};

/// Encodes the canvas as a PNG file: 8-bit RGB.
pub fn encode(canvas: &Canvas) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let (width, height) = (canvas.width() as u32, canvas.height() as u32);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(canvas.pixels())?;
    writer.finish()?;
    Ok(file)
}
