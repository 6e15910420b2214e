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
