use super::*;

#[test]
fn ranges_are_read_in_every_spelling_and_written_in_one() {
    for text in ["1..10", "1..=10", "1-10", " 1 .. 10 "] {
        assert_eq!(text.parse(), Ok(Span { min: 1, max: 10 }), "{text}");
    }
    assert_eq!("-5--2".parse(), Ok(Span { min: -5, max: -2 }));
    assert_eq!("0.5..2.5".parse(), Ok(Span { min: 0.5, max: 2.5 }));
    assert_eq!(Span { min: 1, max: 10 }.to_string(), "1..10");
    for text in ["", "..", "1..", "a..b", "1,2", "1.."] {
        assert!(text.parse::<Span<i64>>().is_err(), "{text}");
    }
}

#[test]
fn views_have_a_name_and_a_number() {
    for view in View::ALL {
        assert_eq!(view.name().parse(), Ok(view));
        assert_eq!(view.code().to_string().parse(), Ok(view));
    }
    assert!("3".parse::<View>().unwrap_err().to_string().contains("waterfall"));
}

#[test]
fn a_file_name_tells_its_format() {
    assert_eq!(Format::of_path("job.TOML".as_ref()), Format::Toml);
    assert_eq!(Format::of_path("job".as_ref()), Format::Json);
}
