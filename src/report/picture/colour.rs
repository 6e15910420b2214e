//! Colours of pictures: a perceptual map, and what is beside it.

use colorgrad::Gradient as _;

use super::canvas::Rgb;

/// Number of colours of a map.
pub(crate) const STEPS: usize = 256;

/// A perceptually uniform map from 0…255 to colours, dark to light: inferno of matplotlib.
#[must_use]
pub(crate) fn map() -> Vec<Rgb> {
    let gradient = colorgrad::preset::inferno();
    let colour = |step: usize| {
        let [red, green, blue, _] = gradient.at(step as f32 / (STEPS - 1) as f32).to_rgba8();
        [red, green, blue]
    };
    (0..STEPS).map(colour).collect()
}

/// The colour for a share (0 to 1) of the map.
#[must_use]
pub(crate) fn of(map: &[Rgb], share: f32) -> Rgb {
    let at = (share.clamp(0.0, 1.0) * (STEPS - 1) as f32).round() as usize;
    map.get(at).copied().unwrap_or_default()
}

/// The background of a picture.
pub(super) const PAPER: Rgb = [255, 255, 255];
/// Colour of text and axes.
pub(super) const INK: Rgb = [28, 32, 38];
/// Colour of explanatory text.
pub(super) const FAINT: Rgb = [98, 106, 118];
/// Stripes for times without rows.
pub(super) const GAP: [Rgb; 2] = [[222, 226, 232], [200, 206, 214]];
/// Checks for dead sensors.
pub(super) const DEAD: [Rgb; 2] = [[88, 132, 158], [70, 112, 138]];
/// Colour of bars.
pub(super) const BAR: Rgb = [52, 101, 164];
/// Colour of an error.
pub(super) const ERROR: Rgb = [200, 30, 45];
/// Colour of a warning, and of a stall.
pub(super) const WARNING: Rgb = [214, 132, 0];
/// Background of a stall.
pub(super) const STALL: Rgb = [253, 236, 205];
/// Colour of a remark.
pub(super) const INFO: Rgb = [40, 120, 200];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_grows_lighter_all_the_way() {
        let map = map();
        let light = |[red, green, blue]: Rgb| {
            let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        assert_eq!(map.len(), STEPS);
        assert!(map.windows(9).all(|part| light(part[8]) > light(part[0])));
        assert_eq!((of(&map, -1.0), of(&map, 2.0)), (map[0], map[255]));
    }
}
