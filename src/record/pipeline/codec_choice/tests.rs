use super::*;

const MS: Duration = Duration::from_millis(1);

/// A stream that always waits, told of one chunk at a time.
struct Told {
    choice: CodecChoice,
    now: Moment,
    starved: Duration,
}

impl Told {
    fn new() -> Self {
        let mut choice = CodecChoice::new(CodecPreference::default(), 3);
        choice.pressure(100);
        Self {
            choice,
            now: Moment::default(),
            starved: Duration::ZERO,
        }
    }

    /// A chunk for which the writer waited this long, wrote this long, worked so long for that, and waited so long for a
    /// core meanwhile.
    fn chunk(&mut self, compression: Duration, writing: Duration, cpu: Duration, starved: Duration) -> Codec {
        let from = self.now;
        self.now.at += compression;
        self.choice.compression_took(from, self.now);
        let from = self.now;
        self.now.at += writing;
        self.now.cpu += cpu;
        self.starved += starved;
        self.choice.writing_took(from, self.now);
        self.choice.next(self.now, Some(self.starved), 3)
    }

    /// So many chunks alike; the codec of the last.
    fn chunks(
        &mut self,
        number: u32,
        compression: Duration,
        writing: Duration,
        cpu: Duration,
        starved: Duration,
    ) -> Codec {
        (0..number).fold(Codec::Float, |_, _| self.chunk(compression, writing, cpu, starved))
    }
}

#[test]
fn a_writer_that_works_while_cores_are_short_waits_for_compression_and_one_that_sleeps_for_the_disk() {
    let cases = [
        // Nothing else wants a core: it is the copying itself that takes long, and fewer bytes help.
        (MS * 2, Duration::ZERO, Codec::Float),
        // It waits for a core as long as it works: all threads together have too much to do.
        (MS, MS, Codec::Stored),
        // It does that too, but sleeps for a third of the time, until the disk takes more.
        (MS * 2 / 3, MS * 2 / 3, Codec::Float),
        (MS * 4 / 5, MS * 4 / 5, Codec::Stored),
        // A sixth of the work is no shortage.
        (MS * 12 / 7, MS * 2 / 7, Codec::Float),
    ];
    for (cpu, starved, codec) in cases {
        let mut told = Told::new();
        assert_eq!(
            told.chunks(100, Duration::ZERO, MS * 2, cpu, starved),
            codec,
            "{cpu:?}, {starved:?}"
        );
        let waited = told.choice.waited();
        assert_eq!(waited.writing > waited.compression, codec == Codec::Float);
        assert_eq!(waited.writing + waited.compression, MS * 200);
    }
}

#[test]
fn where_the_system_says_nothing_of_cores_the_times_alone_decide() {
    for (compression, writing, codec) in [(MS, MS * 4, Codec::Float), (MS * 2, MS, Codec::Stored)] {
        let mut choice = CodecChoice::new(CodecPreference::default(), 3);
        choice.pressure(100);
        let mut last = Codec::Float;
        for _ in 0..100 {
            let (zero, times) = (
                Moment::default(),
                [compression, writing].map(|at| Moment { at, cpu: at }),
            );
            choice.compression_took(zero, times[0]);
            choice.writing_took(zero, times[1]);
            last = choice.next(zero, None, 3);
        }
        assert_eq!(last, codec);
    }
}

#[test]
fn one_slow_chunk_changes_nothing_and_a_few_do() {
    let mut told = Told::new();
    let zero = Duration::ZERO;
    // Nothing was under way before the first three.
    assert_eq!(told.chunks(3, BEHIND, zero, zero, zero), Codec::Float);
    assert_eq!(told.chunk(MS * 2, zero, zero, zero), Codec::Float);
    assert_eq!(told.chunk(zero, BEHIND * 3, zero, zero), Codec::Float);
    assert_eq!(told.chunk(MS * 2, zero, zero, zero), Codec::Float);
    assert_eq!(told.chunk(MS, zero, zero, zero), Codec::FloatFast);
    // The three that are under way have the old codec still, and say nothing of the new one.
    assert_eq!(told.chunks(3, BEHIND, zero, zero, zero), Codec::FloatFast);
    assert_eq!(told.chunk(BEHIND, zero, zero, zero), Codec::Stored);
}

#[test]
fn a_better_codec_that_is_given_up_at_once_is_tried_again_later_and_later_and_one_that_held_is_not() {
    let mut told = Told::new();
    let zero = Duration::ZERO;
    let mut tries = Vec::new();
    for held in [0, 0, 0, 0, 0, 0, 0, 0, 0, 5000, 0] {
        while told.choice.at == 0 {
            told.chunk(MS, zero, zero, zero);
        }
        let mut waited = 0;
        while told.choice.at > 0 {
            told.chunk(zero, MS, zero, zero);
            waited += 1;
        }
        told.chunks(held, zero, MS, zero, zero);
        tries.push(waited);
    }
    // Three chunks each time are those of the codec before.
    assert_eq!(
        tries,
        [53, 103, 203, 403, 803, 1603, 3203, 4003, 4003, 4003, 53],
        "doubled, up to the longest patience, and back at the beginning once it held"
    );
}
