use std::io::Cursor;

use super::*;

fn npy(capture: &str) -> (ArrayShape, Vec<u8>) {
    let mut reader = Reader::open(format!("captures/{capture}.gcap")).unwrap();
    let (shapes, left_out) = shapes(&mut reader, Layout::default(), None).unwrap();
    assert!(left_out.is_nothing(), "{left_out}");
    let mut out = Vec::new();
    write_npy(&mut reader, Layout::default(), &shapes, &mut out).unwrap();
    (shapes[0].clone(), out)
}

/// The text of the header and the numbers behind it.
fn parts(file: &[u8]) -> (&str, Vec<f32>) {
    let end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let numbers = file[end..]
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    assert_eq!(end % 64, 0);
    (std::str::from_utf8(&file[10..end]).unwrap(), numbers.collect())
}

#[test]
fn the_array_holds_every_value_in_its_place() {
    let (shape, file) = npy("optodas-quake");
    assert!(file.starts_with(b"\x93NUMPY\x01\x00"));
    let (header, numbers) = parts(&file);
    assert!(
        header.contains("'descr': '<f4'") && header.contains("(190, 51, 100,)"),
        "{header}"
    );
    assert_eq!(
        (shape.rows, shape.sensors.len(), shape.bins, shape.padded),
        (190, 51, 100, 0)
    );
    let mut reader = Reader::open("captures/optodas-quake.gcap").unwrap();
    let mut at = 0;
    each_row(&mut reader, Layout::default(), None, |_, row| {
        for sensor in &row.sensors {
            for value in sensor.intensity.iter() {
                assert_eq!(numbers[at].to_bits(), value.to_bits());
                at += 1;
            }
        }
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert_eq!(at, numbers.len());
}

#[test]
fn several_calls_need_an_archive_or_a_choice() {
    let mut reader = Reader::open("captures/production.gcap").unwrap();
    let layout = Layout::default();
    let (all, _) = shapes(&mut reader, layout, None).unwrap();
    assert!(all.len() > 1);
    let refused = write_npy(&mut reader, layout, &all, &mut Vec::new());
    assert!(matches!(refused, Err(NumpyError::SeveralCalls { .. })));
    let (one, _) = shapes(&mut reader, layout, Some(2)).unwrap();
    assert_eq!(one.len(), 1);
    write_npy(&mut reader, layout, &one, &mut Vec::new()).unwrap();
    let mut archive = Cursor::new(Vec::new());
    write_npz(&mut reader, layout, &all, &mut archive).unwrap();
    let mut zip = zip::ZipArchive::new(archive).unwrap();
    let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert!(names.contains(&"intensity_call2.npy".to_owned()), "{names:?}");
    let mut first = Vec::new();
    zip.by_name("sensors_call1.npy")
        .unwrap()
        .read_to_end(&mut first)
        .unwrap();
    assert!(first.starts_with(b"\x93NUMPY"));
}

#[test]
fn a_capture_without_rows_is_refused() {
    let mut reader = Reader::open("captures/empty-stream.gcap").unwrap();
    let refused = shapes(&mut reader, Layout::default(), None);
    assert!(matches!(refused, Err(NumpyError::NoRows { .. })));
}

/// Canvas, and sensors with their values.
type Row<'a> = (&'a str, Vec<(i32, Vec<f32>)>);

/// A capture of one call of these rows, each in a message of its own.
fn capture(rows: &[Row<'_>]) -> Reader<Cursor<Vec<u8>>> {
    use prost::Message as _;

    use crate::{
        das::proto::datastream as spec,
        file::{Header, Writer, WriterOptions},
        transform::convert::{Import, ImportOptions, delimited::write_message},
    };
    let mut frames = Vec::new();
    for (at, (canvas, sensors)) in rows.iter().enumerate() {
        let sensor = |(id, values): &(i32, Vec<f32>)| spec::SensorIntensity {
            id: *id,
            intensity: values.clone(),
        };
        let row = spec::SpectrogramRow {
            canvas_id: (*canvas).to_owned(),
            sensors: sensors.iter().map(sensor).collect(),
            start_timestamp: 1_000 + at as i64,
            end_timestamp: 1_001 + at as i64,
        };
        let frame = spec::DataStream {
            rows: vec![row],
            ..spec::DataStream::default()
        };
        write_message(&mut frames, &frame.encode_to_vec()).unwrap();
    }
    let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default()).unwrap();
    for event in Import::new(frames.as_slice(), ImportOptions::default()) {
        writer.write(&event.unwrap()).unwrap();
    }
    Reader::new(Cursor::new(writer.finish_into().unwrap().0)).unwrap()
}

fn member(archive: &Cursor<Vec<u8>>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zip = zip::ZipArchive::new(archive.clone()).unwrap();
    zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes.split_off(end)
}

#[test]
fn a_sensor_that_stands_twice_in_a_row_is_counted_and_its_first_spectrum_kept() {
    let twice = || vec![(2, vec![2.0; 4]), (1, vec![1.0; 4]), (1, vec![9.0; 4])];
    let mut reader = capture(&[("c", twice()), ("c", twice())]);
    let (shapes, _) = shapes(&mut reader, Layout::default(), None).unwrap();
    assert_eq!((shapes[0].repeated, shapes[0].padded), (2, 0));
    let mut out = Vec::new();
    write_npy(&mut reader, Layout::default(), &shapes, &mut out).unwrap();
    let row = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0];
    assert_eq!(parts(&out).1, [row, row].concat());
}

#[test]
fn the_canvas_of_each_row_is_told() {
    let row = |canvas| (canvas, vec![(1, vec![0.0])]);
    let mut reader = capture(&[row("b"), row("ä2"), row(""), row("b")]);
    let (shapes, _) = shapes(&mut reader, Layout::default(), None).unwrap();
    assert_eq!(shapes[0].canvases, ["b", "ä2"]);
    let mut archive = Cursor::new(Vec::new());
    write_npz(&mut reader, Layout::default(), &shapes, &mut archive).unwrap();
    let canvas: Vec<_> = [0_i64, 1, -1, 0].iter().flat_map(|at| at.to_le_bytes()).collect();
    assert_eq!(member(&archive, "canvas.npy"), canvas);
    let letters = ['b', '\0', 'ä', '2'].map(|letter| u32::from(letter).to_le_bytes());
    assert_eq!(member(&archive, "canvases.npy"), letters.concat());
    let starts: Vec<_> = (1_000_i64..1_004).flat_map(i64::to_le_bytes).collect();
    assert_eq!(member(&archive, "start_ms.npy"), starts);
}

#[test]
fn arrays_that_would_be_padding_for_the_most_part_are_refused() {
    // One long row among short ones, and each row another sensor: 80 and 36 million places.
    let mut long: Vec<_> = (0..400).map(|_| ("c", vec![(1, vec![1.0])])).collect();
    long[7].1[0].1 = vec![1.0; 200_000];
    let other: Vec<_> = (0..6_000).map(|id| ("c", vec![(id, vec![1.0])])).collect();
    for (rows, axes) in [(long, (400, 1, 200_000)), (other, (6_000, 6_000, 1))] {
        let refused = shapes(&mut capture(&rows), Layout::default(), None).unwrap_err();
        let NumpyError::Padding {
            rows, sensors, bins, ..
        } = refused
        else {
            panic!("{refused}")
        };
        assert_eq!((rows, sensors, bins), axes);
    }
    // A few that differ are padded, and said.
    let few = [("c", vec![(1, vec![1.0; 3])]), ("c", vec![(2, vec![1.0])])];
    let (shapes, _) = shapes(&mut capture(&few), Layout::default(), None).unwrap();
    assert_eq!(shapes[0].padded, 8);
    let none = shapes_of_nothing();
    assert!(matches!(none, Err(NumpyError::NoValues)), "{none:?}");
}

/// Rows whose sensors have no bins.
fn shapes_of_nothing() -> Result<(Vec<ArrayShape>, LeftOut), NumpyError> {
    let rows = [("c", vec![(1, Vec::new())]), ("c", Vec::new())];
    shapes(&mut capture(&rows), Layout::default(), None)
}
